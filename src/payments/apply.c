#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/crypto.h"
#include "base/ctx.h"
#include "base/log.h"
#include "customers/method.h"
#include "db/db.h"
#include "events/audit.h"
#include "events/decision.h"
#include "events/event.h"
#include "jobs/job.h"
#include "ledger/ledger.h"
#include "payments/attempt.h"
#include "payments/checkout_store.h"
#include "payments/dispute.h"
#include "payments/expiry.h"
#include "payments/notice.h"
#include "payments/payment.h"
#include "payments/payment_store.h"
#include "payments/payment_view.h"
#include "payments/refund.h"
#include "provider/provider.h"

/* What is being changed, and what it was. */
struct change {
    const struct snapshot *snapshot;
    struct payment *payment;
    struct payment before;
    struct attempt attempt;
    bool has_attempt;
    bool declined; // the snapshot tells of a decline that we have not recorded
};

static const char mismatch[] = "payment_mismatch";

static struct error *check_same(struct ctx *ctx, const struct payment *payment, const struct snapshot *snapshot)
{
    bool same_reference = !payment->provider_payment_id || !strcmp(payment->provider_payment_id, snapshot->reference);

    if (same_reference && money_same_currency(payment->amount, snapshot->amount)
        && payment->amount.minor == snapshot->amount.minor && (payment->mode == MODE_LIVE) == snapshot->livemode)
        return NULL;
    log_error(ctx, "payment.mismatch", "%s at %s is not what %s says: %lld %s", payment->id, payment->provider,
        snapshot->reference, (long long)snapshot->amount.minor, snapshot->amount.currency);
    struct error *error = error_new(ctx, E_CONFLICT, "What the provider says does not belong to this payment.");
    error->constraint = mismatch;
    return error;
}

static bool same_text(const char *a, const char *b)
{
    return a == b || (a && b && !strcmp(a, b));
}

/* An intent keeps its last decline until the next try ends; only the charge or the reason tell whether it is news. */
static bool is_new_decline(const struct payment *payment, const struct snapshot *snapshot)
{
    if (snapshot->state != PROVIDER_STATE_WAITING || snapshot->decline.kind == DECLINE_NONE)
        return false;
    if (snapshot->charge && !same_text(snapshot->charge, payment->provider_charge_id))
        return true;
    return !snapshot->charge && !same_text(snapshot->decline.code, payment->failure_code);
}

static bool is_confirming(const struct change *change)
{
    return change->has_attempt && change->attempt.operation == ATTEMPT_CHARGE
        && change->attempt.phase == PHASE_CONFIRMING;
}

static enum payment_status told_status(const struct change *change)
{
    enum payment_status now = change->payment->status;

    switch (change->snapshot->state) {
    case PROVIDER_STATE_WAITING:
        if (change->declined)
            return change->payment->confirmation == CONFIRMATION_AUTOMATIC ? PAYMENT_FAILED : PAYMENT_CREATED;
        /* A confirmation of ours may still be on its way to the provider. */
        return is_confirming(change) ? now : PAYMENT_CREATED;
    case PROVIDER_STATE_ACTION:
        return PAYMENT_REQUIRES_ACTION;
    case PROVIDER_STATE_PENDING:
        return PAYMENT_PROCESSING;
    case PROVIDER_STATE_AUTHORIZED:
        return PAYMENT_AUTHORIZED;
    case PROVIDER_STATE_SUCCEEDED:
        return PAYMENT_SUCCEEDED;
    case PROVIDER_STATE_CANCELLED: // of what was captured in part, only the rest is let go
        return change->snapshot->captured ? PAYMENT_SUCCEEDED : PAYMENT_CANCELLED;
    }
    return now;
}

/* A snapshot may be older than what we know: what has come to an end only moves on where money says so. What was taken was taken;
 * a hold may have been let go since, so it counts only when it was seen after the last word that we have heard. */
