#include "jobs/job.h"

#include <assert.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/arena.h"
#include "base/crypto.h"
#include "base/ctx.h"
#include "base/id.h"
#include "base/log.h"
#include "base/memory.h"
#include "db/db.h"
#include "events/decision.h"
#include "jobs/clock.h"

#define LEASE 120
#define MAX_TRIES 25
#define RESCUE_MS 5000
#define CLOCK_MS 500
#define POLL_MS 500       // with jitter: 250 to 750
#define PERIODIC_AGAIN 60 // seconds until a periodic task that failed is tried again
#define LONG_QUEUE 32     // jobs in a row
#define WHOLE_MS 1000     // after which a long queue is looked at from its beginning

static const struct field columns[] = {
    FIELD(struct job, id),
    FIELD(struct job, kind),
    FIELD(struct job, subject),
    FIELD(struct job, attempts),
    FIELD(struct job, trace),
    FIELD(struct job, claim),
    FIELD(struct job, run_at),
    FIELD_END,
};

/* Waking the workers of this process ------------------------------------------------------------------------------- */

static pthread_mutex_t wake_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t wake_cond[LANE_ANY];
static pthread_once_t wake_once = PTHREAD_ONCE_INIT;
static unsigned wake_count[LANE_ANY];

static void wake_init(void)
{
    pthread_condattr_t clock;

    pthread_condattr_init(&clock);
    pthread_condattr_setclock(&clock, CLOCK_MONOTONIC);
    for (size_t i = 0; i < LANE_ANY; i++)
        pthread_cond_init(&wake_cond[i], &clock);
    pthread_condattr_destroy(&clock);
}

static void wake(enum lane lane)
{
    pthread_once(&wake_once, wake_init);
    pthread_mutex_lock(&wake_lock);
    wake_count[lane]++;
    pthread_cond_signal(&wake_cond[lane]);
    pthread_mutex_unlock(&wake_lock);
}

static void wake_money(void *unused)
{
    (void)unused;
    wake(LANE_MONEY);
}

static void wake_outward(void *unused)
{
    (void)unused;
    wake(LANE_OUTWARD);
}

static void wait_for_work(enum lane lane, unsigned *seen)
{
    struct timespec until;
    uint16_t jitter;

    crypto_random(&jitter, sizeof jitter);
    clock_gettime(CLOCK_MONOTONIC, &until);
    int64_t ns = until.tv_nsec + (int64_t)(POLL_MS / 2 + jitter % POLL_MS) * 1000000;
    until.tv_sec += ns / 1000000000;
    until.tv_nsec = ns % 1000000000;
    pthread_once(&wake_once, wake_init);
    pthread_mutex_lock(&wake_lock);
    while (*seen == wake_count[lane] && pthread_cond_timedwait(&wake_cond[lane], &wake_lock, &until) == 0)
        ;
    *seen = wake_count[lane];
    pthread_mutex_unlock(&wake_lock);
}

/* The queue -------------------------------------------------------------------------------------------------------- */

/* A claim, an end or a delay that a crash of the server loses is that of a run that died. What a run itself does is committed after
 * its claim, so that it is never on the disk without it. */

static const char *const lane_names[] = { [LANE_MONEY] = "money", [LANE_OUTWARD] = "outward", [LANE_ANY] = NULL };

static const struct task *task_named(const char *kind)
{
    for (size_t i = 0; i < task_count; i++)
        if (!strcmp(tasks[i].kind, kind))
            return &tasks[i];
    return NULL;
}

static enum lane lane_of(const char *kind)
{
    const struct task *task = task_named(kind);

    return task ? task->lane : LANE_MONEY;
}

void job_wake_after_commit(struct ctx *ctx, enum lane lane)
{
    tx_after_commit(ctx, lane == LANE_OUTWARD ? wake_outward : wake_money, NULL);
}

struct error *job_add_later(struct ctx *ctx, const char *kind, const char *subject, int64_t delay)
{
    SQL_ROWS(insert,
        "INSERT INTO jobs (kind, subject, run_at, trace, lane)"
        "SELECT kind, subject, domain_now() + make_interval(secs => delay), trace, lane"
        "  FROM unnest($1::text[], $2::text[], $3::bigint[], $4::text[], $5::text[])"
        "    AS g (kind, subject, delay, trace, lane) "
        "ON CONFLICT (kind, subject) WHERE state = 'available'"
        "DO UPDATE SET run_at = least(jobs.run_at, excluded.run_at)");

    enum lane lane = lane_of(kind);

    TRY(db_send(ctx, &insert, PARAMS(P(kind), P(subject), P(delay), P(ctx->trace), P(lane_names[lane]))));
    if (delay <= 0)
        job_wake_after_commit(ctx, lane);
    return NULL;
}

