#include "web/policy.h"

#include <stddef.h>
#include <string.h>

#include "base/arena.h"
#include "base/config.h"
#include "web/request.h"
#include "web/router.h"

/* Hosts that a page may use beside its own, by directive. */
struct sources {
    const char *script, *frame, *connect, *image, *form;
    const char *payment; // who may ask for a wallet
};

static const struct sources no_others = { .frame = " 'none'" };

static const struct sources stripe = {
    .script = " https://js.stripe.com https://*.js.stripe.com",
    .frame = " https://js.stripe.com https://*.js.stripe.com https://hooks.stripe.com",
    .connect = " https://api.stripe.com",
    .image = " https://*.stripe.com https://link.com https://*.link.com",
    .form = " https://hooks.stripe.com",
    .payment = "self \"https://js.stripe.com\"",
};

/* "https://js.stripe.com" of "https://js.stripe.com/v3/"; NULL for what could not stand in a header. */
static const char *origin_of(struct arena *arena, const char *url)
{
    const char *host = url ? strstr(url, "://") : NULL;
    if (!host)
        return NULL;

    size_t length = (size_t)(host + 3 - url) + strcspn(host + 3, "/?#");
    const char *origin = arena_strndup(arena, url, length);
    return strspn(origin, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-:/[]") == length ? origin
                                                                                                            : NULL;
}

static struct sources checkout_sources(struct request *r)
{
    struct arena *arena = r->ctx->arena;
    const char *origin = origin_of(arena, r->ctx->config ? r->ctx->config->stripe_js_url : NULL);

    if (!origin)
        return no_others;
    if (strcmp(origin, "https://js.stripe.com") == 0)
        return stripe;
    const char *source = arena_printf(arena, " %s", origin);
    return (struct sources){ source, source, source, source, source, arena_printf(arena, "self \"%s\"", origin) };
}

static const char *or_empty(const char *text)
{
    return text ? text : "";
}

static const char *page_policy(struct request *r, struct sources others)
{
    const char *nonce = r->nonce ? arena_printf(r->ctx->arena, " 'nonce-%s'", r->nonce) : "";

    return arena_printf(r->ctx->arena,
        "default-src 'none'; script-src 'self'%s%s; style-src 'self'; img-src 'self'%s; font-src 'self'; "
        "connect-src 'self'%s; frame-src%s; form-action 'self'%s; base-uri 'none'; frame-ancestors 'none'",
        nonce, or_empty(others.script), or_empty(others.image), or_empty(others.connect), others.frame,
        or_empty(others.form));
}

const struct policy_header *policy_headers(struct request *r, bool is_page)
{
    struct arena *arena = r->ctx->arena;
    const struct config *config = r->ctx->config;
    bool is_checkout = is_page && r->route && r->route->checkout;
    bool is_tls = config && config->url && strncmp(config->url, "https://", 8) == 0;
    struct sources others = is_checkout ? checkout_sources(r) : no_others;
    const struct policy_header headers[] = {
        { "X-Request-Id", r->ctx->trace },
        { "Cache-Control", "no-store" },
        { "X-Content-Type-Options", "nosniff" },
        { "X-Frame-Options", "DENY" },
        { "Referrer-Policy", is_checkout ? "strict-origin-when-cross-origin" : "no-referrer" },
        { "Cross-Origin-Resource-Policy", "same-origin" },
        { "Strict-Transport-Security", is_tls ? "max-age=31536000; includeSubDomains" : NULL },
        { "Content-Security-Policy", is_page ? page_policy(r, others) : "default-src 'none'; frame-ancestors 'none'" },
        { "Cross-Origin-Opener-Policy",
            !is_page          ? NULL
                : is_checkout ? "same-origin-allow-popups"
                              : "same-origin" },
        { "Permissions-Policy",
            is_page ? arena_printf(arena, "camera=(), microphone=(), geolocation=(), payment=(%s)",
                or_empty(others.payment))
                    : NULL },
        { NULL, NULL },
    };

    struct policy_header *copy = arena_alloc(arena, sizeof(headers));
    memcpy(copy, headers, sizeof(headers));
    return copy;
}
