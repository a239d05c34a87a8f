#include "sandbox/methods.h"

#include "base/arena.h"
#include "base/crypto.h"
#include "base/ctx.h"
#include "base/field.h"
#include "sandbox/events.h"
#include "sandbox/kinds.h"
#include "sandbox/memory.h"
#include "sandbox/operations.h"
#include "sandbox/render.h"

#include <stdio.h>
#include <string.h>

static const char *const display_choices[] = { "always", "limited", "unspecified", NULL };

static const struct param card_fields[] = {
    INT(exp_month),
    INT(exp_year),
    TEXT(number),
    TEXT(cvc),
    TEXT(token),
    ANY(networks),
    PARAMS_END,
};
static const struct param sepa_fields[] = { TEXT(iban, .required = true), PARAMS_END };
static const struct param us_bank_fields[] = {
    TEXT(account_holder_type, .names = (const char *const[]){ "company", "individual", NULL }),
    TEXT(account_number),
    TEXT(account_type, .names = (const char *const[]){ "checking", "savings", NULL }),
    TEXT(financial_connections_account),
    TEXT(routing_number),
    PARAMS_END,
};
static const struct param billing_fields[] = {
    OBJECT(address, params_address, .clears = true),
    TEXT(email, .clears = true),
    TEXT(name, .clears = true),
    TEXT(phone, .clears = true),
    TEXT(tax_id, .clears = true),
    PARAMS_END,
};

/* clang-format off */
#define OTHER_TYPES \
    ANY(acss_debit), ANY(affirm), ANY(afterpay_clearpay), ANY(alipay), ANY(alma), ANY(amazon_pay), ANY(au_becs_debit), \
    ANY(bacs_debit), ANY(bancontact), ANY(billie), ANY(bizum), ANY(blik), ANY(boleto), ANY(cashapp), ANY(crypto), \
    ANY(custom), ANY(customer_balance), ANY(eps), ANY(fpx), ANY(giropay), ANY(grabpay), ANY(ideal), \
    ANY(interac_present), ANY(kakao_pay), ANY(klarna), ANY(konbini), ANY(kr_card), ANY(link), ANY(mb_way), \
    ANY(mobilepay), ANY(multibanco), ANY(naver_pay), ANY(nz_bank_account), ANY(oxxo), ANY(p24), ANY(pay_by_bank), \
    ANY(payco), ANY(paynow), ANY(paypal), ANY(paypay), ANY(payto), ANY(pix), ANY(promptpay), ANY(radar_options), \
    ANY(revolut_pay), ANY(samsung_pay), ANY(satispay), ANY(scalapay), ANY(sequra), ANY(sofort), ANY(sunbit), \
    ANY(swish), ANY(twint), ANY(upi), ANY(wechat_pay), ANY(zip)
#define DATA \
    TEXT(allow_redisplay, .names = display_choices), OBJECT(billing_details, billing_fields), METADATA(), TEXT(type), \
    OBJECT(card, card_fields), OBJECT(sepa_debit, sepa_fields), \
    OBJECT(us_bank_account, us_bank_fields), OTHER_TYPES
/* clang-format on */

const struct param method_data_params[] = { DATA, PARAMS_END };
const struct param method_create_params[] = { DATA, TEXT(customer), TEXT(payment_method), PARAMS_END };
const struct param method_attach_params[] = { TEXT(customer), TEXT(customer_account), PARAMS_END };
const struct param method_list_params[] = {
    LISTING,
    TEXT(customer),
    TEXT(customer_account),
    TEXT(type),
    TEXT(allow_redisplay),
    PARAMS_END,
};

static const struct param card_update_fields[] = { INT(exp_month), INT(exp_year), ANY(networks), PARAMS_END };
const struct param method_update_params[] = {
    TEXT(allow_redisplay, .names = display_choices),
    OBJECT(billing_details, billing_fields),
    METADATA(),
    OBJECT(card, card_update_fields),
    ANY(payto),
    ANY(us_bank_account),
    PARAMS_END,
};

static json_t *method_new(struct call *call, const char *type)
{
    json_t *method = blank("{'id':null,'object':'payment_method','allow_redisplay':'unspecified','billing_details':{"
                           "'address':{'city':null,'country':null,'line1':null,'line2':null,'postal_code':null,"
                           "'state':null},'email':null,'name':null,'phone':null,'tax_id':null},'created':0,"
                           "'customer':null,'customer_account':null,'livemode':false,'metadata':{},'type':null}");

    set_text(method, "id", id_stripe(call->ctx, "pm"));
    set_int(method, "created", call->now);
    set_text(method, "type", type);
    return method;
}

