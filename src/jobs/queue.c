#include "jobs/queue.h"

#include "base/arena.h"
#include "base/ctx.h"
#include "db/db.h"
#include "events/audit.h"

const struct field queued_job_columns[] = {
    FIELD(struct queued_job, id),
    FIELD(struct queued_job, kind),
    FIELD(struct queued_job, subject),
    FIELD(struct queued_job, state),
    FIELD(struct queued_job, run_at),
    FIELD(struct queued_job, attempts),
    FIELD(struct queued_job, error),
    FIELD(struct queued_job, trace),
    FIELD_END,
};

static const struct field health_columns[] = {
    FIELD(struct queue_health, dead),
    FIELD(struct queue_health, late),
    FIELD(struct queue_health, late_seconds),
    FIELD(struct queue_health, stuck),
    FIELD(struct queue_health, due),
    FIELD(struct queue_health, waiting),
    FIELD_END,
};

static const char *const states[] = { "available", "running", "dead", NULL };

struct error *queue_list(struct ctx *ctx, const char *state, int64_t limit, struct field_list *out)
{
    SQL(list,
        "SELECT id, kind, subject, state, run_at, attempts, error, trace"
        "  FROM jobs"
        " WHERE state = $1 OR $1 IS NULL"
        " ORDER BY run_at, id LIMIT $2");

    if (state && name_index(states, state) < 0)
        return error_new(ctx, E_VALIDATION_ERROR, "a job is available, running or dead, not \"%s\"", state);
    return db_list(ctx, &list, PARAMS(P(state), P(limit)), queued_job_columns, sizeof(struct queued_job), out);
}

static struct error *retry(struct ctx *ctx, int64_t id, int64_t *retried)
{
    SQL(revive,
        "WITH dead AS (DELETE FROM jobs WHERE state = 'dead' AND (id = $1 OR $1 = 0)"
        "              RETURNING kind, subject, trace, lane),"
        "settled AS (UPDATE decisions d SET done_at = $2, done_by = $3, resolution = 'retried' FROM dead"
        "             WHERE d.kind = 'dead_job' AND d.object = dead.kind || ' ' || dead.subject AND d.done_at IS NULL)"
        "INSERT INTO jobs (kind, subject, run_at, trace, lane)"
        "SELECT DISTINCT ON (kind, subject) kind, subject, domain_now(), trace, lane FROM dead"
        " ORDER BY kind, subject "
        "ON CONFLICT (kind, subject) WHERE state = 'available'"
        "DO UPDATE SET run_at = least(jobs.run_at, excluded.run_at)");

    TRY(db_exec(ctx, &revive, PARAMS(P(id), P(ctx->now), P(ctx->principal.id ? ctx->principal.id : "system")),
        retried));
    if (!*retried)
        return NULL;
    return audit_add(ctx, "job.retried", id ? arena_printf(ctx->arena, "job_%lld", (long long)id) : NULL, NULL);
}

struct error *queue_retry(struct ctx *ctx, int64_t id, int64_t *retried)
{
    return IN_TX(ctx, retry(ctx, id, retried));
}

struct error *queue_retry_work(struct ctx *ctx, const char *work, int64_t *retried)
{
    SQL(find, "SELECT id FROM jobs WHERE state = 'dead' AND kind || ' ' || subject = $1 ORDER BY id LIMIT 1");
    static const struct field id_column[] = { FIELD(struct queued_job, id), FIELD_END };
    struct queued_job job;
    bool found;

    *retried = 0;
    TRY(db_maybe(ctx, &find, PARAMS(P(work)), id_column, &job, &found));
    return found ? queue_retry(ctx, job.id, retried) : NULL;
}

struct error *queue_health(struct ctx *ctx, struct queue_health *out)
{
    SQL(health,
        "SELECT count(*) FILTER (WHERE state = 'dead') AS dead,"
        "       count(*) FILTER (WHERE state = 'available' AND run_at < domain_now() - interval '5 minutes') AS late,"
        "       coalesce(extract(epoch FROM max(domain_now() - run_at) FILTER (WHERE state = 'available')), 0)::bigint"
        "           AS late_seconds,"
        "       count(*) FILTER (WHERE state = 'running' AND lease_until < now() - interval '1 minute') AS stuck,"
        "       count(*) FILTER (WHERE state = 'available' AND run_at <= domain_now()) AS due,"
        "       count(*) FILTER (WHERE state = 'available' AND run_at > domain_now()) AS waiting"
        "  FROM jobs");

    return db_one(ctx, &health, NO_PARAMS, health_columns, out);
}

struct error *queue_periodic(struct ctx *ctx, struct field_list *out)
{
    SQL(list,
        "SELECT kind, error, attempts AS runs,"
        "       extract(epoch FROM now() - created_at)::bigint AS ago_seconds,"
        "       floor(extract(epoch FROM domain_now() - run_at))::bigint AS late_seconds"
        "  FROM jobs WHERE subject = 'periodic' AND state = 'available' ORDER BY kind");
    static const struct field columns[] = {
        FIELD(struct queue_periodic, kind),
        FIELD(struct queue_periodic, error),
        FIELD(struct queue_periodic, runs),
        FIELD(struct queue_periodic, ago_seconds),
        FIELD(struct queue_periodic, late_seconds),
        FIELD_END,
    };

    return db_list(ctx, &list, NO_PARAMS, columns, sizeof(struct queue_periodic), out);
}
