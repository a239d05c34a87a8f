#include <string.h>

#include "base/arena.h"
#include "base/ctx.h"
#include "base/id.h"
#include "provider/stripe/stripe.h"

static struct error *not_understood(struct ctx *ctx, const char *what)
{
    return error_cause(ctx, error_new(ctx, E_PROVIDER_ERROR, "Stripe's answer could not be understood"),
        "%s lacks its id or status, or its amounts make no sense", what);
}

/* Subscriptions */

/* null where the price has steps, or an amount that is not whole. */
static json_t *unit_amount(struct ctx *ctx, const json_t *price)
{
    const char *currency = json_get_text(price, "currency");
    struct money money;
    const char *why;

    if (!currency || !json_is_integer(json_object_get(price, "unit_amount"))
        || !stripe_money(json_get_int(price, "unit_amount"), currency, &money, &why))
        return json_null();
    return json_pack("{ss, ss}", "value", money_value(ctx->arena, money), "currency", money.currency);
}

static json_t *read_item(struct ctx *ctx, const json_t *item)
{
    const json_t *price = json_object_get(item, "price"), *recurring = json_object_get(price, "recurring");

    return json_pack("{ss?, ss?, sI, so, ss?, sI}", "price", stripe_id(price), "product",
        stripe_id(json_object_get(price, "product")), "quantity", (json_int_t)json_get_int(item, "quantity"),
        "unit_amount", unit_amount(ctx, price), "interval", json_get_text(recurring, "interval"), "interval_count",
        (json_int_t)json_get_int(recurring, "interval_count"));
}

/* Older versions of the API say it of the subscription, later ones of each of its items. */
static struct instant read_period(const json_t *subscription, const json_t *items, const char *name)
{
    struct instant own = stripe_time(subscription, name);

    return instant_is_set(own) ? own : stripe_time(json_array_get(items, 0), name);
}

struct error *stripe_fetch_subscription(struct ctx *ctx, const char *reference, struct subscription_view *out)
{
    json_t *subscription, *item;
    size_t i;

    if (!id_is_plausible(reference))
        return error_new(ctx, E_NOT_FOUND, "Stripe does not know this subscription");
    TRY(stripe_get(ctx, arena_printf(ctx->arena, "/v1/subscriptions/%s", reference), NULL, "subscription",
        &subscription));
    const json_t *items = json_object_get(json_object_get(subscription, "items"), "data");
    *out = (struct subscription_view){
        .reference = json_get_text(subscription, "id"),
        .customer = stripe_id(json_object_get(subscription, "customer")),
        .status = json_get_text(subscription, "status"),
        .items = json_in(ctx->arena, json_array()),
        .cancel_at_period_end = json_get_bool(subscription, "cancel_at_period_end"),
        .period_start = read_period(subscription, items, "current_period_start"),
        .period_end = read_period(subscription, items, "current_period_end"),
        .trial_end = stripe_time(subscription, "trial_end"),
        .cancel_at = stripe_time(subscription, "cancel_at"),
        .cancelled_at = stripe_time(subscription, "canceled_at"),
        .ended_at = stripe_time(subscription, "ended_at"),
        .created_at = stripe_time(subscription, "created"),
    };
    json_array_foreach(items, i, item) json_array_append_new(out->items, read_item(ctx, item));
    bool whole = out->reference && strcmp(out->reference, reference) == 0 && out->status && *out->status
        && instant_is_set(out->created_at);
    return whole ? NULL : not_understood(ctx, "a subscription");
}

/* Invoices */

static const char *subscription_of(const json_t *invoice)
{
    const json_t *details = json_object_get(json_object_get(invoice, "parent"), "subscription_details");
    const char *own = stripe_id(json_object_get(invoice, "subscription"));

    return own ? own : stripe_id(json_object_get(details, "subscription"));
}

static bool read_amounts(const json_t *invoice, struct invoice_view *out)
{
    const char *currency = json_get_text(invoice, "currency"), *why;

    return currency && stripe_money(json_get_int(invoice, "amount_due"), currency, &out->amount_due, &why)
        && stripe_money(json_get_int(invoice, "amount_paid"), currency, &out->amount_paid, &why)
        && stripe_money(json_get_int(invoice, "amount_remaining"), currency, &out->amount_remaining, &why);
}

struct error *stripe_fetch_invoice(struct ctx *ctx, const char *reference, struct invoice_view *out)
{
    json_t *invoice;

    if (!id_is_plausible(reference))
        return error_new(ctx, E_NOT_FOUND, "Stripe does not know this invoice");
    TRY(stripe_get(ctx, arena_printf(ctx->arena, "/v1/invoices/%s", reference), NULL, "invoice", &invoice));
    *out = (struct invoice_view){
        .reference = json_get_text(invoice, "id"),
        .customer = stripe_id(json_object_get(invoice, "customer")),
        .subscription = subscription_of(invoice),
        .number = json_get_text(invoice, "number"),
        .status = json_get_text(invoice, "status"),
        .reason = json_get_text(invoice, "billing_reason"),
        .due_at = stripe_time(invoice, "due_date"),
        .next_attempt_at = stripe_time(invoice, "next_payment_attempt"),
        .paid_at = stripe_time(json_object_get(invoice, "status_transitions"), "paid_at"),
        .created_at = stripe_time(invoice, "created"),
    };
    bool whole = out->reference && strcmp(out->reference, reference) == 0 && out->status && *out->status
        && instant_is_set(out->created_at) && read_amounts(invoice, out);
    return whole ? NULL : not_understood(ctx, "an invoice");
}
