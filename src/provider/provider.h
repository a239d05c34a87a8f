#ifndef TILL_PROVIDER_PROVIDER_H
#define TILL_PROVIDER_PROVIDER_H

#include "base/bytes.h"
#include "base/error.h"
#include "base/field.h"
#include "base/instant.h"
#include "base/money.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ctx;

/* Our word for where a payment stands with its provider. */
enum provider_state {
    PROVIDER_STATE_WAITING, // made; no money moved, waits for a method or a confirmation
    PROVIDER_STATE_ACTION,  // waits for the payer: 3-D Secure, a redirect
    PROVIDER_STATE_PENDING, // on its way, may take days
    PROVIDER_STATE_AUTHORIZED,
    PROVIDER_STATE_SUCCEEDED,
    PROVIDER_STATE_CANCELLED,
};
extern const char *const provider_state_names[];

/* How a payment method looks to a person; all may be NULL or 0. */
struct method_view {
    const char *id;   // the provider's
    const char *type; // "card", "sepa_debit"
    const char *brand, *last4, *country, *fingerprint, *funding, *wallet;
    int exp_month, exp_year;
    const char *check_cvc, *check_postal, *check_line1; // "pass", "fail", "unavailable", "unchecked"
    const char *customer;                               // the provider's, of one that is kept; NULL for others
};

/* What the payer's bank and the provider found out about a charge, in the provider's words; NULL for what was not looked at. */
struct charge_checks {
    const char *cvc, *postal_code, *line1; // "pass", "fail", "unavailable", "unchecked"
    const char *three_d_secure;            // "authenticated", "attempt_acknowledged", "exempted", "failed", …
    const char *three_d_secure_flow;       // "challenge", "frictionless"
    const char *three_d_secure_version, *three_d_secure_reason;
    const char *risk_level; // one of risk_level_names
    int risk_score;         // 1 to 100; 0: not told
    const char *verdict;    // "authorized", "issuer_declined", "blocked", "manual_review"
    const char *why;        // a word for it: "highest_risk_level"
};
extern const char *const risk_level_names[]; // "normal", "elevated", "highest"

enum decline_class {
    DECLINE_NONE,
    DECLINE_GENERIC, // the bank gave no reason
    DECLINE_INSUFFICIENT_FUNDS,
    DECLINE_EXPIRED,
    DECLINE_CVC,
    DECLINE_NUMBER,
    DECLINE_PROCESSING,     // passing; may be tried again
    DECLINE_AUTHENTICATION, // 3-D Secure failed or was not done
    DECLINE_FRAUD,          // lost, stolen, fraudulent: only the generic sentence is shown
    DECLINE_LIMIT,          // over a limit of the card
    DECLINE_NOT_SUPPORTED,  // this kind of purchase or currency
    DECLINE_METHOD,         // the method cannot be used at all
};
extern const char *const decline_class_names[];

/* What a payer or caller may be told of a decline, in English; pages have their own texts for each class. "" for none. */
const char *decline_sentence(enum decline_class kind);

struct decline {
    enum decline_class kind;
    const char *code;    // the provider's most exact one: "insufficient_funds"; never shown raw on a page
    const char *message; // the provider's sentence for its account holder, or NULL
};

struct refund_view {
    const char *reference; // "re_…"
    const char *refund_id; // ours, from its metadata; NULL for one made elsewhere
    struct money amount;
    const char *status; // "pending", "succeeded", "failed", "cancelled"
    const char *reason;
    struct instant created_at;
};

enum dispute_standing { DISPUTE_NONE, DISPUTE_OPEN, DISPUTE_WON, DISPUTE_LOST, DISPUTE_INQUIRY };
extern const char *const dispute_standing_names[];

/* A dispute, as its provider shows it. */
struct dispute_view {
    const char *reference; // "dp_…"
    enum dispute_standing standing;
    struct money amount;
    struct money fee; // what the provider takes for it, of the currency it settles in; currency "" when it does not say
    struct money fee_returned; // … and gave back when it was won
    const char *reason;        // the bank's
    bool answered;             // the bank has our evidence
    struct instant due_by, created_at;
};

