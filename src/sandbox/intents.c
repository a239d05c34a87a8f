#include "sandbox/intents.h"

#include "base/arena.h"
#include "base/ctx.h"
#include "base/field.h"
#include "sandbox/charges.h"
#include "sandbox/currency.h"
#include "sandbox/events.h"
#include "sandbox/memory.h"
#include "sandbox/methods.h"
#include "sandbox/operations.h"
#include "sandbox/render.h"
#include "sandbox/search.h"

#include <string.h>

const char *const usage_names[] = { "off_session", "on_session", NULL };
static const char *const capture_names[] = { "automatic", "automatic_async", "manual", NULL };
static const char *const confirmation_names[] = { "automatic", "manual", NULL };
static const char *const off_session_names[] = { "one_off", "recurring", NULL };
static const char *const redirect_names[] = { "always", "never", NULL };
static const char *const cancel_names[] = { "abandoned", "duplicate", "fraudulent", "requested_by_customer", NULL };

static const struct param automatic_fields[] = {
    BOOL(enabled, .required = true),
    TEXT(allow_redirects, .names = redirect_names),
    PARAMS_END,
};
static const struct param acceptance_fields[] = {
    INT(accepted_at),
    ANY(offline),
    ANY(online),
    TEXT(type, .required = true),
    PARAMS_END,
};
const struct param params_mandate_data[] = {
    OBJECT(customer_acceptance, acceptance_fields, .required = true),
    PARAMS_END,
};

/* clang-format off */
#define ENDIVE "2026-09-30"
#define TYPES \
    TEXTS(allowed_payment_method_types), TEXTS(payment_method_types, .until = ENDIVE), \
    TEXTS(excluded_payment_method_types, .clears = true)
#define COMMON \
    ANY(amount_details), TEXT(capture_method, .names = capture_names), ANY(hooks), TEXT(payment_method), \
    OBJECT(payment_method_data, method_data_params), ANY(payment_method_options), ANY(payment_details), \
    TEXT(receipt_email, .clears = true), TEXT(setup_future_usage, .names = usage_names, .clears = true), \
    OBJECT(shipping, params_shipping, .clears = true), TYPES
#define DESCRIBING \
    INT(application_fee_amount), TEXT(customer), TEXT(customer_account), TEXT(description, .max = 1000, .clears = true), \
    METADATA(), TEXT(payment_method_configuration), TEXT(statement_descriptor, .max = 22, .clears = true), \
    TEXT(statement_descriptor_suffix, .max = 22, .clears = true), ANY(transfer_data), TEXT(transfer_group, .clears = true)
#define CONFIRMING \
    TEXT(confirmation_token), BOOL(error_on_requires_action), TEXT(mandate), \
    OBJECT(mandate_data, params_mandate_data, .clears = true), \
    { .name = "off_session", .kind = PARAM_FLAG, .names = off_session_names }, ANY(radar_options), TEXT(return_url), \
    BOOL(use_stripe_sdk)
/* clang-format on */

const struct param intent_create_params[] = {
    INT(amount, .required = true, .min = 1),
    TEXT(currency, .required = true),
    COMMON,
    DESCRIBING,
    CONFIRMING,
    BOOL(confirm),
    TEXT(confirmation_method, .names = confirmation_names),
    OBJECT(automatic_payment_methods, automatic_fields),
    TEXT(on_behalf_of),
    PARAMS_END,
};
const struct param intent_update_params[] = {
    INT(amount, .min = 1),
    TEXT(currency),
    COMMON,
    DESCRIBING,
    PARAMS_END,
};
const struct param intent_confirm_params[] = { COMMON, CONFIRMING, INT(amount_to_confirm, .min = 1), PARAMS_END };
const struct param intent_get_params[] = { TEXT(client_secret), PARAMS_END };
const struct param intent_cancel_params[] = { TEXT(cancellation_reason, .names = cancel_names), PARAMS_END };
const struct param intent_list_params[] = {
    LISTING,
    RANGE(created),
    TEXT(customer),
    TEXT(customer_account),
    PARAMS_END,
};

static const char *const own_members[] = {
    "capture_method",
    "confirmation_method",
    "description",
    "receipt_email",
    "setup_future_usage",
    "shipping",
    "statement_descriptor",
    "statement_descriptor_suffix",
    "application_fee_amount",
    "on_behalf_of",
    "transfer_group",
    "excluded_payment_method_types",
    "customer",
    NULL,
};

