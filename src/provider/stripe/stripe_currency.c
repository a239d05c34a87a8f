#include <ctype.h>
#include <string.h>

#include "base/arena.h"
#include "base/ctx.h"
#include "provider/stripe/stripe.h"

/* Stripe counts whole units, hundredths or thousandths, and not always as ISO 4217 does. What is not here has hundredths in
 * both. */
static const struct {
    char code[4];
    int exponent; // decimals in Stripe's amounts
    int step;     // amounts must be a multiple of it
} special[] = {
    { "BIF", 0, 1 },
    { "CLP", 0, 1 },
    { "DJF", 0, 1 },
    { "GNF", 0, 1 },
    { "JPY", 0, 1 },
    { "KMF", 0, 1 },
    { "KRW", 0, 1 },
    { "MGA", 0, 1 },
    { "PYG", 0, 1 },
    { "RWF", 0, 1 },
    { "VND", 0, 1 },
    { "VUV", 0, 1 },
    { "XAF", 0, 1 },
    { "XOF", 0, 1 },
    { "XPF", 0, 1 },
    { "ISK", 2, 100 }, // written with two decimals that must be 00
    { "UGX", 2, 100 },
    { "BHD", 3, 10 }, // the last digit must be 0
    { "JOD", 3, 10 },
    { "KWD", 3, 10 },
    { "OMR", 3, 10 },
    { "TND", 3, 10 },
};

/* The smallest charge, in Stripe's units. For other currencies Stripe converts and decides. */
#define SMALLEST(code, amount, text)                                                                                   \
    {                                                                                                                  \
        code, amount, "Stripe takes no less than " text " " code " at once"                                            \
    }

static const struct {
    char code[4];
    int64_t amount;
    const char *why;
} smallest[] = {
    SMALLEST("USD", 50, "0.50"),
    SMALLEST("EUR", 50, "0.50"),
    SMALLEST("CHF", 50, "0.50"),
    SMALLEST("CAD", 50, "0.50"),
    SMALLEST("AUD", 50, "0.50"),
    SMALLEST("NZD", 50, "0.50"),
    SMALLEST("SGD", 50, "0.50"),
    SMALLEST("INR", 50, "0.50"),
    SMALLEST("BRL", 50, "0.50"),
    SMALLEST("GBP", 30, "0.30"),
    SMALLEST("JPY", 50, "50"),
    SMALLEST("NOK", 300, "3.00"),
    SMALLEST("SEK", 300, "3.00"),
    SMALLEST("DKK", 250, "2.50"),
    SMALLEST("PLN", 200, "2.00"),
    SMALLEST("RON", 200, "2.00"),
    SMALLEST("AED", 200, "2.00"),
    SMALLEST("MYR", 200, "2.00"),
    SMALLEST("BGN", 100, "1.00"),
    SMALLEST("HKD", 400, "4.00"),
    SMALLEST("MXN", 1000, "10.00"),
    SMALLEST("THB", 1000, "10.00"),
    SMALLEST("CZK", 1500, "15.00"),
    SMALLEST("HUF", 17500, "175.00"),
};

#define LARGEST INT64_C(999999999999) // twelve digits for cards
#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

struct unit {
    int ours, stripes; // decimals
    int step;
};

static bool unit_of(const char *code, struct unit *out, const char **why)
{
    *out = (struct unit){ currency_exponent(code), 2, 1 };
    if (out->ours < 0) {
        *why = "this is not a currency we know";
        return false;
    }
    for (size_t i = 0; i < COUNT(special); i++) {
        if (strcmp(special[i].code, code) == 0) {
            out->stripes = special[i].exponent;
            out->step = special[i].step;
            return true;
        }
    }
    if (out->ours != 2)
        *why = "Stripe does not take this currency";
    return out->ours == 2;
}

static int64_t power_of_ten(int exponent)
{
    int64_t power = 1;

    while (exponent-- > 0)
        power *= 10;
    return power;
}

/* amount × 10^to ÷ 10^from, when that is a whole number. */
static bool rescale(int64_t amount, int from, int to, int64_t *out)
{
    if (to >= from)
        return !__builtin_mul_overflow(amount, power_of_ten(to - from), out);
    *out = amount / power_of_ten(from - to);
    return amount % power_of_ten(from - to) == 0;
}

bool stripe_amount(struct money money, int64_t *out, const char **why)
{
    struct unit unit;

    if (!unit_of(money.currency, &unit, why))
        return false;
    if (money.minor < 0) {
        *why = "an amount cannot be negative";
        return false;
    }
    if (rescale(money.minor, unit.ours, unit.stripes, out) && *out % unit.step == 0)
        return true;
    *why = unit.stripes == 3 ? "Stripe takes this currency in steps of 0.010"
                             : "Stripe takes only whole units of this currency";
    return false;
}

bool stripe_money(int64_t amount, const char *currency, struct money *out, const char **why)
{
    char code[4] = "";
    struct unit unit;
    int64_t minor;

    if (strlen(currency) != 3) {
        *why = "this is not a currency";
        return false;
    }
    for (size_t i = 0; i < 3; i++)
        code[i] = (char)toupper((unsigned char)currency[i]);
    if (!unit_of(code, &unit, why))
        return false;
    if (amount < 0 || !rescale(amount, unit.stripes, unit.ours, &minor)) {
        *why = "the amount is not a whole number of the currency's units";
        return false;
    }
    return money_from_minor(minor, code, out, why);
}

bool stripe_signed(int64_t amount, const char *currency, struct money *out, const char **why)
{
    if (amount == INT64_MIN || !stripe_money(amount < 0 ? -amount : amount, currency, out, why)) {
        *why = amount == INT64_MIN ? "the amount is too large" : *why;
        return false;
    }
    out->minor = amount < 0 ? -out->minor : out->minor;
    return true;
}

bool stripe_takes(const char *code, int64_t minor, const char **why)
{
    struct money money = { .minor = minor };
    int64_t amount;

    if (strlen(code) != 3) {
        *why = "this is not a currency we know";
        return false;
    }
    for (size_t i = 0; i < 3; i++)
        money.currency[i] = (char)toupper((unsigned char)code[i]);
    if (!stripe_amount(money, &amount, why))
        return false;
    for (size_t i = 0; i < COUNT(smallest); i++) {
        if (strcmp(smallest[i].code, money.currency) == 0 && amount < smallest[i].amount) {
            *why = smallest[i].why;
            return false;
        }
    }
    if (amount > LARGEST)
        *why = "Stripe does not take that much at once";
    return amount <= LARGEST;
}

const char *stripe_currency(struct ctx *ctx, const char *code)
{
    char *lower = arena_strdup(ctx->arena, code);

    for (char *c = lower; *c; c++)
        *c = (char)tolower((unsigned char)*c);
    return lower;
}

bool stripe_script_amount(struct ctx *ctx, struct money amount, int64_t *out, const char **currency)
{
    const char *why;

    *currency = stripe_currency(ctx, amount.currency);
    return stripe_amount(amount, out, &why);
}
