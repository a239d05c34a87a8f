#ifndef TILL_SANDBOX_REFUNDS_H
#define TILL_SANDBOX_REFUNDS_H

#include "sandbox/failure.h"
#include "sandbox/store.h"

/* Gives money of a charge back; amount 0 is all that is left. `metadata` may be NULL. */
struct failure *refund_make(struct call *call, struct record *charge, json_int_t amount, const char *reason,
    json_t *metadata, struct record **out);

/* A pending refund arrives, or one that a bank will not take comes back. */
void refund_settle(struct call *call, const char *id);

/* The charge whose money an intent's refund is: its latest. NULL when nothing was captured. */
struct record *refund_charge_of(struct call *call, const struct record *intent);

#endif
