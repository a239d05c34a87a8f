#ifndef TILL_PAYMENTS_SWEEP_H
#define TILL_PAYMENTS_SWEEP_H

#include "base/error.h"

#include <stdint.h>

struct ctx;
struct job;

/* Reads each provider's own list of events since the last time; what no webhook brought joins the inbox and is worked like any
 * event. *found counts those. Fails when a provider cannot be asked, once all others were; what was read stays, and the next
 * time goes on from there. */
MUST_CHECK struct error *sweep_run(struct ctx *ctx, int64_t *found);

struct error *sweep_task(struct ctx *ctx, const struct job *job);

#endif
