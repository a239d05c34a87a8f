#include "sandbox/intents.h"

#include "base/arena.h"
#include "base/ctx.h"
#include "base/field.h"
#include "sandbox/charges.h"
#include "sandbox/dials.h"
#include "sandbox/events.h"
#include "sandbox/kinds.h"
#include "sandbox/memory.h"
#include "sandbox/methods.h"
#include "sandbox/operations.h"
#include "sandbox/render.h"
#include "sandbox/schedule.h"
#include "sandbox/setup.h"
#include "sandbox/tokens.h"

#include <string.h>

enum { HOLD_SECONDS = 7 * 86400 };

/* Preparing */

static struct failure *check_state(struct call *call, const json_t *intent)
{
    static const char *const open[] = { "requires_payment_method", "requires_confirmation", "requires_action", NULL };
    const char *status = json_get_text(intent, "status");

    if (name_index(open, status) >= 0)
        return NULL;
    struct failure *failure = fail(call, "payment_intent_unexpected_state", NULL,
        strcmp(status, "succeeded") == 0
            ? "You cannot confirm this PaymentIntent because it has already succeeded after being previously confirmed."
            : "This PaymentIntent's status is %s; it cannot be confirmed in this status.",
        status);
    failure->payment_intent = json_in(call->ctx->arena, json_incref((json_t *)(uintptr_t)intent));
    return failure;
}

/* The method: named, described, by token, or the intent's own. */
static struct failure *find_method(struct call *call, json_t *intent, struct record **out)
{
    const char *token = json_get_text(call->params, "confirmation_token");
    const char *id = json_get_text(call->params, "payment_method");
    json_t *data = json_object_get(call->params, "payment_method_data");

    if ((token != NULL) + (id != NULL) + (data != NULL) > 1)
        return fail_early(call, 400, NULL, "payment_method",
            "You may only specify one of these parameters: payment_method, payment_method_data, confirmation_token.");
    if (token)
        return token_use(call, token, intent, out);
    if (data)
        return method_make(call, data, "payment_method_data", out);
    if (!id)
        id = json_get_text(intent, "payment_method");
    if (id)
        return method_resolve(call, id, "payment_method", out);

    struct failure *failure = fail(call, "payment_intent_unexpected_state", NULL,
        "You cannot confirm this PaymentIntent because it's missing a payment method. You can either update the "
        "PaymentIntent with a payment method and then confirm it again, or confirm it again directly with a payment "
        "method "
        "or ConfirmationToken.");
    failure->payment_intent = json_in(call->ctx->arena, json_incref(intent));
    return failure;
}

static struct failure *check_type(struct call *call, const json_t *intent, const struct record *method)
{
    const char *type = json_get_text(method->object, "type");
    const json_t *types = json_object_get(intent, "payment_method_types");
    const char *list = "";
    size_t i;
    json_t *entry;

    json_array_foreach(types, i, entry)
    {
        if (strcmp(json_string_value(entry), type) == 0)
            return NULL;
        list = arena_printf(call->ctx->arena, "%s%s%s", list, i ? ", " : "", json_string_value(entry));
    }
    return fail(call, "payment_intent_incompatible_payment_method", "payment_method",
        "The PaymentMethod provided (%s) is not allowed for this PaymentIntent. Please attach a PaymentMethod of one "
        "of the "
        "following types: %s.",
        type, list);
}

/* A server that confirms with the dashboard's methods must say where a redirect may end. */
static struct failure *check_return_url(struct call *call, const json_t *intent)
{
    const char *url = json_get_text(call->params, "return_url");
    const json_t *automatic = json_object_get(intent, "automatic_payment_methods");

    if (url && strncmp(url, "http://", 7) != 0 && strncmp(url, "https://", 8) != 0 && !strstr(url, "://"))
        return fail_early(call, 400, "url_invalid", "return_url", "Not a valid URL");
    if (!url && !call->publishable && is_text(automatic, "allow_redirects", "always")
        && !json_get_bool(call->params, "use_stripe_sdk"))
        return fail_early(call, 400, NULL, "return_url",
            "This PaymentIntent is configured to accept payment methods enabled in your Dashboard. Because some of "
            "these "
            "payment methods might redirect your customer off of your page, you must provide a `return_url`. If you "
            "don't "
            "want to accept redirect-based payment methods, set `automatic_payment_methods[enabled]` to `true` and "
            "`automatic_payment_methods[allow_redirects]` to `never` when creating Setup Intents and Payment Intents.");
    return NULL;
}

