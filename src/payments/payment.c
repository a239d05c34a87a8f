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
#include "base/log.h"
#include "customers/customer.h"
#include "db/db.h"
#include "events/audit.h"
#include "events/decision.h"
#include "events/event.h"
#include "http/breaker.h"
#include "jobs/job.h"
#include "payments/checkout.h"
#include "payments/checkout_store.h"
#include "payments/payment_store.h"
#include "payments/payment_view.h"
#include "provider/provider.h"

/* A request that asks for a charge is alive for this long; then the resolver looks after it. */
#define FIRST_LOOK 10
/* How often a charge or capture that provably has not happened is asked for again, and until when. */
#define MAX_TRIES 3
#define TRY_AGAIN_SECONDS (15 * 60)
/* After so many looks, an hour and a half, a person is asked as well. */
#define PERSON_TRIES 6
/* When the payer, or whoever should confirm, is given up on. */
#define ACTION_SECONDS 3600
#define WAITING_SECONDS (24 * 3600)

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

static const struct provider *provider_of(const struct payment *payment)
{
    const struct provider *provider = provider_named(payment->provider);

    assert(provider); // a row names a provider that this program was built without
    return provider;
}

/* The ways a provider's call can end ------------------------------------------------------------------------------- */

static struct error *no_answer(struct ctx *ctx, const struct payment *payment, const struct outcome *outcome)
{
    struct error *error = error_new(ctx, E_PROVIDER_UNAVAILABLE,
        "The payment provider cannot be reached; nothing was charged. Send the same request again in a moment.");

    error->retry_after = outcome->retry_after ? outcome->retry_after : 5;
    error->outcome = "not_attempted";
    error->payment_id = payment->id;
    return error_cause(ctx, error, "%s", outcome->cause ? outcome->cause : "");
}

static struct error *said_no(struct ctx *ctx, const struct payment *payment, const struct outcome *outcome)
{
    struct error *error = error_new(ctx, outcome->code, "%s", outcome->detail);

    error->payment_id = payment->id;
    error->decline_code = outcome->decline_code;
    if (error_status(outcome->code) >= 500)
        error->outcome = "not_attempted";
    return error_cause(ctx, error, "%s (%s)", outcome->cause ? outcome->cause : "",
        outcome->request_id ? outcome->request_id : "no request id");
}

/* The merchant hears of it, and what the provider has of it is closed. */
static struct error *announce_failure(struct ctx *ctx, const struct payment *payment)
{
    json_t *object;

    TRY(payment_json(ctx, payment, &object));
    TRY(event_add(ctx, "payment.failed", payment->id, object));
    return job_add(ctx, "payment.resolve", payment->id);
}

/* Ends the attempt, with the payment in `status`, unless somebody else has ended it meanwhile. */
static struct error *end_attempt(struct ctx *ctx, const char *payment_id, struct attempt *attempt,
    enum attempt_status how, enum payment_status status, const struct outcome *outcome, struct payment *out)
{
    struct attempt open;
    bool found;

    TRY(payment_lock(ctx, payment_id, out));
    TRY(attempt_open(ctx, out->id, &open, &found));
    if (!found || strcmp(open.id, attempt->id))
        return NULL;
    attempt->status = how;
    attempt->phase = PHASE_DONE;
    attempt->provider_request_id = outcome->request_id;
    attempt->failure_class = how == ATTEMPT_NOT_EXECUTED ? "not_executed" : "refused";
    attempt->failure_code = outcome->decline_code;
    TRY(attempt_update(ctx, attempt));
    if (how == ATTEMPT_REFUSED && attempt->operation == ATTEMPT_CHARGE) {
        out->failure_class = "refused";
        out->failure_code = outcome->decline_code;
        out->failure_message = outcome->detail;
    }
    out->status = status;
    TRY(payment_update(ctx, out));
    if (status == PAYMENT_FAILED)
        TRY(announce_failure(ctx, out));
    return audit_add(ctx, how == ATTEMPT_NOT_EXECUTED ? "payment.not_executed" : "payment.refused", out->id,
        json_in(ctx->arena,
            json_pack("{ss, ss, ss*}", "operation", attempt_operation_names[attempt->operation], "attempt", attempt->id,
                "request", outcome->request_id)));
}

