#ifndef TILL_ACCESS_USER_H
#define TILL_ACCESS_USER_H

#include "access/role.h"
#include "base/bytes.h"
#include "base/error.h"
#include "base/field.h"
#include "base/instant.h"

#include <stdbool.h>

struct ctx;

enum user_state { USER_ACTIVE, USER_DISABLED };
extern const char *const user_state_names[];

/* An operator. E-mail address and name are encrypted in the database. */
struct user {
    const char *id;
    const char *email, *name;
    enum role role;
    enum user_state state;
    struct instant created_at, last_sign_in_at;
    struct instant second_factor_at; // when the authenticator app was set up; unset without one
    const char *password_hash;
    struct bytes sealed_email, sealed_name;
};

extern const struct field user_shown[];

struct user_details {
    const char *email, *name, *password;
    enum role role;
};

/* For the fields of forms. */
const char *check_user_email(struct ctx *ctx, const char *text);

/* Makes one. E_VALIDATION_ERROR with all that is wrong; E_FORBIDDEN when a user who is no owner makes one. */
MUST_CHECK struct error *user_add(struct ctx *ctx, const struct user_details *details, struct user *out);

MUST_CHECK struct error *user_get(struct ctx *ctx, const char *id, struct user *out); // E_NOT_FOUND
MUST_CHECK struct error *user_by_email(struct ctx *ctx, const char *email, struct user *out, bool *found);
/* All of them, owners first. */
MUST_CHECK struct error *user_list(struct ctx *ctx, struct field_list *out);

/* What others decide about a user. Each ends all sessions of that user. There is always an active owner (E_CONFLICT otherwise),
 * only an owner, or the command line, changes an owner or makes one, and nobody in the dashboard changes themselves
 * (E_FORBIDDEN). */
MUST_CHECK struct error *user_set_role(struct ctx *ctx, const char *id, enum role role);
/* `reason` is for the audit log; NULL where none was given. */
MUST_CHECK struct error *user_set_state(struct ctx *ctx, const char *id, enum user_state state, const char *reason);
MUST_CHECK struct error *user_set_password(struct ctx *ctx, const char *id, const char *password);
MUST_CHECK struct error *user_reset_second_factor(struct ctx *ctx, const char *id);

/* What users decide about themselves. E_VALIDATION_ERROR at #/password when it is weak or one of the last four. */
MUST_CHECK struct error *user_change_password(struct ctx *ctx, const char *id, const char *password);

/* The same password under newer parameters. */
MUST_CHECK struct error *user_rehash(struct ctx *ctx, const char *id, const char *password);

/* The keyed hash that an e-mail address is found by: 32 bytes. */
struct bytes user_email_index(struct ctx *ctx, const char *email);

#endif
