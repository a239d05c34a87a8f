#ifndef TILL_EVENTS_DECISION_H
#define TILL_EVENTS_DECISION_H

#include "base/error.h"
#include "base/field.h"
#include "base/instant.h"
#include "base/money.h"

#include <stdbool.h>
#include <stdint.h>

struct ctx;

/* What a person must decide, because no machine can: what is known, and what to do. */
struct decision {
    const char *id, *kind, *object, *known, *suggestion;
    struct money amount; // at stake; currency "" where none is
    struct instant created_at, done_at;
    const char *done_by, *resolution;
    const char *assigned_to; // who looks after it, or NULL
};

/* Which decisions. NULL is any. */
struct decision_filter {
    bool settled; // those that are, the last one first; else those that wait, the oldest first
    const char *kind, *object, *assigned_to;
    const char *cursor; // after this one
    int64_t limit;
};

/* How many of a kind wait; of more than 1000 no more are counted. */
struct decision_count {
    const char *kind;
    int64_t count;
};

extern const struct field decision_shown[];

/* Asks for one, unless it waits already. In the open transaction, or by itself. */
MUST_CHECK struct error *decision_ask(struct ctx *ctx, const char *kind, const char *object, struct money amount,
    const char *known, const char *suggestion);

/* It has settled itself, or a person (ctx->principal) has. Does nothing when none waits. */
MUST_CHECK struct error *decision_settle(struct ctx *ctx, const char *kind, const char *object, const char *resolution);

MUST_CHECK struct error *decision_list(struct ctx *ctx, const struct decision_filter *filter, struct field_list *out);
MUST_CHECK struct error *decision_get(struct ctx *ctx, const char *id, struct decision *out); // E_NOT_FOUND
MUST_CHECK struct error *decision_counts(struct ctx *ctx, struct field_list *out);

/* A person looks after it: ctx->principal, or nobody any more. E_INVALID_STATUS when it is settled. */
MUST_CHECK struct error *decision_assign(struct ctx *ctx, const char *id, bool mine, struct decision *out);

/* A person has decided, and says why. E_INVALID_STATUS when it is settled already. */
MUST_CHECK struct error *decision_resolve(struct ctx *ctx, const char *id, const char *resolution,
    struct decision *out);

#endif
