#include "sandbox/currency.h"

#include "base/arena.h"
#include "base/ctx.h"

#include <ctype.h>
#include <string.h>

struct currency {
    const char *code;
    json_int_t least; // what can be charged, in its smallest unit
    int exponent;     // as Stripe counts
    int step;         // amounts are multiples of it
};

enum { DEFAULT_LEAST = 50 };
static const json_int_t most = 99999999;

/* What differs from two decimals and a least charge of 0.50. */
static const struct currency special[] = {
    { "gbp", 30, 2, 1 },
    { "jpy", 50, 0, 1 },
    { "nok", 300, 2, 1 },
    { "sek", 300, 2, 1 },
    { "dkk", 250, 2, 1 },
    { "pln", 200, 2, 1 },
    { "ron", 200, 2, 1 },
    { "aed", 200, 2, 1 },
    { "myr", 200, 2, 1 },
    { "hkd", 400, 2, 1 },
    { "mxn", 1000, 2, 1 },
    { "thb", 1000, 2, 1 },
    { "czk", 1500, 2, 1 },
    { "huf", 17500, 2, 1 },
    { "bif", 1, 0, 1 },
    { "clp", 1, 0, 1 },
    { "djf", 1, 0, 1 },
    { "gnf", 1, 0, 1 },
    { "kmf", 1, 0, 1 },
    { "krw", 50, 0, 1 },
    { "mga", 1, 0, 1 },
    { "pyg", 1, 0, 1 },
    { "rwf", 1, 0, 1 },
    { "vnd", 1, 0, 1 },
    { "vuv", 1, 0, 1 },
    { "xaf", 1, 0, 1 },
    { "xof", 1, 0, 1 },
    { "xpf", 1, 0, 1 },
    { "isk", 100, 2, 100 },
    { "ugx", 100, 2, 100 },
    { "bhd", 10, 3, 10 },
    { "jod", 10, 3, 10 },
    { "kwd", 10, 3, 10 },
    { "omr", 10, 3, 10 },
    { "tnd", 10, 3, 10 },
};

static const char ordinary[] =
    " usd aed afn all amd ang aoa ars aud awg azn bam bbd bdt bgn bmd bnd bob brl bsd bwp byn bzd cad cdf chf cny cop "
    "crc cve dop dzd egp etb eur fjd fkp gel gip gmd gtq gyd hnl htg idr ils inr jmd kes kgs khr kyd kzt lak lbp lkr "
    "lrd lsl mad mdl mkd mmk mnt mop mur mvr mwk mzn nad ngn nio npr nzd pab pen pgk php pkr qar rsd rub sar sbd scr "
    "sgd shp sle sos srd std szl tjs top try ttd twd tzs uah uyu uzs wst xcd xcg yer zar zmw ";

static bool find(const char *code, struct currency *out)
{
    char word[8] = " xxx ";

    for (size_t i = 0; i < sizeof special / sizeof *special; i++) {
        if (strcmp(special[i].code, code) == 0) {
            *out = special[i];
            return true;
        }
    }
    memcpy(word + 1, code, 3);
    *out = (struct currency){ code, DEFAULT_LEAST, 2, 1 };
    return strstr(ordinary, word) != NULL;
}

static const char *lower(struct call *call, const char *text)
{
    char *copy = arena_strdup(call->ctx->arena, text);

    for (char *at = copy; *at; at++)
        *at = (char)tolower((unsigned char)*at);
    return copy;
}

static const char *amount_text(struct call *call, json_int_t amount, const struct currency *currency)
{
    json_int_t scale = currency->exponent == 3 ? 1000 : currency->exponent == 2 ? 100 : 1;

    if (scale == 1)
        return arena_printf(call->ctx->arena, "%lld %s", (long long)amount, currency->code);
    return arena_printf(call->ctx->arena, "%lld.%0*lld %s", (long long)(amount / scale), currency->exponent,
        (long long)(amount % scale), currency->code);
}

const char *currency_text(struct call *call, json_int_t amount, const char *code)
{
    struct currency currency;

    find(code, &currency);
    return amount_text(call, amount, &currency);
}

struct failure *currency_check(struct call *call, const char *text, json_int_t amount, const char **code)
{
    struct currency currency;

    *code = lower(call, text);
    if (strlen(*code) != 3 || !find(*code, &currency))
        return fail_early(call, 400, NULL, "currency",
            "Invalid currency: %.20s. Stripe currently supports these currencies:%s", *code, ordinary);
    if (amount < currency.least)
        return fail_early(call, 400, "amount_too_small", "amount", "Amount must be at least %s",
            amount_text(call, currency.least, &currency));
    if (amount > most)
        return fail_early(call, 400, "amount_too_large", "amount", "Amount must be no more than %s",
            amount_text(call, most, &currency));
    if (amount % currency.step)
        return fail_early(call, 400, "parameter_invalid_integer", "amount",
            "Invalid amount: in %s it must be divisible by %d", currency.code, currency.step);
    return NULL;
}

json_int_t currency_fee(json_int_t amount, const char *code)
{
    json_int_t fee = (amount * 29 + 500) / 1000 + 30;
    struct currency currency;

    find(code, &currency);
    return currency.exponent == 2 && currency.step > 1 ? (fee + currency.step - 1) / currency.step * currency.step
                                                       : fee;
}
