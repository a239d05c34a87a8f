#ifndef TILL_PAYMENTS_INBOX_STORE_H
#define TILL_PAYMENTS_INBOX_STORE_H

#include "base/error.h"
#include "base/field.h"
#include "base/instant.h"

struct ctx;

/* What an id of ours says of a payment: the payment itself, or that of a refund or dispute, and a dispute's deadline. */
struct subject_row {
    const char *id, *payment_id;
    struct instant due_at;
};
/* `ids`: a JSON list of texts. */
MUST_CHECK struct error *subject_rows(struct ctx *ctx, json_t *ids, struct field_list *out);

/* Unknown or processing without a change since `before`, at most 1000. */
MUST_CHECK struct error *stuck_count(struct ctx *ctx, struct instant before, int64_t *out);
/* struct money_at_risk, the largest number of cases first. */
MUST_CHECK struct error *at_risk_sums(struct ctx *ctx, struct field_list *out);

#endif
