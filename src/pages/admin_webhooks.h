#ifndef TILL_PAGES_ADMIN_WEBHOOKS_H
#define TILL_PAGES_ADMIN_WEBHOOKS_H

#include "base/field.h"

struct request;

/* What the providers told us: how the endpoints do, each event, and what no webhook brought. */
struct error *admin_webhooks(struct request *r);
struct error *admin_webhook(struct request *r);
struct error *admin_webhook_replay(struct request *r);
struct error *admin_webhooks_replay(struct request *r); // all that a filter finds, so many at once

extern const struct field admin_webhooks_query[], admin_webhook_replay_asked[], admin_webhooks_replay_asked[];

#endif
