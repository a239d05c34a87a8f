#include <string.h>

#include "base/arena.h"
#include "base/config.h"
#include "base/ctx.h"
#include "base/id.h"
#include "http/form.h"
#include "provider/stripe/stripe.h"

#define PAGES 2 // of 100, of one account; Stripe allows sixteen
#define MARK "made_by"
#define US "till"

static const char *const wanted[] = {
#define EVENT(type_, concern_) type_,
#include "provider/stripe/stripe_event.def"
#undef EVENT
};

#define WANTED (sizeof(wanted) / sizeof(wanted[0]))

static bool has_type(const json_t *types, const char *type)
{
    size_t i;
    json_t *one;

    json_array_foreach(types, i, one)
    {
        const char *name = json_string_value(one);
        if (name && (!strcmp(name, type) || !strcmp(name, "*")))
            return true;
    }
    return false;
}

static bool is_complete(const json_t *endpoint)
{
    const json_t *types = json_object_get(endpoint, "enabled_events");
    const char *status = json_get_text(endpoint, "status");

    for (size_t i = 0; i < WANTED; i++)
        if (!has_type(types, wanted[i]))
            return false;
    return status && !strcmp(status, "enabled");
}

static bool read_endpoint(struct ctx *ctx, const json_t *endpoint, struct event_endpoint *out)
{
    const char *version = json_get_text(endpoint, "api_version");
    const char *made_by = json_get_text(json_object_get(endpoint, "metadata"), MARK);

    *out = (struct event_endpoint){
        .reference = json_get_text(endpoint, "id"),
        .url = json_get_text(endpoint, "url"),
        .secret = json_get_text(endpoint, "secret"),
        .ours = made_by && !strcmp(made_by, US),
        .complete = is_complete(endpoint),
        .same_version = version && !strcmp(version, ctx->config->stripe_api_version),
        .livemode = json_get_bool(endpoint, "livemode"),
    };
    return out->reference && id_is_plausible(out->reference) && out->url;
}

/* Endpoints from a list. */
struct found {
    struct ctx *ctx;
    struct event_endpoint *list;
    size_t count;
};

static bool visit_endpoint(void *to, json_t *endpoint)
{
    struct found *found = to;

    if (read_endpoint(found->ctx, endpoint, &found->list[found->count]))
        found->count++;
    return true;
}

struct error *stripe_list_endpoints(struct ctx *ctx, struct event_endpoint **out, size_t *count)
{
    struct found found = { ctx, arena_array(ctx->arena, PAGES * 100, sizeof(*found.list)), 0 };
    bool complete;

    TRY(stripe_each(ctx, "/v1/webhook_endpoints", "", PAGES, visit_endpoint, &found, &complete));
    if (!complete) { // one of ours may be among the rest, and would be made a second time
        struct error *error =
            error_new(ctx, E_PROVIDER_ERROR, "Stripe has more webhook endpoints than can be looked at");

        return error_cause(ctx, error, "the list of webhook endpoints goes on after %d pages", PAGES);
    }
    *out = found.list;
    *count = found.count;
    return NULL;
}

static void add_types(struct ctx *ctx, struct buf *form)
{
    for (size_t i = 0; i < WANTED; i++)
        form_add(form, arena_printf(ctx->arena, "enabled_events[%zu]", i), "%s", wanted[i]);
}

static struct error *post(struct ctx *ctx, const char *path, const char *key, struct buf *form,
    struct event_endpoint *out)
{
    struct stripe_request request = { .method = "POST", .path = path, .key = key, .form = form };
    struct stripe_answer answer;

    stripe_send(ctx, &request, &answer);
    TRY(stripe_error(ctx, &answer, "webhook_endpoint"));
    if (read_endpoint(ctx, answer.body, out))
        return NULL;
    return error_cause(ctx, error_new(ctx, E_PROVIDER_ERROR, "Stripe's answer could not be understood"),
        "a webhook endpoint lacks its id or address");
}

struct error *stripe_create_endpoint(struct ctx *ctx, const char *url, const char *key, struct event_endpoint *out)
{
    struct buf form = { .arena = ctx->arena };

    form_add(&form, "url", "%s", url);
    form_add(&form, "api_version", "%s", ctx->config->stripe_api_version);
    form_add(&form, "description", "Till");
    form_add(&form, "metadata[" MARK "]", "%s", US);
    add_types(ctx, &form);
    TRY(post(ctx, "/v1/webhook_endpoints", key, &form, out));
    if (out->secret && *out->secret)
        return NULL;
    return error_cause(ctx, error_new(ctx, E_PROVIDER_ERROR, "Stripe's answer could not be understood"),
        "a new webhook endpoint lacks its secret");
}

struct error *stripe_update_endpoint(struct ctx *ctx, const char *reference, const char *key,
    struct event_endpoint *out)
{
    struct buf form = { .arena = ctx->arena };

    form_add(&form, "disabled", "false");
    add_types(ctx, &form);
    return post(ctx, arena_printf(ctx->arena, "/v1/webhook_endpoints/%s", reference), key, &form, out);
}

struct error *stripe_delete_endpoint(struct ctx *ctx, const char *reference)
{
    struct stripe_request request = {
        .method = "DELETE",
        .path = arena_printf(ctx->arena, "/v1/webhook_endpoints/%s", reference),
    };
    struct stripe_answer answer;

    stripe_send(ctx, &request, &answer);
    struct error *error = stripe_error(ctx, &answer, "webhook_endpoint");
    return error && error->code == E_NOT_FOUND ? NULL : error;
}