static bool is_news(const struct change *change, enum payment_status to)
{
    const struct payment *payment = change->payment;

    switch (payment->status) {
    case PAYMENT_SUCCEEDED:
        return false;
    case PAYMENT_FAILED:
    case PAYMENT_CANCELLED:
        return to == PAYMENT_SUCCEEDED
            || (to == PAYMENT_AUTHORIZED && change->snapshot->asked_at.us > payment->checked_at.us);
    case PAYMENT_AUTHORIZED:
        return to == PAYMENT_SUCCEEDED || to == PAYMENT_CANCELLED;
    case PAYMENT_CREATED:
    case PAYMENT_REQUIRES_ACTION:
    case PAYMENT_PROCESSING:
    case PAYMENT_UNKNOWN:
        return to != payment->status;
    }
    return false;
}

static void copy_method(struct payment *payment, const struct method_view *method)
{
    if (!method->id && !method->type)
        return;
    payment->method_id = method->id ? method->id : payment->method_id;
    payment->method_type = method->type;
    payment->method_brand = method->brand;
    payment->method_last4 = method->last4;
    payment->method_exp_month = method->exp_month;
    payment->method_exp_year = method->exp_year;
    payment->method_country = method->country;
    payment->method_funding = method->funding;
    payment->method_wallet = method->wallet;
    payment->method_fingerprint = method->fingerprint;
}

static void copy_failure(struct change *change)
{
    struct payment *payment = change->payment;
    const struct decline *decline = &change->snapshot->decline;

    if (change->declined) {
        payment->failure_class = decline_class_names[decline->kind];
        payment->failure_code = decline->code;
        payment->failure_message = decline_sentence(decline->kind);
    } else if (payment->status == PAYMENT_SUCCEEDED || payment->status == PAYMENT_AUTHORIZED) {
        payment->failure_class = payment->failure_code = payment->failure_message = NULL;
    }
}

static void copy_words(struct ctx *ctx, struct change *change)
{
    const struct snapshot *snapshot = change->snapshot;
    struct payment *payment = change->payment;

    payment->provider_payment_id = snapshot->reference;
    if (snapshot->charge && snapshot->state != PROVIDER_STATE_PENDING) // its end is news, days later
        payment->provider_charge_id = snapshot->charge;
    if (!payment->client_secret.data && snapshot->client_secret)
        payment->client_secret = seal(ctx, arena_printf(ctx->arena, "payments.client_secret:%s", payment->id),
            bytes_of(snapshot->client_secret));
    payment->next_action = snapshot->next_action;
    payment->next_action_url = snapshot->next_action_url;
    if (payment->status == PAYMENT_CANCELLED && !payment->cancel_reason)
        payment->cancel_reason = snapshot->cancellation_reason;
    if (snapshot->dispute != DISPUTE_NONE) // what does not list disputes says nothing about them
        payment->dispute_state = snapshot->dispute;
    payment->checked_at = clock_now(); // not when this run began: others may have asked since
    copy_method(payment, &snapshot->method);
    copy_failure(change);
    if (snapshot->checks.risk_level)
        payment->risk_level = snapshot->checks.risk_level;
    if (payment->status == PAYMENT_AUTHORIZED) {
        payment->capture_before = expiry_deadline(ctx, payment, snapshot);
        payment->multicapture |= snapshot->multicapture;
    }
}

/* As an attempt keeps them; NULL where nothing was found out. */
static json_t *checks_of(struct ctx *ctx, const struct snapshot *snapshot)
{
    const struct charge_checks *checks = &snapshot->checks;
    json_t *kept = json_in(ctx->arena,
        json_pack("{ss*, ss*, ss*, ss*, ss*, ss*, ss*, ss*, ss*, ss*}", "cvc", checks->cvc, "postcode",
            checks->postal_code, "street", checks->line1, "three_d_secure", checks->three_d_secure,
            "three_d_secure_flow", checks->three_d_secure_flow, "three_d_secure_version",
            checks->three_d_secure_version, "three_d_secure_reason", checks->three_d_secure_reason, "risk_level",
            checks->risk_level, "verdict", checks->verdict, "why", checks->why));

    if (checks->risk_score)
        json_object_set_new(kept, "risk_score", json_integer(checks->risk_score));
    return json_object_size(kept) ? kept : NULL;
}

