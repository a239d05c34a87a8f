#ifndef TILL_PAGES_ADMIN_USERS_H
#define TILL_PAGES_ADMIN_USERS_H

#include "base/error.h"
#include "base/field.h"

struct request;

/* The people of the dashboard. Changes ask for password and code again. */

/* GET /admin/users; GET …/new and POST make one, whose password is shown once. */
struct error *admin_users_page(struct request *r);
struct error *admin_user_new_page(struct request *r);
struct error *admin_user_add(struct request *r);
/* GET /admin/users/{id} and what is done there */
struct error *admin_user_page(struct request *r);
struct error *admin_user_role(struct request *r);
struct error *admin_user_state(struct request *r);
struct error *admin_user_password(struct request *r);
struct error *admin_user_second_factor(struct request *r);
struct error *admin_user_sessions(struct request *r);

extern const struct field admin_user_asked[], admin_user_role_asked[], admin_user_state_asked[];

#endif
