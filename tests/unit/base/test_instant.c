#include "base_test.h"

#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/arena.h"

static const struct {
    const char *text;
    const char *utc; // precise
} good[] = {
    { "2026-11-21T07:29:57Z", "2026-11-21T07:29:57.000000Z" },
    { "2026-11-21t07:29:57z", "2026-11-21T07:29:57.000000Z" },
    { "2026-11-21T07:29:57.5Z", "2026-11-21T07:29:57.500000Z" },
    { "2026-11-21T07:29:57.123456Z", "2026-11-21T07:29:57.123456Z" },
    { "2026-11-21T07:29:57.123456999Z", "2026-11-21T07:29:57.123456Z" },
    { "2026-11-21T07:29:57+01:00", "2026-11-21T06:29:57.000000Z" },
    { "2026-11-21T07:29:57-05:30", "2026-11-21T12:59:57.000000Z" },
    { "2026-01-01T00:30:00+01:00", "2025-12-31T23:30:00.000000Z" },
    { "2024-02-29T12:00:00Z", "2024-02-29T12:00:00.000000Z" },
    { "2000-02-29T12:00:00Z", "2000-02-29T12:00:00.000000Z" },
    { "2016-12-31T23:59:60Z", "2017-01-01T00:00:00.000000Z" },
    { "1969-12-31T23:59:59.25Z", "1969-12-31T23:59:59.250000Z" },
    { "0001-01-01T00:00:00Z", "0001-01-01T00:00:00.000000Z" },
    { "9999-12-31T23:59:59.999999Z", "9999-12-31T23:59:59.999999Z" },
    { "2026-11-21 07:29:57+00", "2026-11-21T07:29:57.000000Z" },
    { "2026-11-21 07:29:57.123456+00", "2026-11-21T07:29:57.123456Z" },
    { "2026-11-21 07:29:57.12+05", "2026-11-21T02:29:57.120000Z" },
    { "2026-11-21 07:29:57+00:30", "2026-11-21T06:59:57.000000Z" },
    { "2026-11-21 07:29:57-03:30", "2026-11-21T10:59:57.000000Z" },
};

START_TEST(test_a_time_is_read)
{
    struct instant instant;

    ck_assert_msg(instant_parse(good[_i].text, &instant), "%s", good[_i].text);
    ck_assert_str_eq(instant_format(ctx.arena, instant, true), good[_i].utc);
}
END_TEST

static const char *const bad[] = {
    "",
    " ",
    "now",
    "infinity",
    "-infinity",
    "2026",
    "2026-11-21",
    "2026-11-21T07:29",
    "2026-11-21T07:29:57",
    "2026-11-21 07:29:57",
    "2026-11-21T07:29:57+01",
    "2026-11-21T07:29:57+0100",
    "2026-11-21T07:29:57 Z",
    "2026-11-21T07:29:57Z ",
    " 2026-11-21T07:29:57Z",
    "2026-11-21T07:29:57.Z",
    "2026-11-21T07:29:57,5Z",
    "2026-11-21T24:00:00Z",
    "2026-11-21T23:60:00Z",
    "2026-11-21T23:59:61Z",
    "2026-13-01T00:00:00Z",
    "2026-00-01T00:00:00Z",
    "2026-11-00T00:00:00Z",
    "2026-11-31T00:00:00Z",
    "2026-02-29T00:00:00Z",
    "2100-02-29T00:00:00Z",
    "0000-01-01T00:00:00Z",
    "2026-1-1T00:00:00Z",
    "02026-11-21T07:29:57Z",
    "+2026-11-21T07:29:57Z",
    "2026-11-21T07:29:57+24:00",
    "2026-11-21T07:29:57+01:60",
    "2026-11-21T07:29:57Z+01:00",
    "0001-01-01T00:00:00+00:01",
    "9999-12-31T23:59:59-00:01",
    "2026-11-21_07:29:57Z",
    "2026/11/21T07:29:57Z",
    "２026-11-21T07:29:57Z",
    "2026-11-21 07:29:57+00 BC",
    "1795500000",
    "2026-11-21T07:29:57Z\n",
};

START_TEST(test_what_is_no_time_is_refused)
{
    struct instant instant = { 42 };

    ck_assert_msg(!instant_parse(bad[_i], &instant), "%s", bad[_i]);
    ck_assert_int_eq(instant.us, 42);
}
END_TEST

