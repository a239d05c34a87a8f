#include "base_test.h"

#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/field.h"

static const char *nested(int levels)
{
    char *text = arena_alloc(ctx.arena, (size_t)levels * 2 + 1);

    memset(text, '[', (size_t)levels);
    memset(text + levels, ']', (size_t)levels);
    return text;
}

START_TEST(test_json_is_read)
{
    json_t *value;

    ok(json_read(&ctx, bytes_of("{\"a\": [1, -0, 9223372036854775807, true, null, \"\\u00e9 1.5 1e5\"], \"e\": false}"),
        &value));
    ck_assert_str_eq(json_text(&ctx, value), "{\"a\":[1,0,9223372036854775807,true,null,\"é 1.5 1e5\"],\"e\":false}");
    ok(json_read(&ctx, bytes_of(" [ ] "), &value));
    ok(json_read(&ctx, bytes_of(nested(32)), &value));
    ok(json_read(&ctx, bytes_of("[\"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[\\\"{{{{{{{{{\"]"), &value));
}
END_TEST

static const struct {
    const char *text, *detail;
} bad[] = {
    { "", "line 1, column 1: the text ends too early" },
    { "{", "line 1, column 1: the text ends too early" },
    { "{\"a\": 1}x", "line 1, column 9: the text goes on after its end" },
    { "{}{}", "line 1, column 3: the text goes on after its end" },
    { "1", "line 1, column 1: not well-formed" },
    { "\"text\"", "line 1, column 6: not well-formed" },
    { "null", "line 1, column 4: not well-formed" },
    { "{'a': 1}", "line 1, column 2: not well-formed" },
    { "{\"a\": 01}", "line 1, column 7: not well-formed" },
    { "{\"a\": NaN}", "line 1, column 9: not well-formed" },
    { "{\"a\": 1,}", "line 1, column 9: not well-formed" },
    { "{\"a\": 1, \"a\": 2}", "line 1, column 12: a member is there twice" },
    { "{\"a\": 1,\n \"\\u0061\": 2}", "line 2, column 9: a member is there twice" },
    { "{\"a\": {\"b\": 1, \"b\": 1}}", "line 1, column 18: a member is there twice" },
    { "{\"a\": \"\xff\"}", "line 1, column 7: not valid UTF-8" },
    { "{\"a\": \"\xc0\xaf\"}", "line 1, column 7: not valid UTF-8" },
    { "{\"a\": \"\xed\xa0\x80\"}", "line 1, column 7: not valid UTF-8" },
    { "{\"a\": \"\\ud800\"}", "line 1, column 14: not well-formed" },
    { "{\"a\": \"\\u0000\"}", "line 1, column 14: a text contains a NUL character" },
    { "{\"\\u0000\": 1}", "line 1, column 9: a text contains a NUL character" },
    { "{\"a\": 9223372036854775808}", "line 1, column 25: a number is too large" },
    { "{\"a\": 1.5}", "line 1, column 8: a number with decimals or an exponent; amounts are decimal strings" },
    { "{\"a\":\n  [0, 1e5]}", "line 2, column 8: a number with decimals or an exponent; amounts are decimal strings" },
    { "{\"a\": 1E400}", "line 1, column 8: a number with decimals or an exponent; amounts are decimal strings" },
    { "[9.5]", "line 1, column 3: a number with decimals or an exponent; amounts are decimal strings" },
    { "[0.5]", "line 1, column 3: a number with decimals or an exponent; amounts are decimal strings" },
    { "[100.00]", "line 1, column 5: a number with decimals or an exponent; amounts are decimal strings" },
};

START_TEST(test_what_is_wrong_with_json_is_said_without_quoting_it)
{
    json_t *value = NULL;
    struct error *error = json_read(&ctx, bytes_of(bad[_i].text), &value);

    ck_assert_msg(error, "%s", bad[_i].text);
    ck_assert_int_eq((int)error->code, E_INVALID_JSON);
    ck_assert_str_eq(error->detail, bad[_i].detail);
    ck_assert_ptr_null(value);
}
END_TEST

