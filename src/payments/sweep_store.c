#include "payments/sweep_store.h"

#include "base/ctx.h"
#include "db/db.h"

struct error *sweep_get(struct ctx *ctx, const char *provider, struct sweep *out)
{
    SQL(get, "SELECT last_event_id, swept_until FROM sweeps WHERE provider = $1");
    static const struct field columns[] = {
        FIELD(struct sweep, last_event_id),
        FIELD(struct sweep, swept_until),
        FIELD_END,
    };
    bool found;

    *out = (struct sweep){ 0 };
    return db_maybe(ctx, &get, PARAMS(P(provider)), columns, out, &found);
}

struct error *sweep_put(struct ctx *ctx, const char *provider, const struct sweep *sweep)
{
    SQL(put,
        "INSERT INTO sweeps (provider, last_event_id, swept_until, ran_at) VALUES ($1, $2, $3, $4)"
        "ON CONFLICT (provider) DO UPDATE SET last_event_id = excluded.last_event_id,"
        " swept_until = excluded.swept_until, ran_at = excluded.ran_at");

    return db_exec(ctx, &put, PARAMS(P(provider), P(sweep->last_event_id), P(sweep->swept_until), P(ctx->now)), NULL);
}
