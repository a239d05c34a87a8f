#include "payments/alias_api.h"

#include <ctype.h>
#include <string.h>

#include "base/arena.h"
#include "base/check.h"
#include "base/ctx.h"
#include "base/field.h"
#include "customers/customer.h"
#include "payments/kinds.h"
#include "payments/payment.h"
#include "payments/payment_store.h"
#include "payments/refund.h"
#include "web/reply.h"
#include "web/request.h"

#define PAGE 20

/* What is asked ----------------------------------------------------------------------------------------------------- */

/* An amount to take, in whatever words it came. */
struct order {
    struct money money;
    int64_t amount; // minor units
    const char *currency;
    json_t *amount_in_major_units;
    json_t *user_id, *reference; // ids of the caller's own: texts or whole numbers
    const char *customer_id, *payment_method_id, *payment_method, *description;
    json_t *metadata;
    bool confirm;
};

static const char *check_currency(struct ctx *ctx, const char *text)
{
    (void)ctx;
    return currency_exponent(text) < 0 ? "is not a currency" : NULL;
}

#define ORDER                                                                                                          \
    FIELD(struct order, amount, .min = 1, .summary = "In minor units: 1250 is $12.50"),                                \
        FIELD(struct order, currency, .optional = true, .check = check_currency, .summary = "USD by default"),         \
        FIELD(struct order, customer_id, .optional = true, .max = 255, .check = check_id),                             \
        FIELD(struct order, user_id, .optional = true, .summary = "Your own id of the payer"),                         \
        FIELD(struct order, description, .optional = true, .max = 1000),                                               \
        FIELD(struct order, metadata, .optional = true, .object = true, .check_members = check_metadata)

const struct field alias_intent_asked[] = { ORDER, FIELD_END };

const struct field alias_charge_asked[] = {
    ORDER,
    FIELD(struct order, payment_method_id, .max = 255, .check = check_id),
    FIELD_END,
};

const struct field alias_camel_process_asked[] = {
    FIELD(struct order, amount, .min = 1, .summary = "In minor units: 1250 is $12.50"),
    FIELD(struct order, currency, .optional = true, .check = check_currency, .summary = "usd by default"),
    FIELD_AS(struct order, payment_method_id, "paymentMethodId", .optional = true, .max = 255, .check = check_id),
    FIELD_AS(struct order, user_id, "userId", .optional = true, .summary = "Your own id of the payer"),
    FIELD_AS(struct order, reference, "courseId", .optional = true, .summary = "What is bought, by your own id"),
    FIELD(struct order, description, .optional = true, .max = 1000),
    FIELD(struct order, metadata, .optional = true, .object = true, .check_members = check_metadata),
    FIELD(struct order, confirm, .optional = true,
        .summary = "true charges paymentMethodId now; otherwise the browser confirms with the clientSecret"),
    FIELD_END,
};

#define INVOICE                                                                                                        \
    FIELD_AS(struct order, reference, "invoice_id", .summary = "What is paid, by your own id"),                        \
        FIELD_AS(struct order, amount_in_major_units, "amount",                                                        \
            .summary = "A number or text in major units beside currency, or {\"value\", \"currency\"}"),               \
        FIELD(struct order, currency, .optional = true, .check = check_currency),                                      \
        FIELD(struct order, customer_id, .optional = true, .max = 255, .check = check_id),                             \
        FIELD(struct order, user_id, .optional = true, .summary = "Your own id of the payer"),                         \
        FIELD(struct order, description, .optional = true, .max = 1000),                                               \
        FIELD(struct order, metadata, .optional = true, .object = true, .check_members = check_metadata)

const struct field alias_invoice_intent_asked[] = { INVOICE, FIELD_END };

static const char *check_method(struct ctx *ctx, const char *text)
{
    const char *type;

    return kind_said(ctx, text, &type) ? NULL
                                       : "must be card, sepa_debit, ach_debit, klarna, afterpay, bank_transfer, a "
                                         "wallet that is switched on, or stripe "
                                         "for any of them";
}

