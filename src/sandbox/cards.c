#include "sandbox/cards.h"

#include <string.h>

static const struct decline generic = {
    "card_declined",
    "generic_decline",
    "Your card was declined.",
    "try_again_later",
    "01",
};
static const struct decline insufficient_funds = {
    "card_declined",
    "insufficient_funds",
    "Your card has insufficient funds.",
    "try_again_later",
    "51",
};
static const struct decline lost = {
    "card_declined",
    "lost_card",
    "Your card was declined.",
    "do_not_try_again",
    "41",
};
static const struct decline stolen = {
    "card_declined",
    "stolen_card",
    "Your card was declined.",
    "do_not_try_again",
    "43",
};
static const struct decline fraudulent = {
    "card_declined",
    "fraudulent",
    "Your card was declined.",
    "do_not_try_again",
    "59",
};
static const struct decline velocity = {
    "card_declined",
    "card_velocity_exceeded",
    "Your card was declined for making repeated attempts too frequently or exceeding its amount limit.",
    "try_again_later",
    "61",
};
static const struct decline expired = {
    "expired_card",
    NULL,
    "Your card has expired.",
    "do_not_try_again",
    "54",
};
static const struct decline incorrect_cvc = {
    "incorrect_cvc",
    NULL,
    "Your card's security code is incorrect.",
    "confirm_card_data",
    "N7",
};
static const struct decline processing_error = {
    "processing_error",
    NULL,
    "An error occurred while processing your card. Try again in a little bit.",
    "try_again_later",
    NULL,
};

const struct decline decline_authentication_required = {
    "authentication_required",
    "authentication_required",
    "Your card was declined. This transaction requires authentication.",
    NULL,
    "1A",
};
const struct decline decline_authentication_not_handled = {
    "authentication_required",
    "authentication_not_handled",
    "This payment required an authentication action to complete, but `error_on_requires_action` was set. When you're "
    "ready, you can upgrade your integration to handle actions at https://stripe.com/docs/payments/payment-intents/"
    "upgrade-to-handle-actions.",
    NULL,
    NULL,
};
const struct decline decline_authentication_failed = {
    "payment_intent_authentication_failure",
    NULL,
    "We are unable to authenticate your payment method. Please choose a different payment method and try again.",
    NULL,
    NULL,
};

