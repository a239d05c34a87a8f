#ifndef TILL_PAYMENTS_APPROVAL_STORE_H
#define TILL_PAYMENTS_APPROVAL_STORE_H

#include "payments/approval.h"

#include <stdint.h>

MUST_CHECK struct error *approval_get(struct ctx *ctx, const char *id, struct approval *out); // E_NOT_FOUND
MUST_CHECK struct error *approval_lock(struct ctx *ctx, const char *id, struct approval *out);
/* E_CONFLICT while another one of this payment waits. */
MUST_CHECK struct error *approval_insert(struct ctx *ctx, const struct approval *approval);
/* status, decided_by, decided_at, answer, refund_id. */
MUST_CHECK struct error *approval_update(struct ctx *ctx, const struct approval *approval);

/* Of one status, or all: newest first, after `cursor`. Those that wait: the oldest first. */
MUST_CHECK struct error *approval_list(struct ctx *ctx, const char *status, const char *cursor, int64_t limit,
    struct field_list *out);
MUST_CHECK struct error *approval_list_waiting(struct ctx *ctx, const char *cursor, int64_t limit,
    struct field_list *out);

/* Of one payment, newest first. */
MUST_CHECK struct error *approval_of_payment(struct ctx *ctx, const char *payment_id, struct field_list *out);

#endif
