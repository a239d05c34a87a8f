#ifndef TILL_CUSTOMERS_PERSON_H
#define TILL_CUSTOMERS_PERSON_H

#include "base/bytes.h"
#include "base/error.h"

struct ctx;

/* Who a customer is. Each is encrypted under a key of his own, and that under the keyring: to destroy the key is to forget the
 * person, whatever copies there are of the rest. */
struct person {
    const char *email, *name;
};

/* The same as it is stored. */
struct sealed_person {
    struct bytes email, name, email_index;
    struct bytes key; // sealed, and empty for a person from before each had one
};

/* Seals him under `key`, a sealed one, or under a new one where that is empty. */
MUST_CHECK struct error *person_seal(struct ctx *ctx, const char *customer_id, const struct person *person,
    struct bytes key, struct sealed_person *out);
MUST_CHECK struct error *person_open(struct ctx *ctx, const char *customer_id, const struct sealed_person *sealed,
    struct person *out);

/* An address is found again by a keyed hash of its usual form; the address itself is nowhere in the clear. */
struct bytes person_email_index(struct ctx *ctx, const char *email);

#endif
