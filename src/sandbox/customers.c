#include "base/ctx.h"
#include "base/field.h"
#include "sandbox/events.h"
#include "sandbox/memory.h"
#include "sandbox/methods.h"
#include "sandbox/operations.h"
#include "sandbox/render.h"
#include "sandbox/search.h"

#include <stdio.h>
#include <string.h>

#define INVOICE_SETTINGS                                                                                               \
    {                                                                                                                  \
        ANY(custom_fields), TEXT(default_payment_method, .clears = true), TEXT(footer, .clears = true),                \
            ANY(rendering_options), PARAMS_END                                                                         \
    }

static const struct param invoice_settings[] = INVOICE_SETTINGS;
static const char *const exemptions[] = { "none", "exempt", "reverse", NULL };

#define COMMON                                                                                                         \
    OBJECT(address, params_address, .clears = true), INT(balance), TEXT(business_name, .max = 150, .clears = true),    \
        ANY(cash_balance), TEXT(description, .clears = true), TEXT(email, .max = 512, .clears = true),                 \
        TEXT(individual_name, .max = 150, .clears = true), TEXT(invoice_prefix, .clears = true),                       \
        OBJECT(invoice_settings, invoice_settings), METADATA(), TEXT(name, .max = 256, .clears = true),                \
        INT(next_invoice_sequence, .min = 1), TEXT(phone, .max = 20, .clears = true), TEXTS(preferred_locales),        \
        OBJECT(shipping, params_shipping, .clears = true), ANY(source), ANY(tax),                                      \
        TEXT(tax_exempt, .names = exemptions, .clears = true), BOOL(validate)

const struct param customer_create_params[] = { COMMON, TEXT(payment_method), ANY(tax_id_data), TEXT(test_clock),
    PARAMS_END };
const struct param customer_update_params[] = { COMMON, TEXT(default_source), PARAMS_END };
const struct param customer_list_params[] = { LISTING, RANGE(created), TEXT(email), TEXT(test_clock), PARAMS_END };

static const char *const own_members[] = {
    "address",
    "balance",
    "description",
    "email",
    "name",
    "phone",
    "preferred_locales",
    "shipping",
    "tax_exempt",
    "next_invoice_sequence",
    "invoice_prefix",
    NULL,
};

/* Members that only show when they were given. */
static const char *const rare_members[] = { "business_name", "individual_name", NULL };

static json_t *customer_new(struct call *call)
{
    json_t *customer = blank("{'id':null,'object':'customer','address':null,'balance':0,'created':0,'currency':null,"
                             "'default_source':null,'delinquent':false,'description':null,'discount':null,'email':null,"
                             "'invoice_prefix':null,'invoice_settings':{'custom_fields':null,"
                             "'default_payment_method':null,'footer':null,'rendering_options':null},'livemode':false,"
                             "'metadata':{},'name':null,'next_invoice_sequence':1,'phone':null,'preferred_locales':[],"
                             "'shipping':null,'tax_exempt':'none','test_clock':null}");
    const char *id = id_stripe(call->ctx, "cus");
    char prefix[9] = "";

    for (size_t i = 0; i < 8; i++) // as Stripe makes them: eight capitals or digits
        prefix[i] = (char)(id[8 + i] >= 'a' ? id[8 + i] - 32 : id[8 + i]);
    set_text(customer, "id", id);
    set_int(customer, "created", call->now);
    set_text(customer, "invoice_prefix", prefix);
    return customer;
}

static struct failure *check_email(struct call *call)
{
    const char *email = json_get_text(call->params, "email");
    const char *at = email ? strchr(email, '@') : NULL;

    if (email && (!at || at == email || !at[1] || strpbrk(email, " \t\r\n")))
        return fail_early(call, 400, "email_invalid", "email", "Invalid email address: %s", email);
    return NULL;
}

static struct failure *apply(struct call *call, json_t *customer)
{
    json_t *settings = json_object_get(call->params, "invoice_settings");

    PASS(check_email(call));
    params_apply(call, customer, own_members);
    params_apply(call, customer, rare_members);
    if (settings)
        json_object_update(json_object_get(customer, "invoice_settings"), settings);
    return params_apply_metadata(call, customer);
}

