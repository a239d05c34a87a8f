#include "access/sign_in.h"

#include <string.h>

#include "access/password.h"
#include "access/session.h"
#include "access/totp.h"
#include "access/user.h"
#include "base/arena.h"
#include "base/config.h"
#include "base/crypto.h"
#include "base/ctx.h"
#include "db/db.h"
#include "events/audit.h"
#include "web/request.h"

/* Locks ------------------------------------------------------------------------------------------------------------ */

/* A try is counted before it is made, so that many at once do not slip through; a success takes it back. A lock that is over
 * begins anew; an address is forgiven after half an hour. */
static struct error *count_try(struct ctx *ctx, const char *subject, int limit, bool forgives, int64_t *wait)
{
    SQL(count,
        "INSERT INTO sign_in_failures AS f (subject, failures, failed_at) VALUES ($1, 1, $2) "
        "ON CONFLICT (subject) DO UPDATE SET"
        " failures = CASE WHEN f.locked_until > $2 THEN f.failures"
        "   WHEN f.locked_until IS NOT NULL OR ($4 AND f.failed_at < $2::timestamptz - make_interval(secs => "
        "$5::bigint))"
        "   THEN 1 ELSE f.failures + 1 END,"
        " failed_at = CASE WHEN f.locked_until > $2 THEN f.failed_at ELSE $2 END,"
        " locked_until = CASE WHEN f.locked_until > $2 THEN f.locked_until"
        "   WHEN f.locked_until IS NULL AND f.failures + 1 > $3::bigint"
        "    AND NOT ($4 AND f.failed_at < $2::timestamptz - make_interval(secs => $5::bigint))"
        "   THEN $2::timestamptz + make_interval(secs => $5::bigint) END "
        "RETURNING locked_until, locked_until = $2::timestamptz + make_interval(secs => $5::bigint) AS fresh");
    struct row {
        struct instant locked_until;
        bool fresh;
    } row;
    static const struct field columns[] = {
        FIELD(struct row, locked_until),
        FIELD(struct row, fresh),
        FIELD_END,
    };

    TRY(db_one(ctx, &count, PARAMS(P(subject), P(ctx->now), P(limit), P(forgives), P(SIGN_IN_LOCK_SECONDS)), columns,
        &row));
    if (instant_is_set(row.locked_until)) {
        int64_t left = instant_to_unix(row.locked_until) - instant_to_unix(ctx->now);

        *wait = left > *wait ? left : *wait;
        if (row.fresh)
            return audit_add(ctx, "user.locked_out", NULL, NULL);
    }
    return NULL;
}

struct subjects {
    const char *user, *address;
};

static struct subjects subjects_of(struct ctx *ctx, const char *email)
{
    return (struct subjects){
        arena_printf(ctx->arena, "user:%s", hex_encode(ctx->arena, user_email_index(ctx, email))),
        arena_printf(ctx->arena, "address:%s", ctx->address ? ctx->address : ""),
    };
}

static struct error *count_tries(struct ctx *ctx, const struct subjects *subjects, int64_t *wait)
{
    *wait = 0;
    TRY(count_try(ctx, subjects->user, SIGN_IN_FAILURES, false, wait));
    return count_try(ctx, subjects->address, SIGN_IN_ADDRESS_FAILURES, true, wait);
}

static struct error *begin_try(struct ctx *ctx, const struct subjects *subjects)
{
    int64_t wait = 0;
    struct error *error;

    TRY(IN_TX(ctx, count_tries(ctx, subjects, &wait)));
    if (!wait)
        return NULL;
    error = error_new(ctx, E_RATE_LIMITED, "Too many tries have failed. Please wait %lld minutes and try again.",
        (long long)(wait + 59) / 60);
    error->retry_after = (int)wait;
    return error;
}

static struct error *take_back(struct ctx *ctx, const struct subjects *subjects)
{
    SQL(forget, "DELETE FROM sign_in_failures WHERE subject = $1");
    SQL(less, "UPDATE sign_in_failures SET failures = greatest(failures - 1, 0) WHERE subject = $1");

