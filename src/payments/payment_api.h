#ifndef TILL_PAYMENTS_PAYMENT_API_H
#define TILL_PAYMENTS_PAYMENT_API_H

#include "base/field.h"

struct request;

struct error *payment_api_create(struct request *r);
struct error *payment_api_get(struct request *r);
struct error *payment_api_list(struct request *r);
struct error *payment_api_history(struct request *r);
struct error *payment_api_confirm(struct request *r);
struct error *payment_api_capture(struct request *r);
struct error *payment_api_cancel(struct request *r);

extern const struct field payment_asked[], payment_confirm_asked[], payment_capture_asked[], payment_cancel_asked[];
extern const struct field payment_list_query[], payment_history_query[], payment_history_shown[];

#endif
