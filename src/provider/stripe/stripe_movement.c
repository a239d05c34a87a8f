#include <string.h>
#include <strings.h>

#include "base/arena.h"
#include "base/ctx.h"
#include "base/id.h"
#include "http/form.h"
#include "provider/stripe/stripe.h"

#define PAGE "50" // with their sources, which are large

/* Stripe's types of balance transactions. What is not here is looked at by its reporting category, or is another. */
static const struct {
    const char *type;
    enum movement_kind kind;
} types[] = {
    { "charge", MOVEMENT_CHARGE },
    { "payment", MOVEMENT_CHARGE },
    { "payment_failure_refund", MOVEMENT_CHARGE }, // a debit that came back: what was taken is less
    { "refund", MOVEMENT_REFUND },
    { "payment_refund", MOVEMENT_REFUND },
    { "refund_failure", MOVEMENT_REFUND_FAILED },
    { "payout", MOVEMENT_PAYOUT },
    { "payout_failure", MOVEMENT_PAYOUT_FAILED },
    { "payout_cancel", MOVEMENT_PAYOUT_FAILED },
    { "stripe_fee", MOVEMENT_FEE },
    { "stripe_fx_fee", MOVEMENT_FEE },
    { "tax_fee", MOVEMENT_FEE },
};

static const struct {
    const char *category;
    enum movement_kind kind;
} categories[] = {
    { "dispute", MOVEMENT_DISPUTE },
    { "dispute_reversal", MOVEMENT_DISPUTE_REVERSED },
    { "fee", MOVEMENT_FEE },
};

static enum movement_kind kind_of(const char *type, const char *category)
{
    for (size_t i = 0; type && i < sizeof(types) / sizeof(types[0]); i++)
        if (strcmp(types[i].type, type) == 0)
            return types[i].kind;
    for (size_t i = 0; category && i < sizeof(categories) / sizeof(categories[0]); i++)
        if (strcmp(categories[i].category, category) == 0)
            return categories[i].kind;
    return MOVEMENT_OTHER;
}

/* The member of the source that holds what moved, where the source is in another currency than the account. */
static const char *amount_member(enum movement_kind kind)
{
    return kind == MOVEMENT_CHARGE ? "amount_captured" : "amount";
}

/* What the source says. Where it says it in the currency that it settled in, the movement itself is exact. */
static bool read_source_amount(const json_t *source, struct movement *out)
{
    const char *currency = json_get_text(source, "currency");
    const char *why;
    struct money said;

    out->source_amount = out->amount;
    if (!currency || strcasecmp(currency, out->amount.currency) == 0)
        return true;
    if (!stripe_signed(json_get_int(source, amount_member(out->kind)), currency, &said, &why))
        return false;
    out->source_amount = said;
    if ((out->amount.minor < 0) != (said.minor < 0))
        out->source_amount.minor = -said.minor;
    return true;
}

static const char *plausible(const char *id)
{
    return id && id_is_plausible(id) ? id : NULL;
}

static const char *own_id(const json_t *source, enum movement_kind kind)
{
    const json_t *metadata = json_object_get(source, "metadata");
    bool is_refund = kind == MOVEMENT_REFUND || kind == MOVEMENT_REFUND_FAILED;

    return plausible(json_get_text(metadata, is_refund ? "refund_id" : "payment_id"));
}

static bool read_movement(const json_t *from, struct movement *out)
{
    json_t *named = json_object_get(from, "source");
    const json_t *source = stripe_object(named);
    const char *currency = json_get_text(from, "currency");
    const char *why;
    struct money fee;

    *out = (struct movement){
        .reference = plausible(json_get_text(from, "id")),
        .kind = kind_of(json_get_text(from, "type"), json_get_text(from, "reporting_category")),
        .source = plausible(stripe_id(named)),
        .payment_reference = plausible(stripe_id(json_object_get(source, "payment_intent"))),
        .created_at = instant_of_unix(json_get_int(from, "created")),
    };
    out->own_id = own_id(source, out->kind);
    out->composed = out->kind == MOVEMENT_PAYOUT && json_get_bool(source, "automatic");
    if (!out->reference || !currency || !stripe_signed(json_get_int(from, "amount"), currency, &out->amount, &why)
        || !stripe_signed(json_get_int(from, "fee"), currency, &fee, &why))
        return false;
    out->fee = fee.minor;
    return read_source_amount(source, out);
}

static void add_filter(struct buf *form, const struct movement_query *query)
{
    if (instant_is_set(query->since))
        form_add(form, "created[gte]", "%jd", (intmax_t)instant_to_unix(query->since));
    if (instant_is_set(query->until))
        form_add(form, "created[lt]", "%jd", (intmax_t)instant_to_unix(query->until));
    if (query->source)
        form_add(form, "source", "%s", query->source);
    if (query->payout)
        form_add(form, "payout", "%s", query->payout);
    if (query->after)
        form_add(form, "starting_after", "%s", query->after);
    form_add(form, "limit", PAGE);
    form_add(form, "expand[0]", "data.source");
}

struct error *stripe_list_movements(struct ctx *ctx, const struct movement_query *query, struct movement **out,
    size_t *count, const char **next)
{
    struct buf form = { .arena = ctx->arena };
    json_t *list, *data;

    add_filter(&form, query);
    TRY(stripe_get(ctx, "/v1/balance_transactions", &form, "list", &list));
    data = json_object_get(list, "data");
    *count = json_array_size(data);
    *out = arena_array(ctx->arena, *count ? *count : 1, sizeof(**out));
    for (size_t i = 0; i < *count; i++) {
        if (!read_movement(json_array_get(data, i), &(*out)[i]))
            return error_cause(ctx, error_new(ctx, E_PROVIDER_ERROR, "Stripe's answer could not be understood"),
                "a balance transaction lacks its id, or its amounts make no sense");
        (*out)[i].payout = query->payout;
    }
    *next = *count && json_get_bool(list, "has_more") ? (*out)[*count - 1].reference : NULL;
    return NULL;
}

/* Adds one list of the balance ("available", "pending") to the sums by currency. */
static bool add_list(const json_t *list, struct money *sums, size_t *count)
{
    size_t i, place;
    json_t *one;
    const char *why;

    json_array_foreach(list, i, one)
    {
        const char *currency = json_get_text(one, "currency");
        struct money money;

        if (!currency || !stripe_signed(json_get_int(one, "amount"), currency, &money, &why))
            return false;
        for (place = 0; place < *count && !money_same_currency(sums[place], money);)
            place++;
        if (place == *count)
            sums[(*count)++] = (struct money){ .minor = 0 };
        money.minor += sums[place].minor;
        sums[place] = money;
    }
    return true;
}

struct error *stripe_balance(struct ctx *ctx, struct money **out, size_t *count)
{
    json_t *balance;

    TRY(stripe_get(ctx, "/v1/balance", NULL, "balance", &balance));
    const json_t *available = json_object_get(balance, "available"), *pending = json_object_get(balance, "pending");
    *out = arena_array(ctx->arena, json_array_size(available) + json_array_size(pending) + 1, sizeof(**out));
    *count = 0;
    if (add_list(available, *out, count) && add_list(pending, *out, count))
        return NULL;
    return error_cause(ctx, error_new(ctx, E_PROVIDER_ERROR, "Stripe's answer could not be understood"),
        "a balance has amounts that make no sense");
}