static json_t *intent_new(struct call *call)
{
    json_t *intent = blank("{'id':null,'object':'payment_intent','allowed_payment_method_types':null,'amount':0,"
                           "'amount_capturable':0,'amount_details':{'tip':{}},'amount_received':0,'application':null,"
                           "'application_fee_amount':null,'automatic_payment_methods':null,'canceled_at':null,"
                           "'cancellation_reason':null,'capture_method':'automatic_async','client_secret':null,"
                           "'confirmation_method':'automatic','created':0,'currency':null,'customer':null,"
                           "'customer_account':null,'description':null,'excluded_payment_method_types':null,"
                           "'last_payment_error':null,'latest_charge':null,'livemode':false,'managed_payments':null,"
                           "'metadata':{},'next_action':null,'on_behalf_of':null,'payment_method':null,"
                           "'payment_method_configuration_details':null,'payment_method_options':{},"
                           "'payment_method_types':[],'payment_record':null,'processing':null,'receipt_email':null,"
                           "'review':null,'setup_future_usage':null,'shipping':null,'source':null,"
                           "'statement_descriptor':null,'statement_descriptor_suffix':null,"
                           "'status':'requires_payment_method','transfer_data':null,'transfer_group':null}");
    const char *id = id_stripe(call->ctx, "pi");

    set_text(intent, "id", id);
    set_text(intent, "client_secret", arena_printf(call->ctx->arena, "%s_%s", id, id_stripe(call->ctx, "secret")));
    set_int(intent, "created", call->now);
    return intent;
}

/* Types */

static json_t *offered(const char *currency)
{
    json_t *types = made(json_pack("[s]", "card"));

    if (strcmp(currency, "eur") == 0)
        json_array_append_new(types, json_string("sepa_debit"));
    return types;
}

static void add_options(json_t *options, const char *type)
{
    if (strcmp(type, "card") == 0)
        set_new(options, type,
            blank("{'installments':null,'mandate_options':null,'network':null,"
                  "'request_three_d_secure':'automatic'}"));
    else
        set_new(options, type, json_object());
}

void intent_apply_types(struct call *call, json_t *intent, const char *currency)
{
    const json_t *allowed = json_object_get(call->params, "allowed_payment_method_types");
    const json_t *asked = allowed ? allowed : json_object_get(call->params, "payment_method_types");
    const json_t *automatic = json_object_get(call->params, "automatic_payment_methods");
    bool dynamic = !asked && strcmp(call->version, "2023-08-16") >= 0;
    json_t *options = made(json_object());
    json_t *types;
    size_t i;
    json_t *type;

    if (automatic)
        dynamic = !asked && json_get_bool(automatic, "enabled");
    types = asked ? json_deep_copy(asked) : dynamic ? offered(currency) : json_pack("[s]", "card");
    if (dynamic)
        set_new(intent, "automatic_payment_methods",
            json_pack("{s:s, s:b}", "allow_redirects",
                is_text(automatic, "allow_redirects", "never") ? "never" : "always", "enabled", 1));
    if (allowed)
        set_new(intent, "allowed_payment_method_types", json_deep_copy(allowed));
    json_array_foreach(types, i, type)
    {
        add_options(options, json_string_value(type));
    }
    set_new(intent, "payment_method_types", types);
    set_new(intent, "payment_method_options", options);
}

/* Numbers and booleans come as text in what is taken unchecked. */
static json_t *typed(const json_t *value)
{
    const char *text = json_string_value(value);

    if (text && (strcmp(text, "true") == 0 || strcmp(text, "false") == 0))
        return json_boolean(*text == 't');
    return json_deep_copy(value);
}

static void apply_options(struct call *call, json_t *intent)
{
    json_t *options = json_object_get(intent, "payment_method_options");
    const char *type, *name;
    json_t *sent, *value;

    json_object_foreach(json_object_get(call->params, "payment_method_options"), type, sent)
    {
        json_t *own = json_object_get(options, type);

        json_object_foreach(own ? sent : NULL, name, value)
        {
            set_new(own, name, typed(value));
        }
    }
}

/* Checks */

static struct failure *check_customer(struct call *call)
{
    const char *customer = json_get_text(call->params, "customer");

    if (customer && !store_get(call->sandbox->store, KIND_CUSTOMER, customer))
        return fail_missing_param(call, "customer", customer, "customer");
    return NULL;
}

