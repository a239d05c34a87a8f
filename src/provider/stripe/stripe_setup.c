#include <assert.h>
#include <string.h>

#include "base/arena.h"
#include "base/ctx.h"
#include "base/id.h"
#include "http/form.h"
#include "provider/stripe/stripe.h"

#define SETUP "setup_intent"
#define METHOD "payment_method"

static struct error *not_understood(struct ctx *ctx, const char *why)
{
    return error_cause(ctx, error_new(ctx, E_PROVIDER_ERROR, "Stripe's answer could not be understood"), "%s", why);
}

/* Reading a SetupIntent. A declined method is only named in the error. */
static struct error *read_setup(struct ctx *ctx, json_t *setup, struct setup_view *out)
{
    const char *status = json_get_text(setup, "status");
    const char *id = json_get_text(setup, "id");
    json_t *failure = stripe_object(json_object_get(setup, "last_setup_error"));
    json_t *method = json_object_get(setup, "payment_method");

    *out = (struct setup_view){
        .reference = id,
        .mandate = stripe_id(json_object_get(setup, "mandate")),
        .method_id = json_get_text(json_object_get(setup, "metadata"), "payment_method_id"),
        .client_secret = json_get_text(setup, "client_secret"),
        .livemode = json_get_bool(setup, "livemode"),
    };
    if (!id || !id_is_plausible(id) || !status)
        return not_understood(ctx, "a SetupIntent lacks its id or status");
    out->state = stripe_state(status);
    if (out->state == PROVIDER_STATE_WAITING && failure)
        out->decline = stripe_decline(failure);
    if (out->state == PROVIDER_STATE_ACTION)
        stripe_next_action(json_object_get(setup, "next_action"), &out->next_action, &out->next_action_url);
    stripe_method_view(ctx, stripe_id(method) ? method : json_object_get(failure, "payment_method"), &out->method);
    return NULL;
}

static const char *setup_path(struct ctx *ctx, const char *reference, const char *verb)
{
    return arena_printf(ctx->arena, "/v1/setup_intents/%s%s", reference, verb);
}

static const char *method_path(struct ctx *ctx, const char *reference, const char *verb)
{
    return arena_printf(ctx->arena, "/v1/payment_methods/%s%s", reference, verb);
}

static void send(struct ctx *ctx, const char *path, const char *key, struct buf *form, struct stripe_answer *answer)
{
    struct stripe_request request = { .method = "POST", .path = path, .key = key, .form = form };

    assert(key && *key);
    stripe_send(ctx, &request, answer);
}

static struct error *unknown_method(struct ctx *ctx)
{
    return error_new(ctx, E_PAYMENT_METHOD_ERROR, "Stripe does not know this payment method");
}

struct error *stripe_create_setup(struct ctx *ctx, const struct setup_request *request, struct setup_view *out)
{
    struct buf form = { .arena = ctx->arena };
    struct stripe_answer answer;

    form_add(&form, "customer", "%s", request->customer);
    form_add(&form, "usage", "off_session");
    if (request->type)
        form_add(&form, "allowed_payment_method_types[0]", "%s", request->type);
    else
        form_add(&form, "automatic_payment_methods[enabled]", "true");
    form_add(&form, "metadata[payment_method_id]", "%s", request->method_id);
    send(ctx, "/v1/setup_intents", request->key, &form, &answer);
    TRY(stripe_error(ctx, &answer, SETUP));
    return read_setup(ctx, answer.body, out);
}

struct outcome stripe_confirm_setup(struct ctx *ctx, const struct confirm_request *request)
{
    struct buf form = { .arena = ctx->arena };
    struct stripe_request call = { .method = "POST", .key = request->key, .form = &form, .moves_money = true };
    struct stripe_answer answer;
    struct error *error;

    if (!id_is_plausible(request->reference) || !request->method || !id_is_plausible(request->method))
        return stripe_refused(E_PAYMENT_METHOD_ERROR, "Stripe does not know this payment method");
    call.path = setup_path(ctx, request->reference, "/confirm");
    form_add(&form, "payment_method", "%s", request->method);
    form_add(&form, "return_url", "%s", request->return_url);
    if (request->consented)
        form_add(&form, "mandate_data[customer_acceptance][type]", "offline");
    form_add(&form, "expand[0]", METHOD);
    stripe_send(ctx, &call, &answer);

    struct outcome outcome = stripe_outcome(ctx, &answer, SETUP);
    json_t *setup = answer.body;
    if (outcome.kind == OUTCOME_DECLINED)
        setup = stripe_object(json_object_get(answer.error, SETUP));
    else if (outcome.kind != OUTCOME_DONE)
        return outcome;
    error = read_setup(ctx, setup, &outcome.setup);
    if (error)
        stripe_not_understood(&outcome, error->cause);
    return outcome;
}

struct error *stripe_fetch_setup(struct ctx *ctx, const char *reference, struct setup_view *out)
{
    struct buf query = { .arena = ctx->arena };
    json_t *setup;

