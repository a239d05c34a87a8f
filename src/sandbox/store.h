#ifndef TILL_SANDBOX_STORE_H
#define TILL_SANDBOX_STORE_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Everything the sandbox remembers, each kind in the order it was made, with an index by id and by the members that lists
 * ask for. All of it is used under the sandbox's lock. */
enum kind {
    KIND_CUSTOMER,
    KIND_METHOD,
    KIND_INTENT,
    KIND_SETUP,
    KIND_ATTEMPT,
    KIND_CHARGE,
    KIND_REFUND,
    KIND_DISPUTE,
    KIND_BALANCE,
    KIND_EVENT,
    KIND_ENDPOINT,
    KIND_PAYOUT,
    KIND_TOKEN,
    KIND_MANDATE,
    KIND_FILE,
    KIND_SUBSCRIPTION,
    KIND_INVOICE,
    KIND_DOMAIN,
    KIND_COUNT,
};

struct record {
    char id[48];
    enum kind kind;
    size_t position; // in its kind, from 0
    int64_t created; // the object's, in unix seconds
    json_t *object;  // as Stripe shows it
    json_t *hidden;  // what only we know of it, an object
    bool deleted;
};

struct records {
    struct record **items; // oldest first
    size_t count;
};

struct store;
struct store *store_new(void);
void store_free(struct store *store);

/* Takes the reference of the object, which has id and created. */
struct record *store_add(struct store *store, enum kind kind, json_t *object);

/* NULL when there is no such object of this kind, or it was deleted. */
struct record *store_get(const struct store *store, enum kind kind, const char *id);

/* The same for any kind, deleted ones included. */
struct record *store_find(const struct store *store, const char *id);

/* Must follow a change of a member that lists ask for (customer, metadata, …). */
void store_reindex(struct store *store, struct record *record);

struct records store_all(const struct store *store, enum kind kind);

/* All that have, or once had, this value in this member; "metadata.order" is a member too. The caller looks again. */
struct records store_by(const struct store *store, enum kind kind, const char *member, const char *value);

/* The whole store as JSON, a new reference, and back into an empty one. */
json_t *store_save(const struct store *store);
bool store_restore(struct store *store, const json_t *saved);

#endif
