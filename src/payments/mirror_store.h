#ifndef TILL_PAYMENTS_MIRROR_STORE_H
#define TILL_PAYMENTS_MIRROR_STORE_H

#include "payments/mirror.h"

struct subscription_view;
struct invoice_view;

/* Keeps what was shown, unless a later look is kept already; `id` is that of a new one. */
MUST_CHECK struct error *subscription_put(struct ctx *ctx, const char *id, const char *provider,
    struct instant asked_at, const struct subscription_view *view);
MUST_CHECK struct error *invoice_put(struct ctx *ctx, const char *id, const char *provider, struct instant asked_at,
    const struct invoice_view *view);

/* The provider shows it no more. */
MUST_CHECK struct error *subscription_gone(struct ctx *ctx, const char *provider, const char *reference,
    struct instant asked_at, bool *known);
MUST_CHECK struct error *invoice_gone(struct ctx *ctx, const char *provider, const char *reference,
    struct instant asked_at, bool *known);

/* By our id or the provider's; a customer's token sees only its own. E_NOT_FOUND. */
MUST_CHECK struct error *subscription_row(struct ctx *ctx, const char *id, struct subscription *out);
MUST_CHECK struct error *invoice_row(struct ctx *ctx, const char *id, struct invoice *out);

/* Newest first. */
MUST_CHECK struct error *subscription_rows(struct ctx *ctx, const struct mirror_filter *filter, struct field_list *out);
MUST_CHECK struct error *invoice_rows(struct ctx *ctx, const struct mirror_filter *filter, struct field_list *out);

#endif
