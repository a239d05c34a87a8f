#include "pages/admin_endpoints.h"

#include <stdlib.h>
#include <string.h>

#include "access/session.h"
#include "base/arena.h"
#include "base/buf.h"
#include "base/ctx.h"
#include "events/event.h"
#include "outward/delivery.h"
#include "outward/endpoint.h"
#include "outward/endpoint_store.h"
#include "pages/admin.h"
#include "pages/admin_view.h"
#include "web/request.h"

#define PAGE 50
#define ALL 1000
#define HOUR 3600
#define HOME "/admin/webhooks/endpoints"

static const char *address_of(struct request *r, const char *id)
{
    return arena_printf(r->ctx->arena, HOME "/%s", id);
}

/* Endpoints --------------------------------------------------------------------------------------------------------- */

static json_t *state_badge(struct ctx *ctx, const struct endpoint *endpoint)
{
    const char *reason = endpoint->disabled_reason;

    if (endpoint->status == ENDPOINT_DISABLED)
        return reason && strcmp(reason, "asked") ? view_badge(ctx, TONE_BAD, "Disabled: took nothing")
                                                 : view_badge(ctx, TONE_MUTED, "Disabled");
    return instant_is_set(endpoint->failing_since) ? view_badge(ctx, TONE_WARN, "Takes nothing now")
                                                   : view_badge(ctx, TONE_GOOD, "Hears");
}

static const char *types_text(struct ctx *ctx, const struct endpoint *endpoint)
{
    struct buf out = { .arena = ctx->arena };
    json_t *type;
    size_t i;

    json_array_foreach(endpoint->events, i, type) buf_printf(&out, "%s%s", i ? " " : "", json_string_value(type));
    return buf_string(&out);
}

static json_t *endpoint_view(struct ctx *ctx, const struct endpoint *endpoint)
{
    return json_pack("{ss, ss, so, ss, so, sb, so, so, so, so}", "id", endpoint->id, "url", endpoint->url,
        "description", view_text(endpoint->description), "events", types_text(ctx, endpoint), "state",
        state_badge(ctx, endpoint), "enabled", endpoint->status == ENDPOINT_ENABLED, "delivered",
        view_age(ctx, endpoint->delivered_at), "failing", view_age(ctx, endpoint->failing_since), "both_until",
        endpoint->secret_changes_at.us > ctx->now.us ? view_time(ctx, endpoint->secret_changes_at) : json_null(),
        "created", view_time(ctx, endpoint->created_at));
}

struct endpoint_form {
    const char *url, *description, *events;
};

const struct field admin_endpoint_asked[] = {
    FIELD(struct endpoint_form, url, .min = 1, .max = 2000),
    FIELD(struct endpoint_form, description, .optional = true, .max = 200),
    FIELD(struct endpoint_form, events, .optional = true, .max = 2000, .summary = "Types by spaces"),
    FIELD_END,
};

static struct error *list_view(struct request *r, const struct endpoint_form *typed, json_t **out)
{
    struct ctx *ctx = r->ctx;
    json_t *rows = json_array(), *types = json_array();
    struct field_list list;

    *out = json_in(ctx->arena, json_pack("{so, so}", "endpoints", rows, "types", types));
    TRY(endpoint_list(ctx, NULL, ALL, &list));
    for (size_t i = 0; i < list.count; i++)
        json_array_append_new(rows, endpoint_view(ctx, (const struct endpoint *)list.items + i));
    for (const struct event_type *type = event_types; type->name; type++)
        json_array_append_new(types, json_pack("{ss, ss}", "name", type->name, "words", type->summary));
    json_object_set_new(*out, "any", json_boolean(list.count > 0));
    if (!list.count)
        json_object_set_new(*out, "empty",
            json_pack("{ss, ss}", "text", "Nobody hears of events yet.", "hint",
                "Add the address of your application; it is told what happens to payments and refunds."));
    json_object_set_new(*out, "typed_url", view_text(typed->url));
    json_object_set_new(*out, "typed_description", view_text(typed->description));
    json_object_set_new(*out, "typed_events", view_text(typed->events));
    json_object_set_new(*out, "may_write", json_boolean(admin_may(r, "endpoints:write")));
    return NULL;
}

struct error *admin_endpoints(struct request *r)
{
    const struct endpoint_form typed = { .events = "*" };
    json_t *view;

    TRY(list_view(r, &typed, &view));
    return admin_page(r, 200, "admin/endpoints", "Webhooks out", view);
}

/* The types of a form as the rules take them; NULL for none. */
static struct error *read_types(struct ctx *ctx, const char *text, json_t **out)
{
    char *list = arena_strdup(ctx->arena, text ? text : ""), *rest = NULL;
    json_t *types = json_in(ctx->arena, json_array());
    struct error *error = NULL;

    for (char *type = strtok_r(list, " ,\r\n", &rest); type; type = strtok_r(NULL, " ,\r\n", &rest)) {
        const char *why = check_event_type(ctx, type);
        if (why)
            error_add_field(ctx, &error, "#/events", "%s", why);
        json_array_append_new(types, json_string(type));
    }
    *out = json_array_size(types) ? types : NULL;
    return error;
}

