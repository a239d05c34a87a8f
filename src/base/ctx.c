#include "base/ctx.h"

#include <assert.h>
#include <string.h>

#include "base/arena.h"

const char *const principal_kind_names[] = {
    [PRINCIPAL_NONE] = "none",
    [PRINCIPAL_API_KEY] = "api_key",
    [PRINCIPAL_CUSTOMER] = "customer",
    [PRINCIPAL_OPERATOR] = "operator",
    [PRINCIPAL_SYSTEM] = "system",
    [PRINCIPAL_COMMAND] = "command",
    [PRINCIPAL_PROVIDER] = "provider",
    NULL,
};

struct ctx *ctx_aside(struct ctx *ctx)
{
    struct ctx *aside = arena_alloc(ctx->arena, sizeof *aside);

    assert(!ctx->tx);
    *aside = *ctx;
    aside->arena = arena_new();
    return aside;
}

static void free_arena(void *arena)
{
    arena_free(arena);
}

struct error *ctx_rejoin(struct ctx *ctx, struct ctx *aside, struct error *error)
{
    assert(!aside->tx);
    ctx->round_trips = aside->round_trips;
    if (error)
        arena_defer(ctx->arena, free_arena, aside->arena);
    else
        arena_free(aside->arena);
    return error;
}

static bool same_word(const char *word, size_t length, const char *scope)
{
    return length == strlen(scope) && memcmp(word, scope, length) == 0;
}

bool principal_may(const struct principal *principal, const char *scope)
{
    const char *word = principal->scopes;

    if (!scope)
        return true;
    while (word && *word) {
        size_t length = strcspn(word, " ");

        if (same_word(word, length, "*") || same_word(word, length, scope))
            return true;
        word += length + strspn(word + length, " ");
    }
    return false;
}

const char *principal_name(const struct principal *principal)
{
    return principal->id ? principal->id : "";
}