/* One thing that is said against a dispute: words, or a file that the provider has. */
struct evidence_part {
    const char *name; // our word
    const char *value;
    bool file;
};

struct evidence {
    const char *reference, *key;
    const struct evidence_part *parts;
    size_t count;
    bool submit; // to the bank; false: kept until more comes
};

struct upload {
    const char *key, *name, *content_type;
    struct bytes content;
};

/* What the provider keeps for one movement of a payment. */
struct fee_view {
    const char *reference; // "txn_…"
    struct money fee;
};

/* What the provider says of one payment at one moment. */
struct snapshot {
    const char *reference;   // "pi_…"
    struct instant asked_at; // before the request was sent: it may be as old as that
    enum provider_state state;
    struct money amount;
    int64_t authorized;                        // minor units that can still be captured
    int64_t captured;                          // minor units that were captured in all
    int64_t refunded;                          // minor units that went back, pending ones included
    bool multicapture;                         // what is authorized can be captured in several parts
    struct instant charged_at, capture_before; // until when what is authorized can be captured, where it says so
    struct method_view method;
    struct decline decline;      // of the last try, when the state is WAITING after one
    struct charge_checks checks; // of the last charge
    const char *client_secret;
    const char *next_action;     // "redirect_to_url", "use_sdk", "verify_bank_account", "bank_transfer", …, or NULL
    const char *next_action_url; // where the payer must go, or NULL
    const char *charge;          // "ch_…", or NULL
    const char *payment_id;      // ours, from its metadata, or NULL
    const char *cancellation_reason;
    bool livemode;
    bool disputed;
    enum dispute_standing dispute;
    struct refund_view *refunds;
    size_t refund_count;
    bool refunds_listed; // false: `refunds` was not asked for
    struct dispute_view *disputes;
    size_t dispute_count;
    struct money fee;          // the provider's, of the currency it settles in; currency "" where it is not known yet
    const char *fee_reference; // "txn_…"
    struct fee_view *fees;     // of each capture, where there are several
    size_t fee_count;
    const char *request_id; // the provider's, of the call that answered with this; NULL where it was asked or told
};

/* How a method stands that is being kept for later, as its provider shows it. */
struct setup_view {
    const char *reference;     // "seti_…"
    enum provider_state state; // SUCCEEDED: it can be charged without its owner
    struct method_view method;
    const char *mandate;    // the owner's permission to debit, where the method needs one
    const char *method_id;  // ours, from its metadata
    struct decline decline; // of the last try, when the state is WAITING after one
    const char *client_secret, *next_action, *next_action_url;
    bool livemode;
};

/* How a call that may move money ended. */
enum outcome_kind {
    OUTCOME_DONE,         // answered; the snapshot says what it is now
    OUTCOME_DECLINED,     // a definite no from the payer's bank; the snapshot is the state after it
    OUTCOME_REFUSED,      // a definite no to the request itself: bad method, wrong state, our mistake
    OUTCOME_NOT_EXECUTED, // proved: nothing was sent, or it was turned away before it began
    OUTCOME_UNKNOWN,      // timeout, reset, 5xx: only asking tells
};

struct outcome {
    enum outcome_kind kind;
    struct snapshot snapshot;  // of the payment, for DONE and DECLINED
    struct refund_view refund; // of a refund call
    struct setup_view setup;   // of a call that keeps a method, for DONE and DECLINED
    enum error_code code;      // for the caller, when not DONE
    const char *detail;        // a sentence for the caller
    const char *cause;         // for the log
    const char *request_id;    // the provider's
    const char *decline_code;
    int retry_after;
    bool key_used; // UNKNOWN: the provider said that it only repeats a stored answer; another try needs another key
};

