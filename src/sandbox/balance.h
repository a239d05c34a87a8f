#ifndef TILL_SANDBOX_BALANCE_H
#define TILL_SANDBOX_BALANCE_H

#include "sandbox/failure.h"
#include "sandbox/sandbox.h"
#include "sandbox/store.h"

/* Money that moved, signed: what comes in is positive. */
struct movement {
    const char *type;     // "charge", "refund", "adjustment", "payout"
    const char *category; // reporting_category
    const char *source;   // id of what caused it
    json_int_t amount;
    json_int_t fee;
    const char *currency;
    const char *description; // may be NULL
    bool at_once;            // available without waiting
};

/* Writes it down and answers its id. */
const char *balance_add(struct call *call, const struct movement *moved);

/* A payout of all that waits in this currency, as Stripe makes one each day, which can be asked what it is made of. An `amount`
 * other than 0 is what it says, though it is made of something else. */
struct failure *payout_automatic(struct call *call, const char *currency, json_int_t amount, struct record **out);

/* It comes back from the bank. */
struct failure *payout_fail(struct call *call, const char *id, struct record **out);

#endif
