#include "base/money.h"

#include <assert.h>
#include <stddef.h>
#include <string.h>
#include <strings.h>

#include "base/arena.h"
#include "base/ctx.h"

/* ISO 4217, what is in use today; gold, test codes and units of account that nobody can be charged in are left out.
 * CURRENCY(code, exponent), in order of code. */
/* clang-format off */
#define CURRENCIES                                                                                                     \
    CURRENCY(AED, 2) CURRENCY(AFN, 2) CURRENCY(ALL, 2) CURRENCY(AMD, 2) CURRENCY(AOA, 2) CURRENCY(ARS, 2)              \
    CURRENCY(AUD, 2) CURRENCY(AWG, 2) CURRENCY(AZN, 2) CURRENCY(BAM, 2) CURRENCY(BBD, 2) CURRENCY(BDT, 2)              \
    CURRENCY(BGN, 2) CURRENCY(BHD, 3) CURRENCY(BIF, 0) CURRENCY(BMD, 2) CURRENCY(BND, 2) CURRENCY(BOB, 2)              \
    CURRENCY(BOV, 2) CURRENCY(BRL, 2) CURRENCY(BSD, 2) CURRENCY(BTN, 2) CURRENCY(BWP, 2) CURRENCY(BYN, 2)              \
    CURRENCY(BZD, 2) CURRENCY(CAD, 2) CURRENCY(CDF, 2) CURRENCY(CHE, 2) CURRENCY(CHF, 2) CURRENCY(CHW, 2)              \
    CURRENCY(CLF, 4) CURRENCY(CLP, 0) CURRENCY(CNY, 2) CURRENCY(COP, 2) CURRENCY(COU, 2) CURRENCY(CRC, 2)              \
    CURRENCY(CUP, 2) CURRENCY(CVE, 2) CURRENCY(CZK, 2) CURRENCY(DJF, 0) CURRENCY(DKK, 2) CURRENCY(DOP, 2)              \
    CURRENCY(DZD, 2) CURRENCY(EGP, 2) CURRENCY(ERN, 2) CURRENCY(ETB, 2) CURRENCY(EUR, 2) CURRENCY(FJD, 2)              \
    CURRENCY(FKP, 2) CURRENCY(GBP, 2) CURRENCY(GEL, 2) CURRENCY(GHS, 2) CURRENCY(GIP, 2) CURRENCY(GMD, 2)              \
    CURRENCY(GNF, 0) CURRENCY(GTQ, 2) CURRENCY(GYD, 2) CURRENCY(HKD, 2) CURRENCY(HNL, 2) CURRENCY(HTG, 2)              \
    CURRENCY(HUF, 2) CURRENCY(IDR, 2) CURRENCY(ILS, 2) CURRENCY(INR, 2) CURRENCY(IQD, 3) CURRENCY(IRR, 2)              \
    CURRENCY(ISK, 0) CURRENCY(JMD, 2) CURRENCY(JOD, 3) CURRENCY(JPY, 0) CURRENCY(KES, 2) CURRENCY(KGS, 2)              \
    CURRENCY(KHR, 2) CURRENCY(KMF, 0) CURRENCY(KPW, 2) CURRENCY(KRW, 0) CURRENCY(KWD, 3) CURRENCY(KYD, 2)              \
    CURRENCY(KZT, 2) CURRENCY(LAK, 2) CURRENCY(LBP, 2) CURRENCY(LKR, 2) CURRENCY(LRD, 2) CURRENCY(LSL, 2)              \
    CURRENCY(LYD, 3) CURRENCY(MAD, 2) CURRENCY(MDL, 2) CURRENCY(MGA, 2) CURRENCY(MKD, 2) CURRENCY(MMK, 2)              \
    CURRENCY(MNT, 2) CURRENCY(MOP, 2) CURRENCY(MRU, 2) CURRENCY(MUR, 2) CURRENCY(MVR, 2) CURRENCY(MWK, 2)              \
    CURRENCY(MXN, 2) CURRENCY(MXV, 2) CURRENCY(MYR, 2) CURRENCY(MZN, 2) CURRENCY(NAD, 2) CURRENCY(NGN, 2)              \
    CURRENCY(NIO, 2) CURRENCY(NOK, 2) CURRENCY(NPR, 2) CURRENCY(NZD, 2) CURRENCY(OMR, 3) CURRENCY(PAB, 2)              \
    CURRENCY(PEN, 2) CURRENCY(PGK, 2) CURRENCY(PHP, 2) CURRENCY(PKR, 2) CURRENCY(PLN, 2) CURRENCY(PYG, 0)              \
    CURRENCY(QAR, 2) CURRENCY(RON, 2) CURRENCY(RSD, 2) CURRENCY(RUB, 2) CURRENCY(RWF, 0) CURRENCY(SAR, 2)              \
    CURRENCY(SBD, 2) CURRENCY(SCR, 2) CURRENCY(SDG, 2) CURRENCY(SEK, 2) CURRENCY(SGD, 2) CURRENCY(SHP, 2)              \
    CURRENCY(SLE, 2) CURRENCY(SOS, 2) CURRENCY(SRD, 2) CURRENCY(SSP, 2) CURRENCY(STN, 2) CURRENCY(SVC, 2)              \
    CURRENCY(SYP, 2) CURRENCY(SZL, 2) CURRENCY(THB, 2) CURRENCY(TJS, 2) CURRENCY(TMT, 2) CURRENCY(TND, 3)              \
    CURRENCY(TOP, 2) CURRENCY(TRY, 2) CURRENCY(TTD, 2) CURRENCY(TWD, 2) CURRENCY(TZS, 2) CURRENCY(UAH, 2)              \
    CURRENCY(UGX, 0) CURRENCY(USD, 2) CURRENCY(USN, 2) CURRENCY(UYI, 0) CURRENCY(UYU, 2) CURRENCY(UYW, 4)              \
    CURRENCY(UZS, 2) CURRENCY(VED, 2) CURRENCY(VES, 2) CURRENCY(VND, 0) CURRENCY(VUV, 0) CURRENCY(WST, 2)              \
    CURRENCY(XAF, 0) CURRENCY(XCD, 2) CURRENCY(XCG, 2) CURRENCY(XOF, 0) CURRENCY(XPF, 0) CURRENCY(YER, 2)              \
    CURRENCY(ZAR, 2) CURRENCY(ZMW, 2) CURRENCY(ZWG, 2)