/* What a payment needs to be made at a provider. All ids are ours. */
struct charge_request {
    const char *payment_id, *attempt_id, *key; // key: the provider's idempotency key, "pay:{attempt}:create"
    struct money amount;
    bool capture;
    const char *customer;    // the provider's, or NULL
    const char *description; // may be NULL
    const char *descriptor;
    const char *reference; // the merchant's
    json_t *metadata;
    bool keep;                // the method for later
    const char *const *types; // the kinds it may be paid with, ending with NULL; NULL: what the provider offers
    bool multicapture;        // to be captured in parts, where that is possible
};

struct confirm_request {
    const char *reference; // the provider's payment
    const char *key;       // "pay:{attempt}:confirm"
    const char *method;    // the provider's payment method, or NULL when the payment has one
    const char *return_url;
    bool off_session;
    bool force_3ds;
    const char *mandate; // the provider's, of a kept method that has one
    bool consented;      // the payer has allowed to be debited, as whoever asks us says
};

struct capture_request {
    const char *reference, *key;
    struct money amount; // what to take; 0 only releases
    bool final;          // what is left is released
};

struct cancel_request {
    const char *reference, *key;
    const char *reason; // ours, or NULL
};

struct reversal {
    const char *refund_id, *key;
    const char *reference; // the provider's payment
    struct money amount;
    const char *reason; // the caller's text
};

struct customer_request {
    const char *customer_id, *key;
    const char *email, *name; // may be NULL
};

/* A method to be kept for when its owner is not there. */
struct setup_request {
    const char *method_id, *key; // ours
    const char *customer;        // the provider's
    const char *type;            // only this one: "sepa_debit"; NULL is any that can be kept
};

/* What of a kept method may change; NULL and 0 stay as they are. */
struct method_change {
    const char *reference, *key;
    int exp_month, exp_year;
    const char *name, *email, *phone;
    const char *line1, *line2, *city, *state, *postal_code, *country;
};

/* What the provider bills by itself, as it shows it; statuses and reasons are its own words. */
struct subscription_view {
    const char *reference, *customer, *status; // "sub_…"
    json_t *
        items; // [{"price", "product", "quantity", "unit_amount": {"value", "currency"}, "interval", "interval_count"}]
    bool cancel_at_period_end;
    struct instant period_start, period_end, trial_end, cancel_at, cancelled_at, ended_at, created_at;
};

struct invoice_view {
    const char *reference, *customer, *subscription; // "in_…"
    const char *number, *status, *reason;
    struct money amount_due, amount_paid, amount_remaining;
    struct instant due_at, next_attempt_at, paid_at, created_at;
};

/* What an event is about; the rest is stored and left alone. */
enum event_concern {
    CONCERNS_NOTHING,
    CONCERNS_PAYMENT, // or what hangs on one: a charge, a refund, a dispute
    CONCERNS_SETUP,
    CONCERNS_METHOD,
    CONCERNS_MANDATE,
    CONCERNS_SUBSCRIPTION,
    CONCERNS_INVOICE,
    CONCERNS_FRAUD,   // a payment that its payer is likely to contest
    CONCERNS_ACCOUNT, // the one we have with the provider: a person should look
};

/* One event, from a verified webhook or a provider's list, read as far as it needs for storing. */
struct provider_event {
    const char *id, *type, *object_id, *payment_reference;
    bool livemode;
    struct instant created_at;
    const char *api_version;
};

/* A domain whose pages may offer wallets. */
struct wallet_domain {
    const char *reference;
    bool is_new;                // it was not known before
    bool apple_pay, google_pay; // can be offered there now
    const char *why;            // not, in the provider's words, or NULL
};

/* Where a provider sends its events. */
struct event_endpoint {
    const char *reference, *url; // "we_…"
    const char *secret;          // what it signs with; only of one that was just made
    bool ours;                   // made by this program, here or elsewhere
    bool complete;               // sends all that acts here
    bool same_version;           // … in the form that we speak
    bool livemode;
};

enum movement_kind {
    MOVEMENT_CHARGE,
    MOVEMENT_REFUND,
    MOVEMENT_REFUND_FAILED, // … and it came back to us
    MOVEMENT_DISPUTE,
    MOVEMENT_DISPUTE_REVERSED,
    MOVEMENT_PAYOUT,
    MOVEMENT_PAYOUT_FAILED,
    MOVEMENT_FEE, // of no payment: the provider's bill
    MOVEMENT_OTHER,
};
extern const char *const movement_kind_names[];

