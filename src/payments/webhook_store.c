#include "payments/webhook_store.h"

#include "base/ctx.h"
#include "db/db.h"

#define COLUMNS                                                                                                        \
    "id, provider, provider_event_id, type, api_version, object_id, payment_reference, status, error, "                \
    "source, event_created_at, received_at, processed_at"

const char *const webhook_status_names[] = { "stored", "processed", "ignored", "failed", NULL };

static const struct field columns[] = {
    FIELD(struct webhook_event, id),
    FIELD(struct webhook_event, provider),
    FIELD(struct webhook_event, provider_event_id),
    FIELD(struct webhook_event, type),
    FIELD(struct webhook_event, api_version),
    FIELD(struct webhook_event, object_id),
    FIELD(struct webhook_event, payment_reference),
    FIELD(struct webhook_event, status, .names = webhook_status_names),
    FIELD(struct webhook_event, error),
    FIELD(struct webhook_event, source),
    FIELD(struct webhook_event, event_created_at),
    FIELD(struct webhook_event, received_at),
    FIELD(struct webhook_event, processed_at),
    FIELD_END,
};

struct error *webhook_row(struct ctx *ctx, const char *id, struct webhook_event *out)
{
    SQL(get,
        "SELECT " COLUMNS " FROM webhook_events"
        " WHERE id = (SELECT id FROM webhook_events WHERE id = $1"
        "             UNION SELECT id FROM webhook_events WHERE provider_event_id = $1 LIMIT 1)");
    struct error *error = db_one(ctx, &get, PARAMS(P(id)), columns, out);

    return error && error->code == E_NOT_FOUND ? error_new(ctx, E_NOT_FOUND, "There is no such event.") : error;
}

struct error *webhook_insert(struct ctx *ctx, const struct webhook_event *event, bool *inserted)
{
    SQL(insert,
        "INSERT INTO webhook_events (id, provider, provider_event_id, type, api_version, object_id, payment_reference,"
        " status, payload, source, event_created_at, received_at)"
        "VALUES ($1, $2, $3, $4, $5, $6, $7, 'stored', $8,"
        " CASE WHEN $8::bytea IS NULL THEN 'swept' ELSE 'delivered' END, $9, $10)"
        "ON CONFLICT (provider, provider_event_id) DO NOTHING");
    int64_t affected;

    TRY(db_exec(ctx, &insert,
        PARAMS(P(event->id), P(event->provider), P(event->provider_event_id), P(event->type), P(event->api_version),
            P(event->object_id), P(event->payment_reference), P(event->payload), P(event->event_created_at),
            P(event->received_at)),
        &affected));
    *inserted = affected > 0;
    return NULL;
}

struct error *webhook_set_status(struct ctx *ctx, const char *id, enum webhook_status status, const char *error)
{
    SQL(set, "UPDATE webhook_events SET status = $2, error = $3, processed_at = $4 WHERE id = $1");

    return db_exec(ctx, &set, PARAMS(P(id), P(webhook_status_names[status]), P(error), P(ctx->now)), NULL);
}

struct error *webhook_rows(struct ctx *ctx, const struct webhook_filter *filter, struct field_list *out)
{
    SQL(list,
        "SELECT " COLUMNS " FROM webhook_events"
        " WHERE ($1::text IS NULL OR provider = $1) AND ($2::text IS NULL OR type = $2)"
        "   AND ($3::text IS NULL OR payment_reference = $3) AND ($4::text IS NULL OR status = $4)"
        "   AND ($5::text IS NULL OR id < $5) AND ($7::text IS NULL OR source = $7) ORDER BY id DESC LIMIT $6");

    return db_list(ctx, &list,
        PARAMS(P(filter->provider), P(filter->type), P(filter->payment_reference),
            P(filter->status ? webhook_status_names[filter->status - 1] : (const char *)NULL), P(filter->cursor),
            P(filter->limit), P(filter->source)),
        columns, sizeof(struct webhook_event), out);
}

struct error *webhook_sealed(struct ctx *ctx, const char *id, struct bytes *out)
{
    SQL(sealed, "SELECT payload FROM webhook_events WHERE id = $1");
    struct row {
        struct bytes payload;
    } row;
    static const struct field payload_column[] = { FIELD(struct row, payload), FIELD_END };

    TRY(db_one(ctx, &sealed, PARAMS(P(id)), payload_column, &row));
    *out = row.payload;
    return NULL;
}

struct error *webhook_health_row(struct ctx *ctx, const char *provider, struct webhook_health *out)
{
    SQL(health,
        "SELECT $1 AS provider,"
        "       (SELECT received_at FROM webhook_events WHERE source = 'delivered' AND provider = $1"
        "         ORDER BY id DESC LIMIT 1) AS delivered_at,"
        "       (SELECT received_at FROM webhook_events WHERE source = 'swept' AND provider = $1"
        "         ORDER BY id DESC LIMIT 1) AS swept_at,"
        "       (SELECT ran_at FROM sweeps WHERE provider = $1) AS looked_at,"
        "       (SELECT count(*) FROM (SELECT FROM webhook_events WHERE status = 'stored' AND provider = $1 LIMIT "
        "1000) w)"
        "           AS waiting,"
        "       (SELECT count(*) FROM (SELECT FROM webhook_events WHERE status = 'failed' AND provider = $1 LIMIT "
        "1000) f)"
        "           AS failed");
    static const struct field health_columns[] = {
        FIELD(struct webhook_health, provider),
        FIELD(struct webhook_health, delivered_at),
        FIELD(struct webhook_health, swept_at),
        FIELD(struct webhook_health, looked_at),
        FIELD(struct webhook_health, waiting),
        FIELD(struct webhook_health, failed),
        FIELD_END,
    };

    return db_one(ctx, &health, PARAMS(P(provider)), health_columns, out);
}
