#include "pages/chart.h"

#include <string.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/ctx.h"
#include "base/field.h"
#include "base/money.h"
#include "pages/admin_view.h"

#define WIDTH 560
#define HEIGHT 220
#define LEFT 52
#define RIGHT 8
#define TOP 10
#define BOTTOM 26
#define TICKS 4
#define ROW 34       // height of a row
#define ROW_LEFT 150 // where its bar begins
#define ROW_RIGHT 90 // room for its value
#define LETTER 7     // width of one, about

/* What is drawn and how large it is. */
struct sheet {
    struct ctx *ctx;
    const struct chart *chart;
    struct buf svg;
    int64_t top;           // of the scale
    int64_t head;          // y where the plot begins
    int64_t width, height; // of the plot
};

/* Numbers ----------------------------------------------------------------------------------------------------------- */

int64_t chart_step(int64_t value, int64_t parts)
{
    static const int64_t leaps[] = { 1, 2, 5 };
    int64_t least = value > 0 ? (value - 1) / parts + 1 : 1;

    for (int64_t power = 1;; power *= 10)
        for (size_t i = 0; i < sizeof leaps / sizeof *leaps; i++)
            if (leaps[i] * power >= least || power > INT64_MAX / 100)
                return leaps[i] * power;
}

int64_t chart_place(int64_t value, int64_t top, int64_t length)
{
    if (value <= 0 || top <= 0)
        return 0;
    if (value >= top)
        return length;
    while (value > INT64_MAX / length) {
        value /= 2;
        top /= 2;
    }
    int64_t place = (value * length + top / 2) / top;
    return place > 0 ? place : 1; // what is there is seen
}

static bool is_money(const char *unit)
{
    return currency_exponent(unit) >= 0;
}

static struct money money_of(const char *unit, int64_t value)
{
    struct money money = { .minor = value };

    memcpy(money.currency, unit, sizeof money.currency);
    return money;
}

const char *chart_words(struct ctx *ctx, const char *unit, int64_t value)
{
    if (value == CHART_NONE)
        return "–";
    if (!strcmp(unit, "%"))
        return arena_printf(ctx->arena, "%lld.%lld %%", (long long)(value / 10), (long long)(value % 10));
    if (is_money(unit))
        return view_money_text(ctx, money_of(unit, value));
    return *unit ? arena_printf(ctx->arena, "%lld %s", (long long)value, unit)
                 : arena_printf(ctx->arena, "%lld", (long long)value);
}

/* "1.5k" for 1500; only steps of a scale come here, so that at most one decimal is needed. */
static const char *short_number(struct ctx *ctx, int64_t value)
{
    static const struct {
        int64_t unit;
        const char *letter;
    } units[] = { { 1000000000000, "T" }, { 1000000000, "G" }, { 1000000, "M" }, { 1000, "k" } };

    for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
        int64_t unit = units[i].unit;
        if (value < unit)
            continue;
        if (value % unit == 0)
            return arena_printf(ctx->arena, "%lld%s", (long long)(value / unit), units[i].letter);
        return arena_printf(ctx->arena, "%lld.%lld%s", (long long)(value / unit),
            (long long)(value % unit / (unit / 10)), units[i].letter);
    }
    return arena_printf(ctx->arena, "%lld", (long long)value);
}

const char *chart_tick(struct ctx *ctx, const char *unit, int64_t value)
{
    int64_t whole = 1;

    if (!strcmp(unit, "%"))
        return arena_printf(ctx->arena, "%lld %%", (long long)(value / 10));
    for (int i = 0; is_money(unit) && i < currency_exponent(unit); i++)
        whole *= 10;
    if (value % whole)
        return money_value(ctx->arena, money_of(unit, value));
    return short_number(ctx, value / whole);
}

static int64_t value_at(const struct chart *chart, size_t series, size_t label)
{
    return chart->series[series].values[label];
}

static bool has_values(const struct chart *chart)
{
    for (size_t n = 0; n < chart->series_count; n++)
        for (size_t i = 0; i < chart->count; i++)
            if (value_at(chart, n, i) != CHART_NONE && (chart->kind == CHART_LINE || value_at(chart, n, i) > 0))
                return true;
    return false;
}

/* The highest bar, or point of a line. */
static int64_t highest(const struct chart *chart)
{
    int64_t most = 0;

    for (size_t i = 0; i < chart->count; i++) {
        int64_t sum = 0;
        for (size_t n = 0; n < chart->series_count; n++) {
            int64_t value = value_at(chart, n, i);
            if (chart->kind == CHART_LINE)
                sum = value > sum ? value : sum;
            else
                sum += value > 0 ? value : 0;
        }
        most = sum > most ? sum : most;
    }
    return most;
}