/* Where an attempt is open they are written when that is settled. A declined charge's come late: the decline only names it. */
static struct error *note_checks(struct ctx *ctx, const struct change *change)
{
    json_t *checks = change->has_attempt || !change->snapshot->checks.verdict ? NULL : checks_of(ctx, change->snapshot);

    return checks ? attempt_check(ctx, change->payment->id, checks) : NULL;
}

/* Known ones first: what one of them gives up may be what a new one needs. */
static struct error *adopt_refunds(struct ctx *ctx, struct change *change)
{
    const struct snapshot *snapshot = change->snapshot;

    for (size_t i = 0; i < snapshot->refund_count; i++)
        TRY(refund_adopt(ctx, change->payment, &snapshot->refunds[i], true));
    for (size_t i = 0; i < snapshot->refund_count; i++)
        TRY(refund_adopt(ctx, change->payment, &snapshot->refunds[i], false));
    return NULL;
}

static struct error *adopt_disputes(struct ctx *ctx, const struct change *change)
{
    for (size_t i = 0; i < change->snapshot->dispute_count; i++)
        TRY(dispute_adopt(ctx, change->payment, &change->snapshot->disputes[i]));
    return NULL;
}

/* What was taken since the last time. */
static struct posting take_captured(struct ctx *ctx, struct change *change)
{
    struct payment *payment = change->payment;
    int64_t before = payment->amount_captured.minor;
    struct money taken = payment->amount;

    taken.minor = change->snapshot->captured > before ? change->snapshot->captured - before : 0;
    payment->amount_captured.minor += taken.minor;
    return (struct posting){ LEDGER_CAPTURE, arena_printf(ctx->arena, "%lld", (long long)before), taken };
}

/* The provider says what it keeps when it has settled the charge, which may be later. */
static struct error *post_money(struct ctx *ctx, struct change *change)
{
    const struct snapshot *snapshot = change->snapshot;
    const struct payment *payment = change->payment;
    struct posting *list = arena_array(ctx->arena, snapshot->fee_count + 2, sizeof *list);
    size_t count = 0;

    list[count++] = take_captured(ctx, change);
    for (size_t i = 0; i < snapshot->fee_count; i++)
        list[count++] = (struct posting){ LEDGER_FEE, snapshot->fees[i].reference, snapshot->fees[i].fee };
    if (*snapshot->fee.currency && snapshot->fee_reference)
        list[count++] = (struct posting){ LEDGER_FEE, snapshot->fee_reference, snapshot->fee };
    return payment->amount_captured.minor ? ledger_post_all(ctx, payment->provider, payment->id, list, count) : NULL;
}

static enum attempt_status settled_as(const struct change *change)
{
    static const enum payment_status ends[] = {
        [ATTEMPT_CHARGE] = PAYMENT_SUCCEEDED,
        [ATTEMPT_CAPTURE] = PAYMENT_SUCCEEDED,
        [ATTEMPT_CANCEL] = PAYMENT_CANCELLED,
    };
    enum attempt_operation operation = change->attempt.operation;
    enum payment_status status = change->payment->status;
    bool in_part = operation == ATTEMPT_CAPTURE && !change->attempt.final;

    if (change->declined)
        return ATTEMPT_DECLINED;
    if (in_part && change->payment->amount_captured.minor < change->attempt.target)
        return payment_is_over(status) ? ATTEMPT_SUPERSEDED : ATTEMPT_OPEN;
    if (in_part)
        return ATTEMPT_SUCCEEDED;
    if (status == ends[operation] || (operation == ATTEMPT_CHARGE && status == PAYMENT_AUTHORIZED))
        return ATTEMPT_SUCCEEDED;
    return payment_is_over(status) ? ATTEMPT_SUPERSEDED : ATTEMPT_OPEN;
}

