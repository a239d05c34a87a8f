#include "events/event.h"

#include <string.h>

#include "base/arena.h"
#include "base/config.h"
#include "base/ctx.h"
#include "base/id.h"
#include "base/log.h"
#include "db/db.h"

#define COLUMNS "id, type, object_id, version, payload, previous, created_at"

static const struct field columns[] = {
    FIELD(struct event, id),
    FIELD(struct event, type),
    FIELD(struct event, object_id),
    FIELD(struct event, version),
    FIELD(struct event, payload),
    FIELD(struct event, previous),
    FIELD(struct event, created_at),
    FIELD_END,
};

static const struct field data_shown[] = {
    FIELD(struct event_data, object, .object = true, .summary = "The object as it was then, as the API shows it"),
    FIELD(struct event_data, previous_attributes, .object = true,
        .summary = "What the members that changed were in the event before; null in the first"),
    FIELD_END,
};

const struct field event_shown[] = {
    FIELD(struct event_view, id,
        .summary = "The same in every delivery of it: what you have seen, you need not do again"),
    FIELD(struct event_view, type),
    FIELD(struct event_view, timestamp, .summary = "When it happened"),
    FIELD(struct event_view, livemode),
    FIELD(struct event_view, object_id),
    FIELD(struct event_view, version,
        .summary = "Counts the events about this object: one with a lower version than you know is old news"),
    FIELD_STRUCT(struct event_view, data, struct event_data, data_shown),
    FIELD_END,
};

const struct event_type event_types[] = {
#define EVENT(name, summary) { name, summary },
#include "events/event.def"
#undef EVENT
    { NULL, NULL },
};

const char *check_event_type(struct ctx *ctx, const char *text)
{
    size_t length = strlen(text);

    (void)ctx;
    if (!strcmp(text, "*"))
        return NULL;
    for (const struct event_type *type = event_types; type->name; type++)
        if (!strcmp(type->name, text)
            || (length > 2 && !strcmp(text + length - 2, ".*") && !strncmp(type->name, text, length - 1)))
            return NULL;
    return "must be a type of event, \"*\", or like \"payment.*\"";
}

static bool is_known(const char *name)
{
    for (const struct event_type *type = event_types; type->name; type++)
        if (!strcmp(type->name, name))
            return true;
    return false;
}

struct error *event_add(struct ctx *ctx, const char *type, const char *object_id, json_t *object)
{
    SQL_ROWS(insert,
        "WITH given AS ("
        "  SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::jsonb[], $5::timestamptz[], $6::text[])"
        "    WITH ORDINALITY AS g (id, type, object_id, payload, at, trace, place) WHERE" PLANNED_ONCE "),"
        " event AS ("
        "  INSERT INTO events (id, type, object_id, version, payload, previous, created_at)"
        "  SELECT g.id, g.type, g.object_id, coalesce(before.version, 0) + 1, g.payload,"
        "         (SELECT jsonb_object_agg(member.key, member.value) FROM jsonb_each(before.payload) AS member"
        "           WHERE g.payload -> member.key IS DISTINCT FROM member.value), g.at"
        "    FROM given g LEFT JOIN LATERAL (SELECT version, payload FROM events WHERE object_id = g.object_id"
        "                                     ORDER BY version DESC LIMIT 1) AS before ON true),"
        " delivery AS ("
        "  INSERT INTO deliveries (id, endpoint_id, event_id, due_at, created_at, updated_at)"
        "  SELECT 'dlv_' || substr(g.id, 5) || right(e.id, 8), e.id, g.id, g.at, g.at, g.at"
        "    FROM given g JOIN webhook_endpoints e"
        "      ON e.status = 'enabled' AND e.events ?| ARRAY['*', g.type, split_part(g.type, '.', 1) || '.*']"
        "  RETURNING id, event_id) "
        "INSERT INTO jobs (kind, subject, run_at, trace, lane)"
        "SELECT 'event.deliver', d.id, domain_now(), g.trace, 'outward' FROM delivery d JOIN given g ON g.id = "
        "d.event_id");

    if (!is_known(type)) // it is told all the same, to those who hear of everything
        log_warn(ctx, "event.unlisted", "events/event.def has no %s", type);
    return db_send(ctx, &insert,
        PARAMS(P(id_new(ctx, "evt")), P(type), P(object_id), P(object), P(ctx->now), P(ctx->trace)));
}

struct error *event_get(struct ctx *ctx, const char *id, struct event *out)
{
    SQL(get, "SELECT " COLUMNS " FROM events WHERE id = $1");
    struct error *error = db_one(ctx, &get, PARAMS(P(id)), columns, out);

    return error && error->code == E_NOT_FOUND ? error_new(ctx, E_NOT_FOUND, "There is no such event.") : error;
}

struct error *event_list(struct ctx *ctx, const struct event_filter *filter, struct field_list *out)
{
    SQL(list,
        "SELECT " COLUMNS " FROM events"
        " WHERE ($1::text IS NULL OR type = $1) AND ($2::text IS NULL OR object_id = $2)"
        "   AND ($3::text IS NULL OR id < $3) ORDER BY id DESC LIMIT $4");

    return db_list(ctx, &list, PARAMS(P(filter->type), P(filter->object_id), P(filter->cursor), P(filter->limit)),
        columns, sizeof(struct event), out);
}

struct error *event_list_after(struct ctx *ctx, const char *after, int64_t limit, struct field_list *out)
{
    SQL(list, "SELECT " COLUMNS " FROM events WHERE ($1::text IS NULL OR id > $1) ORDER BY id LIMIT $2");

    return db_list(ctx, &list, PARAMS(P(after), P(limit)), columns, sizeof(struct event), out);
}

void event_view(struct ctx *ctx, const struct event *event, struct event_view *out)
{
    struct event_data *data = arena_alloc(ctx->arena, sizeof *data);

    *data = (struct event_data){ event->payload, event->previous };
    *out = (struct event_view){
        .id = event->id,
        .type = event->type,
        .object_id = event->object_id,
        .timestamp = event->created_at,
        .version = event->version,
        .livemode = ctx->config->mode == MODE_LIVE,
        .data = data,
    };
}

const char *event_body(struct ctx *ctx, const struct event *event)
{
    struct event_view view;

    event_view(ctx, event, &view);
    return json_text(ctx, field_write(ctx, event_shown, &view));
}
