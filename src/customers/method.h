#ifndef TILL_CUSTOMERS_METHOD_H
#define TILL_CUSTOMERS_METHOD_H

#include "base/bytes.h"
#include "base/config.h"
#include "base/error.h"
#include "base/field.h"
#include "base/instant.h"

#include <jansson.h>
#include <stdbool.h>

struct ctx;
struct job;
struct method_view;

enum method_status {
    METHOD_PENDING, // waits for the payer's browser, or for our confirmation
    METHOD_REQUIRES_ACTION,
    METHOD_PROCESSING, // a bank account is being verified
    METHOD_ACTIVE,
    METHOD_FAILED,
    METHOD_DETACHED,
};
extern const char *const method_status_names[];

/* What a customer pays with, kept at the provider: a row of payment_methods. */
struct method {
    const char *id;
    enum mode mode;
    const char *customer_id;
    enum method_status status;
    const char *provider, *provider_method_id, *provider_setup_id;
    const char *asked_method; // the provider's, that the caller wants kept; NULL: the payer's browser gives one
    const char *type, *brand, *last4, *country, *funding, *wallet;
    int exp_month, exp_year;
    struct bytes fingerprint; // HMAC of the provider's
    const char *mandate;
    bool is_default, wants_default;
    json_t *metadata;
    const char *return_url;
    struct bytes client_secret; // sealed: method_client_secret() opens it
    const char *next_action, *next_action_url;
    const char *failure_class, *failure_code, *failure_message;
    struct instant remembered_until;
    const char *created_by;
    struct instant created_at, updated_at;
};

struct method_request {
    const char *customer_id;       // ours or the provider's
    const char *payment_method_id; // the provider's; NULL: the payer's browser gives one
    const char *type;              // only of this type
    const char *return_url;
    bool is_default;
    json_t *metadata;
};

/* What may change; what is not set stays. Billing details go to the provider and are not kept here. */
struct method_edit {
    json_t *metadata;
    int is_default; // -1: as it is
    int64_t exp_month, exp_year;
    const char *name, *email, *phone;
    const char *line1, *line2, *city, *state, *postal_code, *country;
};

struct method_filter {
    int64_t limit;
    const char *cursor, *customer_id, *type;
    unsigned status;
    bool of_status; // whether `status` counts
};

/* Keeps a method for when its owner is not there, in the phases of a payment: on record, made at the provider, its id on
 * record, confirmed, recorded. One that is kept already is answered (*existed). E_PAYMENT_METHOD_ERROR, E_CARD_DECLINED,
 * E_PROVIDER_UNAVAILABLE. */
MUST_CHECK struct error *method_create(struct ctx *ctx, const struct method_request *request, struct method *out,
    bool *existed);
/* By our id or the provider's. */
MUST_CHECK struct error *method_get(struct ctx *ctx, const char *id, struct method *out);
/* The same, after asking the provider about one that is not kept yet. */
MUST_CHECK struct error *method_refresh(struct ctx *ctx, const char *id, struct method *out);
/* Newest first. */
MUST_CHECK struct error *method_list(struct ctx *ctx, const struct method_filter *filter, struct field_list *out);
MUST_CHECK struct error *method_change(struct ctx *ctx, const char *id, const struct method_edit *edit,
    struct method *out);
/* Nobody pays with it from now on; the provider forgets it, now or as soon as it can be reached. */
MUST_CHECK struct error *method_remove(struct ctx *ctx, const char *id, struct method *out);
MUST_CHECK struct error *method_client_secret(struct ctx *ctx, const struct method *method, const char **out);
bool method_is_expired(struct ctx *ctx, const struct method *method);

/* For payments: the kept one of this id, ours or the provider's; *found is false for one of the provider's that is not kept.
 * E_PAYMENT_METHOD_ERROR for one that cannot be used, or that is not this customer's (NULL: anybody's). */
MUST_CHECK struct error *method_named(struct ctx *ctx, const char *id, const char *customer_id, struct method *out,
    bool *found);
/* The one to use where none is named: the default, or the one that was last paid with and is still remembered. */
MUST_CHECK struct error *method_remembered(struct ctx *ctx, const char *customer_id, struct method *out, bool *found);
/* The owner's permission to debit a kept one, as the provider names it; NULL where none is needed. */
MUST_CHECK struct error *method_mandate(struct ctx *ctx, const char *provider, const char *reference,
    const char **mandate);
/* A customer has paid with it: remembered for the configured time, and from now on kept if the payer allowed that. In the
 * transaction that records the payment. */
MUST_CHECK struct error *method_paid(struct ctx *ctx, const char *customer_id, const char *provider,
    const struct method_view *view, bool keeps);

/* The provider has news of a setup or of a method. *known: it is one of ours. */
MUST_CHECK struct error *method_setup_heard(struct ctx *ctx, const char *provider, const char *reference, bool *known);
MUST_CHECK struct error *method_heard(struct ctx *ctx, const char *provider, const char *reference, bool *known);
MUST_CHECK struct error *method_mandate_heard(struct ctx *ctx, const char *provider, const char *reference,
    bool *known);

struct error *method_resolve_task(struct ctx *ctx, const struct job *job);
struct error *method_detach_task(struct ctx *ctx, const struct job *job);

#endif
