#ifndef TILL_OUTWARD_ENDPOINT_API_H
#define TILL_OUTWARD_ENDPOINT_API_H

#include "base/field.h"

struct request;

struct error *endpoint_api_create(struct request *r);
struct error *endpoint_api_list(struct request *r);
struct error *endpoint_api_get(struct request *r);
struct error *endpoint_api_change(struct request *r);
struct error *endpoint_api_enable(struct request *r);
struct error *endpoint_api_disable(struct request *r);
struct error *endpoint_api_rotate(struct request *r);
struct error *endpoint_api_resend(struct request *r);
struct error *endpoint_api_delete(struct request *r);

extern const struct field endpoint_asked[], endpoint_change_asked[], endpoint_shown[], endpoint_list_query[],
    endpoint_rotate_asked[], endpoint_resend_asked[], endpoint_resend_shown[];

#endif
