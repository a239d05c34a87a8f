#include <assert.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/arena.h"
#include "base/config.h"
#include "base/crypto.h"
#include "base/ctx.h"
#include "provider/provider.h"

#define SECRET "whsec_fuzz"
#define NOW 1700000000

static const char *header_of(void *from, const char *name)
{
    (void)name;
    return from;
}

static struct error *verify(struct ctx *ctx, struct bytes body, const char *header)
{
    struct provider_event event;
    struct error *error =
        provider_named("stripe")->verify(ctx, body, header_of, (void *)(uintptr_t)header, NULL, &event);

    assert(error || (event.id && event.type));
    return error;
}

static bool is_forged(struct ctx *ctx, struct bytes body, const char *header)
{
    struct error *error = verify(ctx, body, header);

    return error && error->code == E_INVALID_SIGNATURE;
}

static const char *sign(struct ctx *ctx, struct bytes body)
{
    char *text = arena_printf(ctx->arena, "%d.", NOW);
    size_t length = strlen(text);
    uint8_t *all = arena_alloc(ctx->arena, length + body.length);
    uint8_t digest[32];

    memcpy(all, text, length);
    memcpy(all + length, body.data, body.length);
    hmac_sha256(bytes_of(SECRET), (struct bytes){ all, length + body.length }, digest);
    return arena_printf(ctx->arena, "t=%d,v1=%s", NOW, hex_encode(ctx->arena, (struct bytes){ digest, 32 }));
}

/* A header up to the first newline, then a body. A header from anywhere proves nothing; the right one proves the body and no
 * other; and what is signed well is an event or is refused as none. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct config config = { .mode = MODE_TEST, .stripe_webhook_secret = "whsec_old," SECRET };
    struct ctx ctx = { .arena = arena_new(), .config = &config, .now = instant_of_unix(NOW) };
    const uint8_t *newline = size ? memchr(data, '\n', size) : NULL;
    size_t length = newline ? (size_t)(newline - data) : size;
    const char *header = arena_strndup(ctx.arena, (const char *)data, length);
    uint8_t *body = arena_alloc(ctx.arena, size - length + 1);
    size_t body_length = newline ? size - length - 1 : 0;

    if (body_length)
        memcpy(body, newline + 1, body_length);
    struct bytes whole = { body, body_length };
    const char *right = sign(&ctx, whole);
    assert(strstr(header, right + strlen("t=1700000000,")) || is_forged(&ctx, whole, header));
    assert(!is_forged(&ctx, whole, right));
    if (body_length) {
        body[body_length / 2] ^= 1;
        assert(is_forged(&ctx, whole, right));
    }
    arena_free(ctx.arena);
    return 0;
}
