#ifndef TILL_SANDBOX_BALANCE_H
#define TILL_SANDBOX_BALANCE_H

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
const char *balance_add(struct call *call, const struct movement *movement);

#endif
