#include "payments/payment_view.h"

#include "base/arena.h"
#include "base/ctx.h"
#include "provider/provider.h"

static const struct field card_shown[] = {
    FIELD(struct payment_card, brand),
    FIELD(struct payment_card, last4),
    FIELD(struct payment_card, exp_month),
    FIELD(struct payment_card, exp_year),
    FIELD(struct payment_card, country),
    FIELD(struct payment_card, funding),
    FIELD(struct payment_card, wallet),
    FIELD_END,
};

static const struct field method_shown[] = {
    FIELD(struct payment_method_shown, id),
    FIELD(struct payment_method_shown, type),
    FIELD_STRUCT(struct payment_method_shown, card, struct payment_card, card_shown),
    FIELD_END,
};

static const struct field failure_shown[] = {
    FIELD(struct payment_failure, code, .summary = "Why, in Till's words"),
    FIELD(struct payment_failure, decline_code, .summary = "Why, in the provider's words; not for payers"),
    FIELD(struct payment_failure, message, .summary = "A sentence for the payer"),
    FIELD_END,
};

static const struct field action_shown[] = {
    FIELD(struct payment_action, type),
    FIELD(struct payment_action, url, .summary = "Where the payer must go"),
    FIELD_END,
};

const struct field payment_shown[] = {
    FIELD(struct payment_view, id),
    FIELD(struct payment_view, status,
        .summary = "pending, requires_action, processing, authorized, succeeded, failed, cancelled or refunded"),
    FIELD(struct payment_view, outcome, .summary = "unknown while the provider has not answered; null otherwise"),
    FIELD(struct payment_view, amount),
    FIELD(struct payment_view, amount_captured),
    FIELD(struct payment_view, amount_capturable, .summary = "What is still held and can be captured"),
    FIELD(struct payment_view, amount_refunded),
    FIELD(struct payment_view, refund_state, .names = refund_state_names),
    FIELD(struct payment_view, dispute_state, .names = dispute_standing_names),
    FIELD(struct payment_view, capture_before,
        .summary = "Until when what is authorized is held; it is released an hour before. null when nothing is"),
    FIELD(struct payment_view, capture, .summary = "true: captured with the confirmation"),
    FIELD(struct payment_view, multicapture, .summary = "true: what is held can be captured in several parts"),
    FIELD(struct payment_view, confirmation_method, .names = payment_confirmation_names),
    FIELD(struct payment_view, customer_id),
    FIELD_STRUCT(struct payment_view, payment_method, struct payment_method_shown, method_shown),
    FIELD(struct payment_view, description),
    FIELD(struct payment_view, reference),
    FIELD(struct payment_view, checkout_session_id),
    FIELD(struct payment_view, metadata, .object = true),
    FIELD(struct payment_view, provider),
    FIELD(struct payment_view, provider_payment_id),
    FIELD(struct payment_view, risk, .object = true),
    FIELD_STRUCT(struct payment_view, failure, struct payment_failure, failure_shown),
    FIELD_STRUCT(struct payment_view, next_action, struct payment_action, action_shown),
    FIELD(struct payment_view, cancellation_reason),
    FIELD(struct payment_view, client_secret, .omit_empty = true, .secret = true),
    FIELD(struct payment_view, livemode),
    FIELD(struct payment_view, created_at),
    FIELD(struct payment_view, updated_at),
    FIELD_END,
};

static struct payment_method_shown *method_of(struct ctx *ctx, const struct payment *payment)
{
    struct payment_method_shown *method;

    if (!payment->method_id && !payment->method_type)
        return NULL;
    method = arena_alloc(ctx->arena, sizeof *method);
    *method = (struct payment_method_shown){ .id = payment->method_id, .type = payment->method_type };
    if (!payment->method_last4)
        return method;
    method->card = arena_alloc(ctx->arena, sizeof *method->card);
    *method->card = (struct payment_card){
        .brand = payment->method_brand,
        .last4 = payment->method_last4,
        .country = payment->method_country,
        .funding = payment->method_funding,
        .wallet = payment->method_wallet,
        .exp_month = payment->method_exp_month,
        .exp_year = payment->method_exp_year,
    };
    return method;
}

static struct payment_failure *failure_of(struct ctx *ctx, const struct payment *payment)
{
    struct payment_failure *failure;

    if (!payment->failure_class)
        return NULL;
    failure = arena_alloc(ctx->arena, sizeof *failure);
    *failure = (struct payment_failure){ payment->failure_class, payment->failure_message, payment->failure_code };
    return failure;
}

static struct payment_action *action_of(struct ctx *ctx, const struct payment *payment)
{
    struct payment_action *action;

    if (payment->status != PAYMENT_REQUIRES_ACTION || !payment->next_action)
        return NULL;
    action = arena_alloc(ctx->arena, sizeof *action);
    *action = (struct payment_action){ payment->next_action, payment->next_action_url };
    return action;
}

struct error *payment_view(struct ctx *ctx, const struct payment *payment, bool with_secret, struct payment_view *out)
{
    *out = (struct payment_view){
        .id = payment->id,
        .status = payment_public_status(payment),
        .outcome = payment->status == PAYMENT_UNKNOWN ? "unknown" : NULL,
        .amount = payment->amount,
        .amount_captured = payment->amount_captured,
        .amount_capturable = payment->amount,
        .amount_refunded = payment->amount_refunded,
        .refund_state = payment->refund_state,
        .dispute_state = payment->dispute_state,
        .capture = payment->capture == CAPTURE_AUTOMATIC,
        .multicapture = payment->multicapture,
        .confirmation_method = payment->confirmation,
        .customer_id = payment->customer_id,
        .payment_method = method_of(ctx, payment),
        .description = payment->description,
        .reference = payment->reference,
        .checkout_session_id = payment->checkout_id,
        .metadata = payment->metadata,
        .provider = payment->provider,
        .provider_payment_id = payment->provider_payment_id,
        .failure = failure_of(ctx, payment),
        .next_action = action_of(ctx, payment),
        .cancellation_reason = payment->cancel_reason,
        .livemode = payment->mode == MODE_LIVE,
        .created_at = payment->created_at,
        .updated_at = payment->updated_at,
    };
    out->amount_capturable.minor = payment_capturable(payment);
    if (payment->status == PAYMENT_AUTHORIZED)
        out->capture_before = payment->capture_before;
    if (with_secret && (payment->status == PAYMENT_CREATED || payment->status == PAYMENT_REQUIRES_ACTION))
        TRY(payment_client_secret(ctx, payment, &out->client_secret));
    return NULL;
}

struct error *payment_json(struct ctx *ctx, const struct payment *payment, json_t **out)
{
    struct payment_view view;

    TRY(payment_view(ctx, payment, false, &view));
    *out = field_write(ctx, payment_shown, &view);
    return NULL;
}
