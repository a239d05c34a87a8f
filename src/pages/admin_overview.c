#include "pages/admin_overview.h"

#include <string.h>

#include "base/arena.h"
#include "base/ctx.h"
#include "http/breaker.h"
#include "jobs/job.h"
#include "jobs/queue.h"
#include "pages/admin.h"
#include "pages/admin_tasks.h"
#include "pages/admin_view.h"
#include "pages/chart.h"
#include "payments/inbox.h"
#include "payments/reconcile_store.h"
#include "payments/statistics.h"
#include "payments/webhook.h"
#include "provider/provider.h"
#include "web/request.h"

#define DAY 86400
#define HOUR 3600
#define CURRENCIES 4 // shown apart
#define TASKS 5
#define MINUTE 60

struct figures_query {
    const char *currency;
    int64_t days;
};

static const char *check_currency(struct ctx *ctx, const char *text)
{
    (void)ctx;
    return currency_exponent(text) >= 0 && strlen(text) == 3 ? NULL : "must be a currency (EUR)";
}

const struct field admin_figures_query[] = {
    FIELD(struct figures_query, currency, .optional = true, .max = 3, .check = check_currency),
    FIELD(struct figures_query, days, .optional = true, .min = 1, .max = 366),
    FIELD_END,
};

/* The figures of some days, and what of them is shown. */
struct span {
    struct ctx *ctx;
    struct instant from; // the first day
    size_t days;
    struct field_list by_day; // struct figure
    const char *currencies[CURRENCIES];
    size_t currency_count;
    const char *currency; // that charts of money are about, or NULL
    const char **labels;  // of the days
};

/* Which days and currencies ------------------------------------------------------------------------------------------ */

/* By how many payments were made in each. */
static void find_currencies(struct span *span)
{
    for (const char *const *code = currency_codes(); *code; code++) {
        const struct figure_filter filter = { .measure = "payment", .currency = *code };
        int64_t count = statistics_add_up(&span->by_day, &filter).count;
        size_t place = span->currency_count;
        if (!count)
            continue;
        for (; place > 0; place--) {
            const struct figure_filter other = { .measure = "payment", .currency = span->currencies[place - 1] };
            if (statistics_add_up(&span->by_day, &other).count >= count)
                break;
            if (place < CURRENCIES)
                span->currencies[place] = span->currencies[place - 1];
        }
        if (place < CURRENCIES)
            span->currencies[place] = *code;
        if (span->currency_count < CURRENCIES)
            span->currency_count++;
    }
}

static const char *short_day(struct ctx *ctx, struct instant day)
{
    const char *text = json_get_text(json_in(ctx->arena, view_day(ctx, day)), "text");

    return arena_strndup(ctx->arena, text, strlen(text) - strlen(" 2026"));
}

static struct error *read_span(struct ctx *ctx, const struct figures_query *query, struct span *out)
{
    struct instant today = statistics_day(ctx->now);

    *out = (struct span){ .ctx = ctx, .days = (size_t)query->days };
    out->from = instant_add_seconds(today, -(query->days - 1) * DAY);
    TRY(statistics_by_day(ctx, out->from, instant_add_seconds(today, DAY), &out->by_day));
    find_currencies(out);
    out->currency = query->currency ? query->currency : out->currency_count ? out->currencies[0] : NULL;
    out->labels = arena_array(ctx->arena, out->days, sizeof *out->labels);
    for (size_t i = 0; i < out->days; i++)
        out->labels[i] = short_day(ctx, instant_add_seconds(out->from, (int64_t)i * DAY));
    return NULL;
}

static size_t place_of(const struct span *span, const struct figure *figure)
{
    return (size_t)((figure->day.us - span->from.us) / 1000000 / DAY);
}

static int64_t *zeros(const struct span *span)
{
    return arena_array(span->ctx->arena, span->days, sizeof(int64_t));
}

/* Adds what fits to its day. */
static void add_days(const struct span *span, struct figure_filter filter, bool amounts, int64_t *values)
{
    const struct figure *all = span->by_day.items;

    for (size_t i = 0; i < span->by_day.count; i++)
        if (figure_fits(&all[i], &filter) && place_of(span, &all[i]) < span->days)
            values[place_of(span, &all[i])] += amounts ? all[i].amount : all[i].count;
}

