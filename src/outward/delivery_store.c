#include "outward/delivery_store.h"

#include "base/ctx.h"
#include "db/db.h"
#include "jobs/job.h"
#include "outward/endpoint.h"

#define COLUMNS                                                                                                        \
    "d.id, d.endpoint_id, d.event_id, e.type AS event_type, d.status, d.tries, d.attempts, d.due_at, d.answer,"        \
    " d.error, d.claim, d.created_at, d.updated_at"
#define FROM " FROM deliveries d JOIN events e ON e.id = d.event_id"

const char *const delivery_status_names[] = { "pending", "delivered", "failed", "cancelled", NULL };

static const struct field columns[] = {
    FIELD(struct delivery, id),
    FIELD(struct delivery, endpoint_id),
    FIELD(struct delivery, event_id),
    FIELD(struct delivery, event_type),
    FIELD(struct delivery, status, .names = delivery_status_names),
    FIELD(struct delivery, tries),
    FIELD(struct delivery, attempts),
    FIELD(struct delivery, due_at),
    FIELD(struct delivery, answer),
    FIELD(struct delivery, error),
    FIELD(struct delivery, claim),
    FIELD(struct delivery, created_at),
    FIELD(struct delivery, updated_at),
    FIELD_END,
};

struct one_id {
    const char *id;
};

static const struct field id_column[] = { FIELD(struct one_id, id), FIELD_END };

/* Reading ----------------------------------------------------------------------------------------------------------- */

struct error *delivery_get(struct ctx *ctx, const char *id, struct delivery *out)
{
    SQL(get, "SELECT " COLUMNS FROM " WHERE d.id = $1");
    struct error *error = db_one(ctx, &get, PARAMS(P(id)), columns, out);

    return error && error->code == E_NOT_FOUND ? error_new(ctx, E_NOT_FOUND, "There is no such delivery.") : error;
}

struct error *delivery_list(struct ctx *ctx, const struct delivery_filter *filter, struct field_list *out)
{
    SQL(list,
        "SELECT " COLUMNS FROM
        " WHERE ($1::text IS NULL OR d.endpoint_id = $1) AND ($2::text IS NULL OR d.event_id = $2)"
        "   AND ($3::text IS NULL OR d.status = $3) AND ($4::text IS NULL OR d.id < $4)"
        " ORDER BY d.id DESC LIMIT $5");

    return db_list(ctx, &list,
        PARAMS(P(filter->endpoint_id), P(filter->event_id),
            P(filter->status ? delivery_status_names[filter->status - 1] : (const char *)NULL), P(filter->cursor),
            P(filter->limit)),
        columns, sizeof(struct delivery), out);
}

struct error *delivery_attempts(struct ctx *ctx, const char *id, struct field_list *out)
{
    SQL(list,
        "SELECT number, at, answer, error, took_ms FROM delivery_attempts WHERE delivery_id = $1"
        " ORDER BY number DESC LIMIT 100");
    static const struct field attempt_columns[] = {
        FIELD(struct delivery_attempt, number),
        FIELD(struct delivery_attempt, at),
        FIELD(struct delivery_attempt, answer),
        FIELD(struct delivery_attempt, error),
        FIELD(struct delivery_attempt, took_ms),
        FIELD_END,
    };

    return db_list(ctx, &list, PARAMS(P(id)), attempt_columns, sizeof(struct delivery_attempt), out);
}

/* Sending ----------------------------------------------------------------------------------------------------------- */

struct error *delivery_in_flight(struct ctx *ctx, const char *endpoint_id, int64_t *count)
{
    SQL(in_flight,
        "SELECT count(*) AS count FROM deliveries WHERE endpoint_id = $1 AND status = 'pending' AND lease_until > "
        "now()");
    struct row {
        int64_t count;
    } row;
    static const struct field count_column[] = { FIELD(struct row, count), FIELD_END };

    TRY(db_one(ctx, &in_flight, PARAMS(P(endpoint_id)), count_column, &row));
    *count = row.count;
    return NULL;
}

struct error *delivery_claim(struct ctx *ctx, const char *endpoint_id, const char *claim, int64_t lease,
    struct delivery *out, bool *found)
{
    SQL(take,
        "UPDATE deliveries d SET claim = $2, lease_until = now() + make_interval(secs => $3),"
        "       attempts = d.attempts + 1"
        "  FROM events e"
        " WHERE e.id = d.event_id"
        "   AND d.id = (SELECT id FROM deliveries"
        "                WHERE endpoint_id = $1 AND status = 'pending' AND due_at <= domain_now()"
        "                  AND (lease_until IS NULL OR lease_until <= now()) ORDER BY due_at, id LIMIT 1)"
        "RETURNING " COLUMNS);

    return db_maybe(ctx, &take, PARAMS(P(endpoint_id), P(claim), P(lease)), columns, out, found);
}