/* clang-format off */
#define CARD(n, digits, brand_, funding_, country_, ...)                                                                \
    { .name = n, .number = digits, .brand = brand_, .funding = funding_, .country = country_, ##__VA_ARGS__ }
static const struct test_card cards[] = {
    CARD("visa", "4242424242424242", "visa", "credit", "US"),
    CARD("visa_debit", "4000056655665556", "visa", "debit", "US"),
    CARD("mastercard", "5555555555554444", "mastercard", "credit", "US"),
    CARD("mastercard_debit", "5200828282828210", "mastercard", "debit", "US"),
    CARD("mastercard_prepaid", "5105105105105100", "mastercard", "prepaid", "US"),
    CARD("amex", "378282246310005", "amex", "credit", "US"),
    CARD("discover", "6011111111111117", "discover", "credit", "US"),
    CARD("diners", "3056930009020004", "diners", "credit", "US"),
    CARD("jcb", "3566002020360505", "jcb", "credit", "JP"),
    CARD("unionpay", "6200000000000005", "unionpay", "credit", "CN"),
    CARD("us", "4242424242424242", "visa", "credit", "US"),
    CARD("de", "4000002760000016", "visa", "credit", "DE"),
    CARD("fr", "4000002500000003", "visa", "credit", "FR"),
    CARD("gb", "4000008260000000", "visa", "credit", "GB"),
    CARD("jp", "4000003920000003", "visa", "credit", "JP"),

    /* Not Stripe's own: what the stand-in's form gets from a device's wallet. */
    CARD("applePay", "4242424242424242", "visa", "credit", "US", .wallet = "apple_pay"),
    CARD("googlePay", "4242424242424242", "visa", "credit", "US", .wallet = "google_pay"),

    CARD("chargeDeclined", "4000000000000002", "visa", "credit", "US", .decline = &generic),
    CARD("visa_chargeDeclined", "4000000000000002", "visa", "credit", "US", .decline = &generic),
    CARD("chargeDeclinedInsufficientFunds", "4000000000009995", "visa", "credit", "US", .decline = &insufficient_funds),
    CARD("visa_chargeDeclinedInsufficientFunds", "4000000000009995", "visa", "credit", "US", .decline = &insufficient_funds),
    CARD("chargeDeclinedLostCard", "4000000000009987", "visa", "credit", "US", .decline = &lost),
    CARD("visa_chargeDeclinedLostCard", "4000000000009987", "visa", "credit", "US", .decline = &lost),
    CARD("chargeDeclinedStolenCard", "4000000000009979", "visa", "credit", "US", .decline = &stolen),
    CARD("visa_chargeDeclinedStolenCard", "4000000000009979", "visa", "credit", "US", .decline = &stolen),
    CARD("chargeDeclinedExpiredCard", "4000000000000069", "visa", "credit", "US", .decline = &expired),
    CARD("chargeDeclinedIncorrectCvc", "4000000000000127", "visa", "credit", "US", .decline = &incorrect_cvc),
    CARD("chargeDeclinedProcessingError", "4000000000000119", "visa", "credit", "US", .decline = &processing_error),
    CARD("chargeDeclinedFraudulent", "4100000000000019", "visa", "credit", "US", .decline = &fraudulent, .risk = "highest"),
    CARD("radarBlock", "4100000000000019", "visa", "credit", "US", .decline = &fraudulent, .risk = "highest"),
    CARD("riskLevelHighest", "4000000000004954", "visa", "credit", "US", .risk = "highest"),
    CARD("riskLevelElevated", "4000000000009235", "visa", "credit", "US", .risk = "elevated"),
    CARD("visa_chargeDeclinedVelocityLimitExceeded", "4000000000006975", "visa", "credit", "US", .decline = &velocity),
    CARD("chargeDeclinedVelocityLimitExceeded", "4000000000006975", "visa", "credit", "US", .decline = &velocity),
    CARD("chargeCustomerFail", "4000000000000341", "visa", "credit", "US", .decline = &generic, .attaches = true),

    CARD("cvcCheckFail", "4000000000000101", "visa", "credit", "US", .cvc_fails = true),
    CARD("avsZipFail", "4000000000000036", "visa", "credit", "US", .postal_code_fails = true),
    CARD("avsLine1Fail", "4000000000000028", "visa", "credit", "US", .line1_fails = true),
    CARD("avsFail", "4000000000000010", "visa", "credit", "US", .line1_fails = true, .postal_code_fails = true),

    CARD("authenticationRequired", "4000002760003184", "visa", "credit", "DE", .authentication = AUTHENTICATION_ALWAYS),
    CARD("threeDSecure2Required", "4000000000003220", "visa", "credit", "US", .authentication = AUTHENTICATION_ALWAYS),
    CARD("threeDSecureRequired", "4000000000003063", "visa", "credit", "US", .authentication = AUTHENTICATION_ALWAYS),
    CARD("threeDSecureOptional", "4000000000003055", "visa", "credit", "US", .authentication = AUTHENTICATION_OPTIONAL),
    CARD("threeDSecureRequiredChargeDeclined", "4000008400001629", "visa", "credit", "US", .decline = &generic,
      .authentication = AUTHENTICATION_ALWAYS),
    CARD("authenticationRequiredChargeDeclinedInsufficientFunds", "4000008260003178", "visa", "credit", "GB",
      .decline = &insufficient_funds, .authentication = AUTHENTICATION_ALWAYS),
    CARD("authenticationRequiredOnSetup", "4000002500003155", "visa", "credit", "FR",
      .authentication = AUTHENTICATION_UNLESS_SET_UP),
    CARD("authenticationRequiredSetupForOffSession", "4000003800000446", "visa", "credit", "IT",
      .authentication = AUTHENTICATION_ON_SESSION_ONLY),

    CARD("createDispute", "4000000000000259", "visa", "credit", "US", .afterwards = AFTERWARDS_DISPUTE),
    CARD("createDisputeInquiry", "4000000000001976", "visa", "credit", "US", .afterwards = AFTERWARDS_INQUIRY),
    CARD("createDisputeProductNotReceived", "4000000000002685", "visa", "credit", "US",
      .afterwards = AFTERWARDS_NOT_RECEIVED),
    CARD("createIssuerFraudRecord", "4000000000005423", "visa", "credit", "US",
      .afterwards = AFTERWARDS_FRAUD_WARNING),

    CARD("pendingRefund", "4000000000007726", "visa", "credit", "US", .refund = CARD_REFUND_PENDING),
    CARD("refundFail", "4000000000005126", "visa", "credit", "US", .refund = CARD_REFUND_FAILS),
    CARD("bypassPending", "4000000000000077", "visa", "credit", "US", .available_at_once = true),
};
/* clang-format on */

enum { CARD_COUNT = sizeof cards / sizeof *cards };

const struct test_card *card_named(const char *name)
{
    for (size_t i = 0; name && i < CARD_COUNT; i++) {
        if (strcmp(cards[i].name, name) == 0)
            return &cards[i];
    }
    return NULL;
}

const struct test_card *card_of_id(const char *id)
{
    static const char *const prefixes[] = { "pm_card_", "tok_" };

    for (size_t i = 0; i < sizeof prefixes / sizeof *prefixes; i++) {
        if (strncmp(id, prefixes[i], strlen(prefixes[i])) == 0)
            return card_named(id + strlen(prefixes[i]));
    }
    return NULL;
}

const struct test_card *card_numbered(const char *number)
{
    for (size_t i = 0; i < CARD_COUNT; i++) {
        if (cards[i].number && strcmp(cards[i].number, number) == 0)
            return &cards[i];
    }
    return NULL;
}

bool card_number_is_sound(const char *number)
{
    size_t length = strspn(number, "0123456789");
    int sum = 0;

    if (number[length] || length < 12 || length > 19)
        return false;
    for (size_t i = 0; i < length; i++) {
        int digit = number[length - 1 - i] - '0';

        if (i % 2)
            digit = digit * 2 > 9 ? digit * 2 - 9 : digit * 2;
        sum += digit;
    }
    return sum % 10 == 0;
}
