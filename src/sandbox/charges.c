#include "sandbox/charges.h"

#include "base/arena.h"
#include "base/ctx.h"
#include "base/field.h"
#include "sandbox/balance.h"
#include "sandbox/currency.h"
#include "sandbox/disputes.h"
#include "sandbox/events.h"
#include "sandbox/kinds.h"
#include "sandbox/memory.h"
#include "sandbox/operations.h"
#include "sandbox/params.h"
#include "sandbox/render.h"
#include "sandbox/search.h"

#include <stdio.h>
#include <string.h>

const struct param charge_list_params[] = {
    LISTING,
    RANGE(created),
    TEXT(customer),
    TEXT(payment_intent),
    TEXT(transfer_group),
    PARAMS_END,
};
const struct param charge_update_params[] = {
    TEXT(customer),
    TEXT(description, .clears = true),
    ANY(fraud_details),
    METADATA(),
    TEXT(receipt_email, .clears = true),
    OBJECT(shipping, params_shipping),
    TEXT(transfer_group),
    PARAMS_END,
};

static const char descriptor[] = "TILL SANDBOX";

/* Building */

/* Stripe offers it for online payments with these networks, to those who asked for it. */
static bool offers_several(const struct record *intent, const json_t *card)
{
    static const char *const brands[] = { "visa", "mastercard", "amex", "discover", NULL };
    const json_t *options = json_object_get(json_object_get(intent->object, "payment_method_options"), "card");
    const char *brand = json_get_text(card, "brand");

    return is_text(intent->object, "capture_method", "manual") && brand && name_index(brands, brand) >= 0
        && is_text(options, "request_multicapture", "if_available");
}

bool charge_takes_several(const struct record *charge)
{
    const json_t *card = json_object_get(json_object_get(charge->object, "payment_method_details"), "card");

    return is_text(json_object_get(card, "multicapture"), "status", "available");
}

static json_t *card_details(struct call *call, const struct record *intent, const struct record *method)
{
    json_t *card = json_object_get(method->object, "card");
    json_t *details = blank("{'amount_authorized':null,'authorization_code':null,'brand':null,'checks':null,"
                            "'country':null,'electronic_commerce_indicator':null,'exp_month':0,'exp_year':0,"
                            "'extended_authorization':{'status':'disabled'},'fingerprint':null,'funding':null,"
                            "'incremental_authorization':{'status':'unavailable'},'installments':null,'last4':null,"
                            "'mandate':null,'multicapture':{'status':'unavailable'},'network':null,"
                            "'network_token':{'used':false},'network_transaction_id':null,"
                            "'overcapture':{'maximum_amount_capturable':0,'status':'unavailable'},"
                            "'regulated_status':'unregulated','three_d_secure':null,'transaction_link_id':null,"
                            "'wallet':null}");
    static const char *const copied[] = { "brand", "checks", "country", "exp_month", "exp_year", "fingerprint",
        "funding", "last4", "wallet", NULL };

    for (const char *const *member = copied; *member; member++)
        set_copy(details, *member, card, *member);
    set_copy(details, "network", card, "brand");
    set_copy(details, "amount_authorized", intent->object, "amount");
    set_int(json_object_get(details, "overcapture"), "maximum_amount_capturable",
        json_get_int(intent->object, "amount"));
    if (offers_several(intent, card))
        set_text(json_object_get(details, "multicapture"), "status", "available");
    set_text(details, "network_transaction_id", arena_printf(call->ctx->arena, "%.15s", id_stripe(call->ctx, "n") + 2));
    if (json_get_bool(intent->hidden, "authenticated"))
        set_new(details, "three_d_secure",
            blank(
                "{'authentication_flow':'challenge','electronic_commerce_indicator':'05','exemption_indicator':null,"
                "'result':'authenticated','result_reason':null,'transaction_id':'4d6b8f3e-7f0a-4c5e-9d2b-3a1c5e7f9b0d',"
                "'version':'2.2.0'}"));
    return details;
}

static json_t *method_details(struct call *call, const struct record *intent, const struct record *method)
{
    const char *type = json_get_text(method->object, "type");
    json_t *details = made(json_pack("{s:s}", "type", type));

    set_new(details, type,
        strcmp(type, "card") == 0 ? card_details(call, intent, method) : kind_charge_details(intent, method));
    return details;
}

static const char *statement(struct call *call, const json_t *intent)
{
    const char *suffix = json_get_text(intent, "statement_descriptor_suffix");
    const char *own = json_get_text(intent, "statement_descriptor");

    if (suffix)
        return arena_printf(call->ctx->arena, "%.10s* %.10s", descriptor, suffix);
    return own ? own : descriptor;
}

