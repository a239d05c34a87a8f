#include <assert.h>
#include <string.h>

#include "base/arena.h"
#include "base/ctx.h"
#include "base/id.h"
#include "http/form.h"
#include "provider/stripe/stripe.h"

#define REFUND "refund"
#define PAGES 50 // of one payment's refunds

/* Stripe's status and what we call it; what is new asks again later. */
static const char *const statuses[][2] = {
    { "pending", "pending" },
    { "requires_action", "pending" },
    { "succeeded", "succeeded" },
    { "failed", "failed" },
    { "canceled", "cancelled" },
};

static const char *status_of(const char *status)
{
    for (size_t i = 0; status && i < sizeof(statuses) / sizeof(statuses[0]); i++)
        if (strcmp(statuses[i][0], status) == 0)
            return statuses[i][1];
    return "pending";
}

struct error *stripe_refund_view(struct ctx *ctx, json_t *refund, struct refund_view *out)
{
    const json_t *metadata = json_object_get(refund, "metadata");
    const char *currency = json_get_text(refund, "currency");
    const char *id = json_get_text(refund, "id");
    const char *why = "it has no id or currency";

    *out = (struct refund_view){
        .reference = id,
        .refund_id = json_get_text(metadata, "refund_id"),
        .status = status_of(json_get_text(refund, "status")),
        .reason = json_get_text(refund, "reason"),
        .created_at = instant_of_unix(json_get_int(refund, "created")),
    };
    if (id && currency && stripe_money(json_get_int(refund, "amount"), currency, &out->amount, &why))
        return NULL;
    return error_cause(ctx, error_new(ctx, E_PROVIDER_ERROR, "Stripe's answer could not be understood"),
        "a refund cannot be read: %s", why);
}

/* Stripe has three reasons of its own; anything else goes beside them. */
static void add_reason(struct ctx *ctx, struct buf *form, const char *reason)
{
    static const char *const known[] = { "duplicate", "fraudulent", "requested_by_customer", NULL };
    bool is_known = reason && name_index(known, reason) >= 0;

    form_add(form, "reason", "%s", is_known ? reason : "requested_by_customer");
    if (reason && *reason && !is_known)
        form_add(form, "metadata[reason]", "%s", stripe_cut(ctx, reason, 500));
}

static struct outcome refund_outcome(struct ctx *ctx, const struct stripe_answer *answer)
{
    struct outcome outcome = stripe_outcome(ctx, answer, REFUND);
    struct error *error;

    if (outcome.kind == OUTCOME_DECLINED) { // there is no payer to decline a refund
        outcome.kind = OUTCOME_REFUSED;
        outcome.code = E_STRIPE_ERROR;
        outcome.detail = "Stripe did not accept the refund";
    }
    if (outcome.kind != OUTCOME_DONE)
        return outcome;
    error = stripe_refund_view(ctx, answer->body, &outcome.refund);
    if (error)
        stripe_not_understood(&outcome, error->cause);
    return outcome;
}

struct outcome stripe_refund(struct ctx *ctx, const struct reversal *reversal)
{
    struct buf form = { .arena = ctx->arena };
    struct stripe_request request = {
        .method = "POST",
        .path = "/v1/refunds",
        .key = reversal->key,
        .form = &form,
        .moves_money = true,
    };
    struct stripe_answer answer;
    const char *why;
    int64_t amount;

    assert(reversal->key && *reversal->key);
    if (!stripe_amount(reversal->amount, &amount, &why))
        return stripe_refused(E_VALIDATION_ERROR, why);
    form_add(&form, "payment_intent", "%s", reversal->reference);
    form_add(&form, "amount", "%jd", (intmax_t)amount);
    add_reason(ctx, &form, reversal->reason);
    form_add(&form, "metadata[refund_id]", "%s", reversal->refund_id);
    stripe_send(ctx, &request, &answer);
    return refund_outcome(ctx, &answer);
}

struct error *stripe_fetch_refund(struct ctx *ctx, const char *reference, struct refund_view *out)
{
    json_t *refund;

    if (!id_is_plausible(reference))
        return error_new(ctx, E_NOT_FOUND, "Stripe does not know this refund");
    TRY(stripe_get(ctx, arena_printf(ctx->arena, "/v1/refunds/%s", reference), NULL, REFUND, &refund));
    return stripe_refund_view(ctx, refund, out);
}

/* All refunds of a payment, as they come. */
struct collection {
    json_t *refunds;
    int64_t released; // Stripe's units that a partial capture let go
};

/* When less is captured than was authorised, Stripe writes the rest down as a refund, though no money moved. */
static bool is_release(const struct collection *collection, const json_t *refund)
{
    const char *reason = json_get_text(refund, "reason");

    if (reason && (strcmp(reason, "partial_capture") == 0 || strcmp(reason, "expired_uncaptured_charge") == 0))
        return true;
    return collection->released > 0 && json_get_int(refund, "amount") == collection->released
        && !json_get_text(json_object_get(refund, "metadata"), "refund_id")
        && !stripe_id(json_object_get(refund, "balance_transaction"));
}

static bool visit_refund(void *to, json_t *refund)
{
    struct collection *collection = to;

    if (is_release(collection, refund))
        collection->released = 0; // there is one
    else
        json_array_append(collection->refunds, refund);
    return true;
}

static bool went_back(const struct refund_view *refund)
{
    return strcmp(refund->status, "succeeded") == 0 || strcmp(refund->status, "pending") == 0;
}

static struct error *read_refunds(struct ctx *ctx, json_t *refunds, struct snapshot *snapshot)
{
    size_t count = json_array_size(refunds);
    json_t *refund;
    size_t i;

    snapshot->refunds = arena_array(ctx->arena, count ? count : 1, sizeof(*snapshot->refunds));
    snapshot->refund_count = count;
    snapshot->refunds_listed = true;
    snapshot->refunded = 0;
    json_array_foreach(refunds, i, refund)
    {
        TRY(stripe_refund_view(ctx, refund, &snapshot->refunds[i]));
        if (went_back(&snapshot->refunds[i]))
            snapshot->refunded += snapshot->refunds[i].amount.minor;
    }
    return NULL;
}

struct error *stripe_list_refunds(struct ctx *ctx, json_t *intent, struct snapshot *snapshot)
{
    const json_t *charge = json_object_get(intent, "latest_charge");
    struct collection collection = {
        .refunds = json_in(ctx->arena, json_array()),
        .released =
            stripe_takes_several(charge) ? 0 : json_get_int(charge, "amount") - json_get_int(charge, "amount_captured"),
    };
    struct buf filter = { .arena = ctx->arena };
    bool complete;

    form_add(&filter, "payment_intent", "%s", snapshot->reference);
    TRY(stripe_each(ctx, "/v1/refunds", buf_string(&filter), PAGES, visit_refund, &collection, &complete));
    if (!complete) {
        struct error *error = error_new(ctx, E_PROVIDER_ERROR, "Stripe's answer could not be understood");

        return error_cause(ctx, error, "%s has more than %d refunds", snapshot->reference, PAGES * 100);
    }
    return read_refunds(ctx, collection.refunds, snapshot);
}
