#include "base_test.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/field.h"
#include "base/log.h"

static FILE *lines;

/* fd 2 goes to a file for the test; each test is a process of its own. */
static void catch_lines(void)
{
    lines = tmpfile();
    ck_assert_ptr_nonnull(lines);
    ck_assert_int_ge(dup2(fileno(lines), STDERR_FILENO), 0);
    ck_assert_int_eq(fcntl(STDERR_FILENO, F_SETFL, O_APPEND), 0);
}

static void close_lines(void)
{
    fclose(lines);
}

/* The next line, which has to be JSON; NULL at the end. */
static json_t *next_line(void)
{
    static char text[20000];
    json_error_t error;

    if (!fgets(text, sizeof(text), lines))
        return NULL;
    ck_assert_uint_le(strlen(text), 8192);
    ck_assert_int_eq(text[strlen(text) - 1], '\n');
    json_t *line = json_loads(text, JSON_REJECT_DUPLICATES, &error);
    ck_assert_msg(line, "%s: %s", error.text, text);
    return json_in(ctx.arena, line);
}

static json_t *only_line(void)
{
    rewind(lines);
    json_t *line = next_line();

    ck_assert_ptr_nonnull(line);
    ck_assert_ptr_null(next_line());
    return line;
}

START_TEST(test_a_line_says_when_what_and_who)
{
    struct instant instant;

    ctx.principal = (struct principal){ .kind = PRINCIPAL_API_KEY, .id = "key_1" };
    log_warn(&ctx, "payment.unknown", "payment %s is unknown", "pay_1");
    json_t *line = only_line();
    ck_assert(instant_parse(json_get_text(line, "time"), &instant));
    ck_assert_str_eq(json_get_text(line, "level"), "warn");
    ck_assert_str_eq(json_get_text(line, "event"), "payment.unknown");
    ck_assert_str_eq(json_get_text(line, "message"), "payment pay_1 is unknown");
    ck_assert_str_eq(json_get_text(line, "request_id"), "req_test");
    ck_assert_str_eq(json_get_text(line, "principal"), "api_key:key_1");
}
END_TEST

START_TEST(test_a_line_without_context)
{
    log_error(NULL, "start", "no database");
    json_t *line = only_line();
    ck_assert_str_eq(json_get_text(line, "level"), "error");
    ck_assert_ptr_null(json_object_get(line, "request_id"));
    ck_assert_ptr_null(json_object_get(line, "principal"));
}
END_TEST

/* Whatever comes from outside stays one line of JSON. */
START_TEST(test_hostile_text)
{
    ctx.trace = "a\"},{\"\n\r\x01\x7f\xff\xc0\xaf\xe2\x80\xa8\xc2\x85\\";
    log_info(&ctx, "x", "%s", ctx.trace);
    json_t *line = only_line();
    ck_assert_str_eq(json_get_text(line, "request_id"),
        "a\"},{\"\n\r\x01\x7f\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xe2\x80\xa8\xc2\x85\\");
    ck_assert_str_eq(json_get_text(line, "message"), json_get_text(line, "request_id"));
}
END_TEST

static const struct {
    const char *text;
    bool shown;
} secrets[] = {
    { "the card 4000 0000 0000 0002 was declined", false },
    { "Authorization: Bearer sk_live_4eC39HqLyjWDarjt", false },
    { "rk_test_4eC39HqLyjWDarjt", false },
    { "whsec_4eC39HqLyjWDarjt", false },
    { "till_test_k3y0fth3sh0p_4eC39HqLyjWDarjt", false },
    { "pi_3MtwBwLkdIwHu7ix_secret_YrKJUKribcBjcG8HVhfZluoGH", false },
    { "sk_test_ and then sk_test_4eC39HqLyjWDarjt", false },
    { "must start with sk_test_ or sk_live_", true },
    { "pi_3MtwBwLkdIwHu7ix28a3tqPa", true },
    { "pay_01arykyvr1vk3c5fm25wjgzvbd", true },
};

START_TEST(test_card_numbers_and_keys_are_not_logged)
{
    static const char instead[] = "(not shown: it may be a card number or a key)";

    ctx.trace = secrets[_i].text;
    log_info(&ctx, "x", "%s", secrets[_i].text);
    json_t *line = only_line();
    ck_assert_str_eq(json_get_text(line, "message"), secrets[_i].shown ? secrets[_i].text : instead);
    ck_assert_str_eq(json_get_text(line, "request_id"), secrets[_i].shown ? secrets[_i].text : instead);
}
END_TEST

START_TEST(test_long_texts_are_cut)
{
    char text[5000];

    memset(text, 'a', sizeof(text));
    text[sizeof(text) - 1] = '\0';
    ctx.trace = text;
    log_info(&ctx, "x", "%s", text);
    json_t *line = only_line();
    ck_assert_uint_le(strlen(json_get_text(line, "request_id")), 256 + 3);
    ck_assert_uint_ge(strlen(json_get_text(line, "request_id")), 256);
    ck_assert_uint_le(strlen(json_get_text(line, "message")), 1024 + 3);
}
END_TEST