struct error *job_add(struct ctx *ctx, const char *kind, const char *subject)
{
    return job_add_later(ctx, kind, subject, 0);
}

struct error *job_done(struct ctx *ctx, const char *kind, const char *subject)
{
    SQL_ROWS(remove,
        "DELETE FROM jobs j USING unnest($1::text[], $2::text[]) WITH ORDINALITY AS g (kind, subject, place)"
        " WHERE j.kind = g.kind AND j.subject = g.subject AND" NOT_BY_STATE("j.state",
            "available") " AND" PLANNED_ONCE);

    return db_send(ctx, &remove, PARAMS(P(kind), P(subject)));
}

#define TAKE(of_lane)                                                                                                  \
    "UPDATE jobs SET state = 'running', attempts = attempts + 1, claim = $1,"                                          \
    "       lease_until = now() + make_interval(secs => $2)"                                                           \
    " WHERE id = (SELECT id FROM jobs WHERE state = 'available' AND run_at <= domain_now()" of_lane                    \
    "              ORDER BY run_at, id LIMIT 1 FOR UPDATE SKIP LOCKED)" IN_NO_HURRY                                    \
    " RETURNING id, kind, subject, attempts, trace, claim, run_at"

/* How far a worker has come in a long queue. Each job that was taken leaves an entry in the index until autovacuum has been there, and
 * a search from the beginning goes past all of them. So one that has found work many times in a row goes on behind its last job; what
 * is due before that and came later is found as soon as nothing else is, and otherwise within a second. */
struct trail {
    int found; // in a row
    struct instant run_at;
    int64_t id;
    int64_t whole_at;
};

static bool goes_on(const struct trail *trail)
{
    return trail->found >= LONG_QUEUE && monotonic_ms() < trail->whole_at;
}

static void follow(struct trail *trail, const struct job *job, bool from_beginning)
{
    if (from_beginning)
        trail->whole_at = monotonic_ms() + WHOLE_MS;
    trail->found++;
    trail->run_at = job->run_at;
    trail->id = job->id;
}

/* What a worker has ended and not yet told; no id when there is nothing. */
struct ended {
    int64_t id;
    char claim[64];
};

SQL(done, "DELETE FROM jobs WHERE id = $1 AND claim = $2" IN_NO_HURRY);

/* The next job, and by the way the end of the last one. */
static struct error *claim_next(struct ctx *ctx, enum lane lane, struct trail *trail, struct ended *ended,
    struct job *job, bool *found)
{
    SQL(take, TAKE(" AND lane = $3 AND (run_at, id) > ($4::timestamptz, $5::bigint)"));
    SQL(take_any, TAKE(""));
    const char *claim = id_new(ctx, "claim");
    bool none, on = goes_on(trail);
    struct param after = on ? P(trail->run_at) : P("-infinity");
    const struct question questions[] = {
        { &done, PARAMS(P(ended->id), P((const char *)ended->claim)), NULL, NULL, &none },
        lane == LANE_ANY
            ? (struct question){ &take_any, PARAMS(P(claim), P(LEASE)), columns, job, found }
            : (struct question){ &take, PARAMS(P(claim), P(LEASE), P(lane_names[lane]), after, P(on ? trail->id : 0)),
                columns, job, found },
    };

    TRY(db_ask(ctx, ended->id ? questions : questions + 1, ended->id ? 2 : 1));
    ended->id = 0;
    if (*found) {
        follow(trail, job, !on);
        return NULL;
    }
    *trail = (struct trail){ 0 };
    return on ? claim_next(ctx, lane, trail, ended, job, found) : NULL;
}

/* A run that died holds its job until the lease ends; then the job waits again, and a late finisher's claim is void. */
static struct error *rescue(struct ctx *ctx)
{
    SQL(take_back,
        "WITH lost AS (DELETE FROM jobs WHERE state = 'running' AND lease_until < now()"
        "              RETURNING kind, subject, attempts, trace, lane)"
        "INSERT INTO jobs (kind, subject, run_at, attempts, error, trace, lane)"
        "SELECT DISTINCT ON (kind, subject) kind, subject, domain_now(), attempts, 'its run died', trace, lane"
        "  FROM lost ORDER BY kind, subject, attempts DESC "
        "ON CONFLICT (kind, subject) WHERE state = 'available'"
        "DO UPDATE SET run_at = least(jobs.run_at, excluded.run_at)");

    return db_exec(ctx, &take_back, NO_PARAMS, NULL);
}

static struct error *lease(struct ctx *ctx, const struct job *job, int seconds)
{
    SQL(extend, "UPDATE jobs SET lease_until = now() + make_interval(secs => $3) WHERE id = $1 AND claim = $2");

