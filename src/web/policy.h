#ifndef TILL_WEB_POLICY_H
#define TILL_WEB_POLICY_H

#include <stdbool.h>

struct request;

struct policy_header {
    const char *name;
    const char *value;
};

/* What browsers and caches are told with every answer: an API answer may do nothing, a page may do little, a checkout page
 * (the route says it) may also run the payment provider's script. Ends with { NULL }; a NULL value is a header that does not
 * apply. The provider's hosts follow from STRIPE_JS_URL: for js.stripe.com those that Stripe documents, for a stand-in its
 * own origin. */
const struct policy_header *policy_headers(struct request *r, bool is_page);

#endif
