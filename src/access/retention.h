#ifndef TILL_ACCESS_RETENTION_H
#define TILL_ACCESS_RETENTION_H

#include "base/error.h"

struct ctx;

/* Forgets idempotency keys past their time, counters of windows long over and sessions of long ago, a batch of each. */
MUST_CHECK struct error *retention_run(struct ctx *ctx);

#endif
