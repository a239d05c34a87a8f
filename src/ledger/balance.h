#ifndef TILL_LEDGER_BALANCE_H
#define TILL_LEDGER_BALANCE_H

#include "base/error.h"
#include "base/field.h"
#include "base/instant.h"

#include <stdint.h>

struct ctx;

/* What an account holds in one currency, in minor units: a debit above zero, a credit below. */
struct balance {
    const char *account;
    const char *currency;
    int64_t amount;
    const char *summary;
};
extern const struct field balance_columns[];

/* An entry that the database should never have let through. */
struct unbalanced {
    int64_t entry;
    const char *kind, *source, *currency;
    int64_t off;
};

/* Every balance that is not nothing, as struct balance. */
MUST_CHECK struct error *balance_list(struct ctx *ctx, struct field_list *out);

/* Adds up every entry; those that do not sum to nothing or have no lines come out as struct unbalanced, at most 100. */
MUST_CHECK struct error *balance_check(struct ctx *ctx, int64_t *entries, struct field_list *out);

/* What an account moved on a day and held at its end, in minor units. */
struct day_balance {
    const char *account;
    const char *currency;
    int64_t before, debits, credits, after; // credits above zero, too
};
extern const struct field day_balance_columns[];

/* By account and currency, for the day that begins at `day`; those that neither moved nor held anything are left out. */
MUST_CHECK struct error *balance_of_day(struct ctx *ctx, struct instant day, struct field_list *out);

/* Something that must hold of the books and does not. */
struct breach {
    const char *rule;   // "payments_equal_ledger"
    const char *object; // a payment, a refund, a dispute, an entry
    const char *currency;
    int64_t expected, found; // minor units
};
extern const struct field breach_columns[];

/* Every rule that joins payments, refunds, disputes and the ledger, in one snapshot each; at most 100 breaches of each. */
MUST_CHECK struct error *ledger_check(struct ctx *ctx, struct field_list *out);

#endif
