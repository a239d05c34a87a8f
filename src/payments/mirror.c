#include "payments/mirror.h"

#include <assert.h>

#include "base/ctx.h"
#include "base/id.h"
#include "payments/mirror_store.h"
#include "provider/provider.h"

const struct field subscription_shown[] = {
    FIELD(struct subscription, id),
    FIELD(struct subscription, customer_id, .summary = "null for a customer whom only the provider knows"),
    FIELD(struct subscription, status,
        .summary = "As the provider says: active, trialing, past_due, unpaid, paused, incomplete, incomplete_expired, "
                   "canceled; deleted when it shows it no more"),
    FIELD(struct subscription, items, .summary = "What is paid for, and how often"),
    FIELD(struct subscription, cancel_at_period_end),
    FIELD_AS(struct subscription, period_start, "current_period_start"),
    FIELD_AS(struct subscription, period_end, "current_period_end"),
    FIELD(struct subscription, trial_end),
    FIELD(struct subscription, cancel_at),
    FIELD(struct subscription, cancelled_at),
    FIELD(struct subscription, ended_at),
    FIELD(struct subscription, provider),
    FIELD(struct subscription, provider_subscription_id),
    FIELD(struct subscription, provider_customer_id),
    FIELD(struct subscription, created_at),
    FIELD(struct subscription, asked_at, .summary = "When the provider showed it like this"),
    FIELD_END,
};

const struct field invoice_shown[] = {
    FIELD(struct invoice, id),
    FIELD(struct invoice, customer_id, .summary = "null for a customer whom only the provider knows"),
    FIELD(struct invoice, subscription_id, .summary = "null for one of no subscription that is known here"),
    FIELD(struct invoice, number),
    FIELD(struct invoice, status,
        .summary = "As the provider says: draft, open, paid, uncollectible, void; deleted when it shows it no more"),
    FIELD(struct invoice, reason, .summary = "Why it was made, as the provider says"),
    FIELD(struct invoice, amount_due),
    FIELD(struct invoice, amount_paid),
    FIELD(struct invoice, amount_remaining),
    FIELD(struct invoice, due_at),
    FIELD(struct invoice, next_attempt_at, .summary = "When the provider tries to be paid again"),
    FIELD(struct invoice, paid_at),
    FIELD(struct invoice, provider),
    FIELD(struct invoice, provider_invoice_id),
    FIELD(struct invoice, provider_subscription_id),
    FIELD(struct invoice, provider_customer_id),
    FIELD(struct invoice, created_at),
    FIELD(struct invoice, asked_at, .summary = "When the provider showed it like this"),
    FIELD_END,
};

/* A request may be as old as when it was sent. */
static struct error *gone(struct ctx *ctx, struct error *error, struct instant asked_at, const char *provider,
    const char *reference,
    struct error *(
        *mark)(struct ctx *ctx, const char *provider, const char *reference, struct instant asked_at, bool *known),
    bool *known)
{
    return error->code == E_NOT_FOUND ? mark(ctx, provider, reference, asked_at, known) : error;
}

struct error *subscription_heard(struct ctx *ctx, const char *provider, const char *reference, bool *known)
{
    const struct provider *place = provider_named(provider);
    struct instant asked_at = clock_now();
    struct subscription_view view;

    assert(place);
    struct error *error = place->fetch_subscription(ctx, reference, &view);
    if (error)
        return gone(ctx, error, asked_at, provider, reference, subscription_gone, known);
    *known = true;
    return subscription_put(ctx, id_new(ctx, "sub"), provider, asked_at, &view);
}

struct error *invoice_heard(struct ctx *ctx, const char *provider, const char *reference, bool *known)
{
    const struct provider *place = provider_named(provider);
    struct instant asked_at = clock_now();
    struct invoice_view view;

    assert(place);
    struct error *error = place->fetch_invoice(ctx, reference, &view);
    if (error)
        return gone(ctx, error, asked_at, provider, reference, invoice_gone, known);
    *known = true;
    return invoice_put(ctx, id_new(ctx, "inv"), provider, asked_at, &view);
}
