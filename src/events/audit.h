#ifndef TILL_EVENTS_AUDIT_H
#define TILL_EVENTS_AUDIT_H

#include "base/error.h"

#include <jansson.h>

struct ctx;

/* Who (ctx->principal, address) did what to which object, with ids, amounts and codes only: never a name, e-mail or free
 * text. In the open transaction. `action`: "payment.authorized", "refund.requested", "api_key.created". details may be NULL. */
MUST_CHECK struct error *audit_add(struct ctx *ctx, const char *action, const char *object, json_t *details);

/* Chains what was committed since the last time (sql: audit_seal()). */
MUST_CHECK struct error *audit_seal(struct ctx *ctx, int64_t *sealed);

/* Walks the chain. *broken is the first entry that was changed, removed or put in, NULL when all is well; *why says which. */
MUST_CHECK struct error *audit_verify(struct ctx *ctx, int64_t *checked, const char **broken, const char **why);

#endif
