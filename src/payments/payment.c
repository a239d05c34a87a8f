#include "payments/payment.h"

#include <assert.h>
#include <string.h>

#include "access/idempotency.h"
#include "access/rate_limit.h"
#include "base/arena.h"
#include "base/crypto.h"
#include "base/ctx.h"
#include "base/failpoint.h"
#include "base/id.h"
#include "customers/customer.h"
#include "customers/method.h"
#include "db/db.h"
#include "events/audit.h"
#include "events/event.h"
#include "http/breaker.h"
#include "jobs/job.h"
#include "payments/attempt.h"
#include "payments/checkout_store.h"
#include "payments/notice.h"
#include "payments/payment_store.h"
#include "payments/payment_view.h"
#include "provider/provider.h"

/* A request that asks for a charge is alive for this long; then the resolver looks after it. */
#define FIRST_LOOK 10

const char *const payment_status_names[] = { "created", "requires_action", "processing", "authorized", "succeeded",
    "failed", "cancelled", "unknown", NULL };
const char *const payment_capture_names[] = { "automatic", "manual", NULL };
const char *const payment_confirmation_names[] = { "automatic", "manual", NULL };
const char *const refund_state_names[] = { "none", "partial", "full", NULL };

const char *payment_public_status(const struct payment *payment)
{
    switch (payment->status) {
    case PAYMENT_CREATED:
        return "pending";
    case PAYMENT_UNKNOWN:
        return "processing";
    case PAYMENT_SUCCEEDED:
        return !strcmp(refund_state_names[payment->refund_state], "full") ? "refunded" : "succeeded";
    case PAYMENT_REQUIRES_ACTION:
    case PAYMENT_PROCESSING:
    case PAYMENT_AUTHORIZED:
    case PAYMENT_FAILED:
    case PAYMENT_CANCELLED:
        break;
    }
    return payment_status_names[payment->status];
}

bool payment_is_over(enum payment_status status)
{
    return status == PAYMENT_SUCCEEDED || status == PAYMENT_FAILED || status == PAYMENT_CANCELLED;
}

int64_t payment_capturable(const struct payment *payment)
{
    return payment->status == PAYMENT_AUTHORIZED ? payment->amount.minor - payment->amount_captured.minor : 0;
}

int64_t payment_refundable(const struct payment *payment)
{
    return payment->amount_captured.minor - payment->amount_refunded.minor - payment->amount_refunding.minor;
}

bool payment_is_patient(const struct payment *payment)
{
    return payment->status == PAYMENT_REQUIRES_ACTION && payment->next_action
        && (!strcmp(payment->next_action, "verify_bank_account") || !strcmp(payment->next_action, "bank_transfer"));
}

struct error *payment_find(struct ctx *ctx, const char *id, struct payment *out)
{
    return payment_get(ctx, id, out);
}

struct error *payment_client_secret(struct ctx *ctx, const struct payment *payment, const char **out)
{
    struct bytes plain;

    *out = NULL;
    if (!payment->client_secret.data)
        return NULL;
    TRY(unseal(ctx, arena_printf(ctx->arena, "payments.client_secret:%s", payment->id), payment->client_secret,
        &plain));
    *out = arena_strndup(ctx->arena, (const char *)plain.data, plain.length);
    return NULL;
}

struct shared_keys payment_keys(const char *id, const struct payment *payment)
{
    return (struct shared_keys){ { id, payment->customer_id, payment->checkout_id } };
}

/* T1: the intention ------------------------------------------------------------------------------------------------- */

static struct error *note_request(struct ctx *ctx, const struct payment *payment, const struct attempt *attempt)
{
    bool releases = attempt->operation == ATTEMPT_CAPTURE && attempt->amount == 0;
    const char *what = releases ? "release" : attempt_operation_names[attempt->operation];

    return audit_add(ctx, arena_printf(ctx->arena, "payment.%s_requested", what), payment->id,
        json_in(ctx->arena,
            json_pack("{ss, sI, ss}", "attempt", attempt->id, "amount", (json_int_t)attempt->amount, "currency",
                payment->amount.currency)));
}

