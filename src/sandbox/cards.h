#ifndef TILL_SANDBOX_CARDS_H
#define TILL_SANDBOX_CARDS_H

#include <stdbool.h>
#include <stddef.h>

/* Why a bank says no. */
struct decline {
    const char *code;
    const char *decline_code; // NULL where the code says it all
    const char *message;
    const char *advice_code;
    const char *network_decline_code;
};

enum authentication {
    AUTHENTICATION_NONE,
    AUTHENTICATION_OPTIONAL,        // when the merchant asks for it
    AUTHENTICATION_ALWAYS,          // on every payment
    AUTHENTICATION_UNLESS_SET_UP,   // until the card was set up for use off-session
    AUTHENTICATION_ON_SESSION_ONLY, // counts as set up from the start
};

enum card_afterwards {
    AFTERWARDS_NOTHING,
    AFTERWARDS_DISPUTE,
    AFTERWARDS_INQUIRY,
    AFTERWARDS_NOT_RECEIVED, // a dispute over goods that did not come
    AFTERWARDS_FRAUD_WARNING,
};

enum card_refund { CARD_REFUND_DONE, CARD_REFUND_PENDING, CARD_REFUND_FAILS };

/* A card of the test mode: "visa" is pm_card_visa, tok_visa and 4242 4242 4242 4242. */
struct test_card {
    const char *name;
    const char *number; // NULL for one that only has a name
    const char *brand;
    const char *funding;
    const char *country;
    const struct decline *decline;
    enum authentication authentication;
    enum card_afterwards afterwards;
    enum card_refund refund;
    bool attaches;          // although it declines
    bool available_at_once; // its money skips the waiting time
    bool cvc_fails;
    bool line1_fails;
    bool postal_code_fails;
    const char *wallet; // that the card is in: "apple_pay", "google_pay"
    const char *risk;   // "elevated", "highest"; NULL is normal
};

extern const struct decline decline_authentication_required;
extern const struct decline decline_authentication_not_handled;
extern const struct decline decline_authentication_failed;

/* By name ("visa"), by id ("pm_card_visa", "tok_visa") or by number without spaces; NULL for one we do not know. */
const struct test_card *card_named(const char *name);
const struct test_card *card_of_id(const char *id);
const struct test_card *card_numbered(const char *number);

/* Whether the digits add up (Luhn). */
bool card_number_is_sound(const char *number);

#endif
