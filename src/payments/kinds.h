#ifndef TILL_PAYMENTS_KINDS_H
#define TILL_PAYMENTS_KINDS_H

#include "base/money.h"
#include "provider/provider.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

struct ctx;

/* What a payment is like, as far as it matters for how it can be paid. */
struct kind_query {
    struct money amount; // minor 0: of any amount
    const char *type;    // only this one; NULL: any
    const char *country; // of the payer; NULL when it is not known
    bool capture;        // with the confirmation
    bool customer;       // the payment has one
    bool kept;           // the method is for later, too
};

/* The kinds of payment method that are switched on and take such a payment. */
size_t kinds_open(struct ctx *ctx, const struct provider *provider, const struct kind_query *query,
    const struct method_kind **out, size_t most);

/* Their types, ending with NULL. */
const char *const *kinds_types(struct ctx *ctx, const struct provider *provider, const struct kind_query *query);

/* What others call a kind, in letters of either case: "credit_card", "ACH_DEBIT", "apple_pay". *type NULL means any kind. False for a
 * word that means none, and for a wallet that is switched off. */
bool kind_said(struct ctx *ctx, const char *word, const char **type);

/* The wallets that a kind comes in as well and that are switched on, as texts. */
json_t *kind_wallets(struct ctx *ctx, const struct method_kind *kind);

/* One of a provider's by its type; NULL for one that is not in its list. */
const struct method_kind *kind_typed(const struct provider *provider, const char *type);

#endif
