#ifndef TILL_SANDBOX_BILLING_H
#define TILL_SANDBOX_BILLING_H

#include "sandbox/failure.h"
#include "sandbox/store.h"

/* Subscriptions and invoices that somebody makes and changes in Stripe's dashboard: they can be looked at, and events tell of them.
 * Nothing is billed. `asked` names one to change, or the customer of a new one; "set" has the members that it gets, "event" the type
 * that tells of it, and "delete": true takes it away. */
struct failure *billing_subscription(struct call *call, const json_t *asked, struct record **out);
struct failure *billing_invoice(struct call *call, const json_t *asked, struct record **out);

#endif
