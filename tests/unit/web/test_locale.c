#include "web_test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "web/locale.h"

static char directory[64];

static void write_file(const char *locale, const char *text)
{
    char path[128];

    snprintf(path, sizeof(path), "%s/%s.json", directory, locale);
    FILE *file = fopen(path, "w");
    ck_assert_ptr_nonnull(file);
    fputs(text, file);
    fclose(file);
}

static const char english[] =
    "{\"months\": [\"January\", \"February\", \"March\", \"April\", \"May\", \"June\", \"July\","
    " \"August\", \"September\", \"October\", \"November\", \"December\"],"
    " \"date\": \"{day} {month} {year}\", \"date_time\": \"{day} {month} {year}, {time} UTC\","
    " \"paid\": \"{merchant} has {amount}\"}";

/* A directory with the same catalogue in every language. */
static void make_directory(void)
{
    strcpy(directory, "/tmp/till-locale-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(directory));
    for (const char *const *name = locale_names; *name; name++)
        write_file(*name, english);
}

static void remove_directory(void)
{
    for (const char *const *name = locale_names; *name; name++) {
        char path[128];
        snprintf(path, sizeof(path), "%s/%s.json", directory, *name);
        unlink(path);
    }
    rmdir(directory);
}

/* What is wrong with a German catalogue, and how that is told. */
static const struct {
    const char *text, *why;
} wrong[] = {
    { "{", "de.json line 1" },
    { "[]", "de.json" },
    { "{\"months\": [], \"date\": \"\", \"date_time\": \"\", \"paid\": \"{merchant} {amount}\"}",
        "de.json: \"months\" has another length" },
    { "{\"paid\": \"{merchant} {amount}\", \"paid\": \"{merchant} {amount}\"}", "de.json line 1: duplicate" },
    { "{\"months\": [1,2,3,4,5,6,7,8,9,10,11,12], \"date\": \"\", \"date_time\": \"\"}",
        "de.json has no text \"paid\"" },
    { "{\"months\": [1,2,3,4,5,6,7,8,9,10,11,12], \"date\": \"\", \"date_time\": \"\", \"paid\": \"{merchant}\"}",
        "de.json: \"paid\" has other {placeholders}" },
    { "{\"months\": [1,2,3,4,5,6,7,8,9,10,11,12], \"date\": \"\", \"date_time\": \"\","
      " \"paid\": \"{merchant} {amount} {sum}\"}",
        "de.json: \"paid\" has other {placeholders}" },
    { "{\"months\": [1,2,3,4,5,6,7,8,9,10,11,12], \"date\": \"\", \"date_time\": \"\","
      " \"paid\": \"{merchant} {amount}\", \"more\": \"\"}",
        "de.json has a text \"more\" that English has not" },
};

START_TEST(test_a_catalogue_that_is_not_whole_is_found_at_the_start)
{
    const char *why = NULL;

    write_file("de", wrong[_i].text);
    ck_assert_ptr_null(locales_load(directory, &why));
    ck_assert_msg(strstr(why, wrong[_i].why) != NULL, "%s", why);
    free((char *)(uintptr_t)why);
}
END_TEST

/* Who asks in which way, and what he gets. */
static const struct {
    const char *target, *wanted, *header, *locale;
} asked[] = {
    { "/", NULL, NULL, "en" },
    { "/", NULL, "HTTP_ACCEPT_LANGUAGE=fr-CH, fr;q=0.9, en;q=0.8", "fr" },
    { "/", NULL, "HTTP_ACCEPT_LANGUAGE=en;q=0.1,ja;q=0.75 , nl;q=0.7", "ja" },
    { "/", NULL, "HTTP_ACCEPT_LANGUAGE=de;q=0, it;q=0.001", "it" },
    { "/", NULL, "HTTP_ACCEPT_LANGUAGE=pt-PT", "pt-BR" },
    { "/", NULL, "HTTP_ACCEPT_LANGUAGE=PT_br;q=1", "pt-BR" },
    { "/", NULL, "HTTP_ACCEPT_LANGUAGE=xx,*;q=0.5", "en" },
    { "/", NULL, "HTTP_ACCEPT_LANGUAGE=,,;q=,;;;q=0.,de;q=0.99999999999999999999", "de" },
    { "/", "de-AT", "HTTP_ACCEPT_LANGUAGE=fr", "de" },
    { "/", "xx", "HTTP_ACCEPT_LANGUAGE=fr", "fr" },
    { "/?lang=pl", "de", "HTTP_ACCEPT_LANGUAGE=fr", "pl" },
    { "/?lang=", "de", NULL, "de" },
    { "/?lang=p", "de", NULL, "de" },
};

START_TEST(test_the_choice_goes_before_the_merchant_and_the_browser)
{
    const struct request *r = web_request("GET", asked[_i].target, asked[_i].header, NULL);

    ck_assert_str_eq(locale_of(r, asked[_i].wanted), asked[_i].locale);
}
END_TEST

START_TEST(test_placeholders_are_filled_as_far_as_there_are_values)
{
    const char *why = NULL;
    struct locales *locales = locales_load(directory, &why);
    ck_assert_msg(locales != NULL, "%s", why);
    json_t *values = json_in(ctx.arena, json_pack("{s:s}", "merchant", "A {amount} shop"));

    ck_assert_str_eq(locale_text(locales, "ja", "paid"), "{merchant} has {amount}");
    ck_assert_str_eq(json_get_text(locale_texts(&ctx, locales, "ja", values), "paid"), "A {amount} shop has {amount}");
    ck_assert_str_eq(locale_fill(&ctx, "no end {merchant", values), "no end {merchant");
    ck_assert_str_eq(locale_fill(&ctx, "{} }{", values), "{} }{");
    locales_free(locales);
}
END_TEST

START_TEST(test_dates_have_their_zone)
{
    const char *why = NULL;
    struct locales *locales = locales_load(directory, &why);
    struct instant instant = instant_of_unix(1795246197);

    ck_assert_str_eq(locale_date(&ctx, locales, "en", instant, false), "21 November 2026");
    ck_assert_str_eq(locale_date(&ctx, locales, "en", instant, true), "21 November 2026, 07:29 UTC");
    locales_free(locales);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("locale");
    TCase *test_case = web_case(suite, "locale");

    tcase_add_checked_fixture(test_case, make_directory, remove_directory);
    add_rows(test_case, test_a_catalogue_that_is_not_whole_is_found_at_the_start, wrong);
    add_rows(test_case, test_the_choice_goes_before_the_merchant_and_the_browser, asked);
    tcase_add_test(test_case, test_placeholders_are_filled_as_far_as_there_are_values);
    tcase_add_test(test_case, test_dates_have_their_zone);
    return web_main(suite);
}
