#ifndef TILL_CUSTOMERS_CUSTOMER_STORE_H
#define TILL_CUSTOMERS_CUSTOMER_STORE_H

#include "base/bytes.h"
#include "customers/customer.h"
#include "customers/person.h"

#include <stdbool.h>

/* A customer's row with what is encrypted of the person. */
struct customer_row {
    const char *id;
    enum mode mode;
    const char *reference;
    json_t *metadata;
    struct sealed_person person;
    struct instant erased_at, created_at, updated_at;
};

MUST_CHECK struct error *customer_row_get(struct ctx *ctx, const char *id, struct customer_row *out);
MUST_CHECK struct error *customer_row_by_reference(struct ctx *ctx, const char *reference, struct customer_row *out,
    bool *found);
/* *inserted is false when the reference is taken. */
MUST_CHECK struct error *customer_row_insert(struct ctx *ctx, const struct customer_row *row, bool *inserted);
MUST_CHECK struct error *customer_row_lock(struct ctx *ctx, const char *id, struct customer_row *out);
/* Reference, metadata, erased_at. */
MUST_CHECK struct error *customer_row_update(struct ctx *ctx, const struct customer_row *row);
MUST_CHECK struct error *person_row_put(struct ctx *ctx, const char *customer_id, const struct sealed_person *person);
/* The key first: without it the rest says nothing. */
MUST_CHECK struct error *person_row_destroy(struct ctx *ctx, const char *customer_id);
MUST_CHECK struct error *customer_row_list(struct ctx *ctx, const char *reference, struct bytes email_index,
    const char *cursor, int64_t limit, struct field_list *out);
MUST_CHECK struct error *customer_account_get(struct ctx *ctx, const char *customer_id, const char *provider,
    const char **reference);
/* Keeps the first one said; *reference is what is kept. E_CONFLICT where it is another customer's. */
MUST_CHECK struct error *customer_account_put(struct ctx *ctx, const char *customer_id, const char *provider,
    const char **reference);

#endif