/* The provider may or may not have acted. The attempt stays open: only asking tells, and the resolver asks. */
static struct error *mark_unknown(struct ctx *ctx, enum payment_status seen, struct attempt *attempt,
    struct payment *out)
{
    struct attempt open;
    bool found;

    TRY(payment_lock(ctx, attempt->payment_id, out));
    TRY(attempt_open(ctx, out->id, &open, &found));
    if (!found || strcmp(open.id, attempt->id) || out->status != seen || out->status == PAYMENT_UNKNOWN)
        return NULL;
    out->status = PAYMENT_UNKNOWN;
    TRY(payment_update(ctx, out));
    TRY(job_add_later(ctx, "payment.resolve", out->id, FIRST_LOOK));
    return audit_add(ctx, "payment.unknown", out->id,
        json_in(ctx->arena,
            json_pack("{ss, ss}", "operation", attempt_operation_names[attempt->operation], "attempt", attempt->id)));
}

static enum payment_status status_after_refusal(const struct payment *payment)
{
    return payment->confirmation == CONFIRMATION_AUTOMATIC ? PAYMENT_FAILED : PAYMENT_CREATED;
}

/* C1 and T2: the provider's object, without moving money ------------------------------------------------------------ */

/* T2. A confirmation goes out only once it is on record that one may have, whoever brought us the id. */
static struct error *step_on(struct ctx *ctx, struct payment *payment, struct attempt *attempt)
{
    struct attempt open;
    bool found;

    TRY(payment_lock(ctx, attempt->payment_id, payment));
    TRY(attempt_open(ctx, payment->id, &open, &found));
    if (!found || strcmp(open.id, attempt->id))
        return error_new(ctx, E_CONFLICT, "Another operation on this payment is under way.");
    *attempt = open;
    if (attempt->phase == PHASE_CREATING)
        attempt->phase = attempt->confirms ? PHASE_CONFIRMING : PHASE_WAITING;
    return attempt_update(ctx, attempt);
}

static struct error *record_created(struct ctx *ctx, const struct snapshot *snapshot, struct payment *payment,
    struct attempt *attempt)
{
    TRY(apply_provider_state(ctx, payment->id, snapshot, payment));
    return step_on(ctx, payment, attempt);
}

static struct error *create_at_provider(struct ctx *ctx, struct payment *payment, struct attempt *attempt, bool fresh)
{
    enum payment_status seen = payment->status;
    const char *customer = NULL;
    struct outcome outcome = { .kind = OUTCOME_NOT_EXECUTED };
    struct error *error = NULL;

    if (payment->customer_id)
        error = customer_account(ctx, payment->customer_id, payment->provider, &customer);
    if (error)
        outcome.cause = error->cause ? error->cause : error->detail;
    else
        outcome = provider_of(payment)->create(ctx,
            &(struct charge_request){
                .payment_id = payment->id,
                .attempt_id = attempt->id,
                .key = arena_printf(ctx->arena, "pay:%s:create:%d", attempt->id, attempt->tries / 2),
                .amount = payment->amount,
                .capture = payment->capture == CAPTURE_AUTOMATIC,
                .customer = customer,
                .description = payment->description,
                .descriptor = ctx->config->descriptor,
                .reference = payment->reference,
                .metadata = payment->metadata,
            });
    failpoint("charge", "after_c1");
    switch (outcome.kind) {
    case OUTCOME_DONE:
        return IN_TX(ctx, record_created(ctx, &outcome.snapshot, payment, attempt));
    case OUTCOME_UNKNOWN:
        return IN_TX(ctx, mark_unknown(ctx, seen, attempt, payment));
    case OUTCOME_NOT_EXECUTED:
        if (fresh)
            TRY(IN_TX(ctx,
                end_attempt(ctx, payment->id, attempt, ATTEMPT_NOT_EXECUTED, PAYMENT_CREATED, &outcome, payment)));
        return no_answer(ctx, payment, &outcome);
    case OUTCOME_DECLINED:
    case OUTCOME_REFUSED:
        TRY(IN_TX(ctx, end_attempt(ctx, payment->id, attempt, ATTEMPT_REFUSED, PAYMENT_FAILED, &outcome, payment)));
        return said_no(ctx, payment, &outcome);
    }
    return NULL;
}

