#ifndef TILL_CUSTOMERS_CUSTOMER_H
#define TILL_CUSTOMERS_CUSTOMER_H

#include "base/config.h"
#include "base/error.h"
#include "base/field.h"
#include "base/instant.h"

#include <jansson.h>

struct ctx;

/* Who pays. The e-mail address and name are encrypted apart from the rest. */
struct customer {
    const char *id;
    enum mode mode;
    const char *reference; // the merchant's own id of the user
    const char *email, *name;
    json_t *metadata;
    struct instant erased_at, created_at, updated_at;
};

struct customer_details {
    const char *reference, *email, *name;
    json_t *metadata;
};

/* Makes one; with a reference that is known already it answers that one, unchanged (*existed). */
MUST_CHECK struct error *customer_create(struct ctx *ctx, const struct customer_details *request, struct customer *out,
    bool *existed);
/* By our id or a provider's. */
MUST_CHECK struct error *customer_get(struct ctx *ctx, const char *id, struct customer *out);
/* Newest first, after `cursor`. */
MUST_CHECK struct error *customer_list(struct ctx *ctx, const char *reference, const char *email, const char *cursor,
    int64_t limit, struct field_list *out);

/* What is given; the rest stays. E_CONFLICT for a reference that another has. */
MUST_CHECK struct error *customer_change(struct ctx *ctx, const char *id, const struct customer_details *details,
    struct customer *out);

/* Our id of a customer named by ours or a provider's id; a field error when there is none, or he was erased. */
MUST_CHECK struct error *customer_resolve(struct ctx *ctx, const char *id, const char **out);

/* Our id of the customer whom the merchant's application calls `reference`, made when nobody has met him before; a customer's own
 * token may only name himself (a field error at `pointer`). */
MUST_CHECK struct error *customer_of_user(struct ctx *ctx, const char *reference, const char *pointer,
    const char **out);

/* The customer whose token it is, made when nobody has met him before; NULL for another principal. */
MUST_CHECK struct error *customer_of_principal(struct ctx *ctx, const char **out);

/* What the provider calls this customer; made there when it knows none, once. Asks the provider: no transaction may be open. */
MUST_CHECK struct error *customer_account(struct ctx *ctx, const char *customer_id, const char *provider,
    const char **reference);

struct job;
struct error *customer_tell_task(struct ctx *ctx, const struct job *job);

#endif