static struct error *settle_attempt(struct ctx *ctx, struct change *change)
{
    struct attempt *attempt = &change->attempt;

    if (!change->has_attempt)
        return NULL;
    attempt->status = settled_as(change);
    if (attempt->status == ATTEMPT_OPEN)
        return NULL;
    attempt->phase = PHASE_DONE;
    if (attempt->operation == ATTEMPT_CHARGE)
        attempt->checks = checks_of(ctx, change->snapshot);
    attempt->provider_request_id = change->snapshot->request_id; // where it was told, that of the last call stays
    if (change->declined) {
        attempt->failure_class = change->payment->failure_class;
        attempt->failure_code = change->payment->failure_code;
    }
    change->has_attempt = false;
    return attempt_update(ctx, attempt);
}

/* What came to nothing here, and could still be paid there. */
static bool is_left_open(const struct change *change)
{
    enum provider_state state = change->snapshot->state;

    if (change->payment->status == PAYMENT_CANCELLED)
        return state == PROVIDER_STATE_WAITING || state == PROVIDER_STATE_ACTION;
    return change->payment->status == PAYMENT_FAILED && state != PROVIDER_STATE_CANCELLED;
}

/* What is still open is looked after; what came to nothing is closed at the provider too. */
static struct error *settle_job(struct ctx *ctx, const struct change *change)
{
    const struct payment *payment = change->payment;

    if (is_left_open(change))
        return job_add(ctx, "payment.resolve", payment->id);
    if (!change->has_attempt && (payment_is_over(payment->status) || payment->status == PAYMENT_AUTHORIZED))
        return job_done(ctx, "payment.resolve", payment->id);
    return NULL;
}

static struct error *settle_checkout(struct ctx *ctx, const struct payment *payment)
{
    if (!payment->checkout_id || (payment->status != PAYMENT_SUCCEEDED && payment->status != PAYMENT_AUTHORIZED))
        return NULL;
    return checkout_complete(ctx, payment->checkout_id);
}

/* What was paid with is remembered, and kept where the payer allowed it. */
static struct error *remember_method(struct ctx *ctx, const struct change *change)
{
    const struct payment *payment = change->payment;
    bool taken = payment->status == PAYMENT_SUCCEEDED || payment->status == PAYMENT_AUTHORIZED;

    if (!taken || payment->status == change->before.status || !payment->customer_id)
        return NULL;
    return method_paid(ctx, payment->customer_id, payment->provider, &change->snapshot->method, payment->keeps_method);
}

static struct error *note(struct ctx *ctx, const struct payment *payment, const char *what)
{
    json_t *object;
    json_t *details = json_in(ctx->arena,
        json_pack("{ss, sI, sI, ss, ss*, ss*}", "status", payment_status_names[payment->status], "amount",
            (json_int_t)payment->amount.minor, "captured", (json_int_t)payment->amount_captured.minor, "currency",
            payment->amount.currency, "reference", payment->provider_payment_id, "failure", payment->failure_code));
    const char *name = arena_printf(ctx->arena, "payment.%s", what);

    TRY(audit_add(ctx, name, payment->id, details));
    TRY(payment_json(ctx, payment, &object));
    return event_add(ctx, name, payment->id, object);
}

static struct error *tell(struct ctx *ctx, const struct change *change)
{
    const struct payment *payment = change->payment, *before = &change->before;

