#include "sandbox/balance.h"

#include "base/ctx.h"
#include "base/field.h"
#include "sandbox/dials.h"
#include "sandbox/events.h"
#include "sandbox/memory.h"
#include "sandbox/operations.h"
#include "sandbox/render.h"

#include <string.h>

enum { WAITING_SECONDS = 2 * 86400 };

static const char *const method_names[] = { "standard", "instant", NULL };

const struct param balance_list_params[] = {
    LISTING,
    RANGE(created),
    TEXT(currency),
    TEXT(payout),
    TEXT(source),
    TEXT(type),
    PARAMS_END,
};
const struct param payout_create_params[] = {
    INT(amount, .required = true, .min = 1),
    TEXT(currency, .required = true),
    TEXT(description),
    TEXT(destination),
    METADATA(),
    TEXT(method, .names = method_names),
    TEXT(payout_method),
    TEXT(source_type),
    TEXT(statement_descriptor, .max = 22),
    PARAMS_END,
};
const struct param payout_update_params[] = { METADATA(), PARAMS_END };
const struct param payout_list_params[] = {
    LISTING,
    RANGE(created),
    RANGE(arrival_date),
    TEXT(destination),
    TEXT(status),
    PARAMS_END,
};

static json_int_t at_rate(json_int_t amount, int64_t rate)
{
    return (amount * rate + (amount < 0 ? -500 : 500)) / 1000;
}

/* What a payment brings is exchanged where the account has an account at a bank in euro alone. */
static json_t *exchange(struct call *call, struct movement *movement)
{
    int64_t rate = dials_euro_rate(call->sandbox->dials);

    if (!rate || strncmp(movement->category, "payout", 6) == 0 || strcmp(movement->currency, "eur") == 0)
        return json_null();
    movement->amount = at_rate(movement->amount, rate);
    movement->fee = at_rate(movement->fee, rate);
    movement->currency = "eur";
    return json_real((double)rate / 1000);
}

const char *balance_add(struct call *call, const struct movement *moved)
{
    struct movement copy = *moved, *movement = &copy;
    json_t *rate = exchange(call, movement);
    json_t *fees = made(json_array());
    int64_t available = movement->at_once ? call->now : call->now + WAITING_SECONDS;
    const char *id = id_stripe(call->ctx, "txn");

    if (movement->fee)
        json_array_append_new(fees,
            made(json_pack("{s:I, s:n, s:s, s:s, s:s}", "amount", movement->fee, "application", "currency",
                movement->currency, "description",
                strcmp(movement->type, "adjustment") == 0 ? "Dispute fee" : "Stripe processing fees", "type",
                "stripe_fee")));
    json_t *object =
        made(json_pack("{s:s, s:s, s:I, s:I, s:s, s:I, s:s, s:s?, s:o, s:I, s:o, s:I, s:s, s:s?, s:s, s:s}", "id", id,
            "object", "balance_transaction", "amount", movement->amount, "available_on", (json_int_t)available,
            "balance_type", "payments", "created", (json_int_t)call->now, "currency", movement->currency, "description",
            movement->description, "exchange_rate", rate, "fee", movement->fee, "fee_details", fees, "net",
            movement->amount - movement->fee, "reporting_category", movement->category, "source", movement->source,
            "status", movement->at_once ? "available" : "pending", "type", movement->type));
    return store_add(call->sandbox->store, KIND_BALANCE, object)->id;
}

/* Money that has waited long enough is available; asked for is what tells. */
static void ripen(struct call *call)
{
    struct records records = store_all(call->sandbox->store, KIND_BALANCE);

    for (size_t i = 0; i < records.count; i++) {
        if (json_get_int(records.items[i]->object, "available_on") <= call->now)
            set_text(records.items[i]->object, "status", "available");
    }
}

static void add(json_t *sums, const char *currency, json_int_t amount)
{
    set_int(sums, currency, json_get_int(sums, currency) + amount);
}

/* {currency: sum} of what is available, and of what is not. */
static void sum_up(struct call *call, json_t *available, json_t *pending)
{
    struct records records = store_all(call->sandbox->store, KIND_BALANCE);

    ripen(call);
    for (size_t i = 0; i < records.count; i++) {
        const json_t *object = records.items[i]->object;
        const char *currency = json_get_text(object, "currency");
        bool ready = is_text(object, "status", "available");

        add(available, currency, ready ? json_get_int(object, "net") : 0);
        add(pending, currency, ready ? 0 : json_get_int(object, "net"));
    }
    if (!json_object_size(available)) {
        add(available, "usd", 0);
        add(pending, "usd", 0);
    }
}