static struct failure *check_kind(struct call *call, const json_t *intent, const struct record *method)
{
    if (kind_of(method))
        return kind_check(call, kind_of(method), intent);
    if (has(intent, "statement_descriptor")) {
        return fail(call, NULL, "statement_descriptor",
            "The `statement_descriptor` parameter is not supported for card payments. Use "
            "`statement_descriptor_suffix` "
            "instead.");
    }
    return NULL;
}

/* What a confirmation may change in the intent. */
static void apply_confirming(struct call *call, json_t *intent)
{
    static const char *const members[] = { "capture_method", "receipt_email", "setup_future_usage", "shipping", NULL };
    json_t *options = json_object_get(intent, "payment_method_options");
    const char *type;
    json_t *sent;

    params_apply(call, intent, members);
    json_object_foreach(json_object_get(call->params, "payment_method_options"), type, sent)
    {
        if (json_is_object(sent) && json_object_get(options, type))
            json_object_update(json_object_get(options, type), sent);
    }
}

struct failure *intent_prepare(struct call *call, json_t *intent, struct record **method)
{
    PASS(check_state(call, intent));
    PASS(find_method(call, intent, method));
    if (json_object_get(call->params, "payment_method_types")
        || json_object_get(call->params, "allowed_payment_method_types"))
        intent_apply_types(call, intent, json_get_text(intent, "currency"));
    PASS(method_check_use(call, *method, json_get_text(intent, "customer")));
    PASS(check_type(call, intent, *method));
    PASS(check_return_url(call, intent));
    apply_confirming(call, intent);
    return check_kind(call, intent, *method);
}

/* Failing */

void intent_failed(struct call *call, struct record *record, const struct failure *failure)
{
    set_new(record->object, "last_payment_error", failure_error(call, failure));
    set_text(record->object, "status", "requires_payment_method");
    set_null(record->object, "payment_method");
    set_null(record->object, "next_action");
    set_null(record->object, "processing");
    event_add(call, "payment_intent.payment_failed", record);
}

static struct failure *as_failure(struct call *call, const struct decline *decline, struct record *method)
{
    struct failure *failure = fail_card(call, decline->code, decline->decline_code, decline->message);

    failure->advice_code = decline->advice_code;
    failure->network_decline_code = decline->network_decline_code;
    failure->payment_method = method->object;
    return failure;
}

/* With a failed charge where the bank was asked. */
static struct failure *refuse(struct call *call, struct record *record, struct record *method,
    const struct decline *decline, bool asked_bank)
{
    struct failure *failure = as_failure(call, decline, method);
    const struct test_card *card = method_card(method);

    if (asked_bank) {
        struct record *charge = charge_new(call, record, method);

        set_text(record->object, "latest_charge", charge->id);
        failure->charge = charge->id;
        charge_decline(call, charge, decline, card ? card->risk : NULL);
    }
    intent_failed(call, record, failure);
    failure->payment_intent = record->object;
    return failure;
}

/* Paying */

static void keep_method(struct call *call, struct record *record, struct record *method)
{
    const char *customer = json_get_text(record->object, "customer");
    const char *usage = json_get_text(record->object, "setup_future_usage");

    if (usage && strcmp(usage, "off_session") == 0)
        set_bool(method->hidden, "set_up", 1);
    if (customer && usage)
        method_put_on(call, method, customer);
    else if (!has(method->object, "customer"))
        set_bool(method->hidden, "spent", 1);
}

void intent_charged(struct call *call, struct record *record, struct record *charge, struct record *method)
{
    const struct test_card *card = method_card(method);
    json_int_t amount = json_get_int(record->object, "amount");
    bool manual = is_text(record->object, "capture_method", "manual");
    int64_t capture_before = manual ? call->now + HOLD_SECONDS : 0;

    charge_authorize(call, charge, card, capture_before);
    set_bool(charge->hidden, "at_once", card && card->available_at_once);
    set_null(record->object, "next_action");
    set_null(record->object, "processing");
    set_null(record->object, "last_payment_error");
    keep_method(call, record, method);
    if (manual) {
        set_text(record->object, "status", "requires_capture");
        set_int(record->object, "amount_capturable", amount);
        schedule_add(call->sandbox->schedule, capture_before, TASK_EXPIRE, record->id);
        event_add(call, "charge.succeeded", charge);
        event_add(call, "payment_intent.amount_capturable_updated", record);
        return;
    }
    charge_capture(call, charge, amount, true);
    set_text(record->object, "status", "succeeded");
    set_int(record->object, "amount_received", amount);
    event_add(call, "charge.succeeded", charge);
    event_add(call, "payment_intent.succeeded", record);
    charge_afterwards(call, charge, card);
}

