#ifndef TILL_ACCESS_JWT_H
#define TILL_ACCESS_JWT_H

#include "base/ctx.h"
#include "base/error.h"

#include <stdbool.h>

/* A customer's own token (RFC 7519), which the merchant's application signs: HS256 with JWT_SECRET or EdDSA (Ed25519) with the
 * key whose public half is JWT_PUBLIC_KEY. It must carry `sub` (the application's id of the user, a customer's reference, or
 * Till's own id), `exp`, and JWT_AUDIENCE in `aud`; `nbf` and, where JWT_ISSUER is set, `iss` are held to. `scope` narrows what it may
 * do. It sees that customer's objects and no others. E_UNAUTHENTICATED, without a hint at what is wrong with it. */
MUST_CHECK struct error *jwt_check(struct ctx *ctx, const char *token, struct principal *out);

/* Whether this has the form of one: three parts, the first of which opens a JSON object. */
bool jwt_is_one(const char *token);

#endif