/* The same for the same number, and no way back to it. */
static const char *fingerprint(struct call *call, const char *number)
{
    static const char key[] = "sandbox card fingerprint";
    uint8_t mac[32];

    hmac_sha256(bytes_of(key), bytes_of(number), mac);
    return arena_strndup(call->ctx->arena, hex_encode(call->ctx->arena, (struct bytes){ mac, sizeof mac }), 16);
}

static const char *last_four(const char *number)
{
    size_t length = strlen(number);

    return length > 4 ? number + length - 4 : number;
}

/* The year of a unix time; months and leap days do not matter for when a test card runs out. */
static json_int_t year_of(int64_t now)
{
    return 1970 + now / 31556952;
}

static json_t *card_new(struct call *call, const struct test_card *card, json_t *data)
{
    json_t *shown = blank("{'brand':null,'checks':{'address_line1_check':null,'address_postal_code_check':null,"
                          "'cvc_check':null},'country':null,'display_brand':null,'exp_month':0,'exp_year':0,"
                          "'fingerprint':null,'funding':null,'generated_from':null,'last4':null,'networks':{"
                          "'available':[],'preferred':null},'regulated_status':'unregulated',"
                          "'three_d_secure_usage':{'supported':true},'wallet':null}");
    json_t *checks = json_object_get(shown, "checks");
    json_int_t month = json_get_int(data, "exp_month");

    set_text(shown, "brand", card->brand);
    set_text(shown, "display_brand", strcmp(card->brand, "amex") == 0 ? "american_express" : card->brand);
    set_text(shown, "country", card->country);
    set_text(shown, "funding", card->funding);
    set_text(shown, "fingerprint", fingerprint(call, card->number));
    set_text(shown, "last4", last_four(card->number));
    set_int(shown, "exp_month", month ? month : 12);
    set_int(shown, "exp_year", month ? json_get_int(data, "exp_year") : year_of(call->now) + 2);
    json_array_append_new(json_object_get(json_object_get(shown, "networks"), "available"), json_string(card->brand));
    if (card->wallet) {
        set_new(shown, "wallet", blank("{'dynamic_last4':null,'type':null}"));
        set_text(json_object_get(shown, "wallet"), "type", card->wallet);
        set_new(json_object_get(shown, "wallet"), card->wallet, json_object());
    }
    if (has(data, "cvc") || !month)
        set_text(checks, "cvc_check", "unchecked");
    return shown;
}

static struct failure *wrong_card(struct call *call, const char *code, const char *param, const char *message)
{
    struct failure *failure = fail_card(call, code, NULL, message);

    failure->param = param;
    failure->unexecuted = true;
    return failure;
}

static const char *digits(struct call *call, const char *text)
{
    char *out = arena_strdup(call->ctx->arena, text);
    char *to = out;

    for (; *text; text++) {
        if (*text != ' ' && *text != '-')
            *to++ = *text;
    }
    *to = '\0';
    return out;
}

static struct failure *check_expiry(struct call *call, const json_t *data)
{
    json_int_t month = json_get_int(data, "exp_month"), year = json_get_int(data, "exp_year");

    if (month < 1 || month > 12)
        return wrong_card(call, "invalid_expiry_month", "exp_month", "Your card's expiration month is invalid.");
    if (year < 100)
        year += 2000;
    if (year < year_of(call->now) || year > year_of(call->now) + 50)
        return wrong_card(call, "invalid_expiry_year", "exp_year", "Your card's expiration year is invalid.");
    set_int((json_t *)(uintptr_t)data, "exp_year", year);
    return NULL;
}

/* The test card that the parameters mean, by number or by token. A number is looked at and forgotten. */
static struct failure *find_card(struct call *call, const json_t *data, const struct test_card **out)
{
    const char *token = json_get_text(data, "token");
    const char *number = json_get_text(data, "number");
    const char *cvc = json_get_text(data, "cvc");

    if (token) {
        *out = card_of_id(token);
        return *out ? NULL : fail_missing_param(call, "token", token, "card[token]");
    }
    if (!number)
        return fail_early(call, 400, "parameter_missing", "card[number]", "Missing required param: card[number].");
    number = digits(call, number);
    if (!card_number_is_sound(number))
        return wrong_card(call, "incorrect_number", "number", "Your card number is incorrect.");
    PASS(check_expiry(call, data));
    if (cvc && (strlen(cvc) < 3 || strlen(cvc) > 4 || cvc[strspn(cvc, "0123456789")]))
        return wrong_card(call, "invalid_cvc", "cvc", "Your card's security code is invalid.");
    *out = card_numbered(number);
    if (!*out)
        return fail_card(call, "card_declined", "test_mode_live_card",
            "Your card was declined. Your request was in test mode, but used a non test card. For a list of valid test "
            "cards, visit: https://stripe.com/docs/testing.");
    return NULL;
}