/* Money that moved on the account we have with a provider, as its own books say: what comes in is above zero. */
struct movement {
    const char *reference; // "txn_…"
    enum movement_kind kind;
    const char *source;            // "ch_…", "re_…", "dp_…", "po_…", or NULL
    const char *payment_reference; // "pi_…", or NULL
    const char *own_id;            // our payment's or refund's, from the source's metadata; NULL for one made elsewhere
    struct money amount;           // in the currency it settles in
    int64_t fee;                   // what the provider kept of it, in the same currency
    struct money source_amount;    // the same as `amount`, as the source itself says it: maybe in another currency
    const char *payout; // "po_…" that it was paid out with, or NULL; a payout that says what it is made of names itself
    bool composed;      // a payout that can be asked what it is made of
    struct instant created_at;
};

/* Which movements: of a time, or of one source, or what one payout is made of. */
struct movement_query {
    struct instant since, until; // until is not in it
    const char *source, *payout; // or NULL
    const char *after;           // the last one of the page before; NULL for the first page
};

/* A kind of payment method that a provider takes, and what is different about it. */
struct method_kind {
    const char *type, *name; // "sepa_debit", "SEPA Direct Debit"
    const char *wallets;     // that it comes in as well, by spaces, or NULL
    const char *currencies;  // by spaces; NULL: all that the provider takes
    const char *countries;   // of the payer, by spaces; NULL: all
    int64_t least, most;     // minor units of one payment; 0: what the provider takes
    bool delayed;            // days pass until it is known whether the money comes
    bool mandate;            // the payer allows to be debited
    bool captured_later;     // can be authorized and captured apart
    bool kept;               // can be kept for later
    bool redirects;          // the payer agrees on another page and comes back
    bool customer;           // only of a payment that has a customer
    bool contested_late;     // the payer's bank can take it back after it has succeeded, without asking
    int hold_days;           // how long what is authorized is held; 0: not known
    int refund_days;         // until when it can be refunded; 0: always
};

struct provider_capabilities {
    const struct method_kind *kinds; // ends with a NULL type
    bool partial_capture, partial_refund, separate_capture;
    bool (*currency)(const char *code, int64_t minor, const char **why); // may this amount be charged?
};

/* An adapter translates, and decides nothing. Every call that may move money has an outcome and never an error; the others
 * return E_NOT_FOUND, E_PROVIDER_UNAVAILABLE or E_PROVIDER_ERROR. Snapshots and views live in ctx->arena. */
struct provider {
    const char *name;
    struct provider_capabilities capabilities;

    struct outcome (*create)(struct ctx *ctx, const struct charge_request *request); // moves no money
    struct outcome (*confirm)(struct ctx *ctx, const struct confirm_request *request);
    struct outcome (*capture)(struct ctx *ctx, const struct capture_request *request);
    struct outcome (*cancel)(struct ctx *ctx, const struct cancel_request *request);
    struct outcome (*refund)(struct ctx *ctx, const struct reversal *reversal);

    /* The payment with its refunds and dispute, as it is now. */
    struct error *(*fetch)(struct ctx *ctx, const char *reference, struct snapshot *out);
    /* The payment that carries our id in its metadata, where its reference never reached us. Not read-after-write. */
    struct error *(*find)(struct ctx *ctx, const char *payment_id, struct instant since, struct snapshot *out);
    struct error *(*fetch_refund)(struct ctx *ctx, const char *reference, struct refund_view *out);
    struct error *(*fetch_method)(struct ctx *ctx, const char *reference, struct method_view *out);
    struct error *(*create_customer)(struct ctx *ctx, const struct customer_request *request, const char **reference);

    struct error *(*update_customer)(struct ctx *ctx, const char *reference, const struct customer_request *request);
    /* With the methods it has; no error when it is gone already. */
    struct error *(*delete_customer)(struct ctx *ctx, const char *reference);

