#ifndef TILL_ACCESS_API_KEY_H
#define TILL_ACCESS_API_KEY_H

#include "access/rate_limit.h"
#include "base/config.h"
#include "base/ctx.h"
#include "base/error.h"
#include "base/field.h"

/* till_{test|live}_{id}_{secret}: id 12, secret 43 characters of [A-Za-z0-9]; stored as HMAC-SHA256 of the secret under the
 * "api-key" key. */
struct api_key {
    const char *id;
    const char *name;
    enum mode mode;
    const char *scopes;
    struct instant created_at, last_used_at, revoked_at;
};

extern const struct field api_key_columns[];

/* Makes one; *secret is the whole key, shown this once. E_VALIDATION_ERROR for an unknown scope. */
MUST_CHECK struct error *api_key_create(struct ctx *ctx, const char *name, const char *scopes, struct api_key *out,
    const char **secret);
MUST_CHECK struct error *api_key_list(struct ctx *ctx, struct field_list *out);
MUST_CHECK struct error *api_key_revoke(struct ctx *ctx, const char *id);

/* Who holds this key, whose use it counts in the same step: *limit is set then. E_UNAUTHENTICATED for one that is unknown, revoked,
 * malformed or of the other mode, and nothing is counted; E_RATE_LIMITED for one that comes too often. */
MUST_CHECK struct error *api_key_check(struct ctx *ctx, const char *key, struct principal *out,
    struct rate_limit *limit);

/* All scopes there are, ending with NULL. */
extern const char *const api_key_scopes[];

#endif
