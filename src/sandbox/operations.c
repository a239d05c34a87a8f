#include "sandbox/operations.h"

#include "base/ctx.h"
#include "base/id.h"
#include "sandbox/decode.h"

#include <string.h>

/* clang-format off */
const struct operation operations[] = {
    { "POST", "/v1/customers", customer_create, customer_create_params, false },
    { "GET", "/v1/customers", customer_list, customer_list_params, false },
    { "GET", "/v1/customers/search", customer_search, search_params, false },
    { "GET", "/v1/customers/{id}", customer_get, params_none, false },
    { "POST", "/v1/customers/{id}", customer_update, customer_update_params, false },
    { "DELETE", "/v1/customers/{id}", customer_delete, params_none, false },
    { "GET", "/v1/customers/{id}/payment_methods", customer_method_list, method_list_params, false },
    { "GET", "/v1/customers/{id}/payment_methods/{method}", customer_method_get, params_none, false },

    { "POST", "/v1/payment_methods", method_create, method_create_params, true },
    { "GET", "/v1/payment_methods", method_list, method_list_params, false },
    { "GET", "/v1/payment_methods/{id}", method_get, params_none, false },
    { "POST", "/v1/payment_methods/{id}", method_update, method_update_params, false },
    { "POST", "/v1/payment_methods/{id}/attach", method_attach, method_attach_params, false },
    { "POST", "/v1/payment_methods/{id}/detach", method_detach, params_none, false },

    { "POST", "/v1/confirmation_tokens", token_create, token_create_params, true },
    { "GET", "/v1/confirmation_tokens/{id}", token_get, params_none, false },

    { "POST", "/v1/payment_intents", intent_create, intent_create_params, false },
    { "GET", "/v1/payment_intents", intent_list, intent_list_params, false },
    { "GET", "/v1/payment_intents/search", intent_search, search_params, false },
    { "GET", "/v1/payment_intents/{id}", intent_get, intent_get_params, true },
    { "POST", "/v1/payment_intents/{id}", intent_update, intent_update_params, false },
    { "POST", "/v1/payment_intents/{id}/confirm", intent_confirm, intent_confirm_params, true },
    { "POST", "/v1/payment_intents/{id}/capture", intent_capture, intent_capture_params, false },
    { "POST", "/v1/payment_intents/{id}/cancel", intent_cancel, intent_cancel_params, false },
    { "POST", "/v1/payment_intents/{id}/increment_authorization", intent_increment, intent_increment_params, false },
    { "POST", "/v1/payment_intents/{id}/verify_microdeposits", intent_verify, kind_verify_params, true },

    { "POST", "/v1/setup_intents", setup_create, setup_create_params, false },
    { "GET", "/v1/setup_intents", setup_list, setup_list_params, false },
    { "GET", "/v1/setup_intents/{id}", setup_get, intent_get_params, true },
    { "POST", "/v1/setup_intents/{id}", setup_update, setup_update_params, false },
    { "POST", "/v1/setup_intents/{id}/confirm", setup_confirm, setup_confirm_params, true },
    { "POST", "/v1/setup_intents/{id}/cancel", setup_cancel, setup_cancel_params, false },
    { "POST", "/v1/setup_intents/{id}/verify_microdeposits", setup_verify, kind_verify_params, true },
    { "GET", "/v1/setup_attempts", setup_attempt_list, setup_attempt_list_params, false },
    { "GET", "/v1/mandates/{id}", mandate_get, params_none, false },

    { "GET", "/v1/charges", charge_list, charge_list_params, false },
    { "GET", "/v1/charges/search", charge_search, search_params, false },
    { "GET", "/v1/charges/{id}", charge_get, params_none, false },
    { "POST", "/v1/charges/{id}", charge_update, charge_update_params, false },

    { "POST", "/v1/refunds", refund_create, refund_create_params, false },
    { "GET", "/v1/refunds", refund_list, refund_list_params, false },
    { "GET", "/v1/refunds/{id}", refund_get, params_none, false },
    { "POST", "/v1/refunds/{id}", refund_update, refund_update_params, false },
    { "POST", "/v1/refunds/{id}/cancel", refund_cancel, params_none, false },

    { "GET", "/v1/disputes", dispute_list, dispute_list_params, false },
    { "GET", "/v1/disputes/{id}", dispute_get, params_none, false },
    { "POST", "/v1/disputes/{id}", dispute_update, dispute_update_params, false },
    { "POST", "/v1/disputes/{id}/close", dispute_close, params_none, false },

    { "POST", "/v1/files", file_create, file_create_params, false },
    { "GET", "/v1/files/{id}", file_get, params_none, false },

    { "GET", "/v1/subscriptions/{id}", subscription_get, params_none, false },
    { "GET", "/v1/invoices/{id}", invoice_get, params_none, false },

    { "GET", "/v1/balance", balance_get, params_none, false },
    { "GET", "/v1/balance_transactions", balance_transaction_list, balance_list_params, false },
    { "GET", "/v1/balance_transactions/{id}", balance_transaction_get, params_none, false },

    { "POST", "/v1/payouts", payout_create, payout_create_params, false },
    { "GET", "/v1/payouts", payout_list, payout_list_params, false },
    { "GET", "/v1/payouts/{id}", payout_get, params_none, false },
    { "POST", "/v1/payouts/{id}", payout_update, payout_update_params, false },
    { "POST", "/v1/payouts/{id}/cancel", payout_cancel, params_none, false },

    { "GET", "/v1/events", event_list, event_list_params, false },
    { "GET", "/v1/events/{id}", event_get, params_none, false },

    { "POST", "/v1/webhook_endpoints", endpoint_create, endpoint_create_params, false },
    { "GET", "/v1/webhook_endpoints", endpoint_list, params_list, false },
    { "GET", "/v1/webhook_endpoints/{id}", endpoint_get, params_none, false },
    { "POST", "/v1/webhook_endpoints/{id}", endpoint_update, endpoint_update_params, false },
    { "DELETE", "/v1/webhook_endpoints/{id}", endpoint_delete, params_none, false },

    { "POST", "/v1/payment_method_domains", domain_create, domain_create_params, false },
    { "GET", "/v1/payment_method_domains", domain_list, domain_list_params, false },
    { "GET", "/v1/payment_method_domains/{id}", domain_get, params_none, false },
    { "POST", "/v1/payment_method_domains/{id}", domain_update, domain_update_params, false },
    { "POST", "/v1/payment_method_domains/{id}/validate", domain_validate, params_none, false },

    { "GET", "/v1/account", account_get, params_none, false },
};
/* clang-format on */

const size_t operation_count = sizeof operations / sizeof *operations;

/* Follows a pattern and a path; segments that stand for {names} are decoded into the call. */
static bool fits(struct call *call, const char *pattern, const char *path)
{
    size_t names = 0;

    while (*pattern == '/' && *path == '/') {
        size_t want = strcspn(++pattern, "/"), have = strcspn(++path, "/");

        if (*pattern == '{') {
            const char *value = decode_part(call->ctx->arena, path, have, 0);

            if (!value || !id_is_plausible(value))
                return false;
            call->segments[names++] = value;
        } else if (want != have || strncmp(pattern, path, want) != 0) {
            return false;
        }
        pattern += want;
        path += have;
    }
    return !*pattern && !*path;
}

const struct operation *operation_find(struct call *call, const char *method, const char *path)
{
    for (size_t i = 0; i < operation_count; i++) {
        if (strcmp(operations[i].method, method) == 0 && fits(call, operations[i].path, path))
            return &operations[i];
    }
    return NULL;
}
