#include "payments/statistics.h"

#include <stdlib.h>
#include <string.h>

#include "base/ctx.h"
#include "jobs/job.h"
#include "payments/statistics_store.h"

#define AT_ONCE 5000
#define ROUNDS 100 // of one run; the next one goes on

#define HOUR 3600
#define DAY 86400

struct instant statistics_hour(struct instant instant)
{
    return instant_of_unix(instant_to_unix(instant) / HOUR * HOUR);
}

struct instant statistics_day(struct instant instant)
{
    return instant_of_unix(instant_to_unix(instant) / DAY * DAY);
}

static bool is_any_or(const char *wanted, const char *text)
{
    return !wanted || !strcmp(wanted, text);
}

bool figure_fits(const struct figure *figure, const struct figure_filter *filter)
{
    return is_any_or(filter->measure, figure->measure) && is_any_or(filter->class, figure->class)
        && is_any_or(filter->currency, figure->currency) && is_any_or(filter->provider, figure->provider)
        && is_any_or(filter->method, figure->method)
        && (!instant_is_set(filter->day) || filter->day.us == figure->day.us);
}

struct figure statistics_add_up(const struct field_list *figures, const struct figure_filter *filter)
{
    const struct figure *all = figures->items;
    struct figure sum = { 0 };

    for (size_t i = 0; i < figures->count; i++) {
        if (!figure_fits(&all[i], filter))
            continue;
        sum.count += all[i].count;
        sum.amount += all[i].amount;
    }
    return sum;
}

static int64_t count_of(const struct field_list *figures, struct figure_filter filter, const char *status)
{
    filter.measure = "payment";
    filter.class = status;
    return statistics_add_up(figures, &filter).count;
}

int64_t statistics_success_rate(const struct field_list *figures, const struct figure_filter *filter)
{
    int64_t good = count_of(figures, *filter, "succeeded") + count_of(figures, *filter, "authorized");
    int64_t all = good + count_of(figures, *filter, "failed");

    return all > 0 ? good * 1000 / all : -1;
}

int64_t statistics_median_answer(const struct field_list *figures, const char *provider)
{
    static const char *const bounds[] = { "250", "500", "1000", "2000", "5000", "15000", "60000" };
    struct figure_filter filter = { .measure = "answer", .provider = provider };
    int64_t all = statistics_add_up(figures, &filter).count, below = 0;

    for (size_t i = 0; i < sizeof bounds / sizeof *bounds && all > 0; i++) {
        filter.class = bounds[i];
        below += statistics_add_up(figures, &filter).count;
        if (below * 2 >= all)
            return strtoll(bounds[i], NULL, 10);
    }
    return all > 0 ? -1 : 0;
}

struct error *statistics_task(struct ctx *ctx, const struct job *job)
{
    int64_t folded = 1;

    (void)job;
    for (int round = 0; round < ROUNDS && folded > 0; round++)
        TRY(statistics_fold(ctx, AT_ONCE, &folded));
    return NULL;
}
