#include <string.h>

#include "access/idempotency.h"
#include "base/arena.h"
#include "base/ctx.h"
#include "base/failpoint.h"
#include "base/id.h"
#include "base/log.h"
#include "db/db.h"
#include "events/audit.h"
#include "events/decision.h"
#include "jobs/job.h"
#include "payments/attempt.h"
#include "payments/payment.h"
#include "payments/payment_store.h"
#include "provider/provider.h"

/* How often a charge or capture that provably has not happened is asked for again, and until when. */
#define MAX_TRIES 3
#define TRY_AGAIN_SECONDS (15 * 60)
/* After so many looks, an hour and a half, a person is asked as well. */
#define PERSON_TRIES 6
/* When the payer, or whoever should confirm, is given up on. */
#define ACTION_SECONDS 3600
#define WAITING_SECONDS (24 * 3600)
#define PATIENT_SECONDS (14 * 24 * 3600)
/* A debit that has not come by then is asked about at the provider by a person. */
#define PROCESSING_SECONDS (21 * 24 * 3600)

/* Asking ------------------------------------------------------------------------------------------------------------- */

/* The provider's word, by its id or, where that never reached us, by ours. *found is false when it knows of nothing. */
static struct error *ask(struct ctx *ctx, const struct payment *payment, struct snapshot *snapshot, bool *found)
{
    const struct provider *provider = payment_provider(payment);
    struct error *error = payment->provider_payment_id
        ? provider->fetch(ctx, payment->provider_payment_id, snapshot)
        : provider->find(ctx, payment->id, payment->created_at, snapshot);

    *found = !error;
    return error && error->code == E_NOT_FOUND && !payment->provider_payment_id ? NULL : error;
}

struct error *payment_sync(struct ctx *ctx, const char *id, struct payment *out)
{
    struct snapshot snapshot;
    bool found;

    TRY(payment_get(ctx, id, out));
    TRY(audit_add(ctx, "payment.sync_requested", out->id, NULL));
    if (!out->provider_payment_id)
        return error_new(ctx, E_INVALID_STATUS, "The provider does not know of this payment yet.");
    TRY(payment_checked(ctx, out->id));
    struct error *error = ask(ctx, out, &snapshot, &found);
    if (error && error_status(error->code) >= 500)
        return error_cause(ctx, error_new(ctx, E_PROVIDER_UNAVAILABLE, "The payment provider did not answer."), "%s",
            error->cause ? error->cause : error->detail);
    TRY(error);
    return apply_provider_state(ctx, out->id, &snapshot, out);
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
        return attempt_perform(ctx, payment, attempt, false);
    struct outcome given_up = { .kind = OUTCOME_NOT_EXECUTED, .decline_code = "given_up" };
    enum payment_status rest = attempt->operation == ATTEMPT_CHARGE ? PAYMENT_CREATED : payment->status;
    TRY(IN_TX(ctx, attempt_end(ctx, payment->id, attempt, ATTEMPT_NOT_EXECUTED, rest, &given_up, payment)));
    return attempt->operation == ATTEMPT_CHARGE ? payment_give_up(ctx, payment, "not_completed") : NULL;
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
        return snapshot->state != PROVIDER_STATE_AUTHORIZED
            || (!attempt->final && snapshot->captured >= attempt->target);
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

/* The intent of a payment that came to nothing is closed, so that nobody who kept its secret can still pay it; also one whose
 * making was given up and that came about all the same. Asked anew each time: to cancel twice does no harm, and an error would be
 * repeated under its key for a day. */
static struct error *close_there(struct ctx *ctx, struct payment *payment)
{
    bool nothing = payment->status == PAYMENT_FAILED || payment->status == PAYMENT_CANCELLED;
    struct outcome outcome;

    if (!nothing || !payment->provider_payment_id)
        return NULL;
    outcome = payment_provider(payment)->cancel(ctx,
        &(struct cancel_request){
            .reference = payment->provider_payment_id,
            .key = arena_printf(ctx->arena, "pay:%s:close:%s", payment->id, id_new(ctx, "try")),
        });
    if (outcome.kind == OUTCOME_DONE)
        return apply_provider_state(ctx, payment->id, &outcome.snapshot, payment);
    if (outcome.kind == OUTCOME_REFUSED)
        return payment_look_again(ctx, payment);
    return attempt_no_answer(ctx, payment, &outcome);
}

/* Whoever should act has had his time, since the payment last changed and since the last try began. */
static bool is_overdue(struct ctx *ctx, const struct payment *payment, const struct attempt *open)
{
    bool at_the_bank = payment->status == PAYMENT_REQUIRES_ACTION;
    bool patient = payment_is_patient(payment);
    int64_t seconds = patient ? PATIENT_SECONDS : at_the_bank ? ACTION_SECONDS : WAITING_SECONDS;

    if ((payment->checkout_id && !patient) || (!at_the_bank && payment->status != PAYMENT_CREATED))
        return false; // that of a session ends with it
    return is_older(ctx, payment->updated_at, seconds) && (!open || is_older(ctx, open->created_at, seconds));
}

/* Where the first run of a key could not reach the provider, the next run does what that one was asked for. */
static struct error *begin_again(struct ctx *ctx, struct payment *payment)
{
    struct attempt last, attempt;
    bool found;

    if (!idempotency_is_taken_over(ctx) || payment_is_over(payment->status))
        return NULL;
    TRY(attempt_last(ctx, payment->id, &last, &found));
    if (!found || last.status != ATTEMPT_NOT_EXECUTED || last.operation != ATTEMPT_CHARGE)
        return NULL; // captures and cancellations are begun again by those who know whose they are
    attempt = attempt_new(ctx, payment, last.operation, last.amount);
    attempt.confirms = last.confirms;
    attempt.method = last.method;
    attempt.off_session = last.off_session;
    TRY(attempt_insert(ctx, &attempt));
    return attempt_perform(ctx, payment, &attempt, true);
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
    TRY(close_there(ctx, out));
    return is_overdue(ctx, out, open ? &attempt : NULL) ? payment_give_up(ctx, out, "abandoned") : NULL;
}

/* Seconds until the resolver asks again (RELIABILITY.md 1.2). */
static int64_t next_look(const struct payment *payment, int tries)
{
    static const int64_t delays[] = { 10, 30, 120, 300, 900, 3600, 6 * 3600, 24 * 3600 };
    size_t place = tries > 0 ? (size_t)tries - 1 : 0;
    bool waits = payment->status == PAYMENT_CREATED
        || (payment->status == PAYMENT_REQUIRES_ACTION && !payment_is_patient(payment));
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
    if (payment.status == PAYMENT_PROCESSING && is_older(ctx, payment.updated_at, PROCESSING_SECONDS))
        TRY(decision_ask(ctx, "long_processing", payment.id, payment.amount,
            arena_printf(ctx->arena, "%s has had %s under way for three weeks.", payment.provider,
                payment.provider_payment_id ? payment.provider_payment_id : "this payment"),
            "Ask the provider; deliver nothing on it before it has succeeded."));
    return job_again(ctx, next_look(&payment, job->attempts));
}
