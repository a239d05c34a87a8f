#include "outward/signature.h"

#include <string.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/crypto.h"
#include "base/ctx.h"

#define PREFIX "whsec_"
#define SECRET_BYTES 32

const char *signature_secret_new(struct ctx *ctx)
{
    uint8_t key[SECRET_BYTES];

    crypto_random(key, sizeof key);
    const char *secret =
        arena_printf(ctx->arena, PREFIX "%s", base64_encode(ctx->arena, (struct bytes){ key, sizeof key }));
    wipe(key, sizeof key);
    return secret;
}

static const char *sign(struct ctx *ctx, const char *secret, struct bytes message)
{
    uint8_t mac[32];
    struct bytes key;

    if (strncmp(secret, PREFIX, strlen(PREFIX)) || !base64_decode(ctx->arena, secret + strlen(PREFIX), &key)
        || !key.length)
        return NULL;
    hmac_sha256(key, message, mac);
    return arena_printf(ctx->arena, "v1,%s", base64_encode(ctx->arena, (struct bytes){ mac, sizeof mac }));
}

const char *signature_of(struct ctx *ctx, const char *secret, const char *before, const char *id, int64_t timestamp,
    struct bytes body)
{
    struct buf message = { .arena = ctx->arena };
    const char *now, *then;

    buf_printf(&message, "%s.%lld.", id, (long long)timestamp);
    buf_add(&message, body.data, body.length);
    struct bytes bytes = { (const uint8_t *)message.data, message.length };
    now = sign(ctx, secret, bytes);
    if (!now || !before)
        return now;
    then = sign(ctx, before, bytes);
    return then ? arena_printf(ctx->arena, "%s %s", now, then) : NULL;
}
