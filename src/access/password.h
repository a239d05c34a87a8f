#ifndef TILL_ACCESS_PASSWORD_H
#define TILL_ACCESS_PASSWORD_H

#include "base/error.h"

#include <stdbool.h>

struct ctx;

#define PASSWORD_LEAST 12
#define PASSWORD_MOST 128

/* What is wrong with a new password, or NULL: its length, that it is one of many people's, a repetition or a sequence, or made
 * of a word of the user (name, e-mail address), of the shop or of this program. */
const char *password_weakness(struct ctx *ctx, const char *password, const char *email, const char *name);

/* argon2id in its encoded form. Two are made at a time in a process; E_UNAVAILABLE when it takes too long until it is one's
 * turn. */
MUST_CHECK struct error *password_hash(struct ctx *ctx, const char *password, const char **out);

/* Whether it is the password of that hash. `hash` NULL takes as long and is never right. */
MUST_CHECK struct error *password_matches(struct ctx *ctx, const char *password, const char *hash, bool *out);

/* Whether the hash was made with other parameters than a new one would be. */
bool password_is_outdated(const char *hash);

/* Twenty letters and digits that nobody mistakes for another, in groups of five. */
const char *password_new(struct ctx *ctx);

#endif
