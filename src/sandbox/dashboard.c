#include "sandbox/dashboard.h"

#include "base/ctx.h"
#include "base/field.h"
#include "sandbox/balance.h"
#include "sandbox/billing.h"
#include "sandbox/disputes.h"
#include "sandbox/events.h"
#include "sandbox/intents.h"
#include "sandbox/memory.h"
#include "sandbox/refunds.h"
#include "sandbox/render.h"

#include <string.h>

static struct failure *charge_of(struct call *call, const struct record *intent, struct record **out)
{
    *out = refund_charge_of(call, intent);
    return *out ? NULL : fail(call, NULL, "payment_intent", "This PaymentIntent has no captured charge.");
}

static struct failure *refund(struct call *call, struct record *intent, const json_t *asked, struct record **out)
{
    struct record *charge;

    PASS(charge_of(call, intent, &charge));
    return refund_make(call, charge, json_get_int(asked, "amount"), json_get_text(asked, "reason"),
        json_object_get(asked, "metadata"), out);
}

static struct failure *dispute(struct call *call, struct record *intent, const json_t *asked, struct record **out)
{
    const char *reason = json_get_text(asked, "reason");
    json_int_t amount = json_get_int(asked, "amount");
    struct record *charge;

    PASS(charge_of(call, intent, &charge));
    if (!amount)
        amount = json_get_int(charge->object, "amount_captured");
    if (amount < 0 || amount > json_get_int(charge->object, "amount_captured"))
        return fail(call, "amount_too_large", "amount", "More than was captured cannot be disputed.");
    *out = dispute_open(call, charge, amount, reason ? reason : "fraudulent", json_get_bool(asked, "inquiry"));
    return NULL;
}

static struct failure *dispute_close(struct call *call, struct record *intent, const json_t *asked, struct record **out)
{
    struct records disputes = store_by(call->sandbox->store, KIND_DISPUTE, "payment_intent", intent->id);
    const char *status = json_get_text(asked, "status");

    if (status && strcmp(status, "won") != 0 && strcmp(status, "lost") != 0)
        return fail(call, NULL, "status", "A dispute ends as won or lost.");
    for (size_t i = disputes.count; i-- > 0;) {
        if (!dispute_is_open(disputes.items[i]))
            continue;
        *out = disputes.items[i];
        dispute_end(call, *out, status ? status : "lost");
        return NULL;
    }
    return fail(call, NULL, "payment_intent", "This PaymentIntent has no open dispute.");
}

static struct failure *cancel(struct call *call, struct record *intent, const json_t *asked, struct record **out)
{
    if (is_text(intent->object, "status", "succeeded") || is_text(intent->object, "status", "canceled"))
        return intent_wrong_state(call, intent, "You cannot cancel this PaymentIntent");
    const char *reason = json_get_text(asked, "reason");
    intent_cancel_for(call, intent, reason ? reason : "requested_by_customer");
    *out = intent;
    return NULL;
}

static struct failure *capture(struct call *call, struct record *intent, const json_t *asked, struct record **out)
{
    json_int_t amount = json_get_int(asked, "amount");

    if (!is_text(intent->object, "status", "requires_capture"))
        return intent_wrong_state(call, intent, "This PaymentIntent could not be captured");
    *out = intent;
    return intent_capture_amount(call, intent, amount > 0 ? amount : json_get_int(intent->object, "amount_capturable"),
        !json_is_false(json_object_get(asked, "final")));
}

/* The payer's bank took it back, and nothing can be said against it. */
static struct failure *late_failure(struct call *call, struct record *intent, const json_t *asked, struct record **out)
{
    const char *reason = json_get_text(asked, "reason");
    struct record *charge;

    PASS(charge_of(call, intent, &charge));
    *out = dispute_final(call, charge, reason ? reason : "insufficient_funds");
    return NULL;
}

static struct failure *fund(struct call *call, struct record *intent, const json_t *asked, struct record **out)
{
    *out = intent;
    return intent_fund(call, intent, json_get_int(asked, "amount"));
}

