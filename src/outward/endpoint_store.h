#ifndef TILL_OUTWARD_ENDPOINT_STORE_H
#define TILL_OUTWARD_ENDPOINT_STORE_H

#include "outward/endpoint.h"

/* None of these sees a deleted one. */
MUST_CHECK struct error *endpoint_get(struct ctx *ctx, const char *id, struct endpoint *out);
/* Holds the row, but not against new deliveries, which only point to it. */
MUST_CHECK struct error *endpoint_lock(struct ctx *ctx, const char *id, struct endpoint *out);
/* Newest first, after `cursor`. */
MUST_CHECK struct error *endpoint_list(struct ctx *ctx, const char *cursor, int64_t limit, struct field_list *out);
MUST_CHECK struct error *endpoint_insert(struct ctx *ctx, const struct endpoint *endpoint);
/* Everything of it that may change. */
MUST_CHECK struct error *endpoint_update(struct ctx *ctx, const struct endpoint *endpoint);

#endif
