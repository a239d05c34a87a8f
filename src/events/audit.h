#ifndef TILL_EVENTS_AUDIT_H
#define TILL_EVENTS_AUDIT_H

#include "base/error.h"
#include "base/field.h"
#include "base/instant.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

struct ctx;

/* Who (ctx->principal, address) did what to which object, with ids, amounts and codes only: never a name, e-mail or free
 * text. In the open transaction. `action`: "payment.authorized", "refund.requested", "api_key.created". details may be NULL. */
MUST_CHECK struct error *audit_add(struct ctx *ctx, const char *action, const char *object, json_t *details);

/* An entry as it was written. */
struct audit_entry {
    int64_t id;
    struct instant at;
    const char *principal_kind, *principal, *address, *action, *object, *trace;
    json_t *details;
    bool sealed; // has its link in the chain
};

/* What is looked for; NULL, unset and 0 are everything. */
struct audit_filter {
    const char *principal, *object;
    const char *action; // the whole name, or its beginning up to a dot ("payment.")
    struct instant from, to;
    int64_t before; // entries with a smaller number: the next page
    int64_t limit;
};

/* The newest first. */
MUST_CHECK struct error *audit_list(struct ctx *ctx, const struct audit_filter *filter, struct field_list *out);

/* Chains what was committed since the last time (sql: audit_seal()). */
MUST_CHECK struct error *audit_seal(struct ctx *ctx, int64_t *sealed);

/* Walks the chain. *broken is the first entry that was changed, removed or put in, NULL when all is well; *why says which. */
MUST_CHECK struct error *audit_verify(struct ctx *ctx, int64_t *checked, const char **broken, const char **why);

/* The newest link of the chain, as "480:9f86…": kept elsewhere, it shows later whether the end of the chain was cut off. "" while
 * there is none. */
MUST_CHECK struct error *audit_head(struct ctx *ctx, const char **head);

/* Whether the chain still has a link that audit_head() told of. */
MUST_CHECK struct error *audit_has(struct ctx *ctx, const char *head, bool *has);

#endif
