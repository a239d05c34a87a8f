#ifndef TILL_CUSTOMERS_CUSTOMER_API_H
#define TILL_CUSTOMERS_CUSTOMER_API_H

#include "base/field.h"

struct request;

struct error *customer_api_create(struct request *r);
struct error *customer_api_get(struct request *r);
struct error *customer_api_update(struct request *r);
struct error *customer_api_list(struct request *r);

extern const struct field customer_asked[], customer_list_query[];

#endif
