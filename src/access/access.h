#ifndef TILL_ACCESS_ACCESS_H
#define TILL_ACCESS_ACCESS_H

#include "base/error.h"

struct request;

/* What a route row demands, in this order: who it is (E_UNAUTHENTICATED), what they may (E_FORBIDDEN), how often
 * (E_RATE_LIMITED, with the RateLimit fields), and which idempotency key came. Fills ctx->principal, ctx->idempotency and
 * r->session. A browser that asks for a page of the dashboard is answered here, with the page where one signs in. */
MUST_CHECK struct error *access_check(struct request *r);

#endif
