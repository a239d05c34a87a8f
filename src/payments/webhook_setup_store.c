#include "payments/webhook_setup_store.h"

#include "base/config.h"
#include "base/ctx.h"
#include "db/db.h"

static const struct field columns[] = {
    FIELD(struct webhook_secret, id),
    FIELD(struct webhook_secret, provider),
    FIELD(struct webhook_secret, endpoint_id),
    FIELD(struct webhook_secret, url),
    FIELD(struct webhook_secret, secret),
    FIELD(struct webhook_secret, created_at),
    FIELD(struct webhook_secret, retired_at),
    FIELD_END,
};

struct error *webhook_secret_insert(struct ctx *ctx, const struct webhook_secret *secret)
{
    SQL(insert,
        "INSERT INTO webhook_secrets (id, mode, provider, endpoint_id, url, secret, created_at)"
        "VALUES ($1, $2, $3, $4, $5, $6, $7)");

    return db_exec(ctx, &insert,
        PARAMS(P(secret->id), P(mode_names[ctx->config->mode]), P(secret->provider), P(secret->endpoint_id),
            P(secret->url), P(secret->secret), P(secret->created_at)),
        NULL);
}

struct error *webhook_secret_rows(struct ctx *ctx, const char *provider, struct field_list *out)
{
    SQL(rows,
        "SELECT id, provider, endpoint_id, url, secret, created_at, retired_at FROM webhook_secrets"
        " WHERE provider = $1 AND mode = $2 AND (retired_at IS NULL OR retired_at > $3) ORDER BY id DESC");

    return db_list(ctx, &rows, PARAMS(P(provider), P(mode_names[ctx->config->mode]), P(ctx->now)), columns,
        sizeof(struct webhook_secret), out);
}

struct error *webhook_secret_retire(struct ctx *ctx, const char *id, struct instant until)
{
    SQL(retire, "UPDATE webhook_secrets SET retired_at = $2 WHERE id = $1 AND retired_at IS NULL");

    return db_exec(ctx, &retire, PARAMS(P(id), P(until)), NULL);
}
