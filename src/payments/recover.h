#ifndef TILL_PAYMENTS_RECOVER_H
#define TILL_PAYMENTS_RECOVER_H

#include "base/error.h"

#include <stdint.h>

struct ctx;

/* Sees to it that every payment and refund that has not come to its end has a job that is due now; *count says how many there
 * are. The jobs are there already unless somebody removed them: this is the belt to those braces, and makes a resolver that waits
 * look at once. */
MUST_CHECK struct error *recover_stale(struct ctx *ctx, int64_t *count);

#endif
