#ifndef TILL_PAYMENTS_REFUND_H
#define TILL_PAYMENTS_REFUND_H

#include "base/error.h"
#include "base/field.h"
#include "base/instant.h"
#include "base/money.h"

struct ctx;
struct payment;
struct refund_view;

enum refund_status { REFUND_PROCESSING, REFUND_SUCCEEDED, REFUND_FAILED, REFUND_CANCELLED };
extern const char *const refund_status_names[];

enum refund_origin { REFUND_BY_TILL, REFUND_BY_PROVIDER };

/* Money on its way back, or gone back: a row of refunds. */
struct refund {
    const char *id, *payment_id;
    enum refund_status status;
    struct money amount;
    const char *reason; // the caller's words
    const char *note;   // what else an operator wrote
    const char *provider, *provider_refund_id;
    enum refund_origin origin;
    const char *failure_code, *created_by;
    int key_number; // of the provider's idempotency key; the next one once an answer is stored under this one
    struct instant created_at, updated_at;
};

struct refund_request {
    const char *payment;  // any id of it
    struct money amount;  // currency "": all that is left
    const char *reason;   // NULL: requested_by_customer
    const char *note;     // for ourselves; NULL for none
    const char *approval; // the request that a second person agrees to by this; NULL for none
};

/* Gives money back. The amount is reserved before the provider is asked, so that refunds never exceed what was captured,
 * however many come at once. REFUND_PROCESSING where the provider takes its time or did not answer. E_INVALID_STATUS (nothing
 * captured, disputed), E_ALREADY_REFUNDED (nothing left), E_VALIDATION_ERROR (more than is left, other currency), E_RATE_LIMITED,
 * E_FORBIDDEN where a second person has to agree (approval.h). */
MUST_CHECK struct error *refund_create(struct ctx *ctx, const struct refund_request *request, struct refund *out);

/* Whether this much of a payment could go back now; "" as currency becomes all that is left. The errors of refund_create(). */
MUST_CHECK struct error *refund_check(struct ctx *ctx, const struct payment *payment, struct money *amount);

MUST_CHECK struct error *refund_find(struct ctx *ctx, const char *id, struct refund *out);
MUST_CHECK struct error *refund_list(struct ctx *ctx, const char *payment_id, struct field_list *out);

/* What the provider says of one refund, inside apply_provider_state(): changes the row we know, or (not `only_known`) adopts one
 * that was made elsewhere. *payment's amounts follow; the caller writes them. */
MUST_CHECK struct error *refund_adopt(struct ctx *ctx, struct payment *payment, const struct refund_view *view,
    bool only_known);

struct job;
struct error *refund_resolve_task(struct ctx *ctx, const struct job *job);

#endif
