#ifndef TILL_SANDBOX_DELIVER_H
#define TILL_SANDBOX_DELIVER_H

#include "sandbox/sandbox.h"

/* Sends events to webhook endpoints from a thread of its own, signed, and again with growing pauses when they are not
 * taken. The same thread lets the sandbox's clock tick. */
struct delivery *delivery_start(struct sandbox *sandbox);
void delivery_stop(struct delivery *delivery);

/* Queues an event for every endpoint that wants its type, as the webhook dials say. Called with the sandbox's lock held. */
void deliver_event(struct call *call, struct record *event);

/* Wakes the thread, after the clock moved. */
void delivery_wake(struct delivery *delivery);

/* Forgets what waits. */
void delivery_clear(struct delivery *delivery);

/* The last tries, newest first, and how many wait or are under way: {"waiting", "tries": [{event, type, url, attempt, status, at}]}. A new
 * reference. */
json_t *delivery_report(struct delivery *delivery);

/* The header's value: "t=…,v1=…". In ctx->arena. */
const char *delivery_signature(struct ctx *ctx, const char *secret, int64_t time, const char *body);

#endif