/* Charts ------------------------------------------------------------------------------------------------------------- */

static struct chart day_chart(const struct span *span, const char *id, const char *title, enum chart_kind kind)
{
    return (struct chart){ .id = id,
        .title = title,
        .kind = kind,
        .unit = "",
        .axis = "Day",
        .labels = span->labels,
        .count = span->days };
}

static json_t *volume_chart(const struct span *span)
{
    struct chart chart = day_chart(span, "volume", "Volume", CHART_BARS);
    int64_t *values = zeros(span);

    if (span->currency) {
        add_days(span, (struct figure_filter){ .measure = "captured", .currency = span->currency }, true, values);
        chart.title = arena_printf(span->ctx->arena, "Volume in %s", span->currency);
        chart.unit = span->currency;
    }
    chart.series[chart.series_count++] = (struct chart_series){ "Captured", values };
    return chart_view(span->ctx, &chart);
}

static json_t *rate_chart(const struct span *span)
{
    struct chart chart = day_chart(span, "success", "Success rate", CHART_LINE);
    int64_t *good = zeros(span), *bad = zeros(span);

    add_days(span, (struct figure_filter){ .measure = "payment", .class = "succeeded" }, false, good);
    add_days(span, (struct figure_filter){ .measure = "payment", .class = "authorized" }, false, good);
    add_days(span, (struct figure_filter){ .measure = "payment", .class = "failed" }, false, bad);
    for (size_t i = 0; i < span->days; i++)
        good[i] = good[i] + bad[i] > 0 ? good[i] * 1000 / (good[i] + bad[i]) : CHART_NONE;
    chart.unit = "%";
    chart.top = 1000;
    chart.series[chart.series_count++] = (struct chart_series){ "Success rate", good };
    return chart_view(span->ctx, &chart);
}

static json_t *refund_chart(const struct span *span)
{
    struct chart chart = day_chart(span, "refunds", "Refunds", CHART_BARS);
    int64_t *done = zeros(span), *waiting = zeros(span);

    if (span->currency) {
        struct figure_filter filter = { .measure = "refund", .class = "succeeded", .currency = span->currency };
        add_days(span, filter, true, done);
        filter.class = "processing";
        add_days(span, filter, true, waiting);
        chart.title = arena_printf(span->ctx->arena, "Refunds in %s", span->currency);
        chart.unit = span->currency;
    }
    chart.series[chart.series_count++] = (struct chart_series){ "Gone back", done };
    chart.series[chart.series_count++] = (struct chart_series){ "On its way", waiting };
    return chart_view(span->ctx, &chart);
}

/* The classes with the most failures, and one for the rest. */
static size_t top_classes(const struct span *span, const char **classes, size_t room)
{
    const struct figure *all = span->by_day.items;
    json_t *counts = json_in(span->ctx->arena, json_object());
    const char *class;
    json_t *count;
    size_t found = 0;

    for (size_t i = 0; i < span->by_day.count; i++)
        if (!strcmp(all[i].measure, "error"))
            json_object_set_new(counts, all[i].class, json_integer(json_get_int(counts, all[i].class) + all[i].count));
    for (; found < room && json_object_size(counts) > 0; found++) {
        const char *most = NULL;
        json_object_foreach(counts, class, count)
        {
            if (!most || json_integer_value(count) > json_get_int(counts, most))
                most = class;
        }
        classes[found] = arena_strdup(span->ctx->arena, most);
        json_object_del(counts, classes[found]);
    }
    return found;
}