/* C2 and T3: money moves -------------------------------------------------------------------------------------------- */

/* The state at the provider was not what we thought: what it is counts. */
static struct error *look_again(struct ctx *ctx, struct payment *payment)
{
    struct snapshot snapshot;

    TRY(provider_of(payment)->fetch(ctx, payment->provider_payment_id, &snapshot));
    return apply_provider_state(ctx, payment->id, &snapshot, payment);
}

/* Whether that state is what the operation was for, whoever brought it about. */
static bool is_wanted(enum attempt_operation operation, enum payment_status status)
{
    switch (operation) {
    case ATTEMPT_CHARGE:
        return status != PAYMENT_CANCELLED && status != PAYMENT_FAILED;
    case ATTEMPT_CAPTURE:
        return status == PAYMENT_SUCCEEDED;
    case ATTEMPT_CANCEL:
        return status == PAYMENT_CANCELLED;
    }
    return false;
}

static struct error *conclude(struct ctx *ctx, struct payment *payment, struct attempt *attempt,
    const struct outcome *outcome, bool fresh, enum payment_status after_refusal)
{
    enum payment_status seen = payment->status;
    enum payment_status before = attempt->operation == ATTEMPT_CHARGE ? PAYMENT_CREATED : seen;

    failpoint(attempt_operation_names[attempt->operation], "after_c2");
    switch (outcome->kind) {
    case OUTCOME_DONE:
        return apply_provider_state(ctx, payment->id, &outcome->snapshot, payment);
    case OUTCOME_UNKNOWN:
        return IN_TX(ctx, mark_unknown(ctx, seen, attempt, payment));
    case OUTCOME_DECLINED:
        TRY(apply_provider_state(ctx, payment->id, &outcome->snapshot, payment));
        return said_no(ctx, payment, outcome);
    case OUTCOME_NOT_EXECUTED:
        if (fresh)
            TRY(IN_TX(ctx, end_attempt(ctx, payment->id, attempt, ATTEMPT_NOT_EXECUTED, before, outcome, payment)));
        return no_answer(ctx, payment, outcome);
    case OUTCOME_REFUSED:
        break;
    }
    if (outcome->code == E_INVALID_STATUS) {
        struct attempt open;
        bool found;
        TRY(look_again(ctx, payment));
        TRY(attempt_open(ctx, payment->id, &open, &found));
        if (!found) // it came to its end another way
            return is_wanted(attempt->operation, payment->status) ? NULL : said_no(ctx, payment, outcome);
    }
    TRY(IN_TX(ctx, end_attempt(ctx, payment->id, attempt, ATTEMPT_REFUSED, after_refusal, outcome, payment)));
    return said_no(ctx, payment, outcome);
}

static struct error *charge(struct ctx *ctx, struct payment *payment, struct attempt *attempt, bool fresh)
{
    if (!payment->provider_payment_id)
        TRY(create_at_provider(ctx, payment, attempt, fresh));
    if (!payment->provider_payment_id)
        return NULL; // not known to exist
    if (attempt->phase == PHASE_CREATING)
        TRY(IN_TX(ctx, step_on(ctx, payment, attempt)));
    if (!attempt->confirms)
        return NULL; // for the payer's browser
    failpoint("charge", "after_t2");
    struct outcome outcome = provider_of(payment)->confirm(ctx,
        &(struct confirm_request){
            .reference = payment->provider_payment_id,
            .key = arena_printf(ctx->arena, "pay:%s:confirm:%d", attempt->id, attempt->tries),
            .method = attempt->method,
            .return_url = payment->return_url
                ? payment->return_url
                : arena_printf(ctx->arena, "%s/return", checkout_address(ctx, payment->id)),
            .off_session = attempt->off_session,
        });
    return conclude(ctx, payment, attempt, &outcome, fresh, status_after_refusal(payment));
}