static struct failure *charge_card(struct call *call, struct record *record, struct record *method)
{
    const struct test_card *card = method_card(method);

    if (card->decline)
        return refuse(call, record, method, card->decline, true);
    struct record *charge = charge_new(call, record, method);
    set_text(record->object, "latest_charge", charge->id);
    intent_charged(call, record, charge, method);
    return NULL;
}

/* Direct debits take days. */
static struct failure *debit(struct call *call, struct record *record, struct record *method)
{
    json_t *acceptance = json_object_get(json_object_get(call->params, "mandate_data"), "customer_acceptance");

    set_text(record->hidden, "mandate",
        has(call->params, "mandate") ? json_get_text(call->params, "mandate")
                                     : mandate_new(call, method, acceptance)->id);
    struct record *charge = charge_new(call, record, method);
    set_text(record->object, "latest_charge", charge->id);
    set_text(record->object, "status", "processing");
    set_null(record->object, "next_action");
    charge_await(call, charge);
    schedule_add(call->sandbox->schedule, call->now + dials_settle_after(call->sandbox->dials), TASK_SETTLE,
        record->id);
    event_add(call, "payment_intent.processing", record);
    return NULL;
}

/* Those that are no cards */

/* What may not wait for the payer has no page to send him to. */
static struct failure *ask_elsewhere(struct call *call, struct record *record, json_t *action)
{
    set_text(record->hidden, "return_url", json_get_text(call->params, "return_url"));
    set_text(record->object, "status", "requires_action");
    set_new(record->object, "next_action", action);
    event_add(call, "payment_intent.requires_action", record);
    return NULL;
}

static struct failure *pay_otherwise(struct call *call, struct record *record, struct record *method)
{
    const char *return_url = json_get_text(call->params, "return_url");

    switch (kind_of(method)->flow) {
    case FLOW_DEBIT:
        if (!kind_must_verify(method))
            return debit(call, record, method);
        return ask_elsewhere(call, record, kind_verification(call, record->id));
    case FLOW_REDIRECT:
        if (!return_url)
            return fail(call, "parameter_missing", "return_url", "Missing required param: return_url.");
        return ask_elsewhere(call, record, intent_next_action(call, record->id, return_url, false));
    case FLOW_TRANSFER:
        break;
    }
    set_int(record->hidden, "funded", 0);
    return ask_elsewhere(call, record, kind_instructions(call, record, json_get_int(record->object, "amount")));
}

static struct failure *paid_otherwise(struct call *call, struct record *record, struct record *method)
{
    struct record *charge = charge_new(call, record, method);

    set_text(record->object, "latest_charge", charge->id);
    intent_charged(call, record, charge, method);
    return NULL;
}

/* The payer has decided elsewhere, or the deposits have shown whose account it is. */
static struct failure *decided_otherwise(struct call *call, struct record *record, struct record *method, bool passed)
{
    const struct test_kind *kind = kind_of(method);

    if (!passed)
        return refuse(call, record, method, kind->flow == FLOW_DEBIT ? &decline_not_verified : &decline_left_elsewhere,
            false);
    if (kind->flow != FLOW_DEBIT)
        return paid_otherwise(call, record, method);
    set_bool(method->hidden, "verified", 1);
    return debit(call, record, method);
}

struct failure *intent_fund(struct call *call, struct record *record, json_int_t amount)
{
    json_int_t owed = json_get_int(record->object, "amount") - json_get_int(record->hidden, "funded");
    struct record *method =
        store_get(call->sandbox->store, KIND_METHOD, json_get_text(record->object, "payment_method"));

    if (!method || !kind_of(method) || kind_of(method)->flow != FLOW_TRANSFER
        || !is_text(record->object, "status", "requires_action"))
        return fail(call, NULL, "payment_intent", "This PaymentIntent does not wait for a bank transfer.");
    amount = amount > 0 && amount < owed ? amount : owed;
    if (amount == owed)
        return paid_otherwise(call, record, method);
    set_int(record->hidden, "funded", json_get_int(record->hidden, "funded") + amount);
    set_new(record->object, "next_action", kind_instructions(call, record, owed - amount));
    event_add(call, "payment_intent.partially_funded", record);
    return NULL;
}

struct failure *intent_verify(struct call *call)
{
    struct record *record;
    bool given_up;