    TRY(db_exec(ctx, &forget, PARAMS(P(subjects->user)), NULL));
    return db_exec(ctx, &less, PARAMS(P(subjects->address)), NULL);
}

/* Signing in ------------------------------------------------------------------------------------------------------- */

/* What was found out about a claim. */
struct finding {
    struct user user;
    bool known, password, good, recovery;
};

static struct error *check_factors(struct ctx *ctx, struct finding *finding, const char *code)
{
    finding->good = finding->known && finding->password && finding->user.state == USER_ACTIVE;
    if (finding->good && instant_is_set(finding->user.second_factor_at))
        TRY(totp_use(ctx, finding->user.id, code, &finding->good, &finding->recovery));
    return NULL;
}

static struct error *refuse(struct ctx *ctx, const struct finding *finding)
{
    TRY(audit_add(ctx, "user.sign_in_failed", finding->known ? finding->user.id : NULL, NULL));
    return NULL;
}

static struct error *admit(struct request *r, struct finding *finding, const struct subjects *subjects,
    const char *code, const char *token)
{
    SQL(note, "UPDATE users SET last_sign_in_at = $2 WHERE id = $1");
    struct ctx *ctx = r->ctx;

    TRY(check_factors(ctx, finding, code));
    if (!finding->good)
        return refuse(ctx, finding);
    ctx->principal = (struct principal){ .kind = PRINCIPAL_OPERATOR,
        .id = finding->user.id,
        .scopes = role_scopes(finding->user.role) };
    TRY(take_back(ctx, subjects));
    TRY(db_exec(ctx, &note, PARAMS(P(finding->user.id), P(ctx->now)), NULL));
    TRY(session_start(r, &finding->user, token));
    return audit_add(ctx, "user.signed_in", finding->user.id,
        json_in(ctx->arena,
            json_pack("{ss, ss}", "session", r->session->id, "second_factor",
                !instant_is_set(finding->user.second_factor_at) ? "none"
                    : finding->recovery                         ? "recovery_code"
                                                                : "app")));
}

struct error *sign_in(struct request *r, const struct sign_in *claim)
{
    struct ctx *ctx = r->ctx;
    struct subjects subjects = subjects_of(ctx, claim->email);
    const char *token = session_new_token(ctx);
    struct finding finding = { 0 };

    TRY(begin_try(ctx, &subjects));
    TRY(user_by_email(ctx, claim->email, &finding.user, &finding.known));
    TRY(password_matches(ctx, claim->password, finding.known ? finding.user.password_hash : NULL, &finding.password));
    TRY(IN_TX(ctx, admit(r, &finding, &subjects, claim->code, token)));
    if (!finding.good)
        return error_new(ctx, E_UNAUTHENTICATED, "That is not right. Check all three and try again.");
    session_give(r, token);
    if (password_is_outdated(finding.user.password_hash))
        TRY(user_rehash(ctx, finding.user.id, claim->password));
    return NULL;
}

static struct error *confirm(struct request *r, struct finding *finding, const struct subjects *subjects,
    const char *code)
{
    struct ctx *ctx = r->ctx;

    TRY(check_factors(ctx, finding, code));
    if (!finding->good)
        return refuse(ctx, finding);
    TRY(take_back(ctx, subjects));
    TRY(session_step_up(r));
    return audit_add(ctx, "user.stepped_up", finding->user.id, NULL);
}

struct error *sign_in_again(struct request *r, const char *password, const char *code)
{
    struct ctx *ctx = r->ctx;
    struct finding finding = { .known = true };

    TRY(user_get(ctx, r->session->user_id, &finding.user));
    struct subjects subjects = subjects_of(ctx, finding.user.email);
    TRY(begin_try(ctx, &subjects));
    TRY(password_matches(ctx, password, finding.user.password_hash, &finding.password));
    TRY(IN_TX(ctx, confirm(r, &finding, &subjects, code)));
    if (!finding.good)
        return error_new(ctx, E_UNAUTHENTICATED, "That is not right. Check both and try again.");
    return NULL;
}
