#ifndef TILL_PAYMENTS_CHECKOUT_H
#define TILL_PAYMENTS_CHECKOUT_H

#include "base/config.h"
#include "base/error.h"
#include "base/field.h"
#include "base/instant.h"
#include "base/money.h"

#include <jansson.h>

struct ctx;
struct payment;

enum checkout_status { CHECKOUT_OPEN, CHECKOUT_COMPLETE, CHECKOUT_EXPIRED, CHECKOUT_CANCELLED };
extern const char *const checkout_status_names[];

/* A debt that is paid on our page: a row of checkout_sessions. It has one payment at most. */
struct checkout {
    const char *id;
    enum mode mode;
    enum checkout_status status;
    struct money amount;
    const char *description, *reference;
    json_t *items; // [{"name", "quantity", "amount": {"value", "currency"}}]
    const char *customer_id, *success_url, *cancel_url;
    unsigned capture;   // enum payment_capture
    bool offers_saving; // the page asks whether the method may be kept
    const char *locale;
    json_t *metadata;
    const char *payment_id;
    const char *created_by;
    struct instant expires_at, created_at, updated_at;
};

struct checkout_item {
    const char *name;
    int64_t quantity;
    struct money amount; // of the whole line
};

struct checkout_request {
    struct money amount; // may be left out when there are items: then their sum
    struct field_list items;
    const char *description, *reference, *customer_id, *success_url, *cancel_url, *locale;
    bool capture;
    bool save_payment_method;
    json_t *metadata;
    int64_t expires_in; // seconds; 0: the configured time
};

MUST_CHECK struct error *checkout_create(struct ctx *ctx, const struct checkout_request *request, struct checkout *out);
MUST_CHECK struct error *checkout_get(struct ctx *ctx, const char *id, struct checkout *out);
/* Cancels an open session ("cancelled": the payer or merchant gave up; else "expired"), and its payment where that is still
 * possible. E_INVALID_STATUS when it is complete, E_CONFLICT while its payment is under way. */
MUST_CHECK struct error *checkout_close(struct ctx *ctx, const char *id, enum checkout_status status,
    struct checkout *out);

/* The page's address, "{TILL_URL}/checkout/{id}/{key}", for a session (cs_…) or for a payment without one (pay_…: its status,
 * authentication and receipt). The key is an HMAC of the id: nothing is stored, nothing can be guessed. */
const char *checkout_address(struct ctx *ctx, const char *id);
/* "{id}/{key}" as in an address: E_NOT_FOUND unless the key is right. */
MUST_CHECK struct error *checkout_check_key(struct ctx *ctx, const char *id, const char *key);

/* What stands behind an address: a session, its payment, or both. */
struct checkout_door {
    struct checkout *session; // NULL for the address of a payment
    struct payment *payment;  // NULL until the payer has begun
};
/* `max_age`: as payment_refresh(); negative does not ask the provider. */
MUST_CHECK struct error *checkout_open(struct ctx *ctx, const char *id, const char *key, int max_age,
    struct checkout_door *out);

/* What the payer chose on the page. */
struct checkout_choice {
    const char *method; // a kept one of the session's customer, ours; NULL: what the browser confirms with
    bool save;          // … and may be kept
};

/* The payer pressed the button: makes the session's one payment, or finds it, with an open attempt that the browser may
 * confirm with *client_secret; a kept method is confirmed at once. However often and from however many tabs, there is one payment. E_CONFLICT while the outcome of
 * another try is not known; E_GONE when the session is over; E_RATE_LIMITED; E_PROVIDER_UNAVAILABLE. */
MUST_CHECK struct error *checkout_pay(struct ctx *ctx, const char *id, const char *key,
    const struct checkout_choice *choice, struct checkout_door *out, const char **client_secret);

struct job;
struct error *checkout_expire_task(struct ctx *ctx, const struct job *job);

#endif
