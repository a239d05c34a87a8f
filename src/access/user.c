#include "access/user.h"

#include <ctype.h>
#include <string.h>

#include "access/password.h"
#include "access/session.h"
#include "base/arena.h"
#include "base/config.h"
#include "base/crypto.h"
#include "base/ctx.h"
#include "base/id.h"
#include "db/db.h"
#include "events/audit.h"

#define PASSWORDS_REMEMBERED 4

const char *const user_state_names[] = { [USER_ACTIVE] = "active", [USER_DISABLED] = "disabled", NULL };

const struct field user_shown[] = {
    FIELD(struct user, id),
    FIELD(struct user, email),
    FIELD(struct user, name),
    FIELD(struct user, role, .names = role_names),
    FIELD(struct user, state, .names = user_state_names),
    FIELD(struct user, second_factor_at),
    FIELD(struct user, created_at),
    FIELD(struct user, last_sign_in_at),
    FIELD_END,
};

/* What is sealed --------------------------------------------------------------------------------------------------- */

static const char *place(struct ctx *ctx, const char *column, const char *id)
{
    return arena_printf(ctx->arena, "users.%s:%s", column, id);
}

static struct bytes seal_text(struct ctx *ctx, const char *column, const char *id, const char *text)
{
    return seal(ctx, place(ctx, column, id), bytes_of(text));
}

static struct error *unseal_text(struct ctx *ctx, const char *column, const char *id, struct bytes sealed,
    const char **out)
{
    struct bytes plain;

    TRY(unseal(ctx, place(ctx, column, id), sealed, &plain));
    *out = arena_strndup(ctx->arena, (const char *)plain.data, plain.length);
    return NULL;
}

static struct error *open_user(struct ctx *ctx, struct user *user)
{
    TRY(unseal_text(ctx, "email", user->id, user->sealed_email, &user->email));
    return unseal_text(ctx, "name", user->id, user->sealed_name, &user->name);
}

struct bytes user_email_index(struct ctx *ctx, const char *email)
{
    char *usual = arena_strdup(ctx->arena, email);
    uint8_t key[32], *hash = arena_alloc(ctx->arena, 32);

    for (char *letter = usual; *letter; letter++)
        *letter = (char)tolower((unsigned char)*letter);
    keyring_derive(ctx->config->keyring, "user-email", key);
    hmac_sha256((struct bytes){ key, sizeof(key) }, bytes_of(usual), hash);
    wipe(key, sizeof(key));
    return (struct bytes){ hash, 32 };
}

const char *check_user_email(struct ctx *ctx, const char *text)
{
    const char *at = strchr(text, '@');

    (void)ctx;
    if (strlen(text) > 254 || !at || at == text || strchr(at + 1, '@') || !strchr(at + 1, '.')
        || strpbrk(text, " \t\n<>,;\"()\\"))
        return "must be an address like kim@shop.example.com";
    return NULL;
}

/* Rows ------------------------------------------------------------------------------------------------------------- */

#define COLUMNS                                                                                                        \
    "id, email AS sealed_email, name AS sealed_name, role, state, password_hash, totp_set_at AS second_factor_at,"     \
    " created_at, last_sign_in_at"

static const struct field columns[] = {
    FIELD(struct user, id),
    FIELD(struct user, sealed_email),
    FIELD(struct user, sealed_name),
    FIELD(struct user, role, .names = role_names),
    FIELD(struct user, state, .names = user_state_names),
    FIELD(struct user, password_hash),
    FIELD(struct user, second_factor_at),
    FIELD(struct user, created_at),
    FIELD(struct user, last_sign_in_at),
    FIELD_END,
};

struct error *user_get(struct ctx *ctx, const char *id, struct user *out)
{
    SQL(get, "SELECT " COLUMNS " FROM users WHERE id = $1");
    struct error *error = db_one(ctx, &get, PARAMS(P(id)), columns, out);

    if (error && error->code == E_NOT_FOUND)
        return error_new(ctx, E_NOT_FOUND, "There is no such user.");
    TRY(error);
    return open_user(ctx, out);
}

