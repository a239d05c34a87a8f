#ifndef TILL_PAYMENTS_DISPUTE_H
#define TILL_PAYMENTS_DISPUTE_H

#include "base/error.h"
#include "base/field.h"
#include "base/instant.h"
#include "base/money.h"

struct ctx;
struct payment;
struct dispute_view;

/* A payment that its payer contests with the bank: a row of disputes. */
struct dispute {
    const char *id, *payment_id;
    unsigned status; // enum dispute_standing, never DISPUTE_NONE
    struct money amount;
    const char *reason, *provider, *provider_dispute_id;
    struct instant due_by, created_at, updated_at;
};

extern const struct field dispute_shown[];

/* What the provider says of one dispute, inside apply_provider_state(): the row, the ledger, and a decision for a person while it
 * is open. */
MUST_CHECK struct error *dispute_adopt(struct ctx *ctx, const struct payment *payment, const struct dispute_view *view);

/* Newest first. */
MUST_CHECK struct error *dispute_list(struct ctx *ctx, const char *payment_id, struct field_list *out);

#endif
