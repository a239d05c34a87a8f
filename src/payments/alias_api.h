#ifndef TILL_PAYMENTS_ALIAS_API_H
#define TILL_PAYMENTS_ALIAS_API_H

#include "base/error.h"
#include "base/field.h"

struct request;

/* The other doors: addresses and shapes that older integrations know, before the same rules. Amounts are whole minor units at
 * /payments/… and /charge (snake_case) and at /api/payments/… (camelCase, currencies in lower case); at
 * /api/v1/payments/stripe-intent and …/process also a number or text in major units, or the canonical object. */

extern const struct field alias_intent_asked[], alias_confirm_asked[], alias_charge_asked[], alias_refund_asked[],
    alias_history_query[];
extern const struct field alias_result_shown[], alias_refund_shown[], alias_history_shown[];
struct error *alias_api_create_intent(struct request *r);
struct error *alias_api_confirm(struct request *r);
struct error *alias_api_charge(struct request *r);
struct error *alias_api_history(struct request *r);
struct error *alias_api_refund(struct request *r);

extern const struct field alias_camel_process_asked[], alias_camel_refund_asked[];
extern const struct field alias_camel_result_shown[], alias_camel_payment_shown[], alias_camel_refund_shown[],
    alias_camel_history_shown[];
struct error *alias_api_camel_process(struct request *r);
struct error *alias_api_camel_history(struct request *r);
struct error *alias_api_camel_get(struct request *r);
struct error *alias_api_camel_refund(struct request *r);

extern const struct field alias_invoice_intent_asked[], alias_invoice_process_asked[];
extern const struct field alias_invoice_shown[];
struct error *alias_api_stripe_intent(struct request *r);
struct error *alias_api_process(struct request *r);

#endif
