#ifndef TILL_PAGES_ADMIN_DEVELOPERS_H
#define TILL_PAGES_ADMIN_DEVELOPERS_H

#include "base/error.h"
#include "base/field.h"

struct request;

/* API keys. Making and revoking one asks for password and code again. */

/* GET /admin/developers; GET …/new; POST: the key is shown once. */
struct error *admin_developers_page(struct request *r);
struct error *admin_key_new_page(struct request *r);
struct error *admin_key_create(struct request *r);
/* GET …/requests: what keys asked for lately, and how often again */
extern const struct field admin_key_requests_query[];
struct error *admin_key_requests(struct request *r);
/* POST /admin/developers/{id}/revoke */
struct error *admin_key_revoke(struct request *r);

#endif
