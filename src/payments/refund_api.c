#include "payments/refund_api.h"

#include "payments/refund.h"
#include "payments/refund_view.h"
#include "web/reply.h"
#include "web/request.h"

const struct field refund_asked[] = {
    FIELD(struct refund_request, amount, .optional = true, .min = 1,
        .summary = "What goes back; all that is left without one"),
    FIELD(struct refund_request, reason, .optional = true, .max = 500, .summary = "requested_by_customer by default"),
    FIELD_END,
};

struct error *refund_api_create(struct request *r)
{
    struct refund_request request = { .payment = request_path(r, "id") };
    struct refund refund;

    TRY(request_json(r, refund_asked, &request));
    TRY(refund_create(r->ctx, &request, &refund));
    reply_header(r, "Location", "/api/v1/refunds/%s", refund.id);
    return reply_json(r, refund.status == REFUND_PROCESSING ? 202 : 201, refund_shown, &refund);
}

struct error *refund_api_get(struct request *r)
{
    struct refund refund;

    TRY(refund_find(r->ctx, request_path(r, "id"), &refund));
    return reply_json(r, 200, refund_shown, &refund);
}

struct error *refund_api_list(struct request *r)
{
    struct field_list refunds;

    TRY(refund_list(r->ctx, request_path(r, "id"), &refunds));
    return reply_list(r, refund_shown, sizeof(struct refund), &refunds, NULL);
}