static json_t *error_chart(const struct span *span)
{
    struct chart chart = day_chart(span, "errors", "Failed attempts by reason", CHART_BARS);
    const char *classes[CHART_SERIES - 1];
    size_t count = top_classes(span, classes, CHART_SERIES - 1);
    int64_t *rest = zeros(span);
    bool any = false;

    add_days(span, (struct figure_filter){ .measure = "error" }, false, rest);
    for (size_t n = 0; n < count; n++) {
        int64_t *values = zeros(span);
        add_days(span, (struct figure_filter){ .measure = "error", .class = classes[n] }, false, values);
        for (size_t i = 0; i < span->days; i++)
            rest[i] -= values[i];
        chart.series[chart.series_count++] = (struct chart_series){ view_words(span->ctx, classes[n]), values };
    }
    for (size_t i = 0; i < span->days; i++)
        any = any || rest[i] > 0;
    if (any)
        chart.series[chart.series_count++] = (struct chart_series){ "Others", rest };
    if (chart.series_count == 1) // which has no legend
        chart.title = arena_printf(span->ctx->arena, "%s: %s", chart.title, chart.series[0].name);
    return chart_view(span->ctx, &chart);
}

/* Today ------------------------------------------------------------------------------------------------------------- */

/* {"up": true, "text": "12 %"}; null where there is nothing to compare with. */
static json_t *change_view(struct ctx *ctx, int64_t now, int64_t before)
{
    if (before <= 0 || now == before)
        return json_null();
    int64_t off = now > before ? now - before : before - now;
    int64_t percent = off > INT64_MAX / 100 ? off / before * 100 : off * 100 / before;
    return json_pack("{sb, ss}", "up", now > before, "text",
        percent > 999 ? "over 10 times" : arena_printf(ctx->arena, "%lld %%", (long long)percent));
}

static json_t *tile(const char *label, const char *value, const char *was, json_t *change, const char *link)
{
    return json_pack("{ss, ss, ss, so, ss?}", "label", label, "value", value, "was", was, "change", change, "link",
        link);
}

/* The same with a line of its own for what it is worth. */
static json_t *worth_tile(const char *label, const char *value, const char *worth, const char *was, json_t *change,
    const char *link)
{
    json_t *view = tile(label, value, was, change, link);

    json_object_set_new(view, "worth", *worth ? json_string(worth) : json_null());
    return view;
}

static int64_t counted(const struct field_list *figures, const char *measure, const char *class)
{
    const struct figure_filter filter = { .measure = measure, .class = class };

    return statistics_add_up(figures, &filter).count;
}

static const char *number(struct ctx *ctx, int64_t value)
{
    return chart_words(ctx, "", value);
}

static const char *rate_words(struct ctx *ctx, int64_t rate)
{
    return rate < 0 ? "–" : chart_words(ctx, "%", rate);
}

/* "$14.00, €3.00": how much in each currency. */
static const char *amounts(const struct span *span, const struct field_list *figures, const char *measure,
    const char *const *classes)
{
    struct buf text = { .arena = span->ctx->arena };

    for (size_t i = 0; i < span->currency_count; i++) {
        int64_t amount = 0;
        for (const char *const *class = classes; *class; class ++) {
            const struct figure_filter filter = { .measure = measure,
                .class = *class,
                .currency = span->currencies[i] };
            amount += statistics_add_up(figures, &filter).amount;
        }
        if (amount)
            buf_printf(&text, "%s%s", text.length ? ", " : "", chart_words(span->ctx, span->currencies[i], amount));
    }
    return buf_string(&text);
}

static const char *const refunds_that_count[] = { "processing", "succeeded", NULL };
static const char *const all_disputes[] = { "inquiry", "open", "won", "lost", NULL };

static int64_t count_classes(const struct field_list *figures, const char *measure, const char *const *classes)
{
    int64_t count = 0;

    for (; *classes; classes++)
        count += counted(figures, measure, *classes);
    return count;
}

/* How many there are, what they are worth, and what it was then. */
static json_t *counted_tile(const struct span *span, const struct field_list *now, const struct field_list *then,
    const char *label, const char *measure, const char *const *classes, const char *link)
{
    struct ctx *ctx = span->ctx;
    int64_t today = count_classes(now, measure, classes), before = count_classes(then, measure, classes);
    const char *worth_then = amounts(span, then, measure, classes);

    return worth_tile(label, number(ctx, today), amounts(span, now, measure, classes),
        arena_printf(ctx->arena, "%s%s%s", number(ctx, before), *worth_then ? " · " : "", worth_then),
        change_view(ctx, today, before), link);
}