    PASS(intent_find(call, &record));
    if (!is_text(json_object_get(record->object, "next_action"), "type", "verify_with_microdeposits"))
        return intent_wrong_state(call, record, "This PaymentIntent does not wait for microdeposits");
    struct failure *failure = kind_verify(call, record, &given_up);
    if (!failure || given_up)
        intent_authenticated(call, record, !failure);
    return failure ? failure : answer(call, record);
}

/* Authentication */

static bool must_authenticate(const struct record *record, const struct record *method, bool off_session)
{
    const json_t *options = json_object_get(json_object_get(record->object, "payment_method_options"), "card");
    bool wanted =
        is_text(options, "request_three_d_secure", "any") || is_text(options, "request_three_d_secure", "challenge");
    const struct test_card *card = method_card(method);

    switch (card ? card->authentication : AUTHENTICATION_NONE) {
    case AUTHENTICATION_NONE:
        return false;
    case AUTHENTICATION_OPTIONAL:
        return wanted;
    case AUTHENTICATION_UNLESS_SET_UP:
        return wanted || !json_get_bool(method->hidden, "set_up");
    case AUTHENTICATION_ON_SESSION_ONLY:
        return !off_session;
    case AUTHENTICATION_ALWAYS:
        break;
    }
    return true;
}

static json_t *action_redirect(struct call *call, const char *id, const char *return_url)
{
    const char *url = arena_printf(call->ctx->arena, "%s/sandbox/3ds/%s", call->sandbox->settings.url, id);

    return json_pack("{s:s, s:{s:s, s:s}}", "type", "redirect_to_url", "redirect_to_url", "return_url", return_url,
        "url", url);
}

static json_t *action_sdk(struct call *call, const char *id)
{
    const char *url = arena_printf(call->ctx->arena, "%s/sandbox/3ds/%s?frame=1", call->sandbox->settings.url, id);

    return json_pack("{s:s, s:{s:s, s:s, s:s}}", "type", "use_stripe_sdk", "use_stripe_sdk", "type",
        "three_d_secure_redirect", "source", id, "stripe_js", url);
}

json_t *intent_next_action(struct call *call, const char *id, const char *return_url, bool use_sdk)
{
    return return_url && !use_sdk ? action_redirect(call, id, return_url) : action_sdk(call, id);
}

static struct failure *ask_payer(struct call *call, struct record *record, struct record *method)
{
    const char *return_url = json_get_text(call->params, "return_url");

    set_text(record->hidden, "return_url", return_url);
    set_text(record->object, "payment_method", method->id);
    set_text(record->object, "status", "requires_action");
    set_new(record->object, "next_action",
        intent_next_action(call, record->id, return_url, json_get_bool(call->params, "use_stripe_sdk")));
    event_add(call, "payment_intent.requires_action", record);
    return NULL;
}

struct failure *intent_attempt(struct call *call, struct record *record, struct record *method)
{
    const json_t *flag = json_object_get(call->params, "off_session");
    bool off_session = json_is_true(flag) || json_is_string(flag);

    set_text(record->object, "payment_method", method->id);
    set_bool(record->hidden, "authenticated", 0);
    if (kind_of(method))
        return pay_otherwise(call, record, method);
    if (!must_authenticate(record, method, off_session))
        return charge_card(call, record, method);
    if (off_session)
        return refuse(call, record, method, &decline_authentication_required, true);
    if (json_get_bool(call->params, "error_on_requires_action"))
        return refuse(call, record, method, &decline_authentication_not_handled, false);
    return ask_payer(call, record, method);
}

void intent_authenticated(struct call *call, struct record *record, bool passed)
{
    struct record *method =
        store_get(call->sandbox->store, KIND_METHOD, json_get_text(record->object, "payment_method"));

    if (!method || !is_text(record->object, "status", "requires_action"))
        return;
    if (kind_of(method)) {
        (void)decided_otherwise(call, record, method, passed);
        return;
    }
    set_bool(record->hidden, "authenticated", passed);
    if (passed) // a card may say no even then; the intent tells
        (void)charge_card(call, record, method);
    else
        (void)refuse(call, record, method, &decline_authentication_failed, false);
}

struct failure *intent_confirm(struct call *call)
{
    struct record *record, *method;

    PASS(intent_find(call, &record));
    struct change change = change_begin(record);
    struct failure *failure = intent_prepare(call, record->object, &method);
    if (failure) {
        change_undo(&change);
        return failure;
    }
    change_end(&change);
    PASS(intent_attempt(call, record, method));
    return answer(call, record);
}
