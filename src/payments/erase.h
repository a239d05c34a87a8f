#ifndef TILL_PAYMENTS_ERASE_H
#define TILL_PAYMENTS_ERASE_H

#include "base/error.h"
#include "base/field.h"
#include "customers/customer.h"

struct ctx;
struct job;

enum erase_basis { ERASE_REQUEST, ERASE_RETENTION, ERASE_OTHER };
extern const char *const erase_basis_names[];

/* Forgets the person behind a customer: his key and data, every text that the merchant wrote about his payments, the events'
 * bodies, and all that the provider keeps of him, now or as soon as it can be reached. What is waiting is cancelled. Payments,
 * ledger and audit stay, and name nobody. Erasing twice is no error; E_CONFLICT while money is under way or contested. */
MUST_CHECK struct error *customer_erase(struct ctx *ctx, const char *id, enum erase_basis basis, struct customer *out);
struct error *customer_erase_task(struct ctx *ctx, const struct job *job);

/* All that is kept of a customer. */
struct customer_data {
    struct customer *customer;
    struct field_list payment_methods, payments, refunds, disputes, checkout_sessions, subscriptions, invoices;
};
extern const struct field customer_data_shown[];
MUST_CHECK struct error *customer_export(struct ctx *ctx, const char *id, struct customer_data *out);

#endif
