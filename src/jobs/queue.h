#ifndef TILL_JOBS_QUEUE_H
#define TILL_JOBS_QUEUE_H

#include "base/error.h"
#include "base/field.h"
#include "base/instant.h"

#include <stdint.h>

struct ctx;

/* The queue as an operator sees it. */
struct queued_job {
    int64_t id;
    const char *kind, *subject, *state;
    struct instant run_at;
    int64_t attempts;
    const char *error, *trace;
};
extern const struct field queued_job_columns[];

struct queue_health {
    int64_t dead;
    int64_t late;         // due for more than five minutes
    int64_t late_seconds; // the oldest of them
    int64_t stuck;        // running past the end of its lease for a minute
    int64_t due, waiting; // available: due now, and later
};

/* Periodic work: when it last ended, and how that went. */
struct queue_periodic {
    const char *kind;
    const char *error;    // why the last run failed
    int64_t runs;         // 0: none yet
    int64_t ago_seconds;  // since the last run ended
    int64_t late_seconds; // since it should have run again; below 0 when that is still to come
};

/* Each kind of periodic work that waits; none before till.fcgi first ran. */
MUST_CHECK struct error *queue_periodic(struct ctx *ctx, struct field_list *out);

/* Jobs by when they are due; of one state, or of all when it is NULL. E_VALIDATION_ERROR for an unknown one. */
MUST_CHECK struct error *queue_list(struct ctx *ctx, const char *state, int64_t limit, struct field_list *out);

/* A job that is out of tries, or all when id is 0, is due now, with all its tries; audited. One whose work waits again
 * already is dropped. */
MUST_CHECK struct error *queue_retry(struct ctx *ctx, int64_t id, int64_t *retried);

/* The same for the job of a kind and subject, "payment.resolve pay_…". */
MUST_CHECK struct error *queue_retry_work(struct ctx *ctx, const char *work, int64_t *retried);

MUST_CHECK struct error *queue_health(struct ctx *ctx, struct queue_health *out);

#endif
