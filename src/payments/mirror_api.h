#ifndef TILL_PAYMENTS_MIRROR_API_H
#define TILL_PAYMENTS_MIRROR_API_H

#include "base/field.h"

struct request;

extern const struct field subscription_list_query[];
extern const struct field invoice_list_query[];

struct error *subscription_api_list(struct request *r);
struct error *subscription_api_get(struct request *r);
struct error *invoice_api_list(struct request *r);
struct error *invoice_api_get(struct request *r);

#endif
