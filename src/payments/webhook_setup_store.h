#ifndef TILL_PAYMENTS_WEBHOOK_SETUP_STORE_H
#define TILL_PAYMENTS_WEBHOOK_SETUP_STORE_H

#include "base/bytes.h"
#include "base/error.h"
#include "base/field.h"
#include "base/instant.h"

/* The secret of an endpoint that this program made at a provider: a row of webhook_secrets. */
struct webhook_secret {
    const char *id, *provider, *endpoint_id, *url;
    struct bytes secret; // sealed
    struct instant created_at, retired_at;
};

MUST_CHECK struct error *webhook_secret_insert(struct ctx *ctx, const struct webhook_secret *secret);
/* Those of this mode that are still good, the newest first. */
MUST_CHECK struct error *webhook_secret_rows(struct ctx *ctx, const char *provider, struct field_list *out);
/* It is good until then, and no longer. */
MUST_CHECK struct error *webhook_secret_retire(struct ctx *ctx, const char *id, struct instant until);

#endif
