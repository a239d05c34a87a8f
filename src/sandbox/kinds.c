#include "sandbox/kinds.h"

#include "base/arena.h"
#include "base/crypto.h"
#include "base/ctx.h"
#include "base/field.h"
#include "sandbox/memory.h"
#include "sandbox/operations.h"
#include "sandbox/sandbox.h"

#include <string.h>

enum { DEPOSIT_SECONDS = 2 * 86400, VERIFY_TRIES = 10 };

static const struct test_kind kinds[] = {
    { "sepa_debit", FLOW_DEBIT, "eur", .attaches = true, .refunded = "sepa_credit_transfer" },
    { "us_bank_account", FLOW_DEBIT, "usd", .attaches = true, .refunded = "us_bank_transfer" },
    { "klarna", FLOW_REDIRECT, "aud cad chf czk dkk eur gbp nok nzd pln ron sek usd", .later = true, .email = true,
        .refunded = "klarna" },
    { "afterpay_clearpay", FLOW_REDIRECT, "aud cad gbp nzd usd", .later = true, .email = true,
        .refunded = "afterpay_clearpay" },
    { "customer_balance", FLOW_TRANSFER, "eur gbp jpy mxn usd", .refunded = "customer_cash_balance" },
};

const struct test_kind *kind_typed(const char *type)
{
    for (size_t i = 0; type && i < sizeof kinds / sizeof *kinds; i++)
        if (strcmp(kinds[i].type, type) == 0)
            return &kinds[i];
    return NULL;
}

const struct test_kind *kind_of(const struct record *method)
{
    return kind_typed(json_get_text(method->object, "type"));
}

/* Test accounts */

const struct decline decline_left_elsewhere = {
    "payment_intent_authentication_failure",
    NULL,
    "The provided payment method has failed authentication. Provide a new payment method to attempt the payment again.",
    NULL,
    NULL,
};
const struct decline decline_not_verified = {
    "payment_method_microdeposit_failed",
    NULL,
    "Microdeposit transfers failed. Please check the account, institution and transit numbers provided.",
    NULL,
    NULL,
};

static const struct decline unauthorized = {
    "debit_not_authorized",
    NULL,
    "The customer has notified their bank that this payment was unauthorized or the account could not be debited.",
    NULL,
    NULL,
};
static const struct decline closed = { "account_closed", NULL, "The customer's bank account has been closed.", NULL,
    NULL };
static const struct decline no_account = { "no_account", NULL, "The customer's bank account could not be located.",
    NULL, NULL };
static const struct decline no_funds = { "insufficient_funds", NULL,
    "The customer's account has insufficient funds to cover this payment.", NULL, NULL };

/* By the end of an IBAN, or by the number of an account in the United States. */
static const struct {
    const char *type, *number;
    const struct decline *decline;
    bool contested; // … after it was paid
} accounts[] = {
    { "sepa_debit", "3001", &unauthorized, false },
    { "sepa_debit", "3003", &unauthorized, false },
    { "sepa_debit", "3002", NULL, true },
    { "us_bank_account", "000111111116", &no_account, false },
    { "us_bank_account", "000111111113", &closed, false },
    { "us_bank_account", "000222222227", &no_funds, false },
    { "us_bank_account", "000333333335", &unauthorized, false },
    { "us_bank_account", "000555555559", NULL, true },
};

static const char *last_four(const char *number)
{
    size_t length = strlen(number);

    return length > 4 ? number + length - 4 : number;
}

static void remember_account(const char *type, const char *number, json_t *hidden)
{
    for (size_t i = 0; i < sizeof accounts / sizeof *accounts; i++) {
        const char *end = strcmp(type, "sepa_debit") == 0 ? last_four(number) : number;

        if (strcmp(accounts[i].type, type) != 0 || strcmp(accounts[i].number, end) != 0)
            continue;
        set_text(hidden, "account", accounts[i].number);
        set_bool(hidden, "contested", accounts[i].contested);
    }
}

const struct decline *kind_decline(const struct record *method)
{
    const char *number = json_get_text(method->hidden, "account");

    for (size_t i = 0; number && i < sizeof accounts / sizeof *accounts; i++)
        if (strcmp(accounts[i].number, number) == 0)
            return accounts[i].decline;
    return NULL;
}

/* The same for the same number, and no way back to it. */
static const char *fingerprint(struct call *call, const char *number)
{
    static const char key[] = "sandbox account fingerprint";
    uint8_t mac[32];

    hmac_sha256(bytes_of(key), bytes_of(number), mac);
    return arena_strndup(call->ctx->arena, hex_encode(call->ctx->arena, (struct bytes){ mac, sizeof mac }), 16);
}

static const char *without_spaces(struct call *call, const char *text)
{
    char *out = arena_strdup(call->ctx->arena, text);
    char *to = out;

    for (; *text; text++)
        if (*text != ' ' && *text != '-')
            *to++ = *text;
    *to = '\0';
    return out;
}

static struct failure *sepa(struct call *call, json_t *data, const char *prefix, json_t **shown, json_t *hidden)
{
    const char *iban = json_get_text(data, "iban");

