#ifndef TILL_PROVIDER_STRIPE_STRIPE_H
#define TILL_PROVIDER_STRIPE_STRIPE_H

#include "base/buf.h"
#include "http/client.h"
#include "provider/provider.h"

extern const struct provider provider_stripe;

/* What follows is between the files of this folder. */

/* One request. A form goes into the body of a POST and into the query of a GET. */
struct stripe_request {
    const char *method;
    const char *path;         // "/v1/refunds"; ids in it have passed id_is_plausible()
    const char *key;          // the idempotency key of a POST
    struct buf *form;         // may be NULL
    const char *base;         // NULL: STRIPE_API_URL
    const char *content_type; // of `body`, which then is sent in place of the form
    struct bytes body;
    bool moves_money; // then a lost answer is for the domain to look up, never to be sent again
};

struct stripe_answer {
    struct http_response http;
    json_t *body;                    // the JSON object that came, or NULL
    json_t *error;                   // the "error" in it, or NULL
    const char *type, *code, *param; // of the error
};

void stripe_send(struct ctx *ctx, const struct stripe_request *request, struct stripe_answer *answer);

/* Reads JSON as Stripe writes it: fractions, which our own API refuses, are fine here. NULL when it is not an object. */
json_t *stripe_json(struct ctx *ctx, struct bytes text);

/* What an answer means for a call that may move money, before its object is looked at: DONE for a 200 with an object of
 * the kind `object`. */
struct outcome stripe_outcome(struct ctx *ctx, const struct stripe_answer *answer, const char *object);

/* Makes an outcome unknown because the object in a good answer could not be read; asking again will tell. */
void stripe_not_understood(struct outcome *outcome, const char *cause);

/* The outcome of a request that is not sent because it cannot be right. */
struct outcome stripe_refused(enum error_code code, const char *detail);

/* The same for a call that only reads: NULL for a 200 with an object of the kind `object`. */
MUST_CHECK struct error *stripe_error(struct ctx *ctx, const struct stripe_answer *answer, const char *object);

/* Sends a GET and checks its answer. */
MUST_CHECK struct error *stripe_get(struct ctx *ctx, const char *path, struct buf *query, const char *object,
    json_t **out);

/* Hands the items of a list to visit(), newest first, until it says false or `pages` pages of a hundred are through.
 * `filter` is a query string. *complete: nothing was left. */
MUST_CHECK struct error *stripe_each(struct ctx *ctx, const char *path, const char *filter, int pages,
    bool (*visit)(void *to, json_t *item), void *to, bool *complete);

/* The id of what may be a string, an object or null. */
const char *stripe_id(const json_t *value);

/* The object of what may be a string, an object or null; NULL unless it is one. */
json_t *stripe_object(json_t *value);

/* Adds what a merchant wants to see beside the object, as far as Stripe takes it: our own names, which are in the form
 * already, cannot be overwritten. */
void stripe_add_metadata(struct ctx *ctx, struct buf *form, json_t *metadata);

/* Text cut to `most` characters. */
const char *stripe_cut(struct ctx *ctx, const char *text, size_t most);

/* Amounts: ours in ISO 4217 minor units, Stripe's in its own. False when an amount cannot be said exactly; *why tells it
 * in words for a person. */
bool stripe_amount(struct money money, int64_t *out, const char **why);
bool stripe_money(int64_t amount, const char *currency, struct money *out, const char **why);
/* The same for what has a sign: a movement, a balance, a fee. */
bool stripe_signed(int64_t amount, const char *currency, struct money *out, const char **why);
/* Whether Stripe charges this amount: what it can say exactly, its smallest and largest charge. */
bool stripe_takes(const char *code, int64_t minor, const char **why);
/* Stripe's name of a currency. */
const char *stripe_currency(struct ctx *ctx, const char *code);
bool stripe_script_amount(struct ctx *ctx, struct money amount, int64_t *out, const char **currency);

/* A decline from an "error" or a "last_payment_error". */
struct decline stripe_decline(const json_t *error);

/* A time in seconds since 1970; unset where it is missing or makes no sense. */
struct instant stripe_time(const json_t *object, const char *name);
/* Whether what this charge holds can be captured in several parts. */
bool stripe_takes_several(const json_t *charge);
/* A payment from its PaymentIntent, with whatever is expanded in it. E_PROVIDER_ERROR when it lacks what one must have. */
MUST_CHECK struct error *stripe_snapshot(struct ctx *ctx, json_t *intent, struct snapshot *out);
/* Our word for a status; an unknown one is pending, which asks again. */
enum provider_state stripe_state(const char *status);
enum dispute_standing stripe_standing(const char *status);

