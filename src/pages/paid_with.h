#ifndef TILL_PAGES_PAID_WITH_H
#define TILL_PAGES_PAID_WITH_H

#include <jansson.h>

struct ctx;
struct payment;

/* The name of a brand of cards ("visa"), or of another kind of method, as payers know it. */
const char *paid_with_name(const json_t *texts, const char *brand);

/* What a payment was paid with, in the payer's language: "Visa ending in 4242", "Apple Pay, Visa ending in 4242", "Klarna". NULL when
 * it is not known. */
const char *paid_with(struct ctx *ctx, const json_t *texts, const struct payment *payment);

#endif
