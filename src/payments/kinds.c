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
    return is_among(kind->currencies, query->amount.currency)
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

size_t kinds_open(struct ctx *ctx, const struct provider *provider, const struct kind_query *query,
    const struct method_kind **out, size_t most)
{
    size_t count = 0;

    for (const struct method_kind *kind = provider->capabilities.kinds; kind->type && count < most; kind++)
        if (is_switched_on(ctx->config, kind->type) && takes(kind, query))
            out[count++] = kind;
    return count;
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
