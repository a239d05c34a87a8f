#ifndef TILL_OUTWARD_SIGNATURE_H
#define TILL_OUTWARD_SIGNATURE_H

#include "base/bytes.h"

#include <stdint.h>

struct ctx;

/* Standard Webhooks (standardwebhooks.com), as the merchant's libraries verify it. */

/* "whsec_" and 32 random bytes in base64. */
const char *signature_secret_new(struct ctx *ctx);

/* The header webhook-signature: "v1,<base64 of HMAC-SHA256(id.timestamp.body)>", and after a space the same by `before`, the
 * secret that a rotation leaves good for a while (NULL for none). NULL when a secret is not one. */
const char *signature_of(struct ctx *ctx, const char *secret, const char *before, const char *id, int64_t timestamp,
    struct bytes body);

#endif
