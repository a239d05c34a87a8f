#include "payments/dispute.h"

#include "base/arena.h"
#include "base/ctx.h"
#include "base/id.h"
#include "events/audit.h"
#include "events/decision.h"
#include "events/event.h"
#include "jobs/job.h"
#include "ledger/ledger.h"
#include "payments/dispute_store.h"
#include "payments/payment.h"
#include "payments/payment_store.h"
#include "provider/provider.h"

const struct field dispute_shown[] = {
    FIELD(struct dispute, id),
    FIELD(struct dispute, payment_id),
    FIELD(struct dispute, status, .names = dispute_standing_names),
    FIELD(struct dispute, amount),
    FIELD(struct dispute, reason),
    FIELD(struct dispute, provider),
    FIELD(struct dispute, provider_dispute_id),
    FIELD(struct dispute, due_by, .summary = "Until when evidence is taken"),
    FIELD(struct dispute, evidence_sent_at, .summary = "When the bank got it; null while it has none"),
    FIELD(struct dispute, created_at),
    FIELD(struct dispute, updated_at),
    FIELD_END,
};

static struct error *post(struct ctx *ctx, const struct dispute *dispute, enum ledger_kind kind)
{
    const char *when = arena_printf(ctx->arena, "%lld", (long long)ctx->now.us);

    return ledger_post(ctx, kind, dispute->provider, dispute->id, when, dispute->amount);
}

/* What each change of standing does to the money that is held back; nothing is held back for an inquiry. */
static struct error *move_money(struct ctx *ctx, const struct dispute *dispute, unsigned from)
{
    bool held = from == DISPUTE_OPEN;

    switch ((enum dispute_standing)dispute->status) {
    case DISPUTE_OPEN:
        return post(ctx, dispute, from == DISPUTE_LOST ? LEDGER_DISPUTE_APPEALED : LEDGER_DISPUTE_OPENED);
    case DISPUTE_WON:
        if (from == DISPUTE_LOST)
            TRY(post(ctx, dispute, LEDGER_DISPUTE_APPEALED));
        return held || from == DISPUTE_LOST ? post(ctx, dispute, LEDGER_DISPUTE_WON) : NULL;
    case DISPUTE_LOST:
        if (!held)
            TRY(post(ctx, dispute, LEDGER_DISPUTE_OPENED));
        return post(ctx, dispute, LEDGER_DISPUTE_LOST);
    case DISPUTE_INQUIRY:
    case DISPUTE_NONE:
        break;
    }
    return NULL;
}

bool dispute_waits(const struct dispute *dispute)
{
    return dispute->status == DISPUTE_OPEN || dispute->status == DISPUTE_INQUIRY;
}

struct error *dispute_get(struct ctx *ctx, const char *id, struct dispute *out)
{
    return dispute_row(ctx, id, out);
}

static struct error *settle_decisions(struct ctx *ctx, const struct dispute *dispute, const char *how)
{
    TRY(decision_settle(ctx, "dispute", dispute->id, how));
    return decision_settle(ctx, "dispute_due", dispute->id, how);
}

struct error *dispute_answered(struct ctx *ctx, struct dispute *dispute)
{
    dispute->evidence_sent_at = ctx->now;
    TRY(dispute_update(ctx, dispute));
    TRY(settle_decisions(ctx, dispute, "evidence sent"));
    TRY(audit_add(ctx, "dispute.evidence_sent", dispute->id,
        json_in(ctx->arena, json_pack("{ss}", "payment", dispute->payment_id))));
    return event_add(ctx, "dispute.evidence_sent", dispute->id, field_write(ctx, dispute_shown, dispute));
}

static struct error *tell(struct ctx *ctx, const struct dispute *dispute)
{
    const char *name = arena_printf(ctx->arena, "dispute.%s", dispute_standing_names[dispute->status]);