static void add_volume_tiles(const struct span *span, const struct field_list *now, const struct field_list *then,
    json_t *tiles)
{
    for (size_t i = 0; i < span->currency_count; i++) {
        const struct figure_filter filter = { .measure = "captured", .currency = span->currencies[i] };
        int64_t today = statistics_add_up(now, &filter).amount, before = statistics_add_up(then, &filter).amount;
        json_array_append_new(tiles,
            tile(arena_printf(span->ctx->arena, "Volume %s", span->currencies[i]),
                chart_words(span->ctx, span->currencies[i], today), chart_words(span->ctx, span->currencies[i], before),
                change_view(span->ctx, today, before), NULL));
    }
    if (!span->currency_count)
        json_array_append_new(tiles, tile("Volume", "–", "–", json_null(), NULL));
}

static json_t *tiles_view(const struct span *span, const struct field_list *now, const struct field_list *then)
{
    struct ctx *ctx = span->ctx;
    const struct figure_filter any = { 0 };
    json_t *tiles = json_array();
    int64_t made = counted(now, "payment", NULL), made_then = counted(then, "payment", NULL);

    add_volume_tiles(span, now, then, tiles);
    json_array_append_new(tiles,
        tile("Payments", number(ctx, made), number(ctx, made_then), change_view(ctx, made, made_then),
            "/admin/payments"));
    json_array_append_new(tiles,
        tile("Success rate", rate_words(ctx, statistics_success_rate(now, &any)),
            rate_words(ctx, statistics_success_rate(then, &any)), json_null(), "/admin/analytics"));
    json_array_append_new(tiles,
        counted_tile(span, now, then, "Refunds", "refund", refunds_that_count, "/admin/refunds"));
    json_array_append_new(tiles, counted_tile(span, now, then, "Disputes", "dispute", all_disputes, "/admin/disputes"));
    return tiles;
}

/* How much may still be lost, whenever it was paid. */
static struct error *add_risk_tile(struct ctx *ctx, json_t *tiles)
{
    struct buf amounts = { .arena = ctx->arena };
    struct field_list list;
    int64_t disputes = 0, unknown = 0;

    TRY(inbox_at_risk(ctx, &list));
    const struct money_at_risk *risks = list.items;
    for (size_t i = 0; i < list.count; i++) {
        if (i < CURRENCIES)
            buf_printf(&amounts, "%s%s", i ? ", " : "", view_money_text(ctx, risks[i].amount));
        disputes += risks[i].disputes;
        unknown += risks[i].unknown;
    }
    json_array_append_new(tiles,
        json_pack("{ss, ss, ss, ss}", "label", "At risk now", "value", list.count ? buf_string(&amounts) : "–", "note",
            list.count ? arena_printf(ctx->arena, "%lld in dispute, %lld without an outcome", (long long)disputes,
                (long long)unknown)
                       : "no dispute is open, every outcome is known",
            "link", unknown && !disputes ? "/admin/payments?status=unknown" : "/admin/disputes?status=open"));
    return NULL;
}

static const char *weekday(struct instant instant)
{
    static const char *const names[] = { "Thursday", "Friday", "Saturday", "Sunday", "Monday", "Tuesday", "Wednesday" };

    return names[instant_to_unix(instant) / DAY % 7]; // 1970 began with a Thursday
}

static struct error *add_today(struct request *r, const struct span *span, json_t *view)
{
    struct ctx *ctx = r->ctx;
    struct instant from = statistics_day(ctx->now), to = instant_add_seconds(statistics_hour(ctx->now), HOUR);
    struct field_list now, then;

    TRY(statistics_sums(ctx, from, to, &now));
    TRY(statistics_sums(ctx, instant_add_seconds(from, -7 * DAY), instant_add_seconds(to, -7 * DAY), &then));
    json_t *tiles = tiles_view(span, &now, &then);
    json_object_set_new(view, "tiles", tiles);
    TRY(add_risk_tile(ctx, tiles));
    json_object_set_new(view, "compared",
        json_string(arena_printf(ctx->arena, "last %s until %02lld:00 UTC", weekday(ctx->now),
            (long long)((instant_to_unix(to) - instant_to_unix(from)) / HOUR))));
    return NULL;
}

/* Health ------------------------------------------------------------------------------------------------------------ */