struct error *user_by_email(struct ctx *ctx, const char *email, struct user *out, bool *found)
{
    SQL(get, "SELECT " COLUMNS " FROM users WHERE email_index = $1");

    TRY(db_maybe(ctx, &get, PARAMS(P(user_email_index(ctx, email))), columns, out, found));
    return *found ? open_user(ctx, out) : NULL;
}

struct error *user_list(struct ctx *ctx, struct field_list *out)
{
    SQL(list,
        "SELECT " COLUMNS " FROM users ORDER BY state, array_position("
        "ARRAY['owner', 'admin', 'finance', 'support', 'risk', 'developer', 'auditor'], role), id");

    TRY(db_list(ctx, &list, NO_PARAMS, columns, sizeof(struct user), out));
    for (size_t i = 0; i < out->count; i++)
        TRY(open_user(ctx, (struct user *)out->items + i));
    return NULL;
}

/* Rules ------------------------------------------------------------------------------------------------------------ */

/* An owner in the dashboard, or somebody at the machine. */
static bool acts_as_owner(const struct ctx *ctx)
{
    return ctx->principal.kind != PRINCIPAL_OPERATOR || principal_may(&ctx->principal, "*");
}

static struct error *owners_only(struct ctx *ctx)
{
    return error_new(ctx, E_FORBIDDEN, "Only an owner can change an owner or make one.");
}

static struct error *lock_user(struct ctx *ctx, const char *id, struct user *out)
{
    // all of them, so that two owners do not take the role from each other at once
    SQL(lock, "SELECT " COLUMNS " FROM users WHERE id = $1 OR role = 'owner' ORDER BY id FOR UPDATE");
    struct field_list all;

    *out = (struct user){ .id = id };
    TRY(db_list(ctx, &lock, PARAMS(P(id)), columns, sizeof(struct user), &all));
    for (size_t i = 0; i < all.count; i++) {
        struct user *user = (struct user *)all.items + i;

        if (strcmp(user->id, id) == 0) {
            *out = *user;
            return open_user(ctx, out);
        }
    }
    return error_new(ctx, E_NOT_FOUND, "There is no such user.");
}

/* Whether one who acts may do this to another. */
static struct error *may_change(struct ctx *ctx, const struct user *user)
{
    if (ctx->principal.kind == PRINCIPAL_OPERATOR && strcmp(ctx->principal.id, user->id) == 0)
        return error_new(ctx, E_FORBIDDEN, "Nobody changes their own role or access; ask another owner or admin.");
    return user->role == ROLE_OWNER && !acts_as_owner(ctx) ? owners_only(ctx) : NULL;
}

static struct error *keep_an_owner(struct ctx *ctx)
{
    SQL(owners, "SELECT count(*) AS count FROM users WHERE role = 'owner' AND state = 'active'");
    struct row {
        int64_t count;
    } row;
    static const struct field count_columns[] = { FIELD(struct row, count), FIELD_END };

    TRY(db_one(ctx, &owners, NO_PARAMS, count_columns, &row));
    return row.count ? NULL : error_new(ctx, E_CONFLICT, "That is the last active owner; make another one first.");
}

/* Making one ------------------------------------------------------------------------------------------------------- */

static struct error *wrong_details(struct ctx *ctx, const struct user_details *details)
{
    const char *email = check_user_email(ctx, details->email);
    const char *password = password_weakness(ctx, details->password, details->email, details->name);
    struct error *error = NULL;

    if (email)
        error_add_field(ctx, &error, "#/email", "%s", email);
    if (!*details->name || strlen(details->name) > 200)
        error_add_field(ctx, &error, "#/name", "must have 1 to 200 characters");
    if (password)
        error_add_field(ctx, &error, "#/password", "%s", password);
    return error;
}

static struct error *remember_password(struct ctx *ctx, const char *id, const char *hash)
{
    SQL(insert, "INSERT INTO user_passwords (user_id, hash, set_at) VALUES ($1, $2, $3)");
    SQL(forget,
        "DELETE FROM user_passwords WHERE user_id = $1 AND hash NOT IN"
        " (SELECT hash FROM user_passwords WHERE user_id = $1 ORDER BY set_at DESC, hash LIMIT $2)");

