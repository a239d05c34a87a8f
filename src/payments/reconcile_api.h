#ifndef TILL_PAYMENTS_RECONCILE_API_H
#define TILL_PAYMENTS_RECONCILE_API_H

#include "base/field.h"

struct request;

struct error *reconcile_api_list(struct request *r);
struct error *reconcile_api_get(struct request *r);
/* JSON by pages; all of them as CSV for ?format=csv or Accept: text/csv. */
struct error *reconcile_api_differences(struct request *r);

extern const struct field reconcile_list_query[], reconcile_differences_query[];

#endif