/* The secret is shown this once. */
static struct error *show_secret(struct request *r, const struct endpoint *endpoint, const char *secret)
{
    return admin_page(r, 200, "admin/endpoint-secret", "A new secret",
        json_in(r->ctx->arena,
            json_pack("{ss, ss, ss, so}", "id", endpoint->id, "url", endpoint->url, "secret", secret, "both_until",
                view_time(r->ctx, endpoint->secret_changes_at))));
}

struct error *admin_endpoint_create(struct request *r)
{
    struct endpoint_form form = { 0 };
    struct endpoint_request request = { 0 };
    struct endpoint endpoint;
    const char *secret;
    json_t *view;

    if (!session_demand_step_up(r, HOME))
        return NULL;
    struct error *error = request_form(r, admin_endpoint_asked, &form);
    if (!error)
        error = read_types(r->ctx, form.events, &request.events);
    request.url = form.url;
    request.description = form.description;
    if (!error)
        error = endpoint_create(r->ctx, &request, &endpoint, &secret);
    if (!error)
        return show_secret(r, &endpoint, secret);
    TRY(list_view(r, &form, &view));
    return admin_refused(r, error, "admin/endpoints", "Webhooks out", view);
}

/* One endpoint ------------------------------------------------------------------------------------------------------ */

static json_t *delivery_badge(struct ctx *ctx, enum delivery_status status)
{
    static const struct {
        enum tone tone;
        const char *word;
    } badges[] = {
        [DELIVERY_PENDING] = { TONE_INFO, "On its way" },
        [DELIVERY_DELIVERED] = { TONE_GOOD, "Delivered" },
        [DELIVERY_FAILED] = { TONE_BAD, "Failed" },
        [DELIVERY_CANCELLED] = { TONE_MUTED, "Cancelled" },
    };

    return view_badge(ctx, badges[status].tone, badges[status].word);
}

static json_t *delivery_view(struct ctx *ctx, const struct delivery *delivery)
{
    return json_pack("{ss, ss, ss, ss, so, si, so, so, so, so}", "id", delivery->id, "endpoint_id",
        delivery->endpoint_id, "event_id", delivery->event_id, "type", delivery->event_type, "state",
        delivery_badge(ctx, delivery->status), "attempts", delivery->attempts, "why", view_text(delivery->error),
        "next", delivery->status == DELIVERY_PENDING ? view_age(ctx, delivery->due_at) : json_null(), "created",
        view_time(ctx, delivery->created_at), "updated", view_time(ctx, delivery->updated_at));
}

struct endpoint_query {
    const char *status, *cursor;
};

static const char *check_status(struct ctx *ctx, const char *text)
{
    (void)ctx;
    return name_index(delivery_status_names, text) < 0 ? "must be pending, delivered, failed or cancelled" : NULL;
}

const struct field admin_endpoint_query[] = {
    FIELD(struct endpoint_query, status, .optional = true, .check = check_status),
    FIELD_CURSOR(struct endpoint_query, "dlv"),
    FIELD_END,
};

static struct error *add_deliveries(struct request *r, const struct endpoint *endpoint,
    const struct endpoint_query *query, json_t *view)
{
    const char *here = address_of(r, endpoint->id), *next = NULL;
    json_t *rows = json_array();
    const struct delivery_filter filter = {
        .endpoint_id = endpoint->id,
        .cursor = query->cursor,
        .status = query->status ? (unsigned)name_index(delivery_status_names, query->status) + 1 : 0,
        .limit = PAGE + 1,
    };
    struct field_list list;

    json_object_set_new(view, "deliveries", rows);
    TRY(delivery_list(r->ctx, &filter, &list));
    if (list.count > PAGE)
        next = ((const struct delivery *)list.items)[--list.count - 1].id;
    for (size_t i = 0; i < list.count; i++)
        json_array_append_new(rows, delivery_view(r->ctx, (const struct delivery *)list.items + i));
    json_object_set_new(view, "any", json_boolean(list.count > 0));
    if (!list.count)
        json_object_set_new(view, "empty", json_pack("{ss}", "text", "No delivery is like this."));
    json_object_set_new(view, "pager",
        view_pager(query->cursor ? view_link(r->ctx, here, "status", query->status, NULL) : NULL,
            next ? view_link(r->ctx, here, "status", query->status, "cursor", next, NULL) : NULL));
    return NULL;
}

struct error *admin_endpoint(struct request *r)
{
    struct endpoint_query query = { 0 };
    json_t *view = json_in(r->ctx->arena, json_object());
    struct endpoint endpoint;

