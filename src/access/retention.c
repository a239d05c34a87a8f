#include "access/retention.h"

#include "access/session.h"
#include "base/ctx.h"
#include "db/db.h"

struct error *retention_run(struct ctx *ctx)
{
    SQL(forget_keys,
        "DELETE FROM idempotency_keys WHERE key IN"
        " (SELECT key FROM idempotency_keys WHERE expires_at < $1 ORDER BY expires_at LIMIT 10000)");
    SQL(forget_counters, "DELETE FROM rate_limits WHERE window_start < $1::timestamptz - interval '2 hours'");

    TRY(db_exec(ctx, &forget_keys, PARAMS(P(ctx->now)), NULL));
    TRY(db_exec(ctx, &forget_counters, PARAMS(P(ctx->now)), NULL));
    return session_forget(ctx);
}