    return seconds > LEASE ? db_exec(ctx, &extend, PARAMS(P(job->id), P(job->claim), P(seconds)), NULL) : NULL;
}

static struct error *finish(struct ctx *ctx, struct ended *ended)
{
    if (ended->id)
        TRY(db_exec(ctx, &done, PARAMS(P(ended->id), P((const char *)ended->claim)), NULL));
    ended->id = 0;
    return NULL;
}

/* The same work may have been asked for again meanwhile: then that job stands, and this one goes. */
static struct error *put_back(struct ctx *ctx, const struct job *job, int64_t delay, const char *cause)
{
    SQL(back,
        "WITH mine AS (DELETE FROM jobs WHERE id = $1 AND claim = $2" IN_NO_HURRY
        " RETURNING kind, subject, attempts, trace, lane)"
        "INSERT INTO jobs (kind, subject, run_at, attempts, error, trace, lane)"
        "SELECT kind, subject, domain_now() + make_interval(secs => $3), attempts, $4, trace, lane FROM mine "
        "ON CONFLICT (kind, subject) WHERE state = 'available'"
        "DO UPDATE SET run_at = least(jobs.run_at, excluded.run_at), error = excluded.error");

    return db_exec(ctx, &back, PARAMS(P(job->id), P(job->claim), P(delay), P(cause)), NULL);
}

static struct error *bury(struct ctx *ctx, const struct job *job, const char *cause)
{
    SQL(dead,
        "UPDATE jobs SET state = 'dead', claim = NULL, lease_until = NULL, error = $3 WHERE id = $1 AND claim = $2");

    log_error(ctx, "job.dead", "%s %s: %s", job->kind, job->subject, cause);
    TRY(decision_ask(ctx, "dead_job", arena_printf(ctx->arena, "%s %s", job->kind, job->subject), (struct money){ 0 },
        arena_printf(ctx->arena, "This work failed %d times and was given up: %s", job->attempts, cause),
        "Mend the cause, then try it again: here, or with till job retry."));
    return db_exec(ctx, &dead, PARAMS(P(job->id), P(job->claim), P(cause)), NULL);
}

static int64_t delay_after(const struct task *task, int attempts)
{
    uint16_t jitter;

    if (task->delays) {
        size_t place = (size_t)attempts - 1;
        return task->delays[place < task->delay_count ? place : task->delay_count - 1];
    }
    crypto_random(&jitter, sizeof jitter);
    int64_t delay = attempts < 12 ? INT64_C(1) << attempts : 3600;
    delay = delay < 3600 ? delay : 3600;
    return delay / 2 + delay * jitter / UINT16_MAX;
}

struct error *job_again(struct ctx *ctx, int64_t seconds)
{
    struct error *error = error_new(ctx, E_UNAVAILABLE, "again in %lld s", (long long)seconds);

    error->retry_after = (int)seconds;
    error->outcome = "again";
    return error;
}

static struct error *conclude(struct ctx *ctx, const struct task *task, const struct job *job,
    const struct error *error, struct ended *ended)
{
    int max_tries = task->max_tries ? task->max_tries : MAX_TRIES;
    const char *cause;

    if (!error && task->every)
        return put_back(ctx, job, task->every, NULL);
    if (!error) {
        ended->id = job->id;
        snprintf(ended->claim, sizeof ended->claim, "%s", job->claim);
        return NULL;
    }
    cause = error->cause ? error->cause : error->detail;
    if (error->outcome && !strcmp(error->outcome, "again"))
        return put_back(ctx, job, error->retry_after, NULL);
    log_warn(ctx, "job.failed", "%s %s, try %d: %s", job->kind, job->subject, job->attempts, cause);
    if (job->attempts >= max_tries && !task->every)
        return bury(ctx, job, cause);
    if (task->every)
        return put_back(ctx, job, task->every < PERIODIC_AGAIN ? task->every : PERIODIC_AGAIN, cause);
    return put_back(ctx, job, delay_after(task, job->attempts), cause);
}

static struct error *work(struct ctx *ctx, const struct job *job, struct ended *ended)
{
    const struct task *task = task_named(job->kind);

    if (!task)
        return bury(ctx, job, "this program has no task of this kind");
    ctx->principal = (struct principal){ .kind = PRINCIPAL_SYSTEM, .id = task->kind, .scopes = "*" };
    ctx->trace = job->trace ? job->trace : arena_printf(ctx->arena, "job_%lld", (long long)job->id);
    TRY(lease(ctx, job, task->lease));
    TRY(clock_follow(ctx)); // none may read an older clock than that by which it is due
    struct error *error = task->run(ctx, job);
    assert(!ctx->tx);
    return conclude(ctx, task, job, error, ended);
}