static struct error *capture(struct ctx *ctx, struct payment *payment, struct attempt *attempt, bool fresh)
{
    struct outcome outcome = provider_of(payment)->capture(ctx,
        &(struct capture_request){
            .reference = payment->provider_payment_id,
            .key = arena_printf(ctx->arena, "pay:%s:capture:%d", attempt->id, attempt->tries),
            .amount = { .minor = attempt->amount,
                .currency = { payment->amount.currency[0], payment->amount.currency[1], payment->amount.currency[2] } },
            .final = true,
        });

    return conclude(ctx, payment, attempt, &outcome, fresh, PAYMENT_AUTHORIZED);
}

static struct error *cancel(struct ctx *ctx, struct payment *payment, struct attempt *attempt, bool fresh)
{
    struct outcome outcome = provider_of(payment)->cancel(ctx,
        &(struct cancel_request){
            .reference = payment->provider_payment_id,
            .key = arena_printf(ctx->arena, "pay:%s:cancel:%d", attempt->id, attempt->tries),
            .reason = payment->cancel_reason,
        });

    return conclude(ctx, payment, attempt, &outcome, fresh, payment->status);
}

static struct error *perform(struct ctx *ctx, struct payment *payment, struct attempt *attempt, bool fresh)
{
    static struct error *(*const steps[])(struct ctx * ctx, struct payment * payment, struct attempt * attempt,
        bool fresh) = {
        [ATTEMPT_CHARGE] = charge,
        [ATTEMPT_CAPTURE] = capture,
        [ATTEMPT_CANCEL] = cancel,
    };

    failpoint(attempt_operation_names[attempt->operation], "after_t1");
    struct error *error = steps[attempt->operation](ctx, payment, attempt, fresh);
    failpoint(attempt_operation_names[attempt->operation], "after_t3");
    return error;
}

/* T1: the intention ------------------------------------------------------------------------------------------------- */

static struct error *open_attempt(struct ctx *ctx, const struct payment *payment, enum attempt_operation operation,
    int64_t amount, struct attempt *out)
{
    *out = (struct attempt){
        .id = id_new(ctx, "att"),
        .payment_id = payment->id,
        .operation = operation,
        .status = ATTEMPT_OPEN,
        .phase = payment->provider_payment_id ? PHASE_CONFIRMING : PHASE_CREATING,
        .amount = amount,
        .method = payment->method_id,
        .confirms = true,
        .api_version = ctx->config->stripe_api_version,
        .created_by = ctx->principal.id ? ctx->principal.id : "",
        .created_at = ctx->now,
    };
    return NULL;
}

static struct error *note_request(struct ctx *ctx, const struct payment *payment, const struct attempt *attempt)
{
    return audit_add(ctx, arena_printf(ctx->arena, "payment.%s_requested", attempt_operation_names[attempt->operation]),
        payment->id,
        json_in(ctx->arena,
            json_pack("{ss, sI, ss}", "attempt", attempt->id, "amount", (json_int_t)attempt->amount, "currency",
                payment->amount.currency)));
}

static struct error *intend_create(struct ctx *ctx, const struct payment *payment, const struct attempt *attempt)
{
    struct checkout session;
    json_t *object;

    TRY(idempotency_take(ctx, payment->id));
    if (payment->checkout_id) // before the payment refers to it: of several that do, none could be the one to change it
        TRY(checkout_lock(ctx, payment->checkout_id, &session));
    TRY(payment_insert(ctx, payment));
    if (payment->checkout_id)
        TRY(checkout_link(ctx, payment->checkout_id, payment->id));
    TRY(attempt_insert(ctx, attempt));
    TRY(note_request(ctx, payment, attempt));
    TRY(payment_json(ctx, payment, &object));
    TRY(event_add(ctx, "payment.created", payment->id, object));
    return job_add_later(ctx, "payment.resolve", payment->id, FIRST_LOOK);
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
        .method_id = request->payment_method_id,
        .created_by = ctx->principal.id ? ctx->principal.id : "",
        .created_at = ctx->now,
        .updated_at = ctx->now,
    };
    out->amount_captured.minor = out->amount_refunded.minor = out->amount_refunding.minor = 0;
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

