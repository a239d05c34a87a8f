#ifndef TILL_PAYMENTS_MIRROR_H
#define TILL_PAYMENTS_MIRROR_H

#include "base/error.h"
#include "base/field.h"
#include "base/instant.h"
#include "base/money.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

struct ctx;

/* Subscriptions and invoices that the provider runs, as it showed them last. Nothing is billed by them here. */

struct subscription {
    const char *id;
    const char *customer_id; // ours; NULL for one whom only the provider knows
    const char *status;      // the provider's word
    json_t *items;           // [{"price", "product", "quantity", "unit_amount", "interval", "interval_count"}]
    bool cancel_at_period_end;
    struct instant period_start, period_end, trial_end, cancel_at, cancelled_at, ended_at;
    const char *provider, *provider_subscription_id, *provider_customer_id;
    struct instant created_at, asked_at;
};

struct invoice {
    const char *id;
    const char *customer_id, *subscription_id; // ours, where we have them
    const char *number, *status, *reason;      // the provider's words
    struct money amount_due, amount_paid, amount_remaining;
    struct instant due_at, next_attempt_at, paid_at;
    const char *provider, *provider_invoice_id, *provider_subscription_id, *provider_customer_id;
    struct instant created_at, asked_at;
};

extern const struct field subscription_shown[];
extern const struct field invoice_shown[];

/* What a list may be narrowed by; unset members are any. */
struct mirror_filter {
    int64_t limit;
    const char *cursor, *status, *customer_id, *subscription_id;
};

/* An event told of one: asks the provider how it is now, and keeps that. Of two that were asked for at once the later answer stays.
 * *known is false for one that the provider does not show any more and that was never kept. */
MUST_CHECK struct error *subscription_heard(struct ctx *ctx, const char *provider, const char *reference, bool *known);
MUST_CHECK struct error *invoice_heard(struct ctx *ctx, const char *provider, const char *reference, bool *known);

#endif