static struct error *intend_create(struct ctx *ctx, const struct payment *payment, const struct attempt *attempt,
    const char *receipt_email)
{
    struct checkout session;
    json_t *object;

    TRY(idempotency_take(ctx, payment->id));
    if (payment->checkout_id) // before the payment refers to it: of several that do, none could be the one to change it
        TRY(checkout_lock(ctx, payment->checkout_id, &session));
    TRY(payment_insert(ctx, payment));
    TRY(notice_contact(ctx, payment->id, receipt_email));
    if (payment->checkout_id)
        TRY(checkout_link(ctx, payment->checkout_id, payment->id));
    TRY(attempt_insert(ctx, attempt));
    TRY(note_request(ctx, payment, attempt));
    TRY(payment_json(ctx, payment, &object));
    TRY(event_add(ctx, "payment.created", payment->id, object));
    return job_add_later(ctx, "payment.resolve", payment->id, FIRST_LOOK);
}

static struct error *intend(struct ctx *ctx, const struct payment *payment, const struct attempt *attempt,
    const char *receipt_email)
{
    struct ctx *own = ctx_aside(ctx);

    return ctx_rejoin(ctx, own,
        IN_SHARED_TX(own, payment_keys(payment->id, payment), intend_create(own, payment, attempt, receipt_email)));
}

/* The first in the configured order that takes the currency and amount and is up. */
static struct error *select_provider(struct ctx *ctx, struct money amount, const struct provider **out)
{
    struct error *error = NULL;
    const char *why = NULL;

    for (const struct provider *const *place = provider_list(); *place; place++) {
        if ((*place)->capabilities.currency && !(*place)->capabilities.currency(amount.currency, amount.minor, &why))
            continue;
        error = breaker_check(ctx, (*place)->name);
        *out = *place;
        if (!error)
            return NULL;
    }
    if (!error)
        error_add_field(ctx, &error, "#/amount", "%s", why ? why : "cannot be charged by any provider");
    return error;
}

static struct error *count_attempt(struct ctx *ctx, const char *customer_id)
{
    struct rate_limit limit;

    if (!customer_id)
        return NULL;
    struct error *error = rate_limit_count(ctx, arena_printf(ctx->arena, "payment_attempts:%s", customer_id),
        ctx->config->payment_attempts_per_hour, 3600, &limit);
    if (error && error->code == E_RATE_LIMITED)
        error->detail = "Too many payment attempts; please try again later.";
    return error;
}

/* A kind that was asked for by name must be open for this payment. */
static struct error *check_offered(struct ctx *ctx, const struct payment *payment)
{
    struct payment any = *payment;
    struct error *error = NULL;
    const char *open = "";

    if (!payment->offered_type || *payment_types(ctx, payment))
        return NULL;
    any.offered_type = NULL;
    for (const char *const *type = payment_types(ctx, &any); *type; type++)
        open = arena_printf(ctx->arena, "%s%s%s", open, *open ? ", " : "", *type);
    error_add_field(ctx, &error, "#/payment_method", "is not open for this payment: %s", *open ? open : "nothing is");
    return error;
}

static void build(struct ctx *ctx, const struct payment_request *request, const char *customer_id,
    const struct provider *provider, struct payment *out)
{
    *out = (struct payment){
        .id = id_new(ctx, "pay"),
        .mode = ctx->config->mode,
        .status = PAYMENT_CREATED,
        .amount = request->amount,
        .amount_captured = request->amount,
        .amount_refunded = request->amount,
        .amount_refunding = request->amount,
        .capture = request->capture ? CAPTURE_AUTOMATIC : CAPTURE_MANUAL,
        .confirmation = request->payment_method_id ? request->confirmation : CONFIRMATION_MANUAL,
        .customer_id = customer_id,
        .checkout_id = request->checkout_id,
        .description = request->description,
        .reference = request->reference,
        .metadata = request->metadata ? request->metadata : json_in(ctx->arena, json_object()),
        .return_url = request->return_url,
        .provider = provider->name,
        .offered_type = request->method_type,
        .keeps_method = customer_id && (request->keep || (ctx->config->remember_methods && !request->checkout_id)),
        .method_id = request->payment_method_id,
        .created_by = principal_name(&ctx->principal),
        .created_at = ctx->now,
        .updated_at = ctx->now,
    };
    out->amount_captured.minor = out->amount_refunded.minor = out->amount_refunding.minor = 0;
}