static void apply_billing(json_t *method, json_t *sent)
{
    json_t *details = json_object_get(method, "billing_details");
    const char *name;
    json_t *value;

    json_object_foreach(sent, name, value)
    {
        if (strcmp(name, "address") == 0 && json_is_object(value))
            json_object_update(json_object_get(details, "address"), value);
        else
            set_new(details, name, json_deep_copy(value));
    }
}

static struct record *store_card(struct call *call, const struct test_card *card, json_t *data)
{
    json_t *method = method_new(call, "card");

    set_new(method, "card", card_new(call, card, data));
    struct record *record = store_add(call->sandbox->store, KIND_METHOD, method);
    set_text(record->hidden, "card", card->name);
    return record;
}

static struct failure *store_other(struct call *call, const struct test_kind *kind, json_t *data, const char *prefix,
    struct record **out)
{
    json_t *hidden = json_in(call->ctx->arena, json_object());
    json_t *shown;

    PASS(kind_details(call, kind, data, prefix, &shown, hidden));
    json_t *method = method_new(call, kind->type);
    set_new(method, kind->type, shown);
    *out = store_add(call->sandbox->store, KIND_METHOD, method);
    json_object_update((*out)->hidden, hidden);
    return NULL;
}

struct failure *method_make(struct call *call, json_t *data, const char *prefix, struct record **out)
{
    const char *type = json_get_text(data, "type");
    const struct test_card *card = NULL;

    if (!type)
        return fail_early(call, 400, "parameter_missing",
            *prefix ? arena_printf(call->ctx->arena, "%s[type]", prefix) : "type", "Missing required param: type.");
    if (strcmp(type, "card") == 0) {
        PASS(find_card(call, json_object_get(data, "card"), &card));
        *out = store_card(call, card, json_object_get(data, "card"));
    } else if (kind_typed(type)) {
        PASS(store_other(call, kind_typed(type), data, prefix, out));
    } else {
        return fail_early(call, 400, NULL, *prefix ? "payment_method_data[type]" : "type",
            "The payment method type \"%.40s\" is not available in this sandbox.", type);
    }
    apply_billing((*out)->object, json_object_get(data, "billing_details"));
    set_copy((*out)->object, "allow_redisplay", json_object_get(data, "allow_redisplay") ? data : (*out)->object,
        "allow_redisplay");
    return NULL;
}

struct failure *method_resolve(struct call *call, const char *id, const char *param, struct record **out)
{
    const struct test_card *card = card_of_id(id);

    *out = card ? store_card(call, card, NULL) : store_get(call->sandbox->store, KIND_METHOD, id);
    return *out ? NULL : fail_missing_param(call, "PaymentMethod", id, param);
}

const struct test_card *method_card(const struct record *method)
{
    return card_named(json_get_text(method->hidden, "card"));
}

json_t *method_preview(const struct record *method)
{
    static const char *const inner[] = { "allow_redisplay", "billing_details", "customer", "customer_account", "type",
        "card", "sepa_debit", "us_bank_account", "klarna", "afterpay_clearpay", "customer_balance", NULL };
    json_t *preview = made(json_object());

    for (const char *const *member = inner; *member; member++) {
        if (json_object_get(method->object, *member))
            set_copy(preview, *member, method->object, *member);
    }
    return preview;
}

/* Attaching */

struct failure *method_check_attach(struct call *call, struct record *method, const char *customer)
{
    const struct test_card *card = method_card(method);
    const char *owner = json_get_text(method->object, "customer");

    if (kind_of(method) && !kind_of(method)->attaches)
        return fail(call, NULL, "payment_method", "A payment method of the type %s cannot be attached to a customer.",
            kind_of(method)->type);
    if (owner && (!customer || strcmp(owner, customer) != 0))
        return fail(call, "payment_method_already_attached", NULL,
            "The payment method you provided has already been attached to a customer.");
    if (json_get_bool(method->hidden, "spent"))
        return fail(call, NULL, NULL,
            "This PaymentMethod was previously used without being attached to a Customer or was detached from a "
            "Customer, "
            "and may not be used again.");
    if (card && card->decline && !card->attaches && card->authentication == AUTHENTICATION_NONE) {
        struct failure *failure =
            fail_card(call, card->decline->code, card->decline->decline_code, card->decline->message);

        failure->payment_method = method->object;
        failure->advice_code = card->decline->advice_code;
        return failure;
    }
    return NULL;
}

