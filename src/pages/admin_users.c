#include "pages/admin_users.h"

#include <string.h>

#include "access/password.h"
#include "access/role.h"
#include "access/session.h"
#include "access/user.h"
#include "base/arena.h"
#include "base/check.h"
#include "base/ctx.h"
#include "db/db.h"
#include "events/audit.h"
#include "pages/admin.h"
#include "pages/admin_account.h"
#include "pages/admin_view.h"
#include "web/request.h"

/* Views ------------------------------------------------------------------------------------------------------------ */

static json_t *user_view(struct request *r, const struct user *user)
{
    struct ctx *ctx = r->ctx;
    bool active = user->state == USER_ACTIVE;

    return json_pack("{ss, ss, ss, ss, ss, so, sb, so, so, so, sb}", "id", user->id, "name", user->name, "email",
        user->email, "role_word", view_words(ctx, role_names[user->role]), "role_summary", role_summary(user->role),
        "state", view_badge(ctx, active ? TONE_GOOD : TONE_MUTED, active ? "Active" : "Disabled"), "is_active", active,
        "second_factor", view_time(ctx, user->second_factor_at), "created", view_time(ctx, user->created_at),
        "last_sign_in", view_time(ctx, user->last_sign_in_at), "own", strcmp(user->id, r->session->user_id) == 0);
}

struct error *admin_users_page(struct request *r)
{
    json_t *users = json_array();
    json_t *view =
        json_in(r->ctx->arena, json_pack("{so, sb}", "users", users, "may_write", admin_may(r, "users:write")));
    struct field_list list;

    TRY(user_list(r->ctx, &list));
    for (size_t i = 0; i < list.count; i++)
        json_array_append_new(users, user_view(r, (const struct user *)list.items + i));
    return admin_page(r, 200, "admin/users", "Users", view);
}

/* The roles with what each may do, for a choice. */
static json_t *role_choices(int selected)
{
    json_t *choices = json_array();

    for (int i = 0; role_names[i]; i++)
        json_array_append_new(choices,
            json_pack("{ss, ss, sb}", "value", role_names[i], "summary", role_summary((enum role)i), "selected",
                i == selected));
    return choices;
}

static struct error *one_view(struct request *r, json_t **out)
{
    struct user user;
    json_t *sessions, *view;

    TRY(user_get(r->ctx, request_path(r, "id"), &user));
    TRY(admin_sessions_view(r, user.id, &sessions));
    view = json_in(r->ctx->arena, user_view(r, &user));
    json_object_set(view, "sessions", sessions);
    json_object_set_new(view, "has_sessions", json_boolean(json_array_size(sessions) > 0));
    json_object_set_new(view, "roles", role_choices((int)user.role));
    json_object_set_new(view, "may_write",
        json_boolean(admin_may(r, "users:write") && strcmp(user.id, r->session->user_id) != 0
            && (user.role != ROLE_OWNER || admin_may(r, "*"))));
    json_object_set_new(view, "may_audit", json_boolean(admin_may(r, "audit:read")));
    *out = view;
    return NULL;
}

struct error *admin_user_page(struct request *r)
{
    json_t *view;

    TRY(one_view(r, &view));
    return admin_page(r, 200, "admin/user", json_get_text(view, "name"), view);
}

/* Making one ------------------------------------------------------------------------------------------------------- */

const struct field admin_user_asked[] = {
    FIELD(struct user_details, email, .min = 3, .max = 254, .check = check_user_email),
    FIELD(struct user_details, name, .min = 1, .max = 100),
    FIELD(struct user_details, role, .names = role_names),
    FIELD_END,
};

static json_t *new_view(struct request *r, const struct user_details *details)
{
    return json_in(r->ctx->arena,
        json_pack("{ss*, ss*, so}", "typed_email", details->email, "typed_name", details->name, "roles",
            role_choices((int)details->role)));
}

struct error *admin_user_new_page(struct request *r)
{
    const struct user_details details = { .role = ROLE_SUPPORT };

    if (!session_demand_step_up(r, NULL))
        return NULL;
    return admin_page(r, 200, "admin/user-new", "Add a user", new_view(r, &details));
}

