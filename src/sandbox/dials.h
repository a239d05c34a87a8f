#ifndef TILL_SANDBOX_DIALS_H
#define TILL_SANDBOX_DIALS_H

#include "sandbox/sandbox.h"

#include <stddef.h>

/* Faults that tests and people turn on. Everything here is used under the sandbox's lock; chance comes from one seed. */
enum fault_action {
    FAULT_NONE,
    FAULT_DELAY,
    FAULT_TIMEOUT_AFTER_EXECUTE,
    FAULT_TIMEOUT_BEFORE_EXECUTE,
    FAULT_ERROR_EXECUTED,
    FAULT_ERROR_NOT_EXECUTED,
    FAULT_STICKY_ERROR,
    FAULT_RESET,
    FAULT_RESET_NOT_EXECUTED,
    FAULT_TRUNCATE,
    FAULT_CLOSE_REUSED,
    FAULT_HTML,
    FAULT_BIG_BODY,
    FAULT_TRICKLE,
    FAULT_RATE_LIMIT,
};

extern const char *const fault_names[];

struct fault {
    enum fault_action action;
    bool executes; // the operation is carried out, whatever the caller hears
    int64_t ms;    // delay, or how long a time-out hangs, or the pause between bytes of a trickle
    int64_t bytes; // truncate: bytes of the body that arrive; big_body: how many there are
    int64_t retry_after;
    char should_retry[8]; // Stripe-Should-Retry of a 500 or 429, "" is none
};

struct dials;
struct dials *dials_new(void);
void dials_free(struct dials *dials);

/* What goes wrong with a call of this operation ("POST /v1/refunds"), on a connection's nth request (0: not known). */
struct fault dials_draw(struct dials *dials, const char *method, const char *path, int64_t connection_requests);

/* Copies to deliver of one event (0: dropped), milliseconds to wait with one, and the real pause before a repeat (0: the
 * sandbox's clock decides). */
int dials_webhook_copies(struct dials *dials);
int64_t dials_webhook_delay(struct dials *dials);
int64_t dials_webhook_retry_ms(const struct dials *dials);

/* Seconds until a slow payment or refund ends, and until search sees an object. */
int64_t dials_settle_after(const struct dials *dials);
int64_t dials_search_lag(const struct dials *dials);

/* Thousandths of a euro that the account gets for a unit of another currency; 0: it holds every currency. */
int64_t dials_euro_rate(const struct dials *dials);

/* Sets what the JSON says; NULL, or what is wrong with it, in a buffer of its own. Rules replace all rules, unless `add`. */
const char *dials_set(struct dials *dials, const json_t *value, bool add);
void dials_clear(struct dials *dials);
json_t *dials_show(const struct dials *dials); // a new reference

#endif
