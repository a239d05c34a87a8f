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

struct started {
    struct instant at; // which run it is: the end of one that was taken for dead is not the end of its successor
};

static struct error *begin(struct ctx *ctx, const char *kind, struct started *out, bool *busy)
{
    SQL(start,
        "INSERT INTO maintenance_runs AS m (kind, started_at) VALUES ($1, clock_timestamp())"
        "ON CONFLICT (kind) DO UPDATE SET started_at = excluded.started_at, alive_at = excluded.alive_at,"
        "  finished_at = NULL, result = NULL"
        " WHERE m.finished_at IS NOT NULL OR m.alive_at < now() - make_interval(secs => $2)"
        " RETURNING started_at AS at");
    static const struct field started[] = { FIELD(struct started, at), FIELD_END };
    bool found;

    TRY(db_maybe(ctx, &start, PARAMS(P(kind), P(DEAD_AFTER_SECONDS)), started, out, &found));
    *busy = !found;
    return found ? audit_add(ctx, "maintenance.started", kind, NULL) : NULL;
}

struct error *maintenance_alive(struct ctx *ctx, const char *kind)
{
    SQL(alive, "UPDATE maintenance_runs SET alive_at = now() WHERE kind = $1 AND finished_at IS NULL");

    return db_exec(ctx, &alive, PARAMS(P(kind)), NULL);
}

static struct error *end(struct ctx *ctx, const char *kind, struct started started, json_t *result)
{
    SQL(finish,
        "UPDATE maintenance_runs SET finished_at = clock_timestamp(), result = $3 WHERE kind = $1 AND started_at = $2");

    return db_exec(ctx, &finish, PARAMS(P(kind), P(started.at), P(result)), NULL);
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
    struct started started = { 0 };

    *busy = false;
    TRY(IN_TX(ctx, begin(ctx, kind, &started, busy)));
    if (!*busy) {
        struct error *error = work(ctx, order, &result);
        TRY(end(ctx, kind, started,
            error ? json_in(ctx->arena, json_pack("{ss}", "error", error_name(error->code))) : result));
        TRY(error);
    }
    return last(ctx, kind, out);
}

struct error *maintenance_list(struct ctx *ctx, struct field_list *out)
{
    SQL(list, "SELECT kind, started_at, finished_at, result FROM maintenance_runs ORDER BY kind");

    return db_list(ctx, &list, NO_PARAMS, maintenance_shown, sizeof(struct maintenance_run), out);
}
