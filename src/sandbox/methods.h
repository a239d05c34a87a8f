#ifndef TILL_SANDBOX_METHODS_H
#define TILL_SANDBOX_METHODS_H

#include "sandbox/cards.h"
#include "sandbox/params.h"
#include "sandbox/store.h"

/* Payment methods: cards by their test names and numbers, and the kinds of kinds.h. */

/* The method a parameter names; pm_card_visa and its like make a new one. */
struct failure *method_resolve(struct call *call, const char *id, const char *param, struct record **out);

/* A new one from the parameters type, card, sepa_debit and billing_details in `data`, whose name in errors is `prefix`. */
struct failure *method_make(struct call *call, json_t *data, const char *prefix, struct record **out);

/* What it shows as a preview in a confirmation token: without id and the like. A new reference. */
json_t *method_preview(const struct record *method);

const struct test_card *method_card(const struct record *method); // NULL for what is no card

/* Refuses a method that cannot be put on a customer (NULL: one that is being made); a bank may decline it. */
struct failure *method_check_attach(struct call *call, struct record *method, const char *customer);
void method_put_on(struct call *call, struct record *method, const char *customer);
void method_take_off(struct call *call, struct record *method);

/* Refuses a method that this intent's customer may not use. */
struct failure *method_check_use(struct call *call, const struct record *method, const char *customer);

extern const struct param method_data_params[];

#endif
