#include "payments/refund.h"

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
#include "events/event.h"
#include "jobs/job.h"
#include "ledger/ledger.h"
#include "payments/approval.h"
#include "payments/kinds.h"
#include "payments/notice.h"
#include "payments/payment.h"
#include "payments/payment_store.h"
#include "payments/refund_store.h"
#include "payments/refund_view.h"
#include "provider/provider.h"

#define FIRST_LOOK 10
#define DAY 86400
#define DELAY_DAYS 14           // until a delayed payment has come
#define KEY_SECONDS (23 * 3600) // Stripe keeps keys for a day at least

const struct field refund_shown[] = {
    FIELD(struct refund, id),
    FIELD(struct refund, payment_id),
    FIELD(struct refund, status, .names = refund_status_names),
    FIELD(struct refund, amount),
    FIELD(struct refund, reason),
    FIELD(struct refund, provider),
    FIELD(struct refund, provider_refund_id),
    FIELD(struct refund, failure_code),
    FIELD(struct refund, created_at),
    FIELD(struct refund, updated_at),
    FIELD_END,
};

struct error *refund_find(struct ctx *ctx, const char *id, struct refund *out)
{
    return refund_get(ctx, id, out);
}

struct error *refund_list(struct ctx *ctx, const char *payment_id, struct field_list *out)
{
    struct payment payment;

    TRY(payment_get(ctx, payment_id, &payment));
    return refund_of_payment(ctx, payment.id, out);
}

/* What a change of state does to the books -------------------------------------------------------------------------- */

static struct error *tell(struct ctx *ctx, const struct refund *refund)
{
    const char *name = arena_printf(ctx->arena, "refund.%s", refund_status_names[refund->status]);
    json_t *details = json_in(ctx->arena,
        json_pack("{ss, sI, ss, ss*}", "payment", refund->payment_id, "amount", (json_int_t)refund->amount.minor,
            "currency", refund->amount.currency, "reference", refund->provider_refund_id));

    TRY(audit_add(ctx, name, refund->id, details));
    if (refund->status == REFUND_SUCCEEDED)
        TRY(notice_add(ctx, NOTICE_REFUND, refund->payment_id, refund->id));
    return event_add(ctx, name, refund->id, field_write(ctx, refund_shown, refund));
}

/* Moves the refund on and the payment's amounts along; a reservation is released once. */
static struct error *move(struct ctx *ctx, struct payment *payment, struct refund *refund, enum refund_status to)
{
    int64_t amount = refund->amount.minor;

    if (refund->status == REFUND_PROCESSING)
        payment->amount_refunding.minor -= amount;
    if (refund->status == REFUND_SUCCEEDED) { // it comes back from the payer's bank
        payment->amount_refunded.minor -= amount;
        TRY(ledger_post(ctx, LEDGER_REFUND_FAILED, payment->provider, refund->id, "", refund->amount));
    }
    if (to == REFUND_SUCCEEDED) {
        payment->amount_refunded.minor += amount;
        TRY(ledger_post(ctx, LEDGER_REFUND, payment->provider, refund->id, "", refund->amount));
    }
    refund->status = to;
    TRY(refund_update(ctx, refund));
    if (to != REFUND_PROCESSING)
        TRY(job_done(ctx, "refund.resolve", refund->id));
    TRY(decision_settle(ctx, "unknown_outcome", refund->id, refund_status_names[to]));
    if (to == REFUND_FAILED && refund->provider_refund_id) // one that was refused at once is the caller's to know
        TRY(decision_ask(ctx, "refund_failed", refund->id, refund->amount,
            arena_printf(ctx->arena,
                "The provider could not give back what was asked for of %s; the payer still waits for it.",
                refund->payment_id),
            "Ask the payer for another way, such as a bank account, and give it back there."));
    return tell(ctx, refund);
}

static bool is_possible(enum refund_status from, enum refund_status to)
{
    return (from == REFUND_PROCESSING && to != REFUND_PROCESSING) || (from == REFUND_SUCCEEDED && to == REFUND_FAILED);
}

static enum refund_status status_of(const struct refund_view *view)
{
    int index = view->status ? name_index(refund_status_names, view->status) : -1;