/* A character is not cut in two. */
START_TEST(test_long_texts_are_cut_between_characters)
{
    char text[1000] = "x";

    for (int i = 0; i < 200; i++)
        strcat(text, "€");
    ctx.trace = text;
    log_info(&ctx, "x", "%s", "");
    ck_assert_uint_eq(strlen(json_get_text(only_line(), "request_id")), 1 + 85 * 3 + 3);
}
END_TEST

START_TEST(test_members)
{
    log_line(&ctx, LOG_INFO, "request",
        json_pack("{s:s, s:i, s:b, s:n, s:{s:s}, s:[i,i]}", "path", "/api/v1/payments", "status", 201, "live", 0,
            "none", "in", "a", "b", "list", 1, 2));
    json_t *line = only_line();
    ck_assert_str_eq(json_get_text(line, "event"), "request");
    ck_assert_str_eq(json_get_text(line, "path"), "/api/v1/payments");
    ck_assert_int_eq(json_get_int(line, "status"), 201);
    ck_assert(json_is_false(json_object_get(line, "live")));
    ck_assert(json_is_null(json_object_get(line, "none")));
    ck_assert_str_eq(json_text(&ctx, json_object_get(line, "in")), "{\"a\":\"b\"}");
    ck_assert_str_eq(json_text(&ctx, json_object_get(line, "list")), "[1,2]");
}
END_TEST

/* What does not fit is left out whole; what comes after it may fit again. */
START_TEST(test_too_many_members)
{
    json_t *members = json_object(), *large = json_array();
    char text[300];

    memset(text, 'a', 299);
    text[299] = '\0';
    for (int i = 0; i < 100; i++)
        json_array_append_new(large, json_string(text));
    json_object_set_new(members, "large", large);
    json_object_set_new(members, "status", json_integer(200));
    log_line(&ctx, LOG_INFO, "request", members);
    json_t *line = only_line();
    ck_assert_ptr_null(json_object_get(line, "large"));
    ck_assert_int_eq(json_get_int(line, "status"), 200);
}
END_TEST

START_TEST(test_deep_members)
{
    json_t *deep = json_array();

    for (int i = 0; i < 1000; i++) {
        json_t *outer = json_array();

        json_array_append_new(outer, deep);
        deep = outer;
    }
    log_line(&ctx, LOG_INFO, "request", json_pack("{s:o}", "deep", deep));
    ck_assert_str_eq(json_text(&ctx, json_object_get(only_line(), "deep")), "[[[[null]]]]");
}
END_TEST

START_TEST(test_levels)
{
    log_debug(&ctx, "x", "not wanted");
    log_line(&ctx, LOG_DEBUG, "x", json_object());
    log_set_level(LOG_ERROR);
    log_warn(&ctx, "x", "not wanted");
    log_set_level(LOG_DEBUG);
    log_debug(&ctx, "x", "wanted");
    ck_assert_str_eq(json_get_text(only_line(), "message"), "wanted");
}
END_TEST

START_TEST(test_a_log_that_cannot_be_written_stops_nobody)
{
    close(STDERR_FILENO);
    errno = 42;
    log_error(&ctx, "x", "nobody reads this");
    ck_assert_int_eq(errno, 42);
}
END_TEST

static void *log_often(void *unused)
{
    (void)unused;
    for (int i = 0; i < 200; i++)
        log_info(NULL, "x", "%s", "a message of some length that would be torn apart if it could be torn apart");
    return NULL;
}

START_TEST(test_lines_do_not_mix)
{
    pthread_t threads[8];
    int count = 0;

    for (int i = 0; i < 8; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, log_often, NULL), 0);
    for (int i = 0; i < 8; i++)
        pthread_join(threads[i], NULL);
    rewind(lines);
    while (next_line())
        count++;
    ck_assert_int_eq(count, 8 * 200);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("log");
    TCase *test_case = base_case(suite, "log");

    tcase_add_checked_fixture(test_case, catch_lines, close_lines);
    tcase_add_test(test_case, test_a_line_says_when_what_and_who);
    tcase_add_test(test_case, test_a_line_without_context);
    tcase_add_test(test_case, test_hostile_text);
    tcase_add_loop_test(test_case, test_card_numbers_and_keys_are_not_logged, 0, COUNT(secrets));
    tcase_add_test(test_case, test_long_texts_are_cut);
    tcase_add_test(test_case, test_long_texts_are_cut_between_characters);
    tcase_add_test(test_case, test_members);
    tcase_add_test(test_case, test_too_many_members);
    tcase_add_test(test_case, test_deep_members);
    tcase_add_test(test_case, test_levels);
    tcase_add_test(test_case, test_a_log_that_cannot_be_written_stops_nobody);
    tcase_add_test(test_case, test_lines_do_not_mix);
    return base_main(suite);
}
