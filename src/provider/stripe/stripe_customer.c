#include <assert.h>

#include "base/ctx.h"
#include "base/id.h"
#include "http/form.h"
#include "provider/stripe/stripe.h"

struct error *stripe_create_customer(struct ctx *ctx, const struct customer_request *customer, const char **reference)
{
    struct buf form = { .arena = ctx->arena };
    struct stripe_request request = { .method = "POST", .path = "/v1/customers", .key = customer->key, .form = &form };
    struct stripe_answer answer;

    assert(customer->key && *customer->key);
    if (customer->email && *customer->email)
        form_add(&form, "email", "%s", customer->email);
    if (customer->name && *customer->name)
        form_add(&form, "name", "%s", customer->name);
    form_add(&form, "metadata[customer_id]", "%s", customer->customer_id);
    stripe_send(ctx, &request, &answer);
    TRY(stripe_error(ctx, &answer, "customer"));

    *reference = json_get_text(answer.body, "id");
    if (*reference && id_is_plausible(*reference))
        return NULL;
    return error_cause(ctx, error_new(ctx, E_PROVIDER_ERROR, "Stripe's answer could not be understood"),
        "a customer came without an id");
}