static json_t *as_list(json_t *sums)
{
    json_t *list = made(json_array());
    const char *currency;
    json_t *sum;

    json_object_foreach(sums, currency, sum)
    {
        json_array_append_new(list,
            made(json_pack("{s:O, s:s, s:{s:O}}", "amount", sum, "currency", currency, "source_types", "card", sum)));
    }
    return list;
}

struct failure *balance_get(struct call *call)
{
    json_t *available = json_in(call->ctx->arena, json_object());
    json_t *pending = json_in(call->ctx->arena, json_object());

    sum_up(call, available, pending);
    call->answer = json_in(call->ctx->arena,
        json_pack("{s:s, s:o, s:b, s:o}", "object", "balance", "available", as_list(available), "livemode", 0,
            "pending", as_list(pending)));
    return NULL;
}

struct failure *balance_transaction_get(struct call *call)
{
    const struct record *record = store_get(call->sandbox->store, KIND_BALANCE, call->segments[0]);

    ripen(call);
    return record ? answer(call, record) : fail_missing(call, "balance transaction", call->segments[0], "id");
}

static bool is_asked_movement(const struct call *call, const struct record *record)
{
    const char *payout = json_get_text(call->params, "payout");

    return (!payout || is_text(record->hidden, "payout", payout))
        && matches_params(call, record, (const char *const[]){ "currency", "source", "type", NULL });
}

struct failure *balance_transaction_list(struct call *call)
{
    const char *by = json_get_text(call->params, "source") ? "source" : "type";
    const char *id = json_get_text(call->params, "payout");
    const struct record *payout = store_get(call->sandbox->store, KIND_PAYOUT, id);

    if (id && !payout)
        return fail_missing(call, "payout", id, "payout");
    if (payout && !json_get_bool(payout->object, "automatic"))
        return fail(call, NULL, "payout",
            "Balance transaction history can only be filtered on automatic payouts, not manual.");
    ripen(call);
    return answer_list(call, KIND_BALANCE, listed(call, KIND_BALANCE, by), is_asked_movement);
}

/* Payouts */

static json_t *payout_new(struct call *call)
{
    json_t *payout =
        blank("{'id':null,'object':'payout','amount':0,'application_fee':null,'application_fee_amount':null,"
              "'arrival_date':0,'automatic':false,'balance_transaction':null,'created':0,'currency':null,"
              "'description':null,'destination':'ba_1SandboxBankAccount','failure_balance_transaction':null,"
              "'failure_code':null,'failure_message':null,'livemode':false,'metadata':{},"
              "'method':'standard','original_payout':null,'payout_method':null,"
              "'reconciliation_status':'not_applicable','reversed_by':null,'source_type':'card',"
              "'statement_descriptor':null,'status':'pending','trace_id':null,'type':'bank_account'}");

    set_text(payout, "id", id_stripe(call->ctx, "po"));
    set_int(payout, "created", call->now);
    set_int(payout, "arrival_date", call->now + WAITING_SECONDS);
    params_apply(call, payout,
        (const char *const[]){ "amount", "currency", "description", "destination", "method", "source_type",
            "statement_descriptor", NULL });
    return payout;
}

/* Takes a payout's amount from the balance. */
static struct record *pay_out(struct call *call, json_t *payout)
{
    struct record *record = store_add(call->sandbox->store, KIND_PAYOUT, payout);

    set_text(record->object, "balance_transaction",
        balance_add(call,
            &(struct movement){
                .type = "payout",
                .category = "payout",
                .source = record->id,
                .amount = -json_get_int(record->object, "amount"),
                .currency = json_get_text(record->object, "currency"),
                .description = json_get_text(record->object, "description"),
                .at_once = true,
            }));
    event_add(call, "payout.created", record);
    return record;
}

struct failure *payout_create(struct call *call)
{
    json_t *available = json_in(call->ctx->arena, json_object());
    json_t *pending = json_in(call->ctx->arena, json_object());
    json_t *payout = json_in(call->ctx->arena, payout_new(call));
    const char *currency = json_get_text(payout, "currency");
    json_int_t amount = json_get_int(payout, "amount");

    PASS(params_apply_metadata(call, payout));
    sum_up(call, available, pending);
    if (json_get_int(available, currency) < amount)
        return fail(call, "balance_insufficient", NULL,
            "You have insufficient funds in your Stripe account for this transfer. Your card balance is too low.");

    return answer(call, pay_out(call, json_incref(payout)));
}

