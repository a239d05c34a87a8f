/* Charts: where things stand on them, what they say to those who do not see them, and that no text becomes markup. */
#include <string.h>

#include "base/arena.h"
#include "base/field.h"
#include "pages/admin_view.h"
#include "pages/chart.h"
#include "testdb.h"

static const struct {
    int64_t value, parts, step;
} steps[] = {
    { 0, 4, 1 },
    { 1, 4, 1 },
    { 4, 4, 1 },
    { 5, 4, 2 },
    { 21, 4, 10 },
    { 1000, 4, 500 },
    { 4800, 4, 2000 },
    { 999999, 4, 500000 },
    { INT64_C(999999999999), 4, INT64_C(500000000000) },
};

START_TEST(test_a_scale_has_round_steps)
{
    ck_assert_int_eq(chart_step(steps[_i].value, steps[_i].parts), steps[_i].step);
}
END_TEST

static const struct {
    int64_t value, top, length, place;
} places[] = {
    { 0, 100, 200, 0 },
    { -5, 100, 200, 0 },
    { 50, 100, 200, 100 },
    { 100, 100, 200, 200 },
    { 101, 100, 200, 200 },
    { 1, 1000000, 200, 1 }, // what is there is seen
    { INT64_MAX / 2, INT64_MAX - 1, 200, 100 },
    { 7, 0, 200, 0 },
};

START_TEST(test_a_value_has_its_place)
{
    ck_assert_int_eq(chart_place(places[_i].value, places[_i].top, places[_i].length), places[_i].place);
}
END_TEST

static const struct {
    const char *unit;
    int64_t value;
    const char *words, *tick;
} words[] = {
    { "EUR", 120000, "€1,200.00", "1.2k" },
    { "JPY", 120000, "¥120,000", "120k" },
    { "KWD", 1500,
        "KWD\xc2\xa0"
        "1.500",
        "1.500" },
    { "USD", 50, "$0.50", "0.50" },
    { "%", 857, "85.7 %", "85 %" },
    { "%", 1000, "100.0 %", "100 %" },
    { "", 1500, "1500", "1.5k" },
    { "ms", 250, "250 ms", "250" },
    { "EUR", CHART_NONE, "–", NULL },
};

START_TEST(test_values_in_words)
{
    ck_assert_str_eq(chart_words(&ctx, words[_i].unit, words[_i].value), words[_i].words);
    if (words[_i].tick)
        ck_assert_str_eq(chart_tick(&ctx, words[_i].unit, words[_i].value), words[_i].tick);
}
END_TEST

static const char *const days[] = { "1 Nov", "2 Nov", "3 Nov" };
static const int64_t sales[] = { 100, 0, 400 }, refunds[] = { 0, 100, 100 }, rate[] = { 500, CHART_NONE, 1000 };

static json_t *view_of(struct chart chart)
{
    return json_in(ctx.arena, chart_view(&ctx, &chart));
}

static int times(const char *text, const char *part)
{
    int count = 0;

    for (const char *at = strstr(text, part); at; at = strstr(at + 1, part))
        count++;
    return count;
}

START_TEST(test_bars_stand_on_each_other)
{
    json_t *view = view_of((struct chart){ .id = "money",
        .title = "Money",
        .kind = CHART_BARS,
        .unit = "",
        .axis = "Day",
        .labels = days,
        .count = 3,
        .series = { { "Sales", sales }, { "Refunds", refunds } },
        .series_count = 2 });
    const char *svg = json_get_text(view, "svg");

    ck_assert(!json_get_bool(view, "empty"));
    ck_assert_ptr_nonnull(strstr(svg, "role=\"img\" aria-labelledby=\"money-t money-d\""));
    ck_assert_ptr_nonnull(strstr(svg, "<title id=\"money-t\">Money</title>"));
    ck_assert_ptr_nonnull(strstr(svg,
        "From 1 Nov to 3 Nov. Sales: at most 400 (3 Nov), last 400 (3 Nov). Refunds: at most 100 "
        "(2 Nov), last 100 (3 Nov).</desc>"));
    ck_assert_int_eq(times(svg, "class=\"s0\""), 2); // no bar where there is nothing
    ck_assert_int_eq(times(svg, "<rect x=") - times(svg, "class=\"s0\""), 2);
    ck_assert_int_eq(times(svg, "fill=\"url(#money-p1)\""), 2); // told apart without colour
    ck_assert_ptr_nonnull(strstr(svg, "<title>3 Nov, Refunds: 100</title>"));
    ck_assert_int_eq((int)json_array_size(json_object_get(view, "legend")), 2);

    /* 400 and 100 of a scale to 600 fill 184 px: 123 below, 30 above it. */
    ck_assert_ptr_nonnull(strstr(svg, "height=\"123\""));
    ck_assert_int_eq(chart_place(500, 600, 184) - chart_place(400, 600, 184), 30);
    ck_assert_ptr_nonnull(strstr(svg, "height=\"30\""));

    const json_t *newest = json_array_get(json_object_get(view, "rows"), 0);
    ck_assert_str_eq(json_get_text(newest, "label"), "3 Nov");
    ck_assert_str_eq(json_get_text(json_array_get(json_object_get(newest, "cells"), 1), "text"), "100");
}
END_TEST

