#include "sandbox/disputes.h"

#include "base/arena.h"
#include "base/ctx.h"
#include "base/field.h"
#include "sandbox/balance.h"
#include "sandbox/events.h"
#include "sandbox/memory.h"
#include "sandbox/operations.h"
#include "sandbox/params.h"
#include "sandbox/render.h"

#include <string.h>

enum { ANSWER_SECONDS = 7 * 86400, DISPUTE_FEE = 1500 };

static const struct param evidence_fields[] = {
    TEXT(access_activity_log, .clears = true),
    TEXT(billing_address, .clears = true),
    TEXT(cancellation_policy, .clears = true),
    TEXT(cancellation_policy_disclosure, .clears = true),
    TEXT(cancellation_rebuttal, .clears = true),
    TEXT(customer_communication, .clears = true),
    TEXT(customer_email_address, .clears = true),
    TEXT(customer_name, .clears = true),
    TEXT(customer_purchase_ip, .clears = true),
    TEXT(customer_signature, .clears = true),
    TEXT(duplicate_charge_documentation, .clears = true),
    TEXT(duplicate_charge_explanation, .clears = true),
    TEXT(duplicate_charge_id, .clears = true),
    ANY(enhanced_evidence),
    TEXT(product_description, .clears = true),
    TEXT(receipt, .clears = true),
    TEXT(refund_policy, .clears = true),
    TEXT(refund_policy_disclosure, .clears = true),
    TEXT(refund_refusal_explanation, .clears = true),
    TEXT(service_date, .clears = true),
    TEXT(service_documentation, .clears = true),
    TEXT(shipping_address, .clears = true),
    TEXT(shipping_carrier, .clears = true),
    TEXT(shipping_date, .clears = true),
    TEXT(shipping_documentation, .clears = true),
    TEXT(shipping_tracking_number, .clears = true),
    TEXT(uncategorized_file, .clears = true),
    TEXT(uncategorized_text, .max = 20000, .clears = true),
    ANY(appeal),
    PARAMS_END,
};

const struct param dispute_update_params[] = {
    OBJECT(evidence, evidence_fields),
    METADATA(),
    BOOL(submit),
    ANY(intended_submission_method),
    PARAMS_END,
};
const struct param dispute_list_params[] = {
    LISTING,
    RANGE(created),
    TEXT(charge),
    TEXT(payment_intent),
    PARAMS_END,
};

static json_t *dispute_new(struct call *call, const struct record *charge, json_int_t amount, const char *reason)
{
    json_t *dispute =
        blank("{'id':null,'object':'dispute','amount':0,'balance_transactions':[],'charge':null,'created':0,"
              "'currency':null,'enhanced_eligibility_types':[],'evidence':{'access_activity_log':null,"
              "'billing_address':null,'cancellation_policy':null,'cancellation_policy_disclosure':null,"
              "'cancellation_rebuttal':null,'customer_communication':null,'customer_email_address':null,"
              "'customer_name':null,'customer_purchase_ip':null,'customer_signature':null,"
              "'duplicate_charge_documentation':null,'duplicate_charge_explanation':null,"
              "'duplicate_charge_id':null,'enhanced_evidence':{},'product_description':null,'receipt':null,"
              "'refund_policy':null,'refund_policy_disclosure':null,'refund_refusal_explanation':null,"
              "'service_date':null,'service_documentation':null,'shipping_address':null,"
              "'shipping_carrier':null,'shipping_date':null,'shipping_documentation':null,"
              "'shipping_tracking_number':null,'uncategorized_file':null,'uncategorized_text':null},"
              "'evidence_details':{'due_by':0,'enhanced_eligibility':{},'has_evidence':false,"
              "'past_due':false,'submission_count':0,'submission_method':'manual'},"
              "'intended_submission_method':null,'is_charge_refundable':false,'livemode':false,"
              "'metadata':{},'payment_intent':null,'payment_method_details':{'card':{'brand':null,"
              "'case_type':'chargeback','network':null,'network_reason_code':'10.4'},'type':'card'},"
              "'reason':null,'status':null}");
    json_t *card = json_object_get(json_object_get(charge->object, "payment_method_details"), "card");
    json_t *shown = json_object_get(json_object_get(dispute, "payment_method_details"), "card");

    set_text(dispute, "id", id_stripe(call->ctx, "du"));
    set_int(dispute, "amount", amount);
    set_int(dispute, "created", call->now);
    set_text(dispute, "charge", charge->id);
    set_text(dispute, "reason", reason);
    set_copy(dispute, "currency", charge->object, "currency");
    set_copy(dispute, "payment_intent", charge->object, "payment_intent");
    set_int(json_object_get(dispute, "evidence_details"), "due_by", call->now + ANSWER_SECONDS);
    set_copy(json_object_get(dispute, "evidence"), "customer_email_address", charge->object, "receipt_email");
    set_text(shown, "brand", card ? json_get_text(card, "brand") : "visa");
    set_text(shown, "network", card ? json_get_text(card, "network") : "visa");
    return dispute;
}

