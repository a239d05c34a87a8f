#include "base/id.h"

#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "base/arena.h"
#include "base/crypto.h"
#include "base/ctx.h"

#define BODY_LENGTH 26

static const char alphabet[] = "0123456789abcdefghjkmnpqrstvwxyz";

/* The last id of this thread: those of one millisecond count upwards by random steps, so that they sort in the order in
 * which they were made and still cannot be guessed from one another. */
static _Thread_local struct {
    uint64_t ms;
    uint64_t low; // 64 of the 80 random bits
    uint16_t high;
} last;

static void next(uint64_t ms)
{
    uint32_t step;

    if (ms != last.ms) {
        last.ms = ms;
        crypto_random(&last.low, sizeof(last.low));
        crypto_random(&last.high, sizeof(last.high));
        return;
    }
    crypto_random(&step, sizeof(step));
    if (__builtin_add_overflow(last.low, (uint64_t)step + 1, &last.low))
        last.high++;
}

static const char *spell(struct ctx *ctx, const char *prefix, uint64_t high, uint64_t low)
{
    char body[BODY_LENGTH + 1] = "";

    for (int i = BODY_LENGTH - 1; i >= 0; i--) {
        body[i] = alphabet[low & 31];
        low = low >> 5 | high << 59;
        high >>= 5;
    }
    return arena_printf(ctx->arena, "%s_%s", prefix, body);
}

static uint64_t milliseconds(struct instant when)
{
    assert(when.us >= 0);
    return (uint64_t)(when.us / 1000) & UINT64_C(0xffffffffffff);
}

const char *id_new(struct ctx *ctx, const char *prefix)
{
    next(milliseconds(ctx->now));
    return spell(ctx, prefix, last.ms << 16 | last.high, last.low);
}

const char *id_at(struct ctx *ctx, const char *prefix, struct instant when)
{
    return spell(ctx, prefix, milliseconds(when) << 16, 0);
}

bool id_is(const char *id, const char *prefix)
{
    size_t length = strlen(prefix);

    if (!id || strncmp(id, prefix, length) != 0 || id[length] != '_')
        return false;
    const char *body = id + length + 1;
    return strspn(body, alphabet) == BODY_LENGTH && !body[BODY_LENGTH] && body[0] <= '7';
}

bool id_is_plausible(const char *id)
{
    static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-";

    if (!id)
        return false;
    size_t length = strspn(id, allowed);
    return length >= 1 && length <= 255 && !id[length];
}