static bool is_taken_over(const struct ctx *ctx)
{
    return ctx->idempotency && ctx->idempotency->resource;
}

struct error *payment_create(struct ctx *ctx, const struct payment_request *request, struct payment *out)
{
    const struct provider *provider = NULL;
    const char *customer_id = NULL;
    struct attempt attempt = { 0 };

    if (is_taken_over(ctx))
        return take_over(ctx, out);
    if (request->customer_id)
        TRY(customer_resolve(ctx, request->customer_id, &customer_id));
    TRY(select_provider(ctx, request->amount, &provider));
    assert(provider);
    TRY(count_attempt(ctx, customer_id));
    build(ctx, request, customer_id, provider, out);
    TRY(open_attempt(ctx, out, ATTEMPT_CHARGE, out->amount.minor, &attempt));
    attempt.confirms = out->confirmation == CONFIRMATION_AUTOMATIC;
    attempt.off_session = request->off_session;
    failpoint("charge", "before_t1");
    TRY(IN_TX(ctx, intend_create(ctx, out, &attempt)));
    return perform(ctx, out, &attempt, true);
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
    TRY(open_attempt(ctx, payment, ATTEMPT_CHARGE, payment->amount.minor, attempt));
    attempt->off_session = order->off_session;
    TRY(attempt_insert(ctx, attempt));
    TRY(payment_update(ctx, payment));
    TRY(note_request(ctx, payment, attempt));
    return job_add_later(ctx, "payment.resolve", payment->id, FIRST_LOOK);
}

struct error *payment_confirm(struct ctx *ctx, const char *id, const struct confirm_order *order, struct payment *out)
{
    struct attempt attempt = { 0 };

    if (is_taken_over(ctx))
        return take_over(ctx, out);
    TRY(payment_get(ctx, id, out));
    TRY(breaker_check(ctx, out->provider));
    TRY(count_attempt(ctx, out->customer_id));
    failpoint("confirm", "before_t1");
    TRY(IN_TX(ctx, intend_confirm(ctx, id, order, out, &attempt)));
    return perform(ctx, out, &attempt, true);
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
    TRY(open_attempt(ctx, payment, ATTEMPT_CHARGE, payment->amount.minor, attempt));
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
    return made ? perform(ctx, out, &attempt, true) : NULL;
}

/* Capture and cancel ------------------------------------------------------------------------------------------------- */

static struct error *check_capture(struct ctx *ctx, const struct payment *payment, struct money *amount)
{
    if (payment->status != PAYMENT_AUTHORIZED)
        return error_new(ctx, E_INVALID_STATUS, "The payment is %s; only an authorized one can be captured.",
            payment_public_status(payment));
    if (!*amount->currency)
        *amount = payment->amount;
    struct error *error = NULL;
    if (!money_same_currency(*amount, payment->amount))
        error_add_field(ctx, &error, "#/amount/currency", "must be %s, as the payment's", payment->amount.currency);
    else if (amount->minor > payment->amount.minor)
        error_add_field(ctx, &error, "#/amount/value", "must not be more than the %s that are authorized",
            money_value(ctx->arena, payment->amount));
    return error;
}

static struct error *intend_capture(struct ctx *ctx, const char *id, struct money amount, struct payment *payment,
    struct attempt *attempt)
{
    TRY(idempotency_take(ctx, payment->id));
    TRY(payment_lock(ctx, id, payment));
    TRY(check_capture(ctx, payment, &amount));
    TRY(open_attempt(ctx, payment, ATTEMPT_CAPTURE, amount.minor, attempt));
    TRY(attempt_insert(ctx, attempt));
    TRY(note_request(ctx, payment, attempt));
    return job_add_later(ctx, "payment.resolve", payment->id, FIRST_LOOK);
}

