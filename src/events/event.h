#ifndef TILL_EVENTS_EVENT_H
#define TILL_EVENTS_EVENT_H

#include "base/error.h"

#include <jansson.h>

struct ctx;

/* Something the merchant is told: "payment.succeeded" about "pay_…", with the object as it is now. In the open transaction. */
MUST_CHECK struct error *event_add(struct ctx *ctx, const char *type, const char *object_id, json_t *object);

#endif
