#ifndef TILL_PAGES_ADMIN_OVERVIEW_H
#define TILL_PAGES_ADMIN_OVERVIEW_H

#include "base/field.h"

struct request;

/* GET /admin/overview: today against the same day of last week, whether everything runs, what waits for a person, charts. */
struct error *admin_overview(struct request *r);

/* GET /admin/analytics: providers compared, errors by class, the ledger by account. */
struct error *admin_analytics(struct request *r);

extern const struct field admin_figures_query[];

#endif
