#ifndef TILL_PAYMENTS_CHECKOUT_STORE_H
#define TILL_PAYMENTS_CHECKOUT_STORE_H

#include "payments/checkout.h"

MUST_CHECK struct error *checkout_row(struct ctx *ctx, const char *id, struct checkout *out);
MUST_CHECK struct error *checkout_lock(struct ctx *ctx, const char *id, struct checkout *out);
MUST_CHECK struct error *checkout_insert(struct ctx *ctx, const struct checkout *session);
MUST_CHECK struct error *checkout_set_status(struct ctx *ctx, const char *id, enum checkout_status status);
/* Gives an open session its one payment; E_CONFLICT when it has one or is over. In the open transaction. */
MUST_CHECK struct error *checkout_link(struct ctx *ctx, const char *id, const char *payment_id);
/* Paid. Saying so twice does nothing. */
MUST_CHECK struct error *checkout_complete(struct ctx *ctx, const char *id);
MUST_CHECK struct error *checkout_list_rows(struct ctx *ctx, const char *cursor, int64_t limit, struct field_list *out);

#endif
