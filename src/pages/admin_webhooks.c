#include "pages/admin_webhooks.h"

#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/check.h"
#include "base/ctx.h"
#include "pages/admin.h"
#include "pages/admin_view.h"
#include "payments/payment_store.h"
#include "payments/statistics.h"
#include "payments/webhook.h"
#include "provider/provider.h"
#include "web/request.h"

#define PAGE 50
#define AT_ONCE 200 // events of one click
#define DAY 86400

static const char *const source_names[] = { "delivered", "swept", NULL };
enum source { SOURCE_DELIVERED, SOURCE_SWEPT };

struct webhooks_query {
    const char *status, *source, *type, *payment, *cursor;
};

static const char *check_status(struct ctx *ctx, const char *text)
{
    (void)ctx;
    return name_index(webhook_status_names, text) < 0 ? "must be stored, processed, ignored or failed" : NULL;
}

static const char *check_source(struct ctx *ctx, const char *text)
{
    (void)ctx;
    return name_index(source_names, text) < 0 ? "must be delivered or swept" : NULL;
}

#define FILTERS                                                                                                        \
    FIELD(struct webhooks_query, status, .optional = true, .check = check_status),                                     \
        FIELD(struct webhooks_query, source, .optional = true, .check = check_source),                                 \
        FIELD(struct webhooks_query, type, .optional = true, .max = 100),                                              \
        FIELD(struct webhooks_query, payment, .optional = true, .max = 255, .check = check_id,                         \
            .summary = "The provider's id of a payment")

const struct field admin_webhooks_query[] = {
    FILTERS,
    FIELD_CURSOR(struct webhooks_query, "whe"),
    FIELD_END,
};

const struct field admin_webhooks_replay_asked[] = { FILTERS, FIELD_END };

static struct webhook_filter filter_of(const struct webhooks_query *query, int64_t limit)
{
    return (struct webhook_filter){
        .limit = limit,
        .cursor = query->cursor,
        .type = query->type,
        .payment_reference = query->payment,
        .status = query->status ? (unsigned)name_index(webhook_status_names, query->status) + 1 : 0,
        .source = query->source,
    };
}

static const char *address_of(struct ctx *ctx, const struct webhooks_query *query, const char *cursor)
{
    return view_link(ctx, "/admin/webhooks", "status", query->status, "source", query->source, "type", query->type,
        "payment", query->payment, "cursor", cursor, NULL);
}

/* Events ------------------------------------------------------------------------------------------------------------ */

static json_t *status_badge(struct ctx *ctx, enum webhook_status status)
{
    static const struct {
        enum tone tone;
        const char *word;
    } badges[] = {
        [WEBHOOK_STORED] = { TONE_INFO, "Waits" },
        [WEBHOOK_PROCESSED] = { TONE_GOOD, "Processed" },
        [WEBHOOK_IGNORED] = { TONE_MUTED, "Nothing to do" },
        [WEBHOOK_FAILED] = { TONE_BAD, "Failed" },
    };

    return view_badge(ctx, badges[status].tone, badges[status].word);
}

/* Why an event was ignored or failed. */
static const char *reason_words(struct ctx *ctx, const char *error)
{
    if (!error)
        return NULL;
    if (!strcmp(error, "unknown_object"))
        return "The provider does not know what it is about";
    if (!strcmp(error, "not_ours"))
        return "About a payment that was not made here";
    return view_words(ctx, error);
}

static json_t *event_view(struct ctx *ctx, const struct webhook_event *event)
{
    return json_pack("{ss, ss, ss, ss, so, so, sb, so, so, so, so, so, so}", "id", event->id, "provider",
        view_words(ctx, event->provider), "reference", event->provider_event_id, "type", event->type, "state",
        status_badge(ctx, event->status), "why", view_text(reason_words(ctx, event->error)), "swept",
        !strcmp(event->source, source_names[SOURCE_SWEPT]), "subject", view_text(event->object_id), "payment_reference",
        view_text(event->payment_reference), "api_version", view_text(event->api_version), "made",
        view_time(ctx, event->event_created_at), "received", view_time(ctx, event->received_at), "processed",
        view_time(ctx, event->processed_at));
}

/* Health ------------------------------------------------------------------------------------------------------------ */

static int64_t counted(const struct field_list *sums, const char *provider, const char *class, const char *method)
{
    const struct figure_filter filter = { .measure = "webhook",
        .provider = provider,
        .class = class,
        .method = method };

    return statistics_add_up(sums, &filter).count;
}

static struct error *endpoint_view(struct ctx *ctx, const char *provider, const struct field_list *sums, json_t **out)
{
    int64_t delivered = counted(sums, provider, NULL, "delivered"), swept = counted(sums, provider, NULL, "swept");
    int64_t refused = counted(sums, provider, NULL, "refused");
    struct webhook_health health;

    TRY(webhook_health(ctx, provider, &health));
    json_t *state = health.failed ? view_badge(ctx, TONE_BAD, "Events failed")
        : health.missing          ? view_badge(ctx, TONE_WARN, "Webhooks do not arrive")
        : delivered               ? view_badge(ctx, TONE_GOOD, "Arriving")
                                  : view_badge(ctx, TONE_MUTED, "Quiet");
    *out = json_pack("{ss, ss, so, so, so, so, sI, sI, sI, sI, sI, sb}", "name", view_words(ctx, provider), "address",
        arena_printf(ctx->arena, "%s/api/v1/webhooks/%s", ctx->config->url, provider), "state", state, "delivered_at",
        view_age(ctx, health.delivered_at), "looked_at", view_age(ctx, health.looked_at), "swept_at",
        view_age(ctx, health.swept_at), "delivered", (json_int_t)delivered, "swept", (json_int_t)swept, "refused",
        (json_int_t)refused, "waiting", (json_int_t)health.waiting, "failed", (json_int_t)health.failed, "missing",
        health.missing);
    return NULL;
}

