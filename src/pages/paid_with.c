#include "pages/paid_with.h"

#include <string.h>

#include "base/arena.h"
#include "base/ctx.h"
#include "base/field.h"
#include "payments/payment.h"
#include "web/locale.h"

const char *paid_with_name(const json_t *texts, const char *brand)
{
    static const char *const names[][2] = { { "visa", "Visa" }, { "mastercard", "Mastercard" },
        { "amex", "American Express" }, { "discover", "Discover" }, { "diners", "Diners Club" }, { "jcb", "JCB" },
        { "unionpay", "UnionPay" }, { "cartes_bancaires", "Cartes Bancaires" }, { "klarna", "Klarna" },
        { "afterpay_clearpay", "Afterpay" }, { "apple_pay", "Apple Pay" }, { "google_pay", "Google Pay" } };
    static const char *const translated[][2] = { { "sepa_debit", "method_sepa_debit" },
        { "us_bank_account", "method_us_bank_account" }, { "customer_balance", "method_customer_balance" } };

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (strcmp(names[i][0], brand) == 0)
            return names[i][1];
    for (size_t i = 0; i < sizeof(translated) / sizeof(translated[0]); i++)
        if (strcmp(translated[i][0], brand) == 0)
            return json_get_text(texts, translated[i][1]);
    return brand;
}

const char *paid_with(struct ctx *ctx, const json_t *texts, const struct payment *payment)
{
    const char *brand = payment->method_brand ? payment->method_brand : payment->method_type;

    if (!brand || (!payment->method_last4 && strcmp(brand, "card") == 0))
        return NULL;
    const char *name = paid_with_name(texts, brand);
    if (payment->method_wallet)
        name = arena_printf(ctx->arena, "%s, %s", paid_with_name(texts, payment->method_wallet), name);
    if (!payment->method_last4)
        return name;
    return locale_fill(ctx, json_get_text(texts, "receipt_card"),
        json_in(ctx->arena, json_pack("{s:s, s:s}", "brand", name, "last4", payment->method_last4)));
}
