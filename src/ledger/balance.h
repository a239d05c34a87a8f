#ifndef TILL_LEDGER_BALANCE_H
#define TILL_LEDGER_BALANCE_H

#include "base/error.h"
#include "base/field.h"

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

#endif