static void add_health(struct ctx *ctx, json_t *list, const char *name, enum tone tone, const char *word,
    const char *text, const char *link)
{
    json_array_append_new(list,
        json_pack("{ss, so, ss, ss?}", "name", name, "state", view_badge(ctx, tone, word), "text", text, "link", link));
}

static void add_provider_health(struct ctx *ctx, json_t *list, const char *provider)
{
    static const struct {
        enum tone tone;
        const char *word, *text;
    } states[] = {
        [BREAKER_CLOSED] = { TONE_GOOD, "Answers", "New payments go through." },
        [BREAKER_OPEN] = { TONE_BAD, "Does not answer", "New payments are turned away for a while." },
        [BREAKER_HALF_OPEN] = { TONE_WARN, "Being tried", "One payment at a time is let through." },
    };
    enum breaker_state state = breaker_state(ctx, provider);

    add_health(ctx, list, view_words(ctx, provider), states[state].tone, states[state].word, states[state].text, NULL);
}

static struct error *add_webhook_health(struct ctx *ctx, json_t *list, const char *provider)
{
    struct webhook_health health;
    const char *name = arena_printf(ctx->arena, "Webhooks of %s", view_words(ctx, provider));

    TRY(webhook_health(ctx, provider, &health));
    int64_t age = (ctx->now.us - health.delivered_at.us) / 1000000;
    const char *last = instant_is_set(health.delivered_at)
        ? arena_printf(ctx->arena, "The last one came %s ago.", view_span(ctx, age))
        : "None has ever come.";
    if (health.failed)
        add_health(ctx, list, name, TONE_BAD, arena_printf(ctx->arena, "%lld failed", (long long)health.failed), last,
            "/admin/webhooks?status=failed");
    else if (health.missing)
        add_health(ctx, list, name, TONE_WARN, "Do not arrive", last, "/admin/webhooks?source=swept");
    else
        add_health(ctx, list, name, instant_is_set(health.delivered_at) ? TONE_GOOD : TONE_MUTED,
            instant_is_set(health.delivered_at) ? "Arrive" : "None yet", last, "/admin/webhooks");
    return NULL;
}

static bool is_periodic(const struct queued_job *job)
{
    for (size_t i = 0; i < task_count; i++)
        if (tasks[i].every && !strcmp(tasks[i].kind, job->kind))
            return true;
    return false;
}

/* The beat of the whole: what is due every few seconds or minutes runs, or nobody works the queue. */
static struct error *add_queue_health(struct ctx *ctx, json_t *list)
{
    struct queue_health health;
    struct field_list due;
    const struct queued_job *late = NULL;

    TRY(queue_health(ctx, &health));
    TRY(queue_list(ctx, "available", 50, &due));
    for (size_t i = 0; i < due.count && !late; i++)
        if (is_periodic(&((const struct queued_job *)due.items)[i]))
            late = &((const struct queued_job *)due.items)[i];
    int64_t seconds = late ? (ctx->now.us - late->run_at.us) / 1000000 : 0;
    if (seconds > 5 * MINUTE)
        add_health(ctx, list, "Background work", TONE_BAD, "Stands still",
            arena_printf(ctx->arena, "%s should have run %s ago. Is till.fcgi or cron running?", late->kind,
                view_span(ctx, seconds)),
            NULL);
    else
        add_health(ctx, list, "Background work", TONE_GOOD, "Runs",
            arena_printf(ctx->arena, "%lld due now, %lld planned.", (long long)health.due, (long long)health.waiting),
            NULL);
    if (health.dead || health.stuck || health.late)
        add_health(ctx, list, "Queue", health.dead ? TONE_BAD : TONE_WARN,
            health.dead ? arena_printf(ctx->arena, "%lld given up", (long long)health.dead) : "Behind",
            health.late ? arena_printf(ctx->arena, "%lld late, the oldest by %s.", (long long)health.late,
                view_span(ctx, health.late_seconds))
                        : "Nothing else is late.",
            health.dead ? "/admin/tasks?kind=dead_job" : NULL);
    return NULL;
}

static struct error *add_reconciliation_health(struct ctx *ctx, json_t *list)
{
    static const char name[] = "Reconciliation";
    struct field_list reports;

