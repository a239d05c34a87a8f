#ifndef TILL_CUSTOMERS_METHOD_API_H
#define TILL_CUSTOMERS_METHOD_API_H

#include "base/field.h"

struct request;

struct error *method_api_create(struct request *r);
struct error *method_api_get(struct request *r);
struct error *method_api_list(struct request *r);
struct error *method_api_update(struct request *r);
struct error *method_api_delete(struct request *r);

extern const struct field method_asked[], method_edit_asked[], method_list_query[];

#endif
