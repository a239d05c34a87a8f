#ifndef TILL_SANDBOX_OPERATIONS_H
#define TILL_SANDBOX_OPERATIONS_H

#include "sandbox/params.h"

/* One operation of the emulated API. */
struct operation {
    const char *method;
    const char *path; // "/v1/refunds/{id}"
    struct failure *(*handle)(struct call *call);
    const struct param *params;
    bool browsers; // may be called with a publishable key
};

/* The row for a method and a raw path, whose {names} go to call->segments; NULL when there is none. */
const struct operation *operation_find(struct call *call, const char *method, const char *path);

/* All rows, in order. */
extern const struct operation operations[];
extern const size_t operation_count;

/* Each is in the file of its resource, with its parameters. */
extern const struct param customer_create_params[], customer_update_params[], customer_list_params[], search_params[];
struct failure *customer_create(struct call *call);
struct failure *customer_get(struct call *call);
struct failure *customer_update(struct call *call);
struct failure *customer_delete(struct call *call);
struct failure *customer_list(struct call *call);
struct failure *customer_search(struct call *call);
struct failure *customer_method_list(struct call *call);
struct failure *customer_method_get(struct call *call);

extern const struct param method_create_params[], method_update_params[], method_attach_params[], method_list_params[];
struct failure *method_create(struct call *call);
struct failure *method_get(struct call *call);
struct failure *method_update(struct call *call);
struct failure *method_attach(struct call *call);
struct failure *method_detach(struct call *call);
struct failure *method_list(struct call *call);

extern const struct param token_create_params[];
struct failure *token_create(struct call *call);
struct failure *token_get(struct call *call);

extern const struct param intent_create_params[], intent_update_params[], intent_confirm_params[], intent_get_params[],
    intent_capture_params[], intent_cancel_params[], intent_list_params[], intent_increment_params[],
    kind_verify_params[];
struct failure *intent_create(struct call *call);
struct failure *intent_get(struct call *call);
struct failure *intent_update(struct call *call);
struct failure *intent_confirm(struct call *call);
struct failure *intent_capture(struct call *call);
struct failure *intent_cancel(struct call *call);
struct failure *intent_increment(struct call *call);
struct failure *intent_verify(struct call *call);
struct failure *intent_list(struct call *call);
struct failure *intent_search(struct call *call);

extern const struct param setup_create_params[], setup_update_params[], setup_confirm_params[], setup_cancel_params[],
    setup_list_params[], setup_attempt_list_params[];
struct failure *setup_create(struct call *call);
struct failure *setup_get(struct call *call);
struct failure *setup_update(struct call *call);
struct failure *setup_confirm(struct call *call);
struct failure *setup_cancel(struct call *call);
struct failure *setup_verify(struct call *call);
struct failure *setup_list(struct call *call);
struct failure *setup_attempt_list(struct call *call);
struct failure *mandate_get(struct call *call);
struct failure *subscription_get(struct call *call);
struct failure *invoice_get(struct call *call);

extern const struct param charge_list_params[], charge_update_params[];
struct failure *charge_get(struct call *call);
struct failure *charge_update(struct call *call);
struct failure *charge_list(struct call *call);
struct failure *charge_search(struct call *call);

extern const struct param refund_create_params[], refund_update_params[], refund_list_params[];
struct failure *refund_create(struct call *call);
struct failure *refund_get(struct call *call);
struct failure *refund_update(struct call *call);
struct failure *refund_cancel(struct call *call);
struct failure *refund_list(struct call *call);

extern const struct param dispute_update_params[], dispute_list_params[];
struct failure *dispute_get(struct call *call);
struct failure *dispute_update(struct call *call);
struct failure *dispute_close(struct call *call);
struct failure *dispute_list(struct call *call);

extern const struct param file_create_params[];
struct failure *file_create(struct call *call);
struct failure *file_get(struct call *call);

extern const struct param balance_list_params[], payout_create_params[], payout_list_params[], payout_update_params[];
struct failure *balance_get(struct call *call);
struct failure *balance_transaction_get(struct call *call);
struct failure *balance_transaction_list(struct call *call);
struct failure *payout_create(struct call *call);
struct failure *payout_get(struct call *call);
struct failure *payout_update(struct call *call);
struct failure *payout_cancel(struct call *call);
struct failure *payout_list(struct call *call);

extern const struct param event_list_params[];
struct failure *event_get(struct call *call);
struct failure *event_list(struct call *call);

extern const struct param domain_create_params[], domain_update_params[], domain_list_params[];
struct failure *domain_create(struct call *call);
struct failure *domain_get(struct call *call);
struct failure *domain_update(struct call *call);
struct failure *domain_validate(struct call *call);
struct failure *domain_list(struct call *call);

extern const struct param endpoint_create_params[], endpoint_update_params[];
struct failure *endpoint_create(struct call *call);
struct failure *endpoint_get(struct call *call);
struct failure *endpoint_update(struct call *call);
struct failure *endpoint_delete(struct call *call);
struct failure *endpoint_list(struct call *call);

struct failure *account_get(struct call *call);

#endif