struct record *charge_new(struct call *call, const struct record *intent, const struct record *method)
{
    json_t *charge =
        blank("{'id':null,'object':'charge','amount':0,'amount_captured':0,'amount_refunded':0,"
              "'application':null,'application_fee':null,'application_fee_amount':null,"
              "'balance_transaction':null,'billing_details':null,'calculated_statement_descriptor':null,"
              "'captured':false,'created':0,'currency':null,'customer':null,'description':null,"
              "'destination':null,'dispute':null,'disputed':false,'failure_balance_transaction':null,"
              "'failure_code':null,'failure_message':null,'fraud_details':{},'invoice':null,"
              "'livemode':false,'metadata':{},'on_behalf_of':null,'order':null,'outcome':null,'paid':false,"
              "'payment_intent':null,'payment_method':null,'payment_method_details':null,'radar_options':{},"
              "'receipt_email':null,'receipt_number':null,'receipt_url':null,'refunded':false,"
              "'review':null,'shipping':null,'source':null,'source_transfer':null,"
              "'statement_descriptor':null,'statement_descriptor_suffix':null,'status':'pending',"
              "'transfer_data':null,'transfer_group':null}");
    static const char *const copied[] = { "amount", "application_fee_amount", "currency", "customer", "description",
        "metadata", "on_behalf_of", "receipt_email", "shipping", "statement_descriptor", "statement_descriptor_suffix",
        "transfer_group", NULL };
    const char *id = id_stripe(call->ctx, is_text(method->object, "type", "card") ? "ch" : "py");

    set_text(charge, "id", id);
    set_int(charge, "created", call->now);
    for (const char *const *member = copied; *member; member++)
        set_copy(charge, *member, intent->object, *member);
    set_text(charge, "payment_intent", intent->id);
    set_text(charge, "payment_method", method->id);
    set_copy(charge, "billing_details", method->object, "billing_details");
    set_text(charge, "calculated_statement_descriptor", statement(call, intent->object));
    set_new(charge, "payment_method_details", method_details(call, intent, method));
    return store_add(call->sandbox->store, KIND_CHARGE, charge);
}

static json_t *outcome_new(const char *type, const char *network_status, const char *risk, const char *message)
{
    json_t *outcome = blank("{'advice_code':null,'network_advice_code':null,'network_decline_code':null,"
                            "'network_status':null,'reason':null,'risk_level':'normal','risk_score':32,"
                            "'seller_message':null,'type':null}");

    set_text(outcome, "type", type);
    set_text(outcome, "network_status", network_status);
    set_text(outcome, "seller_message", message);
    if (risk) {
        set_text(outcome, "risk_level", risk);
        set_int(outcome, "risk_score", strcmp(risk, "highest") == 0 ? 92 : 70);
    }
    return outcome;
}

static json_t *details_of(const struct record *charge)
{
    json_t *details = json_object_get(charge->object, "payment_method_details");

    return json_object_get(details, json_get_text(details, "type"));
}

static void set_receipt(struct call *call, struct record *charge)
{
    set_text(charge->object, "receipt_url",
        arena_printf(call->ctx->arena, "%s/sandbox/receipts/%s", call->sandbox->settings.url, charge->id));
}

/* How it ends */

void charge_authorize(struct call *call, struct record *charge, const struct test_card *card, int64_t capture_before)
{
    json_t *details = details_of(charge);
    json_t *checks = json_object_get(details, "checks");

    set_text(charge->object, "status", "succeeded");
    set_bool(charge->object, "paid", 1);
    set_new(charge->object, "outcome",
        outcome_new("authorized", "approved_by_network", card ? card->risk : NULL, "Payment complete."));
    if (card)
        set_text(details, "authorization_code", arena_printf(call->ctx->arena, "%.6s", id_stripe(call->ctx, "n") + 2));
    if (card && has(checks, "cvc_check"))
        set_text(checks, "cvc_check", card->cvc_fails ? "fail" : "pass");
    if (card && checks && card->line1_fails)
        set_text(checks, "address_line1_check", "fail");
    if (card && checks && card->postal_code_fails)
        set_text(checks, "address_postal_code_check", "fail");
    if (capture_before)
        set_int(details, "capture_before", capture_before);
    set_receipt(call, charge);
}

void charge_decline(struct call *call, struct record *charge, const struct decline *decline, const char *risk)
{
    bool blocked = risk && strcmp(risk, "highest") == 0;
    json_t *checks = json_object_get(details_of(charge), "checks");
    json_t *outcome = outcome_new(blocked ? "blocked" : "issuer_declined",
        blocked ? "not_sent_to_network" : "declined_by_network", risk,
        blocked ? "Stripe blocked this payment as too risky."
                : "The bank did not return any further details with this decline.");

    set_text(outcome, "reason", decline->decline_code ? decline->decline_code : decline->code);
    set_text(outcome, "advice_code", decline->advice_code);
    set_text(outcome, "network_decline_code", decline->network_decline_code);
    set_new(charge->object, "outcome", outcome);
    if (!blocked && has(checks, "cvc_check")) // the bank has looked at it
        set_text(checks, "cvc_check", strcmp(decline->code, "incorrect_cvc") == 0 ? "fail" : "pass");
    set_text(charge->object, "status", "failed");
    set_text(charge->object, "failure_code", decline->code);
    set_text(charge->object, "failure_message", decline->message);
    event_add(call, "charge.failed", charge);
}

