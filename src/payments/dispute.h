#ifndef TILL_PAYMENTS_DISPUTE_H
#define TILL_PAYMENTS_DISPUTE_H

#include "base/error.h"
#include "base/field.h"
#include "base/instant.h"
#include "base/money.h"

#include <stdbool.h>

struct ctx;
struct payment;
struct dispute_view;

/* A payment that its payer contests with the bank: a row of disputes. */
struct dispute {
    const char *id, *payment_id;
    unsigned status; // enum dispute_standing, never DISPUTE_NONE
    struct money amount;
    const char *reason, *provider, *provider_dispute_id;
    struct instant due_by, evidence_sent_at, created_at, updated_at;
};

/* How long before its deadline a person is reminded of one that nobody has answered. */
#define DISPUTE_DUE_SECONDS (3 * 86400)

extern const struct field dispute_shown[];

/* What the provider says of one dispute, inside apply_provider_state(): the row, the ledger, and a decision for a person while it
 * is open. */
MUST_CHECK struct error *dispute_adopt(struct ctx *ctx, const struct payment *payment, const struct dispute_view *view);

/* By our id or the provider's. E_NOT_FOUND. */
MUST_CHECK struct error *dispute_get(struct ctx *ctx, const char *id, struct dispute *out);

/* Whether it is not decided yet. */
bool dispute_waits(const struct dispute *dispute);

/* The bank has the evidence: noted, told, and no person need think of it. In the transaction that has locked the payment. */
MUST_CHECK struct error *dispute_answered(struct ctx *ctx, struct dispute *dispute);

/* Newest first. */
MUST_CHECK struct error *dispute_list(struct ctx *ctx, const char *payment_id, struct field_list *out);

#endif
