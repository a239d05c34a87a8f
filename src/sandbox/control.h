#ifndef TILL_SANDBOX_CONTROL_H
#define TILL_SANDBOX_CONTROL_H

#include "sandbox/sandbox.h"

/* Answers /sandbox and everything below it: dials, clock, ledger, dashboard, and the bank's page. */
void control_handle(struct sandbox *sandbox, struct request *r);

/* Forgets everything but the settings and the clock. Called with the lock held. */
void control_reset(struct sandbox *sandbox);

#endif
