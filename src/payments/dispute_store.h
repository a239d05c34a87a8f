#ifndef TILL_PAYMENTS_DISPUTE_STORE_H
#define TILL_PAYMENTS_DISPUTE_STORE_H

#include "payments/dispute.h"

#include <stdbool.h>

MUST_CHECK struct error *dispute_known(struct ctx *ctx, const char *provider, const char *reference,
    struct dispute *out, bool *found);
/* By our id or the provider's. */
MUST_CHECK struct error *dispute_row(struct ctx *ctx, const char *id, struct dispute *out);
MUST_CHECK struct error *dispute_insert(struct ctx *ctx, const struct dispute *dispute);
MUST_CHECK struct error *dispute_update(struct ctx *ctx, const struct dispute *dispute);
MUST_CHECK struct error *dispute_of_customer(struct ctx *ctx, const char *customer_id, struct field_list *out);
MUST_CHECK struct error *dispute_of_payment(struct ctx *ctx, const char *payment_id, struct field_list *out);
/* Newest first, after `cursor`; of one standing and one payment, or any where they are NULL. */
MUST_CHECK struct error *dispute_rows(struct ctx *ctx, const char *status, const char *payment_id, const char *cursor,
    int64_t limit, struct field_list *out);

/* Files that the provider has as evidence. */
struct evidence_file;
MUST_CHECK struct error *dispute_file_known(struct ctx *ctx, const char *reference, struct evidence_file *out,
    bool *found);
MUST_CHECK struct error *dispute_file_insert(struct ctx *ctx, const struct evidence_file *file);
MUST_CHECK struct error *dispute_file_rows(struct ctx *ctx, const char *dispute_id, struct field_list *out);

#endif
