#include "sandbox/billing.h"

#include "base/ctx.h"
#include "base/field.h"
#include "sandbox/events.h"
#include "sandbox/memory.h"
#include "sandbox/operations.h"
#include "sandbox/render.h"

#define MONTH (30 * 86400)

static json_t *price_new(struct call *call)
{
    json_t *price = blank("{'id':null,'object':'price','active':true,'billing_scheme':'per_unit','created':0,"
                          "'currency':'usd','custom_unit_amount':null,'livemode':false,'lookup_key':null,'metadata':{},"
                          "'nickname':null,'product':null,'recurring':{'interval':'month','interval_count':1,"
                          "'meter':null,'trial_period_days':null,'usage_type':'licensed'},"
                          "'tax_behavior':'unspecified','tiers_mode':null,'transform_quantity':null,"
                          "'type':'recurring','unit_amount':2000,'unit_amount_decimal':'2000'}");

    set_text(price, "id", id_stripe(call->ctx, "price"));
    set_text(price, "product", id_stripe(call->ctx, "prod"));
    set_int(price, "created", call->now);
    return price;
}

static json_t *subscription_new(struct call *call, const char *customer)
{
    json_t *subscription = blank(
        "{'id':null,'object':'subscription','billing_cycle_anchor':0,'cancel_at':null,'cancel_at_period_end':false,"
        "'canceled_at':null,'cancellation_details':{'comment':null,'feedback':null,'reason':null},"
        "'collection_method':'charge_automatically','created':0,'currency':'usd','customer':null,"
        "'default_payment_method':null,'description':null,'discounts':[],'ended_at':null,'items':{'object':'list',"
        "'data':[],'has_more':false,'url':null},'latest_invoice':null,'livemode':false,'metadata':{},"
        "'pause_collection':null,'schedule':null,'start_date':0,'status':'active','trial_end':null,"
        "'trial_start':null}");
    json_t *item = blank("{'id':null,'object':'subscription_item','created':0,'current_period_end':0,"
                         "'current_period_start':0,'discounts':[],'metadata':{},'price':null,'quantity':1,"
                         "'subscription':null,'tax_rates':[]}");
    const char *id = id_stripe(call->ctx, "sub");

    set_text(subscription, "id", id);
    set_text(subscription, "customer", customer);
    set_int(subscription, "created", call->now);
    set_int(subscription, "start_date", call->now);
    set_int(subscription, "billing_cycle_anchor", call->now);
    set_text(item, "id", id_stripe(call->ctx, "si"));
    set_text(item, "subscription", id);
    set_int(item, "created", call->now);
    set_int(item, "current_period_start", call->now);
    set_int(item, "current_period_end", call->now + MONTH);
    set_new(item, "price", price_new(call));
    json_array_append_new(json_object_get(json_object_get(subscription, "items"), "data"), item);
    return subscription;
}

static json_t *invoice_new(struct call *call, const char *customer)
{
    json_t *invoice = blank(
        "{'id':null,'object':'invoice','amount_due':2000,'amount_paid':0,'amount_remaining':2000,'attempt_count':0,"
        "'attempted':false,'auto_advance':true,'billing_reason':'manual','collection_method':'charge_automatically',"
        "'created':0,'currency':'usd','customer':null,'customer_email':null,'customer_name':null,'description':null,"
        "'due_date':null,'hosted_invoice_url':null,'invoice_pdf':null,'lines':{'object':'list','data':[],"
        "'has_more':false,'url':null},'livemode':false,'metadata':{},'next_payment_attempt':null,'number':null,"
        "'parent':null,'status':'draft','status_transitions':{'finalized_at':null,'marked_uncollectible_at':null,"
        "'paid_at':null,'voided_at':null},'subtotal':2000,'total':2000}");

    set_text(invoice, "id", id_stripe(call->ctx, "in"));
    set_text(invoice, "customer", customer);
    set_int(invoice, "created", call->now);
    return invoice;
}

static struct failure *play(struct call *call, const json_t *asked, enum kind kind, const char *what, const char *told,
    json_t *(*make)(struct call *call, const char *customer), struct record **out)
{
    const char *id = json_get_text(asked, what), *customer = json_get_text(asked, "customer");
    const char *type = json_get_text(asked, "event");
    struct record *record = store_get(call->sandbox->store, kind, id);
    json_t *set = json_object_get(asked, "set");

    if (id && !record)
        return fail_missing(call, what, id, what);
    if (!record) {
        json_t *object = make(call, customer);
        if (set)
            json_object_update(object, json_in(call->ctx->arena, json_deep_copy(set)));
        *out = store_add(call->sandbox->store, kind, object);
        event_add(call, type ? type : told, *out);
        return NULL;
    }
    struct change change = change_begin(record);
    if (set)
        json_object_update(record->object, json_in(call->ctx->arena, json_deep_copy(set)));
    change_event(call, &change, type ? type : told);
    change_end(&change);
    record->deleted = json_is_true(json_object_get(asked, "delete"));
    *out = record;
    return NULL;
}

struct failure *billing_subscription(struct call *call, const json_t *asked, struct record **out)
{
    const char *told = has(asked, "subscription") ? "customer.subscription.updated" : "customer.subscription.created";

    return play(call, asked, KIND_SUBSCRIPTION, "subscription", told, subscription_new, out);
}

struct failure *billing_invoice(struct call *call, const json_t *asked, struct record **out)
{
    return play(call, asked, KIND_INVOICE, "invoice", has(asked, "invoice") ? "invoice.updated" : "invoice.created",
        invoice_new, out);
}

/* Operations */

struct failure *subscription_get(struct call *call)
{
    const struct record *record = store_get(call->sandbox->store, KIND_SUBSCRIPTION, call->segments[0]);

    return record ? answer(call, record) : fail_missing(call, "subscription", call->segments[0], "id");
}

struct failure *invoice_get(struct call *call)
{
    const struct record *record = store_get(call->sandbox->store, KIND_INVOICE, call->segments[0]);

    return record ? answer(call, record) : fail_missing(call, "invoice", call->segments[0], "invoice");
}
