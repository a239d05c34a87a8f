#include "base_test.h"

#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/money.h"

static const char without_decimals[] = "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF";
static const char with_three[] = "BHD IQD JOD KWD LYD OMR TND";
static const char with_four[] = "CLF UYW";

START_TEST(test_every_currency_has_its_exponent)
{
    const char *const *codes = currency_codes();
    int count = 0;

    for (; codes[count]; count++) {
        int expected = strstr(without_decimals, codes[count]) ? 0
            : strstr(with_three, codes[count])                ? 3
            : strstr(with_four, codes[count])                 ? 4
                                                              : 2;

        ck_assert_msg(currency_exponent(codes[count]) == expected, "%s", codes[count]);
        ck_assert(count == 0 || strcmp(codes[count - 1], codes[count]) < 0);
    }
    ck_assert_int_gt(count, 150);
}
END_TEST

START_TEST(test_no_currency_is_forgotten)
{
    const char *const lists[] = { without_decimals, with_three, with_four,
        "AED AUD BRL CAD CHF CNY CZK DKK EUR GBP HKD HUF IDR ILS INR MXN MYR NOK NZD PHP PLN RON SEK SGD THB TRY TWD "
        "USD "
        "ZAR" };

    for (int i = 0; i < COUNT(lists); i++) {
        for (const char *code = lists[i]; *code; code += strcspn(code, " "), code += *code == ' ')
            ck_assert_msg(currency_exponent(arena_strndup(ctx.arena, code, 3)) >= 0, "%.3s", code);
    }
}
END_TEST

static const char *const no_currencies[] = { "", "US", "USDX", "XXX", "XTS", "XAU", "XDR", "ZZZ", "US ", " US", "U$D",
    "дол", "usd ", "123" };

START_TEST(test_what_is_no_currency)
{
    struct money money = { 7, "EUR" };
    const char *why = NULL;

    ck_assert_int_eq(currency_exponent(no_currencies[_i]), -1);
    ck_assert(!money_parse("1", no_currencies[_i], &money, &why));
    ck_assert_str_eq(why, "is not a currency that can be charged");
    ck_assert_int_eq(money.minor, 7);
    ck_assert_int_eq(currency_exponent(NULL), -1);
}
END_TEST

static const struct {
    const char *value, *currency;
    int64_t minor;
    const char *text; // as it comes back
} good[] = {
    { "100.00", "USD", 10000, "100.00" },
    { "100", "USD", 10000, "100.00" },
    { "10.5", "USD", 1050, "10.50" },
    { "0.01", "USD", 1, "0.01" },
    { "0", "USD", 0, "0.00" },
    { "0.00", "usd", 0, "0.00" },
    { "0.1", "Usd", 10, "0.10" },
    { "9999999999.99", "USD", MONEY_MAX_MINOR, "9999999999.99" },
    { "100", "JPY", 100, "100" },
    { "999999999999", "jpy", MONEY_MAX_MINOR, "999999999999" },
    { "1.234", "KWD", 1234, "1.234" },
    { "1.2", "KWD", 1200, "1.200" },
    { "0.0001", "CLF", 1, "0.0001" },
    { "99999999.9999", "CLF", MONEY_MAX_MINOR, "99999999.9999" },
};

START_TEST(test_amounts_are_read_and_written)
{
    struct money money = { 0, "" };
    const char *why = "nothing";

    ck_assert_msg(money_parse(good[_i].value, good[_i].currency, &money, &why), "%s", why);
    ck_assert_int_eq(money.minor, good[_i].minor);
    ck_assert_int_eq(currency_exponent(money.currency), currency_exponent(good[_i].currency));
    ck_assert_int_eq(money.currency[0], good[_i].currency[0] & ~0x20);
    ck_assert_str_eq(money_value(ctx.arena, money), good[_i].text);
}
END_TEST

static const char form[] = "must be a decimal number without sign or spaces, like \"100.00\"";
static const char large[] = "is more than can be charged";