/* Takes the money, or gives it back. */
static void move(struct call *call, struct record *dispute, bool back)
{
    json_int_t amount = json_get_int(dispute->object, "amount");
    const char *id = balance_add(call,
        &(struct movement){
            .type = "adjustment",
            .category = back ? "dispute_reversal" : "dispute",
            .source = dispute->id,
            .amount = back ? amount : -amount,
            .fee = back ? -DISPUTE_FEE : DISPUTE_FEE,
            .currency = json_get_text(dispute->object, "currency"),
            .description = back ? "Chargeback reversal" : "Chargeback withdrawal",
            .at_once = true,
        });
    const struct record *movement = store_find(call->sandbox->store, id);

    json_array_append_new(json_object_get(dispute->object, "balance_transactions"), json_deep_copy(movement->object));
}

struct record *dispute_open(struct call *call, struct record *charge, json_int_t amount, const char *reason,
    bool inquiry)
{
    json_t *object = dispute_new(call, charge, amount, reason);

    set_text(object, "status", inquiry ? "warning_needs_response" : "needs_response");
    set_bool(object, "is_charge_refundable", inquiry);
    if (inquiry)
        set_text(json_object_get(json_object_get(object, "payment_method_details"), "card"), "case_type", "inquiry");
    struct record *dispute = store_add(call->sandbox->store, KIND_DISPUTE, object);
    set_bool(charge->object, "disputed", 1);
    set_text(charge->object, "dispute", dispute->id);
    if (!inquiry)
        move(call, dispute, false);
    event_add(call, "charge.dispute.created", dispute);
    if (!inquiry)
        event_add(call, "charge.dispute.funds_withdrawn", dispute);
    return dispute;
}

struct record *dispute_final(struct call *call, struct record *charge, const char *reason)
{
    struct record *dispute = dispute_open(call, charge, json_get_int(charge->object, "amount_captured"), reason, false);

    dispute_end(call, dispute, "lost");
    return dispute;
}

bool dispute_is_open(const struct record *dispute)
{
    static const char *const open[] = {
        "needs_response",
        "under_review",
        "warning_needs_response",
        "warning_under_review",
        NULL,
    };

    return name_index(open, json_get_text(dispute->object, "status")) >= 0;
}

static bool is_inquiry(const struct record *dispute)
{
    return strncmp(json_get_text(dispute->object, "status"), "warning", 7) == 0;
}

void dispute_end(struct call *call, struct record *dispute, const char *status)
{
    struct change change = change_begin(dispute);
    bool reinstated = strcmp(status, "won") == 0 && !is_inquiry(dispute);

    set_text(dispute->object, "status", is_inquiry(dispute) ? "warning_closed" : status);
    if (reinstated)
        move(call, dispute, true);
    change_event(call, &change, "charge.dispute.closed");
    if (reinstated)
        event_add(call, "charge.dispute.funds_reinstated", dispute);
    change_end(&change);
}

bool dispute_blocks_refunds(const struct call *call, const struct record *charge)
{
    struct records disputes = store_by(call->sandbox->store, KIND_DISPUTE, "charge", charge->id);

    for (size_t i = 0; i < disputes.count; i++) {
        if (!is_inquiry(disputes.items[i]) && !is_text(disputes.items[i]->object, "status", "won"))
            return true;
    }
    return false;
}