    TRY(reconciliation_list(ctx, NULL, 1, &reports));
    if (!reports.count) {
        add_health(ctx, list, name, TONE_MUTED, "Not yet", "The books are compared once a day.",
            "/admin/reconciliation");
        return NULL;
    }
    const struct reconciliation *last = reports.items;
    int64_t age = (ctx->now.us - last->created_at.us) / 1000000;
    enum tone tone = age > 2 * DAY ? TONE_WARN : last->differences ? TONE_BAD : TONE_GOOD;
    add_health(ctx, list, name, tone,
        age > 2 * DAY           ? "Overdue"
            : last->differences ? arena_printf(ctx->arena, "%lld differ", (long long)last->differences)
                                : "Books agree",
        arena_printf(ctx->arena, "%lld matched, %s ago.", (long long)last->matched, view_span(ctx, age)),
        arena_printf(ctx->arena, "/admin/reconciliation/%s", last->id));
    return NULL;
}

static struct error *add_stuck_health(struct ctx *ctx, json_t *list)
{
    int64_t stuck;

    TRY(inbox_stuck(ctx, &stuck));
    if (stuck)
        add_health(ctx, list, "Payments without an outcome", TONE_WARN,
            arena_printf(ctx->arena, "%lld%s", (long long)stuck, stuck >= 1000 ? " or more" : ""),
            "Without news for a quarter of an hour; they are asked about again and again.",
            "/admin/payments?status=processing");
    else
        add_health(ctx, list, "Payments without an outcome", TONE_GOOD, "None",
            "Every outcome was known within a quarter of an hour.", NULL);
    return NULL;
}

static struct error *health_view(struct ctx *ctx, json_t **out)
{
    json_t *list = json_in(ctx->arena, json_array());

    for (const struct provider *const *place = provider_list(); *place; place++) {
        add_provider_health(ctx, list, (*place)->name);
        TRY(add_webhook_health(ctx, list, (*place)->name));
    }
    TRY(add_stuck_health(ctx, list));
    TRY(add_queue_health(ctx, list));
    TRY(add_reconciliation_health(ctx, list));
    *out = list;
    return NULL;
}

/* Pages ------------------------------------------------------------------------------------------------------------- */

static json_t *currency_links(const struct span *span, const char *path, int64_t days)
{
    json_t *links = json_array();

    for (size_t i = 0; i < span->currency_count && span->currency_count > 1; i++)
        json_array_append_new(links,
            json_pack("{ss, ss, sb}", "word", span->currencies[i], "link",
                view_link(span->ctx, path, "currency", span->currencies[i], "days",
                    arena_printf(span->ctx->arena, "%lld", (long long)days), NULL),
                "current", !strcmp(span->currencies[i], span->currency)));
    return links;
}

static json_t *day_links(const struct span *span, const char *path, const char *currency)
{
    static const char *const choices[] = { "7", "14", "30", "90" };
    json_t *links = json_array();

    for (size_t i = 0; i < sizeof choices / sizeof *choices; i++)
        json_array_append_new(links,
            json_pack("{ss, ss, sb}", "word", arena_printf(span->ctx->arena, "%s days", choices[i]), "link",
                view_link(span->ctx, path, "currency", currency, "days", choices[i], NULL), "current",
                !strcmp(choices[i], arena_printf(span->ctx->arena, "%zu", span->days))));
    return links;
}

static void add_choices(const struct span *span, const struct figures_query *query, const char *path, json_t *view)
{
    json_t *currencies = currency_links(span, path, query->days);

    json_object_set_new(view, "currency_choice", json_boolean(json_array_size(currencies) > 0));
    json_object_set_new(view, "currencies", currencies);
    json_object_set_new(view, "spans", day_links(span, path, query->currency));
}

static struct error *add_tasks(struct request *r, json_t *view)
{
    struct field_list items;