static struct error *work_one(struct ctx *ctx, enum lane lane, struct trail *trail, struct ended *ended, bool *found)
{
    struct job job;

    TRY(claim_next(ctx, lane, trail, ended, &job, found));
    return *found ? work(ctx, &job, ended) : NULL;
}

struct error *job_work(struct ctx *ctx, int limit, int *count)
{
    struct ended ended = { 0 };
    struct trail trail = { 0 };
    bool found = true;

    TRY(rescue(ctx));
    for (*count = 0; *count < limit; (*count)++) {
        TRY(work_one(ctx, LANE_ANY, &trail, &ended, &found));
        if (!found)
            break;
    }
    return finish(ctx, &ended);
}

/* Periodic tasks wait in the queue like any other job; whoever comes first puts them there. */
static struct error *ensure_periodic(struct ctx *ctx)
{
    SQL(ensure,
        "INSERT INTO jobs (kind, subject, run_at, lane)"
        "SELECT $1, 'periodic', domain_now() + make_interval(secs => $2), $3"
        " WHERE NOT EXISTS (SELECT FROM jobs WHERE kind = $1 AND subject = 'periodic')"
        "ON CONFLICT DO NOTHING");

    for (size_t i = 0; i < task_count; i++)
        if (tasks[i].every)
            TRY(db_exec(ctx, &ensure, PARAMS(P(tasks[i].kind), P(tasks[i].every), P(lane_names[tasks[i].lane])), NULL));
    return NULL;
}

/* Worker threads --------------------------------------------------------------------------------------------------- */

struct worker {
    void *shared;
    void *(*thread_start)(void *shared);
    void (*thread_stop)(void *thread);
    struct ctx *(*ctx_new)(void *thread);
    pthread_t *threads;
    int count;
    volatile bool stopping;
    enum lane lane;
};

static bool is_stopping(struct worker *worker)
{
    return __atomic_load_n(&worker->stopping, __ATOMIC_ACQUIRE);
}

static void *work_until_stopped(void *argument)
{
    struct worker *worker = argument;
    void *thread = worker->thread_start(worker->shared);
    unsigned seen = 0;
    struct ended ended = { 0 };
    struct trail trail = { 0 };
    bool ready = false;
    int64_t clock_at = 0, rescue_at = 0;

    while (!is_stopping(worker)) {
        struct ctx *ctx = worker->ctx_new(thread);
        bool found = false;
        struct error *error = NULL;
        if (monotonic_ms() >= clock_at) {
            error = clock_follow(ctx);
            clock_at = monotonic_ms() + CLOCK_MS;
        }
        if (!error && !ready) {
            error = ensure_periodic(ctx);
            ready = !error;
        }
        if (!error && monotonic_ms() >= rescue_at) {
            error = rescue(ctx);
            rescue_at = monotonic_ms() + RESCUE_MS;
            memory_give_back_heap();
        }
        if (!error)
            error = work_one(ctx, worker->lane, &trail, &ended, &found);
        if (error)
            log_warn(ctx, "worker", "%s", error->cause ? error->cause : error->detail);
        if (error || !found)
            wait_for_work(worker->lane, &seen);
    }
    struct ctx *ctx = worker->ctx_new(thread);
    struct error *error = finish(ctx, &ended);
    if (error)
        log_warn(ctx, "worker", "%s", error->cause ? error->cause : error->detail);
    worker->thread_stop(thread);
    return NULL;
}

struct worker *worker_start(void *shared, void *(*thread_start)(void *shared), void (*thread_stop)(void *thread),
    struct ctx *(*ctx_new)(void *thread), int threads, enum lane lane)
{
    struct worker *worker = calloc(1, sizeof *worker);
    pthread_attr_t small;

    assert(worker);
    *worker = (struct worker){ shared, thread_start, thread_stop, ctx_new, calloc((size_t)threads, sizeof(pthread_t)),
        threads, false, lane };
    assert(worker->threads);
    pthread_attr_init(&small);
    pthread_attr_setstacksize(&small, 512 * 1024);
    for (int i = 0; i < threads; i++)
        if (pthread_create(&worker->threads[i], &small, work_until_stopped, worker))
            abort();
    pthread_attr_destroy(&small);
    return worker;
}

void worker_stop(struct worker *worker)
{
    if (!worker)
        return;
    __atomic_store_n(&worker->stopping, true, __ATOMIC_RELEASE);
    for (int i = 0; i < worker->count; i++)
        wake(worker->lane);
    pthread_mutex_lock(&wake_lock);
    pthread_cond_broadcast(&wake_cond[worker->lane]);
    pthread_mutex_unlock(&wake_lock);
    for (int i = 0; i < worker->count; i++)
        pthread_join(worker->threads[i], NULL);
    free(worker->threads);
    free(worker);
}
