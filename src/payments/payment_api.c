#include "payments/payment_api.h"

#include "base/arena.h"
#include "base/check.h"
#include "base/ctx.h"
#include "http/smtp.h"
#include "payments/payment.h"
#include "payments/payment_store.h"
#include "payments/payment_view.h"
#include "web/reply.h"
#include "web/request.h"

#define PAGE 20
#define PAGE_OF_ONE 100 // customer
#define RECENT (30 * 86400)

struct create_body {
    struct money amount;
    const char *payment_method_id, *customer_id, *description, *reference, *return_url, *receipt_email;
    json_t *metadata;
    bool capture, confirm, off_session, save_payment_method;
    enum payment_confirmation confirmation_method;
};

const struct field payment_asked[] = {
    FIELD(struct create_body, amount, .min = 1, .summary = "What to charge"),
    FIELD(struct create_body, payment_method_id, .optional = true, .max = 255, .check = check_id,
        .summary =
            "A kept payment method, or one of the provider's; without one, the one remembered of the customer with "
            "off_session or confirm true, else the payment waits for the checkout page or for confirm"),
    FIELD(struct create_body, customer_id, .optional = true, .max = 255, .check = check_id),
    FIELD(struct create_body, description, .optional = true, .max = 1000),
    FIELD(struct create_body, reference, .optional = true, .max = 200,
        .summary = "Your own id: an order, an invoice, a course"),
    FIELD(struct create_body, metadata, .optional = true, .object = true, .check_members = check_metadata),
    FIELD(struct create_body, capture, .optional = true,
        .summary = "false authorizes only; capture later. true by default"),
    FIELD(struct create_body, confirmation_method, .optional = true, .names = payment_confirmation_names,
        .summary = "manual waits for confirm even where there is a payment method. automatic by default"),
    FIELD(struct create_body, confirm, .optional = true, .summary = "false is the same as confirmation_method manual"),
    FIELD(struct create_body, off_session, .optional = true,
        .summary = "The payer is not there. Without a payment method the customer's default or remembered one is used"),
    FIELD(struct create_body, save_payment_method, .optional = true,
        .summary = "Keep the payment method of this customer, who has allowed it"),
    FIELD(struct create_body, return_url, .optional = true, .max = 2000, .check = check_return_url,
        .summary = "Where the payer goes after the bank's page"),
    FIELD(struct create_body, receipt_email, .optional = true, .max = 254, .check = check_mail_address,
        .summary = "Where the receipt goes; the customer's address without it"),
    FIELD_END,
};

struct confirm_body {
    const char *payment_method_id, *return_url;
    bool off_session;
};

const struct field payment_confirm_asked[] = {
    FIELD(struct confirm_body, payment_method_id, .optional = true, .max = 255, .check = check_id),
    FIELD(struct confirm_body, return_url, .optional = true, .max = 2000, .check = check_return_url),
    FIELD(struct confirm_body, off_session, .optional = true),
    FIELD_END,
};

struct capture_body {
    struct money amount;
    bool final;
};

const struct field payment_capture_asked[] = {
    FIELD(struct capture_body, amount, .optional = true, .min = 1,
        .summary = "What to take; all that is held without one"),
    FIELD(struct capture_body, final, .optional = true,
        .summary =
            "false holds the rest for a further capture, where multicapture is true; otherwise it is released. true "
            "by default"),
    FIELD_END,
};

struct cancel_body {
    const char *reason;
};

const struct field payment_cancel_asked[] = {
    FIELD(struct cancel_body, reason, .optional = true, .max = 200),
    FIELD_END,
};

static bool is_under_way(const struct payment *payment)
{
    return payment->status == PAYMENT_PROCESSING || payment->status == PAYMENT_UNKNOWN;
}

static struct error *show(struct request *r, int status, const struct payment *payment)
{
    struct payment_view view;

    TRY(payment_view(r->ctx, payment, true, &view));
    return reply_json(r, is_under_way(payment) ? 202 : status, payment_shown, &view);
}

struct error *payment_api_create(struct request *r)
{
    struct create_body body = { .capture = true, .confirm = true };
    struct payment payment;

    TRY(request_json(r, payment_asked, &body));
    struct payment_request request = {
        .amount = body.amount,
        .payment_method_id = body.payment_method_id,
        .customer_id = body.customer_id,
        .description = body.description,
        .reference = body.reference,
        .return_url = body.return_url,
        .receipt_email = body.receipt_email,
        .metadata = body.metadata,
        .capture = body.capture,
        .confirmation = body.confirm ? body.confirmation_method : CONFIRMATION_MANUAL,
        .off_session = body.off_session,
        .remembered = body.off_session || json_is_true(json_object_get(r->json, "confirm")),
        .keep = body.save_payment_method,
    };
    TRY(payment_create(r->ctx, &request, &payment));
    reply_header(r, "Location", "/api/v1/payments/%s", payment.id);
    return show(r, 201, &payment);
}

/* What has not come to its end is asked about, at most each ten seconds. */
struct error *payment_api_get(struct request *r)
{
    struct payment payment;

    TRY(payment_refresh(r->ctx, request_path(r, "id"), 10, &payment));
    return show(r, 200, &payment);
}

struct error *payment_api_confirm(struct request *r)
{
    struct confirm_body body = { 0 };
    struct payment payment;

    TRY(request_json(r, payment_confirm_asked, &body));
    struct confirm_order order = { body.payment_method_id, body.return_url, body.off_session };
    TRY(payment_confirm(r->ctx, request_path(r, "id"), &order, &payment));
    return show(r, 200, &payment);
}

