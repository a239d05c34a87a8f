#include "sandbox/setup.h"

#include "base/arena.h"
#include "base/ctx.h"
#include "base/field.h"
#include "sandbox/events.h"
#include "sandbox/intents.h"
#include "sandbox/kinds.h"
#include "sandbox/memory.h"
#include "sandbox/methods.h"
#include "sandbox/operations.h"
#include "sandbox/render.h"
#include "sandbox/tokens.h"

#include <string.h>

static const char *const cancel_names[] = { "abandoned", "duplicate", "requested_by_customer", NULL };
static const char *const redirect_names[] = { "always", "never", NULL };
static const struct param automatic_fields[] = {
    BOOL(enabled, .required = true),
    TEXT(allow_redirects, .names = redirect_names),
    PARAMS_END,
};

/* clang-format off */
#define COMMON \
    BOOL(attach_to_self), TEXT(customer), TEXT(customer_account), TEXT(description, .clears = true), \
    TEXTS(allowed_payment_method_types, .clears = true), TEXTS(payment_method_types, .until = "2026-09-30"), \
    TEXTS(excluded_payment_method_types, .clears = true), TEXTS(flow_directions), METADATA(), TEXT(payment_method), \
    OBJECT(payment_method_data, method_data_params), ANY(payment_method_options), TEXT(payment_method_configuration)
#define CONFIRMING \
    TEXT(confirmation_token), OBJECT(mandate_data, params_mandate_data, .clears = true), TEXT(return_url), \
    BOOL(use_stripe_sdk)
/* clang-format on */

const struct param setup_create_params[] = {
    COMMON,
    CONFIRMING,
    BOOL(confirm),
    OBJECT(automatic_payment_methods, automatic_fields),
    TEXT(on_behalf_of),
    ANY(single_use),
    TEXT(usage, .names = usage_names),
    PARAMS_END,
};
const struct param setup_update_params[] = { COMMON, PARAMS_END };
const struct param setup_confirm_params[] = {
    CONFIRMING,
    TEXT(payment_method),
    OBJECT(payment_method_data, method_data_params),
    ANY(payment_method_options),
    TEXTS(allowed_payment_method_types),
    PARAMS_END,
};
const struct param setup_cancel_params[] = { TEXT(cancellation_reason, .names = cancel_names), PARAMS_END };
const struct param setup_list_params[] = {
    LISTING,
    RANGE(created),
    BOOL(attach_to_self),
    TEXT(customer),
    TEXT(customer_account),
    TEXT(payment_method),
    PARAMS_END,
};
const struct param setup_attempt_list_params[] = {
    LISTING,
    RANGE(created),
    TEXT(setup_intent, .required = true),
    PARAMS_END,
};

static json_t *setup_new(struct call *call)
{
    json_t *setup =
        blank("{'id':null,'object':'setup_intent','allowed_payment_method_types':null,'application':null,"
              "'automatic_payment_methods':null,'cancellation_reason':null,'client_secret':null,'created':0,"
              "'customer':null,'customer_account':null,'description':null,"
              "'excluded_payment_method_types':null,'flow_directions':null,'last_setup_error':null,"
              "'latest_attempt':null,'livemode':false,'managed_payments':null,'mandate':null,'metadata':{},"
              "'next_action':null,'on_behalf_of':null,'payment_method':null,"
              "'payment_method_configuration_details':null,'payment_method_options':{},"
              "'payment_method_types':[],'single_use_mandate':null,'status':'requires_payment_method',"
              "'usage':'off_session'}");
    const char *id = id_stripe(call->ctx, "seti");

    set_text(setup, "id", id);
    set_text(setup, "client_secret", arena_printf(call->ctx->arena, "%s_%s", id, id_stripe(call->ctx, "secret")));
    set_int(setup, "created", call->now);
    return setup;
}

/* Attempts and mandates */

static struct record *attempt_new(struct call *call, const struct record *setup, const struct record *method)
{
    json_t *attempt = blank("{'id':null,'object':'setup_attempt','application':null,'created':0,'customer':null,"
                            "'customer_account':null,'flow_directions':null,'livemode':false,'on_behalf_of':null,"
                            "'payment_method':null,'payment_method_details':null,'setup_error':null,"
                            "'setup_intent':null,'status':'requires_confirmation','usage':'off_session'}");
    const char *type = json_get_text(method->object, "type");
    json_t *details = made(json_object());
    static const char *const copied[] = { "brand", "checks", "country", "exp_month", "exp_year", "fingerprint",
        "funding", "last4", "wallet", NULL };

