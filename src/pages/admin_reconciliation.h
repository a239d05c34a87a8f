#ifndef TILL_PAGES_ADMIN_RECONCILIATION_H
#define TILL_PAGES_ADMIN_RECONCILIATION_H

#include "base/field.h"

struct request;

/* Our books against the providers': each comparison, and what differs. */
struct error *admin_reconciliations(struct request *r);
struct error *admin_reconciliation_start(struct request *r);
struct error *admin_reconciliation(struct request *r);
struct error *admin_reconciliation_csv(struct request *r);
struct error *admin_difference_resolve(struct request *r);

extern const struct field admin_reconciliations_query[], admin_reconciliation_start_asked[],
    admin_reconciliation_query[], admin_difference_resolve_asked[];

#endif