/* clang-format on */

static const struct currency {
    const char *code;
    int exponent;
    const char *too_many_decimals;
} currencies[] = {
#define CURRENCY(code, exponent) { #code, exponent, "has too many decimals for " #code },
    CURRENCIES
#undef CURRENCY
};

static const char *const codes[] = {
#define CURRENCY(code, exponent) #code,
    CURRENCIES
#undef CURRENCY
        NULL,
};

#define CURRENCY_COUNT (sizeof(currencies) / sizeof(currencies[0]))

static const char not_a_currency[] = "is not a currency that can be charged";
static const char not_an_amount[] = "must be a decimal number without sign or spaces, like \"100.00\"";
static const char too_large[] = "is more than can be charged";

static const struct currency *find(const char *code)
{
    size_t low = 0, high = CURRENCY_COUNT;

    if (!code || strlen(code) != 3)
        return NULL;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = strcasecmp(code, currencies[middle].code);

        if (order == 0)
            return &currencies[middle];
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return NULL;
}

int currency_exponent(const char *code)
{
    const struct currency *currency = find(code);

    return currency ? currency->exponent : -1;
}

const char *const *currency_codes(void)
{
    return codes;
}

static struct money make(const struct currency *currency, int64_t minor)
{
    struct money money = { .minor = minor };

    memcpy(money.currency, currency->code, sizeof(money.currency));
    return money;
}

static bool add_digit(int64_t *number, char digit)
{
    return !__builtin_mul_overflow(*number, 10, number) && !__builtin_add_overflow(*number, digit - '0', number)
        && *number <= MONEY_MAX_MINOR;
}

/* Minor units of a value that has the form of an amount. */
static const char *count_minor(const char *value, const struct currency *currency, int64_t *minor)
{
    const char *point = strchr(value, '.');
    const char *decimals = point ? point + 1 : "";

    if (strlen(decimals) > (size_t)currency->exponent)
        return currency->too_many_decimals;
    *minor = 0;
    for (; *value && *value != '.'; value++) {
        if (!add_digit(minor, *value))
            return too_large;
    }
    for (int i = 0; i < currency->exponent; i++) {
        if (!add_digit(minor, *decimals ? *decimals++ : '0'))
            return too_large;
    }
    return NULL;
}

