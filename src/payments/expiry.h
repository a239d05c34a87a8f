#ifndef TILL_PAYMENTS_EXPIRY_H
#define TILL_PAYMENTS_EXPIRY_H

#include "payments/payment.h"

/* What is authorized is held for some days. A job warns before they are over, and lets go of what nobody has captured by then. */

/* Until when an authorized payment can be captured: the provider's word, or as long as such a method usually holds. */
struct instant expiry_deadline(struct ctx *ctx, const struct payment *payment, const struct snapshot *snapshot);

/* Sees to it that the job looks in time, or has nothing to look at any more. In the transaction that changes the payment. */
MUST_CHECK struct error *expiry_follow(struct ctx *ctx, const struct payment *before, const struct payment *now);

struct job;
struct error *expiry_task(struct ctx *ctx, const struct job *job);

#endif
