#include "access/rate_limit.h"

#include "base/ctx.h"
#include "db/db.h"

struct error *rate_limit_count(struct ctx *ctx, const char *subject, int64_t limit, int64_t window,
    struct rate_limit *out)
{
    SQL(count,
        "INSERT INTO rate_limits AS r (subject, window_start, used)"
        "VALUES ($1, to_timestamp($2::bigint - $2::bigint % $3::bigint), 1)"
        "ON CONFLICT (subject, window_start) DO UPDATE SET used = r.used + 1 "
        "RETURNING used");
    struct row {
        int64_t used;
    } row;
    static const struct field columns[] = { FIELD(struct row, used), FIELD_END };
    int64_t now = instant_to_unix(ctx->now);

    TRY(db_one(ctx, &count, PARAMS(P(subject), P(now), P(window)), columns, &row));
    *out = (struct rate_limit){
        .limit = limit,
        .remaining = row.used < limit ? limit - row.used : 0,
        .reset = window - now % window,
    };
    if (row.used <= limit)
        return NULL;
    struct error *error =
        error_new(ctx, E_RATE_LIMITED, "Too many requests; please try again in %lld seconds.", (long long)out->reset);
    error->retry_after = (int)out->reset;
    return error;
}
