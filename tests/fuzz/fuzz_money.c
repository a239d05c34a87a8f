#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "base/arena.h"
#include "base/money.h"

/* Amounts and currencies from anywhere: what is taken comes back as it was, and one of two readers never takes what
 * the other refuses. The input is "value currency". */

/* Minor units by counting digits as one large number, without a look at how money_parse() does it. */
static bool count(const char *value, int exponent, __int128 *minor)
{
    int decimals = 0, digits = 0;
    bool point = false;

    *minor = 0;
    for (const char *c = value; *c; c++) {
        if (*c == '.' && !point && c > value && c[1]) {
            point = true;
            continue;
        }
        if (*c < '0' || *c > '9' || digits++ > 30)
            return false;
        *minor = *minor * 10 + (*c - '0');
        decimals += point;
    }
    if (digits == 0 || decimals > exponent || (value[0] == '0' && value[1] && value[1] != '.'))
        return false;
    for (; decimals < exponent; decimals++)
        *minor *= 10;
    return *minor <= MONEY_MAX_MINOR;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *arena = arena_new();
    char *value = arena_strndup(arena, (const char *)data, size);
    char *currency = strchr(value, ' ');
    struct money money = { 7, "EUR" }, back;
    const char *why = NULL;
    __int128 minor;

    if (currency)
        *currency++ = '\0';
    else
        currency = "USD";
    int exponent = currency_exponent(currency);
    bool expected = exponent >= 0 && count(value, exponent, &minor);
    bool taken = money_parse(value, currency, &money, &why);

    assert(taken == expected);
    if (taken) {
        assert(money.minor == (int64_t)minor && currency_exponent(money.currency) == exponent);
        assert(money_parse(money_value(arena, money), money.currency, &back, &why) && back.minor == money.minor);
        assert(strlen(money_text(arena, money, "ar")) > 0);
    } else {
        assert(why && money.minor == 7);
    }
    arena_free(arena);
    return 0;
}