void charge_await(struct call *call, struct record *charge)
{
    set_new(charge->object, "outcome", outcome_new("authorized", "approved_by_network", NULL, "Payment complete."));
    set_receipt(call, charge);
    event_add(call, "charge.pending", charge);
}

void charge_capture(struct call *call, struct record *charge, json_int_t amount, bool final)
{
    json_int_t total = json_get_int(charge->object, "amount");
    json_int_t captured = json_get_int(charge->object, "amount_captured") + amount;

    if (final)
        set_bool(charge->object, "captured", 1);
    if (!amount)
        return; // only lets the rest go
    const char *movement = balance_add(call,
        &(struct movement){
            .type = strncmp(charge->id, "py_", 3) == 0 ? "payment" : "charge",
            .category = "charge",
            .source = charge->id,
            .amount = amount,
            .fee = currency_fee(amount, json_get_text(charge->object, "currency")),
            .currency = json_get_text(charge->object, "currency"),
            .description = json_get_text(charge->object, "description"),
            .at_once = json_get_bool(charge->hidden, "at_once"),
        });

    set_int(charge->object, "amount_captured", captured);
    if (!has(charge->object, "balance_transaction")) // it names that of the first capture
        set_text(charge->object, "balance_transaction", movement);
    set_int(charge->hidden, "captures", json_get_int(charge->hidden, "captures") + 1);
    if (final && captured < total && !charge_takes_several(charge)) // Stripe counts what was let go as given back
        set_int(charge->object, "amount_refunded", total - captured);
}

void charge_release(struct call *call, struct record *charge, bool expired)
{
    struct change change = change_begin(charge);

    if (json_get_int(charge->object, "amount_captured") > 0) { // only the rest is let go
        set_bool(charge->object, "captured", 1);
        change_event(call, &change, "charge.captured");
        change_end(&change);
        return;
    }
    set_bool(charge->object, "refunded", 1);
    set_copy(charge->object, "amount_refunded", charge->object, "amount");
    change_event(call, &change, expired ? "charge.expired" : "charge.refunded");
    change_end(&change);
}

void charge_afterwards(struct call *call, struct record *charge, const struct test_card *card)
{
    switch (card ? card->afterwards : AFTERWARDS_NOTHING) {
    case AFTERWARDS_NOTHING:
    case AFTERWARDS_FRAUD_WARNING:
        break;
    case AFTERWARDS_DISPUTE:
        dispute_open(call, charge, json_get_int(charge->object, "amount_captured"), "fraudulent", false);
        break;
    case AFTERWARDS_INQUIRY:
        dispute_open(call, charge, json_get_int(charge->object, "amount_captured"), "fraudulent", true);
        break;
    case AFTERWARDS_NOT_RECEIVED:
        dispute_open(call, charge, json_get_int(charge->object, "amount_captured"), "product_not_received", false);
        break;
    }
}

/* Operations */

static struct failure *find(struct call *call, struct record **out)
{
    *out = store_get(call->sandbox->store, KIND_CHARGE, call->segments[0]);
    return *out ? NULL : fail_missing(call, "charge", call->segments[0], "id");
}

struct failure *charge_get(struct call *call)
{
    struct record *record;

    PASS(find(call, &record));
    return answer(call, record);
}

struct failure *charge_update(struct call *call)
{
    static const char *const members[] = { "description", "receipt_email", "shipping", "transfer_group",
        "fraud_details", NULL };
    struct record *record;

    PASS(find(call, &record));
    struct change change = change_begin(record);
    struct failure *failure = params_apply_metadata(call, record->object);
    if (failure) {
        change_undo(&change);
        return failure;
    }
    params_apply(call, record->object, members);
    store_reindex(call->sandbox->store, record);
    change_event_if(call, &change, "charge.updated");
    change_end(&change);
    return answer(call, record);
}

static bool is_asked(const struct call *call, const struct record *record)
{
    return matches_params(call, record, (const char *const[]){ "payment_intent", "customer", "transfer_group", NULL });
}

struct failure *charge_list(struct call *call)
{
    const char *by = json_get_text(call->params, "payment_intent") ? "payment_intent" : "customer";

    return answer_list(call, KIND_CHARGE, listed(call, KIND_CHARGE, by), is_asked);
}

struct failure *charge_search(struct call *call)
{
    return answer_search(call, KIND_CHARGE);
}
