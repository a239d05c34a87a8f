#ifndef TILL_CUSTOMERS_METHOD_VIEW_H
#define TILL_CUSTOMERS_METHOD_VIEW_H

#include "customers/method.h"

struct method_card {
    const char *brand, *last4, *country, *funding, *wallet;
    int exp_month, exp_year;
    bool expired;
};

struct method_failure {
    const char *code, *message, *decline_code;
};

struct method_action {
    const char *type, *url;
};

/* What the API and the merchant's events show of a kept payment method. */
struct method_shown {
    const char *id, *customer_id;
    unsigned status;
    const char *type;
    struct method_card *card;
    bool is_default;
    const char *mandate, *provider, *provider_payment_method_id;
    json_t *metadata;
    struct method_failure *failure;
    struct method_action *next_action;
    const char *client_secret;
    bool livemode;
    struct instant remembered_until, created_at, updated_at;
};

extern const struct field method_shown[];

MUST_CHECK struct error *method_show(struct ctx *ctx, const struct method *method, bool with_secret,
    struct method_shown *out);
MUST_CHECK struct error *method_json(struct ctx *ctx, const struct method *method, json_t **out);

#endif
