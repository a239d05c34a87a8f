#ifndef TILL_OUTWARD_DELIVERY_H
#define TILL_OUTWARD_DELIVERY_H

#include "base/error.h"
#include "base/field.h"
#include "base/instant.h"

#include <stdint.h>

struct ctx;
struct job;

enum delivery_status { DELIVERY_PENDING, DELIVERY_DELIVERED, DELIVERY_FAILED, DELIVERY_CANCELLED };
extern const char *const delivery_status_names[];

/* An event on its way to an endpoint: a row of deliveries. event_add() makes them. */
struct delivery {
    const char *id, *endpoint_id, *event_id, *event_type;
    enum delivery_status status;
    int tries;    // of the schedule
    int attempts; // in all
    struct instant due_at;
    int answer;        // HTTP status of the last answer, 0 when none came
    const char *error; // why the last try failed
    const char *claim;
    struct instant created_at, updated_at;
};

/* Each time that it was sent. */
struct delivery_attempt {
    int number;
    struct instant at;
    int answer;
    const char *error;
    int64_t took_ms;
};

struct delivery_filter {
    const char *endpoint_id, *event_id, *cursor; // each may be NULL
    unsigned status;                             // 1 + enum delivery_status, or 0
    int64_t limit;
};

MUST_CHECK struct error *delivery_find(struct ctx *ctx, const char *id, struct delivery *out);
/* Newest first. */
MUST_CHECK struct error *delivery_list(struct ctx *ctx, const struct delivery_filter *filter, struct field_list *out);
MUST_CHECK struct error *delivery_attempts(struct ctx *ctx, const char *id, struct field_list *out);

/* Sends it again, from the beginning of the schedule. E_INVALID_STATUS while its endpoint is disabled or deleted. */
MUST_CHECK struct error *delivery_resend(struct ctx *ctx, const char *id, struct delivery *out);

/* Sends an event to an endpoint, whether or not it was sent there before. */
MUST_CHECK struct error *delivery_resend_event(struct ctx *ctx, const char *event_id, const char *endpoint_id,
    struct delivery *out);

/* Sends what an endpoint hears of and has not taken, since then; at most 10000 events, *count of them. */
MUST_CHECK struct error *delivery_resend_since(struct ctx *ctx, const char *endpoint_id, struct instant since,
    int64_t *count);

/* Forgets what was over 90 days ago, a batch of it. */
MUST_CHECK struct error *delivery_forget(struct ctx *ctx);

/* The job of a delivery: sends what is due to its endpoint, the oldest first, at most two at a time. */
struct error *delivery_task(struct ctx *ctx, const struct job *job);

#endif
