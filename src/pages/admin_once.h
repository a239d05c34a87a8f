#ifndef TILL_PAGES_ADMIN_ONCE_H
#define TILL_PAGES_ADMIN_ONCE_H

#include "base/error.h"

#include <stdbool.h>

struct ctx;
struct request;

/* Forms that move money are sent once: each carries a key of its own, and what the rules do is tied to it as an API client's
 * request is to its Idempotency-Key. */

/* A new key, for <input type="hidden" name="once">. */
const char *admin_once_key(struct ctx *ctx);

/* Before the rules: takes the form's member `once` as the key of this request. `content` is what was typed; the same key with other
 * content is E_IDEMPOTENCY_MISMATCH. *again: a request with this key did it, or is doing it. */
MUST_CHECK struct error *admin_once(struct request *r, const char *content, bool *again);

/* Whether the rules found that another request with the key was faster. */
bool admin_once_lost(const struct error *error);

#endif
