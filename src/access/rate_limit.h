#ifndef TILL_ACCESS_RATE_LIMIT_H
#define TILL_ACCESS_RATE_LIMIT_H

#include "base/error.h"

#include <stdint.h>

struct ctx;

struct rate_limit {
    int64_t limit;
    int64_t remaining;
    int64_t reset; // seconds until the window ends
};

/* Counts one use of `subject` in the current window of `window` seconds. E_RATE_LIMITED with Retry-After past `limit`. */
MUST_CHECK struct error *rate_limit_count(struct ctx *ctx, const char *subject, int64_t limit, int64_t window,
    struct rate_limit *out);

#endif
