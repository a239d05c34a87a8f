#ifndef TILL_PAYMENTS_REFUND_API_H
#define TILL_PAYMENTS_REFUND_API_H

#include "base/field.h"

struct request;

struct error *refund_api_create(struct request *r);
struct error *refund_api_get(struct request *r);
struct error *refund_api_list(struct request *r);

extern const struct field refund_asked[];

#endif
