#ifndef TILL_PAYMENTS_PAYMENT_STORE_H
#define TILL_PAYMENTS_PAYMENT_STORE_H

#include "payments/payment.h"

struct attempt;

/* By our id or the provider's; limited to ctx->principal's customer where it has one. */
MUST_CHECK struct error *payment_get(struct ctx *ctx, const char *id, struct payment *out);
/* The same, and locks the row until the transaction ends. */
MUST_CHECK struct error *payment_lock(struct ctx *ctx, const char *id, struct payment *out);
/* Locks a payment of ours, and reads its open attempt as it is then. */
MUST_CHECK struct error *payment_lock_open(struct ctx *ctx, const char *id, struct payment *payment,
    struct attempt *attempt, bool *has_attempt);
MUST_CHECK struct error *payment_insert(struct ctx *ctx, const struct payment *payment);
/* Writes all that may change, and updated_at. */
MUST_CHECK struct error *payment_update(struct ctx *ctx, struct payment *payment);
/* Notes that the provider was asked just now. */
MUST_CHECK struct error *payment_checked(struct ctx *ctx, const char *id);
/* The one of this reference at a provider, for webhooks. */
MUST_CHECK struct error *payment_by_reference(struct ctx *ctx, const char *provider, const char *reference,
    struct payment *out, bool *found);

/* What a list may be narrowed by; unset members are any. */
struct payment_filter {
    int64_t limit;      // 1 to 100
    const char *cursor; // id of the last one seen
    int64_t offset;
    const char *status; // public words
    const char *customer_id, *reference, *currency, *provider, *payment_id, *checkout_session_id;
    const char *refund_state, *dispute_state;
    struct instant created_after, created_before;
    bool recent; // of the last 30 days: the API makes it one with created_after
};

/* Newest first. */
MUST_CHECK struct error *payment_list(struct ctx *ctx, const struct payment_filter *filter, struct field_list *out);
MUST_CHECK struct error *payment_count(struct ctx *ctx, const struct payment_filter *filter, int64_t *out);

/* Ids (const char *) of those with an open attempt that is not the payer's to go on with, or of which the provider should have
 * said more by now. */
MUST_CHECK struct error *payment_list_unfinished(struct ctx *ctx, struct field_list *out);

enum attempt_status {
    ATTEMPT_OPEN,
    ATTEMPT_SUCCEEDED,
    ATTEMPT_DECLINED,
    ATTEMPT_REFUSED,
    ATTEMPT_NOT_EXECUTED,
    ATTEMPT_SUPERSEDED,
};
enum attempt_operation { ATTEMPT_CHARGE, ATTEMPT_CAPTURE, ATTEMPT_CANCEL };
enum attempt_phase {
    PHASE_CREATING,   // C1 may have been sent
    PHASE_WAITING,    // for the payer's browser
    PHASE_CONFIRMING, // C2 may have been sent
    PHASE_DONE,
};
extern const char *const attempt_operation_names[];

/* One time that money was to move. */
struct attempt {
    const char *id, *payment_id;
    enum attempt_operation operation;
    enum attempt_status status;
    enum attempt_phase phase;
    int64_t amount;
    int64_t target;     // of a capture: minor units that are captured in all once it is done
    bool final;         // of a capture: what is left is released
    const char *method; // the provider's id
    bool confirms;      // by us; false: by the payer's browser
    bool off_session;
    const char *api_version, *provider_request_id, *failure_class, *failure_code;
    json_t *checks; // of a charge: what was found out about it, or NULL
    int tries;
    int key_number; // of a capture: in its provider key
    const char *created_by;
    struct instant created_at;
};

/* Has them outlive the context that they were read in. */
void payment_keep(struct ctx *ctx, struct payment *payment);
void attempt_keep(struct ctx *ctx, struct attempt *attempt);

MUST_CHECK struct error *attempt_insert(struct ctx *ctx, const struct attempt *attempt);
/* status, phase, method, provider_request_id, failure, checks, tries. */
MUST_CHECK struct error *attempt_update(struct ctx *ctx, const struct attempt *attempt);
/* The provider only repeats a stored failure under this key: the next try has another. */
MUST_CHECK struct error *attempt_next_key(struct ctx *ctx, struct attempt *attempt);
/* One that was not executed is open again, towards its target. */
MUST_CHECK struct error *attempt_reopen(struct ctx *ctx, struct attempt *attempt);
MUST_CHECK struct error *attempt_get(struct ctx *ctx, const char *id, struct attempt *out);
/* The payment's open attempt. */
MUST_CHECK struct error *attempt_open(struct ctx *ctx, const char *payment_id, struct attempt *out, bool *found);

/* What was found out about the last charge, where no attempt is open any more. */
MUST_CHECK struct error *attempt_check(struct ctx *ctx, const char *payment_id, json_t *checks);

/* The newest one. */
MUST_CHECK struct error *attempt_last(struct ctx *ctx, const char *payment_id, struct attempt *out, bool *found);
MUST_CHECK struct error *attempt_list(struct ctx *ctx, const char *payment_id, struct field_list *out);

#endif
