#ifndef TILL_JOBS_JOB_H
#define TILL_JOBS_JOB_H

#include "base/error.h"
#include "base/field.h"
#include "base/instant.h"

#include <stdbool.h>
#include <stdint.h>

struct ctx;

/* The queue, in PostgreSQL. A job has a kind (a row of src/tasks.c) and the id of what it is about; of one kind and id at most
 * one waits. */
struct job {
    int64_t id;
    const char *kind;
    const char *subject; // "pay_…"
    int attempts;        // this one included
    const char *trace;
    const char *claim;
    struct instant run_at; // when it was due
};

/* Adds a job that is due now (or after `delay` seconds), in the open transaction; wakes this process's worker once it has
 * committed. One of the same kind and subject that already waits is moved forward if this one is due earlier. */
MUST_CHECK struct error *job_add(struct ctx *ctx, const char *kind, const char *subject);
MUST_CHECK struct error *job_add_later(struct ctx *ctx, const char *kind, const char *subject, int64_t delay);

/* Takes the waiting job of this kind and subject away: what it was for is done. In the open transaction. */
MUST_CHECK struct error *job_done(struct ctx *ctx, const char *kind, const char *subject);

/* Who works a kind of job. What calls servers of other people waits in a lane of its own, so that none of them, however slow,
 * keeps a payment waiting. */
enum lane { LANE_MONEY, LANE_OUTWARD, LANE_ANY };

/* Wakes this process's workers of a lane once the open transaction has committed, for jobs that another statement has added. */
void job_wake_after_commit(struct ctx *ctx, enum lane lane);

/* Row of the table of tasks. */
struct task {
    const char *kind;
    /* NULL when done; the job then is deleted. An error is a try that failed: it comes again with back-off, or at
     * ctx's job_again() time, and is dead after max_tries. */
    struct error *(*run)(struct ctx *ctx, const struct job *job);
    enum lane lane;    // LANE_MONEY unless it says otherwise
    int lease;         // seconds, where more than 120; three times the longest provider call inside
    int max_tries;     // 25 when 0
    const int *delays; // seconds before try 2, 3, …; the last one repeats; NULL: min(2^n, 3600) with jitter
    size_t delay_count;
    int every; // seconds: a periodic task, kept in the queue by the worker; 0 for others
    const char *summary;
};

extern const struct task tasks[];
extern const size_t task_count;

/* Returned by a task that has to wait without having failed: it runs again after `seconds`. */
struct error *job_again(struct ctx *ctx, int64_t seconds);

/* Worker threads of this process for one lane; the queue is also worked by others. */
struct worker;
struct worker *worker_start(void *shared, void *(*thread_start)(void *shared), void (*thread_stop)(void *thread),
    struct ctx *(*ctx_new)(void *thread), int threads, enum lane lane);
void worker_stop(struct worker *worker);

/* Works due jobs of any lane in this thread, at most `limit` or until none is due; how many were done. For cron and the command line. */
MUST_CHECK struct error *job_work(struct ctx *ctx, int limit, int *count);

#endif