/* A kept method by its id, ours or the provider's; where none is named, the customer's default or remembered one. */
static struct error *choose_method(struct ctx *ctx, const char **method_id, bool remembered, bool needed,
    const char **customer_id)
{
    struct method method;
    bool found = false;

    if (*method_id)
        TRY(method_named(ctx, *method_id, *customer_id, &method, &found));
    else if (remembered && *customer_id)
        TRY(method_remembered(ctx, *customer_id, &method, &found));
    if (found) {
        *method_id = method.provider_method_id;
        *customer_id = method.customer_id;
    }
    if (*method_id || !needed)
        return NULL;
    struct error *error = NULL;
    error_add_field(ctx, &error, "#/payment_method_id", "is needed: no payment method of this customer is remembered");
    return error;
}

/* What a decline was answered with, for a request that comes again. */
static struct error *recorded_failure(struct ctx *ctx, const struct payment *payment)
{
    bool funds = !strcmp(payment->failure_class, decline_class_names[DECLINE_INSUFFICIENT_FUNDS]);
    bool refused = !strcmp(payment->failure_class, "refused");
    struct error *error = error_new(ctx,
        funds         ? E_INSUFFICIENT_FUNDS
            : refused ? E_PAYMENT_METHOD_ERROR
                      : E_CARD_DECLINED,
        "%s", payment->failure_message ? payment->failure_message : "The payment was declined.");

    error->payment_id = payment->id;
    error->decline_code = payment->failure_code;
    return error;
}

/* A request whose first run died goes on with what that run made. */
static struct error *take_over(struct ctx *ctx, struct payment *out)
{
    TRY(IN_TX(ctx, idempotency_take(ctx, ctx->idempotency->resource)));
    ctx->idempotency->held = true;
    TRY(payment_go_on(ctx, ctx->idempotency->resource, out));
    return out->failure_class && (out->status == PAYMENT_FAILED || out->status == PAYMENT_CREATED)
        ? recorded_failure(ctx, out)
        : NULL;
}

struct error *payment_create(struct ctx *ctx, const struct payment_request *asked, struct payment *out)
{
    struct payment_request chosen = *asked, *request = &chosen;
    const struct provider *provider = NULL;
    const char *customer_id = NULL;
    struct attempt attempt = { 0 };

    if (idempotency_is_taken_over(ctx))
        return take_over(ctx, out);
    TRY(customer_of_principal(ctx, &customer_id));
    if (request->customer_id)
        TRY(customer_resolve(ctx, request->customer_id, &customer_id));
    TRY(choose_method(ctx, &request->payment_method_id, request->remembered, request->off_session, &customer_id));
    TRY(select_provider(ctx, request->amount, &provider));
    assert(provider);
    TRY(count_attempt(ctx, customer_id));
    build(ctx, request, customer_id, provider, out);
    TRY(check_offered(ctx, out));
    attempt = attempt_new(ctx, out, ATTEMPT_CHARGE, out->amount.minor);
    attempt.confirms = out->confirmation == CONFIRMATION_AUTOMATIC;
    attempt.off_session = request->off_session;
    failpoint("charge", "before_t1");
    TRY(intend(ctx, out, &attempt, request->receipt_email));
    return attempt_perform(ctx, out, &attempt, true);
}

/* Confirm ----------------------------------------------------------------------------------------------------------- */

/* The key comes first in each of the transactions from here on: a second request with it must hear of the first one, not of
 * the state that the first one has left. */

/* A waiting attempt, or one whose payer never came back from the bank, gives way. */
static struct error *make_room(struct ctx *ctx, const struct payment *payment)
{
    struct attempt open;
    bool found;

    TRY(attempt_open(ctx, payment->id, &open, &found));
    if (!found)
        return NULL;
    if (open.phase != PHASE_WAITING && payment->status != PAYMENT_REQUIRES_ACTION)
        return error_new(ctx, E_CONFLICT, "Another operation on this payment is under way.");
    open.status = ATTEMPT_SUPERSEDED;
    open.phase = PHASE_DONE;
    return attempt_update(ctx, &open);
}

