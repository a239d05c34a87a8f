#ifndef TILL_EVENTS_EVENT_H
#define TILL_EVENTS_EVENT_H

#include "base/error.h"
#include "base/field.h"
#include "base/instant.h"

#include <jansson.h>

struct ctx;

/* Something that happened, as the merchant is told it. */
struct event {
    const char *id, *type, *object_id;
    int version;      // of this object's events: the higher one is the later one
    json_t *payload;  // the object as it was then
    json_t *previous; // what the members that changed were in the event before; NULL in the first
    struct instant created_at;
};

/* The object of an event, for the API and for deliveries alike. */
struct event_data {
    json_t *object, *previous_attributes;
};

struct event_view {
    const char *id, *type, *object_id;
    struct instant timestamp;
    int version;
    bool livemode;
    struct event_data *data;
};

extern const struct field event_shown[];

struct event_filter {
    const char *type, *object_id, *cursor; // each may be NULL
    int64_t limit;
};

/* Something the merchant is told: "payment.succeeded" about "pay_…", with the object as it is now, which must hold nothing of a
 * person. In the open transaction, which has written the object's row before: that orders the events about it. Everything
 * that tells it further is written with it: a delivery for each endpoint that hears of it, and the jobs that send them. */
MUST_CHECK struct error *event_add(struct ctx *ctx, const char *type, const char *object_id, json_t *object);

MUST_CHECK struct error *event_get(struct ctx *ctx, const char *id, struct event *out);
/* Newest first, after `cursor`. */
MUST_CHECK struct error *event_list(struct ctx *ctx, const struct event_filter *filter, struct field_list *out);
/* The other way round: oldest first, those after the id `after` (NULL: from the beginning). */
MUST_CHECK struct error *event_list_after(struct ctx *ctx, const char *after, int64_t limit, struct field_list *out);

void event_view(struct ctx *ctx, const struct event *event, struct event_view *out);

/* The body of a delivery. */
const char *event_body(struct ctx *ctx, const struct event *event);

/* Every type of event there is, with what it says, ending with NULL: what an endpoint may ask for. */
struct event_type {
    const char *name, *summary;
};
extern const struct event_type event_types[];

/* NULL when this is a type of event, "*", or the types of one object as "payment.*"; else what is wrong. */
const char *check_event_type(struct ctx *ctx, const char *text);

#endif
