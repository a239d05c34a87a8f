#ifndef TILL_PAYMENTS_INBOX_H
#define TILL_PAYMENTS_INBOX_H

#include "base/money.h"
#include "events/decision.h"

/* The task inbox: what the decisions that wait are about. */
struct task_item {
    struct decision decision;
    const char *payment_id; // of the payment, refund or dispute; or NULL
    struct instant due_at;  // until when something must be done, where there is such a time
};

/* As decision_list(), with what each is about. *out: struct task_item. */
MUST_CHECK struct error *inbox_list(struct ctx *ctx, const struct decision_filter *filter, struct field_list *out);
MUST_CHECK struct error *inbox_get(struct ctx *ctx, const char *id, struct task_item *out); // E_NOT_FOUND

/* A person has decided, and says why: what hangs on the decision is settled with it. E_INVALID_STATUS when it is settled. */
MUST_CHECK struct error *inbox_resolve(struct ctx *ctx, const char *id, const char *reason, struct decision *out);

/* Payments whose outcome should be known by now; of more than 1000 no more are counted. */
MUST_CHECK struct error *inbox_stuck(struct ctx *ctx, int64_t *out);
/* Money of one currency that may still be lost: in disputes and inquiries that are not decided, and in payments of which the
 * provider has not said what became of them (of those at most 1000). */
struct money_at_risk {
    struct money amount;
    int64_t disputes, unknown;
};
MUST_CHECK struct error *inbox_at_risk(struct ctx *ctx, struct field_list *out);

#endif
