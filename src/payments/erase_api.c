#include "payments/erase_api.h"

#include "base/ctx.h"
#include "customers/customer_view.h"
#include "payments/erase.h"
#include "web/reply.h"
#include "web/request.h"

struct erase_body {
    enum erase_basis basis;
};

const struct field customer_erase_asked[] = {
    FIELD(struct erase_body, basis, .optional = true, .names = erase_basis_names,
        .summary = "Why: the person asked for it (request, the default), his data is kept long enough, or other"),
    FIELD_END,
};

struct error *customer_api_erase(struct request *r)
{
    struct erase_body body = { 0 };
    struct customer customer;

    TRY(request_json(r, customer_erase_asked, &body));
    TRY(customer_erase(r->ctx, request_path(r, "id"), body.basis, &customer));
    return reply_json(r, 200, customer_shown, &customer);
}

struct error *customer_api_export(struct request *r)
{
    struct customer_data data;

    TRY(customer_export(r->ctx, request_path(r, "id"), &data));
    return reply_json(r, 200, customer_data_shown, &data);
}
