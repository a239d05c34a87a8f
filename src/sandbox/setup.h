#ifndef TILL_SANDBOX_SETUP_H
#define TILL_SANDBOX_SETUP_H

#include "sandbox/failure.h"
#include "sandbox/store.h"

/* The payer's bank has decided about a SetupIntent in requires_action. */
void setup_authenticated(struct call *call, struct record *record, bool passed);

/* The payer's permission to debit a bank account; `acceptance` may be NULL. */
struct record *mandate_new(struct call *call, const struct record *method, const json_t *acceptance);

#endif