    return index < 0 ? REFUND_PROCESSING : (enum refund_status)index; // "pending", and what we do not know
}

/* The provider never gives back more than was captured. So where its own refunds leave no room, those of ours that it does not
 * list were most likely not executed and cannot be any more; one that was after all comes back by take_back(). */
static struct error *make_room(struct ctx *ctx, struct payment *payment, int64_t amount)
{
    struct field_list list;

    TRY(refund_of_payment(ctx, payment->id, &list));
    struct refund *refunds = list.items;
    for (size_t i = 0; i < list.count; i++) {
        if (payment_refundable(payment) >= amount)
            return NULL;
        if (refunds[i].status != REFUND_PROCESSING || refunds[i].provider_refund_id)
            continue;
        refunds[i].failure_code = "no_room";
        TRY(move(ctx, payment, &refunds[i], REFUND_FAILED));
    }
    return NULL;
}

/* Made in the provider's own dashboard: ours from now on. */
static struct error *adopt_new(struct ctx *ctx, struct payment *payment, const struct refund_view *view)
{
    struct refund refund = {
        .id = id_new(ctx, "ref"),
        .payment_id = payment->id,
        .amount = view->amount,
        .reason = view->reason ? view->reason : "made at the provider",
        .provider = payment->provider,
        .provider_refund_id = view->reference,
        .origin = REFUND_BY_PROVIDER,
        .created_by = payment->provider,
        .created_at = instant_is_set(view->created_at) ? view->created_at : ctx->now,
        .updated_at = ctx->now,
    };

    if (status_of(view) == REFUND_FAILED || status_of(view) == REFUND_CANCELLED)
        return NULL; // began and ended without us
    TRY(make_room(ctx, payment, refund.amount.minor));
    TRY(refund_insert(ctx, &refund));
    payment->amount_refunding.minor += refund.amount.minor;
    if (status_of(view) != REFUND_PROCESSING)
        return move(ctx, payment, &refund, status_of(view));
    TRY(job_add_later(ctx, "refund.resolve", refund.id, FIRST_LOOK));
    return tell(ctx, &refund);
}

/* Given up without ever being seen at the provider, and now it is there. */
static struct error *take_back(struct ctx *ctx, struct payment *payment, struct refund *refund, enum refund_status to)
{
    if (to != REFUND_PROCESSING && to != REFUND_SUCCEEDED)
        return refund_update(ctx, refund);
    TRY(make_room(ctx, payment, refund->amount.minor));
    refund->failure_code = NULL;
    if (to == REFUND_PROCESSING)
        payment->amount_refunding.minor += refund->amount.minor;
    return move(ctx, payment, refund, to);
}

struct error *refund_adopt(struct ctx *ctx, struct payment *payment, const struct refund_view *view, bool only_known)
{
    struct refund refund;
    bool found;

    TRY(refund_known(ctx, payment->id, view->refund_id, view->reference, &refund, &found));
    if (!found)
        return only_known ? NULL : adopt_new(ctx, payment, view);
    bool named = !refund.provider_refund_id && view->reference;
    refund.provider_refund_id = view->reference;
    if (named && refund.status == REFUND_FAILED)
        return take_back(ctx, payment, &refund, status_of(view));
    if (is_possible(refund.status, status_of(view)))
        return move(ctx, payment, &refund, status_of(view));
    return named ? refund_update(ctx, &refund) : NULL;
}

/* T1 ---------------------------------------------------------------------------------------------------------------- */

static struct error *check_amount(struct ctx *ctx, const struct payment *payment, struct money *amount)
{
    int64_t left = payment_refundable(payment);
    struct money rest = payment->amount;
    struct error *error = NULL;

    rest.minor = left;
    if (!payment->amount_captured.minor)
        return error_new(ctx, E_INVALID_STATUS, "The payment is %s; nothing was captured that could go back.",
            payment_public_status(payment));
    if (left == 0)
        return error_new(ctx, E_ALREADY_REFUNDED, "All of this payment has gone back or is on its way back.");
    if (!*amount->currency)
        *amount = rest;
    if (!money_same_currency(*amount, payment->amount))
        error_add_field(ctx, &error, "#/amount/currency", "must be %s, as the payment's", payment->amount.currency);
    else if (amount->minor > left)
        error_add_field(ctx, &error, "#/amount/value", "must not be more than the %s that are left of the payment",
            money_value(ctx->arena, rest));
    return error;
}

