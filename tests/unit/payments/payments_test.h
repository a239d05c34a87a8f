#ifndef TILL_TESTS_PAYMENTS_TEST_H
#define TILL_TESTS_PAYMENTS_TEST_H

#include "payments/payment.h"
#include "payments/payment_store.h"
#include "provider/provider.h"

/* A payment of 100.00 USD in this state, as if it had come there, with the amounts that belong to it. */
struct payment payment_in(enum payment_status status);

/* A new payment without attempt, not yet at the provider. */
struct payment payment_made(enum payment_confirmation confirmation);

/* An open attempt on it. */
struct attempt attempt_on(const struct payment *payment, enum attempt_operation operation, enum attempt_phase phase);

/* What the provider would say of it in this state. */
struct snapshot said_of(const struct payment *payment, enum provider_state state);

/* The same after a decline, by a charge of its own. */
struct snapshot declined(const struct payment *payment, const char *charge);

/* A number that a statement answers. */
long long counted(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
