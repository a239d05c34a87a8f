#include "payments/statistics_store.h"

#include "base/config.h"
#include "base/ctx.h"
#include "db/db.h"

/* $1 from, $2 to, $3 mode. Cells, and what is not in them yet. */
#define CELLS                                                                                                          \
    "(SELECT hour, measure, mode, currency, provider, method, class, count, amount FROM statistics"                    \
    "   WHERE hour >= $1 AND hour < $2 AND mode IN ($3, '')"                                                           \
    " UNION ALL SELECT hour, measure, mode, currency, provider, method, class, count, amount FROM statistics_changes"  \
    "   WHERE hour >= $1 AND hour < $2 AND mode IN ($3, '')) AS cells"
#define SUMS " sum(count)::bigint AS count, sum(amount)::bigint AS amount FROM " CELLS
#define NOT_NOTHING " HAVING sum(count) <> 0 OR sum(amount) <> 0"

static const struct field columns[] = {
    FIELD(struct figure, measure),
    FIELD(struct figure, class),
    FIELD(struct figure, currency),
    FIELD(struct figure, provider),
    FIELD(struct figure, method),
    FIELD(struct figure, count),
    FIELD(struct figure, amount),
    FIELD_END,
};

static const struct field day_columns[] = {
    FIELD(struct figure, day),
    FIELD(struct figure, measure),
    FIELD(struct figure, class),
    FIELD(struct figure, currency),
    FIELD(struct figure, provider),
    FIELD(struct figure, method),
    FIELD(struct figure, count),
    FIELD(struct figure, amount),
    FIELD_END,
};

struct error *statistics_by_day(struct ctx *ctx, struct instant from, struct instant to, struct field_list *out)
{
    SQL(by_day,
        "SELECT date_trunc('day', hour, 'UTC') AS day, measure, class, currency, '' AS provider, '' AS method," SUMS
        " GROUP BY 1, 2, 3, 4" NOT_NOTHING " ORDER BY 1, 2, 3, 4");

    return db_list(ctx, &by_day, PARAMS(P(from), P(to), P(mode_names[ctx->config->mode])), day_columns,
        sizeof(struct figure), out);
}

struct error *statistics_sums(struct ctx *ctx, struct instant from, struct instant to, struct field_list *out)
{
    SQL(sums,
        "SELECT measure, class, currency, provider, method," SUMS " GROUP BY 1, 2, 3, 4, 5" NOT_NOTHING
        " ORDER BY 1, 2, 3, 4, 5");

    return db_list(ctx, &sums, PARAMS(P(from), P(to), P(mode_names[ctx->config->mode])), columns, sizeof(struct figure),
        out);
}

struct error *statistics_refused(struct ctx *ctx, const char *provider, const char *class)
{
    SQL(refused, "SELECT count_change($1, 'webhook', '', '', $2, 'refused', $3, 1, 0)");

    return db_exec(ctx, &refused, PARAMS(P(ctx->now), P(provider), P(class)), NULL);
}

/* One folds at a time; another has nothing to do then. */
struct error *statistics_fold(struct ctx *ctx, int64_t limit, int64_t *folded)
{
    SQL(fold,
        "WITH taken AS (DELETE FROM statistics_changes"
        "                WHERE (SELECT pg_try_advisory_xact_lock(hashtext('statistics')))"
        "                  AND id <= (SELECT max(id) FROM (SELECT id FROM statistics_changes ORDER BY id LIMIT $1) f)"
        "               RETURNING *)"
        "INSERT INTO statistics AS s (hour, measure, mode, currency, provider, method, class, count, amount)"
        "SELECT hour, measure, mode, currency, provider, method, class, sum(count)::bigint, sum(amount)::bigint"
        "  FROM taken GROUP BY 1, 2, 3, 4, 5, 6, 7 ORDER BY 1, 2, 3, 4, 5, 6, 7 "
        "ON CONFLICT (hour, measure, mode, currency, provider, method, class)"
        "DO UPDATE SET count = s.count + excluded.count, amount = s.amount + excluded.amount");

    return db_exec(ctx, &fold, PARAMS(P(limit)), folded);
}
