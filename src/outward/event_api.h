#ifndef TILL_OUTWARD_EVENT_API_H
#define TILL_OUTWARD_EVENT_API_H

#include "base/field.h"

struct request;

/* Events, and how they came to the endpoints. */
struct error *event_api_list(struct request *r);
struct error *event_api_get(struct request *r);
struct error *event_api_resend(struct request *r);
struct error *delivery_api_list(struct request *r);
struct error *delivery_api_get(struct request *r);
struct error *delivery_api_resend(struct request *r);

extern const struct field event_list_query[], event_resend_asked[], delivery_list_query[], delivery_shown[],
    delivery_detail_shown[];

#endif
