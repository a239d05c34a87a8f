#ifndef TILL_ACCESS_IDEMPOTENCY_H
#define TILL_ACCESS_IDEMPOTENCY_H

#include "base/bytes.h"
#include "base/ctx.h"
#include "base/error.h"
#include "base/field.h"

#include <stdbool.h>
#include <stdint.h>

/* The key that came with a request. Stored as SHA-256 of (caller, operation, key); the fingerprint is SHA-256 of (method, route,
 * path values, canonical body). */
struct idempotency {
    uint8_t key[32];
    uint8_t fingerprint[32];
    const char *text;      // as the client sent it, or as we made it
    const char *operation; // method and route
    bool made;             // by us, because none came
    bool taken;            // this request holds the key: set by idempotency_take()
    bool held;             // … in an earlier transaction: taking it again does nothing
    const char *resource;  // what an earlier, unfinished run of this key made ("pay_…"), to go on with; or NULL
};

struct stored_answer {
    bool found;
    int status;
    struct bytes body;
    const char *content_type;
};

/* Asked by dispatch before the handler. Fills *answer when the key has one; sets ctx->idempotency->resource when an earlier
 * run did not finish and its hold has run out. E_IDEMPOTENCY_MISMATCH, E_IDEMPOTENCY_IN_PROGRESS. */
MUST_CHECK struct error *idempotency_find(struct ctx *ctx, struct stored_answer *answer);

/* Whether this request goes on with what an earlier run of its key began. */
bool idempotency_is_taken_over(const struct ctx *ctx);

/* In T1, inside its transaction: takes ctx->idempotency's key for what this request makes. Does nothing without a key.
 * Errors as idempotency_find(), when another request was faster. */
MUST_CHECK struct error *idempotency_take(struct ctx *ctx, const char *resource);

/* Stores the final answer of a taken key; a 5xx frees it instead, for the client to come again. */
MUST_CHECK struct error *idempotency_finish(struct ctx *ctx, int status, const char *content_type, struct bytes body);

/* The stored answer of this request's key was given once more. */
MUST_CHECK struct error *idempotency_count_hit(struct ctx *ctx);

/* What was asked for under a key, as long as keys are kept: every change that callers asked for lately. */
struct idempotency_use {
    const char *caller, *operation, *resource;
    int status; // 0 while there is no answer
    int64_t hits;
    struct instant created_at;
    const char *key; // in hex
};
struct idempotency_use_filter {
    const char *caller, *after; // the caller's id; the key of the last one that was seen
    bool refused;               // only those whose answer was an error
    int64_t limit;
};
/* The newest first; of the newest IDEMPOTENCY_SEARCHED uses after `after`. */
#define IDEMPOTENCY_SEARCHED 10000
MUST_CHECK struct error *idempotency_uses(struct ctx *ctx, const struct idempotency_use_filter *filter,
    struct field_list *out);

#endif
