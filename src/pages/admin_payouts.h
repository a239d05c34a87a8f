#ifndef TILL_PAGES_ADMIN_PAYOUTS_H
#define TILL_PAGES_ADMIN_PAYOUTS_H

#include "base/error.h"
#include "base/field.h"

struct request;

/* What the providers sent to the bank, and what each payout is made of. */
extern const struct field admin_payouts_query[];
struct error *admin_payouts(struct request *r);
struct error *admin_payout(struct request *r);

#endif
