#ifndef TILL_PAYMENTS_REFUND_STORE_H
#define TILL_PAYMENTS_REFUND_STORE_H

#include "payments/refund.h"

#include <stdbool.h>

/* By our id or the provider's, of the principal's customer where it has one. */
MUST_CHECK struct error *refund_get(struct ctx *ctx, const char *id, struct refund *out);
MUST_CHECK struct error *refund_insert(struct ctx *ctx, const struct refund *refund);
MUST_CHECK struct error *refund_update(struct ctx *ctx, const struct refund *refund);
/* Counts key_number on, unless somebody has since *refund was read. */
MUST_CHECK struct error *refund_next_key(struct ctx *ctx, const struct refund *refund);
/* The one that a provider's view is about, by our id or its own. */
MUST_CHECK struct error *refund_known(struct ctx *ctx, const char *payment_id, const char *id, const char *reference,
    struct refund *out, bool *found);
MUST_CHECK struct error *refund_of_payment(struct ctx *ctx, const char *payment_id, struct field_list *out);
/* All, or those of one status: the newest first, after `cursor`. */
MUST_CHECK struct error *refund_newest(struct ctx *ctx, const char *status, const char *cursor, int64_t limit,
    struct field_list *out);
MUST_CHECK struct error *refund_of_customer(struct ctx *ctx, const char *customer_id, struct field_list *out);
/* Ids (const char *) of those that the provider should have said more of by now. */
MUST_CHECK struct error *refund_list_unfinished(struct ctx *ctx, struct field_list *out);
/* Refunds of a customer's payments since a time. */
MUST_CHECK struct error *refund_count_since(struct ctx *ctx, const char *customer_id, struct instant since,
    int64_t *out);

#endif
