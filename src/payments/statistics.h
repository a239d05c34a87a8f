#ifndef TILL_PAYMENTS_STATISTICS_H
#define TILL_PAYMENTS_STATISTICS_H

#include "base/error.h"
#include "base/field.h"
#include "base/instant.h"

#include <stdbool.h>
#include <stdint.h>

struct ctx;
struct job;

/* Sums of what happened, from cells of an hour each (sql: statistics): reading them costs as much with ten payments as with
 * millions. They are exact at any moment. A payment, refund or dispute counts in the hour it was made, as it stands now. */
struct figure {
    struct instant day;  // unset in sums over the whole time
    const char *measure; // payment, captured, attempt, error, answer, refund, dispute, webhook, debit, credit
    const char *class;   // the status, our class of a failure, the account, an upper bound in milliseconds
    const char *currency, *provider, *method;
    int64_t count, amount;
};

/* Of [from, to), both the beginning of an hour, in this installation's mode. By day, measure, class and currency, in that
 * order; provider and method are "". */
MUST_CHECK struct error *statistics_by_day(struct ctx *ctx, struct instant from, struct instant to,
    struct field_list *out);
/* By measure, class, currency, provider and method. */
MUST_CHECK struct error *statistics_sums(struct ctx *ctx, struct instant from, struct instant to,
    struct field_list *out);

/* What to add up: NULL is any. */
struct figure_filter {
    const char *measure, *class, *currency, *provider, *method;
    struct instant day; // unset is any
};
bool figure_fits(const struct figure *figure, const struct figure_filter *filter);
struct figure statistics_add_up(const struct field_list *figures, const struct figure_filter *filter);

/* Of payments that came to an end, how many in a thousand went well; -1 where none did. */
int64_t statistics_success_rate(const struct field_list *figures, const struct figure_filter *filter);

/* The upper bound in milliseconds under which half of the answers stayed; 0 where there are none, -1 beyond a minute. */
int64_t statistics_median_answer(const struct field_list *figures, const char *provider);

struct instant statistics_hour(struct instant instant);
struct instant statistics_day(struct instant instant);

/* One more event of a provider that was turned away: "bad_signature", "bad_payload". */
MUST_CHECK struct error *statistics_refused(struct ctx *ctx, const char *provider, const char *class);

/* Folds what changed into the cells. */
struct error *statistics_task(struct ctx *ctx, const struct job *job);

#endif
