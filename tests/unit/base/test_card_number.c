#include "base_test.h"

#include <stdio.h>
#include <string.h>

#include "base/card_number.h"

/* Numbers that card schemes and providers publish for tests. */
static const char *const cards[] = {
    "4242424242424242",
    "4000000000000002",
    "4000002500003155",
    "4012888888881881",
    "5555555555554444",
    "5200828282828210",
    "2223003122003222",
    "5105105105105100",
    "378282246310005",
    "371449635398431",
    "6011111111111117",
    "6011000990139424",
    "3056930009020004",
    "36227206271667",
    "30569309025904",
    "6555900000604105",
    "3566002020360505",
    "3530111333300000",
    "6200000000000005",
    "6200000000000047",
    "6205500000000000004",
    "4222222222222",
};

START_TEST(test_card_numbers_are_found)
{
    static const char *const around[] = {
        "%s",
        " %s ",
        "my card is %s, thanks",
        "(%s)",
        "card:%s",
        "\"%s\"",
        "/%s/",
        "%s 12/30 123",
        "123 %s",
        "12 34 %s",
        "%s-01",
        "order-%s",
        "line\n%s\nline",
        "%s.",
        "№ %s",
        "7 %s 7",
    };
    char text[100];

    for (int i = 0; i < COUNT(around); i++) {
        const char *mark = strchr(around[i], '%');

        snprintf(text, sizeof(text), "%.*s%s%s", (int)(mark - around[i]), around[i], cards[_i], mark + 2);
        ck_assert_msg(card_number_in(text), "%s", text);
    }
}
END_TEST

static const struct {
    const char *text;
    bool card;
} texts[] = {
    { "4242 4242 4242 4242", true },
    { "4242-4242-4242-4242", true },
    { "3782 822463 10005", true },
    { "4 2 4 2 4 2 4 2 4 2 4 2 4 2 4 2", true },
    { "4242  4242 4242 4242", false }, // two spaces: the digits are not one number
    { "4242.4242.4242.4242", false },
    { "4242424242424241", false }, // wrong check digit
    { "424242424242", false },     // too short
    { "42424242424242424242", false },
    { "4444444444444444444", false },
    { "0000000000000000", false },
    { "8888888888888888", false }, // the check digit fits, but nobody has this card
    { "", false },
    { "-", false },
    { "4242", false },
    // ids
    { "pi_4242424242424242", false },
    { "4242424242424242a", false },
    { "a4242424242424242", false },
    { "z4242424242424242", false },
    { "4242424242424242Z", false },
    { "4242424242424242A", false },
    { "4242424242424242_x", false },
    { "pay_01arykyvr14242424242424242", false },
    { "cs_test_a14242424242424242", false },
    { "4242424242424242\xc3\xa9", false },
    // a UUID of digits alone, which as a number would have the form of a card
    { "a1b2c3d4-4242-4242-4242-424242424242", false },
    { "12345678-4242-4242-4242-424242424242", false },
    { "A1B2C3DF-4242-4242-4242-424242424242", false },
    { "Aaf2c3d4-4242-4242-4242-424242424242", false },
    { "a1b2c3g4-4242-4242-4242-424242424242", true }, // not hexadecimal
    { "cart-12345678-4242-4242-4242-424242424242", false },
    { "cart:42424242-4242-4242-4242-424242424242.", false },
    { "a1b2c3d4-1111-1111-1111-4242424242424242", true }, // too long for a UUID
    { "order a1b2c3d4-4242-4242-4242-424242424242 paid", false },
    // other long numbers that happen to have the check digit of a card
    { "+4915112345678", false },
    { "+49 1511 2345678", false },
    { "1763710197129", false },  // a time in milliseconds
    { "20261121072951", false }, // a date and time
    { "9780306406157", false },  // a book
    { "978-0-306-40615-7", false },
};

START_TEST(test_what_else_has_digits_is_told_apart)
{
    ck_assert_msg(card_number_in(texts[_i].text) == texts[_i].card, "%s", texts[_i].text);
}
END_TEST

/* None of a million times and dates in a row is taken for a card. */
START_TEST(test_times_are_no_cards)
{
    char text[32];

    for (long i = 0; i < 200000; i++) {
        snprintf(text, sizeof(text), "%ld", 1763710197000L + i * 977);
        ck_assert(!card_number_in(text));
        snprintf(text, sizeof(text), "%ld", (1763710197000L + i * 977) * 1000);
        ck_assert(!card_number_in(text));
        snprintf(text, sizeof(text), "2026%010ld", 1121000000L + i);
        ck_assert(!card_number_in(text));
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("card number");
    TCase *test_case = base_case(suite, "card number");

    tcase_add_loop_test(test_case, test_card_numbers_are_found, 0, COUNT(cards));
    tcase_add_loop_test(test_case, test_what_else_has_digits_is_told_apart, 0, COUNT(texts));
    tcase_add_test(test_case, test_times_are_no_cards);
    return base_main(suite);
}