/* An operator or a key with refunds:bulk may go on. */
static struct error *check_limit(struct ctx *ctx, const struct payment *payment)
{
    struct instant since = instant_add_seconds(ctx->now, -DAY);
    int64_t count;

    if (!payment->customer_id || principal_may(&ctx->principal, "refunds:bulk"))
        return NULL;
    TRY(refund_count_since(ctx, payment->customer_id, since, &count));
    if (count < ctx->config->refunds_per_day)
        return NULL;
    struct error *error = error_new(ctx, E_RATE_LIMITED, "Too many refunds for this customer within a day.");
    error->retry_after = 3600;
    return error;
}

/* Some kinds of payment can only be given back for a while, which begins when the money has come. */
static struct error *check_window(struct ctx *ctx, const struct payment *payment)
{
    const struct provider *provider = provider_named(payment->provider);
    const struct method_kind *kind = provider ? kind_typed(provider, payment->method_type) : NULL;
    int64_t days = kind ? kind->refund_days : 0;

    if (!days || ctx->now.us - payment->created_at.us <= (days + (kind->delayed ? DELAY_DAYS : 0)) * DAY * 1000000)
        return NULL;
    return error_new(ctx, E_INVALID_STATUS, "A payment by %s can be refunded for %lld days.", kind->name,
        (long long)days);
}

struct error *refund_check(struct ctx *ctx, const struct payment *payment, struct money *amount)
{
    TRY(check_amount(ctx, payment, amount));
    if (payment->dispute_state == DISPUTE_OPEN || payment->dispute_state == DISPUTE_LOST)
        return error_new(ctx, E_INVALID_STATUS,
            "The payment is disputed; a refund now could give the money back twice.");
    TRY(check_window(ctx, payment));
    return check_limit(ctx, payment);
}

static struct error *intend(struct ctx *ctx, const struct refund_request *request, struct payment *payment,
    struct refund *refund)
{
    struct money amount = request->amount;
    struct approval approval;

    // first: a second request with the key must hear of this one, not of what is left
    TRY(idempotency_take(ctx, refund->id));
    TRY(payment_lock(ctx, request->payment, payment));
    if (request->approval)
        TRY(approval_claim(ctx, request->approval, &approval));
    TRY(refund_check(ctx, payment, &amount));
    if (!request->approval)
        TRY(approval_demand(ctx, payment, amount));
    refund->payment_id = payment->id;
    refund->provider = payment->provider;
    refund->amount = amount;
    payment->amount_refunding.minor += amount.minor;
    TRY(payment_update(ctx, payment));
    TRY(refund_insert(ctx, refund));
    if (request->approval)
        TRY(approval_carry_out(ctx, &approval, refund));
    TRY(audit_add(ctx, "refund.requested", refund->id,
        json_in(ctx->arena,
            json_pack("{ss, sI, ss}", "payment", payment->id, "amount", (json_int_t)amount.minor, "currency",
                amount.currency))));
    return job_add_later(ctx, "refund.resolve", refund->id, FIRST_LOOK);
}

/* C2 and T3 ---------------------------------------------------------------------------------------------------------- */

static struct error *record(struct ctx *ctx, const struct refund_view *view, struct refund *refund)
{
    struct payment payment;

    TRY(payment_lock(ctx, refund->payment_id, &payment));
    TRY(refund_adopt(ctx, &payment, view, true));
    TRY(payment_update(ctx, &payment));
    return refund_get(ctx, refund->id, refund);
}

static struct error *send(struct ctx *ctx, const struct payment *payment, struct refund *refund)
{
    struct reversal reversal = {
        .refund_id = refund->id,
        .key = arena_printf(ctx->arena, "ref:%s:%d", refund->id, refund->key_number),
        .reference = payment->provider_payment_id,
        .amount = refund->amount,
        .reason = refund->reason,
    };
    struct outcome outcome = provider_named(payment->provider)->refund(ctx, &reversal);
    struct refund_view failed = { .refund_id = refund->id, .status = "failed" };
    struct error *error;

