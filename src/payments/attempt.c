#include "payments/attempt.h"

#include <assert.h>
#include <string.h>

#include "base/arena.h"
#include "base/config.h"
#include "base/ctx.h"
#include "base/failpoint.h"
#include "base/id.h"
#include "customers/customer.h"
#include "customers/method.h"
#include "db/db.h"
#include "events/audit.h"
#include "events/event.h"
#include "jobs/job.h"
#include "payments/checkout.h"
#include "payments/kinds.h"
#include "payments/payment_view.h"
#include "provider/provider.h"

/* A request that asks for a charge is alive for this long; then the resolver looks after it. */
#define FIRST_LOOK 10

struct attempt attempt_new(struct ctx *ctx, const struct payment *payment, enum attempt_operation operation,
    int64_t amount)
{
    return (struct attempt){
        .id = id_new(ctx, "att"),
        .payment_id = payment->id,
        .operation = operation,
        .status = ATTEMPT_OPEN,
        .phase = payment->provider_payment_id ? PHASE_CONFIRMING : PHASE_CREATING,
        .amount = amount,
        .final = true,
        .method = payment->method_id,
        .confirms = true,
        .api_version = ctx->config->stripe_api_version,
        .created_by = principal_name(&ctx->principal),
        .created_at = ctx->now,
    };
}

const struct provider *payment_provider(const struct payment *payment)
{
    const struct provider *provider = provider_named(payment->provider);

    assert(provider); // a row names a provider that this program was built without
    return provider;
}

const char *const *payment_types(struct ctx *ctx, const struct payment *payment)
{
    return kinds_types(ctx, payment_provider(payment),
        &(struct kind_query){ .amount = payment->amount,
            .capture = payment->capture == CAPTURE_AUTOMATIC,
            .customer = payment->customer_id != NULL,
            .type = payment->offered_type,
            .kept = payment->keeps_method });
}

/* The ways a provider's call can end ------------------------------------------------------------------------------- */

struct error *attempt_no_answer(struct ctx *ctx, const struct payment *payment, const struct outcome *outcome)
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
struct error *attempt_end(struct ctx *ctx, const char *payment_id, struct attempt *attempt, enum attempt_status how,
    enum payment_status status, const struct outcome *outcome, struct payment *out)
{
    struct attempt open;
    bool found;

    TRY(payment_lock_open(ctx, payment_id, out, &open, &found));
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

    TRY(payment_lock_open(ctx, attempt->payment_id, out, &open, &found));
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
static struct error *step_to_confirm(struct ctx *ctx, const struct attempt *open, bool is_open, const char *request_id,
    struct attempt *attempt)
{
    if (!is_open || strcmp(open->id, attempt->id))
        return error_new(ctx, E_CONFLICT, "Another operation on this payment is under way.");
    *attempt = *open;
    attempt->provider_request_id = request_id;
    if (attempt->phase == PHASE_CREATING)
        attempt->phase = attempt->confirms ? PHASE_CONFIRMING : PHASE_WAITING;
    return attempt_update(ctx, attempt);
}

static struct error *step_on(struct ctx *ctx, struct payment *payment, struct attempt *attempt)
{
    struct attempt open;
    bool is_open;

    TRY(payment_lock_open(ctx, attempt->payment_id, payment, &open, &is_open));
    return step_to_confirm(ctx, &open, is_open, NULL, attempt);
}

static struct error *record_created(struct ctx *ctx, const struct snapshot *snapshot, struct payment *payment,
    struct attempt *attempt)
{
    struct attempt open;
    bool is_open;

    TRY(apply_to_open(ctx, payment->id, snapshot, payment, &open, &is_open));
    return step_to_confirm(ctx, &open, is_open, snapshot->request_id, attempt);
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
        outcome = payment_provider(payment)->create(ctx,
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
                .keep = payment->keeps_method,
                .multicapture = payment->capture == CAPTURE_MANUAL && ctx->config->multicapture,
                .types = payment_types(ctx, payment),
            });
    failpoint("charge", "after_c1");
    switch (outcome.kind) {
    case OUTCOME_DONE:
        return IN_SHARED_TX(ctx, payment_keys(payment->id, payment),
            record_created(ctx, &outcome.snapshot, payment, attempt));
    case OUTCOME_UNKNOWN:
        return IN_TX(ctx, mark_unknown(ctx, seen, attempt, payment));
    case OUTCOME_NOT_EXECUTED:
        if (fresh)
            TRY(IN_TX(ctx,
                attempt_end(ctx, payment->id, attempt, ATTEMPT_NOT_EXECUTED, PAYMENT_CREATED, &outcome, payment)));
        return attempt_no_answer(ctx, payment, &outcome);
    case OUTCOME_DECLINED:
    case OUTCOME_REFUSED:
        TRY(IN_TX(ctx, attempt_end(ctx, payment->id, attempt, ATTEMPT_REFUSED, PAYMENT_FAILED, &outcome, payment)));
        return said_no(ctx, payment, &outcome);
    }
    return NULL;
}

/* C2 and T3: money moves -------------------------------------------------------------------------------------------- */

/* The state at the provider was not what we thought: what it is counts. */
struct error *payment_look_again(struct ctx *ctx, struct payment *payment)
{
    struct snapshot snapshot;

