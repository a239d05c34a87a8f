#ifndef TILL_SANDBOX_KINDS_H
#define TILL_SANDBOX_KINDS_H

#include "sandbox/cards.h"
#include "sandbox/params.h"
#include "sandbox/store.h"

/* Payment methods that are no cards: bank accounts, and those whose payer is sent away or pays by himself. */

enum kind_flow {
    FLOW_DEBIT,    // of a bank account: days pass
    FLOW_REDIRECT, // the payer agrees elsewhere and comes back
    FLOW_TRANSFER, // the payer sends the money
};

struct test_kind {
    const char *type;
    enum kind_flow flow;
    const char *currencies; // by spaces
    bool later;             // can be authorized, and captured later
    bool attaches;          // to a customer
    bool email;             // asks for the payer's
    const char *refunded;   // how a refund goes back, in destination_details
};

const struct test_kind *kind_typed(const char *type);
const struct test_kind *kind_of(const struct record *method); // NULL for a card

/* Its own part of a new method, from the parameters in `data`; a test account says in `hidden` how it behaves. */
struct failure *kind_details(struct call *call, const struct test_kind *kind, json_t *data, const char *prefix,
    json_t **shown, json_t *hidden);

/* What a charge shows of it. A new reference. */
json_t *kind_charge_details(const struct record *intent, const struct record *method);

/* Refuses what an intent with such a method cannot be. */
struct failure *kind_check(struct call *call, const struct test_kind *kind, const json_t *intent);

/* Whether small deposits must first show that the account is the payer's, and what to do then. A new reference. */
bool kind_must_verify(const struct record *method);
json_t *kind_verification(struct call *call, const char *id);
/* Looks at the amounts or the code that somebody read from the account's statement. */
struct failure *kind_verify(struct call *call, struct record *record, bool *given_up);

/* Where to send the money. A new reference. */
json_t *kind_instructions(struct call *call, const struct record *intent, json_int_t remaining);

/* Why a debit came back, NULL when the money comes. */
const struct decline *kind_decline(const struct record *method);

extern const struct decline decline_left_elsewhere, decline_not_verified;

#endif
