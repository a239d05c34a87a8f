#ifndef TILL_SANDBOX_CHARGES_H
#define TILL_SANDBOX_CHARGES_H

#include "sandbox/cards.h"
#include "sandbox/failure.h"
#include "sandbox/store.h"

/* A charge for all of an intent's amount, with everything but how it ended. */
struct record *charge_new(struct call *call, const struct record *intent, const struct record *method);

/* How it ended: the bank said yes, no, or will say later. */
void charge_authorize(struct call *call, struct record *charge, const struct test_card *card, int64_t capture_before);
void charge_decline(struct call *call, struct record *charge, const struct decline *decline, const char *risk);
void charge_await(struct call *call, struct record *charge);

/* Takes (more of) the money of an authorized charge; `final` releases what is left. */
void charge_capture(struct call *call, struct record *charge, json_int_t amount, bool final);

/* Whether what is authorized can be captured in several parts. */
bool charge_takes_several(const struct record *charge);

/* Lets an authorization go, by a person or because its time ran out. */
void charge_release(struct call *call, struct record *charge, bool expired);

/* What a card does after it was charged: disputes. */
void charge_afterwards(struct call *call, struct record *charge, const struct test_card *card);

#endif
