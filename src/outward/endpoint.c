#include "outward/endpoint.h"

#include <string.h>

#include "base/arena.h"
#include "base/crypto.h"
#include "base/ctx.h"
#include "base/id.h"
#include "db/db.h"
#include "events/audit.h"
#include "events/decision.h"
#include "events/event.h"
#include "http/guard.h"
#include "outward/delivery_store.h"
#include "outward/endpoint_store.h"
#include "outward/signature.h"

static const char *place(struct ctx *ctx, const char *id)
{
    return arena_printf(ctx->arena, "webhook_endpoints.secret:%s", id);
}

static struct error *open_secret(struct ctx *ctx, const char *id, struct bytes sealed, const char **out)
{
    struct bytes plain;

    TRY(unseal(ctx, place(ctx, id), sealed, &plain));
    *out = arena_strndup(ctx->arena, (const char *)plain.data, plain.length);
    return NULL;
}

struct error *endpoint_secrets(struct ctx *ctx, const struct endpoint *endpoint, const char **secret,
    const char **before)
{
    *before = NULL;
    TRY(open_secret(ctx, endpoint->id, endpoint->secret, secret));
    if (endpoint->secret_before.data && endpoint->secret_changes_at.us > ctx->now.us)
        TRY(open_secret(ctx, endpoint->id, endpoint->secret_before, before));
    return NULL;
}

/* The host alone: what stands behind it may be a secret of the merchant's. */
static json_t *details(struct ctx *ctx, const struct endpoint *endpoint)
{
    const char *host = strstr(endpoint->url, "://") ? strstr(endpoint->url, "://") + 3 : endpoint->url;

    return json_in(ctx->arena,
        json_pack("{ss%, sO, ss*}", "host", host, strcspn(host, "/?"), "events", endpoint->events, "reason",
            endpoint->disabled_reason));
}

static struct error *check_url(struct ctx *ctx, const char *url)
{
    const char *why = guard_url(ctx, url, ctx->config->webhook_allow_loopback);
    struct error *error = NULL;

    if (why)
        error_add_field(ctx, &error, "#/url", "%s", why);
    return error;
}

/* The one constraint an address can break. */
static struct error *known_already(struct ctx *ctx, struct error *error)
{
    if (!error || error->code != E_CONFLICT || !error->constraint || strcmp(error->constraint, "webhook_endpoints_url"))
        return error;
    return error_new(ctx, E_CONFLICT, "There is an endpoint with this address already.");
}

/* Making and changing ----------------------------------------------------------------------------------------------- */

static struct error *insert(struct ctx *ctx, const struct endpoint *endpoint)
{
    TRY(endpoint_insert(ctx, endpoint));
    return audit_add(ctx, "endpoint.created", endpoint->id, details(ctx, endpoint));
}

struct error *endpoint_create(struct ctx *ctx, const struct endpoint_request *request, struct endpoint *out,
    const char **secret)
{
    const char *id = id_new(ctx, "whep");

    TRY(check_url(ctx, request->url));
    *secret = signature_secret_new(ctx);
    *out = (struct endpoint){
        .id = id,
        .mode = ctx->config->mode,
        .url = request->url,
        .description = request->description,
        .events = request->events ? request->events : json_in(ctx->arena, json_pack("[s]", "*")),
        .status = ENDPOINT_ENABLED,
        .secret = seal(ctx, place(ctx, id), bytes_of(*secret)),
        .created_at = ctx->now,
        .updated_at = ctx->now,
    };
    return known_already(ctx, IN_TX(ctx, insert(ctx, out)));
}

struct error *endpoint_find(struct ctx *ctx, const char *id, struct endpoint *out)
{
    return endpoint_get(ctx, id, out);
}

static struct error *save(struct ctx *ctx, const char *action, struct endpoint *endpoint)
{
    endpoint->updated_at = ctx->now;
    TRY(endpoint_update(ctx, endpoint));
    return audit_add(ctx, action, endpoint->id, details(ctx, endpoint));
}