struct error *payment_api_capture(struct request *r)
{
    struct capture_body body = { .final = true };
    struct payment payment;

    TRY(request_json(r, payment_capture_asked, &body));
    TRY(payment_capture(r->ctx, request_path(r, "id"), body.amount, body.final, &payment));
    return show(r, 200, &payment);
}

struct error *payment_api_cancel(struct request *r)
{
    struct cancel_body body = { 0 };
    struct payment payment;

    TRY(request_json(r, payment_cancel_asked, &body));
    TRY(payment_cancel(r->ctx, request_path(r, "id"), body.reason ? body.reason : "requested_by_merchant", &payment));
    return show(r, 200, &payment);
}

/* Lists ------------------------------------------------------------------------------------------------------------- */

static const char *check_status(struct ctx *ctx, const char *text)
{
    static const char *const names[] = { "pending", "requires_action", "processing", "authorized", "succeeded",
        "failed", "cancelled", "refunded", NULL };

    (void)ctx;
    return name_index(names, text) < 0
        ? "must be pending, requires_action, processing, authorized, succeeded, failed, cancelled or refunded"
        : NULL;
}

static const char *check_currency(struct ctx *ctx, const char *text)
{
    (void)ctx;
    return currency_exponent(text) < 0 ? "is not a currency" : NULL;
}

static const char *check_refund_state(struct ctx *ctx, const char *text)
{
    (void)ctx;
    return name_index(refund_state_names, text) < 0 ? "must be none, partial or full" : NULL;
}

#define FILTERS                                                                                                        \
    FIELD(struct payment_filter, limit, .optional = true, .min = 1, .max = 100,                                        \
        .summary = "Entries at most; 20 by default, of one customer 100 in the list by cursor"),                       \
        FIELD(struct payment_filter, status, .optional = true, .check = check_status),                                 \
        FIELD(struct payment_filter, customer_id, .optional = true, .max = 255, .check = check_id),                    \
        FIELD(struct payment_filter, reference, .optional = true, .max = 200),                                         \
        FIELD(struct payment_filter, currency, .optional = true, .check = check_currency),                             \
        FIELD(struct payment_filter, provider, .optional = true, .max = 40, .check = check_id),                        \
        FIELD(struct payment_filter, payment_id, .optional = true, .max = 255, .check = check_id,                      \
            .summary = "Ours or the provider's"),                                                                      \
        FIELD(struct payment_filter, checkout_session_id, .optional = true, .max = 255, .check = check_id),            \
        FIELD(struct payment_filter, refund_state, .optional = true, .check = check_refund_state),                     \
        FIELD(struct payment_filter, recent, .optional = true, .summary = "Of the last 30 days"),                      \
        FIELD(struct payment_filter, created_after, .optional = true),                                                 \
        FIELD(struct payment_filter, created_before, .optional = true)

const struct field payment_list_query[] = {
    FILTERS,
    FIELD_CURSOR(struct payment_filter, "pay"),
    FIELD_END,
};

const struct field payment_history_query[] = {
    FILTERS,
    FIELD(struct payment_filter, offset, .optional = true, .min = 0, .max = 1000000),
    FIELD_END,
};

static void keep_recent(struct ctx *ctx, struct payment_filter *filter)
{
    struct instant bound = instant_add_seconds(ctx->now, -RECENT);

    if (filter->recent && filter->created_after.us < bound.us)
        filter->created_after = bound;
}

static struct error *view_all(struct ctx *ctx, struct field_list *payments, struct field_list *out)
{
    out->count = payments->count;
    out->items = arena_array(ctx->arena, payments->count + 1, sizeof(struct payment_view));
    for (size_t i = 0; i < payments->count; i++)
        TRY(payment_view(ctx, (const struct payment *)payments->items + i, false,
            (struct payment_view *)out->items + i));
    return NULL;
}

struct error *payment_api_list(struct request *r)
{
    struct payment_filter filter = { 0 };
    struct field_list payments, views;
    const char *cursor = NULL;

    TRY(request_query_fields(r, payment_list_query, &filter));
    keep_recent(r->ctx, &filter);
    if (!filter.limit)
        filter.limit = filter.customer_id || r->ctx->principal.customer_id ? PAGE_OF_ONE : PAGE;
    filter.limit++; // one more tells whether there is more
    TRY(payment_list(r->ctx, &filter, &payments));
    if ((int64_t)payments.count == filter.limit) {
        payments.count--;
        cursor = ((const struct payment *)payments.items)[payments.count - 1].id;
    }
    TRY(view_all(r->ctx, &payments, &views));
    return reply_list(r, payment_shown, sizeof(struct payment_view), &views, cursor);
}

struct history {
    struct field_list payments;
    int64_t total, limit, offset;
};

const struct field payment_history_shown[] = {
    FIELD_LIST_OF(struct history, payments, struct payment_view, payment_shown),
    FIELD(struct history, total),
    FIELD(struct history, limit),
    FIELD(struct history, offset),
    FIELD_END,
};

struct error *payment_api_history(struct request *r)
{
    struct payment_filter filter = { .limit = PAGE };
    struct field_list payments;
    struct history history;

    TRY(request_query_fields(r, payment_history_query, &filter));
    keep_recent(r->ctx, &filter);
    TRY(payment_list(r->ctx, &filter, &payments));
    history = (struct history){ .limit = filter.limit, .offset = filter.offset };
    TRY(payment_count(r->ctx, &filter, &history.total));
    TRY(view_all(r->ctx, &payments, &history.payments));
    return reply_json(r, 200, payment_history_shown, &history);
}