/* Markup ------------------------------------------------------------------------------------------------------------ */

static void add_escaped(struct buf *out, const char *text)
{
    for (; *text; text++) {
        if (*text == '&')
            buf_text(out, "&amp;");
        else if (*text == '<')
            buf_text(out, "&lt;");
        else if (*text == '>')
            buf_text(out, "&gt;");
        else if (*text == '"')
            buf_text(out, "&quot;");
        else
            buf_byte(out, *text);
    }
}

static void add_element(struct buf *out, const char *open, const char *text, const char *close)
{
    buf_text(out, open);
    add_escaped(out, text);
    buf_text(out, close);
}

static void add_label(struct sheet *sheet, int64_t x, int64_t y, const char *class, const char *text)
{
    buf_printf(&sheet->svg, "<text x=\"%lld\" y=\"%lld\" class=\"%s\">", (long long)x, (long long)y, class);
    add_escaped(&sheet->svg, text);
    buf_text(&sheet->svg, "</text>");
}

/* The first series is plain; the others have marks on their colour. */
static void add_patterns(struct sheet *sheet)
{
    static const char *const marks[] = {
        NULL,
        "<path d=\"M0 8L8 0M-2 2L2 -2M6 10L10 6\"/>",
        "<circle cx=\"4\" cy=\"4\" r=\"1.6\"/>",
        "<path d=\"M0 4H8\"/>",
        "<path d=\"M0 0L8 8M8 0L0 8\"/>",
        "<path d=\"M4 0V8\"/>",
    };

    buf_text(&sheet->svg, "<defs>");
    for (size_t i = 1; i < sheet->chart->series_count; i++)
        buf_printf(&sheet->svg,
            "<pattern id=\"%s-p%zu\" class=\"mark\" width=\"8\" height=\"8\" patternUnits=\"userSpaceOnUse\">"
            "<rect width=\"8\" height=\"8\" class=\"s%zu\"/>%s</pattern>",
            sheet->chart->id, i, i, marks[i]);
    buf_text(&sheet->svg, "</defs>");
}

static void add_rect(struct sheet *sheet, size_t series, int64_t x, int64_t y, int64_t width, int64_t height)
{
    buf_printf(&sheet->svg, "<rect x=\"%lld\" y=\"%lld\" width=\"%lld\" height=\"%lld\"", (long long)x, (long long)y,
        (long long)width, (long long)height);
    if (series > 0)
        buf_printf(&sheet->svg, " fill=\"url(#%s-p%zu)\"", sheet->chart->id, series);
    else
        buf_text(&sheet->svg, " class=\"s0\"");
}

/* What the pointer shows, and what a reader of the picture hears. */
static void add_told(struct sheet *sheet, size_t series, size_t label)
{
    const struct chart *chart = sheet->chart;
    const char *value = chart_words(sheet->ctx, chart->unit, value_at(chart, series, label));

    add_element(&sheet->svg, "><title>",
        chart->series_count > 1
            ? arena_printf(sheet->ctx->arena, "%s, %s: %s", chart->labels[label], chart->series[series].name, value)
            : arena_printf(sheet->ctx->arena, "%s: %s", chart->labels[label], value),
        "</title>");
}

/* The y of a value. */
static int64_t height_of(const struct sheet *sheet, int64_t value)
{
    return sheet->head + sheet->height - chart_place(value, sheet->top, sheet->height);
}

static void add_grid(struct sheet *sheet, int64_t step)
{
    for (int64_t tick = 0; tick <= sheet->top; tick += step) {
        int64_t y = height_of(sheet, tick);
        buf_printf(&sheet->svg, "<path class=\"%s\" d=\"M%d %lldH%d\"/>", tick ? "grid" : "base", LEFT, (long long)y,
            WIDTH - RIGHT);
        add_label(sheet, LEFT - 8, y + 4, "tick end", chart_tick(sheet->ctx, sheet->chart->unit, tick));
    }
}

/* Where label `i` stands, and how wide its column is. */
static int64_t column_left(const struct sheet *sheet, size_t i)
{
    return LEFT + sheet->width * (int64_t)i / (int64_t)sheet->chart->count;
}

static int64_t column_width(const struct sheet *sheet, size_t i)
{
    return column_left(sheet, i + 1) - column_left(sheet, i);
}

static int64_t column_middle(const struct sheet *sheet, size_t i)
{
    return column_left(sheet, i) + column_width(sheet, i) / 2;
}

