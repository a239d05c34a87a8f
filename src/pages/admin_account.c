#include "pages/admin_account.h"

#include <string.h>

#include "access/session.h"
#include "access/sign_in.h"
#include "access/totp.h"
#include "access/user.h"
#include "base/arena.h"
#include "base/config.h"
#include "base/ctx.h"
#include "db/db.h"
#include "events/audit.h"
#include "pages/admin.h"
#include "pages/admin_view.h"
#include "pages/qr.h"
#include "web/reply.h"
#include "web/request.h"

/* The second factor ------------------------------------------------------------------------------------------------ */

struct code_form {
    const char *code, *next;
};

const struct field admin_second_factor_asked[] = {
    FIELD(struct code_form, code, .min = 1, .max = 20),
    FIELD(struct code_form, next, .optional = true, .max = 1000),
    FIELD_END,
};

/* "ABCD EFGH …": four at a time are typed without losing one's place. */
static const char *in_groups(struct ctx *ctx, const char *text)
{
    struct buf out = { .arena = ctx->arena };

    for (size_t i = 0; text[i]; i++) {
        if (i && i % 4 == 0)
            buf_byte(&out, ' ');
        buf_byte(&out, text[i]);
    }
    return buf_string(&out);
}

static struct error *second_factor_view(struct request *r, const char *next, json_t **out)
{
    struct ctx *ctx = r->ctx;
    const char *secret;
    struct user user;
    json_t *qr;

    TRY(user_get(ctx, r->session->user_id, &user));
    TRY(totp_begin(ctx, user.id, &secret));
    TRY(qr_view(ctx, totp_address(ctx, ctx->config->merchant_name, user.email, secret), &qr));
    *out = json_in(ctx->arena,
        json_pack("{sO, ss, ss, sb}", "qr", qr, "secret", in_groups(ctx, secret), "next", next ? next : "", "optional",
            strcmp(ctx->config->second_factor, "optional") == 0));
    return NULL;
}

struct error *admin_second_factor_page(struct request *r)
{
    const char *next = admin_next(r, request_query(r, "next"), NULL);
    json_t *view;

    if (r->session->has_second_factor)
        return reply_redirect(r, 303, next ? next : "/admin");
    TRY(second_factor_view(r, next, &view));
    if (request_query(r, "again"))
        json_object_set_new(view, "again", json_true());
    return admin_page(r, 200, "admin/second-factor", "Set up your second factor", view);
}

/* Shown this once. */
static struct error *show_codes(struct request *r, const char *const codes[RECOVERY_CODES], const char *next)
{
    json_t *list = json_array();
    json_t *view = json_in(r->ctx->arena, json_pack("{so, ss}", "codes", list, "next", next));

    for (size_t i = 0; i < RECOVERY_CODES; i++)
        json_array_append_new(list, json_string(codes[i]));
    return admin_page(r, 200, "admin/recovery-codes", "Your recovery codes", view);
}

struct error *admin_second_factor(struct request *r)
{
    struct code_form form = { 0 };
    const char *codes[RECOVERY_CODES];
    struct error *error = request_form(r, admin_second_factor_asked, &form);
    const char *next = admin_next(r, form.next, NULL);
    json_t *view;

    if (!error)
        error = totp_finish(r->ctx, r->session->user_id, form.code, codes);
    if (error && error->code == E_VALIDATION_ERROR) {
        TRY(second_factor_view(r, next, &view));
        return admin_refused(r, error, "admin/second-factor", "Set up your second factor", view);
    }
    TRY(error);
    r->session->has_second_factor = true;
    TRY(session_renew(r));
    return show_codes(r, codes, next ? next : "/admin");
}

/* Being asked again ------------------------------------------------------------------------------------------------- */

struct step_up_form {
    const char *password, *code, *next, *again;
};

const struct field admin_step_up_asked[] = {
    FIELD(struct step_up_form, password, .min = 1, .max = 500),
    FIELD(struct step_up_form, code, .optional = true, .max = 20),
    FIELD(struct step_up_form, next, .optional = true, .max = 1000),
    FIELD(struct step_up_form, again, .optional = true, .max = 1),
    FIELD_END,
};

static json_t *step_up_view(struct request *r, const char *next, bool again)
{
    return json_in(r->ctx->arena,
        json_pack("{ss, sb, sb}", "next", next, "again", again, "with_code", r->session->has_second_factor));
}

struct error *admin_step_up_page(struct request *r)
{
    const char *next = admin_next(r, request_query(r, "next"), "/admin");

    return admin_page(r, 200, "admin/step-up", "Confirm that it is you",
        step_up_view(r, next, request_query(r, "again") != NULL));
}

struct error *admin_step_up(struct request *r)
{
    struct step_up_form form = { .code = "" };
    struct error *error = request_form(r, admin_step_up_asked, &form);
    const char *next = admin_next(r, form.next, "/admin");