const struct field alias_invoice_process_asked[] = {
    INVOICE,
    FIELD(struct order, payment_method, .max = 40, .check = check_method,
        .summary =
            "stripe, card, credit_card, debit_card, apple_pay, google_pay, sepa_debit, ach_debit, klarna, afterpay, "
            "bank_transfer, in letters of either case"),
    FIELD_END,
};

/* An id of the caller's own, as text: both 42 and "42" name the same. */
static const char *own_id(struct ctx *ctx, const json_t *value, const char *pointer, struct error **error)
{
    const char *text = json_is_integer(value) ? arena_printf(ctx->arena, "%lld", (long long)json_integer_value(value))
                                              : json_string_value(value);

    if (!value || json_is_null(value))
        return NULL;
    if (!text || !*text || strlen(text) > 200) {
        error_add_field(ctx, error, pointer, "must be a text of 1 to 200 characters, or a whole number");
        return NULL;
    }
    return text;
}

/* An amount in major units, exactly as it was written. */
static void read_major(struct ctx *ctx, const struct order *order, struct money *out, struct error **error)
{
    const json_t *amount = order->amount_in_major_units;
    const char *currency = order->currency, *value = json_string_value(amount), *why = NULL;

    if (json_is_object(amount)) {
        value = json_get_text(amount, "value");
        currency = json_get_text(amount, "currency");
    } else if (json_is_integer(amount)) {
        value = arena_printf(ctx->arena, "%lld", (long long)json_integer_value(amount));
    }
    if (!currency)
        error_add_field(ctx, error, json_is_object(amount) ? "#/amount/currency" : "#/currency", "is required");
    else if (!value)
        error_add_field(ctx, error, "#/amount",
            "must be a number or text like 12.50, or {\"value\": \"12.50\", \"currency\": \"USD\"}");
    else if (!money_parse(value, currency, out, &why))
        error_add_field(ctx, error, "#/amount", "%s", why);
    else if (out->minor < 1)
        error_add_field(ctx, error, "#/amount", "must be more than 0");
}

static void read_minor(struct ctx *ctx, const struct order *order, struct money *out, struct error **error)
{
    const char *why = NULL;

    if (!money_from_minor(order->amount, order->currency ? order->currency : "USD", out, &why))
        error_add_field(ctx, error, "#/amount", "%s", why);
}

/* Everything that is wrong with the order is said at once; then its payment is made, by the one function that makes them. */
static struct error *place(struct ctx *ctx, struct order *order, const char *user, const char *reference,
    enum payment_confirmation confirmation, struct payment *out)
{
    struct payment_request request = {
        .customer_id = order->customer_id,
        .payment_method_id = order->payment_method_id,
        .description = order->description,
        .metadata = order->metadata,
        .capture = true,
        .confirmation = confirmation,
    };
    struct error *error = NULL;
    const char *user_id = own_id(ctx, order->user_id, user, &error);

    request.reference = own_id(ctx, order->reference, reference, &error);
    if (order->amount_in_major_units)
        read_major(ctx, order, &request.amount, &error);
    else
        read_minor(ctx, order, &request.amount, &error);
    TRY(error);
    if (order->payment_method)
        kind_said(ctx, order->payment_method, &request.method_type);
    if (user_id && !request.customer_id)
        TRY(customer_of_user(ctx, user_id, user, &request.customer_id));
    return payment_create(ctx, &request, out);
}

/* What is answered -------------------------------------------------------------------------------------------------- */

struct result {
    bool success;
    const char *payment_id, *payment_intent_id, *client_secret, *status, *currency, *user_id, *reference, *description;
    int64_t amount;
    struct instant created_at;
};

#define RESULT                                                                                                         \
    FIELD(struct result, success), FIELD(struct result, payment_id), FIELD(struct result, payment_intent_id),          \
        FIELD(struct result, client_secret, .secret = true), FIELD(struct result, status),                             \
        FIELD(struct result, amount), FIELD(struct result, currency)

const struct field alias_result_shown[] = { RESULT, FIELD_END };
const struct field alias_invoice_shown[] = { RESULT, FIELD_AS(struct result, reference, "invoice_id"), FIELD_END };

