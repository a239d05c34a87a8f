#include "payments/checkout.h"

#include <string.h>
#include <time.h>

#include "access/idempotency.h"
#include "access/rate_limit.h"
#include "base/arena.h"
#include "base/config.h"
#include "base/crypto.h"
#include "base/ctx.h"
#include "base/failpoint.h"
#include "base/id.h"
#include "customers/customer.h"
#include "customers/method.h"
#include "db/db.h"
#include "events/audit.h"
#include "jobs/job.h"
#include "payments/checkout_store.h"
#include "payments/payment.h"
#include "payments/payment_store.h"

#define MIN_SECONDS 60
#define MAX_SECONDS (30 * 86400)

/* Making one -------------------------------------------------------------------------------------------------------- */

static struct error *sum_items(struct ctx *ctx, const struct checkout_request *request, struct money *amount)
{
    const struct checkout_item *items = request->items.items;
    struct error *error = NULL;
    struct money sum = { 0 };

    for (size_t i = 0; i < request->items.count; i++) {
        if (i == 0)
            sum = items[i].amount;
        else if (!money_same_currency(sum, items[i].amount))
            error_add_field(ctx, &error, arena_printf(ctx->arena, "#/items/%zu/amount/currency", i),
                "must be %s, as the first item's", sum.currency);
        else
            TRY(money_add(ctx, sum, items[i].amount, &sum));
    }
    TRY(error);
    if (!*amount->currency && !*sum.currency)
        error_add_field(ctx, &error, "#/amount", "is needed where there are no items");
    else if (*amount->currency && *sum.currency && (!money_same_currency(*amount, sum) || amount->minor != sum.minor))
        error_add_field(ctx, &error, "#/amount", "must be the sum of the items, %s %s", money_value(ctx->arena, sum),
            sum.currency);
    else if (!*amount->currency)
        *amount = sum;
    return error;
}

static json_t *write_items(struct ctx *ctx, const struct field_list *list)
{
    static const struct field item[] = {
        FIELD(struct checkout_item, name),
        FIELD(struct checkout_item, quantity),
        FIELD(struct checkout_item, amount),
        FIELD_END,
    };
    json_t *items = json_in(ctx->arena, json_array());

    for (size_t i = 0; i < list->count; i++)
        json_array_append(items, field_write(ctx, item, (const struct checkout_item *)list->items + i));
    return items;
}

static struct error *insert(struct ctx *ctx, const struct checkout *session)
{
    TRY(idempotency_take(ctx, session->id));
    TRY(checkout_insert(ctx, session));
    TRY(audit_add(ctx, "checkout.created", session->id,
        json_in(ctx->arena,
            json_pack("{sI, ss}", "amount", (json_int_t)session->amount.minor, "currency", session->amount.currency))));
    return job_add_later(ctx, "checkout.expire", session->id, (session->expires_at.us - ctx->now.us) / 1000000 + 1);
}

struct error *checkout_create(struct ctx *ctx, const struct checkout_request *request, struct checkout *out)
{
    int64_t seconds = request->expires_in ? request->expires_in : ctx->config->checkout_ttl;

    if (idempotency_is_taken_over(ctx)) {
        TRY(IN_TX(ctx, idempotency_take(ctx, ctx->idempotency->resource)));
        return checkout_get(ctx, ctx->idempotency->resource, out);
    }
    seconds = seconds < MIN_SECONDS ? MIN_SECONDS : seconds > MAX_SECONDS ? MAX_SECONDS : seconds;
    *out = (struct checkout){
        .id = id_new(ctx, "cs"),
        .mode = ctx->config->mode,
        .status = CHECKOUT_OPEN,
        .amount = request->amount,
        .description = request->description,
        .reference = request->reference,
        .items = write_items(ctx, &request->items),
        .success_url = request->success_url,
        .cancel_url = request->cancel_url,
        .capture = request->capture ? CAPTURE_AUTOMATIC : CAPTURE_MANUAL,
        .offers_saving = request->save_payment_method,
        .locale = request->locale,
        .metadata = request->metadata ? request->metadata : json_in(ctx->arena, json_object()),
        .created_by = principal_name(&ctx->principal),
        .expires_at = instant_add_seconds(ctx->now, seconds),
        .created_at = ctx->now,
        .updated_at = ctx->now,
    };
    TRY(sum_items(ctx, request, &out->amount));
    if (request->customer_id)
        TRY(customer_resolve(ctx, request->customer_id, &out->customer_id));
    if (request->save_payment_method && !out->customer_id) {
        struct error *error = NULL;
        error_add_field(ctx, &error, "#/customer_id", "is needed: a payment method is kept for a customer");
        return error;
    }
    return IN_TX(ctx, insert(ctx, out));
}

