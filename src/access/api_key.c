#include "access/api_key.h"

#include <string.h>

#include "base/arena.h"
#include "base/config.h"
#include "base/crypto.h"
#include "db/db.h"
#include "events/audit.h"

#define ID_LENGTH 12
#define SECRET_LENGTH 43 // of 62 letters: 256 bits

const char *const api_key_scopes[] = { "*", "payments:read", "payments:write", "refunds:write", "refunds:bulk",
    "disputes:read", "disputes:write", "customers:read", "customers:write", "customers:reveal", "customers:erase",
    "methods:read", "methods:write", "checkout:read", "checkout:write", "webhooks:read", "webhooks:write",
    "events:read", "endpoints:read", "endpoints:write", "maintenance:run", "reports:read", "decisions:read",
    "clock:write", NULL };

const struct field api_key_columns[] = {
    FIELD(struct api_key, id),
    FIELD(struct api_key, name),
    FIELD(struct api_key, mode, .names = mode_names),
    FIELD(struct api_key, scopes),
    FIELD(struct api_key, created_at),
    FIELD(struct api_key, last_used_at),
    FIELD(struct api_key, revoked_at),
    FIELD_END,
};

static char *random_letters(struct ctx *ctx, size_t count)
{
    static const char letters[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    char *out = arena_alloc(ctx->arena, count + 1);
    uint8_t byte;

    for (size_t i = 0; i < count;) {
        crypto_random(&byte, 1);
        if (byte < 248) // 4 * 62: no letter is likelier than another
            out[i++] = letters[byte % 62];
    }
    return out;
}

static void hash_secret(struct ctx *ctx, const char *secret, uint8_t out[32])
{
    uint8_t pepper[32];

    keyring_derive(ctx->config->keyring, "api-key", pepper);
    hmac_sha256((struct bytes){ pepper, sizeof pepper }, bytes_of(secret), out);
    wipe(pepper, sizeof pepper);
}

static bool scopes_are_known(struct ctx *ctx, const char *scopes)
{
    char *list = arena_strdup(ctx->arena, scopes), *rest = NULL;
    bool any = false;

    for (char *scope = strtok_r(list, " ", &rest); scope; scope = strtok_r(NULL, " ", &rest)) {
        any = true;
        if (name_index(api_key_scopes, scope) < 0)
            return false;
    }
    return any;
}

static struct error *insert(struct ctx *ctx, const struct api_key *key, struct bytes hash)
{
    SQL(insert,
        "INSERT INTO api_keys (id, name, mode, secret_hash, scopes, created_at) VALUES ($1, $2, $3, $4, $5, $6)");

    TRY(db_exec(ctx, &insert,
        PARAMS(P(key->id), P(key->name), P(mode_names[key->mode]), P(hash), P(key->scopes), P(key->created_at)), NULL));
    return audit_add(ctx, "api_key.created", key->id, json_in(ctx->arena, json_pack("{ss}", "scopes", key->scopes)));
}

struct error *api_key_create(struct ctx *ctx, const char *name, const char *scopes, struct api_key *out,
    const char **secret)
{
    uint8_t hash[32];

    if (!scopes_are_known(ctx, scopes)) {
        struct error *error = NULL;
        error_add_field(ctx, &error, "#/scopes", "must be names of scopes, separated by spaces");
        return error;
    }
    *out = (struct api_key){
        .id = random_letters(ctx, ID_LENGTH),
        .name = name,
        .mode = ctx->config->mode,
        .scopes = scopes,
        .created_at = ctx->now,
    };
    const char *letters = random_letters(ctx, SECRET_LENGTH);
    hash_secret(ctx, letters, hash);
    *secret = arena_printf(ctx->arena, "till_%s_%s_%s", mode_names[out->mode], out->id, letters);
    return IN_TX(ctx, insert(ctx, out, (struct bytes){ hash, sizeof hash }));
}

struct error *api_key_list(struct ctx *ctx, struct field_list *out)
{
    SQL(list,
        "SELECT id, name, mode, scopes, created_at, last_used_at, revoked_at FROM api_keys ORDER BY created_at, id");

    return db_list(ctx, &list, NO_PARAMS, api_key_columns, sizeof(struct api_key), out);
}

static struct error *revoke(struct ctx *ctx, const char *id)
{
    SQL(revoke, "UPDATE api_keys SET revoked_at = $2 WHERE id = $1 AND revoked_at IS NULL");
    int64_t affected;

    TRY(db_exec(ctx, &revoke, PARAMS(P(id), P(ctx->now)), &affected));
    if (!affected)
        return error_new(ctx, E_NOT_FOUND, "There is no key %s that is still good.", id);
    return audit_add(ctx, "api_key.revoked", id, NULL);
}

struct error *api_key_revoke(struct ctx *ctx, const char *id)
{
    return IN_TX(ctx, revoke(ctx, id));
}

/* The parts of "till_test_<id>_<secret>"; false when it has another form. */
static bool split(struct ctx *ctx, const char *key, const char **id, const char **secret)
{
    const char *prefix = arena_printf(ctx->arena, "till_%s_", mode_names[ctx->config->mode]);
    size_t length = strlen(prefix);

    if (strncmp(key, prefix, length) || strlen(key) != length + ID_LENGTH + 1 + SECRET_LENGTH
        || key[length + ID_LENGTH] != '_')
        return false;
    *id = arena_strndup(ctx->arena, key + length, ID_LENGTH);
    *secret = key + length + ID_LENGTH + 1;
    return true;
}

/* The hash is one under a key of ours: how long it takes to compare says nothing about what would have been right. */
struct error *api_key_check(struct ctx *ctx, const char *key, struct principal *out, struct rate_limit *limit)
{
    SQL(use,
        "WITH key AS (SELECT id, scopes, coalesce(last_used_at < $2::timestamptz - interval '1 minute', true) AS stale"
        "               FROM api_keys WHERE id = $1 AND mode = $3 AND secret_hash = $4 AND revoked_at IS NULL),"
        " counted AS (" RATE_LIMIT_COUNT("'api_key:' || id", "$5::timestamptz",
            " FROM key") ") "
                         "SELECT id, scopes, stale, used FROM key, counted");
    SQL(touch, "UPDATE api_keys SET last_used_at = $2 WHERE id = $1");
    struct row {
        const char *id, *scopes;
        bool stale;
        int64_t used;
    } row;
    static const struct field columns[] = {
        FIELD(struct row, id),
        FIELD(struct row, scopes),
        FIELD(struct row, stale),
        FIELD(struct row, used),
        FIELD_END,
    };
    int64_t window = ctx->config->rate_limit_window;
    const char *id, *secret;
    uint8_t hash[32];
    bool found = false;

    if (split(ctx, key, &id, &secret)) {
        hash_secret(ctx, secret, hash);
        TRY(db_maybe(ctx, &use,
            PARAMS(P(id), P(ctx->now), P(mode_names[ctx->config->mode]), P(((struct bytes){ hash, sizeof hash })),
                P(rate_limit_window(ctx, window))),
            columns, &row, &found));
    }
    if (!found)
        return error_new(ctx, E_UNAUTHENTICATED, "The API key is not valid.");
    *out = (struct principal){ .kind = PRINCIPAL_API_KEY, .id = row.id, .scopes = row.scopes };
    TRY(rate_limit_judge(ctx, row.used, ctx->config->rate_limit_requests, window, limit));
    return row.stale ? db_exec(ctx, &touch, PARAMS(P(row.id), P(ctx->now)), NULL) : NULL;
}
