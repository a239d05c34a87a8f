#include "pages/admin_once.h"

#include <string.h>

#include "access/idempotency.h"
#include "base/arena.h"
#include "base/buf.h"
#include "base/crypto.h"
#include "base/ctx.h"
#include "web/request.h"
#include "web/router.h"

#define KEY_BYTES 16

const char *admin_once_key(struct ctx *ctx)
{
    uint8_t random[KEY_BYTES];

    crypto_random(random, sizeof random);
    return hex_encode(ctx->arena, (struct bytes){ random, sizeof random });
}

static bool is_key(const char *text)
{
    return text && strlen(text) == 2 * KEY_BYTES && strspn(text, "0123456789abcdef") == 2 * KEY_BYTES;
}

static struct bytes bytes_in(const struct buf *text)
{
    return (struct bytes){ (const uint8_t *)text->data, text->length };
}

struct error *admin_once(struct request *r, const char *content, bool *again)
{
    struct ctx *ctx = r->ctx;
    const char *key = request_form_member(r, "once");
    struct idempotency *idempotency = arena_alloc(ctx->arena, sizeof *idempotency);
    struct buf scope = { .arena = ctx->arena }, whole = { .arena = ctx->arena };
    struct stored_answer answer;

    *again = false;
    if (!is_key(key))
        return error_new(ctx, E_VALIDATION_ERROR, "This form is not complete; please load the page again.");
    idempotency->text = key;
    idempotency->operation = arena_printf(ctx->arena, "%s %s", r->route->method, r->route->path);
    buf_printf(&scope, "%s\n%s\n%s", principal_name(&ctx->principal), idempotency->operation, key);
    sha256(bytes_in(&scope), idempotency->key);
    buf_printf(&whole, "%s %s\n%s", r->method, r->path, content);
    sha256(bytes_in(&whole), idempotency->fingerprint);
    ctx->idempotency = idempotency;
    struct error *error = idempotency_find(ctx, &answer);
    *again = answer.found || (error && error->code == E_IDEMPOTENCY_IN_PROGRESS);
    if (*again)
        ctx->idempotency = NULL;
    return *again ? NULL : error;
}

bool admin_once_lost(const struct error *error)
{
    return error && error->code == E_IDEMPOTENCY_IN_PROGRESS;
}
