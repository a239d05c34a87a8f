#include "provider/provider.h"

#include <assert.h>
#include <string.h>

#include "provider/stripe/stripe.h"

const char *const provider_state_names[] = {
    [PROVIDER_STATE_WAITING] = "waiting",
    [PROVIDER_STATE_ACTION] = "action",
    [PROVIDER_STATE_PENDING] = "pending",
    [PROVIDER_STATE_AUTHORIZED] = "authorized",
    [PROVIDER_STATE_SUCCEEDED] = "succeeded",
    [PROVIDER_STATE_CANCELLED] = "cancelled",
    NULL,
};

const char *const decline_class_names[] = {
    [DECLINE_NONE] = "none",
    [DECLINE_GENERIC] = "generic",
    [DECLINE_INSUFFICIENT_FUNDS] = "insufficient_funds",
    [DECLINE_EXPIRED] = "expired",
    [DECLINE_CVC] = "cvc",
    [DECLINE_NUMBER] = "number",
    [DECLINE_PROCESSING] = "processing",
    [DECLINE_AUTHENTICATION] = "authentication",
    [DECLINE_FRAUD] = "fraud",
    [DECLINE_LIMIT] = "limit",
    [DECLINE_NOT_SUPPORTED] = "not_supported",
    [DECLINE_METHOD] = "method",
    NULL,
};

const char *const dispute_standing_names[] = {
    [DISPUTE_NONE] = "none",
    [DISPUTE_OPEN] = "open",
    [DISPUTE_WON] = "won",
    [DISPUTE_LOST] = "lost",
    [DISPUTE_INQUIRY] = "inquiry",
    NULL,
};

const char *const risk_level_names[] = { "normal", "elevated", "highest", NULL };

const char *const movement_kind_names[] = {
    [MOVEMENT_CHARGE] = "charge",
    [MOVEMENT_REFUND] = "refund",
    [MOVEMENT_REFUND_FAILED] = "refund_failed",
    [MOVEMENT_DISPUTE] = "dispute",
    [MOVEMENT_DISPUTE_REVERSED] = "dispute_reversed",
    [MOVEMENT_PAYOUT] = "payout",
    [MOVEMENT_PAYOUT_FAILED] = "payout_failed",
    [MOVEMENT_FEE] = "fee",
    [MOVEMENT_OTHER] = "other",
    NULL,
};

#define GENERIC "The bank declined the payment. Please try another card or ask your bank."

// whoever uses a stolen card must not learn that it is known to be stolen: fraud reads as any decline
static const char *const sentences[] = {
    [DECLINE_NONE] = "",
    [DECLINE_GENERIC] = GENERIC,
    [DECLINE_INSUFFICIENT_FUNDS] = "There is not enough money on the card. Please try another one.",
    [DECLINE_EXPIRED] = "The card has expired. Please try another one.",
    [DECLINE_CVC] = "The card's security code is not right. Please check it and try again.",
    [DECLINE_NUMBER] = "The card's number or date is not right. Please check it and try again.",
    [DECLINE_PROCESSING] = "The bank could not process the payment just now. Please try again in a moment.",
    [DECLINE_AUTHENTICATION] = "The bank wants you to confirm this payment, and that did not happen. Please try again.",
    [DECLINE_FRAUD] = GENERIC,
    [DECLINE_LIMIT] = "The payment is over a limit of the card. Please try another one or ask your bank.",
    [DECLINE_NOT_SUPPORTED] = "The card cannot be used for this kind of payment. Please try another one.",
    [DECLINE_METHOD] = "This payment method cannot be used. Please try another one.",
};

const char *decline_sentence(enum decline_class kind)
{
    assert(kind < sizeof(sentences) / sizeof(sentences[0]));
    return sentences[kind];
}

static const struct provider *const providers[] = {
    &provider_stripe,
    NULL,
};

const struct provider *provider_named(const char *name)
{
    for (const struct provider *const *provider = providers; name && *provider; provider++)
        if (strcmp((*provider)->name, name) == 0)
            return *provider;
    return NULL;
}

const struct provider *const *provider_list(void)
{
    return providers;
}