static const struct {
    const char *value, *currency, *why;
} bad[] = {
    { "", "USD", form },
    { " ", "USD", form },
    { "-1", "USD", form },
    { "-0", "USD", form },
    { "+1", "USD", form },
    { "1e2", "USD", form },
    { "1E2", "USD", form },
    { " 10", "USD", form },
    { "10 ", "USD", form },
    { "10\n", "USD", form },
    { "1,000.00", "USD", form },
    { "1,00", "USD", form },
    { "1_000", "USD", form },
    { ".5", "USD", form },
    { "5.", "USD", form },
    { ".", "USD", form },
    { "1.2.3", "USD", form },
    { "00", "USD", form },
    { "01", "USD", form },
    { "00.10", "USD", form },
    { "0x10", "USD", form },
    { "NaN", "USD", form },
    { "inf", "USD", form },
    { "\xd9\xa1\xd9\xa0", "USD", form }, // Arabic digits
    { "\xef\xbc\x91", "USD", form },     // a wide 1
    { "\xe2\x88\x92"
      "1",
        "USD", form }, // a minus sign
    { "$10", "USD", form },
    { NULL, "USD", form },
    { "10.001", "USD", "has too many decimals for USD" },
    { "10.000", "USD", "has too many decimals for USD" },
    { "1.0", "JPY", "has too many decimals for JPY" },
    { "100.5", "jpy", "has too many decimals for JPY" },
    { "1.2345", "KWD", "has too many decimals for KWD" },
    { "0.00001", "CLF", "has too many decimals for CLF" },
    { "10000000000", "USD", large },
    { "9999999999.999", "USD", "has too many decimals for USD" },
    { "1000000000000", "JPY", large },
    { "92233720368547758.08", "USD", large },
    { "9223372036854775808", "JPY", large },
    { "18446744073709551616", "JPY", large },
    { "99999999999999999999999999999999999999999999999999", "USD", large },
};

START_TEST(test_what_is_no_amount_is_refused_and_never_rounded)
{
    struct money money = { 7, "EUR" };
    const char *why = NULL;

    ck_assert_msg(!money_parse(bad[_i].value, bad[_i].currency, &money, &why), "%s", bad[_i].value);
    ck_assert_str_eq(why, bad[_i].why);
    ck_assert_int_eq(money.minor, 7);
    ck_assert_str_eq(money.currency, "EUR");
}
END_TEST

/* Every currency, amounts of every size: what is written is read back, one decimal more is refused. */
START_TEST(test_every_currency_keeps_its_amounts)
{
    const char *const *codes = currency_codes();

    srandom(1);
    for (int i = 0; codes[i]; i++) {
        for (int64_t size = 1; size <= MONEY_MAX_MINOR; size *= 7) {
            struct money money = { size + random() % size, "" }, back;
            const char *why = NULL;

            memcpy(money.currency, codes[i], 4);
            if (money.minor > MONEY_MAX_MINOR)
                money.minor = MONEY_MAX_MINOR;
            const char *value = money_value(ctx.arena, money);
            ck_assert_msg(money_parse(value, codes[i], &back, &why), "%s %s: %s", value, codes[i], why);
            ck_assert_int_eq(back.minor, money.minor);
            ck_assert(money_same_currency(back, money));

            const char *longer = arena_printf(ctx.arena, "%s%s", value, strchr(value, '.') ? "0" : ".0");
            ck_assert_msg(!money_parse(longer, codes[i], &back, &why), "%s %s", longer, codes[i]);
        }
        arena_reset(ctx.arena);
    }
}
END_TEST

/* Another way to count: all digits as one number of 128 bits, then the point moved. */
static bool count_otherwise(const char *value, int exponent, int64_t *minor)
{
    __int128 number = 0;
    int decimals = -1;

    for (; *value; value++) {
        if (*value == '.') {
            decimals = 0;
            continue;
        }
        number = number * 10 + (*value - '0');
        decimals += decimals >= 0;
    }
    if (decimals < 0)
        decimals = 0;
    if (decimals > exponent)
        return false;
    for (; decimals < exponent; decimals++)
        number *= 10;
    *minor = (int64_t)number;
    return number <= MONEY_MAX_MINOR;
}

START_TEST(test_random_amounts_agree_with_another_way_to_count)
{
    static const char *const codes[] = { "JPY", "USD", "KWD", "CLF" };
    int read = 0;

    srandom(2);
    for (int i = 0; i < 200000; i++) {
        char value[24];
        int length = 1 + (int)(random() % 15), point = (int)(random() % 16);
        const char *code = codes[random() % 4], *why = NULL;
        struct money money;
        int64_t minor;

        for (int j = 0; j < length; j++)
            value[j] = "0123456789."[j == point && j > 0 && j < length - 1 ? 10 : random() % 10];
        value[length] = '\0';
        if (value[0] == '0' && value[1] != '.' && length > 1)
            value[0] = '1';
        bool expected = count_otherwise(value, currency_exponent(code), &minor);
        ck_assert_msg(money_parse(value, code, &money, &why) == expected, "%s %s", value, code);
        ck_assert(!expected || money.minor == minor);
        read += expected;
    }
    ck_assert_int_gt(read, 10000);
}
END_TEST