    TRY(payment_provider(payment)->fetch(ctx, payment->provider_payment_id, &snapshot));
    return apply_provider_state(ctx, payment->id, &snapshot, payment);
}

/* Whether that state is what the operation was for, whoever brought it about. */
static bool is_wanted(const struct attempt *attempt, const struct payment *payment)
{
    switch (attempt->operation) {
    case ATTEMPT_CHARGE:
        return payment->status != PAYMENT_CANCELLED && payment->status != PAYMENT_FAILED;
    case ATTEMPT_CAPTURE:
        return attempt->final ? payment->status == PAYMENT_SUCCEEDED
                              : payment->amount_captured.minor >= attempt->target;
    case ATTEMPT_CANCEL:
        return payment->status == PAYMENT_CANCELLED;
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
            TRY(IN_TX(ctx, attempt_end(ctx, payment->id, attempt, ATTEMPT_NOT_EXECUTED, before, outcome, payment)));
        return attempt_no_answer(ctx, payment, outcome);
    case OUTCOME_REFUSED:
        break;
    }
    if (outcome->code == E_INVALID_STATUS) {
        struct attempt open;
        bool found;
        TRY(payment_look_again(ctx, payment));
        TRY(attempt_open(ctx, payment->id, &open, &found));
        if (!found) // it came to its end another way
            return is_wanted(attempt, payment) ? NULL : said_no(ctx, payment, outcome);
    }
    TRY(IN_TX(ctx, attempt_end(ctx, payment->id, attempt, ATTEMPT_REFUSED, after_refusal, outcome, payment)));
    return said_no(ctx, payment, outcome);
}

static struct error *confirm_at_provider(struct ctx *ctx, struct payment *payment, struct attempt *attempt, bool fresh)
{
    const char *mandate = NULL;

    if (attempt->method && payment->customer_id) // a kept one has a customer
        TRY(method_mandate(ctx, payment->provider, attempt->method, &mandate));
    struct outcome outcome = payment_provider(payment)->confirm(ctx,
        &(struct confirm_request){
            .reference = payment->provider_payment_id,
            .key = arena_printf(ctx->arena, "pay:%s:confirm:%d", attempt->id, attempt->tries),
            .method = attempt->method,
            .return_url = payment->return_url
                ? payment->return_url
                : arena_printf(ctx->arena, "%s/return", checkout_address(ctx, payment->id)),
            .off_session = attempt->off_session,
            .mandate = mandate,
        });
    return conclude(ctx, payment, attempt, &outcome, fresh, status_after_refusal(payment));
}

/* One call and its record. Hundreds of payments may wait for the provider at once: what one call has taken is not held while the
 * next one is waited for. */
static struct error *aside(struct ctx *ctx, struct payment *payment, struct attempt *attempt, bool fresh,
    struct error *(*step)(struct ctx *ctx, struct payment *payment, struct attempt *attempt, bool fresh))
{
    struct ctx *own = ctx_aside(ctx);
    struct error *error = step(own, payment, attempt, fresh);

    if (!error) {
        payment_keep(ctx, payment);
        attempt_keep(ctx, attempt);
    }
    return ctx_rejoin(ctx, own, error);
}

static struct error *charge(struct ctx *ctx, struct payment *payment, struct attempt *attempt, bool fresh)
{
    if (!payment->provider_payment_id)
        TRY(aside(ctx, payment, attempt, fresh, create_at_provider));
    if (!payment->provider_payment_id)
        return NULL; // not known to exist
    if (attempt->phase == PHASE_CREATING)
        TRY(IN_TX(ctx, step_on(ctx, payment, attempt)));
    if (!attempt->confirms)
        return NULL; // for the payer's browser
    failpoint("charge", "after_t2");
    return aside(ctx, payment, attempt, fresh, confirm_at_provider);
}

/* Under one key as often as it is sent: of a payment that is captured in parts, an earlier try that is still on its way could come
 * after it. */
static struct error *capture(struct ctx *ctx, struct payment *payment, struct attempt *attempt, bool fresh)
{
    struct outcome outcome = payment_provider(payment)->capture(ctx,
        &(struct capture_request){
            .reference = payment->provider_payment_id,
            .key = arena_printf(ctx->arena, "pay:%s:capture:%d", attempt->id, attempt->key_number),
            .amount = { .minor = attempt->amount,
                .currency = { payment->amount.currency[0], payment->amount.currency[1], payment->amount.currency[2] } },
            .final = attempt->final,
        });

    if (outcome.kind == OUTCOME_UNKNOWN && outcome.key_used)
        TRY(attempt_next_key(ctx, attempt)); // what it repeats is over, so asking tells; and then it is sent anew
    return conclude(ctx, payment, attempt, &outcome, fresh, PAYMENT_AUTHORIZED);
}

static struct error *cancel(struct ctx *ctx, struct payment *payment, struct attempt *attempt, bool fresh)
{
    struct outcome outcome = payment_provider(payment)->cancel(ctx,
        &(struct cancel_request){
            .reference = payment->provider_payment_id,
            .key = arena_printf(ctx->arena, "pay:%s:cancel:%d", attempt->id, attempt->tries),
            .reason = payment->cancel_reason,
        });

    return conclude(ctx, payment, attempt, &outcome, fresh, payment->status);
}

struct error *attempt_perform(struct ctx *ctx, struct payment *payment, struct attempt *attempt, bool fresh)
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