struct error *checkout_get(struct ctx *ctx, const char *id, struct checkout *out)
{
    return checkout_row(ctx, id, out);
}

/* The address ------------------------------------------------------------------------------------------------------- */

static const char *key_of(struct ctx *ctx, const char *id)
{
    uint8_t secret[32], mac[32];

    keyring_derive(ctx->config->keyring, "checkout", secret);
    hmac_sha256((struct bytes){ secret, sizeof secret }, bytes_of(id), mac);
    wipe(secret, sizeof secret);
    return base64url_encode(ctx->arena, (struct bytes){ mac, 24 });
}

const char *checkout_address(struct ctx *ctx, const char *id)
{
    return arena_printf(ctx->arena, "%s/checkout/%s/%s", ctx->config->url, id, key_of(ctx, id));
}

struct error *checkout_check_key(struct ctx *ctx, const char *id, const char *key)
{
    if (same_bytes(bytes_of(key), bytes_of(key_of(ctx, id))))
        return NULL;
    return error_new(ctx, E_NOT_FOUND, "There is no such page. Please check the address.");
}

static struct error *open_payment(struct ctx *ctx, const char *id, int max_age, struct checkout_door *out)
{
    out->payment = arena_alloc(ctx->arena, sizeof *out->payment);
    return max_age < 0 ? payment_get(ctx, id, out->payment) : payment_refresh(ctx, id, max_age, out->payment);
}

struct error *checkout_open(struct ctx *ctx, const char *id, const char *key, int max_age, struct checkout_door *out)
{
    *out = (struct checkout_door){ 0 };
    TRY(checkout_check_key(ctx, id, key));
    if (id_is(id, "pay"))
        return open_payment(ctx, id, max_age, out);
    out->session = arena_alloc(ctx->arena, sizeof *out->session);
    TRY(checkout_row(ctx, id, out->session));
    if (out->session->payment_id) {
        TRY(open_payment(ctx, out->session->payment_id, max_age, out));
        TRY(checkout_row(ctx, id, out->session)); // what the provider said may have completed it
    }
    bool due = out->session->status == CHECKOUT_OPEN && out->session->expires_at.us <= ctx->now.us;
    bool idle =
        !out->payment || out->payment->status == PAYMENT_CREATED || out->payment->status == PAYMENT_REQUIRES_ACTION;
    return due && idle ? checkout_close(ctx, id, CHECKOUT_EXPIRED, out->session) : NULL;
}

/* Paying ------------------------------------------------------------------------------------------------------------ */

static struct error *check_open(struct ctx *ctx, const struct checkout *session)
{
    if (session->status == CHECKOUT_OPEN)
        return NULL;
    return error_new(ctx, E_GONE,
        session->status == CHECKOUT_COMPLETE      ? "This has been paid already."
            : session->status == CHECKOUT_EXPIRED ? "The time to pay has run out."
                                                  : "This checkout was cancelled.");
}

static struct error *first_payment(struct ctx *ctx, const struct checkout *session, bool keep, struct payment *out)
{
    struct payment_request request = {
        .amount = session->amount,
        .customer_id = session->customer_id,
        .description = session->description,
        .reference = session->reference,
        .return_url = arena_printf(ctx->arena, "%s/return", checkout_address(ctx, session->id)),
        .metadata = session->metadata,
        .capture = session->capture == CAPTURE_AUTOMATIC,
        .confirmation = CONFIRMATION_MANUAL,
        .keep = keep,
        .checkout_id = session->id,
    };

    return payment_create(ctx, &request, out);
}

/* Ten tries an hour are a person with several cards; more is a machine that tests stolen ones. */
static struct error *count_try(struct ctx *ctx, const char *id)
{
    struct rate_limit limit;
    struct error *error = rate_limit_count(ctx, arena_printf(ctx->arena, "checkout:%s", id),
        ctx->config->payment_attempts_per_hour, 3600, &limit);

    if (error && error->code == E_RATE_LIMITED)
        error->detail = "Too many payment attempts; please try again later.";
    return error;
}

/* A second tab comes while the first one's payment is being made at the provider: a moment later both find the same one. */
static struct error *open_door(struct ctx *ctx, const char *payment_id, struct payment *out)
{
    const struct timespec pause = { .tv_nsec = 50 * 1000000 };
    int64_t until = monotonic_ms() + ctx->config->provider_deadline_ms;

    for (;;) {
        struct error *error = payment_open_door(ctx, payment_id, out);
        if (!error || error->code != E_CONFLICT || !error->retry_after || monotonic_ms() >= until)
            return error;
        nanosleep(&pause, NULL);
    }
}

