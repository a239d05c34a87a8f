#ifndef TILL_PAYMENTS_WEBHOOK_STORE_H
#define TILL_PAYMENTS_WEBHOOK_STORE_H

#include "db/db.h"
#include "payments/webhook.h"

MUST_CHECK struct error *webhook_row(struct ctx *ctx, const char *id, struct webhook_event *out);
/* *inserted is false for an event that is known. */
MUST_CHECK struct error *webhook_insert(struct ctx *ctx, const struct webhook_event *event, bool *inserted);
/* Several that were delivered, with the jobs that will work them, by one statement that is a transaction by itself; `traces` are the requests they came in.
 * inserted[i] is false for one that is known. */
MUST_CHECK struct error *webhook_insert_delivered(struct ctx *ctx, const struct webhook_event *const *events,
    const char *const *traces, size_t count, bool *inserted);
MUST_CHECK struct error *webhook_set_status(struct ctx *ctx, const char *id, enum webhook_status status,
    const char *error);
/* What came of it, by the job that worked it: lost in a crash it is worked again. */
MUST_CHECK struct error *webhook_end(struct ctx *ctx, const char *id, enum webhook_status status, const char *error);
/* The same of several, the first of them the job's own; one that another job has worked meanwhile stays as that has left it, and one
 * that was replayed since is for its own job, which also ends the task that it failed with. */
MUST_CHECK struct error *webhook_end_all(struct ctx *ctx, struct texts ids, enum webhook_status status);
/* Other events about the payment that an event is about, which have come and are not worked yet. */
MUST_CHECK struct error *webhook_waiting_with(struct ctx *ctx, const struct webhook_event *event,
    struct field_list *out);
MUST_CHECK struct error *webhook_rows(struct ctx *ctx, const struct webhook_filter *filter, struct field_list *out);
/* The sealed bytes; none for one that was swept. */
MUST_CHECK struct error *webhook_sealed(struct ctx *ctx, const char *id, struct bytes *out);
MUST_CHECK struct error *webhook_health_row(struct ctx *ctx, const char *provider, struct webhook_health *out);

#endif
