#ifndef TILL_PAGES_ADMIN_ACCOUNT_H
#define TILL_PAGES_ADMIN_ACCOUNT_H

#include "base/error.h"
#include "base/field.h"

#include <jansson.h>

struct request;

/* What is a person's own: the second factor, being asked again, password, recovery codes, sessions. */

/* GET and POST /admin/second-factor: sets up the authenticator app; the recovery codes are shown this once. */
struct error *admin_second_factor_page(struct request *r);
struct error *admin_second_factor(struct request *r);
/* GET and POST /admin/step-up: password and code again, for what asks for them (session_demand_step_up). */
struct error *admin_step_up_page(struct request *r);
struct error *admin_step_up(struct request *r);
/* GET /admin/account */
struct error *admin_account_page(struct request *r);
/* POST /admin/account/password: with the old one and a code; ends all other sessions. */
struct error *admin_account_password(struct request *r);
/* POST /admin/account/recovery-codes: ten new ones. */
struct error *admin_account_codes(struct request *r);
/* POST /admin/account/sessions/{id}/revoke, and all but this one at …/sessions/revoke. */
struct error *admin_account_revoke(struct request *r);
struct error *admin_account_revoke_others(struct request *r);

extern const struct field admin_second_factor_asked[], admin_step_up_asked[], admin_password_asked[];

/* The user's sessions for a page: [{"id", "agent", "address", "created", "seen", "own"}]. */
MUST_CHECK struct error *admin_sessions_view(struct request *r, const char *user_id, json_t **out);

#endif