    if (!error)
        error = sign_in_again(r, form.password, form.code);
    if (error)
        return admin_refused(r, error, "admin/step-up", "Confirm that it is you", step_up_view(r, next, form.again));
    if (form.again)
        return admin_done(r, next, "Thank you. What you sent before was not done: please send it again now.");
    return reply_redirect(r, 303, next);
}

/* The account ------------------------------------------------------------------------------------------------------ */

/* A browser's name out of what it says of itself, for people to know it again. */
static const char *agent_word(const char *agent)
{
    static const char *const names[][2] = { { "Edg/", "Edge" }, { "OPR/", "Opera" }, { "Firefox/", "Firefox" },
        { "Chrome/", "Chrome" }, { "Safari/", "Safari" }, { "curl/", "curl" } };

    for (size_t i = 0; agent && i < sizeof(names) / sizeof(names[0]); i++) {
        if (strstr(agent, names[i][0]))
            return names[i][1];
    }
    return "Another browser";
}

struct error *admin_sessions_view(struct request *r, const char *user_id, json_t **out)
{
    struct ctx *ctx = r->ctx;
    struct field_list list;

    TRY(session_list(ctx, user_id, &list));
    *out = json_in(ctx->arena, json_array());
    for (size_t i = 0; i < list.count; i++) {
        const struct session *session = (const struct session *)list.items + i;

        json_array_append_new(*out,
            json_pack("{ss, ss, so, so, so, so, sb}", "id", session->id, "agent", agent_word(session->user_agent),
                "agent_text", view_text(session->user_agent), "address", view_text(session->address), "created",
                view_time(ctx, session->created_at), "seen", view_time(ctx, session->seen_at), "own",
                strcmp(session->id, r->session->id) == 0));
    }
    return NULL;
}

static struct error *account_view(struct request *r, json_t **out)
{
    struct ctx *ctx = r->ctx;
    struct user user;
    json_t *sessions;
    int64_t left;

    TRY(user_get(ctx, r->session->user_id, &user));
    TRY(admin_sessions_view(r, user.id, &sessions));
    TRY(totp_recovery_left(ctx, user.id, &left));
    *out = json_in(ctx->arena,
        json_pack("{sO, sb, sb, sI, sb, so, ss, ss}", "sessions", sessions, "others", json_array_size(sessions) > 1,
            "with_code", instant_is_set(user.second_factor_at), "codes_left", (json_int_t)left, "few_codes", left < 4,
            "second_factor", view_time(ctx, user.second_factor_at), "role_word", view_words(ctx, role_names[user.role]),
            "role_summary", role_summary(user.role)));
    return NULL;
}

struct error *admin_account_page(struct request *r)
{
    json_t *view;

    TRY(account_view(r, &view));
    return admin_page(r, 200, "admin/account", "Your account", view);
}

struct password_form {
    const char *current, *code, *password;
};

const struct field admin_password_asked[] = {
    FIELD(struct password_form, current, .min = 1, .max = 500),
    FIELD(struct password_form, code, .optional = true, .max = 20),
    FIELD(struct password_form, password, .min = 1, .max = 500),
    FIELD_END,
};

static struct error *change_password(struct request *r)
{
    struct password_form form = { .code = "" };

    TRY(request_form(r, admin_password_asked, &form));
    TRY(sign_in_again(r, form.current, form.code));
    TRY(user_change_password(r->ctx, r->session->user_id, form.password));
    TRY(session_end_all(r->ctx, r->session->user_id, r->session->id));
    return session_renew(r);
}

struct error *admin_account_password(struct request *r)
{
    struct error *error = change_password(r);
    json_t *view;

    if (!error)
        return admin_done(r, "/admin/account", "Your password is changed, and your other sessions have ended.");
    TRY(account_view(r, &view));
    return admin_refused(r, error, "admin/account", "Your account", view);
}

struct error *admin_account_codes(struct request *r)
{
    const char *codes[RECOVERY_CODES];

    if (!session_demand_step_up(r, "/admin/account"))
        return NULL;
    TRY(totp_new_codes(r->ctx, r->session->user_id, codes));
    return show_codes(r, codes, "/admin/account");
}

struct error *admin_account_revoke(struct request *r)
{
    TRY(session_revoke(r->ctx, r->session->user_id, request_path(r, "id")));
    return admin_done(r, "/admin/account", "That session has ended.");
}

static struct error *revoke_others(struct request *r)
{
    TRY(session_end_all(r->ctx, r->session->user_id, r->session->id));
    return audit_add(r->ctx, "session.others_revoked", r->session->user_id, NULL);
}

struct error *admin_account_revoke_others(struct request *r)
{
    TRY(IN_TX(r->ctx, revoke_others(r)));
    return admin_done(r, "/admin/account", "All your other sessions have ended.");
}
