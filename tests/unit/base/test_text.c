#include "base_test.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/bytes.h"
#include "base/utf8.h"
#include "http/form.h"

START_TEST(test_a_buffer_grows)
{
    struct buf buf = { .arena = ctx.arena };

    ck_assert_str_eq(buf_string(&buf), "");
    for (int i = 0; i < 10000; i++)
        buf_printf(&buf, "%d,", i % 10);
    ck_assert_uint_eq(buf.length, 20000);
    ck_assert_uint_eq(strlen(buf.data), 20000);
    for (size_t i = 0; i < 10000; i++)
        ck_assert_int_eq(buf.data[i * 2], '0' + (char)(i % 10));
}
END_TEST

START_TEST(test_a_buffer_takes_its_own_content)
{
    struct buf buf = { .arena = ctx.arena };

    buf_text(&buf, "twice ");
    for (int i = 0; i < 8; i++)
        buf_add(&buf, buf.data, buf.length);
    ck_assert_uint_eq(buf.length, 6 * 256);
    ck_assert_str_eq(buf.data + 6 * 255, "twice ");
}
END_TEST

START_TEST(test_a_buffer_holds_any_byte)
{
    struct buf buf = { .arena = ctx.arena };

    buf_add(&buf, "a\0b", 3);
    buf_byte(&buf, '\0');
    buf_add(&buf, NULL, 0);
    ck_assert_uint_eq(buf.length, 4);
    ck_assert_mem_eq(buf.data, "a\0b\0", 5);
}
END_TEST

START_TEST(test_bytes_of_text)
{
    ck_assert_uint_eq(bytes_of("abc").length, 3);
    ck_assert_ptr_null(bytes_of(NULL).data);
    ck_assert_uint_eq(bytes_of(NULL).length, 0);
}
END_TEST

static const struct {
    const char *text;
    const char *clean; // NULL: it is valid
} texts[] = {
    { "", NULL }, { "plain", NULL }, { "\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80", NULL },
    { "\xed\x9f\xbf\xee\x80\x80\xf4\x8f\xbf\xbf", NULL }, { "\x80", "\xef\xbf\xbd" },
    { "a\xff"
      "b",
        "a\xef\xbf\xbd"
        "b" },
    { "\xc0\xaf", "\xef\xbf\xbd\xef\xbf\xbd" },                                 // overlong
    { "\xe0\x80\xaf", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd" },                 // overlong
    { "\xed\xa0\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd" },                 // surrogate
    { "\xf4\x90\x80\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd" }, // beyond the end
    { "\xe2\x82", "\xef\xbf\xbd\xef\xbf\xbd" },                                 // cut off
};

START_TEST(test_utf8)
{
    const char *expected = texts[_i].clean ? texts[_i].clean : texts[_i].text;

    ck_assert_int_eq(utf8_is_valid(texts[_i].text), !texts[_i].clean);
    ck_assert_str_eq(utf8_clean(ctx.arena, texts[_i].text), expected);
}
END_TEST

START_TEST(test_utf8_knows_every_character)
{
    for (uint32_t code = 1; code <= 0x10ffff; code++) {
        char text[5] = "";
        const char *at = text;
        uint32_t read;

        if (code < 0x80) {
            text[0] = (char)code;
        } else if (code < 0x800) {
            text[0] = (char)(0xc0 | code >> 6);
            text[1] = (char)(0x80 | (code & 63));
        } else if (code < 0x10000) {
            text[0] = (char)(0xe0 | code >> 12);
            text[1] = (char)(0x80 | (code >> 6 & 63));
            text[2] = (char)(0x80 | (code & 63));
        } else {
            text[0] = (char)(0xf0 | code >> 18);
            text[1] = (char)(0x80 | (code >> 12 & 63));
            text[2] = (char)(0x80 | (code >> 6 & 63));
            text[3] = (char)(0x80 | (code & 63));
        }
        bool surrogate = code >= 0xd800 && code < 0xe000;
        bool valid = utf8_next(&at, &read);
        // one report for all: Check notes down each assertion, and these would be three million
        if (valid == surrogate || read != (surrogate ? 0xfffd : code)
            || at != (surrogate ? text + 1 : text + strlen(text)))
            ck_abort_msg("U+%04X", code);
    }
}
END_TEST

START_TEST(test_a_form_is_encoded)
{
    struct buf form = { .arena = ctx.arena };

    form_add(&form, "amount", "%d", 1000);
    form_add(&form, "metadata[order id]", "%s", "a b&c=d+e/é~-._");
    form_add(&form, "expand[]", "latest_charge");
    form_add(&form, "empty", "%s", "");
    ck_assert_str_eq(buf_string(&form),
        "amount=1000&metadata[order%20id]=a%20b%26c%3Dd%2Be%2F%C3%A9~-._&expand[]=latest_charge&empty=");
}
END_TEST

START_TEST(test_a_form_encodes_every_byte_but_the_unreserved)
{
    for (int c = 1; c < 256; c++) {
        struct buf form = { .arena = ctx.arena };
        char encoded[8], byte[2] = { (char)c, '\0' };
        bool plain = strchr("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~", c);

        form_add(&form, "v", "%s", byte);
        snprintf(encoded, sizeof(encoded), "%%%02X", (unsigned)c);
        ck_assert_str_eq(buf_string(&form) + 2, plain ? byte : encoded);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("text");
    TCase *test_case = base_case(suite, "text");

    tcase_add_test(test_case, test_a_buffer_grows);
    tcase_add_test(test_case, test_a_buffer_takes_its_own_content);
    tcase_add_test(test_case, test_a_buffer_holds_any_byte);
    tcase_add_test(test_case, test_bytes_of_text);
    tcase_add_loop_test(test_case, test_utf8, 0, COUNT(texts));
    tcase_add_test(test_case, test_utf8_knows_every_character);
    tcase_add_test(test_case, test_a_form_is_encoded);
    tcase_add_test(test_case, test_a_form_encodes_every_byte_but_the_unreserved);
    return base_main(suite);
}
