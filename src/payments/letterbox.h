#ifndef TILL_PAYMENTS_LETTERBOX_H
#define TILL_PAYMENTS_LETTERBOX_H

#include "payments/webhook.h"

/* Stores an event that was delivered, and the job that will work it; returns when both are committed. Those that come while others
 * are being stored go together, by one statement. One that cannot be stored does not keep the others out. E_UNAVAILABLE when its
 * turn does not come in time. */
MUST_CHECK struct error *letterbox_put(struct ctx *ctx, const struct webhook_event *event, bool *inserted);

#endif
