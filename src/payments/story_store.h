#ifndef TILL_PAYMENTS_STORY_STORE_H
#define TILL_PAYMENTS_STORY_STORE_H

#include "payments/story.h"

#include <stdint.h>

/* Lines about the objects `ids` (an array of PostgreSQL), and about the provider's payment `reference`; at most `each` of one kind,
 * newest first; of the newest `raw` events also what they said. */
MUST_CHECK struct error *story_rows(struct ctx *ctx, const char *ids, const char *provider, const char *reference,
    int64_t each, int64_t raw, int64_t limit, struct field_list *out);
MUST_CHECK struct error *story_sums(struct ctx *ctx, const char *ids, const char *receivable, struct field_list *out);
MUST_CHECK struct error *story_dead(struct ctx *ctx, const char *ids, struct field_list *out);
MUST_CHECK struct error *story_waiting(struct ctx *ctx, const char *ids, struct field_list *out);
/* The provider's ids of the payouts that its charges went to the bank with (const char *), as far as known. */
MUST_CHECK struct error *story_payout_list(struct ctx *ctx, const char *provider, const char *reference,
    struct field_list *out);

#endif