/* A kept method of the session's own customer; nobody pays with what belongs to another. */
static struct error *check_choice(struct ctx *ctx, const struct checkout_door *door,
    const struct checkout_choice *choice)
{
    const char *customer_id = door->session ? door->session->customer_id : door->payment->customer_id;
    struct method method;
    bool found = false;

    if (!choice->method)
        return NULL;
    if (!customer_id)
        return error_new(ctx, E_PAYMENT_METHOD_ERROR, "There is no kept payment method here.");
    TRY(method_named(ctx, choice->method, customer_id, &method, &found));
    return found ? NULL : error_new(ctx, E_PAYMENT_METHOD_ERROR, "There is no such kept payment method.");
}

/* A browser gets the payment to confirm; a kept method is confirmed here. */
static struct error *go_through(struct ctx *ctx, const char *payment_id, const struct checkout_choice *choice,
    bool save, struct payment *out)
{
    struct confirm_order order = { .payment_method_id = choice->method };

    if (choice->method)
        return payment_confirm(ctx, payment_id, &order, out);
    TRY(open_door(ctx, payment_id, out));
    return out->keeps_method != save ? payment_keep_method(ctx, payment_id, save, out) : NULL;
}

struct error *checkout_pay(struct ctx *ctx, const char *id, const char *key, const struct checkout_choice *choice,
    struct checkout_door *out, const char **client_secret)
{
    struct error *error = NULL;

    *client_secret = NULL;
    TRY(checkout_open(ctx, id, key, 1, out));
    if (out->session)
        TRY(check_open(ctx, out->session));
    TRY(check_choice(ctx, out, choice));
    bool save = choice->save && out->session && out->session->offers_saving;
    TRY(count_try(ctx, id));
    if (!out->payment) {
        out->payment = arena_alloc(ctx->arena, sizeof *out->payment);
        error = first_payment(ctx, out->session, save, out->payment);
        if (error && error->code != E_CONFLICT)
            return error;
        TRY(checkout_row(ctx, id, out->session));
    }
    failpoint("checkout", "before_door");
    if (!out->session || out->session->payment_id)
        TRY(go_through(ctx, out->session ? out->session->payment_id : out->payment->id, choice, save, out->payment));
    return payment_client_secret(ctx, out->payment, client_secret);
}

/* Ending ------------------------------------------------------------------------------------------------------------ */

static struct error *end(struct ctx *ctx, const char *id, enum checkout_status status, struct checkout *out)
{
    TRY(checkout_lock(ctx, id, out));
    if (out->status == status)
        return NULL;
    if (out->status != CHECKOUT_OPEN)
        return error_new(ctx, E_INVALID_STATUS, "The checkout session is %s already.",
            checkout_status_names[out->status]);
    TRY(checkout_set_status(ctx, id, status));
    out->status = status;
    TRY(job_done(ctx, "checkout.expire", id));
    return audit_add(ctx, arena_printf(ctx->arena, "checkout.%s", checkout_status_names[status]), id, NULL);
}

/* The payment first: what is under way decides, not the clock. */
struct error *checkout_close(struct ctx *ctx, const char *id, enum checkout_status status, struct checkout *out)
{
    struct payment payment;

    TRY(checkout_row(ctx, id, out));
    if (out->status == CHECKOUT_OPEN && out->payment_id) {
        TRY(payment_refresh(ctx, out->payment_id, 1, &payment));
        if (status == CHECKOUT_EXPIRED && payment_is_patient(&payment))
            return error_new(ctx, E_CONFLICT, "The payment is under way; its outcome decides.");
        if (!payment_is_over(payment.status))
            TRY(payment_cancel(ctx, out->payment_id, status == CHECKOUT_EXPIRED ? "expired" : "abandoned", &payment));
        if (!payment_is_over(payment.status))
            return error_new(ctx, E_CONFLICT, "The payment is under way; its outcome decides.");
    }
    return IN_TX(ctx, end(ctx, id, status, out));
}

struct error *checkout_expire_task(struct ctx *ctx, const struct job *job)
{
    struct checkout session;
    struct error *error;

    TRY(checkout_row(ctx, job->subject, &session));
    if (session.status != CHECKOUT_OPEN)
        return NULL;
    if (session.expires_at.us > ctx->now.us)
        return job_again(ctx, (session.expires_at.us - ctx->now.us) / 1000000 + 1);
    error = checkout_close(ctx, job->subject, CHECKOUT_EXPIRED, &session);
    if (error && (error->code == E_CONFLICT || error->code == E_INVALID_STATUS))
        return job_again(ctx, 600);
    return error;
}
