#ifndef TILL_BASE_CHECK_H
#define TILL_BASE_CHECK_H

#include "base/error.h"

#include <jansson.h>

struct ctx;

/* For the fields of requests. An address that a payer is sent to: https, or http to this machine in test mode, and of one of
 * RETURN_ORIGINS where those are set. May carry {CHECKOUT_SESSION_ID}. NULL when it is fine. */
const char *check_return_url(struct ctx *ctx, const char *text);

/* An id of ours or a provider's. */
const char *check_id(struct ctx *ctx, const char *text);

/* Words of a person: why something was done. At least three characters that are not blank. */
const char *check_reason(struct ctx *ctx, const char *text);

/* Notes of the merchant: at most 47, names of 1 to 40 characters without brackets, values texts of at most 500 bytes, whole
 * numbers or booleans. For .check_members. */
void check_metadata(struct ctx *ctx, json_t *metadata, const char *pointer, struct error **error);

#endif
