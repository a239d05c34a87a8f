#include "payments/kinds_api.h"

#include <string.h>

#include "base/arena.h"
#include "base/ctx.h"
#include "http/breaker.h"
#include "payments/kinds.h"
#include "web/reply.h"
#include "web/request.h"

#define AT_MOST 20

struct query {
    const char *currency, *amount, *country;
    bool capture, customer;
};

static const char *check_currency(struct ctx *ctx, const char *text)
{
    (void)ctx;
    return currency_exponent(text) < 0 ? "is not a currency" : NULL;
}

static const char *check_country(struct ctx *ctx, const char *text)
{
    (void)ctx;
    return strlen(text) == 2 && strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz") == 2
        ? NULL
        : "must be the two letters of a country, such as DE";
}

const struct field kinds_query[] = {
    FIELD(struct query, currency, .check = check_currency),
    FIELD(struct query, amount, .optional = true, .max = 40, .summary = "A decimal text; without it, of any amount"),
    FIELD(struct query, country, .optional = true, .max = 2, .check = check_country, .summary = "Of the payer"),
    FIELD(struct query, capture, .optional = true,
        .summary = "false: those that can be captured later. true by default"),
    FIELD(struct query, customer, .optional = true,
        .summary = "false: those of a payment without a customer. true by default"),
    FIELD_END,
};

struct kind_view {
    const char *type, *name, *provider;
    json_t *wallets;
    bool delayed, needs_mandate, needs_customer, can_be_kept, can_be_captured_later, redirects, contested_late;
    int refund_days;
};

const struct field kinds_shown[] = {
    FIELD(struct kind_view, type),
    FIELD(struct kind_view, name),
    FIELD(struct kind_view, provider),
    FIELD(struct kind_view, wallets, .summary = "That it comes in as well, where the payer's device has one"),
    FIELD(struct kind_view, delayed, .summary = "Days pass in processing until it is known whether the money comes"),
    FIELD(struct kind_view, needs_mandate, .summary = "The payer allows to be debited"),
    FIELD(struct kind_view, needs_customer, .summary = "Only of a payment that has a customer"),
    FIELD(struct kind_view, can_be_kept),
    FIELD(struct kind_view, can_be_captured_later),
    FIELD(struct kind_view, redirects, .summary = "The payer agrees on another page and comes back"),
    FIELD(struct kind_view, contested_late,
        .summary = "The payer's bank can take it back after it has succeeded; it then is a dispute"),
    FIELD(struct kind_view, refund_days, .summary = "Until when it can be refunded; 0 is always"),
    FIELD_END,
};

static struct kind_view view(struct ctx *ctx, const struct provider *provider, const struct method_kind *kind)
{
    return (struct kind_view){
        .type = kind->type,
        .name = kind->name,
        .provider = provider->name,
        .wallets = kind_wallets(ctx, kind),
        .delayed = kind->delayed,
        .needs_mandate = kind->mandate,
        .needs_customer = kind->customer,
        .redirects = kind->redirects,
        .can_be_kept = kind->kept,
        .can_be_captured_later = kind->captured_later,
        .contested_late = kind->contested_late,
        .refund_days = kind->refund_days,
    };
}

static struct error *read_amount(struct ctx *ctx, const struct query *query, struct money *out)
{
    struct error *error = NULL;
    const char *why;

    if (money_parse(query->amount ? query->amount : "0", query->currency, out, &why))
        return NULL;
    error_add_field(ctx, &error, "query:amount", "%s", why);
    return error;
}

/* A provider that is down, or does not take the amount, offers nothing. */
static bool is_possible(struct ctx *ctx, const struct provider *provider, struct money amount)
{
    const char *why;

    if (breaker_state(ctx, provider->name) == BREAKER_OPEN)
        return false;
    return !amount.minor || provider->capabilities.currency(amount.currency, amount.minor, &why);
}

struct error *kinds_api_list(struct request *r)
{
    struct query query = { .capture = true, .customer = true };
    struct kind_query asked = { 0 };
    struct field_list views = { arena_array(r->ctx->arena, AT_MOST, sizeof(struct kind_view)), 0 };

    TRY(request_query_fields(r, kinds_query, &query));
    TRY(read_amount(r->ctx, &query, &asked.amount));
    asked.country = query.country;
    asked.capture = query.capture;
    asked.customer = query.customer;
    for (const struct provider *const *place = provider_list(); *place; place++) {
        const struct method_kind *open[AT_MOST];
        size_t count = is_possible(r->ctx, *place, asked.amount)
            ? kinds_open(r->ctx, *place, &asked, open, AT_MOST - views.count)
            : 0;
        for (size_t i = 0; i < count; i++)
            ((struct kind_view *)views.items)[views.count++] = view(r->ctx, *place, open[i]);
    }
    return reply_list(r, kinds_shown, sizeof(struct kind_view), &views, NULL);
}
