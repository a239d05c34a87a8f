#include <string.h>

#include "provider/stripe/stripe.h"

/* What Stripe's codes and decline codes mean to us. A decline code says more than the code beside it, so it is looked up
 * first. What is not here is generic: new codes come without notice. */
static const struct {
    const char *code;
    enum decline_class kind;
} codes[] = {
    { "insufficient_funds", DECLINE_INSUFFICIENT_FUNDS },
    { "expired_card", DECLINE_EXPIRED },
    { "incorrect_cvc", DECLINE_CVC },
    { "invalid_cvc", DECLINE_CVC },
    { "incorrect_number", DECLINE_NUMBER },
    { "invalid_number", DECLINE_NUMBER },
    { "invalid_account", DECLINE_NUMBER },
    { "invalid_expiry_month", DECLINE_NUMBER },
    { "invalid_expiry_year", DECLINE_NUMBER },
    { "incorrect_address", DECLINE_NUMBER },
    { "incorrect_zip", DECLINE_NUMBER },

    { "processing_error", DECLINE_PROCESSING },
    { "issuer_not_available", DECLINE_PROCESSING },
    { "reenter_transaction", DECLINE_PROCESSING },
    { "try_again_later", DECLINE_PROCESSING },
    { "payment_method_provider_timeout", DECLINE_PROCESSING },

    { "authentication_required", DECLINE_AUTHENTICATION },
    { "authentication_not_handled", DECLINE_AUTHENTICATION },
    { "mobile_device_authentication_required", DECLINE_AUTHENTICATION },
    { "payment_intent_authentication_failure", DECLINE_AUTHENTICATION },
    { "setup_intent_authentication_failure", DECLINE_AUTHENTICATION },

    { "fraudulent", DECLINE_FRAUD },
    { "highest_risk_level", DECLINE_FRAUD },
    { "lost_card", DECLINE_FRAUD },
    { "merchant_blacklist", DECLINE_FRAUD },
    { "pickup_card", DECLINE_FRAUD },
    { "security_violation", DECLINE_FRAUD },
    { "stolen_card", DECLINE_FRAUD },

    { "card_velocity_exceeded", DECLINE_LIMIT },
    { "invalid_amount", DECLINE_LIMIT },
    { "withdrawal_count_limit_exceeded", DECLINE_LIMIT },

    { "card_not_supported", DECLINE_NOT_SUPPORTED },
    { "currency_not_supported", DECLINE_NOT_SUPPORTED },
    { "not_permitted", DECLINE_NOT_SUPPORTED },
    { "service_not_allowed", DECLINE_NOT_SUPPORTED },
    { "transaction_not_allowed", DECLINE_NOT_SUPPORTED },

    { "account_closed", DECLINE_METHOD },
    { "bank_account_restricted", DECLINE_METHOD },
    { "debit_not_authorized", DECLINE_METHOD },
    { "no_account", DECLINE_METHOD },
    { "payment_method_microdeposit_failed", DECLINE_METHOD },
    { "new_account_information_available", DECLINE_METHOD },
    { "offline_pin_required", DECLINE_METHOD },
    { "online_or_offline_pin_required", DECLINE_METHOD },
    { "payment_method_not_available", DECLINE_METHOD },
    { "pin_try_exceeded", DECLINE_METHOD },
    { "restricted_card", DECLINE_METHOD },
    { "revocation_of_all_authorizations", DECLINE_METHOD },
    { "revocation_of_authorization", DECLINE_METHOD },
    { "stop_payment_order", DECLINE_METHOD },
    { "testmode_decline", DECLINE_METHOD },
};

static enum decline_class class_of(const char *code)
{
    for (size_t i = 0; code && i < sizeof(codes) / sizeof(codes[0]); i++)
        if (strcmp(codes[i].code, code) == 0)
            return codes[i].kind;
    return DECLINE_GENERIC;
}

struct decline stripe_decline(const json_t *error)
{
    const char *code = json_get_text(error, "code");
    const char *reason = json_get_text(error, "decline_code");
    struct decline decline = { .kind = class_of(reason), .message = json_get_text(error, "message") };

    if (decline.kind == DECLINE_GENERIC)
        decline.kind = class_of(code);
    decline.code = reason ? reason : code ? code : "unknown"; // the bank's reason says more than that there is one
    return decline;
}
