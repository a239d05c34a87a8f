#ifndef TILL_SANDBOX_CURRENCY_H
#define TILL_SANDBOX_CURRENCY_H

#include "sandbox/failure.h"

/* Refuses a currency Stripe does not take (any case is fine) and an amount it would not charge in it: too small, too
 * large, or with decimals that a special currency may not have. *code is the currency in lower case. */
struct failure *currency_check(struct call *call, const char *text, json_int_t amount, const char **code);

/* "$12.00" as error messages write amounts: "12.00 usd". */
const char *currency_text(struct call *call, json_int_t amount, const char *code);

/* Stripe's part of a card payment: 2.9 % and thirty of the smallest unit, half rounded up; whole units where there are no others. */
json_int_t currency_fee(json_int_t amount, const char *code);

#endif