    if (!admin_may(r, "decisions:read"))
        return NULL;
    TRY(inbox_list(r->ctx, &(struct decision_filter){ .limit = TASKS + 1 }, &items));
    json_object_set_new(view, "inbox", json_true());
    json_object_set_new(view, "more_tasks", json_boolean(items.count > TASKS));
    if (items.count > TASKS)
        items.count = TASKS;
    json_object_set(view, "tasks", admin_task_views(r, &items));
    json_object_set_new(view, "no_tasks", json_boolean(!items.count));
    return NULL;
}

struct error *admin_overview(struct request *r)
{
    struct figures_query query = { .days = 14 };
    json_t *view = json_in(r->ctx->arena, json_object()), *health;
    struct span span;

    TRY(request_query_fields(r, admin_figures_query, &query));
    TRY(read_span(r->ctx, &query, &span));
    TRY(add_today(r, &span, view));
    TRY(health_view(r->ctx, &health));
    json_object_set(view, "health", health);
    TRY(add_tasks(r, view));
    add_choices(&span, &query, "/admin/overview", view);
    json_object_set_new(view, "charts",
        json_pack("[o, o, o, o]", volume_chart(&span), rate_chart(&span), refund_chart(&span), error_chart(&span)));
    json_object_set_new(view, "nothing_yet", json_boolean(!span.currency_count));
    return admin_page(r, 200, "admin/overview", "Overview", view);
}

/* What a provider kept in the chosen currency, and how much that is of what it captured: "$3.20, 2.9 %". */
static const char *cost_words(const struct span *span, const struct field_list *sums, const char *provider)
{
    struct figure_filter filter = { .provider = provider, .currency = span->currency, .measure = "captured" };

    if (!span->currency)
        return "–";
    int64_t captured = statistics_add_up(sums, &filter).amount;
    filter.class = "fees";
    filter.measure = "debit";
    int64_t cost = statistics_add_up(sums, &filter).amount;
    filter.measure = "credit";
    cost -= statistics_add_up(sums, &filter).amount;
    const char *text = json_string_value(json_in(span->ctx->arena, view_minor(span->ctx, cost, span->currency)));
    return captured > 0
        ? arena_printf(span->ctx->arena, "%s, %s", text, chart_words(span->ctx, "%", cost * 1000 / captured))
        : text;
}

/* Providers, in the configured order. */
static void add_providers(const struct span *span, const struct field_list *sums, json_t *view)
{
    struct ctx *ctx = span->ctx;
    json_t *rows = json_array();
    struct chart chart = { .id = "providers",
        .title = "Success rate by provider",
        .kind = CHART_ROWS,
        .unit = "%",
        .axis = "Provider",
        .top = 1000 };
    size_t count = 0;

    while (provider_list()[count])
        count++;
    const char **names = arena_array(ctx->arena, count + 1, sizeof *names);
    int64_t *rates = arena_array(ctx->arena, count + 1, sizeof *rates);
    for (size_t i = 0; i < count; i++) {
        const char *name = provider_list()[i]->name;
        struct figure_filter filter = { .provider = name };
        int64_t rate = statistics_success_rate(sums, &filter), median = statistics_median_answer(sums, name);
        filter.measure = "payment";
        int64_t made = statistics_add_up(sums, &filter).count;
        filter.measure = "error";
        int64_t errors = statistics_add_up(sums, &filter).count;
        if (rate >= 0) {
            names[chart.count] = view_words(ctx, name);
            rates[chart.count++] = rate;
        }
        json_array_append_new(rows,
            json_pack("{ss, ss, ss, ss, ss, ss}", "name", view_words(ctx, name), "payments", number(ctx, made), "rate",
                rate_words(ctx, rate), "errors", number(ctx, errors), "cost", cost_words(span, sums, name), "median",
                median == 0 ? "–"
                    : median < 0
                    ? "over a minute"
                    : arena_printf(ctx->arena, "under %s",
                        chart_words(ctx, median < 1000 ? "ms" : "s", median < 1000 ? median : median / 1000))));
    }
    chart.labels = names;
    chart.series[chart.series_count++] = (struct chart_series){ "Success rate", rates };
    json_object_set_new(view, "providers", rows);
    json_object_set_new(view, "provider_chart", chart_view(ctx, &chart));
}

