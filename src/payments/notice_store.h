#ifndef TILL_PAYMENTS_NOTICE_STORE_H
#define TILL_PAYMENTS_NOTICE_STORE_H

#include "payments/notice.h"

MUST_CHECK struct error *notice_get(struct ctx *ctx, const char *id, struct notice *out);
/* The first of its kind and object, and the job that sends it after `delay` seconds, where an address may be known. */
MUST_CHECK struct error *notice_insert(struct ctx *ctx, const struct notice *notice, int64_t delay);
/* A further one; *number is which. The payment's row is locked. */
MUST_CHECK struct error *notice_insert_again(struct ctx *ctx, const struct notice *notice, int *number);
MUST_CHECK struct error *notice_update(struct ctx *ctx, const struct notice *notice);
MUST_CHECK struct error *contact_put(struct ctx *ctx, const char *payment_id, struct bytes email);
/* No data when there is none. */
MUST_CHECK struct error *contact_get(struct ctx *ctx, const char *payment_id, struct bytes *email);

#endif
