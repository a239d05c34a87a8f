#ifndef TILL_PAYMENTS_CHECKOUT_VIEW_H
#define TILL_PAYMENTS_CHECKOUT_VIEW_H

#include "payments/checkout.h"

/* What the API shows of a checkout session. */
struct checkout_view {
    const char *id;
    unsigned status;
    const char *url;
    struct money amount;
    json_t *items;
    const char *description, *reference, *customer_id, *success_url, *cancel_url, *locale;
    bool capture, save_payment_method;
    json_t *metadata;
    const char *payment_id;
    bool livemode;
    struct instant expires_at, created_at, updated_at;
};

extern const struct field checkout_shown[];

struct checkout_view checkout_view(struct ctx *ctx, const struct checkout *session);

#endif