    if (!iban)
        return fail_early(call, 400, "parameter_missing", "sepa_debit[iban]", "Missing required param: %ssepa_debit.",
            prefix);
    iban = without_spaces(call, iban);
    if (strlen(iban) < 15 || strlen(iban) > 34)
        return fail_early(call, 400, "invalid_bank_account_iban", "sepa_debit[iban]",
            "The IBAN you provided is invalid.");
    *shown = blank("{'bank_code':null,'branch_code':'','country':null,'fingerprint':null,'generated_from':{"
                   "'charge':null,'setup_attempt':null},'last4':null}");
    set_text(*shown, "bank_code", arena_strndup(call->ctx->arena, iban + 4, 8));
    set_text(*shown, "country", arena_strndup(call->ctx->arena, iban, 2));
    set_text(*shown, "fingerprint", fingerprint(call, iban));
    set_text(*shown, "last4", last_four(iban));
    remember_account("sepa_debit", iban, hidden);
    return NULL;
}

static bool is_number(const char *text, size_t least, size_t most)
{
    size_t length = text ? strlen(text) : 0;

    return text && length >= least && length <= most && strspn(text, "0123456789") == length;
}

/* An account that was linked at its bank has no number that anybody typed, and needs no deposits. */
static struct failure *us_bank(struct call *call, json_t *data, json_t **shown, json_t *hidden)
{
    const char *linked = json_get_text(data, "financial_connections_account");
    const char *number = linked ? "000123456789" : json_get_text(data, "account_number");
    const char *routing = linked ? "110000000" : json_get_text(data, "routing_number");

    if (!is_number(routing, 9, 9))
        return fail_early(call, 400, "routing_number_invalid", "us_bank_account[routing_number]",
            "The routing number must have 9 digits.");
    if (!is_number(number, 4, 17))
        return fail_early(call, 400, "account_number_invalid", "us_bank_account[account_number]",
            "You must use a test bank account number in test mode.");
    *shown = blank("{'account_holder_type':'individual','account_type':'checking','bank_name':'STRIPE TEST BANK',"
                   "'financial_connections_account':null,'fingerprint':null,'last4':null,'networks':{"
                   "'preferred':'ach','supported':['ach']},'routing_number':null,'status_details':null}");
    if (json_get_text(data, "account_holder_type"))
        set_copy(*shown, "account_holder_type", data, "account_holder_type");
    if (json_get_text(data, "account_type"))
        set_copy(*shown, "account_type", data, "account_type");
    set_text(*shown, "financial_connections_account", linked);
    set_text(*shown, "fingerprint", fingerprint(call, number));
    set_text(*shown, "last4", last_four(number));
    set_text(*shown, "routing_number", routing);
    set_bool(hidden, "verified", linked != NULL);
    remember_account("us_bank_account", number, hidden);
    return NULL;
}

struct failure *kind_details(struct call *call, const struct test_kind *kind, json_t *data, const char *prefix,
    json_t **shown, json_t *hidden)
{
    json_t *own = json_object_get(data, kind->type);

    if (strcmp(kind->type, "sepa_debit") == 0)
        return sepa(call, own, prefix, shown, hidden);
    if (strcmp(kind->type, "us_bank_account") == 0)
        return us_bank(call, own, shown, hidden);
    if (kind->email && !json_get_text(json_object_get(data, "billing_details"), "email"))
        return fail_early(call, 400, "parameter_missing", "billing_details[email]",
            "Missing required param: billing_details[email].");
    *shown = strcmp(kind->type, "klarna") == 0 ? blank("{'dob':null}") : made(json_object());
    return NULL;
}

json_t *kind_charge_details(const struct record *intent, const struct record *method)
{
    static const char *const copied[] = { "account_holder_type", "account_type", "bank_code", "bank_name",
        "branch_code", "country", "fingerprint", "last4", "routing_number", NULL };
    const char *type = json_get_text(method->object, "type");
    const json_t *own = json_object_get(method->object, type);
    json_t *details = made(json_object());

    for (const char *const *member = copied; *member; member++)
        if (json_object_get(own, *member))
            set_copy(details, *member, own, *member);
    if (kind_of(method)->flow == FLOW_DEBIT)
        set_copy(details, "mandate", intent->hidden, "mandate");
    if (strcmp(type, "klarna") == 0) {
        set_text(details, "payment_method_category", "pay_later");
        set_text(details, "preferred_locale", "en-US");
    }
    if (strcmp(type, "afterpay_clearpay") == 0) {
        set_null(details, "order_id");
        set_null(details, "reference");
    }
    return details;
}

/* What an intent must be for it */

static bool is_among(const char *words, const char *word)
{
    size_t length = word ? strlen(word) : 0;

    for (const char *at = words; length && *at; at += strcspn(at, " "), at += strspn(at, " "))
        if (strcspn(at, " ") == length && strncmp(at, word, length) == 0)
            return true;
    return false;
}