struct error *payment_capture(struct ctx *ctx, const char *id, struct money amount, struct payment *out)
{
    struct attempt attempt = { 0 };

    if (is_taken_over(ctx))
        return take_over(ctx, out);
    TRY(payment_get(ctx, id, out));
    failpoint("capture", "before_t1");
    TRY(IN_TX(ctx, intend_capture(ctx, id, amount, out, &attempt)));
    return perform(ctx, out, &attempt, true);
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
    payment->cancel_reason = reason;
    *here = !payment->provider_payment_id;
    if (*here)
        return cancel_here(ctx, payment);
    TRY(open_attempt(ctx, payment, ATTEMPT_CANCEL, payment->amount.minor, attempt));
    TRY(attempt_insert(ctx, attempt));
    TRY(payment_update(ctx, payment));
    TRY(note_request(ctx, payment, attempt));
    return job_add_later(ctx, "payment.resolve", payment->id, FIRST_LOOK);
}

static struct error *give_up(struct ctx *ctx, struct payment *payment, const char *reason)
{
    struct attempt attempt = { 0 };
    bool here = false;

    failpoint("cancel", "before_t1");
    TRY(IN_TX(ctx, intend_cancel(ctx, payment->id, reason, payment, &attempt, &here)));
    return here ? NULL : perform(ctx, payment, &attempt, true);
}

struct error *payment_cancel(struct ctx *ctx, const char *id, const char *reason, struct payment *out)
{
    if (is_taken_over(ctx))
        return take_over(ctx, out);
    TRY(payment_get(ctx, id, out));
    return give_up(ctx, out, reason);
}

/* Asking ------------------------------------------------------------------------------------------------------------- */

/* The provider's word, by its id or, where that never reached us, by ours. *found is false when it knows of nothing. */
static struct error *ask(struct ctx *ctx, const struct payment *payment, struct snapshot *snapshot, bool *found)
{
    const struct provider *provider = provider_of(payment);
    struct error *error = payment->provider_payment_id
        ? provider->fetch(ctx, payment->provider_payment_id, snapshot)
        : provider->find(ctx, payment->id, payment->created_at, snapshot);

    *found = !error;
    return error && error->code == E_NOT_FOUND && !payment->provider_payment_id ? NULL : error;
}

struct error *payment_refresh(struct ctx *ctx, const char *id, int max_age, struct payment *out)
{
    struct snapshot snapshot;
    bool found;

    TRY(payment_get(ctx, id, out));
    bool fresh = instant_is_set(out->checked_at) && ctx->now.us - out->checked_at.us < (int64_t)max_age * 1000000;
    if (max_age > 0 && (payment_is_over(out->status) || fresh))
        return NULL;
    if (!out->provider_payment_id)
        return NULL; // the attempt that makes it there is looked after
    TRY(payment_checked(ctx, out->id));
    struct error *error = ask(ctx, out, &snapshot, &found);
    if (error) {
        log_warn(ctx, "payment.refresh", "%s: %s", out->id, error->cause ? error->cause : error->detail);
        return NULL;
    }
    return apply_provider_state(ctx, out->id, &snapshot, out);
}

static bool is_older(struct ctx *ctx, struct instant since, int64_t seconds)
{
    return ctx->now.us - since.us > seconds * 1000000;
}

/* One of those who found that nothing has happened goes on; the others leave it to that one. */
static struct error *count_try(struct ctx *ctx, struct attempt *attempt, struct payment *payment, bool *ours)
{
    struct attempt open;
    bool found;

    TRY(payment_lock(ctx, attempt->payment_id, payment));
    TRY(attempt_open(ctx, payment->id, &open, &found));
    *ours = found && !strcmp(open.id, attempt->id) && open.tries == attempt->tries;
    if (!*ours)
        return NULL;
    *attempt = open;
    attempt->tries++;
    return attempt_update(ctx, attempt);
}

