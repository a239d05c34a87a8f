#ifndef TILL_BASE_MONEY_H
#define TILL_BASE_MONEY_H

#include "base/error.h"

#include <stdbool.h>
#include <stdint.h>

struct arena;

/* Minor units (cents for USD, yen for JPY, fils for KWD) and an ISO 4217 code in upper case. An empty currency is "no
 * amount". */
struct money {
    int64_t minor;
    char currency[4];
};

#define MONEY_MAX_MINOR INT64_C(999999999999)

/* Exponent of a currency we know (JPY 0, USD 2, KWD 3), -1 for one we do not. Case does not matter. */
int currency_exponent(const char *code);

/* All codes we know, ending with NULL, in order. */
const char *const *currency_codes(void);

/* A decimal string ("100.00") in a currency. Too many decimals, a sign, an exponent, spaces, more than MONEY_MAX_MINOR,
 * an unknown currency: false, and *why says it in words for a person. Nothing is rounded. */
bool money_parse(const char *value, const char *currency, struct money *out, const char **why);

/* Minor units and a currency from an integer; false as money_parse(). */
bool money_from_minor(int64_t minor, const char *currency, struct money *out, const char **why);

/* A list of amounts, each in another currency: "500.00 EUR, 60000 JPY". False and *why when it is none. */
bool money_list_check(const char *list, const char **why);

/* The list's amount in a currency; false when it has none. */
bool money_list_find(const char *list, const char *currency, struct money *out);

/* "100.00", with as many decimals as the currency has. */
const char *money_value(struct arena *arena, struct money money);

/* "$100.00", "100,00 €" as a reader of `locale` ("en", "de") writes it. */
const char *money_text(struct arena *arena, struct money money, const char *locale);

bool money_same_currency(struct money a, struct money b);

/* Sum of two amounts; E_VALIDATION_ERROR for mixed currencies or overflow. */
MUST_CHECK struct error *money_add(struct ctx *ctx, struct money a, struct money b, struct money *out);

#endif
