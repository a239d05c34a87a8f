#include "outward/delivery.h"

#include <string.h>

#include "base/arena.h"
#include "base/config.h"
#include "base/crypto.h"
#include "base/ctx.h"
#include "base/failpoint.h"
#include "base/id.h"
#include "db/db.h"
#include "events/audit.h"
#include "events/event.h"
#include "http/client.h"
#include "jobs/job.h"
#include "outward/delivery_store.h"
#include "outward/endpoint.h"
#include "outward/endpoint_store.h"
#include "outward/signature.h"

#define AT_ONCE 2
#define LEASE 60       // seconds, above the longest WEBHOOK_TIMEOUT_MS
#define RUN_MS 30000   // then another endpoint's turn may come
#define GIVE_UP_DAYS 5 // of refusing everything
#define ANSWER_AT_MOST (64 * 1024)
#define DAY 86400

/* Seconds before try 2, 3, …; with a tenth of jitter. */
static const int waits[] = { 5, 300, 1800, 7200, 18000, 36000, 50400, 72000, 86400 };
#define TRIES ((int)(sizeof waits / sizeof *waits) + 1)

/* One delivery in this run's hands. */
struct work {
    struct endpoint endpoint;
    struct delivery delivery;
    bool found;
    int64_t until; // monotonic: after that no other one is begun
};

struct error *delivery_find(struct ctx *ctx, const char *id, struct delivery *out)
{
    return delivery_get(ctx, id, out);
}

/* Taking one -------------------------------------------------------------------------------------------------------- */

/* The oldest that is due, while fewer than two are being sent; in case we do not live to record what came of it, its job comes
 * again when the lease is over. */
static struct error *take(struct ctx *ctx, const char *endpoint_id, struct work *work)
{
    struct error *error = endpoint_lock(ctx, endpoint_id, &work->endpoint);
    const char *other;
    int64_t in_flight;

    work->found = false;
    if (error && error->code == E_NOT_FOUND) // deleted meanwhile
        return NULL;
    TRY(error);
    if (work->endpoint.status != ENDPOINT_ENABLED)
        return NULL;
    TRY(delivery_in_flight(ctx, endpoint_id, &in_flight));
    if (in_flight >= AT_ONCE) // who sends those goes on with the rest
        return NULL;
    if (monotonic_ms() < work->until) {
        TRY(delivery_claim(ctx, endpoint_id, id_new(ctx, "claim"), LEASE, &work->delivery, &work->found));
        if (!work->found)
            return NULL;
        TRY(job_done(ctx, "event.deliver", work->delivery.id));
        TRY(job_add_later(ctx, "event.deliver", work->delivery.id, LEASE + 5));
        in_flight++;
    }
    TRY(delivery_next(ctx, endpoint_id, &other));
    return other && in_flight < AT_ONCE ? job_add(ctx, "event.deliver", other) : NULL;
}

/* Sending it -------------------------------------------------------------------------------------------------------- */

static struct error *send(struct ctx *ctx, const struct work *work, struct http_response *response)
{
    const struct delivery *delivery = &work->delivery;
    int64_t timestamp = instant_to_unix(ctx->now) - clock_offset(); // the receiver's clock has not been moved
    const char *secret, *before, *body, *signature;
    struct event event;

    TRY(event_get(ctx, delivery->event_id, &event));
    TRY(endpoint_secrets(ctx, &work->endpoint, &secret, &before));
    body = event_body(ctx, &event);
    signature = signature_of(ctx, secret, before, event.id, timestamp, bytes_of(body));
    if (!signature)
        return error_new(ctx, E_INTERNAL_ERROR, "The secret of %s is not one.", work->endpoint.id);

    const struct http_header headers[] = {
        { "Content-Type", "application/json" },
        { "Webhook-Id", event.id },
        { "Webhook-Timestamp", arena_printf(ctx->arena, "%lld", (long long)timestamp) },
        { "Webhook-Signature", signature },
        { NULL, NULL },
    };
    const struct http_request request = {
        .method = "POST",
        .url = work->endpoint.url,
        .headers = headers,
        .body = bytes_of(body),
        .timeout_ms = ctx->config->webhook_timeout_ms,
        .max_body = ANSWER_AT_MOST,
        .foreign = true,
        .discard = true,
    };
    failpoint("deliver", "before_send");
    http_send(ctx, &request, response);
    failpoint("deliver", "after_send");
    return NULL;
}

/* What came of it --------------------------------------------------------------------------------------------------- */

static bool was_taken(const struct http_response *response)
{
    return response->result == HTTP_ANSWERED && response->status >= 200 && response->status < 300;
}

static const char *what_was_wrong(struct ctx *ctx, const struct http_response *response)
{
    if (was_taken(response))
        return NULL;
    if (response->result != HTTP_ANSWERED)
        return response->cause ? response->cause : "no answer came";
    if (response->status >= 300 && response->status < 400)
        return arena_printf(ctx->arena, "it answered %d; redirects are not followed", response->status);
    return arena_printf(ctx->arena, "it answered %d", response->status);
}

static int64_t wait_before_next(const struct delivery *delivery, const struct http_response *response)
{
    int64_t wait = waits[delivery->tries - 1];
    uint16_t jitter;

    crypto_random(&jitter, sizeof jitter);
    wait += wait * jitter / UINT16_MAX / 10;
    bool asks = response->status == 429 || response->status == 503;
    return asks && response->retry_after > wait ? response->retry_after : wait;
}