/* Proved that nothing happened: the request was accepted, so it is carried out, or given up when nobody waits any more. */
static struct error *try_again(struct ctx *ctx, struct payment *payment, struct attempt *attempt)
{
    bool ours = false;

    TRY(IN_TX(ctx, count_try(ctx, attempt, payment, &ours)));
    if (!ours)
        return NULL;
    if (attempt->tries <= MAX_TRIES && !is_older(ctx, attempt->created_at, TRY_AGAIN_SECONDS))
        return perform(ctx, payment, attempt, false);
    struct outcome given_up = { .kind = OUTCOME_NOT_EXECUTED, .decline_code = "given_up" };
    enum payment_status rest = attempt->operation == ATTEMPT_CHARGE ? PAYMENT_CREATED : payment->status;
    TRY(IN_TX(ctx, end_attempt(ctx, payment->id, attempt, ATTEMPT_NOT_EXECUTED, rest, &given_up, payment)));
    return attempt->operation == ATTEMPT_CHARGE ? give_up(ctx, payment, "not_completed") : NULL;
}

/* The object is there, and the payer's browser may have it. */
static struct error *begin_waiting(struct ctx *ctx, const struct attempt *attempt, struct payment *payment)
{
    struct attempt open;
    bool found;

    TRY(payment_lock(ctx, attempt->payment_id, payment));
    TRY(attempt_open(ctx, payment->id, &open, &found));
    if (!found || strcmp(open.id, attempt->id) || open.phase != PHASE_CREATING)
        return NULL;
    open.phase = PHASE_WAITING;
    return attempt_update(ctx, &open);
}

static bool is_done(const struct attempt *attempt, const struct snapshot *snapshot)
{
    switch (attempt->operation) {
    case ATTEMPT_CHARGE:
        return snapshot->state != PROVIDER_STATE_WAITING;
    case ATTEMPT_CAPTURE:
        return snapshot->state != PROVIDER_STATE_AUTHORIZED;
    case ATTEMPT_CANCEL:
        return snapshot->state == PROVIDER_STATE_CANCELLED || snapshot->state == PROVIDER_STATE_SUCCEEDED;
    }
    return true;
}

static struct error *go_on_attempt(struct ctx *ctx, struct payment *payment, struct attempt *attempt)
{
    struct snapshot snapshot;
    struct attempt still;
    bool known, open;

    TRY(ask(ctx, payment, &snapshot, &known));
    failpoint("resolver", "after_ask");
    if (known) {
        TRY(apply_provider_state(ctx, payment->id, &snapshot, payment));
        TRY(attempt_open(ctx, payment->id, &still, &open));
        if (!open || strcmp(still.id, attempt->id) || is_done(attempt, &snapshot))
            return NULL;
        *attempt = still;
        if (!attempt->confirms && attempt->operation == ATTEMPT_CHARGE)
            return IN_TX(ctx, begin_waiting(ctx, attempt, payment));
    }
    return try_again(ctx, payment, attempt);
}

/* The intent of a payment that failed for good is closed, so that nobody who kept its secret can still pay it. */
static struct error *close_failed(struct ctx *ctx, struct payment *payment)
{
    struct outcome outcome;

    if (payment->status != PAYMENT_FAILED || !payment->provider_payment_id)
        return NULL;
    outcome = provider_of(payment)->cancel(ctx,
        &(struct cancel_request){
            .reference = payment->provider_payment_id,
            .key = arena_printf(ctx->arena, "pay:%s:close", payment->id),
        });
    if (outcome.kind == OUTCOME_DONE)
        return apply_provider_state(ctx, payment->id, &outcome.snapshot, payment);
    if (outcome.kind == OUTCOME_REFUSED)
        return look_again(ctx, payment);
    return no_answer(ctx, payment, &outcome);
}

