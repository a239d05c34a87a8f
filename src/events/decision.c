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
    FIELD(struct decision, assigned_to),
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

#define COLUMNS                                                                                                        \
    "id, kind, object, known, suggestion, amount, coalesce(currency, '') AS currency, created_at, done_at, done_by,"   \
    " resolution, assigned_to"

static struct error *list_settled(struct ctx *ctx, const struct decision_filter *filter, struct field_list *out)
{
    SQL(settled,
        "SELECT " COLUMNS " FROM decisions WHERE done_at IS NOT NULL AND ($1::text IS NULL OR kind = $1)"
        "   AND ($2::text IS NULL OR object = $2) AND ($3::text IS NULL OR done_by = $3)"
        "   AND ($4::text IS NULL OR (done_at, id) < (SELECT done_at, id FROM decisions WHERE id = $4))"
        " ORDER BY done_at DESC, id DESC LIMIT $5");

    return db_list(ctx, &settled,
        PARAMS(P(filter->kind), P(filter->object), P(filter->assigned_to), P(filter->cursor), P(filter->limit)),
        decision_shown, sizeof(struct decision), out);
}

struct error *decision_list(struct ctx *ctx, const struct decision_filter *filter, struct field_list *out)
{
    SQL(waiting,
        "SELECT " COLUMNS " FROM decisions WHERE done_at IS NULL AND ($1::text IS NULL OR kind = $1)"
        "   AND ($2::text IS NULL OR object = $2) AND ($3::text IS NULL OR assigned_to = $3)"
        "   AND ($4::text IS NULL OR id > $4) ORDER BY id LIMIT $5");

    if (filter->settled)
        return list_settled(ctx, filter, out);
    return db_list(ctx, &waiting,
        PARAMS(P(filter->kind), P(filter->object), P(filter->assigned_to), P(filter->cursor), P(filter->limit)),
        decision_shown, sizeof(struct decision), out);
}

struct error *decision_get(struct ctx *ctx, const char *id, struct decision *out)
{
    SQL(get, "SELECT " COLUMNS " FROM decisions WHERE id = $1");
    struct error *error = db_one(ctx, &get, PARAMS(P(id)), decision_shown, out);

    return error && error->code == E_NOT_FOUND ? error_new(ctx, E_NOT_FOUND, "There is no such task.") : error;
}

struct error *decision_counts(struct ctx *ctx, struct field_list *out)
{
    SQL(count,
        "SELECT kind, count(*) AS count FROM (SELECT kind FROM decisions WHERE done_at IS NULL LIMIT 1000) AS waiting"
        " GROUP BY kind ORDER BY kind");
    static const struct field columns[] = {
        FIELD(struct decision_count, kind),
        FIELD(struct decision_count, count),
        FIELD_END,
    };

    return db_list(ctx, &count, NO_PARAMS, columns, sizeof(struct decision_count), out);
}

static struct error *lock_waiting(struct ctx *ctx, const char *id, struct decision *out)
{
    SQL(lock, "SELECT " COLUMNS " FROM decisions WHERE id = $1 FOR UPDATE");
    struct error *error = db_one(ctx, &lock, PARAMS(P(id)), decision_shown, out);

    if (error && error->code == E_NOT_FOUND)
        return error_new(ctx, E_NOT_FOUND, "There is no such task.");
    TRY(error);
    return instant_is_set(out->done_at)
        ? error_new(ctx, E_INVALID_STATUS, "This has been settled meanwhile; there is nothing left to do.")
        : NULL;
}

static struct error *assign(struct ctx *ctx, const char *id, bool mine, struct decision *out)
{
    SQL(assign_to, "UPDATE decisions SET assigned_to = $2 WHERE id = $1");

    TRY(lock_waiting(ctx, id, out));
    out->assigned_to = mine ? ctx->principal.id : NULL;
    TRY(db_exec(ctx, &assign_to, PARAMS(P(id), P(out->assigned_to)), NULL));
    return audit_add(ctx, mine ? "decision.assigned" : "decision.released", id,
        json_in(ctx->arena, json_pack("{ss, ss}", "kind", out->kind, "object", out->object)));
}

struct error *decision_assign(struct ctx *ctx, const char *id, bool mine, struct decision *out)
{
    return IN_TX(ctx, assign(ctx, id, mine, out));
}

static struct error *resolve(struct ctx *ctx, const char *id, const char *resolution, struct decision *out)
{
    SQL(resolved, "UPDATE decisions SET done_at = $2, done_by = $3, resolution = $4 WHERE id = $1");

    TRY(lock_waiting(ctx, id, out));
    TRY(db_exec(ctx, &resolved, PARAMS(P(id), P(ctx->now), P(ctx->principal.id), P(resolution)), NULL));
    out->done_at = ctx->now;
    out->done_by = ctx->principal.id;
    out->resolution = resolution;
    return audit_add(ctx, "decision.resolved", id,
        json_in(ctx->arena, json_pack("{ss, ss}", "kind", out->kind, "object", out->object)));
}

struct error *decision_resolve(struct ctx *ctx, const char *id, const char *resolution, struct decision *out)
{
    return IN_TX(ctx, resolve(ctx, id, resolution, out));
}
