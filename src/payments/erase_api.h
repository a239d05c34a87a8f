#ifndef TILL_PAYMENTS_ERASE_API_H
#define TILL_PAYMENTS_ERASE_API_H

#include "base/field.h"

struct request;

struct error *customer_api_erase(struct request *r);
struct error *customer_api_export(struct request *r);

extern const struct field customer_erase_asked[];

#endif