    if (before->status == PAYMENT_UNKNOWN && payment->status != PAYMENT_UNKNOWN)
        TRY(decision_settle(ctx, "unknown_outcome", payment->id, payment_status_names[payment->status]));
    if (before->status == PAYMENT_PROCESSING && payment->status != PAYMENT_PROCESSING)
        TRY(decision_settle(ctx, "long_processing", payment->id, payment_status_names[payment->status]));
    if (payment->status == PAYMENT_AUTHORIZED && payment->amount_captured.minor > before->amount_captured.minor)
        TRY(note(ctx, payment, "partially_captured"));
    else if (payment->status != before->status)
        TRY(note(ctx, payment,
            payment->status != PAYMENT_CREATED ? payment_status_names[payment->status]
                : change->declined             ? "attempt_failed"
                                               : "pending"));
    else if (change->declined)
        TRY(note(ctx, payment, "attempt_failed"));
    if (payment->status == PAYMENT_SUCCEEDED && before->status != PAYMENT_SUCCEEDED)
        TRY(notice_add(ctx, NOTICE_RECEIPT, payment->id, payment->id));
    if (payment->status == PAYMENT_REQUIRES_ACTION && before->status != PAYMENT_REQUIRES_ACTION)
        TRY(notice_add(ctx, NOTICE_ACTION, payment->id, payment->id));
    if (payment->dispute_state != before->dispute_state)
        TRY(note(ctx, payment, arena_printf(ctx->arena, "dispute_%s", dispute_standing_names[payment->dispute_state])));
    return NULL;
}

/* Deadlines count from the last change; to have been asked is none. */
static struct error *write(struct ctx *ctx, const struct change *change)
{
    struct payment *now = change->payment;
    const struct payment *before = &change->before;
    json_t *shown_before, *shown;

    TRY(payment_json(ctx, before, &shown_before));
    TRY(payment_json(ctx, now, &shown));
    bool same = json_equal(shown_before, shown) && now->amount_refunding.minor == before->amount_refunding.minor
        && same_text(now->provider_charge_id, before->provider_charge_id)
        && same_text(now->risk_level, before->risk_level) && now->client_secret.length == before->client_secret.length;
    return same ? payment_checked(ctx, now->id) : payment_update(ctx, now);
}

struct error *apply_to_open(struct ctx *ctx, const char *payment_id, const struct snapshot *snapshot,
    struct payment *out, struct attempt *open, bool *is_open)
{
    struct change change = { .snapshot = snapshot, .payment = out };

    TRY(payment_lock_open(ctx, payment_id, out, &change.attempt, &change.has_attempt));
    TRY(check_same(ctx, out, snapshot));
    change.before = *out;
    change.declined = is_new_decline(out, snapshot) && !payment_is_over(out->status);
    enum payment_status told = told_status(&change);
    if (is_news(&change, told))
        out->status = told;
    copy_words(ctx, &change);
    TRY(post_money(ctx, &change));
    TRY(adopt_refunds(ctx, &change));
    TRY(adopt_disputes(ctx, &change));
    TRY(write(ctx, &change));
    TRY(note_checks(ctx, &change));
    TRY(settle_attempt(ctx, &change));
    TRY(settle_checkout(ctx, out));
    TRY(remember_method(ctx, &change));
    TRY(settle_job(ctx, &change));
    TRY(expiry_follow(ctx, &change.before, out));
    TRY(tell(ctx, &change));
    *open = change.attempt;
    *is_open = change.has_attempt;
    return NULL;
}

struct error *apply_provider_state(struct ctx *ctx, const char *payment_id, const struct snapshot *snapshot,
    struct payment *out)
{
    struct attempt open;
    bool is_open;
    struct error *error = IN_SHARED_TX(ctx, payment_keys(payment_id, out),
        apply_to_open(ctx, payment_id, snapshot, out, &open, &is_open));

    if (!error || error->constraint != mismatch || ctx->tx)
        return error;
    TRY(decision_ask(ctx, "mismatch", payment_id, out->amount,
        arena_printf(ctx->arena, "%s at %s has another amount, currency, mode or id than the payment.",
            snapshot->reference, out->provider),
        "Compare both; if the provider's is not ours, find out who used our id, and change the keys."));
    return error;
}
