#include "access/idempotency.h"

#include <string.h>

#include "base/arena.h"
#include "base/crypto.h"
#include "base/error.h"
#include "base/field.h"
#include "base/instant.h"
#include "base/log.h"
#include "db/db.h"

#define HOLD_SECONDS 60
#define KEPT_SECONDS (24 * 3600)

struct row {
    struct bytes fingerprint;
    const char *resource;
    bool held;
    int status;
    const char *content_type;
    struct bytes answer;
};

static const struct field columns[] = {
    FIELD(struct row, fingerprint),
    FIELD(struct row, resource),
    FIELD(struct row, held),
    FIELD(struct row, status),
    FIELD(struct row, content_type),
    FIELD(struct row, answer),
    FIELD_END,
};

static struct bytes key_of(const struct idempotency *idempotency)
{
    return (struct bytes){ idempotency->key, sizeof idempotency->key };
}

static const char *place_of(struct ctx *ctx)
{
    return arena_printf(ctx->arena, "idempotency_keys.answer:%s", hex_encode(ctx->arena, key_of(ctx->idempotency)));
}

static struct error *in_progress(struct ctx *ctx)
{
    struct error *error = error_new(ctx, E_IDEMPOTENCY_IN_PROGRESS,
        "A request with this idempotency key is still running; send it again in a moment for its answer.");

    error->retry_after = 1;
    return error;
}

static struct error *judge(struct ctx *ctx, const struct row *row, struct stored_answer *answer)
{
    struct idempotency *idempotency = ctx->idempotency;
    struct bytes fingerprint = { idempotency->fingerprint, sizeof idempotency->fingerprint };

    if (!same_bytes(row->fingerprint, fingerprint))
        return error_new(ctx, E_IDEMPOTENCY_MISMATCH,
            "This idempotency key was used with another request; use a new key for a new request.");
    if (!row->status && row->held)
        return in_progress(ctx);
    idempotency->resource = row->resource;
    if (!row->status)
        return NULL;
    *answer = (struct stored_answer){ .found = true, .status = row->status, .content_type = row->content_type };
    return unseal(ctx, place_of(ctx), row->answer, &answer->body);
}

struct error *idempotency_find(struct ctx *ctx, struct stored_answer *answer)
{
    SQL(find,
        "SELECT fingerprint, resource, held_until > now() AS held, status, content_type, answer"
        "  FROM idempotency_keys WHERE key = $1 AND expires_at > $2");
    struct row row;
    bool found;

    *answer = (struct stored_answer){ 0 };
    TRY(db_maybe(ctx, &find, PARAMS(P(key_of(ctx->idempotency)), P(ctx->now)), columns, &row, &found));
    return found ? judge(ctx, &row, answer) : NULL;
}

static void mark_taken(void *idempotency)
{
    ((struct idempotency *)idempotency)->taken = true;
}

/* The row is new, or expired, or of a run that died: then it is ours. Otherwise somebody was faster. */
bool idempotency_is_taken_over(const struct ctx *ctx)
{
    return ctx->idempotency && ctx->idempotency->resource;
}

struct error *idempotency_take(struct ctx *ctx, const char *resource)
{
    SQL_ROWS(take,
        "WITH given AS ("
        "  SELECT * FROM unnest($1::bytea[], $2::bytea[], $3::text[], $4::text[], $5::text[], $6::int[],"
        "                       $7::timestamptz[], $8::int[])"
        "         WITH ORDINALITY AS g (key, fingerprint, caller, operation, resource, hold, at, keep, place)"
        "   WHERE" PLANNED_ONCE "),"
        " taken AS ("
        "INSERT INTO idempotency_keys AS k (key, fingerprint, caller, operation, resource, held_until, created_at, "
        "expires_at)"
        "SELECT key, fingerprint, caller, operation, resource, now() + make_interval(secs => hold), at,"
        "       at + make_interval(secs => keep) FROM given "
        "ON CONFLICT (key) DO UPDATE"
        "   SET fingerprint = excluded.fingerprint, resource = excluded.resource, held_until = excluded.held_until,"
        "       status = NULL, content_type = NULL, answer = NULL, created_at = excluded.created_at,"
        "       expires_at = excluded.expires_at"
        " WHERE k.expires_at <= excluded.created_at"
        "    OR (k.status IS NULL AND k.held_until <= now() AND k.fingerprint = excluded.fingerprint"
        "        AND (k.resource IS NULL OR k.resource = excluded.resource))"
        "RETURNING key) "
        "SELECT place FROM given JOIN taken USING (key)");
    int64_t affected;

