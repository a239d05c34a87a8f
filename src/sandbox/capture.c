#include "sandbox/intents.h"

#include "base/arena.h"
#include "base/ctx.h"
#include "base/field.h"
#include "sandbox/charges.h"
#include "sandbox/currency.h"
#include "sandbox/dials.h"
#include "sandbox/disputes.h"
#include "sandbox/events.h"
#include "sandbox/kinds.h"
#include "sandbox/memory.h"
#include "sandbox/methods.h"
#include "sandbox/operations.h"
#include "sandbox/render.h"
#include "sandbox/schedule.h"

const struct param intent_capture_params[] = {
    ANY(amount_details),
    INT(amount_to_capture, .min = 0),
    INT(application_fee_amount),
    BOOL(final_capture),
    ANY(hooks),
    METADATA(),
    ANY(payment_details),
    TEXT(statement_descriptor, .max = 22),
    TEXT(statement_descriptor_suffix, .max = 22),
    ANY(transfer_data),
    PARAMS_END,
};
const struct param intent_increment_params[] = {
    INT(amount, .required = true, .min = 1),
    ANY(amount_details),
    INT(application_fee_amount),
    TEXT(description),
    ANY(hooks),
    METADATA(),
    ANY(payment_details),
    TEXT(statement_descriptor, .max = 22),
    ANY(transfer_data),
    PARAMS_END,
};

#define MOST_CAPTURES 50

static struct record *charge_of(struct call *call, const struct record *record)
{
    return store_get(call->sandbox->store, KIND_CHARGE, json_get_text(record->object, "latest_charge"));
}

struct failure *intent_capture_amount(struct call *call, struct record *record, json_int_t amount, bool final)
{
    json_int_t capturable = json_get_int(record->object, "amount_capturable");
    struct record *charge = charge_of(call, record);

    if (amount > capturable)
        return fail(call, "amount_too_large", "amount_to_capture",
            "The amount_to_capture provided (%lld) is greater than the amount_capturable (%lld) of this PaymentIntent.",
            (long long)amount, (long long)capturable);
    if (!final && !charge_takes_several(charge))
        return fail(call, "capture_unsupported_multicapture", "final_capture",
            "You cannot set final_capture to false: multicapture is not available for this PaymentIntent.");
    if (!amount && (!final || !json_get_int(charge->object, "amount_captured")))
        return fail(call, "parameter_invalid_integer", "amount_to_capture",
            "This value must be greater than or equal to 1.");
    if (json_get_int(charge->hidden, "captures") >= MOST_CAPTURES)
        return fail(call, "payment_intent_invalid_parameter", NULL,
            "This PaymentIntent has been captured the maximum number of times.");

    struct change change = change_begin(charge), whole = change_begin(record);
    charge_capture(call, charge, amount, final);
    set_int(record->object, "amount_received", json_get_int(record->object, "amount_received") + amount);
    set_int(record->object, "amount_capturable", final ? 0 : capturable - amount);
    if (charge_takes_several(charge)) {
        change_event(call, &change, "charge.updated");
        change_event(call, &whole, "payment_intent.amount_capturable_updated");
    }
    change_end(&whole);
    if (final) {
        set_text(record->object, "status", "succeeded");
        change_event(call, &change, "charge.captured");
    }
    change_end(&change);
    if (!final)
        return NULL;
    event_add(call, "payment_intent.succeeded", record);
    charge_afterwards(call, charge,
        card_named(
            json_get_text(store_find(call->sandbox->store, json_get_text(charge->object, "payment_method"))->hidden,
                "card")));
    return NULL;
}

struct failure *intent_capture(struct call *call)
{
    const json_t *asked = json_object_get(call->params, "amount_to_capture");
    const json_t *final = json_object_get(call->params, "final_capture");
    struct record *record;

    PASS(intent_find(call, &record));
    if (!is_text(record->object, "status", "requires_capture")) {
        struct failure *failure = fail(call, "payment_intent_unexpected_state", NULL,
            "This PaymentIntent could not be captured because it has a status of %s. Only a PaymentIntent with one of "
            "the "
            "following statuses may be captured: requires_capture.",
            json_get_text(record->object, "status"));

        failure->payment_intent = record->object;
        return failure;
    }
    if (charge_of(call, record) && is_text(charge_of(call, record)->object, "status", "failed"))
        return intent_wrong_state(call, record, "This PaymentIntent could not be captured");
    PASS(params_apply_metadata(call, record->object));
    PASS(intent_capture_amount(call, record,
        asked ? json_integer_value(asked) : json_get_int(record->object, "amount_capturable"),
        !final || json_is_true(final)));
    params_apply(call, record->object, (const char *const[]){ "statement_descriptor_suffix", NULL });
    store_reindex(call->sandbox->store, record);
    return answer(call, record);
}

/* Test cards cannot be authorized for more than they were. */
struct failure *intent_increment(struct call *call)
{
    struct record *record;

    PASS(intent_find(call, &record));
    if (!is_text(record->object, "status", "requires_capture"))
        return intent_wrong_state(call, record, "This PaymentIntent's authorization could not be incremented");
    return fail(call, "payment_intent_invalid_parameter", NULL,
        "This PaymentIntent is not eligible for incremental authorization.");
}

void intent_expire(struct call *call, const char *id)
{
    struct record *record = store_get(call->sandbox->store, KIND_INTENT, id);

    if (!record || !is_text(record->object, "status", "requires_capture"))
        return;
    if (json_get_int(record->object, "amount_received") > 0)
        (void)intent_capture_amount(call, record, 0, true); // what was captured in part stays
    else
        intent_cancel_for(call, record, "automatic");
}

static void settle_well(struct call *call, struct record *record, struct record *charge, struct record *method)
{
    struct change change = change_begin(charge);

    set_text(charge->object, "status", "succeeded");
    set_bool(charge->object, "paid", 1);
    charge_capture(call, charge, json_get_int(record->object, "amount"), true);
    set_text(record->object, "status", "succeeded");
    set_copy(record->object, "amount_received", record->object, "amount");
    if (!has(method->object, "customer"))
        set_bool(method->hidden, "spent", 1);
    change_event(call, &change, "charge.succeeded");
    change_end(&change);
    event_add(call, "payment_intent.succeeded", record);
    if (json_get_bool(method->hidden, "contested"))
        schedule_add(call->sandbox->schedule, call->now + dials_settle_after(call->sandbox->dials), TASK_CONTEST,
            charge->id);
}

static void settle_badly(struct call *call, struct record *record, struct record *charge, struct record *method)
{
    const struct decline *why = kind_decline(method);
    struct failure *failure = fail_card(call, why->code, NULL, why->message);

    failure->charge = charge->id;
    failure->payment_method = method->object;
    charge_decline(call, charge, why, NULL);
    intent_failed(call, record, failure);
}

void intent_settle(struct call *call, const char *id)
{
    struct record *record = store_get(call->sandbox->store, KIND_INTENT, id);
    struct record *charge = record ? charge_of(call, record) : NULL;
    struct record *method =
        charge ? store_find(call->sandbox->store, json_get_text(charge->object, "payment_method")) : NULL;

    if (!method || !is_text(record->object, "status", "processing"))
        return;
    if (kind_decline(method))
        settle_badly(call, record, charge, method);
    else
        settle_well(call, record, charge, method);
}

/* The payer's bank took a debit back, days after it was paid. */
void intent_contest(struct call *call, const char *id)
{
    struct record *charge = store_get(call->sandbox->store, KIND_CHARGE, id);

    if (charge && !json_get_bool(charge->object, "disputed"))
        dispute_final(call, charge, "debit_not_authorized");
}
