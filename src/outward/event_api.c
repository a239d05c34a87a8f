#include "outward/event_api.h"

#include "base/arena.h"
#include "base/check.h"
#include "base/ctx.h"
#include "events/event.h"
#include "outward/delivery.h"
#include "web/reply.h"
#include "web/request.h"

#define PAGE 20

/* Events ------------------------------------------------------------------------------------------------------------ */

struct event_query {
    int64_t limit;
    const char *cursor, *type, *object_id;
};

const struct field event_list_query[] = {
    FIELD(struct event_query, limit, .optional = true, .min = 1, .max = 100),
    FIELD_CURSOR(struct event_query, "evt"),
    FIELD(struct event_query, type, .optional = true, .max = 100),
    FIELD(struct event_query, object_id, .optional = true, .max = 255, .check = check_id,
        .summary = "A payment, refund or dispute"),
    FIELD_END,
};

struct error *event_api_list(struct request *r)
{
    struct event_query query = { .limit = PAGE };
    struct field_list events, views;
    const char *cursor = NULL;

    TRY(request_query_fields(r, event_list_query, &query));
    const struct event_filter filter = { query.type, query.object_id, query.cursor, query.limit + 1 };
    TRY(event_list(r->ctx, &filter, &events));
    if ((int64_t)events.count > query.limit)
        cursor = ((const struct event *)events.items)[--events.count - 1].id;
    views =
        (struct field_list){ arena_array(r->ctx->arena, events.count + 1, sizeof(struct event_view)), events.count };
    for (size_t i = 0; i < events.count; i++)
        event_view(r->ctx, (const struct event *)events.items + i, (struct event_view *)views.items + i);
    return reply_list(r, event_shown, sizeof(struct event_view), &views, cursor);
}

struct error *event_api_get(struct request *r)
{
    struct event event;
    struct event_view view;

    TRY(event_get(r->ctx, request_path(r, "id"), &event));
    event_view(r->ctx, &event, &view);
    return reply_json(r, 200, event_shown, &view);
}

/* Deliveries -------------------------------------------------------------------------------------------------------- */

struct view {
    const char *id, *endpoint_id, *event_id, *event_type;
    unsigned status;
    int attempts;
    struct instant next_attempt_at;
    int response_status;
    const char *error;
    struct instant created_at, updated_at;
    struct field_list log;
};

static const struct field attempt_shown[] = {
    FIELD(struct delivery_attempt, number),
    FIELD(struct delivery_attempt, at),
    { .name = "response_status", .kind = FIELD_INT32, .offset = offsetof(struct delivery_attempt, answer) },
    FIELD(struct delivery_attempt, error),
    FIELD(struct delivery_attempt, took_ms),
    FIELD_END,
};

/* clang-format off */
#define SHOWN                                                                                                          \
    FIELD(struct view, id),                                                                                            \
    FIELD(struct view, endpoint_id),                                                                                   \
    FIELD(struct view, event_id),                                                                                      \
    FIELD(struct view, event_type),                                                                                    \
    FIELD(struct view, status, .names = delivery_status_names),                                                        \
    FIELD(struct view, attempts, .summary = "How often it was sent"),                                                  \
    FIELD(struct view, next_attempt_at, .summary = "null when it is over"),                                            \
    FIELD(struct view, response_status, .summary = "HTTP status of the last answer, 0 when none came"),                \
    FIELD(struct view, error, .summary = "Why the last try failed"),                                                   \
    FIELD(struct view, created_at),                                                                                    \
    FIELD(struct view, updated_at)
/* clang-format on */

const struct field delivery_shown[] = { SHOWN, FIELD_END };

const struct field delivery_detail_shown[] = {
    SHOWN,
    FIELD_LIST_OF(struct view, log, struct delivery_attempt, attempt_shown,
        .summary = "Each time that it was sent, the last one first"),
    FIELD_END,
};

static struct view view_of(const struct delivery *delivery)
{
    return (struct view){
        .id = delivery->id,
        .endpoint_id = delivery->endpoint_id,
        .event_id = delivery->event_id,
        .event_type = delivery->event_type,
        .status = delivery->status,
        .attempts = delivery->attempts,
        .next_attempt_at = delivery->status == DELIVERY_PENDING ? delivery->due_at : (struct instant){ 0 },
        .response_status = delivery->answer,
        .error = delivery->error,
        .created_at = delivery->created_at,
        .updated_at = delivery->updated_at,
    };
}

struct delivery_query {
    int64_t limit;
    const char *cursor, *endpoint_id, *event_id, *status;
};

static const char *check_status(struct ctx *ctx, const char *text)
{
    (void)ctx;
    return name_index(delivery_status_names, text) < 0 ? "must be pending, delivered, failed or cancelled" : NULL;
}

const struct field delivery_list_query[] = {
    FIELD(struct delivery_query, limit, .optional = true, .min = 1, .max = 100),
    FIELD_CURSOR(struct delivery_query, "dlv"),
    FIELD(struct delivery_query, endpoint_id, .optional = true, .max = 255, .check = check_id),
    FIELD(struct delivery_query, event_id, .optional = true, .max = 255, .check = check_id),
    FIELD(struct delivery_query, status, .optional = true, .check = check_status),
    FIELD_END,
};

struct error *delivery_api_list(struct request *r)
{
    struct delivery_query query = { .limit = PAGE };
    struct field_list rows, views;
    const char *cursor = NULL;

    TRY(request_query_fields(r, delivery_list_query, &query));
    const struct delivery_filter filter = {
        .endpoint_id = query.endpoint_id,
        .event_id = query.event_id,
        .cursor = query.cursor,
        .status = query.status ? (unsigned)name_index(delivery_status_names, query.status) + 1 : 0,
        .limit = query.limit + 1,
    };
    TRY(delivery_list(r->ctx, &filter, &rows));
    if ((int64_t)rows.count > query.limit)
        cursor = ((const struct delivery *)rows.items)[--rows.count - 1].id;
    views = (struct field_list){ arena_array(r->ctx->arena, rows.count + 1, sizeof(struct view)), rows.count };
    for (size_t i = 0; i < rows.count; i++)
        ((struct view *)views.items)[i] = view_of((const struct delivery *)rows.items + i);
    return reply_list(r, delivery_shown, sizeof(struct view), &views, cursor);
}

struct error *delivery_api_get(struct request *r)
{
    struct delivery delivery;

    TRY(delivery_find(r->ctx, request_path(r, "id"), &delivery));
    struct view view = view_of(&delivery);
    TRY(delivery_attempts(r->ctx, delivery.id, &view.log));
    return reply_json(r, 200, delivery_detail_shown, &view);
}

static struct error *resent(struct request *r, const struct delivery *delivery)
{
    struct view view = view_of(delivery);

    return reply_json(r, 202, delivery_shown, &view);
}

struct error *delivery_api_resend(struct request *r)
{
    struct delivery delivery;

    TRY(delivery_resend(r->ctx, request_path(r, "id"), &delivery));
    return resent(r, &delivery);
}

struct resend_body {
    const char *endpoint_id;
};

const struct field event_resend_asked[] = {
    FIELD(struct resend_body, endpoint_id, .max = 255, .check = check_id, .summary = "To which endpoint"),
    FIELD_END,
};

struct error *event_api_resend(struct request *r)
{
    struct resend_body body = { 0 };
    struct delivery delivery;

    TRY(request_json(r, event_resend_asked, &body));
    TRY(delivery_resend_event(r->ctx, request_path(r, "id"), body.endpoint_id, &delivery));
    return resent(r, &delivery);
}