static struct error *change(struct ctx *ctx, const char *id, const struct endpoint_request *request,
    struct endpoint *out)
{
    TRY(endpoint_lock(ctx, id, out));
    if (request->url)
        out->url = request->url;
    if (request->description)
        out->description = request->description;
    if (request->events)
        out->events = request->events;
    return save(ctx, "endpoint.changed", out);
}

struct error *endpoint_change(struct ctx *ctx, const char *id, const struct endpoint_request *request,
    struct endpoint *out)
{
    if (request->url)
        TRY(check_url(ctx, request->url));
    return known_already(ctx, IN_TX(ctx, change(ctx, id, request, out)));
}

/* On and off -------------------------------------------------------------------------------------------------------- */

static struct error *enable(struct ctx *ctx, const char *id, struct endpoint *out)
{
    TRY(endpoint_lock(ctx, id, out));
    if (out->status == ENDPOINT_ENABLED)
        return NULL;
    out->status = ENDPOINT_ENABLED;
    out->disabled_reason = NULL;
    out->failing_since = (struct instant){ 0 };
    TRY(save(ctx, "endpoint.enabled", out));
    TRY(decision_settle(ctx, "endpoint_disabled", id, "enabled"));
    return delivery_all_due(ctx, id);
}

struct error *endpoint_enable(struct ctx *ctx, const char *id, struct endpoint *out)
{
    return IN_TX(ctx, enable(ctx, id, out));
}

static struct error *ask_person(struct ctx *ctx, const struct endpoint *endpoint)
{
    bool gone = !strcmp(endpoint->disabled_reason, "gone");

    return decision_ask(ctx, "endpoint_disabled", endpoint->id, (struct money){ 0 },
        arena_printf(ctx->arena, "The endpoint %s %s and was disabled; it hears of nothing.", endpoint->id,
            gone ? "answered 410 Gone" : "took no event for days"),
        gone ? "Delete it, or enable it again if that was a mistake."
             : "Mend the application behind it, enable it again, and have sent what it missed.");
}

static struct error *disable(struct ctx *ctx, const char *id, const char *reason, struct endpoint *out)
{
    TRY(endpoint_lock(ctx, id, out));
    if (out->status == ENDPOINT_DISABLED)
        return NULL;
    out->status = ENDPOINT_DISABLED;
    out->disabled_reason = reason;
    TRY(save(ctx, "endpoint.disabled", out));
    return strcmp(reason, "asked") ? ask_person(ctx, out) : NULL;
}

struct error *endpoint_disable(struct ctx *ctx, const char *id, const char *reason, struct endpoint *out)
{
    return IN_TX(ctx, disable(ctx, id, reason, out));
}

static struct error *delete (struct ctx *ctx, const char *id)
{
    struct endpoint endpoint;

    TRY(endpoint_lock(ctx, id, &endpoint));
    endpoint.status = ENDPOINT_DELETED;
    endpoint.secret = endpoint.secret_before = (struct bytes){ 0 };
    TRY(save(ctx, "endpoint.deleted", &endpoint));
    TRY(decision_settle(ctx, "endpoint_disabled", id, "deleted"));
    return delivery_cancel_all(ctx, id);
}

struct error *endpoint_delete(struct ctx *ctx, const char *id)
{
    return IN_TX(ctx, delete (ctx, id));
}

/* Secrets ----------------------------------------------------------------------------------------------------------- */

static struct error *rotate(struct ctx *ctx, const char *id, int64_t overlap, const char *secret, struct endpoint *out)
{
    TRY(endpoint_lock(ctx, id, out));
    out->secret_before = overlap ? out->secret : (struct bytes){ 0 };
    out->secret_changes_at = overlap ? instant_add_seconds(ctx->now, overlap) : (struct instant){ 0 };
    out->secret = seal(ctx, place(ctx, id), bytes_of(secret));
    return save(ctx, "endpoint.secret_rotated", out);
}

struct error *endpoint_rotate(struct ctx *ctx, const char *id, int64_t overlap, struct endpoint *out,
    const char **secret)
{
    *secret = signature_secret_new(ctx);
    return IN_TX(ctx, rotate(ctx, id, overlap, *secret, out));
}