void method_put_on(struct call *call, struct record *method, const char *customer)
{
    json_t *card = json_object_get(method->object, "card");

    if (is_text(method->object, "customer", customer))
        return;
    set_text(method->object, "customer", customer);
    if (card && has(json_object_get(card, "checks"), "cvc_check"))
        set_text(json_object_get(card, "checks"), "cvc_check", "pass");
    store_reindex(call->sandbox->store, method);
    event_add(call, "payment_method.attached", method);
}

void method_take_off(struct call *call, struct record *method)
{
    struct change change = change_begin(method);

    set_null(method->object, "customer");
    set_bool(method->hidden, "spent", 1);
    change_event(call, &change, "payment_method.detached");
    change_end(&change);
}

struct failure *method_check_use(struct call *call, const struct record *method, const char *customer)
{
    const char *owner = json_get_text(method->object, "customer");

    if (owner && !customer)
        return fail(call, NULL, "payment_method",
            "The provided PaymentMethod (%s) is attached to a customer, so for security purposes you must provide the "
            "customer in the request.",
            method->id);
    if (owner && strcmp(owner, customer) != 0)
        return fail(call, "resource_missing", "payment_method",
            "The customer does not have a payment method with the ID %s. The payment method must be attached to the "
            "customer.",
            method->id);
    if (json_get_bool(method->hidden, "spent"))
        return fail(call, NULL, "payment_method",
            "The provided PaymentMethod was previously used with a PaymentIntent without Customer attachment, shared "
            "with "
            "a connected account without Customer attachment, or was detached from a Customer. It may not be used "
            "again. "
            "To use a PaymentMethod multiple times, you must attach it to a Customer first.");
    return NULL;
}

/* Operations */

static struct failure *find(struct call *call, struct record **out)
{
    struct failure *failure = method_resolve(call, call->segments[0], "payment_method", out);

    if (failure)
        failure->status = 404;
    return failure;
}

struct failure *method_create(struct call *call)
{
    struct record *method;

    PASS(method_make(call, call->params, "", &method));
    PASS(params_apply_metadata(call, method->object));
    return answer(call, method);
}

struct failure *method_get(struct call *call)
{
    struct record *method;

    PASS(find(call, &method));
    return answer(call, method);
}

struct failure *method_update(struct call *call)
{
    struct record *method;
    json_t *card = json_object_get(call->params, "card");

    PASS(find(call, &method));
    if (!has(method->object, "customer"))
        return fail(call, NULL, NULL, "You must save this PaymentMethod to a customer before you can update it.");
    struct change change = change_begin(method);
    struct failure *failure = params_apply_metadata(call, method->object);
    if (failure) {
        change_undo(&change);
        return failure;
    }
    apply_billing(method->object, json_object_get(call->params, "billing_details"));
    params_apply(call, method->object, (const char *const[]){ "allow_redisplay", NULL });
    if (card && json_object_get(method->object, "card"))
        json_object_update_existing(json_object_get(method->object, "card"), card);
    change_event_if(call, &change, "payment_method.updated");
    change_end(&change);
    return answer(call, method);
}

struct failure *method_attach(struct call *call)
{
    const char *customer = json_get_text(call->params, "customer");
    struct record *method;

    if (!customer)
        return fail_early(call, 400, "parameter_missing", "customer", "Missing required param: customer.");
    PASS(find(call, &method));
    if (!store_get(call->sandbox->store, KIND_CUSTOMER, customer))
        return fail_missing_param(call, "customer", customer, "customer");
    PASS(method_check_attach(call, method, customer));
    method_put_on(call, method, customer);
    return answer(call, method);
}

struct failure *method_detach(struct call *call)
{
    struct record *method;

    PASS(find(call, &method));
    if (!has(method->object, "customer"))
        return fail(call, NULL, NULL,
            "The payment method you provided is not attached to a customer so detachment is impossible.");
    method_take_off(call, method);
    return answer(call, method);
}

static bool is_asked(const struct call *call, const struct record *record)
{
    static const char *const members[] = { "customer", "type", "allow_redisplay", NULL };

    return has(record->object, "customer") && matches_params(call, record, members);
}

struct failure *method_list(struct call *call)
{
    const char *customer = json_get_text(call->params, "customer");

    if (customer && !store_get(call->sandbox->store, KIND_CUSTOMER, customer))
        return fail_missing_param(call, "customer", customer, "customer");
    return answer_list(call, KIND_METHOD, listed(call, KIND_METHOD, "customer"), is_asked);
}
