#ifndef TILL_PAYMENTS_SWEEP_STORE_H
#define TILL_PAYMENTS_SWEEP_STORE_H

#include "base/error.h"
#include "base/instant.h"

struct ctx;

/* How far a provider's list has been read. */
struct sweep {
    const char *last_event_id;
    struct instant swept_until;
};

/* *out is empty when it was never read. */
MUST_CHECK struct error *sweep_get(struct ctx *ctx, const char *provider, struct sweep *out);
MUST_CHECK struct error *sweep_put(struct ctx *ctx, const char *provider, const struct sweep *sweep);

#endif
