#ifndef TILL_EVENTS_DECISION_H
#define TILL_EVENTS_DECISION_H

#include "base/error.h"
#include "base/field.h"
#include "base/instant.h"
#include "base/money.h"

#include <stdint.h>

struct ctx;

/* What a person must decide, because no machine can: what is known, and what to do. */
struct decision {
    const char *id, *kind, *object, *known, *suggestion;
    struct money amount; // at stake; currency "" where none is
    struct instant created_at, done_at;
    const char *done_by, *resolution;
};

extern const struct field decision_shown[];

/* Asks for one, unless it waits already. In the open transaction, or by itself. */
MUST_CHECK struct error *decision_ask(struct ctx *ctx, const char *kind, const char *object, struct money amount,
    const char *known, const char *suggestion);

/* It has settled itself, or a person (ctx->principal) has. Does nothing when none waits. */
MUST_CHECK struct error *decision_settle(struct ctx *ctx, const char *kind, const char *object, const char *resolution);

/* Those that wait, the oldest first, after `cursor`. */
MUST_CHECK struct error *decision_list(struct ctx *ctx, const char *cursor, int64_t limit, struct field_list *out);

#endif
