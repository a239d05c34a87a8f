#ifndef TILL_PAYMENTS_ATTEMPT_H
#define TILL_PAYMENTS_ATTEMPT_H

#include "payments/payment.h"
#include "payments/payment_store.h"

struct outcome;
struct provider;

/* Between the files that move money: an attempt is begun in T1 (payment.c), carried out here, and gone on with by the resolver. */

/* A new one of this payment, not yet a row; `amount` in minor units. */
struct attempt attempt_new(struct ctx *ctx, const struct payment *payment, enum attempt_operation operation,
    int64_t amount);

/* C1 to T3 of an attempt that is on record. `fresh`: nobody has asked the provider for it before. */
MUST_CHECK struct error *attempt_perform(struct ctx *ctx, struct payment *payment, struct attempt *attempt, bool fresh);

/* Ends the attempt, with the payment in `status`, unless somebody else has ended it meanwhile. In a transaction. */
MUST_CHECK struct error *attempt_end(struct ctx *ctx, const char *payment_id, struct attempt *attempt,
    enum attempt_status how, enum payment_status status, const struct outcome *outcome, struct payment *out);

/* The error for a call that provably did nothing. */
struct error *attempt_no_answer(struct ctx *ctx, const struct payment *payment, const struct outcome *outcome);

const struct provider *payment_provider(const struct payment *payment);

/* The kinds of method that it may be paid with, ending with NULL. */
const char *const *payment_types(struct ctx *ctx, const struct payment *payment);

/* apply_provider_state(), within a transaction, that also tells which attempt is open after it. */
MUST_CHECK struct error *apply_to_open(struct ctx *ctx, const char *payment_id, const struct snapshot *snapshot,
    struct payment *out, struct attempt *open, bool *is_open);

/* The state at the provider was not what we thought: what it is counts. */
MUST_CHECK struct error *payment_look_again(struct ctx *ctx, struct payment *payment);

/* Cancels it, at the provider where that has it. */
MUST_CHECK struct error *payment_give_up(struct ctx *ctx, struct payment *payment, const char *reason);

#endif
