#ifndef TILL_PAGES_MAINTENANCE_H
#define TILL_PAGES_MAINTENANCE_H

#include "base/field.h"

struct request;

/* What cron calls, with a key of the scope maintenance:run. Each answers what it did. */

/* POST /api/v1/maintenance/{kind}: resolve, sweep, retention, seal, jobs. */
struct error *maintenance_api_run(struct request *r);
/* POST /api/v1/maintenance/reconcile: yesterday, or the time in the body. */
struct error *maintenance_api_reconcile(struct request *r);
/* GET /api/v1/maintenance: the last run of each kind. */
struct error *maintenance_api_list(struct request *r);
/* GET /api/v1/decisions: what a person must decide. */
struct error *maintenance_api_decisions(struct request *r);

extern const struct field maintenance_ran_shown[], maintenance_reconcile_asked[], maintenance_decisions_query[];

#endif