/* Operations */

static struct failure *find(struct call *call, struct record **out)
{
    *out = store_get(call->sandbox->store, KIND_DISPUTE, call->segments[0]);
    return *out ? NULL : fail_missing(call, "dispute", call->segments[0], "dispute");
}

static struct failure *check_open(struct call *call, const struct record *record)
{
    return dispute_is_open(record) ? NULL
                                   : fail(call, NULL, NULL, "This dispute is already closed; its status is %s.",
                                       json_get_text(record->object, "status"));
}

struct failure *dispute_get(struct call *call)
{
    struct record *record;

    PASS(find(call, &record));
    return answer(call, record);
}

static void submit(struct record *record)
{
    json_t *details = json_object_get(record->object, "evidence_details");
    const char *text = json_get_text(json_object_get(record->object, "evidence"), "uncategorized_text");

    set_int(details, "submission_count", json_get_int(details, "submission_count") + 1);
    set_text(record->object, "status", is_inquiry(record) ? "warning_under_review" : "under_review");
    if (text && strcmp(text, "winning_evidence") == 0)
        set_text(record->hidden, "verdict", "won");
    if (text && strcmp(text, "losing_evidence") == 0)
        set_text(record->hidden, "verdict", "lost");
}

/* Where a file belongs, only a file that was given for evidence may stand. */
static struct failure *check_files(struct call *call, const json_t *evidence)
{
    static const char *const files[] = { "cancellation_policy", "customer_communication", "customer_signature",
        "duplicate_charge_documentation", "receipt", "refund_policy", "service_documentation", "shipping_documentation",
        "uncategorized_file", NULL };

    for (const char *const *name = files; *name; name++) {
        const char *id = json_get_text(evidence, *name);
        const struct record *file = id ? store_get(call->sandbox->store, KIND_FILE, id) : NULL;

        if (id && (!file || !is_text(file->object, "purpose", "dispute_evidence")))
            return fail_missing_param(call, "file upload", id, arena_printf(call->ctx->arena, "evidence[%s]", *name));
    }
    return NULL;
}

struct failure *dispute_update(struct call *call)
{
    json_t *evidence = json_object_get(call->params, "evidence");
    const json_t *submitted = json_object_get(call->params, "submit");
    struct record *record;

    PASS(find(call, &record));
    if (evidence)
        PASS(check_open(call, record));
    if (evidence && json_get_int(json_object_get(record->object, "evidence_details"), "submission_count") > 0)
        return fail(call, NULL, "evidence", "Evidence has already been submitted for this dispute.");
    PASS(check_files(call, evidence));
    struct change change = change_begin(record);
    struct failure *failure = params_apply_metadata(call, record->object);
    if (failure) {
        change_undo(&change);
        return failure;
    }
    if (evidence) {
        json_object_update(json_object_get(record->object, "evidence"), evidence);
        set_bool(json_object_get(record->object, "evidence_details"), "has_evidence", 1);
    }
    if (evidence && (!submitted || json_is_true(submitted)))
        submit(record);
    change_event_if(call, &change, "charge.dispute.updated");
    change_end(&change);
    if (has(record->hidden, "verdict") && dispute_is_open(record))
        dispute_end(call, record, json_get_text(record->hidden, "verdict"));
    return answer(call, record);
}

struct failure *dispute_close(struct call *call)
{
    struct record *record;

    PASS(find(call, &record));
    PASS(check_open(call, record));
    dispute_end(call, record, "lost");
    return answer(call, record);
}

static bool is_asked(const struct call *call, const struct record *record)
{
    return matches_params(call, record, (const char *const[]){ "charge", "payment_intent", NULL });
}

struct failure *dispute_list(struct call *call)
{
    const char *by = json_get_text(call->params, "payment_intent") ? "payment_intent" : "charge";

    return answer_list(call, KIND_DISPUTE, listed(call, KIND_DISPUTE, by), is_asked);
}
