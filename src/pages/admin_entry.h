#ifndef TILL_PAGES_ADMIN_ENTRY_H
#define TILL_PAGES_ADMIN_ENTRY_H

#include "base/error.h"

struct request;

/* How an operator comes in, and what is their own. */

/* GET and POST /admin/sign-in; POST /admin/sign-out */
struct error *admin_sign_in_page(struct request *r);
struct error *admin_sign_in(struct request *r);
struct error *admin_sign_out(struct request *r);

#endif
