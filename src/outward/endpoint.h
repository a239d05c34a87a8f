#ifndef TILL_OUTWARD_ENDPOINT_H
#define TILL_OUTWARD_ENDPOINT_H

#include "base/bytes.h"
#include "base/config.h"
#include "base/error.h"
#include "base/field.h"
#include "base/instant.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

struct ctx;

enum endpoint_status { ENDPOINT_ENABLED, ENDPOINT_DISABLED, ENDPOINT_DELETED };
extern const char *const endpoint_status_names[];

/* An address of the merchant's application that hears of events: a row of webhook_endpoints. */
struct endpoint {
    const char *id;
    enum mode mode;
    const char *url, *description;
    json_t *events; // list of types: "payment.succeeded", "refund.*", "*"
    enum endpoint_status status;
    const char *disabled_reason;        // "asked", "gone", "failing"; NULL while it is enabled
    struct bytes secret, secret_before; // sealed: endpoint_secrets() opens them
    struct instant secret_changes_at;   // until when secret_before signs, too
    struct instant failing_since, delivered_at, created_at, updated_at;
};

struct endpoint_request {
    const char *url, *description; // NULL: none, or as it is
    json_t *events;                // NULL: all, or as it is
};

/* Makes one; *secret is what its messages are signed with, told this once. A field error for an address that is not public;
 * E_CONFLICT where it hears of events already. */
MUST_CHECK struct error *endpoint_create(struct ctx *ctx, const struct endpoint_request *request, struct endpoint *out,
    const char **secret);
MUST_CHECK struct error *endpoint_find(struct ctx *ctx, const char *id, struct endpoint *out);
MUST_CHECK struct error *endpoint_change(struct ctx *ctx, const char *id, const struct endpoint_request *request,
    struct endpoint *out);

/* What waited while it was disabled is sent at once; what happened meanwhile only when it is asked for (delivery_resend_since()).
 * Both do nothing where it is so already. */
MUST_CHECK struct error *endpoint_enable(struct ctx *ctx, const char *id, struct endpoint *out);
/* `reason`: "asked" by a person, "gone" (it answered 410) or "failing" (for days); the latter two ask a person to look. */
MUST_CHECK struct error *endpoint_disable(struct ctx *ctx, const char *id, const char *reason, struct endpoint *out);

/* What was on its way to it is cancelled; the row stays for the log. */
MUST_CHECK struct error *endpoint_delete(struct ctx *ctx, const char *id);

/* A new secret; the one before signs beside it for `overlap` seconds. */
MUST_CHECK struct error *endpoint_rotate(struct ctx *ctx, const char *id, int64_t overlap, struct endpoint *out,
    const char **secret);

/* The secrets that sign now; *before is NULL outside a rotation. */
MUST_CHECK struct error *endpoint_secrets(struct ctx *ctx, const struct endpoint *endpoint, const char **secret,
    const char **before);

#endif