    if (strcmp(type, "card") == 0) {
        for (const char *const *member = copied; *member; member++)
            set_copy(details, *member, json_object_get(method->object, "card"), *member);
        set_copy(details, "network", json_object_get(method->object, "card"), "brand");
        set_null(details, "three_d_secure");
    }
    set_text(attempt, "id", id_stripe(call->ctx, "setatt"));
    set_int(attempt, "created", call->now);
    set_copy(attempt, "customer", setup->object, "customer");
    set_copy(attempt, "usage", setup->object, "usage");
    set_text(attempt, "payment_method", method->id);
    set_text(attempt, "setup_intent", setup->id);
    set_new(attempt, "payment_method_details", json_pack("{s:s, s:o}", "type", type, type, details));
    return store_add(call->sandbox->store, KIND_ATTEMPT, attempt);
}

struct record *mandate_new(struct call *call, const struct record *method, const json_t *acceptance)
{
    json_t *mandate = blank("{'id':null,'object':'mandate','customer_acceptance':{'accepted_at':null,'type':'offline',"
                            "'offline':{}},'livemode':false,'multi_use':{},'payment_method':null,"
                            "'payment_method_details':null,'status':'active','type':'multi_use'}");
    const char *type = json_get_text(method->object, "type");
    const char *id = id_stripe(call->ctx, "mandate");

    set_text(mandate, "id", id);
    set_int(mandate, "created", call->now);
    set_int(json_object_get(mandate, "customer_acceptance"), "accepted_at", call->now);
    if (is_text(acceptance, "type", "online")) {
        json_t *online = json_object_get(acceptance, "online");
        json_t *shown = json_object_get(mandate, "customer_acceptance");

        set_text(shown, "type", "online");
        set_new(shown, "online", json_is_object(online) ? json_deep_copy(online) : json_object());
        json_object_del(shown, "offline");
    }
    set_text(mandate, "payment_method", method->id);
    set_new(mandate, "payment_method_details",
        json_pack("{s:s, s:{s:s, s:s}}", "type", type, type, "reference", id + strlen("mandate_"), "url",
            arena_printf(call->ctx->arena, "%s/sandbox/mandates/%s", call->sandbox->settings.url, id)));
    return store_add(call->sandbox->store, KIND_MANDATE, mandate);
}

/* Confirming */

static void finish(struct call *call, struct record *record, struct record *method)
{
    struct record *attempt = store_find(call->sandbox->store, json_get_text(record->object, "latest_attempt"));
    const char *customer = json_get_text(record->object, "customer");

    set_text(record->object, "status", "succeeded");
    set_null(record->object, "next_action");
    set_null(record->object, "last_setup_error");
    if (attempt)
        set_text(attempt->object, "status", "succeeded");
    if (kind_of(method))
        set_text(record->object, "mandate", mandate_new(call, method, NULL)->id);
    if (is_text(record->object, "usage", "off_session"))
        set_bool(method->hidden, "set_up", 1);
    if (customer)
        method_put_on(call, method, customer);
    event_add(call, "setup_intent.succeeded", record);
}

static struct failure *refuse(struct call *call, struct record *record, struct record *method,
    const struct decline *decline)
{
    struct record *attempt = store_find(call->sandbox->store, json_get_text(record->object, "latest_attempt"));
    struct failure *failure = fail_card(call, decline->code, decline->decline_code, decline->message);

    failure->advice_code = decline->advice_code;
    failure->payment_method = method->object;
    set_new(record->object, "last_setup_error", failure_error(call, failure));
    if (attempt) {
        set_text(attempt->object, "status", "failed");
        set_copy(attempt->object, "setup_error", record->object, "last_setup_error");
    }
    set_text(record->object, "status", "requires_payment_method");
    set_null(record->object, "payment_method");
    set_null(record->object, "next_action");
    event_add(call, "setup_intent.setup_failed", record);
    failure->setup_intent = record->object;
    return failure;
}