static struct failure *check_descriptor(struct call *call, const json_t *intent)
{
    static const char *const members[] = { "statement_descriptor", "statement_descriptor_suffix" };
    const json_t *types = json_object_get(intent, "payment_method_types");

    for (size_t i = 0; i < 2; i++) {
        const char *text = json_get_text(call->params, members[i]);

        if (text && strpbrk(text, "<>\\'\"*"))
            return fail_early(call, 400, NULL, members[i],
                "The statement descriptor must not contain any of the following characters: '<', '>', '\\', ''', '\"', "
                "'*'.");
        if (text && !strpbrk(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"))
            return fail_early(call, 400, NULL, members[i],
                "The statement descriptor must contain at least one letter.");
    }
    if (has(call->params, "statement_descriptor") && json_array_size(types) == 1
        && strcmp(json_string_value(json_array_get(types, 0)), "card") == 0)
        return fail_early(call, 400, NULL, "statement_descriptor",
            "The `statement_descriptor` parameter is not supported for card payments. Use "
            "`statement_descriptor_suffix` "
            "instead.");
    return NULL;
}

/* What only makes sense together with confirm=true. */
static struct failure *check_unconfirmed(struct call *call)
{
    static const char *const confirming[] = {
        "return_url",
        "off_session",
        "error_on_requires_action",
        "mandate_data",
        "mandate",
        "confirmation_token",
        "radar_options",
        NULL,
    };

    for (const char *const *name = confirming; *name; name++) {
        if (json_object_get(call->params, *name))
            return fail_early(call, 400, NULL, *name,
                "The parameter `%s` cannot be passed when creating a PaymentIntent unless `confirm` is set to true.",
                *name);
    }
    return NULL;
}

static struct failure *apply_amount(struct call *call, json_t *intent)
{
    const char *currency = json_get_text(call->params, "currency");
    const json_t *amount = json_object_get(call->params, "amount");
    const char *code;

    if (!currency)
        currency = json_get_text(intent, "currency");
    json_int_t value = amount ? json_integer_value(amount) : json_get_int(intent, "amount");
    PASS(currency_check(call, currency, value, &code));
    set_int(intent, "amount", value);
    set_text(intent, "currency", code);
    return NULL;
}

/* The method that a creation or an update names, without confirming. */
static struct failure *apply_method(struct call *call, json_t *intent)
{
    const char *id = json_get_text(call->params, "payment_method");
    json_t *data = json_object_get(call->params, "payment_method_data");
    struct record *method;

    if (!id && !data)
        return NULL;
    if (id)
        PASS(method_resolve(call, id, "payment_method", &method));
    else
        PASS(method_make(call, data, "payment_method_data", &method));
    PASS(method_check_use(call, method, json_get_text(intent, "customer")));
    set_text(intent, "payment_method", method->id);
    if (is_text(intent, "status", "requires_payment_method"))
        set_text(intent, "status", "requires_confirmation");
    return NULL;
}

/* Operations */

struct failure *intent_create(struct call *call)
{
    json_t *intent = json_in(call->ctx->arena, intent_new(call));
    bool confirm = json_get_bool(call->params, "confirm");
    struct record *method = NULL;

    PASS(apply_amount(call, intent));
    PASS(check_customer(call));
    if (!confirm)
        PASS(check_unconfirmed(call));
    params_apply(call, intent, own_members);
    PASS(params_apply_metadata(call, intent));
    intent_apply_types(call, intent, json_get_text(intent, "currency"));
    apply_options(call, intent);
    PASS(check_descriptor(call, intent));
    if (confirm)
        PASS(intent_prepare(call, intent, &method));
    else
        PASS(apply_method(call, intent));

    struct record *record = store_add(call->sandbox->store, KIND_INTENT, json_incref(intent));
    event_add(call, "payment_intent.created", record);
    if (confirm)
        PASS(intent_attempt(call, record, method));
    return answer(call, record);
}

struct failure *intent_find(struct call *call, struct record **out)
{
    const char *secret = json_get_text(call->params, "client_secret");

    *out = store_get(call->sandbox->store, KIND_INTENT, call->segments[0]);
    if (!*out)
        return fail_missing(call, "payment_intent", call->segments[0], "intent");
    if (call->publishable && !secret)
        return fail_early(call, 400, "parameter_missing", "client_secret", "Missing required param: client_secret.");
    if (secret && !is_text((*out)->object, "client_secret", secret)) {
        *out = NULL;
        return fail_early(call, 400, NULL, "client_secret",
            "The client_secret provided does not match the client_secret associated with this PaymentIntent.");
    }
    return NULL;
}

struct failure *intent_get(struct call *call)
{
    struct record *record;

    PASS(intent_find(call, &record));
    return answer(call, record);
}

static bool is_one_of(const json_t *intent, const char *const *statuses)
{
    return name_index(statuses, json_get_text(intent, "status")) >= 0;
}

struct failure *intent_wrong_state(struct call *call, const struct record *record, const char *what)
{
    struct failure *failure = fail(call, "payment_intent_unexpected_state", NULL, "%s because it has a status of %s.",
        what, json_get_text(record->object, "status"));

    failure->payment_intent = record->object;
    return failure;
}

static struct failure *apply_update(struct call *call, json_t *intent)
{
    bool types = json_object_get(call->params, "allowed_payment_method_types")
        || json_object_get(call->params, "payment_method_types");

    params_apply(call, intent, own_members);
    PASS(params_apply_metadata(call, intent));
    if (json_object_get(call->params, "amount") || json_object_get(call->params, "currency"))
        PASS(apply_amount(call, intent));
    if (types)
        intent_apply_types(call, intent, json_get_text(intent, "currency"));
    apply_options(call, intent);
    PASS(check_descriptor(call, intent));
    return apply_method(call, intent);
}

struct failure *intent_update(struct call *call)
{
    static const char *const open[] = { "requires_payment_method", "requires_confirmation", "requires_action", NULL };
    static const char *const settled[] = { "amount", "currency", "customer", "payment_method", "payment_method_data",
        "payment_method_types", "allowed_payment_method_types", "capture_method", "setup_future_usage", NULL };
    struct record *record;

    PASS(intent_find(call, &record));
    for (const char *const *name = settled; *name && !is_one_of(record->object, open); name++) {
        if (json_object_get(call->params, *name))
            return intent_wrong_state(call, record,
                arena_printf(call->ctx->arena, "This PaymentIntent's %s could not be updated", *name));
    }
    PASS(check_customer(call));
    struct change change = change_begin(record);
    struct failure *failure = apply_update(call, record->object);
    if (failure) {
        change_undo(&change);
        return failure;
    }
    store_reindex(call->sandbox->store, record);
    change_end(&change);
    return answer(call, record);
}

void intent_cancel_for(struct call *call, struct record *record, const char *reason)
{
    struct record *charge =
        store_get(call->sandbox->store, KIND_CHARGE, json_get_text(record->object, "latest_charge"));
    bool held = is_text(record->object, "status", "requires_capture");

    set_text(record->object, "status", "canceled");
    set_text(record->object, "cancellation_reason", reason);
    set_int(record->object, "canceled_at", call->now);
    set_int(record->object, "amount_capturable", 0);
    set_null(record->object, "next_action");
    set_null(record->object, "processing");
    if (held && charge)
        charge_release(call, charge, reason && strcmp(reason, "automatic") == 0);
    event_add(call, "payment_intent.canceled", record);
}

struct failure *intent_cancel(struct call *call)
{
    static const char *const open[] = {
        "requires_payment_method",
        "requires_confirmation",
        "requires_action",
        "requires_capture",
        NULL,
    };
    struct record *record;

    PASS(intent_find(call, &record));
    if (!is_one_of(record->object, open)) {
        struct failure *failure = fail(call, "payment_intent_unexpected_state", NULL,
            "You cannot cancel this PaymentIntent because it has a status of %s. Only a PaymentIntent with one of the "
            "following statuses may be canceled: requires_payment_method, requires_capture, requires_reauthorization, "
            "requires_confirmation, requires_action, processing.",
            json_get_text(record->object, "status"));

        failure->payment_intent = record->object;
        return failure;
    }
    intent_cancel_for(call, record, json_get_text(call->params, "cancellation_reason"));
    return answer(call, record);
}

static bool is_asked(const struct call *call, const struct record *record)
{
    return matches_params(call, record, (const char *const[]){ "customer", NULL });
}

struct failure *intent_list(struct call *call)
{
    return answer_list(call, KIND_INTENT, listed(call, KIND_INTENT, "customer"), is_asked);
}

struct failure *intent_search(struct call *call)
{
    return answer_search(call, KIND_INTENT);
}
