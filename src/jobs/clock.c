#include "jobs/clock.h"

#include "base/config.h"
#include "base/ctx.h"
#include "base/field.h"
#include "db/db.h"
#include "events/audit.h"

static struct error *move(struct ctx *ctx, int64_t offset_seconds)
{
    SQL(set, "UPDATE clock SET offset_seconds = $1");

    TRY(db_exec(ctx, &set, PARAMS(P(offset_seconds)), NULL));
    return audit_add(ctx, "clock.moved", NULL,
        json_in(ctx->arena, json_pack("{sI}", "offset", (json_int_t)offset_seconds)));
}

struct error *clock_move(struct ctx *ctx, int64_t offset_seconds)
{
    if (ctx->config->mode != MODE_TEST)
        return error_new(ctx, E_FORBIDDEN, "Time moves by itself in live mode.");
    TRY(IN_TX(ctx, move(ctx, offset_seconds)));
    clock_set_offset(offset_seconds);
    return NULL;
}

struct error *clock_follow(struct ctx *ctx)
{
    SQL(read, "SELECT offset_seconds AS seconds FROM clock");
    struct row {
        int64_t seconds;
    } row;
    static const struct field columns[] = { FIELD(struct row, seconds), FIELD_END };

    if (ctx->config->mode != MODE_TEST)
        return NULL;
    TRY(db_one(ctx, &read, NO_PARAMS, columns, &row));
    clock_set_offset(row.seconds);
    ctx->now = clock_now();
    return NULL;
}
