#ifndef TILL_BASE_ID_H
#define TILL_BASE_ID_H

#include "base/instant.h"

#include <stdbool.h>

struct ctx;

/* "pay_" and 26 characters that sort by time: 48 bits of milliseconds, 80 random bits, base 32. In ctx->arena. */
const char *id_new(struct ctx *ctx, const char *prefix);

/* The smallest id that could be made at `when`: those before it sort before, those since at or after it. */
const char *id_at(struct ctx *ctx, const char *prefix, struct instant when);

/* Whether `id` has the form that id_new() makes for `prefix`. */
bool id_is(const char *id, const char *prefix);

/* Whether it could be an id of ours or of a provider: 1 to 255 of [A-Za-z0-9_-]. Anything else never reaches a URL. */
bool id_is_plausible(const char *id);

#endif
