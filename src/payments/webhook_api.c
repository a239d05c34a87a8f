#include "payments/webhook_api.h"

#include "access/rate_limit.h"
#include "base/arena.h"
#include "base/check.h"
#include "base/config.h"
#include "base/ctx.h"
#include "payments/statistics.h"
#include "payments/webhook.h"
#include "web/reply.h"
#include "web/request.h"

#define PAGE 20

struct received {
    const char *status;
    bool received;
};

const struct field webhook_received_shown[] = {
    FIELD(struct received, status),
    FIELD(struct received, received),
    FIELD_END,
};

static const char *header(void *from, const char *name)
{
    return request_header(from, name);
}

/* Only what has no good signature is counted: a flood of it never keeps a genuine event out. */
static struct error *count_bad(struct request *r, struct error *error)
{
    struct rate_limit limit;

    TRY(rate_limit_count(r->ctx, arena_printf(r->ctx->arena, "webhook:%s", r->ctx->address ? r->ctx->address : ""),
        r->ctx->config->webhook_rate_per_minute, 60, &limit));
    TRY(statistics_refused(r->ctx, "stripe", error->code == E_INVALID_SIGNATURE ? "bad_signature" : "bad_payload"));
    return error;
}

struct error *webhook_api_stripe(struct request *r)
{
    struct received received = { "success", true };
    bool duplicate;
    struct error *error = webhook_receive(r->ctx, "stripe", r->body, header, r, &duplicate);

    if (error && (error->code == E_INVALID_SIGNATURE || error->code == E_INVALID_PAYLOAD))
        return count_bad(r, error);
    TRY(error);
    return reply_json(r, 200, webhook_received_shown, &received);
}

struct error *webhook_api_stripe_plain(struct request *r)
{
    struct error *error = webhook_api_stripe(r);

    if (error)
        error->detail = arena_printf(r->ctx->arena, "Webhook Error: %s", error->detail);
    return error;
}

/* Stored events ----------------------------------------------------------------------------------------------------- */

const struct field webhook_shown[] = {
    FIELD(struct webhook_event, id),
    FIELD(struct webhook_event, provider),
    FIELD(struct webhook_event, provider_event_id),
    FIELD(struct webhook_event, type),
    FIELD(struct webhook_event, api_version),
    FIELD(struct webhook_event, object_id),
    FIELD(struct webhook_event, payment_reference),
    FIELD(struct webhook_event, status, .names = webhook_status_names),
    FIELD(struct webhook_event, error),
    FIELD(struct webhook_event, event_created_at),
    FIELD(struct webhook_event, received_at),
    FIELD(struct webhook_event, processed_at),
    FIELD_END,
};

struct list_query {
    int64_t limit;
    const char *cursor, *provider, *type, *payment_reference, *status;
};

static const char *check_status(struct ctx *ctx, const char *text)
{
    (void)ctx;
    return name_index(webhook_status_names, text) < 0 ? "must be stored, processed, ignored or failed" : NULL;
}

const struct field webhook_list_query[] = {
    FIELD(struct list_query, limit, .optional = true, .min = 1, .max = 100),
    FIELD_CURSOR(struct list_query, "whe"),
    FIELD(struct list_query, provider, .optional = true, .max = 40, .check = check_id),
    FIELD(struct list_query, type, .optional = true, .max = 100),
    FIELD(struct list_query, payment_reference, .optional = true, .max = 255, .check = check_id,
        .summary = "The provider's id of a payment"),
    FIELD(struct list_query, status, .optional = true, .check = check_status),
    FIELD_END,
};

struct error *webhook_api_list(struct request *r)
{
    struct list_query query = { .limit = PAGE };
    struct field_list events;
    const char *cursor = NULL;

    TRY(request_query_fields(r, webhook_list_query, &query));
    struct webhook_filter filter = {
        .limit = query.limit + 1,
        .cursor = query.cursor,
        .provider = query.provider,
        .type = query.type,
        .payment_reference = query.payment_reference,
        .status = query.status ? (unsigned)name_index(webhook_status_names, query.status) + 1 : 0,
    };
    TRY(webhook_list(r->ctx, &filter, &events));
    if ((int64_t)events.count > query.limit)
        cursor = ((const struct webhook_event *)events.items)[--events.count - 1].id;
    return reply_list(r, webhook_shown, sizeof(struct webhook_event), &events, cursor);
}

struct error *webhook_api_get(struct request *r)
{
    struct webhook_event event;

    TRY(webhook_get(r->ctx, request_path(r, "id"), &event));
    return reply_json(r, 200, webhook_shown, &event);
}

struct replay_body {
    const char *event_id;
};

const struct field webhook_replay_asked[] = {
    FIELD(struct replay_body, event_id, .max = 255, .check = check_id, .summary = "Ours or the provider's"),
    FIELD_END,
};

struct error *webhook_api_replay(struct request *r)
{
    struct replay_body body = { 0 };
    struct webhook_event event;

    TRY(request_json(r, webhook_replay_asked, &body));
    TRY(webhook_replay(r->ctx, body.event_id, &event));
    return reply_json(r, 202, webhook_shown, &event);
}