const struct field alias_camel_result_shown[] = {
    FIELD(struct result, success),
    FIELD_AS(struct result, payment_id, "paymentId"),
    FIELD_AS(struct result, payment_intent_id, "stripePaymentIntentId"),
    FIELD(struct result, status),
    FIELD_AS(struct result, client_secret, "clientSecret", .secret = true),
    FIELD_END,
};

static const struct field payment_shown_plain[] = {
    FIELD_AS(struct result, payment_id, "id"),
    FIELD(struct result, payment_intent_id),
    FIELD(struct result, user_id),
    FIELD(struct result, amount),
    FIELD(struct result, currency),
    FIELD(struct result, status),
    FIELD(struct result, description),
    FIELD(struct result, created_at),
    FIELD_END,
};

const struct field alias_camel_payment_shown[] = {
    FIELD_AS(struct result, payment_id, "id"),
    FIELD_AS(struct result, user_id, "userId"),
    FIELD_AS(struct result, reference, "courseId"),
    FIELD(struct result, amount),
    FIELD(struct result, currency),
    FIELD(struct result, status),
    FIELD_AS(struct result, payment_intent_id, "stripePaymentIntentId"),
    FIELD_AS(struct result, created_at, "createdAt"),
    FIELD_END,
};

static const char *lower(struct ctx *ctx, const char *text)
{
    char *out = arena_strdup(ctx->arena, text);

    for (char *c = out; *c; c++)
        *c = (char)tolower((unsigned char)*c);
    return out;
}

static struct error *describe(struct ctx *ctx, const struct payment *payment, bool camel, struct result *out)
{
    struct customer customer = { 0 };

    if (payment->customer_id)
        TRY(customer_get(ctx, payment->customer_id, &customer));
    *out = (struct result){
        .payment_id = payment->id,
        .payment_intent_id = payment->provider_payment_id,
        .status = payment_public_status(payment),
        .amount = payment->amount.minor,
        .currency = camel ? lower(ctx, payment->amount.currency) : payment->amount.currency,
        .user_id = customer.reference ? customer.reference : payment->customer_id,
        .reference = payment->reference,
        .description = payment->description,
        .created_at = payment->created_at,
    };
    return NULL;
}

/* A charge has succeeded when the money is safe, and not a moment earlier; an intent when it is there. */
static struct error *answer(struct request *r, const struct payment *payment, bool intent, const struct field *shown)
{
    bool open = payment->status == PAYMENT_PROCESSING || payment->status == PAYMENT_UNKNOWN;
    bool safe = payment->status == PAYMENT_SUCCEEDED || payment->status == PAYMENT_AUTHORIZED;
    struct result result;

    TRY(describe(r->ctx, payment, shown == alias_camel_result_shown, &result));
    result.success = safe || (intent && payment->provider_payment_id && payment->status == PAYMENT_CREATED);
    if (!payment_is_over(payment->status))
        TRY(payment_client_secret(r->ctx, payment, &result.client_secret));
    return reply_json(r, open ? 202 : intent ? 201 : 200, shown, &result);
}

/* Charging ---------------------------------------------------------------------------------------------------------- */

struct error *alias_api_create_intent(struct request *r)
{
    struct order order = { 0 };
    struct payment payment;

    TRY(request_json(r, alias_intent_asked, &order));
    TRY(place(r->ctx, &order, "#/user_id", "#/reference", CONFIRMATION_MANUAL, &payment));
    return answer(r, &payment, true, alias_result_shown);
}

struct confirmation {
    const char *payment_intent_id, *payment_id, *payment_method_id;
};

const struct field alias_confirm_asked[] = {
    FIELD(struct confirmation, payment_intent_id, .optional = true, .max = 255, .check = check_id),
    FIELD(struct confirmation, payment_id, .optional = true, .max = 255, .check = check_id),
    FIELD(struct confirmation, payment_method_id, .optional = true, .max = 255, .check = check_id),
    FIELD_END,
};

static struct error *one_id(struct ctx *ctx, const char *ours, const char *theirs, const char *pointer)
{
    struct error *error = NULL;

