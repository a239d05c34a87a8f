#ifndef TILL_BASE_CTX_H
#define TILL_BASE_CTX_H

#include "base/instant.h"

#include <stdbool.h>

struct arena;
struct config;
struct error;
struct db;
struct tx;
struct http;
struct idempotency;

/* Who acts. Requests, jobs and commands all have one; it is what the audit log names. */
enum principal_kind {
    PRINCIPAL_NONE,     // a public page
    PRINCIPAL_API_KEY,  // id is the key's
    PRINCIPAL_CUSTOMER, // a checkout page or a customer's token: id is the session's or the customer's
    PRINCIPAL_OPERATOR, // a person in the dashboard
    PRINCIPAL_SYSTEM,   // a job: id is its kind
    PRINCIPAL_COMMAND,  // the command line: id is the login name
    PRINCIPAL_PROVIDER, // a verified webhook: id is the provider's name
};

extern const char *const principal_kind_names[];

struct principal {
    enum principal_kind kind;
    const char *id;
    const char *scopes;      // separated by spaces; "*" is all
    const char *customer_id; // set when only this customer's objects may be seen
    const char *reference;   // of a customer's token: the merchant's own id of the user
};

/* What every call of the domain gets first. It knows no HTTP, so requests, jobs and commands use the same rules. It
 * belongs to one thread. */
struct ctx {
    struct arena *arena;
    const struct config *config;
    struct db *db;      // the pool
    struct tx *tx;      // the open transaction, or NULL
    int round_trips;    // to the database, so far
    struct http *http;  // this thread's client
    struct instant now; // the domain's one clock (base/clock.h), read when the work began
    struct principal principal;
    struct idempotency *idempotency; // the key that came with a request, or NULL
    const char *trace;               // request id; jobs carry on that of what caused them
    const char *address;             // of the client, as far as trusted; NULL for jobs
    const char *user_agent;          // may be NULL
    int64_t deadline_ms;             // monotonic: a provider may be waited for until then
};

/* The same context with an arena of its own, for a part of the work whose results are few: what it takes goes with it
 * (ctx_rejoin), not only when the request ends. Asserts that no transaction is open. */
struct ctx *ctx_aside(struct ctx *ctx);

/* Ends that part: frees its arena, or has it live as long as that of `ctx` when there is an error, which is returned. */
struct error *ctx_rejoin(struct ctx *ctx, struct ctx *aside, struct error *error);

bool principal_may(const struct principal *principal, const char *scope);

/* Who it was, for a row that says by whom it was made; "" for nobody in particular. */
const char *principal_name(const struct principal *principal);

#endif
