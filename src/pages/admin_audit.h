#ifndef TILL_PAGES_ADMIN_AUDIT_H
#define TILL_PAGES_ADMIN_AUDIT_H

#include "base/error.h"
#include "base/field.h"

struct request;

/* GET /admin/audit: who did what to which object, when and from where. */
struct error *admin_audit_page(struct request *r);
/* GET /admin/audit/export: the same as CSV, all of it. */
struct error *admin_audit_export(struct request *r);
/* POST /admin/audit/verify: walks the chain of hashes. */
struct error *admin_audit_verify(struct request *r);

extern const struct field admin_audit_query[];

#endif
