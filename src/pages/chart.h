#ifndef TILL_PAGES_CHART_H
#define TILL_PAGES_CHART_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

struct ctx;

/* Charts that the server draws: SVG with a title and a description, series told apart by pattern as well as colour, and all the
 * numbers for a table beside it. Integers only. */

enum chart_kind {
    CHART_BARS, // upright, one on the other where there are several series
    CHART_LINE, // with a gap where there is no value
    CHART_ROWS, // one bar a label, from left to right
};

#define CHART_SERIES 6
#define CHART_NONE INT64_MIN // no value

struct chart_series {
    const char *name;
    const int64_t *values; // as many as there are labels
};

struct chart {
    const char *id; // unique in its page, [a-z-]
    const char *title;
    enum chart_kind kind;
    const char *unit;          // a currency, "%" for thousandths, "ms", or "" for numbers
    const char *axis;          // heading of the labels' column: "Day"
    const char *const *labels; // "21 Nov"
    size_t count;
    struct chart_series series[CHART_SERIES];
    size_t series_count;
    int64_t top; // of the scale; 0: as high as it must be
};

/* {"id", "title", "svg" (markup), "summary", "empty", "legend": [{"name", "sample" (markup)}], "head": [{"text"}], "rows": [{"label", "cells": [{"text"}]}]}, for
 * parts/admin_chart. A new reference. */
json_t *chart_view(struct ctx *ctx, const struct chart *chart);

/* The smallest 1, 2 or 5 times a power of ten that is at least `value` divided by `parts`, rounded up. */
int64_t chart_step(int64_t value, int64_t parts);

/* Where `value` of a scale up to `top` stands on `length` pixels. */
int64_t chart_place(int64_t value, int64_t top, int64_t length);

/* A value of a unit as a reader writes it ("$1,200.00", "98.5 %", "450 ms"), and as an axis does ("1.2k"). */
const char *chart_words(struct ctx *ctx, const char *unit, int64_t value);
const char *chart_tick(struct ctx *ctx, const char *unit, int64_t value);

#endif