static void judge(struct ctx *ctx, const struct http_response *response, struct delivery *delivery)
{
    delivery->tries++;
    delivery->answer = response->result == HTTP_ANSWERED ? response->status : 0;
    delivery->error = what_was_wrong(ctx, response);
    delivery->updated_at = ctx->now;
    if (!delivery->error)
        delivery->status = DELIVERY_DELIVERED;
    else if (delivery->tries >= TRIES || delivery->answer == 410)
        delivery->status = DELIVERY_FAILED;
    else
        delivery->due_at = instant_add_seconds(ctx->now, wait_before_next(delivery, response));
}

/* How the endpoint does as a whole. */
static struct error *note_health(struct ctx *ctx, struct endpoint *endpoint, const struct delivery *delivery)
{
    TRY(endpoint_lock(ctx, endpoint->id, endpoint));
    if (!delivery->error) {
        endpoint->failing_since = (struct instant){ 0 };
        endpoint->delivered_at = ctx->now;
    } else if (!instant_is_set(endpoint->failing_since)) {
        endpoint->failing_since = ctx->now;
    }
    TRY(endpoint_update(ctx, endpoint));
    if (delivery->answer == 410)
        return endpoint_disable(ctx, endpoint->id, "gone", endpoint);
    if (delivery->error && ctx->now.us - endpoint->failing_since.us > INT64_C(1000000) * GIVE_UP_DAYS * DAY)
        return endpoint_disable(ctx, endpoint->id, "failing", endpoint);
    return NULL;
}

static struct error *record(struct ctx *ctx, struct work *work, const struct delivery *delivery, int64_t took_ms)
{
    const struct delivery_attempt attempt = { delivery->attempts, ctx->now, delivery->answer, delivery->error,
        took_ms };
    struct error *error = note_health(ctx, &work->endpoint, delivery);
    bool mine;

    if (error && error->code != E_NOT_FOUND)
        return error;
    TRY(delivery_record(ctx, delivery, &mine));
    if (mine) {
        TRY(delivery_attempt_insert(ctx, delivery->id, &attempt));
        TRY(job_done(ctx, "event.deliver", delivery->id));
        if (delivery->status == DELIVERY_PENDING)
            TRY(job_add_later(ctx, "event.deliver", delivery->id,
                delivery->due_at.us / 1000000 - ctx->now.us / 1000000));
    }
    return take(ctx, delivery->endpoint_id, work);
}

struct error *delivery_task(struct ctx *ctx, const struct job *job)
{
    struct work work = { .until = monotonic_ms() + RUN_MS };
    struct http_response response = { 0 };
    struct error *error = delivery_get(ctx, job->subject, &work.delivery);

    if (error && error->code == E_NOT_FOUND) // forgotten meanwhile
        return NULL;
    TRY(error);
    TRY(IN_TX(ctx, take(ctx, work.delivery.endpoint_id, &work)));
    while (work.found) {
        struct delivery delivery = work.delivery;

        ctx->now = clock_now();
        TRY(send(ctx, &work, &response));
        ctx->now = clock_now();
        judge(ctx, &response, &delivery);
        TRY(IN_TX(ctx, record(ctx, &work, &delivery, response.took_ms)));
    }
    return NULL;
}

/* Again ------------------------------------------------------------------------------------------------------------- */

static struct error *lock_enabled(struct ctx *ctx, const char *endpoint_id, struct endpoint *endpoint)
{
    TRY(endpoint_lock(ctx, endpoint_id, endpoint));
    if (endpoint->status != ENDPOINT_ENABLED)
        return error_new(ctx, E_INVALID_STATUS, "The endpoint is disabled; enable it first.");
    return NULL;
}

static struct error *resend_event(struct ctx *ctx, const char *event_id, const char *endpoint_id, struct delivery *out)
{
    struct endpoint endpoint;
    struct event event;
    const char *id;

    TRY(event_get(ctx, event_id, &event));
    TRY(lock_enabled(ctx, endpoint_id, &endpoint));
    TRY(delivery_put(ctx, event.id, endpoint.id, &id));
    TRY(audit_add(ctx, "delivery.resent", id, NULL));
    TRY(job_add(ctx, "event.deliver", id));
    return delivery_get(ctx, id, out);
}

struct error *delivery_resend_event(struct ctx *ctx, const char *event_id, const char *endpoint_id,
    struct delivery *out)
{
    return IN_TX(ctx, resend_event(ctx, event_id, endpoint_id, out));
}

struct error *delivery_resend(struct ctx *ctx, const char *id, struct delivery *out)
{
    struct delivery delivery;

    TRY(delivery_get(ctx, id, &delivery));
    return delivery_resend_event(ctx, delivery.event_id, delivery.endpoint_id, out);
}

static struct error *resend_since(struct ctx *ctx, const char *endpoint_id, struct instant since, int64_t *count)
{
    struct endpoint endpoint;
    const char *next;

    TRY(lock_enabled(ctx, endpoint_id, &endpoint));
    TRY(delivery_put_since(ctx, &endpoint, since, count));
    TRY(audit_add(ctx, "endpoint.resent", endpoint.id,
        json_in(ctx->arena,
            json_pack("{ss, sI}", "since", instant_format(ctx->arena, since, false), "events", (json_int_t)*count))));
    TRY(delivery_next(ctx, endpoint.id, &next));
    return next ? job_add(ctx, "event.deliver", next) : NULL;
}

struct error *delivery_resend_since(struct ctx *ctx, const char *endpoint_id, struct instant since, int64_t *count)
{
    return IN_TX(ctx, resend_since(ctx, endpoint_id, since, count));
}
