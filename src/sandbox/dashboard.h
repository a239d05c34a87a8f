#ifndef TILL_SANDBOX_DASHBOARD_H
#define TILL_SANDBOX_DASHBOARD_H

#include "sandbox/failure.h"

/* What a person does in the provider's own dashboard: "refund", "dispute", "dispute_close", "cancel", "capture",
 * "payout", "payout_fail", "movement". *out is the
 * object that came of it, a new reference. */
struct failure *dashboard_do(struct call *call, const char *action, const json_t *asked, json_t **out);

#endif
