#include "sandbox/tokens.h"

#include "base/ctx.h"
#include "base/field.h"
#include "sandbox/intents.h"
#include "sandbox/memory.h"
#include "sandbox/methods.h"
#include "sandbox/operations.h"
#include "sandbox/render.h"

enum { LIFE_SECONDS = 12 * 3600 };

const struct param token_create_params[] = {
    TEXT(payment_method),
    OBJECT(payment_method_data, method_data_params),
    ANY(payment_method_options),
    TEXT(return_url),
    TEXT(setup_future_usage, .names = usage_names),
    OBJECT(shipping, params_shipping),
    OBJECT(mandate_data, params_mandate_data),
    BOOL(use_stripe_sdk),
    ANY(client_context),
    PARAMS_END,
};

struct failure *token_create(struct call *call)
{
    json_t *data = json_object_get(call->params, "payment_method_data");
    const char *id = json_get_text(call->params, "payment_method");
    struct record *method;

    if (id)
        PASS(method_resolve(call, id, "payment_method", &method));
    else if (data)
        PASS(method_make(call, data, "payment_method_data", &method));
    else
        return fail_early(call, 400, "parameter_missing", "payment_method_data",
            "Missing required param: payment_method_data.");

    json_t *token = blank("{'id':null,'object':'confirmation_token','created':0,'expires_at':0,'livemode':false,"
                          "'mandate_data':null,'metadata':null,'payment_intent':null,'payment_method_options':null,"
                          "'payment_method_preview':null,'return_url':null,'setup_future_usage':null,"
                          "'setup_intent':null,'shipping':null,'use_stripe_sdk':false}");
    set_text(token, "id", id_stripe(call->ctx, "ctoken"));
    set_int(token, "created", call->now);
    set_int(token, "expires_at", call->now + LIFE_SECONDS);
    set_new(token, "payment_method_preview", method_preview(method));
    set_bool(token, "use_stripe_sdk", call->publishable);
    params_apply(call, token,
        (const char *const[]){ "return_url", "setup_future_usage", "shipping", "mandate_data", "use_stripe_sdk",
            NULL });

    struct record *record = store_add(call->sandbox->store, KIND_TOKEN, token);
    set_text(record->hidden, "method", method->id);
    return answer(call, record);
}

struct failure *token_get(struct call *call)
{
    const struct record *record = store_get(call->sandbox->store, KIND_TOKEN, call->segments[0]);

    return record ? answer(call, record)
                  : fail_missing(call, "confirmation_token", call->segments[0], "confirmation_token");
}

struct failure *token_use(struct call *call, const char *id, json_t *intent, struct record **method)
{
    static const char *const carried[] = { "return_url", "setup_future_usage", "shipping", "mandate_data",
        "use_stripe_sdk", NULL };
    const struct record *record = store_get(call->sandbox->store, KIND_TOKEN, id);
    const char *member = is_text(intent, "object", "setup_intent") ? "setup_intent" : "payment_intent";

    if (!record)
        return fail_missing_param(call, "confirmation_token", id, "confirmation_token");
    if (has(record->object, "payment_intent") || has(record->object, "setup_intent"))
        return fail(call, "confirmation_token_already_used", "confirmation_token",
            "The ConfirmationToken %s has already been used to confirm an intent.", id);
    if (json_get_int(record->object, "expires_at") <= call->now)
        return fail(call, "confirmation_token_expired", "confirmation_token", "The ConfirmationToken %s has expired.",
            id);
    for (const char *const *name = carried; *name; name++) {
        if (has(record->object, *name) && !json_object_get(call->params, *name))
            set_copy(call->params, *name, record->object, *name);
    }
    set_copy(record->object, member, intent, "id");
    *method = store_get(call->sandbox->store, KIND_METHOD, json_get_text(record->hidden, "method"));
    return *method ? NULL : fail_missing_param(call, "PaymentMethod", id, "confirmation_token");
}