START_TEST(test_minor_units_are_checked)
{
    struct money money;
    const char *why = NULL;

    ck_assert(money_from_minor(1050, "usd", &money, &why));
    ck_assert_int_eq(money.minor, 1050);
    ck_assert_str_eq(money.currency, "USD");
    ck_assert(money_from_minor(MONEY_MAX_MINOR, "USD", &money, &why));
    ck_assert(money_from_minor(0, "USD", &money, &why));
    ck_assert_int_eq(money.minor, 0);
    ck_assert(!money_from_minor(MONEY_MAX_MINOR + 1, "USD", &money, &why));
    ck_assert_str_eq(why, large);
    ck_assert(!money_from_minor(-1, "USD", &money, &why));
    ck_assert_str_eq(why, "must not be negative");
    ck_assert(!money_from_minor(1, "XXX", &money, &why));
}
END_TEST

START_TEST(test_sums)
{
    struct money sum = { 7, "EUR" };
    struct error *error;

    ck_assert_ptr_null(money_add(&ctx, (struct money){ 1, "USD" }, (struct money){ 2, "USD" }, &sum));
    ck_assert_int_eq(sum.minor, 3);
    ck_assert_str_eq(sum.currency, "USD");
    ok(money_add(&ctx, (struct money){ 1, "USD" }, (struct money){ -2, "USD" }, &sum));
    ck_assert_int_eq(sum.minor, -1);

    ok(money_add(&ctx, (struct money){ MONEY_MAX_MINOR - 1, "USD" }, (struct money){ 1, "USD" }, &sum));
    ck_assert_int_eq(sum.minor, MONEY_MAX_MINOR);
    ok(money_add(&ctx, (struct money){ 1, "USD" }, (struct money){ -2, "USD" }, &sum));

    error = money_add(&ctx, (struct money){ 1, "USD" }, (struct money){ 2, "EUR" }, &sum);
    ck_assert(error && error->code == E_VALIDATION_ERROR);
    ck_assert_str_eq(error->detail, "amounts in USD and EUR cannot be added");
    error = money_add(&ctx, (struct money){ MONEY_MAX_MINOR, "USD" }, (struct money){ 1, "USD" }, &sum);
    ck_assert(error && error->code == E_VALIDATION_ERROR);
    error = money_add(&ctx, (struct money){ INT64_MAX, "USD" }, (struct money){ 1, "USD" }, &sum);
    ck_assert(error && error->code == E_VALIDATION_ERROR);
    error = money_add(&ctx, (struct money){ INT64_MIN, "USD" }, (struct money){ -1, "USD" }, &sum);
    ck_assert(error && error->code == E_VALIDATION_ERROR);
    ck_assert_int_eq(sum.minor, -1);
}
END_TEST

START_TEST(test_amounts_below_zero_are_written)
{
    ck_assert_str_eq(money_value(ctx.arena, (struct money){ -5, "USD" }), "-0.05");
    ck_assert_str_eq(money_value(ctx.arena, (struct money){ -100, "JPY" }), "-100");
    ck_assert_str_eq(money_value(ctx.arena, (struct money){ INT64_MIN, "USD" }), "-92233720368547758.08");
}
END_TEST

#define NBSP "\xc2\xa0"
#define NARROW "\xe2\x80\xaf"
#define RTL "\xe2\x80\x8f"

