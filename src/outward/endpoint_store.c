#include "outward/endpoint_store.h"

#include "base/ctx.h"
#include "db/db.h"

#define COLUMNS                                                                                                        \
    "id, mode, url, description, events, status, disabled_reason, secret, secret_before, secret_changes_at,"           \
    " failing_since, delivered_at, created_at, updated_at"

const char *const endpoint_status_names[] = { "enabled", "disabled", "deleted", NULL };

static const struct field columns[] = {
    FIELD(struct endpoint, id),
    FIELD(struct endpoint, mode, .names = mode_names),
    FIELD(struct endpoint, url),
    FIELD(struct endpoint, description),
    FIELD(struct endpoint, events),
    FIELD(struct endpoint, status, .names = endpoint_status_names),
    FIELD(struct endpoint, disabled_reason),
    FIELD(struct endpoint, secret),
    FIELD(struct endpoint, secret_before),
    FIELD(struct endpoint, secret_changes_at),
    FIELD(struct endpoint, failing_since),
    FIELD(struct endpoint, delivered_at),
    FIELD(struct endpoint, created_at),
    FIELD(struct endpoint, updated_at),
    FIELD_END,
};

static struct error *found(struct ctx *ctx, struct error *error)
{
    return error && error->code == E_NOT_FOUND ? error_new(ctx, E_NOT_FOUND, "There is no such endpoint.") : error;
}

struct error *endpoint_get(struct ctx *ctx, const char *id, struct endpoint *out)
{
    SQL(get, "SELECT " COLUMNS " FROM webhook_endpoints WHERE id = $1 AND status <> 'deleted'");

    return found(ctx, db_one(ctx, &get, PARAMS(P(id)), columns, out));
}

struct error *endpoint_lock(struct ctx *ctx, const char *id, struct endpoint *out)
{
    SQL(lock, "SELECT " COLUMNS " FROM webhook_endpoints WHERE id = $1 AND status <> 'deleted' FOR NO KEY UPDATE");

    return found(ctx, db_one(ctx, &lock, PARAMS(P(id)), columns, out));
}

struct error *endpoint_list(struct ctx *ctx, const char *cursor, int64_t limit, struct field_list *out)
{
    SQL(list,
        "SELECT " COLUMNS " FROM webhook_endpoints"
        " WHERE status <> 'deleted' AND ($1::text IS NULL OR id < $1) ORDER BY id DESC LIMIT $2");

    return db_list(ctx, &list, PARAMS(P(cursor), P(limit)), columns, sizeof(struct endpoint), out);
}

struct error *endpoint_insert(struct ctx *ctx, const struct endpoint *endpoint)
{
    SQL(insert,
        "INSERT INTO webhook_endpoints (id, mode, url, description, events, status, secret, created_at, updated_at)"
        "VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $8)");

    return db_exec(ctx, &insert,
        PARAMS(P(endpoint->id), P(mode_names[endpoint->mode]), P(endpoint->url), P(endpoint->description),
            P(endpoint->events), P(endpoint_status_names[endpoint->status]), P(endpoint->secret),
            P(endpoint->created_at)),
        NULL);
}

struct error *endpoint_update(struct ctx *ctx, const struct endpoint *endpoint)
{
    SQL(update,
        "UPDATE webhook_endpoints SET url = $2, description = $3, events = $4, status = $5, disabled_reason = $6,"
        "       secret = $7, secret_before = $8, secret_changes_at = $9, failing_since = $10, delivered_at = $11,"
        "       updated_at = $12"
        " WHERE id = $1");

    return db_exec(ctx, &update,
        PARAMS(P(endpoint->id), P(endpoint->url), P(endpoint->description), P(endpoint->events),
            P(endpoint_status_names[endpoint->status]), P(endpoint->disabled_reason), P(endpoint->secret),
            P(endpoint->secret_before), P(endpoint->secret_changes_at), P(endpoint->failing_since),
            P(endpoint->delivered_at), P(endpoint->updated_at)),
        NULL);
}
