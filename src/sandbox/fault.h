#ifndef TILL_SANDBOX_FAULT_H
#define TILL_SANDBOX_FAULT_H

#include "sandbox/dials.h"

/* The body of Stripe's own failures, in the arena. */
const char *fault_error_body(struct call *call);

void fault_sleep(int64_t ms);

/* Whether another answer will stand in place of the operation's own. */
bool fault_replaces(const struct fault *fault);

/* Spoils the answer in r->reply as the fault says, or makes one where nothing was carried out. What breaks the connection is
 * asked of the relay (wire.h) by a header. */
void fault_answer(struct call *call, const struct fault *fault);

#endif