static struct failure *check_transfer(struct call *call, const json_t *intent)
{
    const json_t *options = json_object_get(json_object_get(intent, "payment_method_options"), "customer_balance");

    if (!has(intent, "customer"))
        return fail(call, "parameter_missing", "customer",
            "A customer must be provided to use the customer_balance payment method.");
    if (!is_text(options, "funding_type", "bank_transfer"))
        return fail(call, "parameter_missing", "payment_method_options[customer_balance][funding_type]",
            "Missing required param: payment_method_options[customer_balance][funding_type].");
    return NULL;
}

struct failure *kind_check(struct call *call, const struct test_kind *kind, const json_t *intent)
{
    const char *currency = json_get_text(intent, "currency");

    if (kind->flow == FLOW_DEBIT && !call->publishable && !has(call->params, "mandate_data")
        && !has(call->params, "mandate"))
        return fail(call, "payment_intent_mandate_invalid", "mandate_data",
            "This PaymentIntent requires a mandate. Pass mandate_data[customer_acceptance] when you confirm it.");
    if (!is_among(kind->currencies, currency))
        return fail(call, "payment_intent_incompatible_payment_method", "currency",
            "The currency provided (%s) is invalid for %s; use one of: %s.", currency, kind->type, kind->currencies);
    if (is_text(intent, "capture_method", "manual") && !kind->later)
        return fail(call, "payment_intent_incompatible_payment_method", "capture_method",
            "%s does not support manual capture.", kind->type);
    return kind->flow == FLOW_TRANSFER ? check_transfer(call, intent) : NULL;
}

/* Small deposits */

bool kind_must_verify(const struct record *method)
{
    return is_text(method->object, "type", "us_bank_account") && !json_get_bool(method->hidden, "verified");
}

json_t *kind_verification(struct call *call, const char *id)
{
    return json_pack("{s:s, s:{s:I, s:s, s:s}}", "type", "verify_with_microdeposits", "verify_with_microdeposits",
        "arrival_date", (json_int_t)call->now + DEPOSIT_SECONDS, "hosted_verification_url",
        arena_printf(call->ctx->arena, "%s/sandbox/3ds/%s", call->sandbox->settings.url, id), "microdeposit_type",
        "amounts");
}

const struct param kind_verify_params[] = {
    ANY(amounts),
    TEXT(client_secret),
    TEXT(descriptor_code),
    PARAMS_END,
};

static json_int_t number_at(const json_t *list, size_t i)
{
    const json_t *value = json_is_object(list) ? json_object_get(list, i ? "1" : "0") : json_array_get(list, i);
    const char *text = json_string_value(value);
    json_int_t number = 0;

    for (; text && *text >= '0' && *text <= '9' && number < 1000; text++)
        number = number * 10 + (*text - '0');
    return text ? number : json_integer_value(value);
}

struct failure *kind_verify(struct call *call, struct record *record, bool *given_up)
{
    const json_t *amounts = json_object_get(call->params, "amounts");
    const char *code = json_get_text(call->params, "descriptor_code");
    json_int_t tries = json_get_int(record->hidden, "verify_tries") + 1;

    *given_up = false;
    if (!amounts == !code)
        return fail_early(call, 400, "parameter_missing", "amounts",
            "You must provide either amounts or descriptor_code.");
    if (code ? strcmp(code, "SM11AA") == 0
             : (number_at(amounts, 0) == 32 && number_at(amounts, 1) == 45)
                || (number_at(amounts, 0) == 45 && number_at(amounts, 1) == 32))
        return NULL;
    set_int(record->hidden, "verify_tries", tries);
    *given_up = tries >= VERIFY_TRIES;
    if (*given_up)
        return fail(call, "payment_method_microdeposit_verification_attempts_exceeded", NULL,
            "You have exceeded the number of allowed verification attempts.");
    return fail(call,
        code ? "payment_method_microdeposit_verification_descriptor_code_mismatch"
             : "payment_method_microdeposit_verification_amounts_mismatch",
        NULL, "The %s provided does not match what was sent to the bank account. You have %lld attempts left.",
        code ? "descriptor code" : "amounts", (long long)(VERIFY_TRIES - tries));
}

/* Bank transfers */

json_t *kind_instructions(struct call *call, const struct record *intent, json_int_t remaining)
{
    const json_t *options =
        json_object_get(json_object_get(intent->object, "payment_method_options"), "customer_balance");
    const char *type = json_get_text(json_object_get(options, "bank_transfer"), "type");

    return json_pack("{s:s, s:{s:I, s:s, s:[], s:s, s:s, s:s}}", "type", "display_bank_transfer_instructions",
        "display_bank_transfer_instructions", "amount_remaining", remaining, "currency",
        json_get_text(intent->object, "currency"), "financial_addresses", "hosted_instructions_url",
        arena_printf(call->ctx->arena, "%s/sandbox/3ds/%s", call->sandbox->settings.url, intent->id), "reference",
        arena_printf(call->ctx->arena, "%.8s", intent->id + strlen("pi_")), "type", type ? type : "eu_bank_transfer");
}