/* Whoever should act has had his time, since the payment last changed and since the last try began. */
static bool is_overdue(struct ctx *ctx, const struct payment *payment, const struct attempt *open)
{
    bool at_the_bank = payment->status == PAYMENT_REQUIRES_ACTION;
    int64_t seconds = at_the_bank ? ACTION_SECONDS : WAITING_SECONDS;

    if (payment->checkout_id || (!at_the_bank && payment->status != PAYMENT_CREATED))
        return false; // that of a session ends with it
    return is_older(ctx, payment->updated_at, seconds) && (!open || is_older(ctx, open->created_at, seconds));
}

/* Where the first run of a key could not reach the provider, the next run does what that one was asked for. */
static struct error *begin_again(struct ctx *ctx, struct payment *payment)
{
    struct attempt last, attempt;
    bool found;

    if (!is_taken_over(ctx) || payment_is_over(payment->status))
        return NULL;
    TRY(attempt_last(ctx, payment->id, &last, &found));
    if (!found || last.status != ATTEMPT_NOT_EXECUTED)
        return NULL;
    TRY(open_attempt(ctx, payment, last.operation, last.amount, &attempt));
    attempt.confirms = last.confirms;
    attempt.method = last.method;
    attempt.off_session = last.off_session;
    TRY(attempt_insert(ctx, &attempt));
    return perform(ctx, payment, &attempt, true);
}

struct error *payment_go_on(struct ctx *ctx, const char *id, struct payment *out)
{
    struct attempt attempt = { 0 };
    bool open;

    TRY(payment_get(ctx, id, out));
    TRY(attempt_open(ctx, out->id, &attempt, &open));
    if (open && attempt.phase == PHASE_WAITING && attempt.confirms == false)
        TRY(payment_refresh(ctx, id, 2, out));
    else if (open)
        TRY(go_on_attempt(ctx, out, &attempt));
    else
        TRY(begin_again(ctx, out));
    TRY(close_failed(ctx, out));
    return is_overdue(ctx, out, open ? &attempt : NULL) ? give_up(ctx, out, "abandoned") : NULL;
}

/* Seconds until the resolver asks again (RELIABILITY.md 1.2). */
static int64_t next_look(const struct payment *payment, int tries)
{
    static const int64_t delays[] = { 10, 30, 120, 300, 900, 3600, 6 * 3600, 24 * 3600 };
    size_t place = tries > 0 ? (size_t)tries - 1 : 0;
    bool waits = payment->status == PAYMENT_CREATED || payment->status == PAYMENT_REQUIRES_ACTION;
    size_t last = sizeof delays / sizeof *delays - 1;

    place = place < last ? place : last;
    return waits && delays[place] > ACTION_SECONDS ? ACTION_SECONDS : delays[place];
}

/* What the bank or the provider said no to is settled; what could not be asked is asked again. */
static bool is_settled(const struct error *error)
{
    return !error || error_status(error->code) < 500;
}

struct error *payment_resolve_task(struct ctx *ctx, const struct job *job)
{
    struct payment payment = { 0 };

    failpoint("resolver", "before");
    struct error *error = payment_go_on(ctx, job->subject, &payment);
    failpoint("resolver", "after");

    if (error && !is_settled(error))
        log_warn(ctx, "payment.resolve", "%s: %s", job->subject, error->cause ? error->cause : error->detail);
    TRY(payment_get(ctx, job->subject, &payment));
    if (is_settled(error) && (payment_is_over(payment.status) || payment.status == PAYMENT_AUTHORIZED)) {
        struct attempt attempt;
        bool open;
        TRY(attempt_open(ctx, payment.id, &attempt, &open));
        if (!open)
            return NULL;
    }
    if (payment.status == PAYMENT_UNKNOWN && job->attempts >= PERSON_TRIES)
        TRY(decision_ask(ctx, "unknown_outcome", payment.id, payment.amount,
            arena_printf(ctx->arena, "%s was asked %d times about %s and has not said how it ended.", payment.provider,
                job->attempts, payment.provider_payment_id ? payment.provider_payment_id : "this payment"),
            "Look the payment up at the provider; sync it, or mark it resolved with what you found."));
    return job_again(ctx, next_look(&payment, job->attempts));
}
