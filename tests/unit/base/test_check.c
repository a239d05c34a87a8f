#include "base_test.h"

#include <string.h>

#include "base/arena.h"
#include "base/check.h"
#include "base/config.h"
#include "base/field.h"

static struct config config;

static const char incomplete[] = "must be a complete https address";
static const char insecure[] = "must begin with https://";
static const char foreign[] = "must be of one of the addresses in RETURN_ORIGINS";

static const struct {
    const char *url, *origins;
    enum mode mode;
    const char *wrong;
} urls[] = {
    { "https://shop.example.com/thanks?order=7#top", NULL, MODE_LIVE, NULL },
    { "https://shop.example.com/thanks?session={CHECKOUT_SESSION_ID}", NULL, MODE_LIVE, NULL },
    { "https://shop.example.com/", "https://a.example https://shop.example.com", MODE_LIVE, NULL },
    { "https://shop.example.com:443/", "https://shop.example.com", MODE_LIVE, NULL },
    { "http://localhost:3000/", NULL, MODE_TEST, NULL },
    { "http://localhost:3000/", "http://localhost:3000", MODE_TEST, NULL },
    { "http://localhost:3000/", NULL, MODE_LIVE, insecure },
    { "http://shop.example.com/", NULL, MODE_TEST, insecure },
    { "https://evil.example/", "https://shop.example.com", MODE_LIVE, foreign },
    { "https://shop.example.com.evil.example/", "https://shop.example.com", MODE_LIVE, foreign },
    { "https://shop.example.com:444/", "https://shop.example.com", MODE_LIVE, foreign },
    { "http://localhost:3001/", "http://localhost:3000", MODE_TEST, foreign },
    { "https://{CHECKOUT_SESSION_ID}/", NULL, MODE_LIVE, incomplete },
    { "https://shop.example.com@evil.example/", "https://shop.example.com", MODE_LIVE, incomplete },
    { "https://evil.example\\@shop.example.com/", "https://shop.example.com", MODE_LIVE, incomplete },
    { "//evil.example", NULL, MODE_LIVE, incomplete },
    { "javascript:alert(1)//https://shop.example.com", NULL, MODE_TEST, incomplete },
    { "https://shop.example.com/\nSet-Cookie: a=b", NULL, MODE_LIVE, incomplete },
    { "/thanks", NULL, MODE_LIVE, incomplete },
    { "", NULL, MODE_LIVE, incomplete },
};

START_TEST(test_where_payers_may_be_sent)
{
    config = (struct config){ .mode = urls[_i].mode, .return_origins = urls[_i].origins };
    ctx.config = &config;
    const char *wrong = check_return_url(&ctx, urls[_i].url);
    ck_assert_msg(!wrong == !urls[_i].wrong, "%s", urls[_i].url);
    if (wrong)
        ck_assert_str_eq(wrong, urls[_i].wrong);
}
END_TEST

static const char bad_name[] = "must have a name of 1 to 40 characters without brackets";

static const struct {
    const char *json, *fields;
} notes[] = {
    { "{\"order\": \"7\", \"count\": 2, \"gift\": true, \"0123456789012345678901234567890123456789\": \"\"}", "" },
    { "{}", "" },
    { "{\"a\": null}", "#/metadata/a: must be a text, a whole number or a boolean\n" },
    { "{\"a\": {}}", "#/metadata/a: must be a text, a whole number or a boolean\n" },
    { "{\"a\": [1]}", "#/metadata/a: must be a text, a whole number or a boolean\n" },
    { "{\"payment_id\": \"pay_1\"}", "#/metadata/payment_id: must have another name; this one is used by Till\n" },
};

START_TEST(test_notes)
{
    struct error *error = NULL;
    json_t *metadata;

    ok(json_read(&ctx, bytes_of(notes[_i].json), &metadata));
    check_metadata(&ctx, metadata, "#/metadata", &error);
    ck_assert_str_eq(base_fields(error), notes[_i].fields);
}
END_TEST

/* Names come back as pointers, long ones not at all: a cut could go through a character. */
static const struct {
    const char *name, *pointer;
} names[] = {
    { "", "#/metadata/" },
    { "a[b]", "#/metadata/a%5Bb%5D" },
    { "0123456789012345678901234567890123456789/~", "#/metadata/0123456789012345678901234567890123456789~1~0" },
    { "ééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééé", "#/metadata" },
};

START_TEST(test_names_of_notes)
{
    struct error *error = NULL;

    check_metadata(&ctx, json_in(ctx.arena, json_pack("{s:s}", names[_i].name, "x")), "#/metadata", &error);
    ck_assert_str_eq(base_fields(error), arena_printf(ctx.arena, "%s: %s\n", names[_i].pointer, bad_name));
}
END_TEST

START_TEST(test_how_many_notes)
{
    struct error *error = NULL;
    json_t *metadata = json_in(ctx.arena, json_object());
    char text[502];

    for (int i = 0; i < 47; i++)
        json_object_set_new(metadata, arena_printf(ctx.arena, "note %d", i), json_integer(i));
    check_metadata(&ctx, metadata, "#/metadata", &error);
    ok(error);
    json_object_set_new(metadata, "more", json_integer(1));
    check_metadata(&ctx, metadata, "#/metadata", &error);
    ck_assert_str_eq(base_fields(error), "#/metadata: must have at most 47 members\n");

    memset(text, 'a', 501);
    text[501] = '\0';
    error = NULL;
    check_metadata(&ctx, json_in(ctx.arena, json_pack("{s:s, s:s}", "long", text, "fine", text + 1)), "#/metadata",
        &error);
    ck_assert_str_eq(base_fields(error), "#/metadata/long: must be at most 500 bytes long\n");
}
END_TEST

START_TEST(test_ids)
{
    ck_assert_ptr_null(check_id(&ctx, "pi_3MtwBwLkdIwHu7ix28a3tqPa"));
    ck_assert_str_eq(check_id(&ctx, "pay/1"), "must be an id");
    ck_assert_str_eq(check_id(&ctx, ""), "must be an id");
}
END_TEST

START_TEST(test_reasons)
{
    static const char needed[] = "is needed: what was found, and what was done?";

    ck_assert_ptr_null(check_reason(&ctx, "ok."));
    ck_assert_ptr_null(check_reason(&ctx, " a\nb c "));
    ck_assert_str_eq(check_reason(&ctx, ""), needed);
    ck_assert_str_eq(check_reason(&ctx, "  x \n\t y "), needed);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("check");
    TCase *test_case = base_case(suite, "check");

    tcase_add_loop_test(test_case, test_where_payers_may_be_sent, 0, COUNT(urls));
    tcase_add_loop_test(test_case, test_notes, 0, COUNT(notes));
    tcase_add_loop_test(test_case, test_names_of_notes, 0, COUNT(names));
    tcase_add_test(test_case, test_how_many_notes);
    tcase_add_test(test_case, test_ids);
    tcase_add_test(test_case, test_reasons);
    return base_main(suite);
}
