#ifndef TILL_PAYMENTS_KINDS_API_H
#define TILL_PAYMENTS_KINDS_API_H

#include "base/field.h"

struct request;

struct error *kinds_api_list(struct request *r);

extern const struct field kinds_query[], kinds_shown[];

#endif
