#ifndef TILL_SANDBOX_EVENTS_H
#define TILL_SANDBOX_EVENTS_H

#include "sandbox/sandbox.h"
#include "sandbox/store.h"

/* Something happened to an object: the event is remembered and queued for delivery. */
void event_add(struct call *call, const char *type, const struct record *record);

/* For changes: keeps what the object was, to say in the event what is different. */
struct change {
    struct record *record;
    json_t *before;
};
struct change change_begin(struct record *record);

/* As event_add(), with data.previous_attributes. May be called several times. */
void change_event(struct call *call, const struct change *change, const char *type);

/* The same, but only when something did change. */
void change_event_if(struct call *call, const struct change *change, const char *type);
void change_end(struct change *change);

/* Makes the object what it was. In place of change_end(). */
void change_undo(struct change *change);

#endif