static const struct {
    const char *name;
    struct failure *(*run)(struct call *call, struct record *intent, const json_t *asked, struct record **out);
} actions[] = {
    { "refund", refund },
    { "dispute", dispute },
    { "dispute_close", dispute_close },
    { "cancel", cancel },
    { "capture", capture },
    { "late_failure", late_failure },
    { "fund", fund },
};

/* What is done to the account itself. */

static const char *currency_of(const json_t *asked)
{
    const char *currency = json_get_text(asked, "currency");

    return currency ? currency : "usd";
}

static struct failure *payout(struct call *call, const json_t *asked, struct record **out)
{
    return payout_automatic(call, currency_of(asked), json_get_int(asked, "amount"), out);
}

static struct failure *fail_payout(struct call *call, const json_t *asked, struct record **out)
{
    return payout_fail(call, json_get_text(asked, "payout"), out);
}

/* A card's network knows that it was replaced, and tells whoever keeps it. */
static struct failure *card_update(struct call *call, const json_t *asked, struct record **out)
{
    const char *id = json_get_text(asked, "payment_method");
    struct record *method = store_get(call->sandbox->store, KIND_METHOD, id);
    json_t *card = method ? json_object_get(method->object, "card") : NULL;

    if (!card)
        return fail_missing(call, "payment_method", id ? id : "", "payment_method");
    struct change change = change_begin(method);
    json_object_update_existing(card, json_object_get(asked, "card"));
    change_event(call, &change, "payment_method.automatically_updated");
    change_end(&change);
    *out = method;
    return NULL;
}

/* The owner of a bank account takes back what he allowed. */
static struct failure *mandate_end(struct call *call, const json_t *asked, struct record **out)
{
    const char *id = json_get_text(asked, "mandate");
    struct record *mandate = store_get(call->sandbox->store, KIND_MANDATE, id);

    if (!mandate)
        return fail_missing(call, "mandate", id ? id : "", "mandate");
    struct change change = change_begin(mandate);
    set_text(mandate->object, "status", "inactive");
    change_event(call, &change, "mandate.updated");
    change_end(&change);
    *out = mandate;
    return NULL;
}

/* Money that moves for a reason of Stripe's own: a bill, a correction. */
static struct failure *movement(struct call *call, const json_t *asked, struct record **out)
{
    const char *type = json_get_text(asked, "type"), *category = json_get_text(asked, "reporting_category");
    const char *id = balance_add(call,
        &(struct movement){
            .type = type ? type : "stripe_fee",
            .category = category ? category : "fee",
            .source = json_get_text(asked, "source"),
            .amount = json_get_int(asked, "amount"),
            .fee = json_get_int(asked, "fee"),
            .currency = currency_of(asked),
            .description = json_get_text(asked, "description"),
            .at_once = true,
        });

    *out = store_get(call->sandbox->store, KIND_BALANCE, id);
    return NULL;
}

static const struct {
    const char *name;
    struct failure *(*run)(struct call *call, const json_t *asked, struct record **out);
} account_actions[] = {
    { "payout", payout },
    { "payout_fail", fail_payout },
    { "movement", movement },
    { "card_update", card_update },
    { "mandate_end", mandate_end },
    { "subscription", billing_subscription },
    { "invoice", billing_invoice },
};

struct failure *dashboard_do(struct call *call, const char *action, const json_t *asked, json_t **out)
{
    const char *id = json_get_text(asked, "payment_intent");
    struct record *intent = store_get(call->sandbox->store, KIND_INTENT, id);
    struct record *record = NULL;

    for (size_t i = 0; i < sizeof actions / sizeof *actions; i++) {
        if (strcmp(actions[i].name, action) != 0)
            continue;
        if (!intent)
            return fail_missing(call, "payment_intent", id ? id : "", "payment_intent");
        struct failure *failure = actions[i].run(call, intent, asked, &record);
        if (failure)
            return failure;
        *out = render(call, record->object);
        return NULL;
    }
    for (size_t i = 0; i < sizeof account_actions / sizeof *account_actions; i++) {
        if (strcmp(account_actions[i].name, action) != 0)
            continue;
        PASS(account_actions[i].run(call, asked, &record));
        *out = render(call, record->object);
        return NULL;
    }
    return fail_early(call, 404, NULL, NULL, "The dashboard cannot do this: %.40s", action);
}