    failpoint("refund", "after_c2");
    switch (outcome.kind) {
    case OUTCOME_DONE:
        return IN_TX(ctx, record(ctx, &outcome.refund, refund));
    case OUTCOME_UNKNOWN: // the resolver asks, and sends it again
        return outcome.key_used ? refund_next_key(ctx, refund) : NULL;
    case OUTCOME_NOT_EXECUTED:
        return NULL; // it was accepted: the resolver sends it
    case OUTCOME_DECLINED:
    case OUTCOME_REFUSED:
        break;
    }
    TRY(IN_TX(ctx, record(ctx, &failed, refund)));
    error = error_new(ctx, outcome.code, "%s", outcome.detail);
    error->outcome = "not_attempted";
    error->payment_id = payment->id;
    return error_cause(ctx, error, "%s", outcome.cause ? outcome.cause : "");
}

static struct error *ask_a_person(struct ctx *ctx, const struct refund *refund)
{
    return decision_ask(ctx, "unknown_outcome", refund->id, refund->amount,
        arena_printf(ctx->arena, "%s was asked for this refund of %s a day ago and does not list it.", refund->provider,
            refund->payment_id),
        "Look at the payment's refunds at the provider, and give the money back there if it is still missing.");
}

/* The provider's list of the payment's refunds tells whether ours is among them; if it is not, it is asked for again, under
 * the same key, because the first request may still be on its way; and never once the provider may have forgotten the key. */
static struct error *go_on(struct ctx *ctx, const char *id, struct refund *out)
{
    struct payment payment;
    struct snapshot snapshot;

    TRY(refund_get(ctx, id, out));
    if (out->status != REFUND_PROCESSING)
        return NULL;
    TRY(payment_get(ctx, out->payment_id, &payment));
    TRY(provider_named(payment.provider)->fetch(ctx, payment.provider_payment_id, &snapshot));
    TRY(apply_provider_state(ctx, payment.id, &snapshot, &payment));
    TRY(refund_get(ctx, id, out));
    if (out->status != REFUND_PROCESSING || out->provider_refund_id)
        return NULL;
    if (ctx->now.us - out->created_at.us > KEY_SECONDS * INT64_C(1000000))
        return ask_a_person(ctx, out);
    return send(ctx, &payment, out);
}

static struct error *taken_over(struct ctx *ctx, struct refund *out)
{
    TRY(IN_TX(ctx, idempotency_take(ctx, ctx->idempotency->resource)));
    ctx->idempotency->held = true;
    return go_on(ctx, ctx->idempotency->resource, out);
}

struct error *refund_create(struct ctx *ctx, const struct refund_request *request, struct refund *out)
{
    struct payment payment;

    if (idempotency_is_taken_over(ctx))
        return taken_over(ctx, out);
    *out = (struct refund){
        .id = id_new(ctx, "ref"),
        .status = REFUND_PROCESSING,
        .reason = request->reason ? request->reason : "requested_by_customer",
        .note = request->note,
        .origin = REFUND_BY_TILL,
        .created_by = principal_name(&ctx->principal),
        .created_at = ctx->now,
        .updated_at = ctx->now,
    };
    failpoint("refund", "before_t1");
    TRY(IN_TX(ctx, intend(ctx, request, &payment, out)));
    failpoint("refund", "after_t1");
    struct error *error = send(ctx, &payment, out);
    failpoint("refund", "after_t3");
    return error;
}

struct error *refund_resolve_task(struct ctx *ctx, const struct job *job)
{
    static const int64_t delays[] = { 10, 30, 120, 300, 900, 3600, 6 * 3600, DAY };
    size_t place = job->attempts > 0 ? (size_t)job->attempts - 1 : 0;
    size_t last = sizeof delays / sizeof *delays - 1;
    struct refund refund;
    struct error *error = go_on(ctx, job->subject, &refund);

    if (error)
        log_warn(ctx, "refund.resolve", "%s: %s", job->subject, error->cause ? error->cause : error->detail);
    TRY(refund_get(ctx, job->subject, &refund));
    return refund.status == REFUND_PROCESSING ? job_again(ctx, delays[place < last ? place : last]) : NULL;
}