static struct failure *attempt(struct call *call, struct record *record, struct record *method)
{
    const struct test_card *card = method_card(method);
    const char *return_url = json_get_text(call->params, "return_url");

    set_text(record->object, "payment_method", method->id);
    set_text(record->object, "latest_attempt", attempt_new(call, record, method)->id);
    if (card && card->authentication != AUTHENTICATION_NONE && card->authentication != AUTHENTICATION_OPTIONAL) {
        set_text(record->hidden, "return_url", return_url);
        set_text(record->object, "status", "requires_action");
        set_new(record->object, "next_action",
            intent_next_action(call, record->id, return_url, json_get_bool(call->params, "use_stripe_sdk")));
        event_add(call, "setup_intent.requires_action", record);
        return NULL;
    }
    if (card && card->decline && !card->attaches)
        return refuse(call, record, method, card->decline);
    if (kind_must_verify(method)) {
        set_text(record->object, "status", "requires_action");
        set_new(record->object, "next_action", kind_verification(call, record->id));
        event_add(call, "setup_intent.requires_action", record);
        return NULL;
    }
    finish(call, record, method);
    return NULL;
}

void setup_authenticated(struct call *call, struct record *record, bool passed)
{
    struct record *method =
        store_get(call->sandbox->store, KIND_METHOD, json_get_text(record->object, "payment_method"));
    static const struct decline failed = {
        "setup_intent_authentication_failure",
        NULL,
        "We are unable to authenticate your payment method. Please choose a different payment method and try again.",
        NULL,
        NULL,
    };

    if (!method || !is_text(record->object, "status", "requires_action"))
        return;
    if (passed)
        set_bool(method->hidden, "verified", 1);
    if (passed)
        finish(call, record, method);
    else
        (void)refuse(call, record, method, kind_of(method) ? &decline_not_verified : &failed);
}

static struct failure *wrong_state(struct call *call, const struct record *record, const char *what)
{
    struct failure *failure = fail(call, "setup_intent_unexpected_state", NULL,
        "You cannot %s this SetupIntent because it has a status of %s.", what, json_get_text(record->object, "status"));

    failure->setup_intent = record->object;
    return failure;
}

static bool is_final(const struct record *record)
{
    return is_text(record->object, "status", "succeeded") || is_text(record->object, "status", "canceled");
}

/* The method: by token, described, named, or the intent's own. */
static struct failure *find_method(struct call *call, json_t *setup, struct record **out)
{
    const char *token = json_get_text(call->params, "confirmation_token");
    const char *id = json_get_text(call->params, "payment_method");
    json_t *data = json_object_get(call->params, "payment_method_data");

    *out = NULL;
    if (token)
        return token_use(call, token, setup, out);
    if (data)
        return method_make(call, data, "payment_method_data", out);
    if (!id)
        id = json_get_text(setup, "payment_method");
    return id ? method_resolve(call, id, "payment_method", out) : NULL;
}

static struct failure *check_kind(struct call *call, const struct record *method)
{
    if (!kind_of(method)->attaches)
        return fail(call, "setup_intent_invalid_parameter", "payment_method",
            "A payment method of the type %s cannot be set up for later.", kind_of(method)->type);
    if (!call->publishable && !has(call->params, "mandate_data"))
        return fail(call, "setup_intent_mandate_invalid", "mandate_data",
            "This SetupIntent requires a mandate. Pass mandate_data[customer_acceptance] when you confirm it.");
    return NULL;
}

static struct failure *confirm(struct call *call, struct record *record)
{
    struct record *method;

    if (is_final(record))
        return wrong_state(call, record, "confirm");
    PASS(find_method(call, record->object, &method));
    if (!method)
        return fail(call, "setup_intent_unexpected_state", NULL,
            "You cannot confirm this SetupIntent because it's missing a payment method. Update the SetupIntent with a "
            "payment method and then confirm it again.");
    PASS(method_check_use(call, method, json_get_text(record->object, "customer")));
    if (kind_of(method))
        PASS(check_kind(call, method));
    return attempt(call, record, method);
}

/* Operations */

