#ifndef TILL_PAYMENTS_WEBHOOK_API_H
#define TILL_PAYMENTS_WEBHOOK_API_H

#include "base/field.h"

struct request;

struct error *webhook_api_stripe(struct request *r);
struct error *webhook_api_stripe_plain(struct request *r); // answers errors as /api/webhooks/stripe promises
struct error *webhook_api_list(struct request *r);
struct error *webhook_api_get(struct request *r);
struct error *webhook_api_replay(struct request *r);

extern const struct field webhook_received_shown[], webhook_shown[], webhook_list_query[], webhook_replay_asked[];

#endif
