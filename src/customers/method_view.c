#include "customers/method_view.h"

#include "base/arena.h"
#include "base/ctx.h"

static const struct field card_shown[] = {
    FIELD(struct method_card, brand),
    FIELD(struct method_card, last4),
    FIELD(struct method_card, exp_month),
    FIELD(struct method_card, exp_year),
    FIELD(struct method_card, expired),
    FIELD(struct method_card, country),
    FIELD(struct method_card, funding),
    FIELD(struct method_card, wallet),
    FIELD_END,
};

static const struct field failure_shown[] = {
    FIELD(struct method_failure, code, .summary = "Why, in Till's words"),
    FIELD(struct method_failure, decline_code, .summary = "Why, in the provider's words; not for payers"),
    FIELD(struct method_failure, message, .summary = "A sentence for the payer"),
    FIELD_END,
};

static const struct field action_shown[] = {
    FIELD(struct method_action, type),
    FIELD(struct method_action, url, .summary = "Where the payer must go"),
    FIELD_END,
};

const struct field method_shown[] = {
    FIELD(struct method_shown, id),
    FIELD(struct method_shown, customer_id),
    FIELD(struct method_shown, status, .names = method_status_names),
    FIELD(struct method_shown, type, .summary = "card, sepa_debit, us_bank_account, …"),
    FIELD_STRUCT(struct method_shown, card, struct method_card, card_shown,
        .summary = "What a person knows it by; of a bank account the last digits alone"),
    FIELD(struct method_shown, is_default, .summary = "Used where none is named"),
    FIELD(struct method_shown, mandate, .summary = "The payer's permission to debit, as the provider names it"),
    FIELD(struct method_shown, provider),
    FIELD(struct method_shown, provider_payment_method_id),
    FIELD(struct method_shown, metadata, .object = true),
    FIELD_STRUCT(struct method_shown, failure, struct method_failure, failure_shown),
    FIELD_STRUCT(struct method_shown, next_action, struct method_action, action_shown),
    FIELD(struct method_shown, client_secret, .omit_empty = true, .secret = true,
        .summary = "For the payer's browser, while the method is not kept yet"),
    FIELD(struct method_shown, livemode),
    FIELD(struct method_shown, remembered_until,
        .summary = "Until then it is used where none is named and there is no default"),
    FIELD(struct method_shown, created_at),
    FIELD(struct method_shown, updated_at),
    FIELD_END,
};

static struct method_card *card_of(struct ctx *ctx, const struct method *method)
{
    struct method_card *card;

    if (!method->last4)
        return NULL;
    card = arena_alloc(ctx->arena, sizeof *card);
    *card = (struct method_card){ method->brand, method->last4, method->country, method->funding, method->wallet,
        method->exp_month, method->exp_year, method_is_expired(ctx, method) };
    return card;
}

static struct method_failure *failure_of(struct ctx *ctx, const struct method *method)
{
    struct method_failure *failure;

    if (!method->failure_class)
        return NULL;
    failure = arena_alloc(ctx->arena, sizeof *failure);
    *failure = (struct method_failure){ method->failure_class, method->failure_message, method->failure_code };
    return failure;
}

static struct method_action *action_of(struct ctx *ctx, const struct method *method)
{
    struct method_action *action;

    if (method->status != METHOD_REQUIRES_ACTION || !method->next_action)
        return NULL;
    action = arena_alloc(ctx->arena, sizeof *action);
    *action = (struct method_action){ method->next_action, method->next_action_url };
    return action;
}

struct error *method_show(struct ctx *ctx, const struct method *method, bool with_secret, struct method_shown *out)
{
    *out = (struct method_shown){
        .id = method->id,
        .customer_id = method->customer_id,
        .status = method->status,
        .type = method->type,
        .card = card_of(ctx, method),
        .is_default = method->is_default,
        .mandate = method->mandate,
        .provider = method->provider,
        .provider_payment_method_id = method->provider_method_id,
        .metadata = method->metadata,
        .failure = failure_of(ctx, method),
        .next_action = action_of(ctx, method),
        .livemode = method->mode == MODE_LIVE,
        .remembered_until = method->remembered_until,
        .created_at = method->created_at,
        .updated_at = method->updated_at,
    };
    return with_secret ? method_client_secret(ctx, method, &out->client_secret) : NULL;
}

struct error *method_json(struct ctx *ctx, const struct method *method, json_t **out)
{
    struct method_shown shown;

    TRY(method_show(ctx, method, false, &shown));
    *out = field_write(ctx, method_shown, &shown);
    return NULL;
}