static struct failure *apply(struct call *call, json_t *setup)
{
    static const char *const members[] = { "customer", "description", "usage", "on_behalf_of", "attach_to_self",
        "excluded_payment_method_types", NULL };
    const char *customer = json_get_text(call->params, "customer");
    struct record *method;

    if (customer && !store_get(call->sandbox->store, KIND_CUSTOMER, customer))
        return fail_missing_param(call, "customer", customer, "customer");
    params_apply(call, setup, members);
    PASS(params_apply_metadata(call, setup));
    if (json_get_bool(call->params, "confirm"))
        return NULL;
    PASS(find_method(call, setup, &method));
    if (!method)
        return NULL;
    PASS(method_check_use(call, method, json_get_text(setup, "customer")));
    set_text(setup, "payment_method", method->id);
    set_text(setup, "status", "requires_confirmation");
    return NULL;
}

struct failure *setup_create(struct call *call)
{
    json_t *setup = json_in(call->ctx->arena, setup_new(call));

    intent_apply_types(call, setup, "");
    PASS(apply(call, setup));
    struct record *record = store_add(call->sandbox->store, KIND_SETUP, json_incref(setup));
    event_add(call, "setup_intent.created", record);
    if (json_get_bool(call->params, "confirm"))
        PASS(confirm(call, record));
    return answer(call, record);
}

static struct failure *find(struct call *call, struct record **out)
{
    const char *secret = json_get_text(call->params, "client_secret");

    *out = store_get(call->sandbox->store, KIND_SETUP, call->segments[0]);
    if (!*out)
        return fail_missing(call, "setupintent", call->segments[0], "intent");
    if (call->publishable && !secret)
        return fail_early(call, 400, "parameter_missing", "client_secret", "Missing required param: client_secret.");
    if (secret && !is_text((*out)->object, "client_secret", secret))
        return fail_early(call, 400, NULL, "client_secret",
            "The client_secret provided does not match the client_secret associated with this SetupIntent.");
    return NULL;
}

struct failure *setup_get(struct call *call)
{
    struct record *record;

    PASS(find(call, &record));
    return answer(call, record);
}

struct failure *setup_update(struct call *call)
{
    struct record *record;

    PASS(find(call, &record));
    if (is_final(record))
        return wrong_state(call, record, "update");
    struct change change = change_begin(record);
    struct failure *failure = apply(call, record->object);
    if (failure) {
        change_undo(&change);
        return failure;
    }
    store_reindex(call->sandbox->store, record);
    change_end(&change);
    return answer(call, record);
}

struct failure *setup_confirm(struct call *call)
{
    struct record *record;

    PASS(find(call, &record));
    PASS(confirm(call, record));
    return answer(call, record);
}

struct failure *setup_verify(struct call *call)
{
    struct record *record;
    bool given_up;

    PASS(find(call, &record));
    if (!is_text(json_object_get(record->object, "next_action"), "type", "verify_with_microdeposits"))
        return wrong_state(call, record, "verify");
    struct failure *failure = kind_verify(call, record, &given_up);
    if (!failure || given_up)
        setup_authenticated(call, record, !failure);
    return failure ? failure : answer(call, record);
}

struct failure *setup_cancel(struct call *call)
{
    struct record *record;

    PASS(find(call, &record));
    if (is_final(record))
        return wrong_state(call, record, "cancel");
    set_text(record->object, "status", "canceled");
    set_null(record->object, "next_action");
    params_apply(call, record->object, (const char *const[]){ "cancellation_reason", NULL });
    event_add(call, "setup_intent.canceled", record);
    return answer(call, record);
}

static bool is_asked(const struct call *call, const struct record *record)
{
    return matches_params(call, record, (const char *const[]){ "customer", "payment_method", NULL });
}

struct failure *setup_list(struct call *call)
{
    return answer_list(call, KIND_SETUP, listed(call, KIND_SETUP, "customer"), is_asked);
}

struct failure *setup_attempt_list(struct call *call)
{
    return answer_list(call, KIND_ATTEMPT, listed(call, KIND_ATTEMPT, "setup_intent"), NULL);
}

struct failure *mandate_get(struct call *call)
{
    const struct record *record = store_get(call->sandbox->store, KIND_MANDATE, call->segments[0]);

    return record ? answer(call, record) : fail_missing(call, "mandate", call->segments[0], "mandate");
}
