#include "customers/method_api.h"

#include "base/arena.h"
#include "base/check.h"
#include "base/ctx.h"
#include "customers/method.h"
#include "customers/method_view.h"
#include "web/reply.h"
#include "web/request.h"

#define PAGE 20

static const char *check_type(struct ctx *ctx, const char *text)
{
    (void)ctx;
    for (const char *c = text; *c; c++)
        if ((*c < 'a' || *c > 'z') && *c != '_')
            return "must be a type of payment method, such as card or sepa_debit";
    return NULL;
}

const struct field method_asked[] = {
    FIELD(struct method_request, customer_id, .max = 255, .check = check_id,
        .summary = "Whose; ours or the provider's"),
    FIELD(struct method_request, payment_method_id, .optional = true, .max = 255, .check = check_id,
        .summary = "The provider's payment method; without one the payer's browser gives it, with client_secret"),
    FIELD(struct method_request, type, .optional = true, .max = 40, .check = check_type,
        .summary = "Only of this type; any that can be kept without one"),
    FIELD(struct method_request, is_default, .optional = true, .summary = "To be used where none is named"),
    FIELD(struct method_request, return_url, .optional = true, .max = 2000, .check = check_return_url,
        .summary = "Where the payer goes after the bank's page"),
    FIELD(struct method_request, metadata, .optional = true, .object = true, .check_members = check_metadata),
    FIELD_END,
};

struct address {
    const char *line1, *line2, *city, *state, *postal_code, *country;
};

struct billing {
    const char *name, *email, *phone;
    struct address *address;
};

struct edit_body {
    json_t *metadata;
    bool is_default;
    int64_t exp_month, exp_year;
    struct billing *billing_details;
};

static const struct field address_asked[] = {
    FIELD(struct address, line1, .optional = true, .max = 200, .secret = true),
    FIELD(struct address, line2, .optional = true, .max = 200, .secret = true),
    FIELD(struct address, city, .optional = true, .max = 200, .secret = true),
    FIELD(struct address, state, .optional = true, .max = 200, .secret = true),
    FIELD(struct address, postal_code, .optional = true, .max = 20, .secret = true),
    FIELD(struct address, country, .optional = true, .min = 2, .max = 2),
    FIELD_END,
};

static const struct field billing_asked[] = {
    FIELD(struct billing, name, .optional = true, .max = 200, .secret = true),
    FIELD(struct billing, email, .optional = true, .max = 254, .secret = true),
    FIELD(struct billing, phone, .optional = true, .max = 20, .secret = true),
    FIELD_STRUCT(struct billing, address, struct address, address_asked, .optional = true),
    FIELD_END,
};

const struct field method_edit_asked[] = {
    FIELD(struct edit_body, metadata, .optional = true, .object = true, .check_members = check_metadata,
        .summary = "Replaces the notes"),
    FIELD(struct edit_body, is_default, .optional = true),
    FIELD(struct edit_body, exp_month, .optional = true, .min = 1, .max = 12),
    FIELD(struct edit_body, exp_year, .optional = true, .min = 2000, .max = 2100),
    FIELD_STRUCT(struct edit_body, billing_details, struct billing, billing_asked, .optional = true,
        .summary = "Kept by the provider, not here"),
    FIELD_END,
};

static struct error *show(struct request *r, int status, const struct method *method)
{
    struct method_shown shown;

    TRY(method_show(r->ctx, method, true, &shown));
    return reply_json(r, status, method_shown, &shown);
}

struct error *method_api_create(struct request *r)
{
    struct method_request request = { 0 };
    struct method method;
    bool existed;

    TRY(request_json(r, method_asked, &request));
    TRY(method_create(r->ctx, &request, &method, &existed));
    reply_header(r, "Location", "/api/v1/payment-methods/%s", method.id);
    return show(r, existed ? 200 : 201, &method);
}

struct error *method_api_get(struct request *r)
{
    struct method method;

    TRY(method_refresh(r->ctx, request_path(r, "id"), &method));
    return show(r, 200, &method);
}

/* A bool that was not sent is told from one that was by the body itself. */
static int sent_bool(const json_t *body, const char *name)
{
    const json_t *value = json_object_get(body, name);

    return json_is_boolean(value) ? json_is_true(value) : -1;
}

struct error *method_api_update(struct request *r)
{
    static const struct address nowhere;
    static const struct billing nobody;
    struct edit_body body = { 0 };
    struct method method;

    TRY(request_json(r, method_edit_asked, &body));
    const struct billing *billing = body.billing_details ? body.billing_details : &nobody;
    const struct address *address = billing->address ? billing->address : &nowhere;
    struct method_edit edit = {
        .metadata = body.metadata,
        .is_default = sent_bool(r->json, "is_default"),
        .exp_month = body.exp_month,
        .exp_year = body.exp_year,
        .name = billing->name,
        .email = billing->email,
        .phone = billing->phone,
        .line1 = address->line1,
        .line2 = address->line2,
        .city = address->city,
        .state = address->state,
        .postal_code = address->postal_code,
        .country = address->country,
    };
    TRY(method_change(r->ctx, request_path(r, "id"), &edit, &method));
    return show(r, 200, &method);
}

struct error *method_api_delete(struct request *r)
{
    struct method method;

    TRY(method_remove(r->ctx, request_path(r, "id"), &method));
    return show(r, 200, &method);
}

const struct field method_list_query[] = {
    FIELD(struct method_filter, limit, .optional = true, .min = 1, .max = 100),
    FIELD_CURSOR(struct method_filter, "pm"),
    FIELD(struct method_filter, customer_id, .optional = true, .max = 255, .check = check_id),
    FIELD(struct method_filter, type, .optional = true, .max = 40, .check = check_type),
    FIELD(struct method_filter, status, .optional = true, .names = method_status_names, .summary = "active by default"),
    FIELD_END,
};

struct error *method_api_list(struct request *r)
{
    struct method_filter filter = { .limit = PAGE, .status = METHOD_ACTIVE, .of_status = true };
    struct field_list methods, views;
    const char *cursor = NULL;

    TRY(request_query_fields(r, method_list_query, &filter));
    filter.limit++; // one more tells whether there is more
    TRY(method_list(r->ctx, &filter, &methods));
    const struct method *list = methods.items;
    if ((int64_t)methods.count == filter.limit)
        cursor = list[--methods.count - 1].id;
    views = (struct field_list){ arena_array(r->ctx->arena, methods.count + 1, sizeof(struct method_shown)),
        methods.count };
    for (size_t i = 0; i < methods.count; i++)
        TRY(method_show(r->ctx, &list[i], false, (struct method_shown *)views.items + i));
    return reply_list(r, method_shown, sizeof(struct method_shown), &views, cursor);
}
