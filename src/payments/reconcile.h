#ifndef TILL_PAYMENTS_RECONCILE_H
#define TILL_PAYMENTS_RECONCILE_H

#include "base/error.h"
#include "base/field.h"
#include "base/instant.h"
#include "base/money.h"

#include <jansson.h>
#include <stdint.h>

struct ctx;
struct job;

/* One comparison of our books with a provider's: a row of reconciliations. */
struct reconciliation {
    const char *id, *provider;
    struct instant from_at, to_at; // to_at is not in it
    int64_t matched, differences;
    json_t *totals;
    struct instant created_at;
    const char *created_by;
};

enum difference_kind {
    DIFFERENCE_MISSING_HERE,
    DIFFERENCE_MISSING_THERE,
    DIFFERENCE_AMOUNT,
    DIFFERENCE_CURRENCY,
    DIFFERENCE_FEE,
    DIFFERENCE_STATE,
    DIFFERENCE_DUPLICATE,
    DIFFERENCE_PAYOUT,
};
extern const char *const difference_kind_names[];

/* What is not the same in both: a row of reconciliation_differences. */
struct difference {
    int64_t number;
    enum difference_kind kind;
    const char *subject;   // tells the same one in another run
    const char *object;    // ours, or NULL
    const char *reference; // the provider's, or NULL
    struct money ours, theirs;
    const char *known, *suggestion;
    struct instant resolved_at;
    const char *resolved_by, *resolution;
};

/* The time that is compared. */
struct window {
    struct instant from, to;
};

/* The last `days` whole days before today, UTC. */
struct window window_of_days(struct ctx *ctx, int days);

/* From dates ("2026-11-20", UTC) or RFC 3339; either may be NULL: yesterday. A date as `to` is in the window. E_VALIDATION_ERROR
 * for what is no time, ends before it begins, or is longer than a year. What is still to come is cut off. */
MUST_CHECK struct error *window_read(struct ctx *ctx, const char *from, const char *to, struct window *out);

/* Copies what moved at each provider, posts payouts, bills and exchanges to the ledger, has what differs looked at once more
 * (apply_provider_state() mends what can be mended), and writes down what is left, each difference also as a decision. Those of
 * earlier runs that are gone are settled. Running it twice, or two at once, does no harm. *out: struct reconciliation, one for
 * each provider. */
MUST_CHECK struct error *reconcile_run(struct ctx *ctx, struct window window, struct field_list *out);

/* The same for maintenance_run(): "reconcile", one at a time. */
struct reconcile_order {
    struct window window;
    struct field_list done; // what reconcile_run() gave
};
MUST_CHECK struct error *reconcile_work(struct ctx *ctx, void *order, json_t **result);

/* A person settles a difference, with a reason: in every report that has it, and the decision about it. E_NOT_FOUND,
 * E_INVALID_STATUS when it is settled. */
MUST_CHECK struct error *reconcile_resolve(struct ctx *ctx, const char *id, int64_t number, const char *reason);

/* Writes down once what a provider held in a currency before these books began. E_CONFLICT when it was written already. */
MUST_CHECK struct error *reconcile_open(struct ctx *ctx, const char *provider, struct money held);

/* Differences as CSV with a heading; a cell that a spreadsheet would take for a formula is quoted with an apostrophe. */
const char *reconcile_csv(struct ctx *ctx, const struct field_list *differences);

extern const struct field reconciliation_shown[], difference_shown[];

/* Every day: the days since the last one that was compared. Every week: the seven days before. */
struct error *reconcile_task(struct ctx *ctx, const struct job *job);
struct error *reconcile_week_task(struct ctx *ctx, const struct job *job);

#endif
