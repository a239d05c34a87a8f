#include "customers/customer_api.h"

#include <string.h>

#include "base/check.h"
#include "base/ctx.h"
#include "customers/customer.h"
#include "customers/customer_view.h"
#include "web/reply.h"
#include "web/request.h"

#define PAGE 20

/* One @ with something before it and a dotted name after it; what more an address may be only its mail server knows. */
static const char *check_email(struct ctx *ctx, const char *text)
{
    const char *at = strchr(text, '@');

    (void)ctx;
    bool good = at && at > text && !strchr(at + 1, '@') && strchr(at + 1, '.') && at[1] != '.'
        && text[strlen(text) - 1] != '.' && !strpbrk(text, " \t\n\"<>(),;:\\");
    return good ? NULL : "must be an e-mail address";
}

const struct field customer_asked[] = {
    FIELD(struct customer_details, reference, .optional = true, .max = 200,
        .summary = "Your own id of the user; a second customer with it is not made, the first is answered"),
    FIELD(struct customer_details, email, .optional = true, .max = 254, .check = check_email),
    FIELD(struct customer_details, name, .optional = true, .max = 200),
    FIELD(struct customer_details, metadata, .optional = true, .object = true, .check_members = check_metadata),
    FIELD_END,
};

struct error *customer_api_create(struct request *r)
{
    struct customer_details details = { 0 };
    struct customer customer;
    bool existed;

    TRY(request_json(r, customer_asked, &details));
    TRY(customer_create(r->ctx, &details, &customer, &existed));
    reply_header(r, "Location", "/api/v1/customers/%s", customer.id);
    return reply_json(r, existed ? 200 : 201, customer_shown, &customer);
}

struct error *customer_api_update(struct request *r)
{
    struct customer_details details = { 0 };
    struct customer customer;

    TRY(request_json(r, customer_asked, &details));
    TRY(customer_change(r->ctx, request_path(r, "id"), &details, &customer));
    return reply_json(r, 200, customer_shown, &customer);
}

struct error *customer_api_get(struct request *r)
{
    struct customer customer;

    TRY(customer_get(r->ctx, request_path(r, "id"), &customer));
    return reply_json(r, 200, customer_shown, &customer);
}

struct list_query {
    int64_t limit;
    const char *cursor, *reference, *email;
};

const struct field customer_list_query[] = {
    FIELD(struct list_query, limit, .optional = true, .min = 1, .max = 100),
    FIELD_CURSOR(struct list_query, "cust"),
    FIELD(struct list_query, reference, .optional = true, .max = 200),
    FIELD(struct list_query, email, .optional = true, .max = 254, .check = check_email),
    FIELD_END,
};

struct error *customer_api_list(struct request *r)
{
    struct list_query query = { .limit = PAGE };
    struct field_list customers;
    const char *cursor = NULL;

    TRY(request_query_fields(r, customer_list_query, &query));
    TRY(customer_list(r->ctx, query.reference, query.email, query.cursor, query.limit + 1, &customers));
    if ((int64_t)customers.count > query.limit)
        cursor = ((const struct customer *)customers.items)[--customers.count - 1].id;
    return reply_list(r, customer_shown, sizeof(struct customer), &customers, cursor);
}