struct error *delivery_next(struct ctx *ctx, const char *endpoint_id, const char **id)
{
    SQL(next,
        "SELECT id FROM deliveries"
        " WHERE endpoint_id = $1 AND status = 'pending' AND due_at <= domain_now()"
        "   AND (lease_until IS NULL OR lease_until <= now()) ORDER BY due_at, id LIMIT 1");
    struct one_id row;
    bool found;

    TRY(db_maybe(ctx, &next, PARAMS(P(endpoint_id)), id_column, &row, &found));
    *id = found ? row.id : NULL;
    return NULL;
}

struct error *delivery_record(struct ctx *ctx, const struct delivery *delivery, bool *mine)
{
    SQL(record,
        "UPDATE deliveries SET status = $3, tries = $4, due_at = $5, answer = nullif($6::integer, 0), error = $7,"
        "       updated_at = $8, claim = NULL, lease_until = NULL"
        " WHERE id = $1 AND claim = $2 AND status = 'pending'");
    int64_t affected;

    TRY(db_exec(ctx, &record,
        PARAMS(P(delivery->id), P(delivery->claim), P(delivery_status_names[delivery->status]), P(delivery->tries),
            P(delivery->due_at), P(delivery->answer), P(delivery->error), P(delivery->updated_at)),
        &affected));
    *mine = affected > 0;
    return NULL;
}

struct error *delivery_attempt_insert(struct ctx *ctx, const char *id, const struct delivery_attempt *attempt)
{
    SQL(insert,
        "INSERT INTO delivery_attempts (delivery_id, number, at, answer, error, took_ms)"
        "VALUES ($1, $2, $3, nullif($4::integer, 0), $5, $6)");

    return db_exec(ctx, &insert,
        PARAMS(P(id), P(attempt->number), P(attempt->at), P(attempt->answer), P(attempt->error), P(attempt->took_ms)),
        NULL);
}

/* Again ------------------------------------------------------------------------------------------------------------- */

struct error *delivery_put(struct ctx *ctx, const char *event_id, const char *endpoint_id, const char **id)
{
    SQL(put,
        "INSERT INTO deliveries (id, endpoint_id, event_id, due_at, created_at, updated_at)"
        "VALUES ('dlv_' || substr($1::text, 5) || right($2::text, 8), $2, $1, $3, $3, $3)"
        "ON CONFLICT (endpoint_id, event_id)"
        "DO UPDATE SET status = 'pending', tries = 0, due_at = excluded.due_at, updated_at = excluded.updated_at "
        "RETURNING id");
    struct one_id row;

    TRY(db_one(ctx, &put, PARAMS(P(event_id), P(endpoint_id), P(ctx->now)), id_column, &row));
    *id = row.id;
    return NULL;
}

struct error *delivery_put_since(struct ctx *ctx, const struct endpoint *endpoint, struct instant since, int64_t *count)
{
    SQL(put,
        "INSERT INTO deliveries (id, endpoint_id, event_id, due_at, created_at, updated_at)"
        "SELECT 'dlv_' || substr(e.id, 5) || right($1::text, 8), $1, e.id, $4, $4, $4 FROM events e"
        "  LEFT JOIN deliveries d ON d.event_id = e.id AND d.endpoint_id = $1"
        " WHERE e.created_at >= $2 AND (d.id IS NULL OR d.status = 'failed')"
        "   AND $3::jsonb ?| ARRAY['*', e.type, split_part(e.type, '.', 1) || '.*']"
        " ORDER BY e.created_at, e.id LIMIT 10000 "
        "ON CONFLICT (endpoint_id, event_id)"
        "DO UPDATE SET status = 'pending', tries = 0, due_at = excluded.due_at, updated_at = excluded.updated_at");

    return db_exec(ctx, &put, PARAMS(P(endpoint->id), P(since), P(endpoint->events), P(ctx->now)), count);
}

struct error *delivery_all_due(struct ctx *ctx, const char *endpoint_id)
{
    SQL(due, "UPDATE deliveries SET due_at = least(due_at, $2) WHERE endpoint_id = $1 AND status = 'pending'");
    const char *next;

    TRY(db_exec(ctx, &due, PARAMS(P(endpoint_id), P(ctx->now)), NULL));
    TRY(delivery_next(ctx, endpoint_id, &next));
    return next ? job_add(ctx, "event.deliver", next) : NULL;
}

struct error *delivery_cancel_all(struct ctx *ctx, const char *endpoint_id)
{
    SQL(cancel,
        "UPDATE deliveries SET status = 'cancelled', updated_at = $2 WHERE endpoint_id = $1 AND status = 'pending'");

    return db_exec(ctx, &cancel, PARAMS(P(endpoint_id), P(ctx->now)), NULL);
}

struct error *delivery_forget(struct ctx *ctx)
{
    SQL(forget,
        "DELETE FROM deliveries WHERE id IN (SELECT id FROM deliveries WHERE status <> 'pending'"
        "   AND updated_at < $1::timestamptz - interval '90 days' ORDER BY updated_at LIMIT 10000)");

    return db_exec(ctx, &forget, PARAMS(P(ctx->now)), NULL);
}
