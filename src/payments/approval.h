#ifndef TILL_PAYMENTS_APPROVAL_H
#define TILL_PAYMENTS_APPROVAL_H

#include "base/error.h"
#include "base/field.h"
#include "base/instant.h"
#include "base/money.h"

#include <stdbool.h>

struct ctx;
struct payment;
struct refund;
struct refund_request;

/* Refunds that a second person has to agree to: over TILL_REFUND_APPROVAL_LIMIT, and those of people who may only ask. */

enum approval_status { APPROVAL_REQUESTED, APPROVAL_APPROVED, APPROVAL_REJECTED, APPROVAL_WITHDRAWN };
extern const char *const approval_status_names[];

/* What somebody asked for: a row of refund_requests. */
struct approval {
    const char *id, *payment_id;
    enum approval_status status;
    struct money amount;
    const char *reason, *note;
    const char *requested_by;
    struct instant requested_at;
    const char *decided_by;
    struct instant decided_at;
    const char *answer;    // why it was rejected
    const char *refund_id; // what came of it
};

/* Whether ctx's principal may not give this back alone. All that has gone back of the payment counts, so that many small refunds
 * are one large one. Keys and jobs are not asked. */
bool approval_is_needed(struct ctx *ctx, const struct payment *payment, struct money amount);

/* Whether it is too much for one person, whoever that is. */
bool approval_is_over_limit(struct ctx *ctx, const struct payment *payment, struct money amount);

/* The same as an error: E_FORBIDDEN. For refund_create(). */
MUST_CHECK struct error *approval_demand(struct ctx *ctx, const struct payment *payment, struct money amount);

/* Asks for a refund. Nothing is set aside for it. The errors of refund_create(), E_CONFLICT while another request for this payment
 * waits. A decision waits for a second person from then on. */
MUST_CHECK struct error *approval_request(struct ctx *ctx, const struct refund_request *request, struct approval *out);

/* Agrees to it and makes the refund, in one transaction: what was asked for is checked against what is left now. E_FORBIDDEN for
 * the one who asked, E_INVALID_STATUS when it is decided already, and the errors of refund_create(). */
MUST_CHECK struct error *approval_approve(struct ctx *ctx, const char *id, struct refund *out);

/* Does not agree; `answer` says why. E_INVALID_STATUS when it is decided already; E_FORBIDDEN for the one who asked. */
MUST_CHECK struct error *approval_reject(struct ctx *ctx, const char *id, const char *answer);

/* Takes back what one has asked for oneself. E_FORBIDDEN for others. */
MUST_CHECK struct error *approval_withdraw(struct ctx *ctx, const char *id);

/* Inside the transaction that makes the refund: locks the request, which must wait still for another's decision, ... */
MUST_CHECK struct error *approval_claim(struct ctx *ctx, const char *id, struct approval *out);

/* ... and once the refund is there, approves the request by it. */
MUST_CHECK struct error *approval_carry_out(struct ctx *ctx, struct approval *approval, const struct refund *refund);

#endif