    TRY(db_exec(ctx, &insert, PARAMS(P(id), P(hash), P(ctx->now)), NULL));
    return db_exec(ctx, &forget, PARAMS(P(id), P(PASSWORDS_REMEMBERED)), NULL);
}

static struct error *insert(struct ctx *ctx, const struct user_details *details, const char *id, const char *hash)
{
    SQL(insert,
        "INSERT INTO users (id, email, email_index, name, role, password_hash, password_set_at, created_at, updated_at)"
        "VALUES ($1, $2, $3, $4, $5, $6, $7, $7, $7) ON CONFLICT (email_index) DO NOTHING");
    struct error *error = NULL;
    int64_t inserted;

    TRY(db_exec(ctx, &insert,
        PARAMS(P(id), P(seal_text(ctx, "email", id, details->email)), P(user_email_index(ctx, details->email)),
            P(seal_text(ctx, "name", id, details->name)), P(role_names[details->role]), P(hash), P(ctx->now)),
        &inserted));
    if (!inserted)
        error_add_field(ctx, &error, "#/email", "belongs to a user already");
    TRY(error);
    TRY(remember_password(ctx, id, hash));
    return audit_add(ctx, "user.created", id,
        json_in(ctx->arena, json_pack("{ss}", "role", role_names[details->role])));
}

struct error *user_add(struct ctx *ctx, const struct user_details *details, struct user *out)
{
    const char *id = id_new(ctx, "usr"), *hash;

    if (details->role == ROLE_OWNER && !acts_as_owner(ctx))
        return owners_only(ctx);
    TRY(wrong_details(ctx, details));
    TRY(password_hash(ctx, details->password, &hash));
    TRY(IN_TX(ctx, insert(ctx, details, id, hash)));
    return user_get(ctx, id, out);
}

/* Changing one ----------------------------------------------------------------------------------------------------- */

static struct error *set_role(struct ctx *ctx, const char *id, enum role role)
{
    SQL(update, "UPDATE users SET role = $2, updated_at = $3 WHERE id = $1");
    struct user user;

    TRY(lock_user(ctx, id, &user));
    TRY(may_change(ctx, &user));
    if (role == ROLE_OWNER && !acts_as_owner(ctx))
        return owners_only(ctx);
    if (user.role == role)
        return NULL;
    TRY(db_exec(ctx, &update, PARAMS(P(id), P(role_names[role]), P(ctx->now)), NULL));
    TRY(keep_an_owner(ctx));
    TRY(session_end_all(ctx, id, NULL));
    return audit_add(ctx, "user.role_changed", id,
        json_in(ctx->arena, json_pack("{ss, ss}", "from", role_names[user.role], "to", role_names[role])));
}

struct error *user_set_role(struct ctx *ctx, const char *id, enum role role)
{
    return IN_TX(ctx, set_role(ctx, id, role));
}

static struct error *set_state(struct ctx *ctx, const char *id, enum user_state state, const char *reason)
{
    SQL(update, "UPDATE users SET state = $2, updated_at = $3 WHERE id = $1");
    struct user user;

    TRY(lock_user(ctx, id, &user));
    TRY(may_change(ctx, &user));
    if (user.state == state)
        return NULL;
    TRY(db_exec(ctx, &update, PARAMS(P(id), P(user_state_names[state]), P(ctx->now)), NULL));
    TRY(keep_an_owner(ctx));
    TRY(session_end_all(ctx, id, NULL));
    return audit_add(ctx, state == USER_DISABLED ? "user.disabled" : "user.enabled", id,
        reason ? json_in(ctx->arena, json_pack("{ss}", "reason", reason)) : NULL);
}

struct error *user_set_state(struct ctx *ctx, const char *id, enum user_state state, const char *reason)
{
    return IN_TX(ctx, set_state(ctx, id, state, reason));
}

static struct error *write_hash(struct ctx *ctx, const char *id, const char *hash)
{
    SQL(update, "UPDATE users SET password_hash = $2, password_set_at = $3, updated_at = $3 WHERE id = $1");