static struct error *check_waiting(struct ctx *ctx, const struct payment *payment)
{
    if (payment->status == PAYMENT_CREATED || payment->status == PAYMENT_REQUIRES_ACTION)
        return NULL;
    if (payment->status == PAYMENT_UNKNOWN || payment->status == PAYMENT_PROCESSING)
        return error_new(ctx, E_CONFLICT,
            "The outcome of this payment is not known yet; it must not be tried again until it is.");
    return error_new(ctx, E_INVALID_STATUS, "The payment is %s; only a pending one can be confirmed.",
        payment_public_status(payment));
}

static void forget_failure(struct payment *payment)
{
    payment->failure_class = payment->failure_code = payment->failure_message = NULL;
}

static struct error *intend_confirm(struct ctx *ctx, const char *id, const struct confirm_order *order,
    struct payment *payment, struct attempt *attempt)
{
    TRY(idempotency_take(ctx, payment->id));
    TRY(payment_lock(ctx, id, payment));
    TRY(check_waiting(ctx, payment));
    TRY(make_room(ctx, payment));
    if (order->payment_method_id)
        payment->method_id = order->payment_method_id;
    if (order->return_url)
        payment->return_url = order->return_url;
    if (!payment->method_id) {
        struct error *error = NULL;
        error_add_field(ctx, &error, "#/payment_method_id", "is needed: the payment has no method yet");
        return error;
    }
    forget_failure(payment);
    *attempt = attempt_new(ctx, payment, ATTEMPT_CHARGE, payment->amount.minor);
    attempt->off_session = order->off_session;
    TRY(attempt_insert(ctx, attempt));
    TRY(payment_update(ctx, payment));
    TRY(note_request(ctx, payment, attempt));
    return job_add_later(ctx, "payment.resolve", payment->id, FIRST_LOOK);
}

struct error *payment_confirm(struct ctx *ctx, const char *id, const struct confirm_order *asked, struct payment *out)
{
    struct confirm_order order = *asked;
    struct attempt attempt = { 0 };

    if (idempotency_is_taken_over(ctx))
        return take_over(ctx, out);
    TRY(payment_get(ctx, id, out));
    const char *customer_id = out->customer_id;
    TRY(choose_method(ctx, &order.payment_method_id, !out->method_id, false, &customer_id));
    if (customer_id && !out->customer_id)
        return error_new(ctx, E_PAYMENT_METHOD_ERROR,
            "This payment method belongs to a customer, the payment to none.");
    TRY(breaker_check(ctx, out->provider));
    TRY(count_attempt(ctx, out->customer_id));
    failpoint("confirm", "before_t1");
    TRY(IN_TX(ctx, intend_confirm(ctx, id, &order, out, &attempt)));
    return attempt_perform(ctx, out, &attempt, true);
}

/* The payer's browser ------------------------------------------------------------------------------------------------ */

static struct error *intend_door(struct ctx *ctx, const char *id, struct payment *payment, struct attempt *attempt,
    bool *made)
{
    bool found;

    TRY(payment_lock(ctx, id, payment));
    TRY(check_waiting(ctx, payment));
    TRY(attempt_open(ctx, payment->id, attempt, &found));
    *made = !found;
    if (found && attempt->phase == PHASE_CREATING) {
        struct error *error = error_new(ctx, E_CONFLICT, "This payment is being prepared; please wait a moment.");
        error->retry_after = 1;
        return error;
    }
    if (found)
        return NULL;
    forget_failure(payment);
    *attempt = attempt_new(ctx, payment, ATTEMPT_CHARGE, payment->amount.minor);
    attempt->confirms = false;
    attempt->method = NULL;
    attempt->phase = payment->provider_payment_id ? PHASE_WAITING : PHASE_CREATING;
    TRY(attempt_insert(ctx, attempt));
    TRY(payment_update(ctx, payment));
    TRY(note_request(ctx, payment, attempt));
    return job_add_later(ctx, "payment.resolve", payment->id, FIRST_LOOK);
}

struct error *payment_open_door(struct ctx *ctx, const char *id, struct payment *out)
{
    struct attempt attempt = { 0 };
    bool made = false;

