#ifndef TILL_PAYMENTS_SEARCH_STORE_H
#define TILL_PAYMENTS_SEARCH_STORE_H

#include "payments/search.h"

/* Which index a list of payments walks. */
enum lane {
    LANE_ALL,
    LANE_STATUS,
    LANE_ENDED, // failed or cancelled, in one currency
    LANE_CUSTOMER,
    LANE_REFERENCE,
    LANE_CURRENCY,
    LANE_PROVIDER,
    LANE_MODE,
    LANE_METHOD_TYPE,
    LANE_METHOD_BRAND,
    LANE_LAST4,
    LANE_AMOUNT, // one amount in one currency
    LANE_REFUNDED,
    LANE_REFUND_STATE,
    LANE_REFUNDING,
    LANE_DISPUTED,
    LANE_DISPUTE_STATE,
    LANE_RISK, // elevated or highest
    LANES,
};

/* What terms come down to. */
struct search_bounds {
    const char *method_type, *method_brand, *refund_state, *dispute_state;
    bool refunded, refunding, disputed; // in whichever state
    bool has_amount, has_least, has_most;
    int64_t amount;                  // this one alone
    int64_t least[SEARCH_EXPONENTS]; // by the currency's decimals
    int64_t most[SEARCH_EXPONENTS];
    const char *from_id, *to_id; // ids say when; to_id is not in it
};

/* Of the payments of a lane, at most SEARCH_SCAN from `from` on (older, or newer), those that fit; at most `limit`. The
 * one at which the walk was cut off comes along, whether it fits (found.hit) or not. */
#define SEARCH_SCAN 5000
MUST_CHECK struct error *search_walk(struct ctx *ctx, enum lane lane, const struct search_terms *terms,
    const struct search_bounds *bounds, const char *from, bool newer, int64_t limit, struct field_list *out);

/* Ids of payments (const char *) that an id means, ours or a provider's, of the payment itself or of something that hangs on it;
 * one may come several times. */
MUST_CHECK struct error *search_by_id(struct ctx *ctx, const char *id, struct field_list *out);

/* Whether a payment has this reference. */
MUST_CHECK struct error *search_has_reference(struct ctx *ctx, const char *reference, bool *out);

#endif