    TRY(db_exec(ctx, &update, PARAMS(P(id), P(hash), P(ctx->now)), NULL));
    return remember_password(ctx, id, hash);
}

/* The keeper of a lock on a password is whoever forgot it: a new one opens it. */
static struct error *unlock(struct ctx *ctx, const char *email)
{
    SQL(forget, "DELETE FROM sign_in_failures WHERE subject = 'user:' || encode($1, 'hex')");

    return db_exec(ctx, &forget, PARAMS(P(user_email_index(ctx, email))), NULL);
}

static struct error *set_password(struct ctx *ctx, const char *id, const char *hash)
{
    struct user user;

    TRY(lock_user(ctx, id, &user));
    TRY(may_change(ctx, &user));
    TRY(write_hash(ctx, id, hash));
    TRY(unlock(ctx, user.email));
    TRY(session_end_all(ctx, id, NULL));
    return audit_add(ctx, "user.password_reset", id, NULL);
}

/* E_VALIDATION_ERROR for a password that may not be. */
static struct error *check_password(struct ctx *ctx, const struct user *user, const char *password)
{
    SQL(list, "SELECT hash FROM user_passwords WHERE user_id = $1 ORDER BY set_at DESC");
    struct row {
        const char *hash;
    };
    static const struct field hash_columns[] = { FIELD(struct row, hash), FIELD_END };
    const char *weakness = password_weakness(ctx, password, user->email, user->name);
    struct error *error = NULL;
    struct field_list hashes;
    bool same = false;

    if (weakness) {
        error_add_field(ctx, &error, "#/password", "%s", weakness);
        return error;
    }
    TRY(db_list(ctx, &list, PARAMS(P(user->id)), hash_columns, sizeof(struct row), &hashes));
    for (size_t i = 0; i < hashes.count && !same; i++)
        TRY(password_matches(ctx, password, ((struct row *)hashes.items)[i].hash, &same));
    if (same)
        error_add_field(ctx, &error, "#/password", "was one of your last four");
    return error;
}

struct error *user_set_password(struct ctx *ctx, const char *id, const char *password)
{
    struct user user;
    const char *hash;

    TRY(user_get(ctx, id, &user));
    TRY(may_change(ctx, &user));
    TRY(check_password(ctx, &user, password));
    TRY(password_hash(ctx, password, &hash));
    return IN_TX(ctx, set_password(ctx, id, hash));
}

static struct error *change_password(struct ctx *ctx, const char *id, const char *hash)
{
    TRY(write_hash(ctx, id, hash));
    return audit_add(ctx, "user.password_changed", id, NULL);
}

struct error *user_change_password(struct ctx *ctx, const char *id, const char *password)
{
    struct user user;
    const char *hash;

    TRY(user_get(ctx, id, &user));
    TRY(check_password(ctx, &user, password));
    TRY(password_hash(ctx, password, &hash));
    return IN_TX(ctx, change_password(ctx, id, hash));
}

struct error *user_rehash(struct ctx *ctx, const char *id, const char *password)
{
    SQL(update, "UPDATE users SET password_hash = $2 WHERE id = $1");
    const char *hash;

    TRY(password_hash(ctx, password, &hash));
    return db_exec(ctx, &update, PARAMS(P(id), P(hash)), NULL);
}

static struct error *reset_second_factor(struct ctx *ctx, const char *id)
{
    SQL(update,
        "UPDATE users SET totp_secret = NULL, totp_set_at = NULL, totp_step = NULL, updated_at = $2 WHERE id = $1");
    SQL(forget, "DELETE FROM recovery_codes WHERE user_id = $1");
    struct user user;

    TRY(lock_user(ctx, id, &user));
    TRY(may_change(ctx, &user));
    TRY(db_exec(ctx, &update, PARAMS(P(id), P(ctx->now)), NULL));
    TRY(db_exec(ctx, &forget, PARAMS(P(id)), NULL));
    TRY(session_end_all(ctx, id, NULL));
    return audit_add(ctx, "user.second_factor_reset", id, NULL);
}

struct error *user_reset_second_factor(struct ctx *ctx, const char *id)
{
    return IN_TX(ctx, reset_second_factor(ctx, id));
}
