#include "jobs/maintenance.h"

#include "base/ctx.h"
#include "db/db.h"
#include "events/audit.h"

#define DEAD_AFTER_SECONDS 900

const struct field maintenance_shown[] = {
    FIELD(struct maintenance_run, kind),
    FIELD(struct maintenance_run, started_at),
    FIELD(struct maintenance_run, finished_at),
    FIELD(struct maintenance_run, result),
    FIELD_END,
};

static struct error *begin(struct ctx *ctx, const char *kind, bool *busy)
{
    SQL(start,
        "INSERT INTO maintenance_runs AS m (kind, started_at) VALUES ($1, now())"
        "ON CONFLICT (kind) DO UPDATE SET started_at = excluded.started_at, finished_at = NULL, result = NULL"
        " WHERE m.finished_at IS NOT NULL OR m.started_at < now() - make_interval(secs => $2)");
    int64_t affected;

    TRY(db_exec(ctx, &start, PARAMS(P(kind), P(DEAD_AFTER_SECONDS)), &affected));
    *busy = !affected;
    return affected ? audit_add(ctx, "maintenance.started", kind, NULL) : NULL;
}

static struct error *end(struct ctx *ctx, const char *kind, json_t *result)
{
    SQL(finish, "UPDATE maintenance_runs SET finished_at = clock_timestamp(), result = $2 WHERE kind = $1");

    return db_exec(ctx, &finish, PARAMS(P(kind), P(result)), NULL);
}

static struct error *last(struct ctx *ctx, const char *kind, struct maintenance_run *out)
{
    SQL(get, "SELECT kind, started_at, finished_at, result FROM maintenance_runs WHERE kind = $1");

    return db_one(ctx, &get, PARAMS(P(kind)), maintenance_shown, out);
}

struct error *maintenance_run(struct ctx *ctx, const char *kind,
    struct error *(*work)(struct ctx *ctx, void *order, json_t **result), void *order, struct maintenance_run *out,
    bool *busy)
{
    json_t *result = NULL;

    *busy = false;
    TRY(IN_TX(ctx, begin(ctx, kind, busy)));
    if (!*busy) {
        struct error *error = work(ctx, order, &result);
        TRY(end(ctx, kind, error ? json_in(ctx->arena, json_pack("{ss}", "error", error_name(error->code))) : result));
        TRY(error);
    }
    return last(ctx, kind, out);
}

struct error *maintenance_list(struct ctx *ctx, struct field_list *out)
{
    SQL(list, "SELECT kind, started_at, finished_at, result FROM maintenance_runs ORDER BY kind");

    return db_list(ctx, &list, NO_PARAMS, maintenance_shown, sizeof(struct maintenance_run), out);
}
