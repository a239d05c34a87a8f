#include <string.h>

#include "lone.h"
#include "provider/stripe/stripe.h"

/* Our minor units and Stripe's; -1 where Stripe cannot say it. */
static const struct {
    const char *currency;
    int64_t ours, stripes;
} amounts[] = {
    { "USD", 1099, 1099 },
    { "EUR", 1, 1 },
    { "HUF", 12345, 12345 },
    { "TWD", 12345, 12345 },
    { "JPY", 500, 500 },
    { "KRW", 1, 1 },
    { "VND", 20000, 20000 },
    { "XOF", 655, 655 },
    { "ISK", 5, 500 },
    { "UGX", 5, 500 },
    { "MGA", 1000, 10 },
    { "MGA", 1050, -1 },
    { "MGA", 1, -1 },
    { "KWD", 5120, 5120 },
    { "KWD", 5124, -1 },
    { "BHD", 10, 10 },
    { "TND", 5, -1 },
    { "IQD", 1000, -1 },
    { "LYD", 1000, -1 },
    { "CLF", 10000, -1 },
    { "USD", 999999999999, 999999999999 },
    { "ISK", 999999999999, 99999999999900 },
    { "ISK", INT64_MAX, -1 },
    { "USD", -1, -1 },
    { "XXX", 100, -1 },
    { "", 100, -1 },
};

START_TEST(test_amounts)
{
    struct money money = { .minor = amounts[_i].ours }, back;
    const char *why = NULL;
    int64_t amount = 0;

    memcpy(money.currency, amounts[_i].currency, strlen(amounts[_i].currency));
    bool exact = stripe_amount(money, &amount, &why);
    ck_assert_int_eq(exact, amounts[_i].stripes >= 0);
    if (!exact) {
        ck_assert_ptr_nonnull(why);
        return;
    }
    ck_assert_int_eq(amount, amounts[_i].stripes);
    ck_assert_msg(stripe_money(amount, amounts[_i].currency, &back, &why), "%s", why);
    ck_assert_int_eq(back.minor, amounts[_i].ours);
    ck_assert_str_eq(back.currency, amounts[_i].currency);
}
END_TEST

/* Amounts that Stripe should never name. */
static const struct {
    const char *currency;
    int64_t amount;
} strange[] = {
    { "isk", 550 },
    { "ugx", 1 },
    { "usd", -5 },
    { "jpy", INT64_MAX },
    { "mga", INT64_MAX },
    { "iqd", 1000 },
    { "us", 100 },
    { "usdd", 100 },
    { "", 100 },
    { "\xc3\xa9u", 100 },
};

START_TEST(test_amounts_that_make_no_sense)
{
    struct money money;
    const char *why = NULL;

    ck_assert(!stripe_money(strange[_i].amount, strange[_i].currency, &money, &why));
    ck_assert_ptr_nonnull(why);
}
END_TEST

START_TEST(test_every_currency_there_and_back)
{
    static const int64_t minors[] = { 0, 1, 10, 50, 99, 100, 101, 1000, 12345, 100000, 99999999, 999999999999 };
    int exact = 0;

    for (const char *const *code = currency_codes(); *code; code++) {
        for (size_t i = 0; i < sizeof(minors) / sizeof(minors[0]); i++) {
            struct money money = { .minor = minors[i] }, back;
            const char *why = NULL;
            int64_t amount;

            memcpy(money.currency, *code, 3);
            if (!stripe_amount(money, &amount, &why)) {
                ck_assert_ptr_nonnull(why);
                continue;
            }
            exact++;
            ck_assert_msg(stripe_money(amount, stripe_currency(&lone, *code), &back, &why), "%s: %s", *code, why);
            ck_assert_msg(back.minor == money.minor, "%s: %jd became %jd", *code, (intmax_t)money.minor,
                (intmax_t)back.minor);
        }
    }
    ck_assert_int_gt(exact, 1000);
}
END_TEST

/* What may be charged. */
static const struct {
    const char *currency;
    int64_t minor;
    bool takes;
} charges[] = {
    { "USD", 49, false },
    { "USD", 50, true },
    { "usd", 50, true },
    { "GBP", 29, false },
    { "GBP", 30, true },
    { "JPY", 49, false },
    { "JPY", 50, true },
    { "HUF", 17499, false },
    { "HUF", 17500, true },
    { "CZK", 1499, false },
    { "NOK", 300, true },
    { "KWD", 10, true },
    { "KWD", 11, false },
    { "USD", 999999999999, true },
    { "ISK", 9999999999, true },
    { "ISK", 10000000000, false },
    { "XXX", 100, false },
    { "DOLLAR", 100, false },
};

START_TEST(test_what_may_be_charged)
{
    const char *why = NULL;

    ck_assert_int_eq(provider_stripe.capabilities.currency(charges[_i].currency, charges[_i].minor, &why),
        charges[_i].takes);
    ck_assert(charges[_i].takes || why);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("stripe currencies");
    TCase *test_case = tcase_create("currencies");

    lone_use(test_case);
    tcase_add_loop_test(test_case, test_amounts, 0, (int)(sizeof(amounts) / sizeof(amounts[0])));
    tcase_add_loop_test(test_case, test_amounts_that_make_no_sense, 0, (int)(sizeof(strange) / sizeof(strange[0])));
    tcase_add_test(test_case, test_every_currency_there_and_back);
    tcase_add_loop_test(test_case, test_what_may_be_charged, 0, (int)(sizeof(charges) / sizeof(charges[0])));
    suite_add_tcase(suite, test_case);
    return lone_main(suite);
}
