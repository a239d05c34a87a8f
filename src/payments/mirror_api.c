#include "payments/mirror_api.h"

#include "base/check.h"
#include "base/ctx.h"
#include "payments/mirror.h"
#include "payments/mirror_store.h"
#include "web/reply.h"
#include "web/request.h"

#define PAGE 20

/* clang-format off */
#define FILTERS(prefix)                                                                                                        \
    FIELD(struct mirror_filter, limit, .optional = true, .min = 1, .max = 100),                                        \
    FIELD_CURSOR(struct mirror_filter, prefix), \
    FIELD(struct mirror_filter, status, .optional = true, .max = 40, .check = check_id),                               \
    FIELD(struct mirror_filter, customer_id, .optional = true, .max = 255, .check = check_id, .summary = "Ours")
/* clang-format on */

const struct field subscription_list_query[] = { FILTERS("sub"), FIELD_END };

const struct field invoice_list_query[] = {
    FILTERS("inv"),
    FIELD(struct mirror_filter, subscription_id, .optional = true, .max = 255, .check = check_id,
        .summary = "Ours or the provider's"),
    FIELD_END,
};

struct error *subscription_api_list(struct request *r)
{
    struct mirror_filter filter = { .limit = PAGE };
    struct field_list rows;
    const char *cursor = NULL;

    TRY(request_query_fields(r, subscription_list_query, &filter));
    filter.limit++; // one more tells whether there is more
    TRY(subscription_rows(r->ctx, &filter, &rows));
    if ((int64_t)rows.count == filter.limit)
        cursor = ((const struct subscription *)rows.items)[--rows.count - 1].id;
    return reply_list(r, subscription_shown, sizeof(struct subscription), &rows, cursor);
}

struct error *subscription_api_get(struct request *r)
{
    struct subscription subscription;

    TRY(subscription_row(r->ctx, request_path(r, "id"), &subscription));
    return reply_json(r, 200, subscription_shown, &subscription);
}

struct error *invoice_api_list(struct request *r)
{
    struct mirror_filter filter = { .limit = PAGE };
    struct field_list rows;
    const char *cursor = NULL;

    TRY(request_query_fields(r, invoice_list_query, &filter));
    filter.limit++;
    TRY(invoice_rows(r->ctx, &filter, &rows));
    if ((int64_t)rows.count == filter.limit)
        cursor = ((const struct invoice *)rows.items)[--rows.count - 1].id;
    return reply_list(r, invoice_shown, sizeof(struct invoice), &rows, cursor);
}

struct error *invoice_api_get(struct request *r)
{
    struct invoice invoice;

    TRY(invoice_row(r->ctx, request_path(r, "id"), &invoice));
    return reply_json(r, 200, invoice_shown, &invoice);
}
