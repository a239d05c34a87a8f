#include "show.h"

#include <stdio.h>
#include <stdlib.h>

static const char *const outcome_names[] = {
    [OUTCOME_DONE] = "done",
    [OUTCOME_DECLINED] = "declined",
    [OUTCOME_REFUSED] = "refused",
    [OUTCOME_NOT_EXECUTED] = "not_executed",
    [OUTCOME_UNKNOWN] = "unknown",
};

json_t *show_refund(const struct refund_view *refund)
{
    return json_pack("{s:s?, s:s?, s:I, s:s, s:s?, s:s?, s:I}", "reference", refund->reference, "refund_id",
        refund->refund_id, "amount", (json_int_t)refund->amount.minor, "currency", refund->amount.currency, "status",
        refund->status, "reason", refund->reason, "created", (json_int_t)instant_to_unix(refund->created_at));
}

json_t *show_movement(const struct movement *movement)
{
    return json_pack("{s:s, s:s, s:s?, s:s?, s:s?, s:I, s:s, s:I, s:I, s:s, s:s?, s:b}", "reference",
        movement->reference, "kind", movement_kind_names[movement->kind], "source", movement->source, "payment",
        movement->payment_reference, "own", movement->own_id, "amount", (json_int_t)movement->amount.minor, "currency",
        movement->amount.currency, "fee", (json_int_t)movement->fee, "source_amount",
        (json_int_t)movement->source_amount.minor, "source_currency", movement->source_amount.currency, "payout",
        movement->payout, "composed", movement->composed);
}

static json_t *show_dispute(const struct dispute_view *dispute)
{
    return json_pack("{s:s, s:s, s:I, s:I, s:s?, s:I}", "reference", dispute->reference, "standing",
        dispute_standing_names[dispute->standing], "amount", (json_int_t)dispute->amount.minor, "fee",
        (json_int_t)dispute->fee.minor, "reason", dispute->reason, "due_by",
        (json_int_t)instant_to_unix(dispute->due_by));
}

json_t *show_snapshot(const struct snapshot *snapshot)
{
    json_t *refunds = json_array(), *disputes = json_array();

    for (size_t i = 0; i < snapshot->dispute_count; i++)
        json_array_append_new(disputes, show_dispute(&snapshot->disputes[i]));
    for (size_t i = 0; i < snapshot->refund_count; i++)
        json_array_append_new(refunds, show_refund(&snapshot->refunds[i]));
    return json_pack("{s:s?, s:s, s:I, s:s, s:I, s:I, s:I, s:s, s:s?, s:s?, s:s?, s:s?, s:s?, s:s?, s:s, s:b, s:o, "
                     "s:o, s:I}",
        "reference", snapshot->reference, "state", provider_state_names[snapshot->state], "amount",
        (json_int_t)snapshot->amount.minor, "currency", snapshot->amount.currency, "authorized",
        (json_int_t)snapshot->authorized, "captured", (json_int_t)snapshot->captured, "refunded",
        (json_int_t)snapshot->refunded, "decline", decline_class_names[snapshot->decline.kind], "next_action",
        snapshot->next_action, "next_action_url", snapshot->next_action_url, "charge", snapshot->charge, "payment_id",
        snapshot->payment_id, "last4", snapshot->method.last4, "cvc", snapshot->method.check_cvc, "dispute",
        dispute_standing_names[snapshot->dispute], "refunds_listed", snapshot->refunds_listed, "refunds", refunds,
        "disputes", disputes, "fee", (json_int_t)snapshot->fee.minor);
}

json_t *show_outcome(const struct outcome *outcome)
{
    json_t *shown = json_pack("{s:s}", "outcome", outcome_names[outcome->kind]);

    if (outcome->kind != OUTCOME_DONE)
        json_object_set_new(shown, "code", json_string(error_name(outcome->code)));
    if (outcome->retry_after)
        json_object_set_new(shown, "retry_after", json_integer(outcome->retry_after));
    if (outcome->snapshot.reference)
        json_object_set_new(shown, "payment", show_snapshot(&outcome->snapshot));
    if (outcome->refund.reference)
        json_object_set_new(shown, "refund", show_refund(&outcome->refund));
    return shown;
}

json_t *show_found(const struct error *error, json_t *found)
{
    return json_pack("{s:s*, s:o}", "code", error ? error_name(error->code) : NULL, "found", found);
}

void show(const char *call, json_t *what)
{
    json_object_set_new(what, "call", json_string(call));
    char *text = json_dumps(what, JSON_COMPACT | JSON_SORT_KEYS);

    puts(text);
    fflush(stdout);
    free(text);
    json_decref(what);
}
