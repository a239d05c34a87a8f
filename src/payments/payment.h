#ifndef TILL_PAYMENTS_PAYMENT_H
#define TILL_PAYMENTS_PAYMENT_H

#include "base/bytes.h"
#include "base/config.h"
#include "base/error.h"
#include "base/field.h"
#include "base/instant.h"
#include "base/money.h"
#include "db/db.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

struct ctx;
struct snapshot;

enum payment_status {
    PAYMENT_CREATED,
    PAYMENT_REQUIRES_ACTION,
    PAYMENT_PROCESSING,
    PAYMENT_AUTHORIZED,
    PAYMENT_SUCCEEDED,
    PAYMENT_FAILED,
    PAYMENT_CANCELLED,
    PAYMENT_UNKNOWN,
};
extern const char *const payment_status_names[];

enum payment_capture { CAPTURE_AUTOMATIC, CAPTURE_MANUAL };
extern const char *const payment_capture_names[];

enum payment_confirmation { CONFIRMATION_AUTOMATIC, CONFIRMATION_MANUAL };
extern const char *const payment_confirmation_names[];

enum refund_state { REFUNDED_NONE, REFUNDED_PARTLY, REFUNDED_FULLY };
extern const char *const refund_state_names[]; // "none", "partial", "full"

/* What somebody owes and how it was paid: a row of payments. Amounts are minor units of `amount`'s currency. */
struct payment {
    const char *id;
    enum mode mode;
    enum payment_status status;
    struct money amount;
    struct money amount_captured;
    struct money amount_refunded;  // what went back
    struct money amount_refunding; // what is on its way back
    unsigned refund_state;
    unsigned dispute_state; // enum dispute_standing
    enum payment_capture capture;
    enum payment_confirmation confirmation;
    const char *customer_id, *checkout_id, *description, *reference;
    json_t *metadata;
    const char *return_url;
    const char *provider, *provider_payment_id, *provider_charge_id;
    bool keeps_method;        // the payer allowed that it is kept
    const char *offered_type; // the one kind of method it can be paid with, or NULL
    const char *method_id, *method_type, *method_brand, *method_last4;
    int method_exp_month, method_exp_year;
    const char *method_country, *method_funding, *method_wallet, *method_fingerprint;
    const char *failure_class, *failure_code, *failure_message;
    const char *risk_level; // the provider's, of the last charge: one of risk_level_names, or NULL
    const char *next_action, *next_action_url;
    struct bytes client_secret; // sealed: payment_client_secret() opens it
    const char *cancel_reason;
    struct instant capture_before, expiry_warned_at; // of what is authorized
    bool multicapture;                               // it can be captured in several parts
    const char *created_by;
    struct instant checked_at, created_at, updated_at;
};

struct payment_request {
    struct money amount;
    const char *payment_method_id;
    const char *method_type; // the one kind that is offered; NULL: all that are open
    const char *customer_id; // ours or the provider's
    const char *description, *reference, *return_url;
    const char *receipt_email; // where the payer wants the receipt, or NULL
    json_t *metadata;
    bool capture; // true: with the confirmation
    enum payment_confirmation confirmation;
    bool off_session;
    bool remembered;         // without a method: the customer's default or remembered one
    bool keep;               // the method, for later
    const char *checkout_id; // set by checkout only
};

struct confirm_order {
    const char *payment_method_id; // NULL: the one the payment has
    const char *return_url;
    bool off_session;
};

/* All of these go through the phases of DESIGN "The one way money moves". `id` is ours or the provider's. They answer with the
 * payment as it then is: `unknown` where the provider did not answer (the resolver goes on), and an error only where it is
 * certain that this call moved nothing, or where the bank declined (E_CARD_DECLINED, E_INSUFFICIENT_FUNDS, with payment_id).
 * E_CONFLICT while another operation on the payment is under way. */
MUST_CHECK struct error *payment_create(struct ctx *ctx, const struct payment_request *request, struct payment *out);
MUST_CHECK struct error *payment_confirm(struct ctx *ctx, const char *id, const struct confirm_order *order,
    struct payment *out);
/* amount.currency "" captures all that is still held. `final` releases what is left; without it that is held for a further capture,
 * which is E_CONFLICT where the provider does not allow it. */
MUST_CHECK struct error *payment_capture(struct ctx *ctx, const char *id, struct money amount, bool final,
    struct payment *out);
/* Of one that was captured in part, what is still held is released: it succeeded with what was taken. */
MUST_CHECK struct error *payment_cancel(struct ctx *ctx, const char *id, const char *reason, struct payment *out);

/* A payment by our id or the provider's; a customer's token sees only its own. E_NOT_FOUND. */
MUST_CHECK struct error *payment_find(struct ctx *ctx, const char *id, struct payment *out);

/* Asks the provider about a payment that has not come to its end, unless it was asked less than `max_age` seconds ago, and
 * applies what it says. 0 asks always, whatever the state. A provider that does not answer is no error: *out is what we know. */
MUST_CHECK struct error *payment_refresh(struct ctx *ctx, const char *id, int max_age, struct payment *out);

/* Asks now, whatever the state; a provider that does not answer is E_PROVIDER_UNAVAILABLE, with *out as we know it. Audited. */
MUST_CHECK struct error *payment_sync(struct ctx *ctx, const char *id, struct payment *out);

/* Opens what the paying browser needs; NULL when there is none. */
MUST_CHECK struct error *payment_client_secret(struct ctx *ctx, const struct payment *payment, const char **out);

/* For the payer's browser: sees to it that a waiting payment has an open attempt, forgetting the last failure, so that the page can
 * confirm it. E_CONFLICT when the outcome of another try is not known, with Retry-After while another request prepares it;
 * E_INVALID_STATUS when it is over. */
MUST_CHECK struct error *payment_open_door(struct ctx *ctx, const char *id, struct payment *out);

/* What others may change with it, so that no two such go into one transaction (IN_SHARED_TX). */
struct shared_keys payment_keys(const char *id, const struct payment *payment);

/* Whether the payer lets us keep the method, as long as the payment waits for it. Only of a payment with a customer. */
MUST_CHECK struct error *payment_keep_method(struct ctx *ctx, const char *id, bool keep, struct payment *out);

/* Goes on with what an attempt began, wherever it stopped: asks first, then does what is left. For the resolver and for a
 * request that takes over an idempotency key. */
MUST_CHECK struct error *payment_go_on(struct ctx *ctx, const char *id, struct payment *out);

/* The one place where a provider's word changes our books: locks the row, moves the state, posts to the ledger, adopts refunds
 * and disputes, writes audit entry and event, settles attempt, checkout session and job. Joins an open transaction. Saying the
 * same twice changes nothing the second time. *out holds the payment as the caller knew it, and then as it is. */
MUST_CHECK struct error *apply_provider_state(struct ctx *ctx, const char *payment_id, const struct snapshot *snapshot,
    struct payment *out);

/* What the API calls a status: "pending" … "refunded"; "processing" for unknown. */
const char *payment_public_status(const struct payment *payment);
bool payment_is_over(enum payment_status status);
/* What is still held and can be captured, in minor units. */
int64_t payment_capturable(const struct payment *payment);
/* What can still go back, in minor units: captured, and neither given back nor about to be. */
int64_t payment_refundable(const struct payment *payment);
/* Whether it waits for something that takes its payer days: small deposits to look for, a bank transfer. */
bool payment_is_patient(const struct payment *payment);

/* The job of one payment: resolves an open attempt, gives up what is past its deadline. */
struct job;
struct error *payment_resolve_task(struct ctx *ctx, const struct job *job);

#endif
