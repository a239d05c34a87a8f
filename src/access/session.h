#ifndef TILL_ACCESS_SESSION_H
#define TILL_ACCESS_SESSION_H

#include "access/role.h"
#include "base/bytes.h"
#include "base/error.h"
#include "base/field.h"
#include "base/instant.h"

#include <stdbool.h>

struct ctx;
struct request;
struct user;

#define SESSION_IDLE_SECONDS 900
#define SESSION_SECONDS 43200
#define STEP_UP_SECONDS 300

/* Where an operator is signed in. The browser has 256 random bits in a cookie, the database their SHA-256. */
struct session {
    const char *id, *user_id;
    enum role role;
    bool has_second_factor; // the user has one
    const char *address, *user_agent;
    struct instant created_at, seen_at, stepped_up_at, ended_at;
    const char *flash;
    const char *csrf; // what every change must carry
};

extern const struct field session_columns[];

/* The session of the request's cookie, as r->session: NULL when there is none, or it is over. Notes that it is used. */
MUST_CHECK struct error *session_find(struct request *r);

/* 256 random bits. */
const char *session_new_token(struct ctx *ctx);

/* Signs this browser in with a new token, in the open transaction; what it had before ends. The browser gets the token by
 * session_give() once that is committed. */
MUST_CHECK struct error *session_start(struct request *r, const struct user *user, const char *token);
void session_give(struct request *r, const char *token);

/* The same session under a new token: after its rights have changed. */
MUST_CHECK struct error *session_renew(struct request *r);

/* Signs this browser out. */
MUST_CHECK struct error *session_end(struct request *r);

/* The user's sessions that are good, the last used first. */
MUST_CHECK struct error *session_list(struct ctx *ctx, const char *user_id, struct field_list *out);

/* Ends one session of a user; E_NOT_FOUND when there is none that is good. */
MUST_CHECK struct error *session_revoke(struct ctx *ctx, const char *user_id, const char *id);

/* Ends all sessions of a user but `except` (may be NULL), in the open transaction. */
MUST_CHECK struct error *session_end_all(struct ctx *ctx, const char *user_id, const char *except);

/* What the next page says once. Ids and amounts only: it is stored as it is. */
MUST_CHECK struct error *session_flash(struct request *r, const char *text);
/* Takes it out; NULL when there is none. */
MUST_CHECK struct error *session_take_flash(struct request *r, const char **out);

/* Password and code were given again just now. */
MUST_CHECK struct error *session_step_up(struct request *r);

/* For a change that asks for password and code again: true when they were given within the last five minutes. Otherwise this has
 * answered with the page that asks for them, which leads to `back` (the request's own address when it is NULL); the
 * handler then ends, with nothing done. */
MUST_CHECK bool session_demand_step_up(struct request *r, const char *back);

/* Forgets what ended long ago. */
MUST_CHECK struct error *session_forget(struct ctx *ctx);

#endif
