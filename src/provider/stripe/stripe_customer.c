#include <assert.h>

#include "base/arena.h"
#include "base/ctx.h"
#include "base/id.h"
#include "http/form.h"
#include "provider/stripe/stripe.h"

static void add_details(struct buf *form, const struct customer_request *customer)
{
    if (customer->email && *customer->email)
        form_add(form, "email", "%s", customer->email);
    if (customer->name && *customer->name)
        form_add(form, "name", "%s", customer->name);
    form_add(form, "metadata[customer_id]", "%s", customer->customer_id);
}

struct error *stripe_create_customer(struct ctx *ctx, const struct customer_request *customer, const char **reference)
{
    struct buf form = { .arena = ctx->arena };
    struct stripe_request request = { .method = "POST", .path = "/v1/customers", .key = customer->key, .form = &form };
    struct stripe_answer answer;

    assert(customer->key && *customer->key);
    add_details(&form, customer);
    stripe_send(ctx, &request, &answer);
    TRY(stripe_error(ctx, &answer, "customer"));

    *reference = json_get_text(answer.body, "id");
    if (*reference && id_is_plausible(*reference))
        return NULL;
    return error_cause(ctx, error_new(ctx, E_PROVIDER_ERROR, "Stripe's answer could not be understood"),
        "a customer came without an id");
}

static const char *customer_path(struct ctx *ctx, const char *reference)
{
    return arena_printf(ctx->arena, "/v1/customers/%s", reference);
}

struct error *stripe_update_customer(struct ctx *ctx, const char *reference, const struct customer_request *customer)
{
    struct buf form = { .arena = ctx->arena };
    struct stripe_request request = { .method = "POST", .key = customer->key, .form = &form };
    struct stripe_answer answer;

    assert(customer->key && *customer->key && id_is_plausible(reference));
    request.path = customer_path(ctx, reference);
    add_details(&form, customer);
    stripe_send(ctx, &request, &answer);
    return stripe_error(ctx, &answer, "customer");
}

struct error *stripe_delete_customer(struct ctx *ctx, const char *reference)
{
    struct stripe_request request = { .method = "DELETE" };
    struct stripe_answer answer;

    assert(id_is_plausible(reference));
    request.path = customer_path(ctx, reference);
    stripe_send(ctx, &request, &answer);
    struct error *error = stripe_error(ctx, &answer, "customer");
    return error && error->code == E_NOT_FOUND ? NULL : error;
}
