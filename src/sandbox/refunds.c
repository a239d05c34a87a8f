#include "sandbox/refunds.h"

#include "base/arena.h"
#include "base/ctx.h"
#include "base/field.h"
#include "sandbox/balance.h"
#include "sandbox/cards.h"
#include "sandbox/charges.h"
#include "sandbox/currency.h"
#include "sandbox/dials.h"
#include "sandbox/disputes.h"
#include "sandbox/events.h"
#include "sandbox/kinds.h"
#include "sandbox/memory.h"
#include "sandbox/operations.h"
#include "sandbox/render.h"
#include "sandbox/schedule.h"

#include <stdio.h>
#include <string.h>

static const char *const reason_names[] = { "duplicate", "fraudulent", "requested_by_customer", NULL };

const struct param refund_create_params[] = {
    INT(amount, .min = 1),
    TEXT(charge),
    TEXT(currency),
    TEXT(customer),
    TEXT(instructions_email),
    METADATA(),
    TEXT(origin),
    TEXT(payment_intent),
    TEXT(reason, .names = reason_names),
    BOOL(refund_application_fee),
    BOOL(reverse_transfer),
    PARAMS_END,
};
const struct param refund_update_params[] = { METADATA(), PARAMS_END };
const struct param refund_list_params[] = {
    LISTING,
    RANGE(created),
    TEXT(charge),
    TEXT(payment_intent),
    PARAMS_END,
};

static json_t *refund_new(struct call *call, const struct record *charge, json_int_t amount, const char *reason)
{
    json_t *refund = blank("{'id':null,'object':'refund','amount':0,'balance_transaction':null,'charge':null,"
                           "'created':0,'currency':null,'customer':null,'customer_account':null,"
                           "'destination_details':null,'metadata':{},'payment_intent':null,'payment_method':null,"
                           "'reason':null,'receipt_number':null,'source_transfer_reversal':null,'status':null,"
                           "'transfer_reversal':null}");
    static const char *const copied[] = { "currency", "customer", "payment_intent", "payment_method", NULL };
    const char *type = json_get_text(json_object_get(charge->object, "payment_method_details"), "type");

    set_text(refund, "id", id_stripe(call->ctx, "re"));
    set_int(refund, "amount", amount);
    set_int(refund, "created", call->now);
    set_text(refund, "charge", charge->id);
    set_text(refund, "reason", reason);
    for (const char *const *member = copied; *member; member++)
        set_copy(refund, *member, charge->object, *member);
    set_new(refund, "destination_details",
        strcmp(type, "card") == 0
            ? blank(
                "{'card':{'reference_status':'pending','reference_type':'acquirer_reference_number','type':'refund'},"
                "'type':'card'}")
            : json_pack("{s:{}, s:s}", kind_typed(type)->refunded, "type", kind_typed(type)->refunded));
    return refund;
}

/* Of a charge that is captured in parts, what was let go is not counted as given back. */
static json_int_t most_of(const struct record *charge)
{
    return json_get_int(charge->object, charge_takes_several(charge) ? "amount_captured" : "amount");
}

static json_int_t left_of(const struct record *charge)
{
    return most_of(charge) - json_get_int(charge->object, "amount_refunded");
}

static struct failure *check(struct call *call, const struct record *charge, json_int_t amount)
{
    const char *currency = json_get_text(charge->object, "currency");

    if (!json_get_bool(charge->object, "captured") && !json_get_int(charge->object, "amount_captured"))
        return fail(call, "charge_not_refundable", NULL, "Charge %s is not refundable: it has not been captured.",
            charge->id);
    if (json_get_bool(charge->object, "refunded"))
        return fail(call, "charge_already_refunded", NULL, "Charge %s has already been refunded.", charge->id);
    if (json_get_bool(charge->object, "disputed") && dispute_blocks_refunds(call, charge))
        return fail(call, "charge_disputed", NULL, "Charge %s has been charged back; cannot issue a refund.",
            charge->id);
    if (amount > left_of(charge))
        return fail(call, NULL, "amount", "Refund amount (%s) is greater than unrefunded amount on charge (%s)",
            currency_text(call, amount, currency), currency_text(call, left_of(charge), currency));
    return NULL;
}

