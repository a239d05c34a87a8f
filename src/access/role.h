#ifndef TILL_ACCESS_ROLE_H
#define TILL_ACCESS_ROLE_H

#include <stdbool.h>

/* What a person in the dashboard may do. Each role is a set of scopes; the route table says which scope a door asks for. */
enum role { ROLE_OWNER, ROLE_ADMIN, ROLE_FINANCE, ROLE_SUPPORT, ROLE_RISK, ROLE_DEVELOPER, ROLE_AUDITOR };

extern const char *const role_names[];

/* The role's scopes, separated by spaces; "*" is all. */
const char *role_scopes(enum role role);

/* Whether who has the role may make an API key with this scope: nobody gives away money that they could not give back themselves. */
bool role_may_give(enum role role, const char *scope);

/* One sentence for whoever gives the role to somebody. */
const char *role_summary(enum role role);

#endif