/* A password of somebody is shown this once, to the one who hands it over. */
static struct error *show_password(struct request *r, const struct user *user, const char *password)
{
    json_t *view = json_in(r->ctx->arena,
        json_pack("{ss, ss, ss, ss}", "id", user->id, "name", user->name, "email", user->email, "password", password));

    return admin_page(r, 200, "admin/user-password", "A new password", view);
}

struct error *admin_user_add(struct request *r)
{
    struct user_details details = { .role = ROLE_SUPPORT };
    struct user user;

    if (!session_demand_step_up(r, "/admin/users/new"))
        return NULL;
    struct error *error = request_form(r, admin_user_asked, &details);
    details.password = password_new(r->ctx);
    if (!error)
        error = user_add(r->ctx, &details, &user);
    if (error)
        return admin_refused(r, error, "admin/user-new", "Add a user", new_view(r, &details));
    return show_password(r, &user, details.password);
}

/* Changing one ----------------------------------------------------------------------------------------------------- */

static const char *address_of(struct request *r)
{
    return arena_printf(r->ctx->arena, "/admin/users/%s", request_path(r, "id"));
}

/* Done, or the same page with what was wrong. */
static struct error *finish(struct request *r, struct error *error, const char *done)
{
    json_t *view;

    if (!error)
        return admin_done(r, address_of(r), "%s", done);
    if (error->code == E_NOT_FOUND)
        return error;
    TRY(one_view(r, &view));
    return admin_refused(r, error, "admin/user", json_get_text(view, "name"), view);
}

struct role_form {
    enum role role;
};

const struct field admin_user_role_asked[] = {
    FIELD(struct role_form, role, .names = role_names),
    FIELD_END,
};

struct error *admin_user_role(struct request *r)
{
    struct role_form form = { 0 };

    if (!session_demand_step_up(r, address_of(r)))
        return NULL;
    struct error *error = request_form(r, admin_user_role_asked, &form);
    if (!error)
        error = user_set_role(r->ctx, request_path(r, "id"), form.role);
    return finish(r, error, "The role is changed, and what they had open has ended.");
}

static const char no_reason[] = "is needed: why?";

static const char *check_why(struct ctx *ctx, const char *text)
{
    return check_reason(ctx, text) ? no_reason : NULL;
}

struct state_form {
    enum user_state state;
    const char *reason;
};

const struct field admin_user_state_asked[] = {
    FIELD(struct state_form, state, .names = user_state_names),
    FIELD(struct state_form, reason, .optional = true, .max = 500, .check = check_why,
        .summary = "Why; needed for disabling"),
    FIELD_END,
};

struct error *admin_user_state(struct request *r)
{
    struct state_form form = { 0 };

    if (!session_demand_step_up(r, address_of(r)))
        return NULL;
    struct error *error = request_form(r, admin_user_state_asked, &form);
    if (!error && form.state == USER_DISABLED && !form.reason)
        error_add_field(r->ctx, &error, "#/reason", "%s", no_reason);
    if (!error)
        error = user_set_state(r->ctx, request_path(r, "id"), form.state, form.reason);
    return finish(r, error,
        form.state == USER_DISABLED ? "They are let in no more; what they had open has ended."
                                    : "They are let in again.");
}

struct error *admin_user_password(struct request *r)
{
    const char *password = password_new(r->ctx);
    struct user user;

    if (!session_demand_step_up(r, address_of(r)))
        return NULL;
    TRY(user_get(r->ctx, request_path(r, "id"), &user));
    struct error *error = user_set_password(r->ctx, user.id, password);
    return error ? finish(r, error, NULL) : show_password(r, &user, password);
}

struct error *admin_user_second_factor(struct request *r)
{
    if (!session_demand_step_up(r, address_of(r)))
        return NULL;
    return finish(r, user_reset_second_factor(r->ctx, request_path(r, "id")),
        "Their app and recovery codes are forgotten; they set up a new one when they sign in.");
}

static struct error *end_sessions(struct request *r, const char *id)
{
    struct user user;

    TRY(user_get(r->ctx, id, &user));
    TRY(session_end_all(r->ctx, id, r->session->id));
    return audit_add(r->ctx, "session.all_revoked", id, NULL);
}

struct error *admin_user_sessions(struct request *r)
{
    TRY(IN_TX(r->ctx, end_sessions(r, request_path(r, "id"))));
    return finish(r, NULL, "All their sessions have ended.");
}
