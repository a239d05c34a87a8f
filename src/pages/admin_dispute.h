#ifndef TILL_PAGES_ADMIN_DISPUTE_H
#define TILL_PAGES_ADMIN_DISPUTE_H

#include "base/field.h"

struct request;

/* GET /admin/disputes/{id}: one dispute, and what can be said against it. */
struct error *admin_dispute(struct request *r);
/* POST /admin/disputes/{id}/evidence */
struct error *admin_dispute_evidence(struct request *r);
/* POST /admin/disputes/{id}/files */
struct error *admin_dispute_file(struct request *r);
/* POST /admin/disputes/{id}/accept */
struct error *admin_dispute_accept(struct request *r);

#endif