START_TEST(test_a_line_has_a_gap_where_nothing_is_known)
{
    json_t *view = view_of((struct chart){ .id = "rate",
        .title = "Rate",
        .kind = CHART_LINE,
        .unit = "%",
        .axis = "Day",
        .labels = days,
        .count = 3,
        .series = { { "Rate", rate } },
        .series_count = 1,
        .top = 1000 });
    const char *svg = json_get_text(view, "svg"), *line = strstr(svg, "<path class=\"line s0\" d=\"");

    ck_assert_ptr_nonnull(line);
    ck_assert_int_eq(times(arena_strndup(ctx.arena, line, strcspn(line, ">")), "M"), 2);
    ck_assert_int_eq(times(svg, "<circle class=\"dot"), 2);
    ck_assert_str_eq(json_get_text(json_array_get(json_object_get(json_array_get(json_object_get(view, "rows"), 1),
                                                      "cells"),
                                       0),
                         "text"),
        "–");
}
END_TEST

START_TEST(test_nothing_is_said_to_be_nothing)
{
    static const int64_t none[] = { 0, 0, 0 }, unknown[] = { CHART_NONE, CHART_NONE, CHART_NONE };
    struct chart chart = { .id = "x",
        .title = "X",
        .unit = "",
        .axis = "Day",
        .labels = days,
        .count = 3,
        .series = { { "X", none } },
        .series_count = 1 };

    ck_assert(json_get_bool(view_of(chart), "empty"));
    chart.kind = CHART_LINE;
    ck_assert(!json_get_bool(view_of(chart), "empty"));
    chart.series[0].values = unknown;
    ck_assert(json_get_bool(view_of(chart), "empty"));
    chart.count = 0;
    ck_assert(json_get_bool(view_of(chart), "empty"));
    ck_assert_str_eq(json_get_text(view_of(chart), "svg"), "");
}
END_TEST

START_TEST(test_no_text_becomes_markup)
{
    static const char *const labels[] = { "</title><script>alert(1)</script>" };
    static const int64_t value[] = { 3 };
    enum chart_kind kinds[] = { CHART_BARS, CHART_LINE, CHART_ROWS };

    for (size_t i = 0; i < 3; i++) {
        const char *svg = json_get_text(view_of((struct chart){ .id = "x",
                                            .title = "<b>\"&\"</b>",
                                            .kind = kinds[i],
                                            .unit = "",
                                            .axis = "Day",
                                            .labels = labels,
                                            .count = 1,
                                            .series = { { "<i>", value } },
                                            .series_count = 1 }),
            "svg");
        ck_assert_ptr_null(strstr(svg, "<script"));
        ck_assert_ptr_null(strstr(svg, "<b>"));
        ck_assert_ptr_null(strstr(svg, "<i>"));
        ck_assert_ptr_nonnull(strstr(svg, "&lt;b&gt;&quot;&amp;&quot;&lt;/b&gt;"));
    }
}
END_TEST

/* What the pages say of people and time. */
START_TEST(test_masks_and_spans)
{
    ck_assert_str_eq(view_masked(&ctx, "Ada Lovelace"), "A••• L•••");
    ck_assert_str_eq(view_masked(&ctx, "ada@example.co.uk"), "a•••@e•••.uk");
    ck_assert_str_eq(view_masked(&ctx, "Ödön"), "Ö•••");
    ck_assert_str_eq(view_masked(&ctx, ""), "");
    ck_assert_ptr_null(view_masked(&ctx, NULL));
    ck_assert_str_eq(view_span(&ctx, 119), "119 s");
    ck_assert_str_eq(view_span(&ctx, 120), "2 min");
    ck_assert_str_eq(view_span(&ctx, 7200), "2 h");
    ck_assert_str_eq(view_span(&ctx, 3 * 86400), "3 days");
    ck_assert_str_eq(view_link(&ctx, "/admin/x", "a", "1 &", "b", NULL, "c", "", NULL), "/admin/x?a=1%20%26");
}
END_TEST

START_TEST(test_what_is_private_is_left_out)
{
    json_t *sent = json_in(ctx.arena,
        json_pack("{s{ss, ss, s{ss, ss}, s[s, s], si, sn}}", "object", "id", "pi_1", "client_secret", "pi_1_secret",
            "billing_details", "email", "canary@example.org", "name", "Canary", "notes", "for canary@example.org",
            "plain", "amount", 700, "email"));
    const char *text = json_text(&ctx, view_redacted(&ctx, sent));

    ck_assert_ptr_null(strstr(text, "anary"));
    ck_assert_ptr_null(strstr(text, "pi_1_secret"));
    ck_assert_ptr_nonnull(strstr(text, "\"id\":\"pi_1\""));
    ck_assert_ptr_nonnull(strstr(text, "700"));
    ck_assert_ptr_nonnull(strstr(text, "plain"));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("chart");
    TCase *shapes = tcase_create("shapes");

    testdb_use(shapes);
    tcase_add_loop_test(shapes, test_a_scale_has_round_steps, 0, (int)(sizeof steps / sizeof *steps));
    tcase_add_loop_test(shapes, test_a_value_has_its_place, 0, (int)(sizeof places / sizeof *places));
    tcase_add_loop_test(shapes, test_values_in_words, 0, (int)(sizeof words / sizeof *words));
    tcase_add_test(shapes, test_bars_stand_on_each_other);
    tcase_add_test(shapes, test_a_line_has_a_gap_where_nothing_is_known);
    tcase_add_test(shapes, test_nothing_is_said_to_be_nothing);
    tcase_add_test(shapes, test_no_text_becomes_markup);
    tcase_add_test(shapes, test_masks_and_spans);
    tcase_add_test(shapes, test_what_is_private_is_left_out);
    suite_add_tcase(suite, shapes);
    return testdb_main(suite);
}
