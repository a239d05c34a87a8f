#include "access/session.h"

#include <string.h>

#include "access/csrf.h"
#include "access/user.h"
#include "base/arena.h"
#include "base/config.h"
#include "base/crypto.h"
#include "base/ctx.h"
#include "base/id.h"
#include "db/db.h"
#include "events/audit.h"
#include "web/percent.h"
#include "web/reply.h"
#include "web/request.h"

#define TOKEN_SIZE 32

const struct field session_columns[] = {
    FIELD(struct session, id),
    FIELD(struct session, user_id),
    FIELD(struct session, role, .names = role_names),
    FIELD(struct session, has_second_factor),
    FIELD(struct session, address),
    FIELD(struct session, user_agent),
    FIELD(struct session, created_at),
    FIELD(struct session, seen_at),
    FIELD(struct session, stepped_up_at),
    FIELD(struct session, ended_at),
    FIELD(struct session, flash),
    FIELD_END,
};

#define COLUMNS                                                                                                        \
    "s.id, s.user_id, u.role, u.totp_set_at IS NOT NULL AS has_second_factor, s.address, s.user_agent, s.created_at,"  \
    " s.seen_at, s.stepped_up_at, s.ended_at, s.flash"
#define FROM " FROM operator_sessions s JOIN users u ON u.id = s.user_id"
/* $1 is the time; what is due at this moment is over. */
#define GOOD                                                                                                           \
    " s.ended_at IS NULL AND u.state = 'active' AND s.seen_at > $1::timestamptz - interval '15 minutes'"               \
    " AND s.created_at > $1::timestamptz - interval '12 hours'"

/* The cookie ------------------------------------------------------------------------------------------------------- */

static bool is_tls(const struct ctx *ctx)
{
    return strncmp(ctx->config->url, "https://", 8) == 0;
}

/* A name with this prefix is only taken with Secure, which a browser does not take without TLS. */
static const char *cookie_name(const struct ctx *ctx)
{
    return is_tls(ctx) ? "__Host-sid" : "sid";
}

void session_give(struct request *r, const char *token)
{
    reply_header(r, "Set-Cookie", "%s=%s; Path=/; HttpOnly; SameSite=Strict%s%s", cookie_name(r->ctx), token,
        is_tls(r->ctx) ? "; Secure" : "", *token ? "" : "; Max-Age=0");
}

static struct bytes hash_of(struct ctx *ctx, const char *token)
{
    uint8_t *hash = arena_alloc(ctx->arena, 32);

    sha256(bytes_of(token), hash);
    return (struct bytes){ hash, 32 };
}

const char *session_new_token(struct ctx *ctx)
{
    uint8_t random[TOKEN_SIZE];
    const char *token;

    crypto_random(random, sizeof(random));
    token = base64url_encode(ctx->arena, (struct bytes){ random, sizeof(random) });
    wipe(random, sizeof(random));
    return token;
}

/* Beginning and end ------------------------------------------------------------------------------------------------ */

static struct error *touch(struct ctx *ctx, const struct session *session)
{
    SQL(touch, "UPDATE operator_sessions SET seen_at = $2 WHERE id = $1 AND ended_at IS NULL");

    if (ctx->now.us - session->seen_at.us < INT64_C(60000000))
        return NULL;
    return db_exec(ctx, &touch, PARAMS(P(session->id), P(ctx->now)), NULL);
}

struct error *session_find(struct request *r)
{
    SQL(find, "SELECT " COLUMNS FROM " WHERE s.token_hash = $2 AND" GOOD);
    struct ctx *ctx = r->ctx;
    const char *token = request_cookie(r, cookie_name(ctx));
    struct session session = { 0 };
    bool found = false;

    if (!token || strlen(token) != 43)
        return NULL;
    TRY(db_maybe(ctx, &find, PARAMS(P(ctx->now), P(hash_of(ctx, token))), session_columns, &session, &found));
    if (!found)
        return NULL;
    session.csrf = csrf_token(ctx, token);
    r->session = arena_alloc(ctx->arena, sizeof(session));
    *r->session = session;
    return touch(ctx, &session);
}

static struct error *end_of_token(struct ctx *ctx, const char *token)
{
    SQL(end, "UPDATE operator_sessions SET ended_at = $2, flash = NULL WHERE token_hash = $1 AND ended_at IS NULL");

    return token ? db_exec(ctx, &end, PARAMS(P(hash_of(ctx, token)), P(ctx->now)), NULL) : NULL;
}

struct error *session_start(struct request *r, const struct user *user, const char *token)
{
    SQL(insert,
        "INSERT INTO operator_sessions (id, user_id, token_hash, address, user_agent, created_at, seen_at,"
        " stepped_up_at) VALUES ($1, $2, $3, $4, $5, $6, $6, $6)");
    struct ctx *ctx = r->ctx;
    const char *id = id_new(ctx, "ses");

    TRY(end_of_token(ctx, request_cookie(r, cookie_name(ctx))));
    TRY(db_exec(ctx, &insert,
        PARAMS(P(id), P(user->id), P(hash_of(ctx, token)), P(ctx->address), P(ctx->user_agent), P(ctx->now)), NULL));
    r->session = arena_alloc(ctx->arena, sizeof(*r->session));
    *r->session = (struct session){
        .id = id,
        .user_id = user->id,
        .role = user->role,
        .has_second_factor = instant_is_set(user->second_factor_at),
        .created_at = ctx->now,
        .seen_at = ctx->now,
        .stepped_up_at = ctx->now,
        .csrf = csrf_token(ctx, token),
    };
    return NULL;
}

