#ifndef TILL_SANDBOX_INTENTS_H
#define TILL_SANDBOX_INTENTS_H

#include "sandbox/params.h"
#include "sandbox/store.h"

/* PaymentIntents: intents.c makes and shows them, confirm.c tries to pay, capture.c does what comes later. */

/* The intent of the address; a browser must know its client_secret. */
struct failure *intent_find(struct call *call, struct record **out);

/* Checks what a confirmation brings along (method, return_url, …) and puts it into the intent, which may not be in the store
 * yet. Nothing is charged. */
struct failure *intent_prepare(struct call *call, json_t *intent, struct record **method);

/* Tries to pay: the intent ends as succeeded, requires_capture, processing, requires_action, or, with a card error, as
 * requires_payment_method. */
struct failure *intent_attempt(struct call *call, struct record *record, struct record *method);

/* The payer's bank has decided about an intent in requires_action. */
void intent_authenticated(struct call *call, struct record *record, bool passed);

/* The charge went through: authorized or captured. */
void intent_charged(struct call *call, struct record *record, struct record *charge, struct record *method);

/* Puts the intent back to requires_payment_method with this error, and says so. */
void intent_failed(struct call *call, struct record *record, const struct failure *failure);

/* "This PaymentIntent's … because it has a status of succeeded." */
struct failure *intent_wrong_state(struct call *call, const struct record *record, const char *what);

void intent_cancel_for(struct call *call, struct record *record, const char *reason);
struct failure *intent_capture_amount(struct call *call, struct record *record, json_int_t amount, bool final);
void intent_expire(struct call *call, const char *id);
void intent_settle(struct call *call, const char *id);
void intent_contest(struct call *call, const char *id);

/* Money came by bank transfer: some of what is owed, or, with 0, all that is left of it. */
struct failure *intent_fund(struct call *call, struct record *record, json_int_t amount);

/* What the payer has to do: follow a redirect when there is a way back, else what Stripe.js does. A new reference. */
json_t *intent_next_action(struct call *call, const char *id, const char *return_url, bool use_sdk);

/* Parameters that payment and setup intents share. */
extern const struct param params_mandate_data[];
extern const char *const usage_names[];

/* The types that an intent in this currency takes: those that were asked for, or what the dashboard would offer. */
void intent_apply_types(struct call *call, json_t *intent, const char *currency);

#endif
