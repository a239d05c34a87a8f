#ifndef TILL_PAYMENTS_WEBHOOK_H
#define TILL_PAYMENTS_WEBHOOK_H

#include "base/bytes.h"
#include "base/error.h"
#include "base/field.h"
#include "base/instant.h"

#include <stdbool.h>

struct ctx;

enum webhook_status { WEBHOOK_STORED, WEBHOOK_PROCESSED, WEBHOOK_IGNORED, WEBHOOK_FAILED };
extern const char *const webhook_status_names[];

/* A verified event of a provider: a row of webhook_events. */
struct webhook_event {
    const char *id;
    const char *provider, *provider_event_id, *type, *api_version, *object_id, *payment_reference;
    enum webhook_status status;
    struct bytes payload; // sealed, only for inserting; none when it was swept from the provider's list
    const char *error;
    const char *source; // delivered, or swept
    struct instant event_created_at, received_at, processed_at;
};

struct provider;
/* How an event begins: stored, to be worked off by its job, or ignored, where nothing of ours can hang on it. */
enum webhook_status webhook_first_status(const struct provider *provider, const struct webhook_event *event);

/* Verifies the raw bytes, stores the event and puts its job into the queue. A second delivery does nothing (*duplicate).
 * `header(from, name)` reads a request header. E_INVALID_SIGNATURE, E_INVALID_PAYLOAD; E_UNAVAILABLE when it could not be
 * stored: the provider then sends it again. */
MUST_CHECK struct error *webhook_receive(struct ctx *ctx, const char *provider, struct bytes body,
    const char *(*header)(void *from, const char *name), void *from, bool *duplicate);

struct webhook_filter {
    int64_t limit;
    const char *cursor;
    const char *provider, *type, *payment_reference;
    unsigned status;    // enum webhook_status + 1; 0 is any
    const char *source; // delivered or swept; NULL is any
};
MUST_CHECK struct error *webhook_list(struct ctx *ctx, const struct webhook_filter *filter, struct field_list *out);
/* By our id or the provider's. */
MUST_CHECK struct error *webhook_get(struct ctx *ctx, const char *id, struct webhook_event *out);
/* Processes a stored event again. E_NOT_FOUND. */
MUST_CHECK struct error *webhook_replay(struct ctx *ctx, const char *id, struct webhook_event *out);

/* Processes again what the filter finds, the newest first, at most `filter->limit`; *count is how many. */
MUST_CHECK struct error *webhook_replay_all(struct ctx *ctx, const struct webhook_filter *filter, int64_t *count);
/* What was sent, as JSON; NULL for one that was swept. */
MUST_CHECK struct error *webhook_payload(struct ctx *ctx, const char *id, json_t **out);

/* How a provider's events come in. */
struct webhook_health {
    const char *provider;
    struct instant delivered_at, swept_at; // the last one that came, and that only the sweep found
    struct instant looked_at;              // when the sweep last read the provider's list
    int64_t waiting, failed;               // of more than 1000 no more are counted
    bool missing;                          // what was swept last should long have been delivered
};
MUST_CHECK struct error *webhook_health(struct ctx *ctx, const char *provider, struct webhook_health *out);

struct job;
/* Reads the event's object from the provider, as it is now, and applies it: the order of events does not matter. */
struct error *webhook_task(struct ctx *ctx, const struct job *job);

#endif
