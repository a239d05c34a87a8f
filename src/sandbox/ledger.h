#ifndef TILL_SANDBOX_LEDGER_H
#define TILL_SANDBOX_LEDGER_H

#include "sandbox/sandbox.h"

/* Everything that moved money, for tests to compare with: charges, refunds and disputes, and their totals by currency. Only
 * what carries this metadata.payment_id, unless NULL. A new reference. */
json_t *ledger_show(struct call *call, const char *payment_id);

#endif