    TRY(IN_TX(ctx, intend_door(ctx, id, out, &attempt, &made)));
    return made ? attempt_perform(ctx, out, &attempt, true) : NULL;
}

static struct error *note_keeping(struct ctx *ctx, const char *id, bool keep, struct payment *payment, bool *changed)
{
    TRY(payment_lock(ctx, id, payment));
    TRY(check_waiting(ctx, payment));
    *changed = payment->customer_id && payment->keeps_method != keep;
    if (!*changed)
        return NULL;
    payment->keeps_method = keep;
    TRY(payment_update(ctx, payment));
    return audit_add(ctx, keep ? "payment.method_kept" : "payment.method_not_kept", payment->id, NULL);
}

struct error *payment_keep_method(struct ctx *ctx, const char *id, bool keep, struct payment *out)
{
    bool changed = false;

    TRY(IN_TX(ctx, note_keeping(ctx, id, keep, out, &changed)));
    if (!changed || !out->provider_payment_id)
        return NULL;
    return payment_provider(out)->keep_method(ctx, out->provider_payment_id, keep, payment_types(ctx, out),
        arena_printf(ctx->arena, "pay:%s:keep:%s", out->id, id_new(ctx, "try")));
}

/* Capture and cancel ------------------------------------------------------------------------------------------------- */

static struct error *check_capture(struct ctx *ctx, const struct payment *payment, struct money *amount, bool *final)
{
    struct money left = payment->amount;

    if (payment->status != PAYMENT_AUTHORIZED)
        return error_new(ctx, E_INVALID_STATUS, "The payment is %s; only an authorized one can be captured.",
            payment_public_status(payment));
    if (!*final && !payment->multicapture)
        return error_new(ctx, E_CONFLICT,
            "This payment can be captured once only: its provider does not let its method be captured in parts.");
    left.minor = payment_capturable(payment);
    if (!*amount->currency)
        *amount = left;
    struct error *error = NULL;
    if (!money_same_currency(*amount, payment->amount))
        error_add_field(ctx, &error, "#/amount/currency", "must be %s, as the payment's", payment->amount.currency);
    else if (amount->minor > left.minor)
        error_add_field(ctx, &error, "#/amount/value", "must not be more than the %s that are %s",
            money_value(ctx->arena, left), payment->amount_captured.minor ? "still held" : "authorized");
    *final |= amount->minor == left.minor; // nothing is left to be held
    return error;
}

/* A capture counts from what is taken already; it is done when that much more is. */
static struct attempt new_capture(struct ctx *ctx, const struct payment *payment, int64_t amount, bool final)
{
    struct attempt attempt = attempt_new(ctx, payment, ATTEMPT_CAPTURE, amount);

    attempt.target = payment->amount_captured.minor + amount;
    attempt.final = final;
    return attempt;
}

/* The key is taken for the attempt, not for the payment, of which there may be several captures. */
static struct error *intend_capture(struct ctx *ctx, const char *id, struct money amount, bool final,
    struct payment *payment, struct attempt *attempt)
{
    const char *own = attempt->id;

    TRY(idempotency_take(ctx, own));
    TRY(payment_lock(ctx, id, payment));
    TRY(check_capture(ctx, payment, &amount, &final));
    *attempt = new_capture(ctx, payment, amount.minor, final);
    attempt->id = own;
    TRY(attempt_insert(ctx, attempt));
    TRY(note_request(ctx, payment, attempt));
    return job_add_later(ctx, "payment.resolve", payment->id, FIRST_LOOK);
}

/* What could not be sent the first time is asked for again, if it is still to be had. */
static struct error *intend_again(struct ctx *ctx, struct payment *payment, struct attempt *attempt)
{
    struct money amount = payment->amount;
    bool final = attempt->final;

    TRY(payment_lock(ctx, attempt->payment_id, payment));
    amount.minor = attempt->amount;
    TRY(check_capture(ctx, payment, &amount, &final));
    attempt->target = payment->amount_captured.minor + attempt->amount;
    TRY(attempt_reopen(ctx, attempt));
    return job_add_later(ctx, "payment.resolve", payment->id, FIRST_LOOK);
}