static const char *move(struct call *call, const struct record *refund, json_int_t amount, const char *type)
{
    return balance_add(call,
        &(struct movement){
            .type = type,
            .category = "refund",
            .source = refund->id,
            .amount = amount,
            .currency = json_get_text(refund->object, "currency"),
            .description = "REFUND FOR CHARGE",
            .at_once = true,
        });
}

static void add_to_charge(struct record *charge, json_int_t amount)
{
    json_int_t refunded = json_get_int(charge->object, "amount_refunded") + amount;

    set_int(charge->object, "amount_refunded", refunded);
    set_bool(charge->object, "refunded", json_get_bool(charge->object, "captured") && refunded == most_of(charge));
}

static enum card_refund fate_of(struct call *call, const struct record *charge)
{
    const struct record *method = store_find(call->sandbox->store, json_get_text(charge->object, "payment_method"));
    const struct test_card *card = method ? card_named(json_get_text(method->hidden, "card")) : NULL;

    if (method && !card)
        return CARD_REFUND_PENDING; // a transfer to a bank account
    return card ? card->refund : CARD_REFUND_DONE;
}

struct failure *refund_make(struct call *call, struct record *charge, json_int_t amount, const char *reason,
    json_t *metadata, struct record **out)
{
    PASS(check(call, charge, amount));
    if (!amount)
        amount = left_of(charge);

    json_t *object = refund_new(call, charge, amount, reason);
    enum card_refund fate = fate_of(call, charge);
    if (metadata)
        set_new(object, "metadata", json_deep_copy(metadata));
    set_text(object, "status", fate == CARD_REFUND_PENDING ? "pending" : "succeeded");
    if (fate == CARD_REFUND_PENDING)
        set_text(object, "pending_reason", "processing");

    struct record *refund = store_add(call->sandbox->store, KIND_REFUND, object);
    struct change change = change_begin(charge);
    set_text(refund->object, "balance_transaction", move(call, refund, -amount, "refund"));
    add_to_charge(charge, amount);
    event_add(call, "refund.created", refund);
    change_event(call, &change, "charge.refunded");
    change_end(&change);
    if (fate != CARD_REFUND_DONE) {
        set_bool(refund->hidden, "fails", fate == CARD_REFUND_FAILS);
        schedule_add(call->sandbox->schedule, call->now + dials_settle_after(call->sandbox->dials), TASK_REFUND,
            refund->id);
    }
    *out = refund;
    return NULL;
}

static void give_up(struct call *call, struct record *refund, const char *status)
{
    struct record *charge = store_find(call->sandbox->store, json_get_text(refund->object, "charge"));
    struct change change = change_begin(refund);
    json_int_t amount = json_get_int(refund->object, "amount");

    set_text(refund->object, "status", status);
    json_object_del(refund->object, "pending_reason");
    set_text(refund->object, "failure_reason",
        strcmp(status, "failed") == 0 ? "expired_or_canceled_card" : "merchant_request");
    set_text(refund->object, "failure_balance_transaction", move(call, refund, amount, "refund_failure"));
    add_to_charge(charge, -amount);
    change_event(call, &change, strcmp(status, "failed") == 0 ? "refund.failed" : "refund.updated");
    change_event(call, &change, "charge.refund.updated");
    change_end(&change);
}