    if (!ours && !theirs)
        error_add_field(ctx, &error, pointer, "is required");
    return error;
}

struct error *alias_api_confirm(struct request *r)
{
    struct confirmation asked = { 0 };
    struct payment payment;

    TRY(request_json(r, alias_confirm_asked, &asked));
    TRY(one_id(r->ctx, asked.payment_id, asked.payment_intent_id, "#/payment_intent_id"));
    struct confirm_order order = { .payment_method_id = asked.payment_method_id };
    TRY(payment_confirm(r->ctx, asked.payment_id ? asked.payment_id : asked.payment_intent_id, &order, &payment));
    return answer(r, &payment, false, alias_result_shown);
}

struct error *alias_api_charge(struct request *r)
{
    struct order order = { 0 };
    struct payment payment;

    TRY(request_json(r, alias_charge_asked, &order));
    TRY(place(r->ctx, &order, "#/user_id", "#/reference", CONFIRMATION_AUTOMATIC, &payment));
    return answer(r, &payment, false, alias_result_shown);
}

struct error *alias_api_camel_process(struct request *r)
{
    struct order order = { 0 };
    struct payment payment;
    struct error *error = NULL;

    TRY(request_json(r, alias_camel_process_asked, &order));
    if (order.confirm && !order.payment_method_id)
        error_add_field(r->ctx, &error, "#/paymentMethodId", "is required with confirm");
    TRY(error);
    TRY(place(r->ctx, &order, "#/userId", "#/courseId", order.confirm ? CONFIRMATION_AUTOMATIC : CONFIRMATION_MANUAL,
        &payment));
    return answer(r, &payment, !order.confirm, alias_camel_result_shown);
}

struct error *alias_api_stripe_intent(struct request *r)
{
    struct order order = { 0 };
    struct payment payment;

    TRY(request_json(r, alias_invoice_intent_asked, &order));
    TRY(place(r->ctx, &order, "#/user_id", "#/invoice_id", CONFIRMATION_MANUAL, &payment));
    return answer(r, &payment, true, alias_invoice_shown);
}

struct error *alias_api_process(struct request *r)
{
    struct order order = { 0 };
    struct payment payment;

    TRY(request_json(r, alias_invoice_process_asked, &order));
    TRY(place(r->ctx, &order, "#/user_id", "#/invoice_id", CONFIRMATION_MANUAL, &payment));
    return answer(r, &payment, true, alias_invoice_shown);
}

/* Looking ----------------------------------------------------------------------------------------------------------- */

struct span {
    int64_t limit, offset;
};

const struct field alias_history_query[] = {
    FIELD(struct span, limit, .optional = true, .min = 1, .max = 100, .summary = "Entries at most; 20 by default"),
    FIELD(struct span, offset, .optional = true, .min = 0, .max = 1000000),
    FIELD_END,
};

struct history {
    struct field_list payments;
    int64_t total, limit, offset;
};

#define HISTORY(table)                                                                                                 \
    {                                                                                                                  \
        FIELD_LIST_OF(struct history, payments, struct result, table), FIELD(struct history, total),                   \
            FIELD(struct history, limit), FIELD(struct history, offset), FIELD_END                                     \
        ,                                                                                                              \
    }
const struct field alias_history_shown[] = HISTORY(payment_shown_plain);
const struct field alias_camel_history_shown[] = HISTORY(alias_camel_payment_shown);

static struct error *history(struct request *r, bool camel, const struct field *shown)
{
    struct span span = { .limit = PAGE };
    struct field_list payments;

    TRY(request_query_fields(r, alias_history_query, &span));
    struct payment_filter filter = { .limit = span.limit, .offset = span.offset };
    struct history out = { .limit = span.limit, .offset = span.offset };
    TRY(payment_list(r->ctx, &filter, &payments));
    TRY(payment_count(r->ctx, &filter, &out.total));
    struct result *results = arena_array(r->ctx->arena, payments.count + 1, sizeof *results);
    for (size_t i = 0; i < payments.count; i++)
        TRY(describe(r->ctx, (const struct payment *)payments.items + i, camel, &results[i]));
    out.payments = (struct field_list){ results, payments.count };
    return reply_json(r, 200, shown, &out);
}