    /* Keeping a method: made without asking its owner's bank, then confirmed with one; NULL where the provider keeps none.
     * Whether the method of a payment to come is kept can be changed until it is confirmed. */
    struct error *(*create_setup)(struct ctx *ctx, const struct setup_request *request, struct setup_view *out);
    struct outcome (*confirm_setup)(struct ctx *ctx, const struct confirm_request *request);
    struct error *(*fetch_setup)(struct ctx *ctx, const char *reference, struct setup_view *out);
    struct error *(*cancel_setup)(struct ctx *ctx, const char *reference, const char *key);
    struct error *(*update_method)(struct ctx *ctx, const struct method_change *change, struct method_view *out);
    /* Nobody can pay with it any more; no error when that was so already. */
    struct error *(*detach_method)(struct ctx *ctx, const char *reference, const char *key);
    struct error *(*fetch_mandate)(struct ctx *ctx, const char *reference, bool *active);
    struct error *(
        *keep_method)(struct ctx *ctx, const char *payment, bool keep, const char *const *types, const char *key);

    /* What the provider bills by itself. */
    struct error *(*fetch_subscription)(struct ctx *ctx, const char *reference, struct subscription_view *out);
    struct error *(*fetch_invoice)(struct ctx *ctx, const char *reference, struct invoice_view *out);

    /* Evidence is sent again whole; sending the same twice does no harm. */
    struct error *(*send_evidence)(struct ctx *ctx, const struct evidence *evidence);
    /* Leaves the money to the payer, for good. */
    struct error *(*accept_dispute)(struct ctx *ctx, const char *reference, const char *key);
    struct error *(*upload_file)(struct ctx *ctx, const struct upload *upload, const char **reference);

    /* Events since `after` (an event id, or NULL) and since a time, oldest first, at most `limit`. */
    struct error *(*list_events)(struct ctx *ctx, struct instant since, const char *after, int limit,
        struct provider_event **out, size_t *count);

    /* A page of movements, newest first, and where the next one begins: *next is NULL after the last. NULL where the provider
     * has no such list. */
    struct error *(*list_movements)(struct ctx *ctx, const struct movement_query *query, struct movement **out,
        size_t *count, const char **next);
    /* What the provider holds for us now, by currency, whether it can be paid out already or not. */
    struct error *(*balance)(struct ctx *ctx, struct money **out, size_t *count);

    /* The endpoints that events are sent to. One that is made is sent all that acts here; to update it means the same. No error when
     * one to delete is gone already. */
    struct error *(*list_endpoints)(struct ctx *ctx, struct event_endpoint **out, size_t *count);
    struct error *(*create_endpoint)(struct ctx *ctx, const char *url, const char *key, struct event_endpoint *out);
    struct error *(
        *update_endpoint)(struct ctx *ctx, const char *reference, const char *key, struct event_endpoint *out);
    struct error *(*delete_endpoint)(struct ctx *ctx, const char *reference);

    /* Makes a domain known for wallets, or has one that is known looked at again. */
    struct error *(*register_domain)(struct ctx *ctx, const char *name, const char *key, struct wallet_domain *out);

    /* Checks the raw body's signature against secrets, by commas; NULL: those of the configuration. E_INVALID_SIGNATURE,
     * E_INVALID_PAYLOAD. */
    struct error *(*verify)(struct ctx *ctx, struct bytes body, const char *(*header)(void *from, const char *name),
        void *from, const char *secrets, struct provider_event *out);
    /* What a stored payload is about. */
    struct error *(*parse)(struct ctx *ctx, struct bytes body, struct provider_event *out);
    /* What an event of this type is about. */
    enum event_concern (*concern)(const char *type);

    /* An amount as the provider's script in the payer's browser is told it; false when it cannot be said. */
    bool (*script_amount)(struct ctx *ctx, struct money amount, int64_t *out, const char **currency);
};

/* NULL when there is none of this name. */
const struct provider *provider_named(const char *name);

/* All, ending with NULL, in configured order. */
const struct provider *const *provider_list(void);

#endif