MUST_CHECK struct error *stripe_refund_view(struct ctx *ctx, json_t *refund, struct refund_view *out);
/* Fills snapshot->refunds from Stripe's list. `intent` is what the snapshot was made from. */
MUST_CHECK struct error *stripe_list_refunds(struct ctx *ctx, json_t *intent, struct snapshot *snapshot);
/* What the payer must do next, and where; both NULL when that is nothing. */
void stripe_next_action(const json_t *action, const char **what, const char **where);
void stripe_method_view(struct ctx *ctx, json_t *method, struct method_view *out);

/* False when it is not an event. */
bool stripe_event_read(json_t *event, struct provider_event *out);

/* The functions of the table. */
struct outcome stripe_create(struct ctx *ctx, const struct charge_request *request);
struct outcome stripe_confirm(struct ctx *ctx, const struct confirm_request *request);
struct outcome stripe_capture(struct ctx *ctx, const struct capture_request *request);
struct outcome stripe_cancel(struct ctx *ctx, const struct cancel_request *request);
struct outcome stripe_refund(struct ctx *ctx, const struct reversal *reversal);
MUST_CHECK struct error *stripe_fetch(struct ctx *ctx, const char *reference, struct snapshot *out);
MUST_CHECK struct error *stripe_find(struct ctx *ctx, const char *payment_id, struct instant since,
    struct snapshot *out);
MUST_CHECK struct error *stripe_fetch_refund(struct ctx *ctx, const char *reference, struct refund_view *out);
MUST_CHECK struct error *stripe_fetch_method(struct ctx *ctx, const char *reference, struct method_view *out);
MUST_CHECK struct error *stripe_create_customer(struct ctx *ctx, const struct customer_request *request,
    const char **reference);
MUST_CHECK struct error *stripe_update_customer(struct ctx *ctx, const char *reference,
    const struct customer_request *request);
MUST_CHECK struct error *stripe_delete_customer(struct ctx *ctx, const char *reference);
MUST_CHECK struct error *stripe_create_setup(struct ctx *ctx, const struct setup_request *request,
    struct setup_view *out);
struct outcome stripe_confirm_setup(struct ctx *ctx, const struct confirm_request *request);
MUST_CHECK struct error *stripe_fetch_setup(struct ctx *ctx, const char *reference, struct setup_view *out);
MUST_CHECK struct error *stripe_cancel_setup(struct ctx *ctx, const char *reference, const char *key);
MUST_CHECK struct error *stripe_update_method(struct ctx *ctx, const struct method_change *change,
    struct method_view *out);
MUST_CHECK struct error *stripe_detach_method(struct ctx *ctx, const char *reference, const char *key);
MUST_CHECK struct error *stripe_fetch_mandate(struct ctx *ctx, const char *reference, bool *active);
enum event_concern stripe_concern(const char *type);
MUST_CHECK struct error *stripe_keep_method(struct ctx *ctx, const char *payment, bool keep, const char *const *types,
    const char *key);
MUST_CHECK struct error *stripe_send_evidence(struct ctx *ctx, const struct evidence *evidence);
MUST_CHECK struct error *stripe_accept_dispute(struct ctx *ctx, const char *reference, const char *key);
MUST_CHECK struct error *stripe_upload_file(struct ctx *ctx, const struct upload *upload, const char **reference);
MUST_CHECK struct error *stripe_list_endpoints(struct ctx *ctx, struct event_endpoint **out, size_t *count);
MUST_CHECK struct error *stripe_create_endpoint(struct ctx *ctx, const char *url, const char *key,
    struct event_endpoint *out);
MUST_CHECK struct error *stripe_update_endpoint(struct ctx *ctx, const char *reference, const char *key,
    struct event_endpoint *out);
MUST_CHECK struct error *stripe_delete_endpoint(struct ctx *ctx, const char *reference);
MUST_CHECK struct error *stripe_register_domain(struct ctx *ctx, const char *name, const char *key,
    struct wallet_domain *out);
MUST_CHECK struct error *stripe_list_events(struct ctx *ctx, struct instant since, const char *after, int limit,
    struct provider_event **out, size_t *count);
MUST_CHECK struct error *stripe_fetch_subscription(struct ctx *ctx, const char *reference,
    struct subscription_view *out);
MUST_CHECK struct error *stripe_fetch_invoice(struct ctx *ctx, const char *reference, struct invoice_view *out);
MUST_CHECK struct error *stripe_list_movements(struct ctx *ctx, const struct movement_query *query,
    struct movement **out, size_t *count, const char **next);
MUST_CHECK struct error *stripe_balance(struct ctx *ctx, struct money **out, size_t *count);
MUST_CHECK struct error *stripe_verify(struct ctx *ctx, struct bytes body,
    const char *(*header)(void *from, const char *name), void *from, const char *secrets, struct provider_event *out);
MUST_CHECK struct error *stripe_parse(struct ctx *ctx, struct bytes body, struct provider_event *out);

#endif
