#include "base/utf8.h"

#include "base/buf.h"

/* What may lead a sequence: how many bytes follow, and the range of the first of them, which is where overlong forms,
 * surrogates and numbers past the end are told apart. */
static const struct {
    unsigned char from, to;
    unsigned char follow;
    unsigned char low, high;
} leads[] = {
    { 0xc2, 0xdf, 1, 0x80, 0xbf },
    { 0xe0, 0xe0, 2, 0xa0, 0xbf },
    { 0xe1, 0xec, 2, 0x80, 0xbf },
    { 0xed, 0xed, 2, 0x80, 0x9f },
    { 0xee, 0xef, 2, 0x80, 0xbf },
    { 0xf0, 0xf0, 3, 0x90, 0xbf },
    { 0xf1, 0xf3, 3, 0x80, 0xbf },
    { 0xf4, 0xf4, 3, 0x80, 0x8f },
};

/* The character at `at`, whose lead byte is in the row; its length, or 0 when it is not well-formed. */
static size_t sequence(const unsigned char *at, size_t row, uint32_t *code)
{
    size_t follow = leads[row].follow;
    unsigned char low = leads[row].low, high = leads[row].high;

    *code = at[0] & (0x3fU >> follow);
    for (size_t i = 1; i <= follow; i++) {
        if (at[i] < low || at[i] > high)
            return 0;
        *code = *code << 6 | (at[i] & 0x3fU);
        low = 0x80;
        high = 0xbf;
    }
    return follow + 1;
}

bool utf8_next(const char **text, uint32_t *code)
{
    const unsigned char *at = (const unsigned char *)*text;
    size_t length = 0;

    if (*at < 0x80) {
        *code = *at;
        (*text)++;
        return true;
    }
    for (size_t row = 0; row < sizeof(leads) / sizeof(leads[0]) && !length; row++) {
        if (*at >= leads[row].from && *at <= leads[row].to)
            length = sequence(at, row, code);
    }
    if (!length)
        *code = 0xfffd;
    *text += length ? length : 1;
    return length;
}

bool utf8_is_valid(const char *text)
{
    uint32_t code;

    while (*text) {
        if (!utf8_next(&text, &code))
            return false;
    }
    return true;
}

const char *utf8_clean(struct arena *arena, const char *text)
{
    struct buf buf = { .arena = arena };
    uint32_t code;

    if (utf8_is_valid(text))
        return text;
    while (*text) {
        const char *start = text;

        if (utf8_next(&text, &code))
            buf_add(&buf, start, (size_t)(text - start));
        else
            buf_text(&buf, "\xef\xbf\xbd");
    }
    return buf_string(&buf);
}
