#include "payments/kinds.h"

#include <string.h>
#include <strings.h>

#include "base/arena.h"
#include "base/config.h"
#include "base/ctx.h"

#define AT_MOST 20

static bool is_switched_on(const struct config *config, const char *type)
{
    const struct {
        const char *type;
        bool on;
    } switches[] = {
        { "card", true },
        { "apple_pay", config->apple_pay_enabled },
        { "google_pay", config->google_pay_enabled },
        { "sepa_debit", config->sepa_enabled },
        { "us_bank_account", config->ach_enabled },
        { "klarna", config->klarna_enabled },
        { "afterpay_clearpay", config->afterpay_enabled },
        { "customer_balance", config->bank_transfer_enabled },
    };

    for (size_t i = 0; i < sizeof switches / sizeof *switches; i++)
        if (!strcmp(switches[i].type, type))
            return switches[i].on;
    return false;
}

/* Whether `word` is among words that are parted by spaces; NULL are all. */
static bool is_among(const char *words, const char *word)
{
    size_t length = strlen(word);

    for (const char *at = words; at && *at; at += strcspn(at, " "), at += strspn(at, " "))
        if (strcspn(at, " ") == length && !strncasecmp(at, word, length))
            return true;
    return !words;
}

static bool takes(const struct method_kind *kind, const struct kind_query *query)
{
    return (!query->type || !strcmp(query->type, kind->type)) && is_among(kind->currencies, query->amount.currency)
        && (!query->country || is_among(kind->countries, query->country))
        && (!kind->most || query->amount.minor <= kind->most)
        && (!query->amount.minor || query->amount.minor >= kind->least) && (query->capture || kind->captured_later)
        && (query->customer || !kind->customer) && (!query->kept || kind->kept);
}

const struct method_kind *kind_typed(const struct provider *provider, const char *type)
{
    const struct method_kind *kind = provider->capabilities.kinds;

    while (kind->type && (!type || strcmp(kind->type, type) != 0))
        kind++;
    return kind->type ? kind : NULL;
}

bool kind_said(struct ctx *ctx, const char *word, const char **type)
{
    static const struct {
        const char *word, *type;
        bool wallet;
    } words[] = {
        { .word = "stripe" },
        { .word = "card", .type = "card" },
        { .word = "credit_card", .type = "card" },
        { .word = "debit_card", .type = "card" },
        { .word = "apple_pay", .type = "card", .wallet = true },
        { .word = "google_pay", .type = "card", .wallet = true },
        { .word = "sepa_debit", .type = "sepa_debit" },
        { .word = "ach_debit", .type = "us_bank_account" },
        { .word = "us_bank_account", .type = "us_bank_account" },
        { .word = "klarna", .type = "klarna" },
        { .word = "afterpay", .type = "afterpay_clearpay" },
        { .word = "afterpay_clearpay", .type = "afterpay_clearpay" },
        { .word = "bank_transfer", .type = "customer_balance" },
        { .word = "customer_balance", .type = "customer_balance" },
    };

    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        if (strcasecmp(words[i].word, word) != 0)
            continue;
        *type = words[i].type;
        return !words[i].wallet || is_switched_on(ctx->config, words[i].word);
    }
    return false;
}

size_t kinds_open(struct ctx *ctx, const struct provider *provider, const struct kind_query *query,
    const struct method_kind **out, size_t most)
{
    size_t count = 0;

    for (const struct method_kind *kind = provider->capabilities.kinds; kind->type && count < most; kind++)
        if (is_switched_on(ctx->config, kind->type) && takes(kind, query))
            out[count++] = kind;
    return count;
}

json_t *kind_wallets(struct ctx *ctx, const struct method_kind *kind)
{
    json_t *list = json_in(ctx->arena, json_array());

    for (const char *at = kind->wallets; at && *at; at += strcspn(at, " "), at += strspn(at, " ")) {
        const char *wallet = arena_strndup(ctx->arena, at, strcspn(at, " "));
        if (is_switched_on(ctx->config, wallet))
            json_array_append_new(list, json_string(wallet));
    }
    return list;
}

const char *const *kinds_types(struct ctx *ctx, const struct provider *provider, const struct kind_query *query)
{
    const struct method_kind *open[AT_MOST];
    size_t count = kinds_open(ctx, provider, query, open, AT_MOST);
    const char **types = arena_array(ctx->arena, count + 1, sizeof *types);

    for (size_t i = 0; i < count; i++)
        types[i] = open[i]->type;
    types[count] = NULL;
    return types;
}