static struct error *add_endpoints(struct ctx *ctx, json_t *view)
{
    struct instant to = instant_add_seconds(statistics_hour(ctx->now), 3600);
    json_t *list = json_array(), *endpoint;
    struct field_list sums;

    json_object_set_new(view, "endpoints", list);
    TRY(statistics_sums(ctx, instant_add_seconds(to, -DAY), to, &sums));
    for (const struct provider *const *place = provider_list(); *place; place++) {
        TRY(endpoint_view(ctx, (*place)->name, &sums, &endpoint));
        json_array_append_new(list, endpoint);
    }
    return NULL;
}

/* Pages ------------------------------------------------------------------------------------------------------------- */

static json_t *empty_view(const struct webhooks_query *query)
{
    if (query->status || query->source || query->type || query->payment)
        return json_pack("{ss, so, ss, ss}", "text", "No event is like this.", "hint", json_null(), "link",
            "/admin/webhooks", "word", "All events");
    return json_pack("{ss, ss, so, so}", "text", "No event has come yet.", "hint",
        "Give the address above to the provider; until then Till asks for events by itself every five minutes.", "link",
        json_null(), "word", json_null());
}

static struct error *list_page(struct request *r, const struct webhooks_query *query, const struct error *refused)
{
    struct ctx *ctx = r->ctx;
    json_t *view = json_in(ctx->arena, json_object()), *rows = json_array();
    const struct webhook_filter filter = filter_of(query, PAGE + 1);
    struct field_list events;
    const char *next = NULL;

    json_object_set_new(view, "events", rows);
    TRY(webhook_list(ctx, &filter, &events));
    const struct webhook_event *list = events.items;
    if (events.count > PAGE)
        next = list[--events.count - 1].id;
    for (size_t i = 0; i < events.count; i++)
        json_array_append_new(rows, event_view(ctx, &list[i]));
    TRY(add_endpoints(ctx, view));
    json_object_set_new(view, "statuses", view_options(ctx, webhook_status_names, query->status));
    json_object_set_new(view, "sources", view_options(ctx, source_names, query->source));
    json_object_set_new(view, "status", view_text(query->status));
    json_object_set_new(view, "source", view_text(query->source));
    json_object_set_new(view, "gap", json_boolean(query->source && !strcmp(query->source, source_names[SOURCE_SWEPT])));
    json_object_set_new(view, "type", view_text(query->type));
    json_object_set_new(view, "payment", view_text(query->payment));
    json_object_set_new(view, "pager",
        view_pager(query->cursor ? address_of(ctx, query, NULL) : NULL, next ? address_of(ctx, query, next) : NULL));
    if (!events.count)
        json_object_set_new(view, "empty", empty_view(query));
    json_object_set_new(view, "any", json_boolean(events.count > 0));
    json_object_set_new(view, "may_replay", json_boolean(events.count > 0 && admin_may(r, "webhooks:write")));
    json_object_set_new(view, "may_endpoints", json_boolean(admin_may(r, "endpoints:read")));
    json_object_set_new(view, "at_once", json_integer(AT_ONCE));
    return refused ? admin_refused(r, refused, "admin/webhooks", "Webhooks in", view)
                   : admin_page(r, 200, "admin/webhooks", "Webhooks in", view);
}

struct error *admin_webhooks(struct request *r)
{
    struct webhooks_query query = { 0 };

    TRY(request_query_fields(r, admin_webhooks_query, &query));
    return list_page(r, &query, NULL);
}

struct error *admin_webhooks_replay(struct request *r)
{
    struct webhooks_query query = { 0 };
    int64_t count;

    TRY(request_form(r, admin_webhooks_replay_asked, &query));
    const struct webhook_filter filter = filter_of(&query, AT_ONCE);
    TRY(webhook_replay_all(r->ctx, &filter, &count));
    return admin_done(r, address_of(r->ctx, &query, NULL), "%lld event%s processed again now.", (long long)count,
        count == 1 ? " is" : "s are");
}

/* Our payment that an event is about, if it is one of ours. */
static struct error *add_payment(struct ctx *ctx, const struct webhook_event *event, json_t *view)
{
    struct payment payment;
    bool found = false;

    if (event->payment_reference)
        TRY(payment_by_reference(ctx, event->provider, event->payment_reference, &payment, &found));
    json_object_set_new(view, "payment", view_text(found ? payment.id : NULL));
    return NULL;
}

struct error *admin_webhook(struct request *r)
{
    struct ctx *ctx = r->ctx;
    json_t *view = json_in(ctx->arena, json_object()), *payload;
    struct webhook_event event;

    TRY(webhook_get(ctx, request_path(r, "id"), &event));
    TRY(webhook_payload(ctx, event.id, &payload));
    json_object_set_new(view, "event", event_view(ctx, &event));
    TRY(add_payment(ctx, &event, view));
    if (payload) {
        char *text = json_dumps(view_redacted(ctx, payload), JSON_INDENT(2) | JSON_PRESERVE_ORDER);
        json_object_set_new(view, "payload", json_string(text ? text : ""));
        free(text);
    }
    json_object_set_new(view, "may_replay", json_boolean(admin_may(r, "webhooks:write")));
    return admin_page(r, 200, "admin/webhook", event.type, view);
}

const struct field admin_webhook_replay_asked[] = { FIELD_END };

struct error *admin_webhook_replay(struct request *r)
{
    struct webhook_event event;

    TRY(webhook_replay(r->ctx, request_path(r, "id"), &event));
    return admin_done(r, arena_printf(r->ctx->arena, "/admin/webhooks/%s", event.id),
        "The event is processed again now.");
}