    TRY(request_query_fields(r, admin_endpoint_query, &query));
    TRY(endpoint_find(r->ctx, request_path(r, "id"), &endpoint));
    json_object_set_new(view, "endpoint", endpoint_view(r->ctx, &endpoint));
    TRY(add_deliveries(r, &endpoint, &query, view));
    json_object_set_new(view, "statuses", view_options(r->ctx, delivery_status_names, query.status));
    json_object_set_new(view, "may_write", json_boolean(admin_may(r, "endpoints:write")));
    return admin_page(r, 200, "admin/endpoint", endpoint.url, view);
}

enum wanted { WANTED_ENABLED, WANTED_DISABLED, WANTED_DELETED };
static const char *const wanted_names[] = { "enabled", "disabled", "deleted", NULL };

struct state_form {
    unsigned state;
};

const struct field admin_endpoint_state_asked[] = {
    FIELD(struct state_form, state, .names = wanted_names),
    FIELD_END,
};

struct error *admin_endpoint_state(struct request *r)
{
    const char *id = request_path(r, "id");
    struct state_form form = { 0 };
    struct endpoint endpoint;

    TRY(request_form(r, admin_endpoint_state_asked, &form));
    if (form.state == WANTED_DELETED) {
        TRY(endpoint_delete(r->ctx, id));
        return admin_done(r, HOME, "The endpoint is gone.");
    }
    if (form.state == WANTED_DISABLED) {
        TRY(endpoint_disable(r->ctx, id, "asked", &endpoint));
        return admin_done(r, address_of(r, id), "Nothing is sent there until it is enabled.");
    }
    TRY(endpoint_enable(r->ctx, id, &endpoint));
    return admin_done(r, address_of(r, id), "It hears of events again; what waited is sent now.");
}

struct rotate_form {
    int64_t overlap_hours;
};

const struct field admin_endpoint_rotate_asked[] = {
    FIELD(struct rotate_form, overlap_hours, .min = 0, .max = 168),
    FIELD_END,
};

struct error *admin_endpoint_rotate(struct request *r)
{
    struct rotate_form form = { 0 };
    const char *id = request_path(r, "id"), *secret;
    struct endpoint endpoint;

    if (!session_demand_step_up(r, address_of(r, id)))
        return NULL;
    TRY(request_form(r, admin_endpoint_rotate_asked, &form));
    TRY(endpoint_rotate(r->ctx, id, form.overlap_hours * HOUR, &endpoint, &secret));
    return show_secret(r, &endpoint, secret);
}

struct resend_form {
    int64_t hours;
};

const struct field admin_endpoint_resend_asked[] = {
    FIELD(struct resend_form, hours, .min = 1, .max = 2160),
    FIELD_END,
};

struct error *admin_endpoint_resend(struct request *r)
{
    struct resend_form form = { 0 };
    const char *id = request_path(r, "id");
    int64_t count;

    TRY(request_form(r, admin_endpoint_resend_asked, &form));
    TRY(delivery_resend_since(r->ctx, id, instant_add_seconds(r->ctx->now, -form.hours * HOUR), &count));
    return admin_done(r, address_of(r, id), "%lld event%s sent now.", (long long)count, count == 1 ? " is" : "s are");
}

/* One delivery ------------------------------------------------------------------------------------------------------ */

struct error *admin_delivery(struct request *r)
{
    struct ctx *ctx = r->ctx;
    json_t *view = json_in(ctx->arena, json_object()), *rows = json_array();
    struct delivery delivery;
    struct event event;
    struct field_list attempts;

    json_object_set_new(view, "log", rows);
    TRY(delivery_find(ctx, request_path(r, "id"), &delivery));
    TRY(event_get(ctx, delivery.event_id, &event));
    TRY(delivery_attempts(ctx, delivery.id, &attempts));
    for (size_t i = 0; i < attempts.count; i++) {
        const struct delivery_attempt *one = (const struct delivery_attempt *)attempts.items + i;
        json_array_append_new(rows,
            json_pack("{si, so, so, so, sI}", "number", one->number, "at", view_time(ctx, one->at), "answer",
                one->answer ? json_integer(one->answer) : json_null(), "why", view_text(one->error), "took_ms",
                (json_int_t)one->took_ms));
    }
    json_object_set_new(view, "any", json_boolean(attempts.count > 0));
    json_object_set_new(view, "delivery", delivery_view(ctx, &delivery));
    json_object_set_new(view, "place", view_text(view_place(ctx, event.object_id)));
    json_object_set_new(view, "subject", json_string(event.object_id));
    char *text = json_dumps(view_redacted(ctx, event.payload), JSON_INDENT(2) | JSON_PRESERVE_ORDER);
    json_object_set_new(view, "payload", json_string(text ? text : ""));
    free(text);
    json_object_set_new(view, "may_write", json_boolean(admin_may(r, "endpoints:write")));
    return admin_page(r, 200, "admin/delivery", event.type, view);
}

struct error *admin_delivery_resend(struct request *r)
{
    struct delivery delivery;

    TRY(delivery_resend(r->ctx, request_path(r, "id"), &delivery));
    return admin_done(r, arena_printf(r->ctx->arena, "/admin/webhooks/deliveries/%s", delivery.id),
        "The event is sent again now.");
}
