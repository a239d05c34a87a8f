#include "payments/checkout_api.h"

#include "base/arena.h"
#include "base/check.h"
#include "base/ctx.h"
#include "payments/checkout.h"
#include "payments/checkout_store.h"
#include "payments/checkout_view.h"
#include "payments/payment.h"
#include "web/reply.h"
#include "web/request.h"

#define PAGE 20

static const struct field item_asked[] = {
    FIELD(struct checkout_item, name, .max = 200),
    FIELD(struct checkout_item, quantity, .optional = true, .min = 1, .max = 100000),
    FIELD(struct checkout_item, amount, .min = 1, .summary = "Of the whole line"),
    FIELD_END,
};

static const char *check_locale(struct ctx *ctx, const char *text)
{
    static const char *const locales[] = { "en", "de", "fr", "es", "it", "nl", "pt-BR", "pl", "ja", "ar", NULL };

    (void)ctx;
    return name_index(locales, text) < 0 ? "must be one of en, de, fr, es, it, nl, pt-BR, pl, ja, ar" : NULL;
}

const struct field checkout_asked[] = {
    FIELD(struct checkout_request, amount, .optional = true, .min = 1, .summary = "Needed where there are no items"),
    FIELD_LIST_OF(struct checkout_request, items, struct checkout_item, item_asked, .optional = true, .max = 100),
    FIELD(struct checkout_request, description, .optional = true, .max = 1000),
    FIELD(struct checkout_request, reference, .optional = true, .max = 200,
        .summary = "Your own id: an order, an invoice"),
    FIELD(struct checkout_request, customer_id, .optional = true, .max = 255, .check = check_id),
    FIELD(struct checkout_request, success_url, .optional = true, .max = 2000, .check = check_return_url,
        .summary = "Where the payer goes on; {CHECKOUT_SESSION_ID} in it is replaced"),
    FIELD(struct checkout_request, cancel_url, .optional = true, .max = 2000, .check = check_return_url),
    FIELD(struct checkout_request, locale, .optional = true, .check = check_locale),
    FIELD(struct checkout_request, capture, .optional = true, .summary = "false authorizes only. true by default"),
    FIELD(struct checkout_request, save_payment_method, .optional = true,
        .summary = "Ask the payer whether the payment method may be kept for this customer"),
    FIELD(struct checkout_request, metadata, .optional = true, .object = true, .check_members = check_metadata),
    FIELD(struct checkout_request, expires_in, .optional = true, .min = 60, .max = 2592000, .summary = "Seconds"),
    FIELD_END,
};

static struct error *show(struct request *r, int status, const struct checkout *session)
{
    struct checkout_view shown = checkout_view(r->ctx, session);

    return reply_json(r, status, checkout_shown, &shown);
}

struct error *checkout_api_create(struct request *r)
{
    struct checkout_request request = { .capture = true };
    struct checkout session;

    TRY(request_json(r, checkout_asked, &request));
    struct checkout_item *items = request.items.items;
    for (size_t i = 0; i < request.items.count; i++)
        items[i].quantity = items[i].quantity ? items[i].quantity : 1;
    TRY(checkout_create(r->ctx, &request, &session));
    reply_header(r, "Location", "/api/v1/checkout/sessions/%s", session.id);
    return show(r, 201, &session);
}

/* A merchant who comes back from the page asks this; so the payment is looked at first. */
struct error *checkout_api_get(struct request *r)
{
    struct checkout session;
    struct payment payment;

    TRY(checkout_get(r->ctx, request_path(r, "id"), &session));
    if (session.status == CHECKOUT_OPEN && session.payment_id) {
        TRY(payment_refresh(r->ctx, session.payment_id, 10, &payment));
        TRY(checkout_get(r->ctx, session.id, &session));
    }
    return show(r, 200, &session);
}

struct error *checkout_api_expire(struct request *r)
{
    struct checkout session;

    TRY(checkout_close(r->ctx, request_path(r, "id"), CHECKOUT_EXPIRED, &session));
    return show(r, 200, &session);
}

struct page {
    int64_t limit;
    const char *cursor;
};

const struct field checkout_list_query[] = {
    FIELD(struct page, limit, .optional = true, .min = 1, .max = 100),
    FIELD_CURSOR(struct page, "cs"),
    FIELD_END,
};

struct error *checkout_api_list(struct request *r)
{
    struct page page = { .limit = PAGE };
    struct field_list sessions, views;
    const char *cursor = NULL;

    TRY(request_query_fields(r, checkout_list_query, &page));
    TRY(checkout_list_rows(r->ctx, page.cursor, page.limit + 1, &sessions));
    const struct checkout *list = sessions.items;
    if ((int64_t)sessions.count > page.limit)
        cursor = list[--sessions.count - 1].id;
    views = (struct field_list){ arena_array(r->ctx->arena, sessions.count + 1, sizeof(struct checkout_view)),
        sessions.count };
    for (size_t i = 0; i < sessions.count; i++)
        ((struct checkout_view *)views.items)[i] = checkout_view(r->ctx, &list[i]);
    return reply_list(r, checkout_shown, sizeof(struct checkout_view), &views, cursor);
}
