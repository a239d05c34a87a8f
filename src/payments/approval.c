#include "payments/approval.h"

#include <string.h>

#include "access/idempotency.h"
#include "base/arena.h"
#include "base/config.h"
#include "base/ctx.h"
#include "base/id.h"
#include "db/db.h"
#include "events/audit.h"
#include "events/decision.h"
#include "payments/approval_store.h"
#include "payments/payment.h"
#include "payments/payment_store.h"
#include "payments/refund.h"

static const char decision_kind[] = "refund_approval";

/* Whether ---------------------------------------------------------------------------------------------------------- */

bool approval_is_over_limit(struct ctx *ctx, const struct payment *payment, struct money amount)
{
    const char *limits = ctx->config->refund_approval_limit;
    int64_t back = payment->amount_refunded.minor + payment->amount_refunding.minor;
    struct money limit;

    if (!limits)
        return false;
    if (!money_list_find(limits, amount.currency, &limit))
        return true;
    return amount.minor > limit.minor - back;
}

bool approval_is_needed(struct ctx *ctx, const struct payment *payment, struct money amount)
{
    if (ctx->principal.kind != PRINCIPAL_OPERATOR)
        return false;
    return !principal_may(&ctx->principal, "refunds:write") || approval_is_over_limit(ctx, payment, amount);
}

struct error *approval_demand(struct ctx *ctx, const struct payment *payment, struct money amount)
{
    if (!approval_is_needed(ctx, payment, amount))
        return NULL;
    return error_new(ctx, E_FORBIDDEN, "A second person has to agree to this refund; ask for it in the dashboard.");
}

/* Asking ------------------------------------------------------------------------------------------------------------ */

static json_t *told(struct ctx *ctx, const struct approval *approval, const char *refund)
{
    return json_in(ctx->arena,
        json_pack("{ss, sI, ss, ss*}", "payment", approval->payment_id, "amount", (json_int_t)approval->amount.minor,
            "currency", approval->amount.currency, "refund", refund));
}

static struct error *ask(struct ctx *ctx, const struct refund_request *request, struct approval *approval)
{
    struct payment payment;
    struct money amount = request->amount;

    TRY(idempotency_take(ctx, approval->id));
    TRY(payment_lock(ctx, request->payment, &payment));
    TRY(refund_check(ctx, &payment, &amount));
    approval->payment_id = payment.id;
    approval->amount = amount;
    TRY(approval_insert(ctx, approval));
    TRY(audit_add(ctx, "refund.approval_requested", approval->id, told(ctx, approval, NULL)));
    return decision_ask(ctx, decision_kind, approval->id, amount,
        arena_printf(ctx->arena, "Somebody asks to give back %s %s of %s, and may not do so alone.",
            money_value(ctx->arena, amount), amount.currency, payment.id),
        "Look at the payment, then approve or reject the refund.");
}

struct error *approval_request(struct ctx *ctx, const struct refund_request *request, struct approval *out)
{
    if (idempotency_is_taken_over(ctx))
        return approval_get(ctx, ctx->idempotency->resource, out);
    *out = (struct approval){
        .id = id_new(ctx, "rrq"),
        .status = APPROVAL_REQUESTED,
        .reason = request->reason ? request->reason : "requested_by_customer",
        .note = request->note,
        .requested_by = principal_name(&ctx->principal),
        .requested_at = ctx->now,
    };
    return IN_TX(ctx, ask(ctx, request, out));
}

/* Deciding ---------------------------------------------------------------------------------------------------------- */

static bool is_own(const struct ctx *ctx, const struct approval *approval)
{
    return ctx->principal.id && !strcmp(approval->requested_by, ctx->principal.id);
}

static struct error *check_waiting(struct ctx *ctx, const struct approval *approval)
{
    if (approval->status == APPROVAL_REQUESTED)
        return NULL;
    return error_new(ctx, E_INVALID_STATUS, "This request for a refund is %s already.",
        approval_status_names[approval->status]);
}

static struct error *check_second_person(struct ctx *ctx, const struct approval *approval)
{
    if (!principal_may(&ctx->principal, "refunds:approve"))
        return error_new(ctx, E_FORBIDDEN, "Your role may not decide about refunds.");
    if (is_own(ctx, approval))
        return error_new(ctx, E_FORBIDDEN, "You asked for this refund; another person has to decide about it.");
    return NULL;
}

static struct error *decide(struct ctx *ctx, struct approval *approval, enum approval_status status)
{
    const char *name = approval_status_names[status];

    approval->status = status;
    approval->decided_by = principal_name(&ctx->principal);
    approval->decided_at = ctx->now;
    TRY(approval_update(ctx, approval));
    TRY(decision_settle(ctx, decision_kind, approval->id, name));
    return audit_add(ctx, arena_printf(ctx->arena, "refund.approval_%s", name), approval->id,
        told(ctx, approval, approval->refund_id));
}

struct error *approval_claim(struct ctx *ctx, const char *id, struct approval *out)
{
    TRY(approval_lock(ctx, id, out));
    TRY(check_waiting(ctx, out));
    return check_second_person(ctx, out);
}

struct error *approval_carry_out(struct ctx *ctx, struct approval *approval, const struct refund *refund)
{
    if (strcmp(approval->payment_id, refund->payment_id) || approval->amount.minor != refund->amount.minor
        || !money_same_currency(approval->amount, refund->amount))
        return error_new(ctx, E_CONFLICT, "This is not what was asked for.");
    approval->refund_id = refund->id;
    return decide(ctx, approval, APPROVAL_APPROVED);
}

struct error *approval_approve(struct ctx *ctx, const char *id, struct refund *out)
{
    struct approval approval;

    TRY(approval_get(ctx, id, &approval));
    return refund_create(ctx,
        &(struct refund_request){
            .payment = approval.payment_id,
            .amount = approval.amount,
            .reason = approval.reason,
            .note = approval.note,
            .approval = approval.id,
        },
        out);
}

static struct error *reject(struct ctx *ctx, const char *id, const char *answer)
{
    struct approval approval;

    TRY(approval_lock(ctx, id, &approval));
    TRY(check_waiting(ctx, &approval));
    TRY(check_second_person(ctx, &approval));
    approval.answer = answer;
    return decide(ctx, &approval, APPROVAL_REJECTED);
}

struct error *approval_reject(struct ctx *ctx, const char *id, const char *answer)
{
    return IN_TX(ctx, reject(ctx, id, answer));
}

static struct error *withdraw(struct ctx *ctx, const char *id)
{
    struct approval approval;

    TRY(approval_lock(ctx, id, &approval));
    TRY(check_waiting(ctx, &approval));
    if (!is_own(ctx, &approval))
        return error_new(ctx, E_FORBIDDEN, "Only who asked for it can take it back; you can reject it.");
    return decide(ctx, &approval, APPROVAL_WITHDRAWN);
}

struct error *approval_withdraw(struct ctx *ctx, const char *id)
{
    return IN_TX(ctx, withdraw(ctx, id));
}
