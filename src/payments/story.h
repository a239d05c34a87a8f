#ifndef TILL_PAYMENTS_STORY_H
#define TILL_PAYMENTS_STORY_H

#include "base/bytes.h"
#include "base/error.h"
#include "base/field.h"
#include "base/instant.h"
#include "base/money.h"

#include <jansson.h>
#include <stdbool.h>

struct ctx;
struct payment;

/* Everything that has to do with one payment, for a person who wants to know what happened. */

enum story_kind {
    STORY_AUDIT,    // what was done, and by whom
    STORY_ATTEMPT,  // a time that money was to move
    STORY_WEBHOOK,  // what the provider told
    STORY_EVENT,    // what the merchant was told
    STORY_LEDGER,   // what was posted
    STORY_DECISION, // what a person had to decide
    STORY_JOB,      // what is still to be done
};

/* A line of the time line. */
struct story {
    enum story_kind kind;
    const char *id;
    const char *name;  // "payment.charge_requested", "charge", "payment_intent.succeeded", "refund", "payment.resolve"
    const char *state; // of an attempt, a webhook event, a job; why a decision was settled
    const char *object;
    const char *who_kind, *who; // of audit entries
    const char *code;           // of a failure
    const char *reference;      // the provider's id of the request or event
    struct money amount;        // "" for none
    json_t *details;            // redacted; of the newest events also what they said
    struct bytes sealed;        // of a webhook event, before it is opened
    struct instant at;
};

struct story_list {
    struct field_list rows; // newest first
    bool more;              // there is more than is shown
};

/* What hangs on the payment: its refunds, disputes and requests for refunds. */
struct related {
    struct field_list refunds;   // struct refund
    struct field_list disputes;  // struct dispute
    struct field_list approvals; // struct approval
    struct field_list attempts;  // struct attempt
    const char *ids;             // all of them and the payment, as an array of PostgreSQL
    const char *receivable;      // the account of what the provider holds for us
};

/* Money of one currency as the ledger knows it, in minor units. */
struct story_money {
    const char *currency;
    int64_t fees, net;
};

/* A job of the payment that is out of tries. */
struct dead_job {
    int64_t id;
    const char *kind, *subject, *error;
};

MUST_CHECK struct error *story_related(struct ctx *ctx, const struct payment *payment, struct related *out);
MUST_CHECK struct error *story_tell(struct ctx *ctx, const struct payment *payment, const struct related *related,
    struct story_list *out);
/* struct story_money, one for each currency. */
MUST_CHECK struct error *story_balance(struct ctx *ctx, const struct related *related, struct field_list *out);
/* struct dead_job. */
MUST_CHECK struct error *story_dead_jobs(struct ctx *ctx, const struct related *related, struct field_list *out);
/* The provider's ids of the payouts that it went to the bank with (const char *), as far as known. */
MUST_CHECK struct error *story_payouts(struct ctx *ctx, const struct payment *payment, struct field_list *out);
/* struct decision, those that wait. */
MUST_CHECK struct error *story_decisions(struct ctx *ctx, const struct related *related, struct field_list *out);

/* Takes out of what a provider or we wrote down whatever tells of a person or opens a door: names, addresses, e-mail, secrets, card
 * fingerprints. A copy. */
json_t *story_redact(struct ctx *ctx, const json_t *value);

/* Gives the payment's dead jobs all their tries again; how many there were. */
MUST_CHECK struct error *story_retry(struct ctx *ctx, const struct payment *payment, int64_t *retried);

/* Settles the decisions that wait about the payment and what hangs on it, with a person's reason; how many there were. The state
 * stays what the provider says. */
MUST_CHECK struct error *story_resolve(struct ctx *ctx, const struct payment *payment, const char *reason,
    int64_t *settled);

#endif