static void add_error_table(const struct span *span, json_t *view)
{
    const char *classes[30];
    size_t count = top_classes(span, classes, sizeof classes / sizeof *classes);
    int64_t all = counted(&span->by_day, "error", NULL);
    json_t *rows = json_array();

    for (size_t i = 0; i < count; i++) {
        int64_t some = counted(&span->by_day, "error", classes[i]);
        json_array_append_new(rows,
            json_pack("{ss, ss, ss}", "word", view_words(span->ctx, classes[i]), "count", number(span->ctx, some),
                "share", chart_words(span->ctx, "%", some * 1000 / all)));
    }
    json_object_set_new(view, "error_rows", rows);
    json_object_set_new(view, "no_errors", json_boolean(!count));
    json_object_set_new(view, "error_chart", error_chart(span));
}

/* The ledger's accounts: what went in and out of each in these days. */
static void add_accounts(const struct span *span, json_t *view)
{
    const struct figure *all = span->by_day.items;
    json_t *rows = json_array(), *seen = json_in(span->ctx->arena, json_object());

    for (size_t i = 0; i < span->by_day.count; i++) {
        struct figure_filter filter = { .class = all[i].class, .currency = all[i].currency, .measure = "debit" };
        const char *key = arena_printf(span->ctx->arena, "%s %s", all[i].class, all[i].currency);
        if ((strcmp(all[i].measure, "debit") != 0 && strcmp(all[i].measure, "credit") != 0)
            || json_object_get(seen, key))
            continue;
        json_object_set_new(seen, key, json_true());
        int64_t debits = statistics_add_up(&span->by_day, &filter).amount;
        filter.measure = "credit";
        int64_t credits = statistics_add_up(&span->by_day, &filter).amount;
        json_array_append_new(rows,
            json_pack("{ss, ss, so, so, so}", "account", all[i].class, "currency", all[i].currency, "debits",
                view_minor(span->ctx, debits, all[i].currency), "credits",
                view_minor(span->ctx, credits, all[i].currency), "net",
                view_minor(span->ctx, debits - credits, all[i].currency)));
    }
    json_object_set_new(view, "no_accounts", json_boolean(!json_array_size(rows)));
    json_object_set_new(view, "accounts", rows);
}

/* What the ledger took in, gave back and paid each day. */
static json_t *ledger_chart(const struct span *span)
{
    struct chart chart = day_chart(span, "ledger", "Ledger by day", CHART_BARS);
    static const struct {
        const char *account, *measure, *name;
    } parts[] = {
        { "sales", "credit", "Sales" },
        { "refunds", "debit", "Refunds" },
        { "fees", "debit", "Fees" },
        { "dispute_losses", "debit", "Lost disputes" },
    };

    chart.kind = CHART_LINE;
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        int64_t *values = zeros(span);
        if (span->currency)
            add_days(span,
                (struct figure_filter){ .measure = parts[i].measure,
                    .class = parts[i].account,
                    .currency = span->currency },
                true, values);
        chart.series[chart.series_count++] = (struct chart_series){ parts[i].name, values };
    }
    if (!span->currency)
        chart.series_count = 0;
    if (span->currency) {
        chart.title = arena_printf(span->ctx->arena, "Ledger by day in %s", span->currency);
        chart.unit = span->currency;
    }
    return chart_view(span->ctx, &chart);
}

struct error *admin_analytics(struct request *r)
{
    struct figures_query query = { .days = 30 };
    json_t *view = json_in(r->ctx->arena, json_object());
    struct field_list sums;
    struct span span;

    TRY(request_query_fields(r, admin_figures_query, &query));
    TRY(read_span(r->ctx, &query, &span));
    TRY(statistics_sums(r->ctx, span.from, instant_add_seconds(span.from, (int64_t)span.days * DAY), &sums));
    add_choices(&span, &query, "/admin/analytics", view);
    json_object_set_new(view, "charts", json_pack("[o, o]", volume_chart(&span), rate_chart(&span)));
    add_providers(&span, &sums, view);
    json_object_set_new(view, "currency", view_text(span.currency));
    add_error_table(&span, view);
    add_accounts(&span, view);
    json_object_set_new(view, "ledger_chart", ledger_chart(&span));
    return admin_page(r, 200, "admin/analytics", "Analytics", view);
}