/* Reading stops at the end of a text that ends anywhere. */
START_TEST(test_a_cut_off_time_is_refused)
{
    static const char whole[] = "2026-11-21T07:29:57.123456+01:00";
    struct instant instant;

    ck_assert(!instant_parse(NULL, &instant));
    for (size_t length = 0; length < strlen(whole); length++)
        ck_assert(!instant_parse(arena_strndup(ctx.arena, whole, length), &instant));
}
END_TEST

/* Every day of 400 years, after which the calendar repeats itself, and every 31st of all other years, against the C library's. */
START_TEST(test_the_calendar)
{
    const int64_t first = 0, beyond = 146097;

    for (int64_t day = -719162; day <= 2932896; day += day >= first && day < beyond ? 1 : 31) {
        time_t seconds = (time_t)(day * 86400 + 86399);
        struct instant instant = instant_of_unix(seconds), back;
        struct tm parts;
        char expected[40];

        ck_assert_ptr_nonnull(gmtime_r(&seconds, &parts));
        snprintf(expected, sizeof(expected), "%04d-%02d-%02dT23:59:59Z", parts.tm_year + 1900, parts.tm_mon + 1,
            parts.tm_mday);
        const char *text = instant_format(ctx.arena, instant, false);
        if (strcmp(text, expected) != 0 || !instant_parse(expected, &back) || back.us != instant.us)
            ck_abort_msg("day %jd: %s is not %s", (intmax_t)day, text, expected);
        arena_reset(ctx.arena);
    }
}
END_TEST

START_TEST(test_seconds_are_added)
{
    struct instant instant = { 1500000 };

    ck_assert_int_eq(instant_add_seconds(instant, 10).us, 11500000);
    ck_assert_int_eq(instant_add_seconds(instant, -10).us, -8500000);
    ck_assert_int_eq(instant_to_unix((struct instant){ -1 }), -1);
    ck_assert_int_eq(instant_to_unix((struct instant){ 1999999 }), 1);
    ck_assert(!instant_is_set((struct instant){ 0 }));
    ck_assert(instant_is_set(instant));
}
END_TEST

/* Numbers from outside end at the calendar's ends, they do not wrap around. */
START_TEST(test_far_times_stay_in_the_calendar)
{
    struct instant instant = { 1500000 };

    ck_assert_str_eq(instant_format(ctx.arena, instant_of_unix(INT64_MAX), false), "9999-12-31T23:59:59Z");
    ck_assert_str_eq(instant_format(ctx.arena, instant_of_unix(INT64_MIN), false), "0001-01-01T00:00:00Z");
    ck_assert_str_eq(instant_format(ctx.arena, instant_add_seconds(instant, INT64_MAX), false), "9999-12-31T23:59:59Z");
    ck_assert_str_eq(instant_format(ctx.arena, instant_add_seconds(instant, INT64_MIN), false), "0001-01-01T00:00:00Z");
}
END_TEST

START_TEST(test_the_clock_can_be_moved)
{
    int64_t now = (int64_t)time(NULL);

    ck_assert_int_eq(clock_offset(), 0);
    ck_assert_int_le(instant_to_unix(clock_now()) - now, 5);
    clock_set_offset(86400);
    ck_assert_int_eq(clock_offset(), 86400);
    ck_assert_int_ge(instant_to_unix(clock_now()) - now, 86400);
    ck_assert_int_le(instant_to_unix(clock_now()) - now, 86405);
}
END_TEST

START_TEST(test_the_monotonic_clock_counts_milliseconds)
{
    int64_t before = monotonic_ms();

    usleep(20000);
    int64_t took = monotonic_ms() - before;
    ck_assert_int_ge(took, 19);
    ck_assert_int_lt(took, 20000);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("instant");
    TCase *test_case = base_case(suite, "instant");

    tcase_add_loop_test(test_case, test_a_time_is_read, 0, COUNT(good));
    tcase_add_loop_test(test_case, test_what_is_no_time_is_refused, 0, COUNT(bad));
    tcase_add_test(test_case, test_a_cut_off_time_is_refused);
    tcase_add_test(test_case, test_the_calendar);
    tcase_add_test(test_case, test_seconds_are_added);
    tcase_add_test(test_case, test_far_times_stay_in_the_calendar);
    tcase_add_test(test_case, test_the_clock_can_be_moved);
    tcase_add_test(test_case, test_the_monotonic_clock_counts_milliseconds);
    return base_main(suite);
}