    if (!ctx->idempotency || ctx->idempotency->held)
        return NULL;
    struct bytes fingerprint = { ctx->idempotency->fingerprint, sizeof ctx->idempotency->fingerprint };
    struct error *error = db_exec(ctx, &take,
        PARAMS(P(key_of(ctx->idempotency)), P(fingerprint), P(ctx->principal.id), P(ctx->idempotency->operation),
            P(resource), P(HOLD_SECONDS), P(ctx->now), P(KEPT_SECONDS)),
        &affected);
    if (error && error->code == E_DB_ERROR)
        return error_cause(ctx, error_new(ctx, E_IDEMPOTENCY_ERROR, "The idempotency key could not be stored."), "%s",
            error->cause);
    TRY(error);
    if (!affected) {
        struct stored_answer answer;
        TRY(idempotency_find(ctx, &answer));
        return in_progress(ctx); // answered a moment ago: the next try gets it
    }
    tx_after_commit(ctx, mark_taken,
        ctx->idempotency); // whoever is undone must not answer for the one who takes it then
    return NULL;
}

struct error *idempotency_finish(struct ctx *ctx, int status, const char *content_type, struct bytes body)
{
    SQL_ROWS(store,
        "UPDATE idempotency_keys k SET status = g.status, content_type = g.content_type, answer = g.answer"
        "  FROM unnest($1::bytea[], $2::int[], $3::text[], $4::bytea[])"
        "  WITH ORDINALITY AS g (key, status, content_type, answer, place)"
        " WHERE k.key = g.key AND k.status IS NULL AND" PLANNED_ONCE);
    SQL(release, "UPDATE idempotency_keys SET held_until = now() WHERE key = $1 AND status IS NULL");

    if (!ctx->idempotency || !ctx->idempotency->taken)
        return NULL;
    if (status >= 500)
        return db_exec(ctx, &release, PARAMS(P(key_of(ctx->idempotency))), NULL);
    return db_send_shared(ctx, &store,
        PARAMS(P(key_of(ctx->idempotency)), P(status), P(content_type), P(seal(ctx, place_of(ctx), body))));
}

/* For people who look ---------------------------------------------------------------------------------------------- */

struct error *idempotency_count_hit(struct ctx *ctx)
{
    SQL(count, "UPDATE idempotency_keys SET hits = hits + 1 WHERE key = $1");

    return db_exec(ctx, &count, PARAMS(P(key_of(ctx->idempotency))), NULL);
}

/* In the order in which they expire, which is that in which they came. */
struct error *idempotency_uses(struct ctx *ctx, const struct idempotency_use_filter *filter, struct field_list *out)
{
    SQL(uses,
        "SELECT caller, operation, resource, coalesce(status, 0) AS status, hits, created_at, encode(key, 'hex') AS key"
        "  FROM (SELECT * FROM idempotency_keys WHERE expires_at > $1 AND ($2::text IS NULL OR (expires_at, key) <"
        "               (SELECT k.expires_at, k.key FROM idempotency_keys k WHERE k.key = decode($2, 'hex')))"
        "         ORDER BY expires_at DESC, key DESC LIMIT $3) AS newest"
        " WHERE ($4::text IS NULL OR caller = $4) AND (NOT $5 OR status >= 400)"
        " ORDER BY expires_at DESC, newest.key DESC LIMIT $6");
    static const struct field use_columns[] = {
        FIELD(struct idempotency_use, caller),
        FIELD(struct idempotency_use, operation),
        FIELD(struct idempotency_use, resource),
        FIELD(struct idempotency_use, status),
        FIELD(struct idempotency_use, hits),
        FIELD(struct idempotency_use, created_at),
        FIELD(struct idempotency_use, key),
        FIELD_END,
    };

    return db_list(ctx, &uses,
        PARAMS(P(ctx->now), P(filter->after), P(IDEMPOTENCY_SEARCHED), P(filter->caller), P(filter->refused),
            P(filter->limit)),
        use_columns, sizeof(struct idempotency_use), out);
}
