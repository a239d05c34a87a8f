#ifndef TILL_PAGES_ADMIN_DISPUTES_H
#define TILL_PAGES_ADMIN_DISPUTES_H

#include "base/field.h"

struct request;

/* GET /admin/disputes: what payers contest with their banks, and until when evidence is taken. */
struct error *admin_disputes(struct request *r);

extern const struct field admin_disputes_query[];

#endif
