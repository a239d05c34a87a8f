#include "outward/endpoint_api.h"

#include "base/arena.h"
#include "base/ctx.h"
#include "events/event.h"
#include "outward/delivery.h"
#include "outward/endpoint.h"
#include "outward/endpoint_store.h"
#include "web/reply.h"
#include "web/request.h"

#define PAGE 20
#define HOUR 3600

struct view {
    const char *id, *url, *description;
    json_t *events;
    unsigned status;
    const char *disabled_reason, *secret;
    struct instant previous_secret_until, failing_since, last_delivered_at;
    bool livemode;
    struct instant created_at, updated_at;
};

const struct field endpoint_shown[] = {
    FIELD(struct view, id),
    FIELD(struct view, url),
    FIELD(struct view, description),
    FIELD(struct view, events, .texts = true),
    FIELD(struct view, status, .names = endpoint_status_names),
    FIELD(struct view, disabled_reason, .summary = "asked, gone (it answered 410) or failing (for days)"),
    FIELD(struct view, secret, .omit_empty = true, .secret = true,
        .summary = "What verifies its messages; shown when it is made and when it is rotated, never again"),
    FIELD(struct view, previous_secret_until,
        .summary = "Until then messages carry a second signature, by the secret before"),
    FIELD(struct view, failing_since, .summary = "Since when it has taken nothing; null while it takes what is sent"),
    FIELD(struct view, last_delivered_at),
    FIELD(struct view, livemode),
    FIELD(struct view, created_at),
    FIELD(struct view, updated_at),
    FIELD_END,
};

const struct field endpoint_asked[] = {
    FIELD(struct endpoint_request, url, .min = 1, .max = 2000,
        .summary = "A public https address on port 443 or 8443; in test mode also this machine, where "
                   "WEBHOOK_ALLOW_LOOPBACK is set"),
    FIELD(struct endpoint_request, description, .optional = true, .max = 200),
    FIELD(struct endpoint_request, events, .optional = true, .texts = true, .check = check_event_type,
        .summary = "Types of events it hears of; \"payment.*\" are all about payments, \"*\" is all and the default"),
    FIELD_END,
};

const struct field endpoint_change_asked[] = {
    FIELD(struct endpoint_request, url, .optional = true, .min = 1, .max = 2000),
    FIELD(struct endpoint_request, description, .optional = true, .max = 200),
    FIELD(struct endpoint_request, events, .optional = true, .texts = true, .check = check_event_type),
    FIELD_END,
};

static struct view view_of(const struct endpoint *endpoint, const char *secret)
{
    return (struct view){
        .id = endpoint->id,
        .url = endpoint->url,
        .description = endpoint->description,
        .events = endpoint->events,
        .status = endpoint->status,
        .disabled_reason = endpoint->disabled_reason,
        .secret = secret,
        .previous_secret_until = endpoint->secret_changes_at,
        .failing_since = endpoint->failing_since,
        .last_delivered_at = endpoint->delivered_at,
        .livemode = endpoint->mode == MODE_LIVE,
        .created_at = endpoint->created_at,
        .updated_at = endpoint->updated_at,
    };
}

static struct error *show(struct request *r, int status, const struct endpoint *endpoint, const char *secret)
{
    struct view view = view_of(endpoint, secret);

    return reply_json(r, status, endpoint_shown, &view);
}

struct error *endpoint_api_create(struct request *r)
{
    struct endpoint_request request = { 0 };
    struct endpoint endpoint;
    const char *secret;

    TRY(request_json(r, endpoint_asked, &request));
    TRY(endpoint_create(r->ctx, &request, &endpoint, &secret));
    reply_header(r, "Location", "/api/v1/webhook-endpoints/%s", endpoint.id);
    return show(r, 201, &endpoint, secret);
}

struct list_query {
    int64_t limit;
    const char *cursor;
};

const struct field endpoint_list_query[] = {
    FIELD(struct list_query, limit, .optional = true, .min = 1, .max = 100),
    FIELD_CURSOR(struct list_query, "whep"),
    FIELD_END,
};

struct error *endpoint_api_list(struct request *r)
{
    struct list_query query = { .limit = PAGE };
    struct field_list rows, views;
    const char *cursor = NULL;

    TRY(request_query_fields(r, endpoint_list_query, &query));
    TRY(endpoint_list(r->ctx, query.cursor, query.limit + 1, &rows));
    if ((int64_t)rows.count > query.limit)
        cursor = ((const struct endpoint *)rows.items)[--rows.count - 1].id;
    views = (struct field_list){ arena_array(r->ctx->arena, rows.count + 1, sizeof(struct view)), rows.count };
    for (size_t i = 0; i < rows.count; i++)
        ((struct view *)views.items)[i] = view_of((const struct endpoint *)rows.items + i, NULL);
    return reply_list(r, endpoint_shown, sizeof(struct view), &views, cursor);
}

struct error *endpoint_api_get(struct request *r)
{
    struct endpoint endpoint;

    TRY(endpoint_find(r->ctx, request_path(r, "id"), &endpoint));
    return show(r, 200, &endpoint, NULL);
}

struct error *endpoint_api_change(struct request *r)
{
    struct endpoint_request request = { 0 };
    struct endpoint endpoint;

    TRY(request_json(r, endpoint_change_asked, &request));
    TRY(endpoint_change(r->ctx, request_path(r, "id"), &request, &endpoint));
    return show(r, 200, &endpoint, NULL);
}

struct error *endpoint_api_enable(struct request *r)
{
    struct endpoint endpoint;

    TRY(endpoint_enable(r->ctx, request_path(r, "id"), &endpoint));
    return show(r, 200, &endpoint, NULL);
}

struct error *endpoint_api_disable(struct request *r)
{
    struct endpoint endpoint;

    TRY(endpoint_disable(r->ctx, request_path(r, "id"), "asked", &endpoint));
    return show(r, 200, &endpoint, NULL);
}

struct rotation {
    int64_t overlap_hours;
};

const struct field endpoint_rotate_asked[] = {
    FIELD(struct rotation, overlap_hours, .optional = true, .min = 0, .max = 168,
        .summary = "How long the secret before signs beside the new one; 24"),
    FIELD_END,
};

struct error *endpoint_api_rotate(struct request *r)
{
    struct rotation rotation = { .overlap_hours = 24 };
    struct endpoint endpoint;
    const char *secret;

    TRY(request_json(r, endpoint_rotate_asked, &rotation));
    TRY(endpoint_rotate(r->ctx, request_path(r, "id"), rotation.overlap_hours * HOUR, &endpoint, &secret));
    return show(r, 200, &endpoint, secret);
}

struct resend_body {
    struct instant since;
};

const struct field endpoint_resend_asked[] = {
    FIELD(struct resend_body, since, .summary = "What happened from then on and was not taken is sent again"),
    FIELD_END,
};

struct resent {
    int64_t events;
};

const struct field endpoint_resend_shown[] = {
    FIELD(struct resent, events, .summary = "How many; at 10000, ask again for the rest"),
    FIELD_END,
};

struct error *endpoint_api_resend(struct request *r)
{
    struct resend_body body = { 0 };
    struct resent resent;

    TRY(request_json(r, endpoint_resend_asked, &body));
    TRY(delivery_resend_since(r->ctx, request_path(r, "id"), body.since, &resent.events));
    return reply_json(r, 202, endpoint_resend_shown, &resent);
}

struct error *endpoint_api_delete(struct request *r)
{
    TRY(endpoint_delete(r->ctx, request_path(r, "id")));
    return reply_empty(r, 204);
}