/* What waits to be paid out in a currency: marked with the payout's id when there is one. */
static json_int_t collect(struct call *call, const char *currency, const char *payout)
{
    struct records records = store_all(call->sandbox->store, KIND_BALANCE);
    json_int_t sum = 0;

    ripen(call);
    for (size_t i = 0; i < records.count; i++) {
        json_t *object = records.items[i]->object, *hidden = records.items[i]->hidden;

        if (!is_text(object, "currency", currency) || !is_text(object, "status", "available") || has(hidden, "payout"))
            continue;
        sum += json_get_int(object, "net");
        if (payout)
            set_text(hidden, "payout", payout);
    }
    return sum;
}

struct failure *payout_automatic(struct call *call, const char *currency, json_int_t amount, struct record **out)
{
    json_int_t waiting = collect(call, currency, NULL);
    json_t *payout;

    if (waiting <= 0)
        return fail(call, "balance_insufficient", NULL, "Nothing waits to be paid out in this currency.");
    payout = payout_new(call);
    set_int(payout, "amount", amount ? amount : waiting);
    set_text(payout, "currency", currency);
    set_bool(payout, "automatic", 1);
    set_text(payout, "reconciliation_status", "completed");
    *out = pay_out(call, payout);
    collect(call, currency, (*out)->id);
    return NULL;
}

struct failure *payout_fail(struct call *call, const char *id, struct record **out)
{
    struct record *record = store_get(call->sandbox->store, KIND_PAYOUT, id);

    if (!record)
        return fail_missing(call, "payout", id ? id : "", "payout");
    if (is_text(record->object, "status", "failed") || is_text(record->object, "status", "canceled"))
        return fail(call, NULL, "payout", "This payout is %s already.", json_get_text(record->object, "status"));
    struct change change = change_begin(record);
    set_text(record->object, "status", "failed");
    set_text(record->object, "failure_code", "account_closed");
    set_text(record->object, "failure_message", "The bank account has been closed.");
    set_text(record->object, "failure_balance_transaction",
        balance_add(call,
            &(struct movement){
                .type = "payout_failure",
                .category = "payout_reversal",
                .source = record->id,
                .amount = json_get_int(record->object, "amount"),
                .currency = json_get_text(record->object, "currency"),
                .at_once = true,
            }));
    change_event(call, &change, "payout.failed");
    change_end(&change);
    *out = record;
    return NULL;
}

static struct failure *find(struct call *call, struct record **out)
{
    *out = store_get(call->sandbox->store, KIND_PAYOUT, call->segments[0]);
    return *out ? NULL : fail_missing(call, "payout", call->segments[0], "payout");
}

/* A payout arrives when its day has come. */
static void arrive(struct call *call, struct record *record)
{
    if (!is_text(record->object, "status", "pending") || json_get_int(record->object, "arrival_date") > call->now)
        return;
    struct change change = change_begin(record);
    set_text(record->object, "status", "paid");
    change_event(call, &change, "payout.paid");
    change_end(&change);
}

static void all_arrive(struct call *call)
{
    struct records records = store_all(call->sandbox->store, KIND_PAYOUT);

    for (size_t i = 0; i < records.count; i++)
        arrive(call, records.items[i]);
}

struct failure *payout_get(struct call *call)
{
    struct record *record;

    PASS(find(call, &record));
    arrive(call, record);
    return answer(call, record);
}

struct failure *payout_update(struct call *call)
{
    struct record *record;

    PASS(find(call, &record));
    struct change change = change_begin(record);
    struct failure *failure = params_apply_metadata(call, record->object);
    if (failure) {
        change_undo(&change);
        return failure;
    }
    change_event_if(call, &change, "payout.updated");
    change_end(&change);
    return answer(call, record);
}

struct failure *payout_cancel(struct call *call)
{
    struct record *record;

    PASS(find(call, &record));
    arrive(call, record);
    if (!is_text(record->object, "status", "pending"))
        return fail(call, NULL, NULL, "Payouts can only be canceled while they are pending; this one is %s.",
            json_get_text(record->object, "status"));
    struct change change = change_begin(record);
    set_text(record->object, "status", "canceled");
    set_text(record->object, "failure_balance_transaction",
        balance_add(call,
            &(struct movement){
                .type = "payout_cancel",
                .category = "payout_reversal",
                .source = record->id,
                .amount = json_get_int(record->object, "amount"),
                .currency = json_get_text(record->object, "currency"),
                .at_once = true,
            }));
    change_event(call, &change, "payout.canceled");
    change_end(&change);
    return answer(call, record);
}

static bool is_asked_payout(const struct call *call, const struct record *record)
{
    return matches_params(call, record, (const char *const[]){ "status", "destination", NULL });
}

struct failure *payout_list(struct call *call)
{
    all_arrive(call);
    return answer_list(call, KIND_PAYOUT, store_all(call->sandbox->store, KIND_PAYOUT), is_asked_payout);
}
