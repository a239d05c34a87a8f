#ifndef TILL_PAYMENTS_PAYMENT_VIEW_H
#define TILL_PAYMENTS_PAYMENT_VIEW_H

#include "payments/payment.h"

/* A payment as the API and the merchant's notifications show it. */
struct payment_card {
    const char *brand, *last4, *country, *funding, *wallet;
    int exp_month, exp_year;
};

struct payment_method_shown {
    const char *id, *type;
    struct payment_card *card;
};

struct payment_failure {
    const char *code;         // our class: "insufficient_funds"
    const char *message;      // a sentence for the payer
    const char *decline_code; // the provider's
};

struct payment_action {
    const char *type, *url;
};

struct payment_view {
    const char *id, *status, *outcome;
    struct money amount, amount_captured, amount_capturable, amount_refunded;
    unsigned refund_state, dispute_state;
    bool capture, multicapture;
    unsigned confirmation_method;
    const char *customer_id;
    struct payment_method_shown *payment_method;
    const char *description, *reference, *checkout_session_id;
    json_t *metadata;
    const char *provider, *provider_payment_id;
    json_t *risk; // null until something was assessed
    struct payment_failure *failure;
    struct payment_action *next_action;
    const char *cancellation_reason, *client_secret;
    bool livemode;
    struct instant capture_before;
    struct instant created_at, updated_at;
};

extern const struct field payment_shown[];

/* client_secret goes along only `with_secret`, and only while the payer may still need it. */
MUST_CHECK struct error *payment_view(struct ctx *ctx, const struct payment *payment, bool with_secret,
    struct payment_view *out);

/* The same as JSON, without the secret. */
MUST_CHECK struct error *payment_json(struct ctx *ctx, const struct payment *payment, json_t **out);

#endif