/* 0 or a number without zeroes before it, then perhaps a point and decimals. ASCII digits only. */
static bool has_form(const char *value)
{
    static const char digits[] = "0123456789";
    size_t whole = strspn(value, digits);

    if (whole == 0 || (value[0] == '0' && whole > 1))
        return false;
    if (!value[whole])
        return true;
    size_t decimals = value[whole] == '.' ? strspn(value + whole + 1, digits) : 0;
    return decimals > 0 && !value[whole + 1 + decimals];
}

bool money_parse(const char *value, const char *currency, struct money *out, const char **why)
{
    const struct currency *known = find(currency);
    int64_t minor = 0;

    if (!known)
        *why = not_a_currency;
    else if (!value || !has_form(value))
        *why = not_an_amount;
    else
        *why = count_minor(value, known, &minor);
    if (*why)
        return false;
    *out = make(known, minor);
    return true;
}

bool money_from_minor(int64_t minor, const char *currency, struct money *out, const char **why)
{
    const struct currency *known = find(currency);

    if (!known)
        *why = not_a_currency;
    else if (minor < 0)
        *why = "must not be negative";
    else
        *why = minor > MONEY_MAX_MINOR ? too_large : NULL;
    if (*why)
        return false;
    *out = make(known, minor);
    return true;
}

/* One "500.00 EUR" of a list; *rest is what follows it. */
static bool read_entry(const char *list, struct money *out, const char **rest, const char **why)
{
    char value[24] = "", currency[4] = "";
    size_t length;

    list += strspn(list, " ");
    length = strcspn(list, " ,");
    *why = not_an_amount;
    if (length == 0 || length >= sizeof(value))
        return false;
    memcpy(value, list, length);
    list += length + strspn(list + length, " ");
    length = strcspn(list, " ,");
    *why = not_a_currency;
    if (length != 3)
        return false;
    memcpy(currency, list, length);
    list += length + strspn(list + length, " ");
    *why = "must be amounts with commas between them, like \"500.00 EUR, 60000 JPY\"";
    if (*list && *list != ',')
        return false;
    *rest = *list ? list + 1 : list;
    *why = NULL;
    return money_parse(value, currency, out, why);
}

bool money_list_check(const char *list, const char **why)
{
    struct money one;

    do {
        if (!read_entry(list, &one, &list, why))
            return false;
    } while (*list);
    return true;
}

bool money_list_find(const char *list, const char *currency, struct money *out)
{
    const char *why;
    struct money one;

    while (*list) {
        if (!read_entry(list, &one, &list, &why))
            return false;
        if (strcmp(one.currency, currency) == 0) {
            *out = one;
            return true;
        }
    }
    return false;
}

const char *money_value(struct arena *arena, struct money money)
{
    int exponent = currency_exponent(money.currency);
    uint64_t unit = 1;
    uint64_t size = money.minor < 0 ? 0 - (uint64_t)money.minor : (uint64_t)money.minor;
    const char *sign = money.minor < 0 ? "-" : "";

    assert(exponent >= 0);
    for (int i = 0; i < exponent; i++)
        unit *= 10;
    if (exponent == 0)
        return arena_printf(arena, "%s%ju", sign, (uintmax_t)size);
    return arena_printf(arena, "%s%ju.%0*ju", sign, (uintmax_t)(size / unit), exponent, (uintmax_t)(size % unit));
}

bool money_same_currency(struct money a, struct money b)
{
    return memcmp(a.currency, b.currency, sizeof(a.currency)) == 0;
}

struct error *money_add(struct ctx *ctx, struct money a, struct money b, struct money *out)
{
    struct money sum = a;

    if (!money_same_currency(a, b))
        return error_new(ctx, E_VALIDATION_ERROR, "amounts in %s and %s cannot be added", a.currency, b.currency);
    if (__builtin_add_overflow(a.minor, b.minor, &sum.minor) || sum.minor > MONEY_MAX_MINOR)
        return error_new(ctx, E_VALIDATION_ERROR, "the sum of the amounts %s", too_large);
    *out = sum;
    return NULL;
}
