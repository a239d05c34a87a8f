#include "sandbox/ledger.h"

#include "base/field.h"
#include "sandbox/memory.h"
#include "sandbox/store.h"

#include <string.h>

static void add(json_t *totals, const char *currency, const char *name, json_int_t amount)
{
    json_t *sums = json_object_get(totals, currency);

    if (!sums) {
        sums = made(json_object());
        set_new(totals, currency, sums);
    }
    set_int(sums, name, json_get_int(sums, name) + amount);
}

static json_t *entry(const struct record *record, const char *own, const char *const *members)
{
    json_t *out = made(json_object());

    set_text(out, own, record->id);
    for (; *members; members++)
        set_copy(out, *members, record->object, *members);
    return out;
}

/* What really went back: Stripe's amount_refunded also counts what a partial capture let go. */
static json_int_t given_back(struct call *call, const struct record *charge)
{
    struct records refunds = store_by(call->sandbox->store, KIND_REFUND, "charge", charge->id);
    json_int_t sum = 0;

    for (size_t i = 0; i < refunds.count; i++) {
        const json_t *refund = refunds.items[i]->object;

        if (!is_text(refund, "status", "failed") && !is_text(refund, "status", "canceled"))
            sum += json_get_int(refund, "amount");
    }
    return sum;
}

static json_t *charge_entry(struct call *call, const struct record *charge, json_t *totals)
{
    static const char *const members[] = { "payment_intent", "status", "currency", "amount", "captured",
        "amount_captured", "disputed", "metadata", "created", NULL };
    json_t *out = entry(charge, "charge", members);
    const char *currency = json_get_text(charge->object, "currency");
    json_int_t captured = json_get_int(charge->object, "amount_captured"), refunded = given_back(call, charge);

    set_int(out, "amount_refunded", refunded);
    set_int(out, "executed", json_get_int(charge->hidden, "captures"));
    add(totals, currency, "charges", captured > 0);
    add(totals, currency, "captured", captured);
    add(totals, currency, "refunded", refunded);
    return out;
}

static void add_refunds(struct call *call, const struct record *charge, json_t *list)
{
    static const char *const members[] = { "charge", "payment_intent", "status", "amount", "currency", "reason",
        "metadata", "created", NULL };
    struct records refunds = store_by(call->sandbox->store, KIND_REFUND, "charge", charge->id);

    for (size_t i = 0; i < refunds.count; i++)
        json_array_append_new(list, entry(refunds.items[i], "refund", members));
}

static void add_disputes(struct call *call, const struct record *charge, json_t *list, json_t *totals)
{
    static const char *const members[] = { "charge", "payment_intent", "status", "amount", "currency", "reason",
        "created", NULL };
    struct records disputes = store_by(call->sandbox->store, KIND_DISPUTE, "charge", charge->id);

    for (size_t i = 0; i < disputes.count; i++) {
        const struct record *dispute = disputes.items[i];
        bool inquiry = strncmp(json_get_text(dispute->object, "status"), "warning", 7) == 0;
        bool gone = !inquiry && !is_text(dispute->object, "status", "won");

        json_array_append_new(list, entry(dispute, "dispute", members));
        add(totals, json_get_text(dispute->object, "currency"), "disputed",
            gone ? json_get_int(dispute->object, "amount") : 0);
    }
}

json_t *ledger_show(struct call *call, const char *payment_id)
{
    const struct store *store = call->sandbox->store;
    struct records records =
        payment_id ? store_by(store, KIND_CHARGE, "metadata.payment_id", payment_id) : store_all(store, KIND_CHARGE);
    json_t *charges = made(json_array()), *refunds = made(json_array()), *disputes = made(json_array());
    json_t *totals = made(json_object());

    for (size_t i = 0; i < records.count; i++) {
        json_array_append_new(charges, charge_entry(call, records.items[i], totals));
        add_refunds(call, records.items[i], refunds);
        add_disputes(call, records.items[i], disputes, totals);
    }
    return made(json_pack("{s:o, s:o, s:o, s:o}", "charges", charges, "refunds", refunds, "disputes", disputes,
        "totals", totals));
}
