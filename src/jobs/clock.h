#ifndef TILL_JOBS_CLOCK_H
#define TILL_JOBS_CLOCK_H

#include "base/error.h"

#include <stdint.h>

struct ctx;

/* Moves the domain's clock of the whole installation: the row that the database's domain_now() reads, and this process's own.
 * The other processes follow within a second. E_FORBIDDEN in live mode. */
MUST_CHECK struct error *clock_move(struct ctx *ctx, int64_t offset_seconds);

/* Takes over what another process has set; does nothing in live mode. */
MUST_CHECK struct error *clock_follow(struct ctx *ctx);

#endif