    TRY(audit_add(ctx, name, dispute->id,
        json_in(ctx->arena,
            json_pack("{ss, sI, ss, ss}", "payment", dispute->payment_id, "amount", (json_int_t)dispute->amount.minor,
                "currency", dispute->amount.currency, "reference", dispute->provider_dispute_id))));
    TRY(event_add(ctx, name, dispute->id, field_write(ctx, dispute_shown, dispute)));
    if (!dispute_waits(dispute))
        return settle_decisions(ctx, dispute, dispute_standing_names[dispute->status]);
    if (instant_is_set(dispute->evidence_sent_at))
        return NULL;
    return decision_ask(ctx, "dispute", dispute->id, dispute->amount,
        arena_printf(ctx->arena, "The payer of %s contests it with the bank (%s); evidence is taken until %s.",
            dispute->payment_id, dispute->reason ? dispute->reason : "no reason given",
            instant_is_set(dispute->due_by) ? instant_words(ctx->arena, dispute->due_by) : "the provider says"),
        "Send evidence of the delivery, or accept the dispute.");
}

/* In time for a person to do something yet. */
static struct error *remind(struct ctx *ctx, const struct dispute *dispute)
{
    int64_t left = (dispute->due_by.us - ctx->now.us) / 1000000 - DISPUTE_DUE_SECONDS;

    if (!dispute_waits(dispute) || !instant_is_set(dispute->due_by))
        return NULL;
    return job_add_later(ctx, "dispute.due", dispute->id, left > 0 ? left : 0);
}

/* What the provider took for its work on the dispute, and gave back; each once, whenever it says so. */
static struct error *post_fees(struct ctx *ctx, const struct dispute *dispute, const struct dispute_view *view)
{
    if (*view->fee.currency)
        TRY(ledger_post(ctx, LEDGER_FEE, dispute->provider, dispute->id, "", view->fee));
    if (*view->fee_returned.currency)
        TRY(ledger_post(ctx, LEDGER_FEE_RETURNED, dispute->provider, dispute->id, "", view->fee_returned));
    return NULL;
}

/* A debit that its bank took back: lost before anybody could say a word, and owed again. */
static struct error *ask_for_money(struct ctx *ctx, const struct dispute *dispute)
{
    return decision_ask(ctx, "late_failure", dispute->payment_id, dispute->amount,
        arena_printf(ctx->arena, "The payer's bank has taken %s back after it had succeeded (%s).", dispute->payment_id,
            dispute->reason ? dispute->reason : "no reason given"),
        "It cannot be contested. Hold back what is not delivered, and ask the payer to pay in another way.");
}

static struct error *adopt_new(struct ctx *ctx, const struct payment *payment, const struct dispute_view *view)
{
    struct dispute dispute = {
        .id = id_new(ctx, "dsp"),
        .payment_id = payment->id,
        .status = view->standing,
        .amount = view->amount,
        .reason = view->reason,
        .provider = payment->provider,
        .provider_dispute_id = view->reference,
        .due_by = view->due_by,
        .created_at = instant_is_set(view->created_at) ? view->created_at : ctx->now,
        .updated_at = ctx->now,
    };

    TRY(dispute_insert(ctx, &dispute));
    TRY(post_fees(ctx, &dispute, view));
    TRY(remind(ctx, &dispute));
    if (view->answered && dispute_waits(&dispute))
        TRY(dispute_answered(ctx, &dispute));
    if (dispute.status == DISPUTE_LOST)
        TRY(ask_for_money(ctx, &dispute));
    if (dispute.status == DISPUTE_WON)
        return tell(ctx, &dispute); // opened and won before we heard of it: nothing is held back any more
    TRY(move_money(ctx, &dispute, DISPUTE_NONE));
    return tell(ctx, &dispute);
}

struct error *dispute_adopt(struct ctx *ctx, const struct payment *payment, const struct dispute_view *view)
{
    struct dispute dispute;
    bool found;

    TRY(dispute_known(ctx, payment->provider, view->reference, &dispute, &found));
    if (!found)
        return adopt_new(ctx, payment, view);
    unsigned from = dispute.status;
    TRY(post_fees(ctx, &dispute, view));
    if (view->answered && dispute_waits(&dispute) && !instant_is_set(dispute.evidence_sent_at))
        TRY(dispute_answered(ctx, &dispute));
    if (from == view->standing || from == DISPUTE_WON)
        return NULL;
    dispute.status = view->standing;
    dispute.due_by = view->due_by;
    TRY(dispute_update(ctx, &dispute));
    TRY(move_money(ctx, &dispute, from));
    return tell(ctx, &dispute);
}

struct error *dispute_list(struct ctx *ctx, const char *payment_id, struct field_list *out)
{
    struct payment payment;

    TRY(payment_get(ctx, payment_id, &payment));
    return dispute_of_payment(ctx, payment.id, out);
}
