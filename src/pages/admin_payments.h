#ifndef TILL_PAGES_ADMIN_PAYMENTS_H
#define TILL_PAGES_ADMIN_PAYMENTS_H

#include "base/error.h"

struct request;

/* The list of payments: filters and search by address, saved views, CSV. */
struct error *admin_payments(struct request *r);
struct error *admin_payments_export(struct request *r);
struct error *admin_payments_keep_view(struct request *r);
struct error *admin_payments_delete_view(struct request *r);

#endif