struct error *alias_api_history(struct request *r)
{
    return history(r, false, alias_history_shown);
}

struct error *alias_api_camel_history(struct request *r)
{
    return history(r, true, alias_camel_history_shown);
}

struct error *alias_api_camel_get(struct request *r)
{
    struct payment payment;
    struct result result;

    TRY(payment_refresh(r->ctx, request_path(r, "id"), 10, &payment));
    TRY(describe(r->ctx, &payment, true, &result));
    return reply_json(r, 200, alias_camel_payment_shown, &result);
}

/* Giving back ------------------------------------------------------------------------------------------------------- */

struct plain_refund {
    const char *payment_id, *payment_intent_id, *reason;
    int64_t amount;
};

const struct field alias_refund_asked[] = {
    FIELD(struct plain_refund, payment_id, .optional = true, .max = 255, .check = check_id),
    FIELD(struct plain_refund, payment_intent_id, .optional = true, .max = 255, .check = check_id),
    FIELD(struct plain_refund, amount, .optional = true, .min = 1,
        .summary = "In minor units; all that is left without one"),
    FIELD(struct plain_refund, reason, .optional = true, .max = 500),
    FIELD_END,
};

const struct field alias_camel_refund_asked[] = {
    FIELD_AS(struct plain_refund, payment_id, "paymentId", .max = 255, .check = check_id),
    FIELD(struct plain_refund, amount, .optional = true, .min = 1,
        .summary = "In minor units; all that is left without one"),
    FIELD(struct plain_refund, reason, .optional = true, .max = 500),
    FIELD_END,
};

struct refund_result {
    bool success;
    const char *refund_id, *payment_id, *status;
    int64_t amount;
};

const struct field alias_refund_shown[] = {
    FIELD(struct refund_result, success, .summary = "Whether the money goes back; status says whether it is there"),
    FIELD(struct refund_result, refund_id),
    FIELD(struct refund_result, payment_id),
    FIELD(struct refund_result, amount),
    FIELD(struct refund_result, status),
    FIELD_END,
};

const struct field alias_camel_refund_shown[] = {
    FIELD(struct refund_result, success, .summary = "Whether the money goes back; status says whether it is there"),
    FIELD_AS(struct refund_result, payment_id, "paymentId"),
    FIELD_AS(struct refund_result, refund_id, "refundId"),
    FIELD(struct refund_result, amount),
    FIELD(struct refund_result, status),
    FIELD_END,
};

static struct error *give_back(struct request *r, const struct plain_refund *asked, const struct field *shown)
{
    struct refund_request request = { .payment = asked->payment_id ? asked->payment_id : asked->payment_intent_id,
        .reason = asked->reason };
    struct payment payment;
    struct refund refund;

    if (asked->amount) {
        TRY(payment_get(r->ctx, request.payment, &payment));
        request.amount = payment.amount;
        request.amount.minor = asked->amount;
    }
    TRY(refund_create(r->ctx, &request, &refund));
    struct refund_result result = {
        .success = refund.status == REFUND_PROCESSING || refund.status == REFUND_SUCCEEDED,
        .refund_id = refund.id,
        .payment_id = refund.payment_id,
        .amount = refund.amount.minor,
        .status = refund_status_names[refund.status],
    };
    return reply_json(r, refund.status == REFUND_PROCESSING ? 202 : 200, shown, &result);
}

struct error *alias_api_refund(struct request *r)
{
    struct plain_refund asked = { 0 };

    TRY(request_json(r, alias_refund_asked, &asked));
    TRY(one_id(r->ctx, asked.payment_id, asked.payment_intent_id, "#/payment_id"));
    return give_back(r, &asked, alias_refund_shown);
}

struct error *alias_api_camel_refund(struct request *r)
{
    struct plain_refund asked = { 0 };

    TRY(request_json(r, alias_camel_refund_asked, &asked));
    return give_back(r, &asked, alias_camel_refund_shown);
}
