#ifndef TILL_PAYMENTS_CHECKOUT_API_H
#define TILL_PAYMENTS_CHECKOUT_API_H

#include "base/field.h"

struct request;

struct error *checkout_api_create(struct request *r);
struct error *checkout_api_get(struct request *r);
struct error *checkout_api_list(struct request *r);
struct error *checkout_api_expire(struct request *r);

extern const struct field checkout_asked[], checkout_list_query[];

#endif