static struct error *take_over_capture(struct ctx *ctx, struct payment *out)
{
    struct attempt attempt;

    TRY(attempt_get(ctx, ctx->idempotency->resource, &attempt));
    TRY(IN_TX(ctx, idempotency_take(ctx, attempt.id)));
    ctx->idempotency->held = true;
    TRY(payment_go_on(ctx, attempt.payment_id, out));
    TRY(attempt_get(ctx, attempt.id, &attempt));
    if (attempt.status == ATTEMPT_REFUSED)
        return error_new(ctx, E_INVALID_STATUS, "The payment is %s; the provider did not accept the capture.",
            payment_public_status(out));
    if (attempt.status != ATTEMPT_NOT_EXECUTED)
        return NULL;
    TRY(IN_TX(ctx, intend_again(ctx, out, &attempt)));
    return attempt_perform(ctx, out, &attempt, true);
}

struct error *payment_capture(struct ctx *ctx, const char *id, struct money amount, bool final, struct payment *out)
{
    struct attempt attempt = { 0 };

    if (idempotency_is_taken_over(ctx)) // a key from before there were several captures has the payment
        return strncmp(ctx->idempotency->resource, "att_", 4) ? take_over(ctx, out) : take_over_capture(ctx, out);
    attempt.id = id_new(ctx, "att");
    TRY(payment_get(ctx, id, out));
    failpoint("capture", "before_t1");
    TRY(IN_TX(ctx, intend_capture(ctx, id, amount, final, out, &attempt)));
    return attempt_perform(ctx, out, &attempt, true);
}

/* What no provider knows of is cancelled by ourselves. */
static struct error *cancel_here(struct ctx *ctx, struct payment *payment)
{
    json_t *object;

    payment->status = PAYMENT_CANCELLED;
    TRY(payment_update(ctx, payment));
    TRY(job_done(ctx, "payment.resolve", payment->id));
    TRY(audit_add(ctx, "payment.cancelled", payment->id, NULL));
    TRY(payment_json(ctx, payment, &object));
    return event_add(ctx, "payment.cancelled", payment->id, object);
}

static struct error *intend_cancel(struct ctx *ctx, const char *id, const char *reason, struct payment *payment,
    struct attempt *attempt, bool *here)
{
    TRY(idempotency_take(ctx, payment->id));
    TRY(payment_lock(ctx, id, payment));
    if (payment_is_over(payment->status))
        return error_new(ctx, E_INVALID_STATUS, "The payment is %s; it cannot be cancelled any more.",
            payment_public_status(payment));
    TRY(make_room(ctx, payment));
    if (!payment->amount_captured.minor)
        payment->cancel_reason = reason;
    *here = !payment->provider_payment_id;
    if (*here)
        return cancel_here(ctx, payment);
    *attempt = payment->amount_captured.minor ? new_capture(ctx, payment, 0, true) // what was taken stays taken
                                              : attempt_new(ctx, payment, ATTEMPT_CANCEL, payment->amount.minor);
    TRY(attempt_insert(ctx, attempt));
    TRY(payment_update(ctx, payment));
    TRY(note_request(ctx, payment, attempt));
    return job_add_later(ctx, "payment.resolve", payment->id, FIRST_LOOK);
}

struct error *payment_give_up(struct ctx *ctx, struct payment *payment, const char *reason)
{
    struct attempt attempt = { 0 };
    bool here = false;

    failpoint("cancel", "before_t1");
    TRY(IN_TX(ctx, intend_cancel(ctx, payment->id, reason, payment, &attempt, &here)));
    return here ? NULL : attempt_perform(ctx, payment, &attempt, true);
}

struct error *payment_cancel(struct ctx *ctx, const char *id, const char *reason, struct payment *out)
{
    if (idempotency_is_taken_over(ctx)) {
        struct attempt open;
        bool found;
        TRY(take_over(ctx, out));
        TRY(attempt_open(ctx, out->id, &open, &found));
        if (found || payment_is_over(out->status))
            return NULL;
    } else {
        TRY(payment_get(ctx, id, out));
    }
    return payment_give_up(ctx, out, reason);
}