    if (!id_is_plausible(reference))
        return error_new(ctx, E_NOT_FOUND, "Stripe does not know this SetupIntent");
    form_add(&query, "expand[0]", METHOD);
    TRY(stripe_get(ctx, setup_path(ctx, reference, ""), &query, SETUP, &setup));
    return read_setup(ctx, setup, out);
}

/* One that has come to its end by itself need not be cancelled. */
struct error *stripe_cancel_setup(struct ctx *ctx, const char *reference, const char *key)
{
    struct buf form = { .arena = ctx->arena };
    struct stripe_answer answer;
    struct setup_view now = { 0 };

    if (!id_is_plausible(reference))
        return NULL;
    form_add(&form, "cancellation_reason", "abandoned");
    send(ctx, setup_path(ctx, reference, "/cancel"), key, &form, &answer);
    struct error *error = stripe_error(ctx, &answer, SETUP);
    if (!error || error_status(error->code) == 503)
        return error;
    TRY(stripe_fetch_setup(ctx, reference, &now));
    return now.state == PROVIDER_STATE_SUCCEEDED || now.state == PROVIDER_STATE_CANCELLED ? NULL : error;
}

static void add(struct buf *form, const char *name, const char *value)
{
    if (value)
        form_add(form, name, "%s", value);
}

struct error *stripe_update_method(struct ctx *ctx, const struct method_change *change, struct method_view *out)
{
    struct buf form = { .arena = ctx->arena };
    struct stripe_answer answer;

    if (!id_is_plausible(change->reference))
        return unknown_method(ctx);
    if (change->exp_month)
        form_add(&form, "card[exp_month]", "%d", change->exp_month);
    if (change->exp_year)
        form_add(&form, "card[exp_year]", "%d", change->exp_year);
    add(&form, "billing_details[name]", change->name);
    add(&form, "billing_details[email]", change->email);
    add(&form, "billing_details[phone]", change->phone);
    add(&form, "billing_details[address][line1]", change->line1);
    add(&form, "billing_details[address][line2]", change->line2);
    add(&form, "billing_details[address][city]", change->city);
    add(&form, "billing_details[address][state]", change->state);
    add(&form, "billing_details[address][postal_code]", change->postal_code);
    add(&form, "billing_details[address][country]", change->country);
    send(ctx, method_path(ctx, change->reference, ""), change->key, &form, &answer);
    struct outcome outcome = stripe_outcome(ctx, &answer, METHOD);
    if (outcome.kind == OUTCOME_DECLINED || outcome.kind == OUTCOME_REFUSED)
        return error_cause(ctx, error_new(ctx, E_PAYMENT_METHOD_ERROR, "Stripe did not accept the change"), "%s",
            outcome.cause);
    TRY(stripe_error(ctx, &answer, METHOD));
    stripe_method_view(ctx, answer.body, out);
    return NULL;
}

struct error *stripe_detach_method(struct ctx *ctx, const char *reference, const char *key)
{
    struct buf form = { .arena = ctx->arena };
    struct stripe_answer answer;
    struct method_view now;

    if (!id_is_plausible(reference))
        return NULL;
    send(ctx, method_path(ctx, reference, "/detach"), key, &form, &answer);
    struct error *error = stripe_error(ctx, &answer, METHOD);
    if (!error || error_status(error->code) == 503)
        return error;
    struct error *missing = stripe_fetch_method(ctx, reference, &now);
    if (missing)
        return missing->code == E_NOT_FOUND ? NULL : missing;
    return now.customer ? error : NULL;
}

struct error *stripe_keep_method(struct ctx *ctx, const char *payment, bool keep, const char *const *types,
    const char *key)
{
    struct buf form = { .arena = ctx->arena };
    struct stripe_answer answer;

    if (!id_is_plausible(payment))
        return error_new(ctx, E_NOT_FOUND, "Stripe does not know this payment");
    form_add(&form, "setup_future_usage", "%s", keep ? "off_session" : "");
    for (size_t i = 0; types && types[i]; i++)
        form_add(&form, arena_printf(ctx->arena, "allowed_payment_method_types[%zu]", i), "%s", types[i]);
    send(ctx, arena_printf(ctx->arena, "/v1/payment_intents/%s", payment), key, &form, &answer);
    return stripe_error(ctx, &answer, "payment_intent");
}

struct error *stripe_fetch_mandate(struct ctx *ctx, const char *reference, bool *active)
{
    json_t *mandate;

    if (!id_is_plausible(reference))
        return error_new(ctx, E_NOT_FOUND, "Stripe does not know this mandate");
    TRY(stripe_get(ctx, arena_printf(ctx->arena, "/v1/mandates/%s", reference), NULL, "mandate", &mandate));
    const char *status = json_get_text(mandate, "status");
    *active = !status || strcmp(status, "inactive") != 0; // pending ones may be debited
    return NULL;
}
