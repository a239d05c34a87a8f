#ifndef TILL_OUTWARD_DELIVERY_STORE_H
#define TILL_OUTWARD_DELIVERY_STORE_H

#include "outward/delivery.h"

#include <stdbool.h>

struct endpoint;

MUST_CHECK struct error *delivery_get(struct ctx *ctx, const char *id, struct delivery *out);

/* How many of an endpoint's deliveries are being sent now. Its row is locked. */
MUST_CHECK struct error *delivery_in_flight(struct ctx *ctx, const char *endpoint_id, int64_t *count);

/* Takes the oldest that is due for `lease` seconds, and counts the attempt. The endpoint's row is locked. */
MUST_CHECK struct error *delivery_claim(struct ctx *ctx, const char *endpoint_id, const char *claim, int64_t lease,
    struct delivery *out, bool *found);

/* The oldest that is due and that nobody sends. */
MUST_CHECK struct error *delivery_next(struct ctx *ctx, const char *endpoint_id, const char **id);

/* What came of a claimed one; *mine is false when the claim was lost. */
MUST_CHECK struct error *delivery_record(struct ctx *ctx, const struct delivery *delivery, bool *mine);
MUST_CHECK struct error *delivery_attempt_insert(struct ctx *ctx, const char *id,
    const struct delivery_attempt *attempt);

/* Makes it pending from the beginning; *id is what it is called. */
MUST_CHECK struct error *delivery_put(struct ctx *ctx, const char *event_id, const char *endpoint_id, const char **id);
MUST_CHECK struct error *delivery_put_since(struct ctx *ctx, const struct endpoint *endpoint, struct instant since,
    int64_t *count);

/* In the open transaction, with the endpoint's row locked. */
MUST_CHECK struct error *delivery_all_due(struct ctx *ctx, const char *endpoint_id);
MUST_CHECK struct error *delivery_cancel_all(struct ctx *ctx, const char *endpoint_id);

#endif
