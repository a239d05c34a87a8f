#ifndef TILL_SANDBOX_TOKENS_H
#define TILL_SANDBOX_TOKENS_H

#include "sandbox/failure.h"
#include "sandbox/store.h"

/* Uses a confirmation token up for an intent: its method goes to *method, and what else it carries to where the call did not
 * say anything itself. */
struct failure *token_use(struct call *call, const char *id, json_t *intent, struct record **method);

#endif