/* As many as have room, from the newest back. */
static void add_days(struct sheet *sheet)
{
    const struct chart *chart = sheet->chart;
    size_t room = (size_t)(sheet->width / (LETTER * 8)), every = (chart->count + room - 1) / room;

    for (size_t i = 0; i < chart->count; i++) {
        size_t back = chart->count - 1 - i;
        if (back % every == 0) // every second one goes where the picture is small
            add_label(sheet, column_middle(sheet, i), HEIGHT - 8,
                back / every % 2 ? "tick middle spare" : "tick middle", chart->labels[i]);
    }
}

static void add_bars(struct sheet *sheet)
{
    const struct chart *chart = sheet->chart;

    for (size_t i = 0; i < chart->count; i++) {
        int64_t gap = column_width(sheet, i) / 6, sum = 0;
        for (size_t n = 0; n < chart->series_count; n++) {
            int64_t value = value_at(chart, n, i);
            if (value <= 0)
                continue;
            int64_t from = chart_place(sum, sheet->top, sheet->height);
            int64_t to = chart_place(sum += value, sheet->top, sheet->height);
            add_rect(sheet, n, column_left(sheet, i) + gap, sheet->head + sheet->height - to,
                column_width(sheet, i) - 2 * gap, to > from ? to - from : 1);
            add_told(sheet, n, i);
            buf_text(&sheet->svg, "</rect>");
        }
    }
}

static void add_lines(struct sheet *sheet)
{
    const struct chart *chart = sheet->chart;

    for (size_t n = 0; n < chart->series_count; n++) {
        bool drawing = false;
        buf_printf(&sheet->svg, "<path class=\"line s%zu\" d=\"", n);
        for (size_t i = 0; i < chart->count; i++) {
            int64_t value = value_at(chart, n, i);
            if (value != CHART_NONE)
                buf_printf(&sheet->svg, "%c%lld %lld", drawing ? 'L' : 'M', (long long)column_middle(sheet, i),
                    (long long)height_of(sheet, value));
            drawing = value != CHART_NONE;
        }
        buf_text(&sheet->svg, "\"/>");
        for (size_t i = 0; i < chart->count; i++) {
            int64_t value = value_at(chart, n, i);
            if (value == CHART_NONE)
                continue;
            buf_printf(&sheet->svg, "<circle class=\"dot s%zu\" r=\"3\" cx=\"%lld\" cy=\"%lld\"", n,
                (long long)column_middle(sheet, i), (long long)height_of(sheet, value));
            add_told(sheet, n, i);
            buf_text(&sheet->svg, "</circle>");
        }
    }
}

static void add_rows(struct sheet *sheet)
{
    const struct chart *chart = sheet->chart;
    int64_t length = WIDTH - ROW_LEFT - ROW_RIGHT;

    for (size_t i = 0; i < chart->count; i++) {
        int64_t y = sheet->head + (int64_t)i * ROW, value = value_at(chart, 0, i);
        int64_t width = chart_place(value, sheet->top, length);
        add_label(sheet, ROW_LEFT - 10, y + 20, "name end", chart->labels[i]);
        buf_printf(&sheet->svg, "<rect class=\"rail\" x=\"%d\" y=\"%lld\" width=\"%lld\" height=\"18\"/>", ROW_LEFT,
            (long long)y + 6, (long long)length);
        add_rect(sheet, 0, ROW_LEFT, y + 6, width, 18);
        add_told(sheet, 0, i);
        buf_text(&sheet->svg, "</rect>");
        add_label(sheet, WIDTH - ROW_RIGHT + 10, y + 20, "name", chart_words(sheet->ctx, chart->unit, value));
    }
}

/* Words ------------------------------------------------------------------------------------------------------------- */

static const char *told_series(struct ctx *ctx, const struct chart *chart, size_t series)
{
    size_t most = 0, last = 0;
    bool any = false;

    for (size_t i = 0; i < chart->count; i++) {
        int64_t value = value_at(chart, series, i);
        if (value == CHART_NONE)
            continue;
        last = i;
        if (!any || value > value_at(chart, series, most))
            most = i;
        any = true;
    }
    if (!any)
        return "no values";
    return arena_printf(ctx->arena, "at most %s (%s), last %s (%s)",
        chart_words(ctx, chart->unit, value_at(chart, series, most)), chart->labels[most],
        chart_words(ctx, chart->unit, value_at(chart, series, last)), chart->labels[last]);
}

