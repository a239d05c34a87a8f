#include <string.h>

#include "base/arena.h"
#include "base/ctx.h"
#include "base/id.h"
#include "http/form.h"
#include "provider/stripe/stripe.h"

#define DOMAINS "/v1/payment_method_domains"
#define OBJECT "payment_method_domain"

static bool is_active(const json_t *domain, const char *wallet)
{
    const char *status = json_get_text(json_object_get(domain, wallet), "status");

    return status && !strcmp(status, "active");
}

static const char *reason(const json_t *domain, const char *wallet)
{
    return json_get_text(json_object_get(json_object_get(domain, wallet), "status_details"), "error_message");
}

static struct error *post(struct ctx *ctx, const char *path, const char *key, struct buf *form, json_t **out)
{
    struct stripe_request request = { .method = "POST", .path = path, .key = key, .form = form };
    struct stripe_answer answer;

    stripe_send(ctx, &request, &answer);
    TRY(stripe_error(ctx, &answer, OBJECT));
    *out = answer.body;
    return NULL;
}

/* NULL when Stripe does not know it. */
static struct error *find(struct ctx *ctx, const char *name, json_t **out)
{
    struct buf query = { .arena = ctx->arena };
    json_t *list;

    form_add(&query, "domain_name", "%s", name);
    TRY(stripe_get(ctx, DOMAINS, &query, "list", &list));
    *out = json_array_get(json_object_get(list, "data"), 0);
    return NULL;
}

static struct error *path_of(struct ctx *ctx, const json_t *domain, const char *what, const char **out)
{
    const char *id = json_get_text(domain, "id");

    if (!id || !id_is_plausible(id))
        return error_cause(ctx, error_new(ctx, E_PROVIDER_ERROR, "Stripe's answer could not be understood"),
            "a payment method domain lacks its id");
    *out = arena_printf(ctx->arena, DOMAINS "/%s%s", id, what);
    return NULL;
}

/* One that was there before may have been switched off, or not been verified when it was made. */
static struct error *renew(struct ctx *ctx, const char *key, json_t **domain)
{
    struct buf form = { .arena = ctx->arena }, none = { .arena = ctx->arena };
    const char *path = NULL;

    if (!json_get_bool(*domain, "enabled")) {
        form_add(&form, "enabled", "true");
        TRY(path_of(ctx, *domain, "", &path));
        TRY(post(ctx, path, arena_printf(ctx->arena, "%s:enable", key), &form, domain));
    }
    if (is_active(*domain, "apple_pay") && is_active(*domain, "google_pay"))
        return NULL;
    TRY(path_of(ctx, *domain, "/validate", &path));
    return post(ctx, path, arena_printf(ctx->arena, "%s:validate", key), &none, domain);
}

struct error *stripe_register_domain(struct ctx *ctx, const char *name, const char *key, struct wallet_domain *out)
{
    struct buf form = { .arena = ctx->arena };
    json_t *domain = NULL;

    TRY(find(ctx, name, &domain));
    bool is_new = !domain;
    if (is_new) {
        form_add(&form, "domain_name", "%s", name);
        TRY(post(ctx, DOMAINS, key, &form, &domain));
    } else {
        TRY(renew(ctx, key, &domain));
    }
    *out = (struct wallet_domain){
        .reference = json_get_text(domain, "id"),
        .is_new = is_new,
        .apple_pay = is_active(domain, "apple_pay"),
        .google_pay = is_active(domain, "google_pay"),
        .why = reason(domain, "apple_pay") ? reason(domain, "apple_pay") : reason(domain, "google_pay"),
    };
    if (out->reference)
        return NULL;
    return path_of(ctx, domain, "", &name);
}
