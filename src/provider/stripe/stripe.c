#include "provider/stripe/stripe.h"

const struct provider provider_stripe = {
    .name = "stripe",
    .capabilities = {
        .methods = "card",
        .partial_capture = true,
        .partial_refund = true,
        .separate_capture = true,
        .currency = stripe_takes,
    },
    .create = stripe_create,
    .confirm = stripe_confirm,
    .capture = stripe_capture,
    .cancel = stripe_cancel,
    .refund = stripe_refund,
    .fetch = stripe_fetch,
    .find = stripe_find,
    .fetch_refund = stripe_fetch_refund,
    .fetch_method = stripe_fetch_method,
    .create_customer = stripe_create_customer,
    .list_events = stripe_list_events,
    .list_movements = stripe_list_movements,
    .balance = stripe_balance,
    .verify = stripe_verify,
    .parse = stripe_parse,
    .script_amount = stripe_script_amount,
};
