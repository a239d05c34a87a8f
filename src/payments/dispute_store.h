#ifndef TILL_PAYMENTS_DISPUTE_STORE_H
#define TILL_PAYMENTS_DISPUTE_STORE_H

#include "payments/dispute.h"

#include <stdbool.h>

MUST_CHECK struct error *dispute_known(struct ctx *ctx, const char *provider, const char *reference,
    struct dispute *out, bool *found);
MUST_CHECK struct error *dispute_insert(struct ctx *ctx, const struct dispute *dispute);
MUST_CHECK struct error *dispute_update(struct ctx *ctx, const struct dispute *dispute);
MUST_CHECK struct error *dispute_of_customer(struct ctx *ctx, const char *customer_id, struct field_list *out);
MUST_CHECK struct error *dispute_of_payment(struct ctx *ctx, const char *payment_id, struct field_list *out);
/* Of all payments, newest first, after `cursor`; of one standing, or any where status is NULL. */
MUST_CHECK struct error *dispute_rows(struct ctx *ctx, const char *status, const char *cursor, int64_t limit,
    struct field_list *out);

#endif
