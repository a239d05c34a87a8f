#include "payments/webhook_store.h"

#include <string.h>

#include "base/arena.h"
#include "base/ctx.h"
#include "base/instant.h"
#include "db/db.h"
#include "jobs/job.h"
#include "provider/provider.h"

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

/* The providers, because their events' ids are unique, and found by an index, for each of them alone. */
static struct texts providers(struct ctx *ctx)
{
    const struct provider *const *list = provider_list();
    size_t count = 0;

    while (list[count])
        count++;
    const char **names = arena_array(ctx->arena, count, sizeof *names);
    for (size_t i = 0; i < count; i++)
        names[i] = list[i]->name;
    return (struct texts){ names, count };
}

struct error *webhook_row(struct ctx *ctx, const char *id, struct webhook_event *out)
{
    SQL(get,
        "SELECT " COLUMNS " FROM webhook_events"
        " WHERE id = (SELECT id FROM webhook_events WHERE id = $1"
        "             UNION SELECT id FROM webhook_events WHERE provider = ANY ($2::text[]) AND provider_event_id = $1"
        "             LIMIT 1)");
    struct error *error = db_one(ctx, &get, PARAMS(P(id), P(providers(ctx))), columns, out);

    return error && error->code == E_NOT_FOUND ? error_new(ctx, E_NOT_FOUND, "There is no such event.") : error;
}

/* What need not be worked off is dealt with as it comes. */
static struct instant dealt_with_at(const struct webhook_event *event)
{
    return event->status == WEBHOOK_STORED ? (struct instant){ 0 } : event->received_at;
}

struct error *webhook_insert(struct ctx *ctx, const struct webhook_event *event, bool *inserted)
{
    SQL(insert,
        "INSERT INTO webhook_events (id, provider, provider_event_id, type, api_version, object_id, payment_reference,"
        " status, payload, source, event_created_at, received_at, processed_at)"
        "VALUES ($1, $2, $3, $4, $5, $6, $7, $11, $8,"
        " CASE WHEN $8::bytea IS NULL THEN 'swept' ELSE 'delivered' END, $9, $10, $12)"
        "ON CONFLICT (provider, provider_event_id) DO NOTHING");
    int64_t affected;

    TRY(db_exec(ctx, &insert,
        PARAMS(P(event->id), P(event->provider), P(event->provider_event_id), P(event->type), P(event->api_version),
            P(event->object_id), P(event->payment_reference), P(event->payload), P(event->event_created_at),
            P(event->received_at), P(webhook_status_names[event->status]), P(dealt_with_at(event))),
        &affected));
    *inserted = affected > 0;
    return NULL;
}

static struct params delivered(struct ctx *ctx, const struct webhook_event *event, const char *trace)
{
    const struct param values[] = { P(event->id), P(event->provider), P(event->provider_event_id), P(event->type),
        P(event->api_version), P(event->object_id), P(event->payment_reference), P(event->payload),
        P(event->event_created_at), P(event->received_at), P(trace), P(webhook_status_names[event->status]) };
    struct param *list = arena_array(ctx->arena, sizeof values / sizeof *values, sizeof *list);

    memcpy(list, values, sizeof values);
    return (struct params){ list, sizeof values / sizeof *values };
}

struct error *webhook_insert_delivered(struct ctx *ctx, const struct webhook_event *const *events,
    const char *const *traces, size_t count, bool *inserted)
{
    // in the order of the providers' ids, so that two who store the same ones wait for each other and do not block
    SQL_ROWS(insert,
        "WITH given AS ("
        "  SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[],"
        "                       $8::bytea[], $9::timestamptz[], $10::timestamptz[], $11::text[], $12::text[])"
        "       WITH ORDINALITY"
        "       AS g (id, provider, provider_event_id, type, api_version, object_id, payment_reference, payload, made,"
        "             received, trace, status, place)),"
        " stored AS ("
        "  INSERT INTO webhook_events (id, provider, provider_event_id, type, api_version, object_id,"
        "      payment_reference, status, payload, source, event_created_at, received_at, processed_at)"
        "  SELECT id, provider, provider_event_id, type, api_version, object_id, payment_reference, status,"
        "         payload, 'delivered', made, received, CASE WHEN status <> 'stored' THEN received END"
        "    FROM given ORDER BY provider, provider_event_id"
        "  ON CONFLICT (provider, provider_event_id) DO NOTHING RETURNING id),"
        " queued AS ("
        "  INSERT INTO jobs (kind, subject, run_at, trace, lane)"
        "  SELECT 'webhook.process', id, domain_now(), trace, 'money' FROM stored JOIN given USING (id)"
        "   WHERE given.status = 'stored') "
        "SELECT place, status = 'stored' AS has_job FROM stored JOIN given USING (id)");
    struct stored {
        int64_t place;
        bool has_job;
    };
    static const struct field stored_columns[] = {
        FIELD(struct stored, place),
        FIELD(struct stored, has_job),
        FIELD_END
    };
    struct params *rows = arena_array(ctx->arena, count, sizeof *rows);
    struct field_list stored;
    bool has_job = false;

    for (size_t i = 0; i < count; i++)
        rows[i] = delivered(ctx, events[i], traces[i]);
    TRY(db_list_rows(ctx, &insert, rows, count, stored_columns, sizeof(struct stored), &stored));
    memset(inserted, 0, count * sizeof *inserted);
    for (size_t i = 0; i < stored.count; i++) {
        const struct stored *row = (const struct stored *)stored.items + i;
        inserted[row->place - 1] = true;
        has_job |= row->has_job;
    }
    if (has_job)
        job_wake_after_commit(ctx, LANE_MONEY);
    return NULL;
}

struct error *webhook_set_status(struct ctx *ctx, const char *id, enum webhook_status status, const char *error)
{
    SQL(set, "UPDATE webhook_events SET status = $2, error = $3, processed_at = $4 WHERE id = $1");

    return db_exec(ctx, &set, PARAMS(P(id), P(webhook_status_names[status]), P(error), P(ctx->now)), NULL);
}

struct error *webhook_end(struct ctx *ctx, const char *id, enum webhook_status status, const char *error)
{
    SQL(end, "UPDATE webhook_events SET status = $2, error = $3, processed_at = $4 WHERE id = $1" IN_NO_HURRY);

    return db_exec(ctx, &end, PARAMS(P(id), P(webhook_status_names[status]), P(error), P(ctx->now)), NULL);
}

struct error *webhook_end_all(struct ctx *ctx, struct texts ids, enum webhook_status status)
{
    SQL(end,
        "UPDATE webhook_events SET status = $2, error = NULL, processed_at = $3"
        " WHERE id = ANY ($1::text[]) AND status = 'stored' AND (processed_at IS NULL OR id = "
        "($1::text[])[1])" IN_NO_HURRY);

    return db_exec(ctx, &end, PARAMS(P(ids), P(webhook_status_names[status]), P(ctx->now)), NULL);
}

struct error *webhook_waiting_with(struct ctx *ctx, const struct webhook_event *event, struct field_list *out)
{
    SQL(waiting,
        "SELECT " COLUMNS " FROM webhook_events"
        " WHERE payment_reference = $1 AND provider = $2 AND status = 'stored' AND processed_at IS NULL AND id <> $3"
        " LIMIT 100");

    return db_list(ctx, &waiting, PARAMS(P(event->payment_reference), P(event->provider), P(event->id)), columns,
        sizeof(struct webhook_event), out);
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
