#ifndef TILL_ACCESS_RATE_LIMIT_H
#define TILL_ACCESS_RATE_LIMIT_H

#include "base/error.h"
#include "base/instant.h"

#include <stdint.h>

struct ctx;

struct rate_limit {
    int64_t limit;
    int64_t remaining;
    int64_t reset; // seconds until the window ends
};

/* The statement that counts a use of each subject that `from` has in the window that begins at `window`, to stand alone or within another
 * that decides whether it counts. Says `used`, for rate_limit_judge(). */
#define RATE_LIMIT_COUNT(subject, window, from)                                                                        \
    "INSERT INTO rate_limits AS r (subject, window_start, used) SELECT " subject ", " window ", 1" from                \
    " ON CONFLICT (subject, window_start) DO UPDATE SET used = r.used + 1 RETURNING used"

/* When the current window of `window` seconds began. */
struct instant rate_limit_window(const struct ctx *ctx, int64_t window);

/* What so many uses mean. E_RATE_LIMITED with Retry-After past `limit`. */
MUST_CHECK struct error *rate_limit_judge(struct ctx *ctx, int64_t used, int64_t limit, int64_t window,
    struct rate_limit *out);

/* Counts one use of `subject` in the current window of `window` seconds, and judges. */
MUST_CHECK struct error *rate_limit_count(struct ctx *ctx, const char *subject, int64_t limit, int64_t window,
    struct rate_limit *out);

#endif
