#ifndef TILL_PAGES_ADMIN_ENDPOINTS_H
#define TILL_PAGES_ADMIN_ENDPOINTS_H

#include "base/field.h"

struct request;

/* The merchant's own endpoints: what they hear of, and what was delivered to them. */
struct error *admin_endpoints(struct request *r);
struct error *admin_endpoint_create(struct request *r);
struct error *admin_endpoint(struct request *r);
struct error *admin_endpoint_state(struct request *r);
struct error *admin_endpoint_rotate(struct request *r);
struct error *admin_endpoint_resend(struct request *r);
struct error *admin_delivery(struct request *r);
struct error *admin_delivery_resend(struct request *r);

extern const struct field admin_endpoint_query[], admin_endpoint_asked[], admin_endpoint_state_asked[],
    admin_endpoint_rotate_asked[], admin_endpoint_resend_asked[];

#endif