struct error *session_renew(struct request *r)
{
    SQL(renew, "UPDATE operator_sessions SET token_hash = $2 WHERE id = $1 AND ended_at IS NULL");
    struct ctx *ctx = r->ctx;
    const char *token = session_new_token(ctx);

    TRY(db_exec(ctx, &renew, PARAMS(P(r->session->id), P(hash_of(ctx, token))), NULL));
    r->session->csrf = csrf_token(ctx, token);
    session_give(r, token);
    return NULL;
}

static struct error *end_own(struct request *r)
{
    TRY(end_of_token(r->ctx, request_cookie(r, cookie_name(r->ctx))));
    return audit_add(r->ctx, "user.signed_out", r->session->user_id, NULL);
}

struct error *session_end(struct request *r)
{
    TRY(IN_TX(r->ctx, end_own(r)));
    session_give(r, "");
    return NULL;
}

/* Lists and revocation --------------------------------------------------------------------------------------------- */

struct error *session_list(struct ctx *ctx, const char *user_id, struct field_list *out)
{
    SQL(list, "SELECT " COLUMNS FROM " WHERE s.user_id = $2 AND" GOOD " ORDER BY s.seen_at DESC, s.id DESC LIMIT 100");

    return db_list(ctx, &list, PARAMS(P(ctx->now), P(user_id)), session_columns, sizeof(struct session), out);
}

static struct error *revoke(struct ctx *ctx, const char *user_id, const char *id)
{
    SQL(end,
        "UPDATE operator_sessions SET ended_at = $3, flash = NULL WHERE id = $1 AND user_id = $2 AND ended_at IS NULL");
    int64_t affected;

    TRY(db_exec(ctx, &end, PARAMS(P(id), P(user_id), P(ctx->now)), &affected));
    if (!affected)
        return error_new(ctx, E_NOT_FOUND, "That session is over already.");
    return audit_add(ctx, "session.revoked", user_id, json_in(ctx->arena, json_pack("{ss}", "session", id)));
}

struct error *session_revoke(struct ctx *ctx, const char *user_id, const char *id)
{
    return IN_TX(ctx, revoke(ctx, user_id, id));
}

struct error *session_end_all(struct ctx *ctx, const char *user_id, const char *except)
{
    SQL(end,
        "UPDATE operator_sessions SET ended_at = $3, flash = NULL"
        " WHERE user_id = $1 AND id IS DISTINCT FROM $2 AND ended_at IS NULL");

    return db_exec(ctx, &end, PARAMS(P(user_id), P(except), P(ctx->now)), NULL);
}

struct error *session_forget(struct ctx *ctx)
{
    SQL(forget_sessions,
        "DELETE FROM operator_sessions WHERE id IN (SELECT id FROM operator_sessions"
        " WHERE created_at < $1::timestamptz - interval '90 days' ORDER BY created_at LIMIT 10000)");
    SQL(forget_failures,
        "DELETE FROM sign_in_failures WHERE failed_at < $1::timestamptz - interval '90 days'"
        " AND coalesce(locked_until < $1, true)");

    TRY(db_exec(ctx, &forget_sessions, PARAMS(P(ctx->now)), NULL));
    return db_exec(ctx, &forget_failures, PARAMS(P(ctx->now)), NULL);
}

/* What the next page says ------------------------------------------------------------------------------------------ */

struct error *session_flash(struct request *r, const char *text)
{
    SQL(set, "UPDATE operator_sessions SET flash = $2 WHERE id = $1");

    return db_exec(r->ctx, &set, PARAMS(P(r->session->id), P(text)), NULL);
}

struct error *session_take_flash(struct request *r, const char **out)
{
    SQL(take, "UPDATE operator_sessions SET flash = NULL WHERE id = $1 AND flash IS NOT NULL");

    *out = r->session->flash;
    r->session->flash = NULL;
    return *out ? db_exec(r->ctx, &take, PARAMS(P(r->session->id)), NULL) : NULL;
}

/* Step-up ---------------------------------------------------------------------------------------------------------- */

struct error *session_step_up(struct request *r)
{
    SQL(set, "UPDATE operator_sessions SET stepped_up_at = $2 WHERE id = $1");

    r->session->stepped_up_at = r->ctx->now;
    return db_exec(r->ctx, &set, PARAMS(P(r->session->id), P(r->ctx->now)), NULL);
}

static bool is_fresh(const struct request *r)
{
    struct instant end = instant_add_seconds(r->session->stepped_up_at, STEP_UP_SECONDS);

    return instant_is_set(r->session->stepped_up_at) && r->ctx->now.us < end.us;
}

bool session_demand_step_up(struct request *r, const char *back)
{
    bool changes = strcmp(r->method, "GET") != 0 && strcmp(r->method, "HEAD") != 0;

    if (is_fresh(r))
        return true;
    reply_redirect(r, 303,
        arena_printf(r->ctx->arena, "/admin/step-up?next=%s%s", percent_encode(r->ctx->arena, back ? back : r->path),
            changes ? "&again=1" : ""));
    return false;
}
