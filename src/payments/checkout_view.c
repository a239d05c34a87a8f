#include "payments/checkout_view.h"

#include "payments/payment.h"

const struct field checkout_shown[] = {
    FIELD(struct checkout_view, id),
    FIELD(struct checkout_view, status, .names = checkout_status_names),
    FIELD(struct checkout_view, url, .summary = "Send the payer there"),
    FIELD(struct checkout_view, amount),
    FIELD(struct checkout_view, items),
    FIELD(struct checkout_view, description),
    FIELD(struct checkout_view, reference),
    FIELD(struct checkout_view, customer_id),
    FIELD(struct checkout_view, success_url),
    FIELD(struct checkout_view, cancel_url),
    FIELD(struct checkout_view, locale),
    FIELD(struct checkout_view, capture),
    FIELD(struct checkout_view, save_payment_method, .summary = "Whether the payer is asked to have it kept"),
    FIELD(struct checkout_view, metadata, .object = true),
    FIELD(struct checkout_view, payment_id, .summary = "Once the payer has begun"),
    FIELD(struct checkout_view, livemode),
    FIELD(struct checkout_view, expires_at),
    FIELD(struct checkout_view, created_at),
    FIELD(struct checkout_view, updated_at),
    FIELD_END,
};

struct checkout_view checkout_view(struct ctx *ctx, const struct checkout *session)
{
    return (struct checkout_view){
        .id = session->id,
        .status = session->status,
        .url = checkout_address(ctx, session->id),
        .amount = session->amount,
        .items = session->items,
        .description = session->description,
        .reference = session->reference,
        .customer_id = session->customer_id,
        .success_url = session->success_url,
        .cancel_url = session->cancel_url,
        .locale = session->locale,
        .capture = session->capture == CAPTURE_AUTOMATIC,
        .save_payment_method = session->offers_saving,
        .metadata = session->metadata,
        .payment_id = session->payment_id,
        .livemode = session->mode == MODE_LIVE,
        .expires_at = session->expires_at,
        .created_at = session->created_at,
        .updated_at = session->updated_at,
    };
}
