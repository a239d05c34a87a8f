#include "events/event.h"

#include "base/ctx.h"
#include "base/id.h"
#include "db/db.h"

struct error *event_add(struct ctx *ctx, const char *type, const char *object_id, json_t *object)
{
    SQL(insert, "INSERT INTO events (id, type, object_id, payload, created_at) VALUES ($1, $2, $3, $4, $5)");

    return db_exec(ctx, &insert, PARAMS(P(id_new(ctx, "evt")), P(type), P(object_id), P(object), P(ctx->now)), NULL);
}
