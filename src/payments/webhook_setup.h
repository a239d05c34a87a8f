#ifndef TILL_PAYMENTS_WEBHOOK_SETUP_H
#define TILL_PAYMENTS_WEBHOOK_SETUP_H

#include "base/error.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

struct ctx;

/* The endpoint at a provider that sends its events here. */

/* What is to be done, and then what was. */
struct webhook_setup {
    const char *provider;
    bool renew; // another endpoint, with another secret, even where there is a good one

    const char *url, *endpoint_id;
    bool created, updated;
    const char **retired; // endpoints that are gone for it; what they have signed is taken for three more days
    size_t retired_count;
    const char **foreign; // endpoints of the same address that somebody else made: left alone
    size_t foreign_count;
    const char *domain; // of our pages, where wallets are switched on and it can have any; else NULL
    bool apple_pay, google_pay;
    const char *why; // one of them cannot be offered there yet, or NULL
};

/* Sees to it that the provider has one endpoint of ours with this installation's address, in the API version that we speak, with all
 * events that act here; its secret is kept, encrypted; and that it knows our domain for wallets. Doing it again changes nothing. `order` is a struct webhook_setup: for
 * maintenance_run(), because two at once would remove each other's. */
MUST_CHECK struct error *webhook_setup_work(struct ctx *ctx, void *order, json_t **result);

/* The kept secrets that are good now, by commas; NULL when there are none. Read from the database at most each second. */
MUST_CHECK struct error *webhook_secrets(struct ctx *ctx, const char *provider, const char **out);

#endif