static struct failure *check_default(struct call *call, const char *customer)
{
    const char *id = json_get_text(json_object_get(call->params, "invoice_settings"), "default_payment_method");
    const struct record *method = store_get(call->sandbox->store, KIND_METHOD, id);

    if (id && (!method || !customer || !is_text(method->object, "customer", customer)))
        return fail(call, "resource_missing", "invoice_settings[default_payment_method]",
            "No such PaymentMethod: '%s'; the payment method must be attached to the customer.", id);
    return NULL;
}

struct failure *customer_create(struct call *call)
{
    json_t *customer = json_in(call->ctx->arena, customer_new(call));
    const char *method_id = json_get_text(call->params, "payment_method");
    struct record *method = NULL;

    PASS(apply(call, customer));
    if (method_id)
        PASS(method_resolve(call, method_id, "payment_method", &method));
    if (method)
        PASS(method_check_attach(call, method, NULL));

    struct record *record = store_add(call->sandbox->store, KIND_CUSTOMER, json_incref(customer));
    event_add(call, "customer.created", record);
    if (method)
        method_put_on(call, method, record->id);
    return answer(call, record);
}

/* Answers the deleted ones too, where *out stays NULL. */
static struct failure *find(struct call *call, struct record **out)
{
    *out = store_get(call->sandbox->store, KIND_CUSTOMER, call->segments[0]);
    return *out ? NULL : fail_missing(call, "customer", call->segments[0], "id");
}

struct failure *customer_get(struct call *call)
{
    const struct record *record = store_find(call->sandbox->store, call->segments[0]);

    if (!record || record->kind != KIND_CUSTOMER)
        return fail_missing(call, "customer", call->segments[0], "id");
    return answer(call, record);
}

struct failure *customer_update(struct call *call)
{
    struct record *record;

    PASS(find(call, &record));
    PASS(check_default(call, record->id));
    struct change change = change_begin(record);
    struct failure *failure = apply(call, record->object);
    if (failure) {
        change_undo(&change);
        return failure;
    }
    store_reindex(call->sandbox->store, record);
    change_event_if(call, &change, "customer.updated");
    change_end(&change);
    return answer(call, record);
}

struct failure *customer_delete(struct call *call)
{
    struct record *record;

    PASS(find(call, &record));
    struct records methods = store_by(call->sandbox->store, KIND_METHOD, "customer", record->id);
    for (size_t i = 0; i < methods.count; i++) {
        if (is_text(methods.items[i]->object, "customer", record->id))
            method_take_off(call, methods.items[i]);
    }
    event_add(call, "customer.deleted", record);
    json_decref(record->object);
    record->object = made(json_pack("{s:s, s:s, s:b}", "id", record->id, "object", "customer", "deleted", 1));
    record->deleted = true;
    return answer(call, record);
}

static bool is_asked(const struct call *call, const struct record *record)
{
    return matches_params(call, record, (const char *const[]){ "email", NULL });
}

struct failure *customer_list(struct call *call)
{
    return answer_list(call, KIND_CUSTOMER, listed(call, KIND_CUSTOMER, "email"), is_asked);
}

struct failure *customer_search(struct call *call)
{
    return answer_search(call, KIND_CUSTOMER);
}

static bool is_theirs(const struct call *call, const struct record *record)
{
    return is_text(record->object, "customer", call->segments[0])
        && matches_params(call, record, (const char *const[]){ "type", NULL });
}

struct failure *customer_method_list(struct call *call)
{
    struct record *record;

    PASS(find(call, &record));
    return answer_list(call, KIND_METHOD, store_by(call->sandbox->store, KIND_METHOD, "customer", record->id),
        is_theirs);
}

struct failure *customer_method_get(struct call *call)
{
    struct record *record;

    PASS(find(call, &record));
    const struct record *method = store_get(call->sandbox->store, KIND_METHOD, call->segments[1]);
    if (!method || !is_text(method->object, "customer", record->id))
        return fail_missing(call, "PaymentMethod", call->segments[1], "payment_method");
    return answer(call, method);
}