void refund_settle(struct call *call, const char *id)
{
    struct record *refund = store_get(call->sandbox->store, KIND_REFUND, id);

    if (!refund)
        return;
    if (json_get_bool(refund->hidden, "fails")) {
        if (is_text(refund->object, "status", "succeeded"))
            give_up(call, refund, "failed");
        return;
    }
    if (!is_text(refund->object, "status", "pending"))
        return;
    struct change change = change_begin(refund);
    set_text(refund->object, "status", "succeeded");
    json_object_del(refund->object, "pending_reason");
    change_event(call, &change, "refund.updated");
    change_event(call, &change, "charge.refund.updated");
    change_end(&change);
}

struct record *refund_charge_of(struct call *call, const struct record *intent)
{
    struct record *charge =
        store_get(call->sandbox->store, KIND_CHARGE, json_get_text(intent->object, "latest_charge"));

    return charge && json_get_int(charge->object, "amount_captured") > 0 ? charge : NULL;
}

/* Operations */

static struct failure *find_charge(struct call *call, struct record **out)
{
    const char *charge = json_get_text(call->params, "charge");
    const char *intent = json_get_text(call->params, "payment_intent");

    if (!charge && !intent)
        return fail_early(call, 400, "parameter_missing", NULL,
            "One of the following params should be provided for this request: payment_intent or charge.");
    if (charge && intent)
        return fail_early(call, 400, NULL, "charge",
            "You may only specify one of these parameters: charge, payment_intent.");
    if (charge) {
        *out = store_get(call->sandbox->store, KIND_CHARGE, charge);
        return *out ? NULL : fail_missing(call, "charge", charge, "charge");
    }
    const struct record *record = store_get(call->sandbox->store, KIND_INTENT, intent);
    if (!record)
        return fail_missing(call, "payment_intent", intent, "payment_intent");
    *out = refund_charge_of(call, record);
    return *out ? NULL
                : fail(call, NULL, "payment_intent",
                    "This PaymentIntent (%s) does not have a successful charge to refund.", intent);
}

struct failure *refund_create(struct call *call)
{
    json_t *metadata = json_in(call->ctx->arena, json_object());
    struct record *charge, *refund;

    PASS(params_apply_metadata(call, metadata));
    PASS(find_charge(call, &charge));
    PASS(refund_make(call, charge, json_get_int(call->params, "amount"), json_get_text(call->params, "reason"),
        json_object_get(metadata, "metadata"), &refund));
    if (has(call->params, "instructions_email"))
        set_copy(refund->object, "instructions_email", call->params, "instructions_email");
    return answer(call, refund);
}

static struct failure *find(struct call *call, struct record **out)
{
    *out = store_get(call->sandbox->store, KIND_REFUND, call->segments[0]);
    return *out ? NULL : fail_missing(call, "refund", call->segments[0], "id");
}

struct failure *refund_get(struct call *call)
{
    struct record *record;

    PASS(find(call, &record));
    return answer(call, record);
}

struct failure *refund_update(struct call *call)
{
    struct record *record;

    PASS(find(call, &record));
    struct change change = change_begin(record);
    struct failure *failure = params_apply_metadata(call, record->object);
    if (failure) {
        change_undo(&change);
        return failure;
    }
    change_event_if(call, &change, "refund.updated");
    change_event_if(call, &change, "charge.refund.updated");
    change_end(&change);
    return answer(call, record);
}

struct failure *refund_cancel(struct call *call)
{
    struct record *record;

    PASS(find(call, &record));
    if (!is_text(record->object, "status", "requires_action") && !is_text(record->object, "status", "pending"))
        return fail(call, NULL, NULL, "You cannot cancel this refund because it has a status of %s.",
            json_get_text(record->object, "status"));
    give_up(call, record, "canceled");
    return answer(call, record);
}

static bool is_asked(const struct call *call, const struct record *record)
{
    return matches_params(call, record, (const char *const[]){ "charge", "payment_intent", NULL });
}

struct failure *refund_list(struct call *call)
{
    const char *by = json_get_text(call->params, "payment_intent") ? "payment_intent" : "charge";

    return answer_list(call, KIND_REFUND, listed(call, KIND_REFUND, by), is_asked);
}
