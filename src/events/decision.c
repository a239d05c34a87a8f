#include "events/decision.h"

#include "base/ctx.h"
#include "base/id.h"
#include "db/db.h"
#include "events/audit.h"

const struct field decision_shown[] = {
    FIELD(struct decision, id),
    FIELD(struct decision, kind),
    FIELD(struct decision, object),
    FIELD(struct decision, known),
    FIELD(struct decision, suggestion),
    FIELD(struct decision, amount),
    FIELD(struct decision, created_at),
    FIELD(struct decision, done_at),
    FIELD(struct decision, done_by),
    FIELD(struct decision, resolution),
    FIELD_END,
};

static struct error *ask(struct ctx *ctx, const char *kind, const char *object, struct money amount, const char *known,
    const char *suggestion)
{
    SQL(insert,
        "INSERT INTO decisions (id, kind, object, known, suggestion, amount, currency, created_at)"
        "VALUES ($1, $2, $3, $4, $5, CASE WHEN $7 <> '' THEN $6::bigint END, nullif($7, ''), $8)"
        "ON CONFLICT (kind, object) WHERE done_at IS NULL DO NOTHING");
    const char *id = id_new(ctx, "dec");
    int64_t affected;

    TRY(db_exec(ctx, &insert,
        PARAMS(P(id), P(kind), P(object), P(known), P(suggestion), P(amount.minor), P((const char *)amount.currency),
            P(ctx->now)),
        &affected));
    return affected ? audit_add(ctx, "decision.asked", id,
               json_in(ctx->arena, json_pack("{ss, ss}", "kind", kind, "object", object)))
                    : NULL;
}

struct error *decision_ask(struct ctx *ctx, const char *kind, const char *object, struct money amount,
    const char *known, const char *suggestion)
{
    return IN_TX(ctx, ask(ctx, kind, object, amount, known, suggestion));
}

static struct error *settle(struct ctx *ctx, const char *kind, const char *object, const char *resolution)
{
    SQL(done,
        "UPDATE decisions SET done_at = $3, done_by = $4, resolution = $5"
        " WHERE kind = $1 AND object = $2 AND done_at IS NULL");
    const char *who = ctx->principal.kind == PRINCIPAL_OPERATOR || ctx->principal.kind == PRINCIPAL_COMMAND
        ? ctx->principal.id
        : "system";
    int64_t affected;

    TRY(db_exec(ctx, &done, PARAMS(P(kind), P(object), P(ctx->now), P(who), P(resolution)), &affected));
    return affected ? audit_add(ctx, "decision.settled", object,
               json_in(ctx->arena, json_pack("{ss, ss}", "kind", kind, "how", resolution)))
                    : NULL;
}

struct error *decision_settle(struct ctx *ctx, const char *kind, const char *object, const char *resolution)
{
    return IN_TX(ctx, settle(ctx, kind, object, resolution));
}

struct error *decision_list(struct ctx *ctx, const char *cursor, int64_t limit, struct field_list *out)
{
    SQL(list,
        "SELECT id, kind, object, known, suggestion, amount, coalesce(currency, '') AS currency, created_at, done_at,"
        " done_by, resolution FROM decisions WHERE done_at IS NULL AND ($1::text IS NULL OR id > $1)"
        " ORDER BY id LIMIT $2");

    return db_list(ctx, &list, PARAMS(P(cursor), P(limit)), decision_shown, sizeof(struct decision), out);
}
