#ifndef TILL_HTTP_BREAKER_H
#define TILL_HTTP_BREAKER_H

#include "base/error.h"

#include <stdbool.h>

struct ctx;

/* A circuit breaker for each provider, in a database row that a process caches for a second: breaker_threshold transport
 * failures or 5xx in a row open it for breaker_seconds, then one probe at a time, over all processes, half-opens it. Declines,
 * 4xx and 429 never count as failures. Time is the database's. */
enum breaker_state { BREAKER_CLOSED, BREAKER_OPEN, BREAKER_HALF_OPEN };
extern const char *const breaker_state_names[];

/* E_PROVIDER_UNAVAILABLE with Retry-After while it is open, or half-open and another's probe is on its way. Asked before T1
 * of what starts a new payment; never by the resolver. A store that does not answer lets the caller pass. */
MUST_CHECK struct error *breaker_check(struct ctx *ctx, const char *provider);

/* Counts one call with its retries. Success while it is closed costs no write. Failures of the store are logged, not
 * returned. */
void breaker_count(struct ctx *ctx, const char *provider, bool success);

/* Where it stands, as far as this process knows, at most a second old. */
enum breaker_state breaker_state(struct ctx *ctx, const char *provider);

#endif
