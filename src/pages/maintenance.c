#include "pages/maintenance.h"

#include <string.h>

#include "access/retention.h"
#include "base/ctx.h"
#include "events/audit.h"
#include "events/decision.h"
#include "jobs/job.h"
#include "jobs/maintenance.h"
#include "payments/reconcile.h"
#include "payments/recover.h"
#include "payments/sweep.h"
#include "web/reply.h"
#include "web/request.h"

#define JOBS_AT_ONCE 1000
#define PAGE 50

static struct error *work_jobs(struct ctx *ctx, const char *name, json_int_t before, json_t **result)
{
    struct principal who = ctx->principal;
    const char *trace = ctx->trace;
    int done;
    struct error *error = job_work(ctx, JOBS_AT_ONCE, &done);

    ctx->principal = who; // each job acts for the system
    ctx->trace = trace;
    TRY(error);
    *result = json_in(ctx->arena, json_pack("{sI, si}", name, before, "jobs_done", done));
    return NULL;
}

static struct error *resolve(struct ctx *ctx, void *order, json_t **result)
{
    int64_t stale;

    (void)order;
    TRY(recover_stale(ctx, &stale));
    return work_jobs(ctx, "looked_at", stale, result);
}

static struct error *sweep(struct ctx *ctx, void *order, json_t **result)
{
    int64_t found;

    (void)order;
    TRY(sweep_run(ctx, &found));
    return work_jobs(ctx, "events_found", found, result);
}

static struct error *jobs(struct ctx *ctx, void *order, json_t **result)
{
    (void)order;
    return work_jobs(ctx, "asked_for", JOBS_AT_ONCE, result);
}

static struct error *retention(struct ctx *ctx, void *order, json_t **result)
{
    (void)order;
    TRY(retention_run(ctx));
    *result = json_in(ctx->arena, json_pack("{sb}", "done", 1));
    return NULL;
}

static struct error *seal_log(struct ctx *ctx, void *order, json_t **result)
{
    int64_t sealed;

    (void)order;
    TRY(audit_seal(ctx, &sealed));
    *result = json_in(ctx->arena, json_pack("{sI}", "sealed", (json_int_t)sealed));
    return NULL;
}

static const struct {
    const char *kind;
    struct error *(*work)(struct ctx *ctx, void *order, json_t **result);
} kinds[] = {
    { "resolve", resolve },
    { "sweep", sweep },
    { "jobs", jobs },
    { "retention", retention },
    { "seal", seal_log },
};

struct ran {
    const char *kind, *status;
    struct instant started_at, finished_at;
    json_t *result;
};

const struct field maintenance_ran_shown[] = {
    FIELD(struct ran, kind),
    FIELD(struct ran, status, .summary = "done, or already_running: then another call does it"),
    FIELD(struct ran, started_at),
    FIELD(struct ran, finished_at),
    FIELD(struct ran, result, .object = true, .summary = "What was done, in numbers"),
    FIELD_END,
};

static struct error *run(struct request *r, const char *kind,
    struct error *(*work)(struct ctx *ctx, void *order, json_t **result), void *order)
{
    struct maintenance_run last;
    bool busy;

    r->ctx->deadline_ms = 0; // nobody waits at a till for this
    TRY(maintenance_run(r->ctx, kind, work, order, &last, &busy));
    struct ran ran = { kind, busy ? "already_running" : "done", last.started_at, last.finished_at, last.result };
    return reply_json(r, 200, maintenance_ran_shown, &ran);
}

struct error *maintenance_api_run(struct request *r)
{
    const char *kind = request_path(r, "kind");

    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (!strcmp(kinds[i].kind, kind))
            return run(r, kind, kinds[i].work, NULL);
    return error_new(r->ctx, E_NOT_FOUND,
        "There is no maintenance of this kind; there are resolve, sweep, reconcile, jobs, retention and seal.");
}

struct times {
    const char *from, *to;
};

const struct field maintenance_reconcile_asked[] = {
    FIELD(struct times, from, .optional = true, .max = 40,
        .summary = "A date or a time, UTC; yesterday when neither is given, and until now without to"),
    FIELD(struct times, to, .optional = true, .max = 40, .summary = "The same. A date is compared whole"),
    FIELD_END,
};

struct error *maintenance_api_reconcile(struct request *r)
{
    struct times times = { 0 };
    struct reconcile_order order = { 0 };

    TRY(request_json(r, maintenance_reconcile_asked, &times));
    TRY(window_read(r->ctx, times.from, times.to, &order.window));
    return run(r, "reconcile", reconcile_work, &order);
}

struct error *maintenance_api_list(struct request *r)
{
    struct field_list runs;

    TRY(maintenance_list(r->ctx, &runs));
    return reply_list(r, maintenance_shown, sizeof(struct maintenance_run), &runs, NULL);
}

struct page {
    int64_t limit;
    const char *cursor;
};

const struct field maintenance_decisions_query[] = {
    FIELD(struct page, limit, .optional = true, .min = 1, .max = 100),
    FIELD_CURSOR(struct page, "dec"),
    FIELD_END,
};

struct error *maintenance_api_decisions(struct request *r)
{
    struct page page = { .limit = PAGE };
    struct field_list decisions;
    const char *cursor = NULL;

    TRY(request_query_fields(r, maintenance_decisions_query, &page));
    TRY(decision_list(r->ctx, &(struct decision_filter){ .cursor = page.cursor, .limit = page.limit + 1 }, &decisions));
    if ((int64_t)decisions.count > page.limit)
        cursor = ((const struct decision *)decisions.items)[--decisions.count - 1].id;
    return reply_list(r, decision_shown, sizeof(struct decision), &decisions, cursor);
}
