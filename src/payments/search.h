#ifndef TILL_PAYMENTS_SEARCH_H
#define TILL_PAYMENTS_SEARCH_H

#include "base/error.h"
#include "base/field.h"
#include "base/instant.h"
#include "base/money.h"

#include <stdbool.h>
#include <stdint.h>

struct ctx;

/* The dashboard's list of payments: any filters together, and as fast at three million payments as at a thousand. One filter
 * chooses the index that is walked in the list's order, the others are looked at on the way, and a walk ends after so many
 * payments whether or not it has found enough. */

/* Currencies have at most four decimals. */
#define SEARCH_EXPONENTS 5

/* What a payment must be; unset members are any. */
struct search_terms {
    const char *status;   // our words
    const char *refunded; // any, pending, partial, full
    const char *disputed; // any, open, inquiry, won, lost
    const char *currency; // upper case
    const char *provider, *mode;
    const char *method; // a type ("card") or a brand ("visa")
    const char *last4;
    const char *risk; // normal, elevated, highest
    const char *customer_id, *reference;
    const char *amount_from, *amount_to; // decimals in major units of whichever currency
    struct instant since, until;         // until is not in it
};

/* A line of the list. */
struct found_payment {
    const char *id;
    unsigned mode, status;
    struct money amount, amount_captured, amount_refunded, amount_refunding;
    unsigned refund_state, dispute_state;
    const char *customer_id, *customer_reference, *reference, *description;
    const char *provider, *provider_payment_id, *provider_charge_id;
    const char *method_type, *method_brand, *method_last4, *failure_class, *risk_level;
    struct instant created_at;
    bool hit;
    int64_t place; // in the walk that found it, from 1
};

struct search_page {
    struct field_list payments; // struct found_payment, newest first
    const char *older, *newer;  // where the next pages begin, or NULL
    const char *looked_until;   // id of the payment at which the walk was cut off before the page was full, or NULL
};

/* `after` is the id of a payment: older ones follow. `before` one that newer ones precede. At most one of them. */
MUST_CHECK struct error *search_payments(struct ctx *ctx, const struct search_terms *terms, const char *after,
    const char *before, int64_t limit, struct search_page *out);

/* What somebody typed into the search box. */
struct search_text {
    const char *payment_id;           // it is this payment
    const char *note;                 // how it was understood, or why nothing can be found
    bool nothing;                     // no payment can fit
    const struct field_list *persons; // struct customer: several have the e-mail address
};

/* Any id (ours, a provider's), a reference, an e-mail address, or the last four digits of a card with amount and date, in any
 * order: narrows *terms, or says which payment it is. */
MUST_CHECK struct error *search_read(struct ctx *ctx, const char *text, struct search_terms *terms,
    struct search_text *out);

/* The payment that an id of ours or a provider's means, or the refund, dispute, attempt or session it belongs to; *out is NULL
 * when there is none, or several. */
MUST_CHECK struct error *search_whose(struct ctx *ctx, const char *id, const char **out);

/* Adds what is wrong with the filters' values. */
void search_check(struct ctx *ctx, const struct search_terms *terms, struct error **error);

/* A header line, and a line for a payment. */
struct buf;
void search_csv_head(struct buf *out);
void search_csv_line(struct ctx *ctx, struct buf *out, const struct found_payment *payment);

#endif