static const struct {
    int64_t minor;
    const char *currency, *locale, *text;
} texts[] = {
    { 10000, "USD", "en", "$100.00" },
    { 123456789, "USD", "en", "$1,234,567.89" },
    { -500, "USD", "en", "-$5.00" },
    { 5, "USD", "en", "$0.05" },
    { 100000, "EUR", "en", "€1,000.00" },
    { 100000, "EUR", "en-GB", "€1,000.00" },
    { 1000, "JPY", "en", "¥1,000" },
    { 1000, "CHF", "en", "CHF" NBSP "10.00" },
    { 1234, "KWD", "en", "KWD" NBSP "1.234" },
    { 1000, "CAD", "en", "CA$10.00" },
    { 1000, "AUD", "en", "A$10.00" },
    { 1000, "BRL", "en", "R$10.00" },
    { 123456, "EUR", "de", "1.234,56" NBSP "€" },
    { 123456, "EUR", "de-AT", "1.234,56" NBSP "€" },
    { 10000, "USD", "de", "100,00" NBSP "$" },
    { -500, "EUR", "de", "-5,00" NBSP "€" },
    { 1000, "CHF", "de", "10,00" NBSP "CHF" },
    { 123456, "EUR", "fr", "1" NARROW "234,56" NBSP "€" },
    { 10000, "USD", "fr", "100,00" NBSP "$US" },
    { 123456, "EUR", "es", "1234,56" NBSP "€" },
    { 1234567, "EUR", "es", "12.345,67" NBSP "€" },
    { 10000, "USD", "es", "100,00" NBSP "US$" },
    { 123456, "EUR", "it", "1.234,56" NBSP "€" },
    { 123456, "EUR", "nl", "€" NBSP "1.234,56" },
    { -500, "EUR", "nl", "€" NBSP "-5,00" },
    { 123456, "BRL", "pt-BR", "R$" NBSP "1.234,56" },
    { -500, "BRL", "pt_BR", "-R$" NBSP "5,00" },
    { 10000, "USD", "pt-BR", "US$" NBSP "100,00" },
    { 123456, "PLN", "pl", "1234,56" NBSP "zł" },
    { 1234567, "PLN", "pl", "12" NBSP "345,67" NBSP "zł" },
    { 1000, "JPY", "ja", "￥1,000" },
    { 10000, "USD", "ja", "$100.00" },
    { 123456, "SAR", "ar", RTL "1,234.56" NBSP "ر.س." RTL },
    { 10000, "USD", "ar", RTL "100.00" NBSP "US$" },
    { 10000, "USD", NULL, "$100.00" },
    { 10000, "USD", "", "$100.00" },
    { 10000, "USD", "xx", "$100.00" },
    { 10000, "USD", "e", "$100.00" },
};

START_TEST(test_amounts_as_people_write_them)
{
    struct money money = { texts[_i].minor, "" };

    memcpy(money.currency, texts[_i].currency, 4);
    ck_assert_str_eq(money_text(ctx.arena, money, texts[_i].locale), texts[_i].text);
}
END_TEST

/* In no language do two currencies look the same to a reader. */
START_TEST(test_no_two_currencies_look_the_same)
{
    static const char *const locales[] = { "en", "de", "fr", "es", "it", "nl", "pt-BR", "pl", "ja", "ar" };
    const char *const *codes = currency_codes();

    for (int l = 0; l < COUNT(locales); l++) {
        for (int i = 0; codes[i]; i++) {
            for (int j = 0; j < i; j++) {
                struct money a = { 0, "" }, b = { 0, "" };

                memcpy(a.currency, codes[i], 4);
                memcpy(b.currency, codes[j], 4);
                ck_assert_str_ne(money_text(ctx.arena, a, locales[l]), money_text(ctx.arena, b, locales[l]));
            }
            arena_reset(ctx.arena);
        }
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("money");
    TCase *test_case = base_case(suite, "money");

    tcase_add_test(test_case, test_every_currency_has_its_exponent);
    tcase_add_test(test_case, test_no_currency_is_forgotten);
    tcase_add_loop_test(test_case, test_what_is_no_currency, 0, COUNT(no_currencies));
    tcase_add_loop_test(test_case, test_amounts_are_read_and_written, 0, COUNT(good));
    tcase_add_loop_test(test_case, test_what_is_no_amount_is_refused_and_never_rounded, 0, COUNT(bad));
    tcase_add_test(test_case, test_every_currency_keeps_its_amounts);
    tcase_add_test(test_case, test_random_amounts_agree_with_another_way_to_count);
    tcase_add_test(test_case, test_minor_units_are_checked);
    tcase_add_test(test_case, test_sums);
    tcase_add_test(test_case, test_amounts_below_zero_are_written);
    tcase_add_loop_test(test_case, test_amounts_as_people_write_them, 0, COUNT(texts));
    tcase_add_test(test_case, test_no_two_currencies_look_the_same);
    return base_main(suite);
}
