#include "provider/stripe/stripe.h"

/* The countries that take part in SEPA. */
#define SEPA                                                                                                           \
    "AD AT BE BG CH CY CZ DE DK EE ES FI FR GB GI GR HR HU IE IS IT LI LT LU LV MC MT NL NO PL PT RO SE SI SK SM VA"

static const struct method_kind kinds[] = {
    { .type = "card", .name = "Card", .wallets = "apple_pay google_pay", .captured_later = true, .kept = true },
    { .type = "sepa_debit",
        .name = "SEPA Direct Debit",
        .currencies = "EUR",
        .countries = SEPA,
        .most = 1000000,
        .delayed = true,
        .mandate = true,
        .kept = true,
        .contested_late = true,
        .refund_days = 180 },
    { .type = NULL },
};

const struct provider provider_stripe = {
    .name = "stripe",
    .capabilities = {
        .kinds = kinds,
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
    .update_customer = stripe_update_customer,
    .delete_customer = stripe_delete_customer,
    .create_setup = stripe_create_setup,
    .confirm_setup = stripe_confirm_setup,
    .fetch_setup = stripe_fetch_setup,
    .cancel_setup = stripe_cancel_setup,
    .update_method = stripe_update_method,
    .detach_method = stripe_detach_method,
    .fetch_mandate = stripe_fetch_mandate,
    .keep_method = stripe_keep_method,
    .list_events = stripe_list_events,
    .list_movements = stripe_list_movements,
    .balance = stripe_balance,
    .verify = stripe_verify,
    .parse = stripe_parse,
    .concern = stripe_concern,
    .script_amount = stripe_script_amount,
};