/* Many values beside each other are not deep. */
START_TEST(test_wide_json_is_read)
{
    const char *text = "[0";
    json_t *value;

    for (int i = 0; i < 50; i++)
        text = arena_printf(ctx.arena, "%s,[],{\"a\":{}},\"[{\"", text);
    ok(json_read(&ctx, bytes_of(arena_printf(ctx.arena, "%s]", text)), &value));
    ck_assert_uint_eq(json_array_size(value), 151);
}
END_TEST

/* A text that ends anywhere: nothing behind its end is looked at, which AddressSanitizer would notice. */
START_TEST(test_cut_off_json_is_refused)
{
    static const char whole[] = "{\"a\": [1, \"b\\\"\\u00e9\", true]}";
    json_t *value;

    for (size_t length = 0; length < strlen(whole); length++) {
        uint8_t *copy = malloc(length ? length : 1);

        ck_assert_ptr_nonnull(copy);
        memcpy(copy, whole, length);
        ck_assert_ptr_nonnull(json_read(&ctx, (struct bytes){ copy, length }, &value));
        free(copy);
    }
    ok(json_read(&ctx, bytes_of(whole), &value));
}
END_TEST

START_TEST(test_deep_nesting_is_refused)
{
    json_t *value;

    for (int levels = 33; levels < 200000; levels *= 5) {
        struct error *error = json_read(&ctx, bytes_of(nested(levels)), &value);

        ck_assert(error && error->code == E_INVALID_JSON);
        ck_assert_str_eq(error->detail, "line 1, column 33: nested more than 32 levels deep");
    }
}
END_TEST

START_TEST(test_a_byte_of_zero_is_no_end)
{
    json_t *value;
    struct error *error = json_read(&ctx, (struct bytes){ (const uint8_t *)"{}\0{}", 5 }, &value);

    ck_assert(error && error->code == E_INVALID_JSON);
    error = json_read(&ctx, (struct bytes){ NULL, 0 }, &value);
    ck_assert(error && error->code == E_INVALID_JSON);
}
END_TEST

START_TEST(test_a_provider_may_send_decimals)
{
    json_t *value;

    ok(json_read_foreign(&ctx, bytes_of("{\"exchange_rate\": 1.0825, \"amount\": 100}"), &value));
    ck_assert_int_eq(json_get_int(value, "amount"), 100);
    ck_assert_ptr_nonnull(json_read_foreign(&ctx, bytes_of("{\"a\": 1, \"a\": 1}"), &value));
    ck_assert_ptr_nonnull(json_read_foreign(&ctx, bytes_of(nested(33)), &value));
}
END_TEST

START_TEST(test_members_that_are_not_there)
{
    json_t *value;

    ok(json_read(&ctx, bytes_of("{\"text\": \"x\", \"number\": 7, \"yes\": true, \"null\": null}"), &value));
    ck_assert_str_eq(json_get_text(value, "text"), "x");
    ck_assert_ptr_null(json_get_text(value, "number"));
    ck_assert_ptr_null(json_get_text(value, "null"));
    ck_assert_ptr_null(json_get_text(value, "none"));
    ck_assert_ptr_null(json_get_text(NULL, "none"));
    ck_assert_int_eq(json_get_int(value, "number"), 7);
    ck_assert_int_eq(json_get_int(value, "text"), 0);
    ck_assert_int_eq(json_get_int(NULL, "text"), 0);
    ck_assert(json_get_bool(value, "yes"));
    ck_assert(!json_get_bool(value, "number"));
    ck_assert(!json_get_bool(NULL, "yes"));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("json");
    TCase *test_case = base_case(suite, "json");

    tcase_add_test(test_case, test_json_is_read);
    tcase_add_loop_test(test_case, test_what_is_wrong_with_json_is_said_without_quoting_it, 0, COUNT(bad));
    tcase_add_test(test_case, test_wide_json_is_read);
    tcase_add_test(test_case, test_cut_off_json_is_refused);
    tcase_add_test(test_case, test_deep_nesting_is_refused);
    tcase_add_test(test_case, test_a_byte_of_zero_is_no_end);
    tcase_add_test(test_case, test_a_provider_may_send_decimals);
    tcase_add_test(test_case, test_members_that_are_not_there);
    return base_main(suite);
}
