#ifndef TILL_PAYMENTS_ERASE_STORE_H
#define TILL_PAYMENTS_ERASE_STORE_H

#include "base/error.h"
#include "base/field.h"

#include <stdbool.h>

struct ctx;

/* An id of something that belongs to a customer. */
struct erase_item {
    const char *id;
};

/* Payments that wait for the payer, and open checkout sessions. */
MUST_CHECK struct error *erase_list_waiting(struct ctx *ctx, const char *customer_id, struct field_list *out);
/* Whether money of his is on its way, held, or contested. */
MUST_CHECK struct error *erase_is_blocked(struct ctx *ctx, const char *customer_id, bool *out);
/* Texts of the merchant, marks of cards, bodies of events, and answers that are kept for idempotency keys. */
MUST_CHECK struct error *erase_texts(struct ctx *ctx, const char *customer_id);
MUST_CHECK struct error *erase_methods(struct ctx *ctx, const char *customer_id);
MUST_CHECK struct error *erase_sessions(struct ctx *ctx, const char *customer_id, struct field_list *out);

#endif
