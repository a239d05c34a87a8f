#include "events/audit.h"

#include "base/arena.h"
#include "base/ctx.h"
#include "db/db.h"

struct error *audit_add(struct ctx *ctx, const char *action, const char *object, json_t *details)
{
    SQL_ROWS(insert,
        "INSERT INTO audit_log (at, principal_kind, principal, address, action, object, details, trace, row_hash)"
        "SELECT at, principal_kind, principal, address, action, object, coalesce(details, '{}'), trace, ''"
        "  FROM unnest($1::timestamptz[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::jsonb[],"
        "              $8::text[])"
        "    AS g (at, principal_kind, principal, address, action, object, details, trace)");

    return db_send(ctx, &insert,
        PARAMS(P(ctx->now), P(principal_kind_names[ctx->principal.kind]), P(ctx->principal.id), P(ctx->address),
            P(action), P(object), P(details), P(ctx->trace)));
}

static const struct field entry_columns[] = {
    FIELD(struct audit_entry, id),
    FIELD(struct audit_entry, at),
    FIELD(struct audit_entry, principal_kind),
    FIELD(struct audit_entry, principal),
    FIELD(struct audit_entry, address),
    FIELD(struct audit_entry, action),
    FIELD(struct audit_entry, object),
    FIELD(struct audit_entry, trace),
    FIELD(struct audit_entry, details),
    FIELD(struct audit_entry, sealed),
    FIELD_END,
};

struct error *audit_list(struct ctx *ctx, const struct audit_filter *filter, struct field_list *out)
{
    // each filter has an index that ends with the number, so that a page is read and no more
    SQL(list,
        "SELECT a.id, a.at, a.principal_kind, a.principal, a.address, a.action, a.object, a.trace, a.details,"
        "       EXISTS (SELECT FROM audit_chain c WHERE c.entry_id = a.id) AS sealed"
        "  FROM audit_log a"
        " WHERE ($1::text IS NULL OR a.principal = $1) AND ($2::text IS NULL OR a.object = $2)"
        "   AND ($3::text IS NULL OR a.action = $3 OR (right($3, 1) = '.' AND starts_with(a.action, $3)))"
        "   AND ($4::timestamptz IS NULL OR a.at >= $4) AND ($5::timestamptz IS NULL OR a.at < $5)"
        "   AND ($6::bigint = 0 OR a.id < $6)"
        " ORDER BY a.id DESC LIMIT $7");

    return db_list(ctx, &list,
        PARAMS(P(filter->principal), P(filter->object), P(filter->action), P(filter->from), P(filter->to),
            P(filter->before), P(filter->limit)),
        entry_columns, sizeof(struct audit_entry), out);
}

struct error *audit_seal(struct ctx *ctx, int64_t *sealed)
{
    SQL(seal, "SELECT audit_seal() AS count");
    struct row {
        int64_t count;
    } row;
    static const struct field columns[] = { FIELD(struct row, count), FIELD_END };

    TRY(db_one(ctx, &seal, NO_PARAMS, columns, &row));
    *sealed = row.count;
    return NULL;
}

/* The first link whose row is missing or changed, or that does not follow from the one before. */
struct broken_link {
    int64_t seq;
    int64_t entry;
    bool missing, changed;
};

static const struct field broken_columns[] = {
    FIELD(struct broken_link, seq),
    FIELD(struct broken_link, entry),
    FIELD(struct broken_link, missing),
    FIELD(struct broken_link, changed),
    FIELD_END,
};

static struct error *first_broken_link(struct ctx *ctx, struct broken_link *link, bool *found)
{
    SQL(walk,
        "SELECT seq, entry_id AS entry, a.id IS NULL AS missing,"
        "       coalesce(audit_row_hash(a) <> a.row_hash, false) AS changed"
        "  FROM (SELECT c.*, lag(hash, 1, sha256('')) OVER (ORDER BY seq) AS before,"
        "               row_number() OVER (ORDER BY seq) AS place FROM audit_chain c) c"
        "  LEFT JOIN audit_log a ON a.id = c.entry_id"
        " WHERE a.id IS NULL OR audit_row_hash(a) <> a.row_hash OR c.hash <> sha256(c.before || a.row_hash)"
        "    OR c.seq <> c.place"
        " ORDER BY seq LIMIT 1");

    return db_maybe(ctx, &walk, NO_PARAMS, broken_columns, link, found);
}

/* A row that no link speaks of although later ones are linked was put in, or its link was taken out. */
static struct error *first_stray_row(struct ctx *ctx, struct broken_link *link, bool *found)
{
    SQL(stray,
        "SELECT a.id AS seq, a.id AS entry, false AS missing, audit_row_hash(a) <> a.row_hash AS changed"
        "  FROM audit_log a"
        "  LEFT JOIN audit_chain c ON c.entry_id = a.id"
        " WHERE c.seq IS NULL"
        "   AND (audit_row_hash(a) <> a.row_hash"
        "        OR a.xid < (SELECT horizon FROM audit_chain ORDER BY seq DESC LIMIT 1))"
        " ORDER BY a.id LIMIT 1");

    return db_maybe(ctx, &stray, NO_PARAMS, broken_columns, link, found);
}

struct error *audit_verify(struct ctx *ctx, int64_t *checked, const char **broken, const char **why)
{
    SQL(count, "SELECT count(*) AS count FROM audit_log");
    struct row {
        int64_t count;
    } row;
    static const struct field columns[] = { FIELD(struct row, count), FIELD_END };
    struct broken_link link;
    bool found;

    *broken = NULL;
    *why = NULL;
    TRY(db_one(ctx, &count, NO_PARAMS, columns, &row));
    *checked = row.count;
    TRY(first_broken_link(ctx, &link, &found));
    if (found) {
        *broken = arena_printf(ctx->arena, "%lld", (long long)link.entry);
        *why = link.missing ? "the row is gone"
            : link.changed  ? "the row was changed"
                            : "the link before it was changed";
        return NULL;
    }
    TRY(first_stray_row(ctx, &link, &found));
    if (found) {
        *broken = arena_printf(ctx->arena, "%lld", (long long)link.entry);
        *why = link.changed ? "the row was changed" : "the row has no link, although later rows have";
    }
    return NULL;
}

struct head {
    const char *text;
};
static const struct field head_columns[] = { FIELD(struct head, text), FIELD_END };

struct error *audit_head(struct ctx *ctx, const char **head)
{
    SQL(newest, "SELECT seq || ':' || encode(hash, 'hex') AS text FROM audit_chain ORDER BY seq DESC LIMIT 1");
    struct head row;
    bool found;

    TRY(db_maybe(ctx, &newest, NO_PARAMS, head_columns, &row, &found));
    *head = found ? row.text : "";
    return NULL;
}

struct error *audit_has(struct ctx *ctx, const char *head, bool *has)
{
    SQL(link,
        "SELECT $1::text AS text FROM audit_chain"
        " WHERE seq::text = split_part($1, ':', 1) AND encode(hash, 'hex') = split_part($1, ':', 2)");
    struct head row;

    return db_maybe(ctx, &link, PARAMS(P(head)), head_columns, &row, has);
}