static const char *summary(struct ctx *ctx, const struct chart *chart)
{
    struct buf words = { .arena = ctx->arena };

    if (!chart->count)
        return "Nothing yet.";
    if (chart->kind == CHART_ROWS) {
        for (size_t i = 0; i < chart->count; i++)
            buf_printf(&words, "%s%s: %s", i ? "; " : "", chart->labels[i],
                chart_words(ctx, chart->unit, value_at(chart, 0, i)));
        return buf_string(&words);
    }
    buf_printf(&words, "From %s to %s.", chart->labels[0], chart->labels[chart->count - 1]);
    for (size_t n = 0; n < chart->series_count; n++)
        buf_printf(&words, " %s: %s.", chart->series[n].name, told_series(ctx, chart, n));
    return buf_string(&words);
}

static const char *draw(struct ctx *ctx, const struct chart *chart)
{
    struct sheet sheet = { .ctx = ctx, .chart = chart, .svg = { .arena = ctx->arena }, .width = WIDTH - LEFT - RIGHT };
    bool rows = chart->kind == CHART_ROWS;
    int64_t most = chart->top ? chart->top : highest(chart), step = chart_step(most, TICKS);

    sheet.head = rows ? 0 : TOP;
    sheet.height = HEIGHT - BOTTOM - sheet.head;
    sheet.top = rows || chart->top ? most : (most + step - 1) / step * step;
    if (sheet.top <= 0)
        sheet.top = step;
    buf_printf(&sheet.svg,
        "<svg class=\"plot\" viewBox=\"0 0 %d %lld\" role=\"img\" aria-labelledby=\"%s-t %s-d\"><title id=\"%s-t\">",
        WIDTH, rows ? (long long)chart->count * ROW : (long long)HEIGHT, chart->id, chart->id, chart->id);
    add_escaped(&sheet.svg, chart->title);
    add_element(&sheet.svg, arena_printf(ctx->arena, "</title><desc id=\"%s-d\">", chart->id), summary(ctx, chart),
        "</desc>");
    add_patterns(&sheet);
    if (rows) {
        add_rows(&sheet);
    } else {
        add_grid(&sheet, step);
        add_days(&sheet);
        if (chart->kind == CHART_BARS)
            add_bars(&sheet);
        else
            add_lines(&sheet);
    }
    buf_text(&sheet.svg, "</svg>");
    return buf_string(&sheet.svg);
}

/* What tells the series apart: the same colour and pattern, the same dashes. */
static json_t *legend(struct ctx *ctx, const struct chart *chart)
{
    json_t *list = json_array();

    for (size_t n = 0; n < chart->series_count && chart->series_count > 1; n++) {
        const char *sample = chart->kind == CHART_LINE
            ? arena_printf(ctx->arena, "<path class=\"line s%zu\" d=\"M0 6H28\"/>", n)
            : n == 0
            ? "<rect class=\"s0\" width=\"28\" height=\"12\"/>"
            : arena_printf(ctx->arena, "<rect fill=\"url(#%s-p%zu)\" width=\"28\" height=\"12\"/>", chart->id, n);
        json_array_append_new(list, json_pack("{ss, ss}", "name", chart->series[n].name, "sample", sample));
    }
    return list;
}

/* The table --------------------------------------------------------------------------------------------------------- */

static json_t *text_in(const char *text)
{
    return json_pack("{ss}", "text", text);
}

static json_t *table_head(const struct chart *chart)
{
    json_t *head = json_array();

    json_array_append_new(head, text_in(chart->axis));
    for (size_t n = 0; n < chart->series_count; n++)
        json_array_append_new(head, text_in(chart->series[n].name));
    return head;
}

/* The newest day first, as in every list. */
static json_t *table_rows(struct ctx *ctx, const struct chart *chart)
{
    json_t *rows = json_array();

    for (size_t k = 0; k < chart->count; k++) {
        size_t i = chart->kind == CHART_ROWS ? k : chart->count - 1 - k;
        json_t *cells = json_array();
        for (size_t n = 0; n < chart->series_count; n++)
            json_array_append_new(cells, text_in(chart_words(ctx, chart->unit, value_at(chart, n, i))));
        json_array_append_new(rows, json_pack("{ss, so}", "label", chart->labels[i], "cells", cells));
    }
    return rows;
}

json_t *chart_view(struct ctx *ctx, const struct chart *chart)
{
    bool empty = !has_values(chart);

    return json_pack("{ss, ss, ss, ss, sb, so, so, so}", "id", chart->id, "title", chart->title, "summary",
        summary(ctx, chart), "svg", empty ? "" : draw(ctx, chart), "empty", empty, "legend", legend(ctx, chart), "head",
        table_head(chart), "rows", table_rows(ctx, chart));
}
