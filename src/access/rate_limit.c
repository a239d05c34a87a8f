#include "access/rate_limit.h"

#include "base/ctx.h"
#include "db/db.h"

struct instant rate_limit_window(const struct ctx *ctx, int64_t window)
{
    int64_t now = instant_to_unix(ctx->now);

    return (struct instant){ (now - now % window) * 1000000 };
}

struct error *rate_limit_judge(struct ctx *ctx, int64_t used, int64_t limit, int64_t window, struct rate_limit *out)
{
    *out = (struct rate_limit){
        .limit = limit,
        .remaining = used < limit ? limit - used : 0,
        .reset = window - instant_to_unix(ctx->now) % window,
    };
    if (used <= limit)
        return NULL;
    struct error *error =
        error_new(ctx, E_RATE_LIMITED, "Too many requests; please try again in %lld seconds.", (long long)out->reset);
    error->retry_after = (int)out->reset;
    return error;
}

struct error *rate_limit_count(struct ctx *ctx, const char *subject, int64_t limit, int64_t window,
    struct rate_limit *out)
{
    SQL(count, RATE_LIMIT_COUNT("$1", "$2::timestamptz", ""));
    struct row {
        int64_t used;
    } row;
    static const struct field columns[] = { FIELD(struct row, used), FIELD_END };

    TRY(db_one(ctx, &count, PARAMS(P(subject), P(rate_limit_window(ctx, window))), columns, &row));
    return rate_limit_judge(ctx, row.used, limit, window, out);
}
