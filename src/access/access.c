#include "access/access.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "access/api_key.h"
#include "access/csrf.h"
#include "access/idempotency.h"
#include "access/jwt.h"
#include "access/rate_limit.h"
#include "access/session.h"
#include "base/arena.h"
#include "base/crypto.h"
#include "base/ctx.h"
#include "web/percent.h"
#include "web/reply.h"
#include "web/request.h"
#include "web/router.h"

#define MAX_KEY 255

/* Who -------------------------------------------------------------------------------------------------------------- */

static struct error *ask_for_key(struct request *r)
{
    return error_new(r->ctx, E_UNAUTHENTICATED, "Send an API key in the header Authorization: Bearer till_….");
}

/* Guessing is counted by address, so that it ends early. */
static struct error *count_guess(struct request *r)
{
    struct rate_limit limit;

    return rate_limit_count(r->ctx, arena_printf(r->ctx->arena, "guess:%s", r->ctx->address ? r->ctx->address : ""),
        r->ctx->config->rate_limit_requests, r->ctx->config->rate_limit_window, &limit);
}

static bool is_change(const struct request *r)
{
    return strcmp(r->method, "GET") != 0 && strcmp(r->method, "HEAD") != 0;
}

/* Which page asks for what is missing: signing in, or a second factor. */
static struct error *send_to(struct request *r, const char *page)
{
    if (r->route->answer != ANSWER_PAGE)
        return error_new(r->ctx, E_UNAUTHENTICATED, "Please sign in.");
    if (is_change(r))
        return reply_redirect(r, 303, arena_printf(r->ctx->arena, "%s?again=1", page));
    return reply_redirect(r, 303,
        arena_printf(r->ctx->arena, "%s?next=%s", page, percent_encode(r->ctx->arena, r->path)));
}

static bool lacks_second_factor(const struct request *r)
{
    return strcmp(r->ctx->config->second_factor, "required") == 0 && !r->session->has_second_factor;
}

/* A person with a session (session_find). Answers by itself where there is none and a browser asks for a page. */
static struct error *by_session(struct request *r)
{
    struct ctx *ctx = r->ctx;

    if (!r->session)
        return send_to(r, "/admin/sign-in");
    ctx->principal = (struct principal){ .kind = PRINCIPAL_OPERATOR,
        .id = r->session->user_id,
        .scopes = role_scopes(r->session->role) };
    if (is_change(r))
        TRY(csrf_check(r));
    if (lacks_second_factor(r) && !r->route->early)
        return send_to(r, "/admin/second-factor");
    if (!principal_may(&ctx->principal, r->route->scope))
        return error_new(ctx, E_FORBIDDEN, "Your role, %s, does not include this (%s).", role_names[r->session->role],
            r->route->scope);
    return NULL;
}

static struct error *by_api_key(struct request *r, struct rate_limit *limit)
{
    static const char scheme[] = "Bearer ";
    const char *header = request_header(r, "Authorization");
    struct error *error;

    if (!header) {
        TRY(session_find(r));
        if (r->session)
            return by_session(r);
    }
    if (!header || strncasecmp(header, scheme, sizeof scheme - 1)) {
        TRY(count_guess(r));
        return ask_for_key(r);
    }
    header += sizeof scheme - 1;
    error = jwt_is_one(header) ? jwt_check(r->ctx, header, &r->ctx->principal)
                               : api_key_check(r->ctx, header, &r->ctx->principal, limit);
    if (error && error->code == E_UNAUTHENTICATED)
        TRY(count_guess(r));
    TRY(error);
    if (r->ctx->principal.kind == PRINCIPAL_CUSTOMER && !r->route->customers)
        return error_new(r->ctx, E_FORBIDDEN, "This is not for customers' tokens.");
    if (r->route->scope && !principal_may(&r->ctx->principal, r->route->scope))
        return error_new(r->ctx, E_FORBIDDEN, "This %s does not have the scope %s.",
            r->ctx->principal.kind == PRINCIPAL_CUSTOMER ? "token" : "API key", r->route->scope);
    return NULL;
}

/* Sets *limit where the use of a key was counted already. */
static struct error *identify(struct request *r, struct rate_limit *limit)
{
    switch (r->route->access) {
    case ACCESS_API_KEY:
        return by_api_key(r, limit);
    case ACCESS_CHECKOUT:
        r->ctx->principal =
            (struct principal){ .kind = PRINCIPAL_CUSTOMER, .id = request_path(r, "session"), .scopes = "" };
        return NULL;
    case ACCESS_OPERATOR:
        TRY(session_find(r));
        return by_session(r);
    case ACCESS_PUBLIC:
    case ACCESS_WEBHOOK:
        r->ctx->principal = (struct principal){ .kind = PRINCIPAL_NONE, .id = NULL, .scopes = "" };
    }
    return NULL;
}

/* How often -------------------------------------------------------------------------------------------------------- */

static void show_limit(struct request *r, const struct rate_limit *limit)
{
    int64_t window = r->ctx->config->rate_limit_window;

    reply_header(r, "RateLimit-Policy", "\"default\";q=%lld;w=%lld", (long long)limit->limit, (long long)window);
    reply_header(r, "RateLimit", "\"default\";r=%lld;t=%lld", (long long)limit->remaining, (long long)limit->reset);
    reply_header(r, "RateLimit-Limit", "%lld", (long long)limit->limit);
    reply_header(r, "RateLimit-Remaining", "%lld", (long long)limit->remaining);
    reply_header(r, "RateLimit-Reset", "%lld", (long long)limit->reset);
}

/* A key, a checkout session and an address are counted apart; a webhook only when its signature is bad. */
static struct error *limit_rate(struct request *r, struct rate_limit *limit)
{
    struct ctx *ctx = r->ctx;
    const char *who = ctx->principal.id ? ctx->principal.id : ctx->address ? ctx->address : "";

    if (limit->limit || r->route->unlimited || r->route->access == ACCESS_WEBHOOK)
        return NULL;
    return rate_limit_count(ctx, arena_printf(ctx->arena, "%s:%s", principal_kind_names[ctx->principal.kind], who),
        ctx->config->rate_limit_requests, ctx->config->rate_limit_window, limit);
}

/* Which request this is -------------------------------------------------------------------------------------------- */

static bool is_key(const char *text)
{
    size_t length = strlen(text);

    for (size_t i = 0; i < length; i++)
        if (text[i] <= ' ' || text[i] > '~' || text[i] == ',')
            return false;
    return length >= 1 && length <= MAX_KEY;
}

static const char *make_key(struct ctx *ctx)
{
    uint8_t b[16];

    crypto_random(b, sizeof b);
    b[6] = (uint8_t)((b[6] & 0x0f) | 0x40); // RFC 9562, version 4
    b[8] = (uint8_t)((b[8] & 0x3f) | 0x80);
    return arena_printf(ctx->arena, "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", b[0], b[1],
        b[2], b[3], b[4], b[5], b[6], b[7], b[8], b[9], b[10], b[11], b[12], b[13], b[14], b[15]);
}

static struct error *read_key(struct request *r, json_t *body, const char **out)
{
    const char *header = request_header(r, "Idempotency-Key");
    json_t *member = json_object_get(body, "idempotency_key");
    const char *in_body = json_string_value(member);
    struct error *error = NULL;

    if (member && !json_is_null(member) && (!in_body || !is_key(in_body)))
        error_add_field(r->ctx, &error, "#/idempotency_key",
            "must be 1 to 255 printable ASCII characters without spaces or commas");
    else if (header && !is_key(header))
        error_add_field(r->ctx, &error, "header:Idempotency-Key",
            "must be 1 to 255 printable ASCII characters without spaces or commas");
    else if (header && in_body && strcmp(header, in_body))
        error_add_field(r->ctx, &error, "#/idempotency_key", "must be the same as the header Idempotency-Key");
    *out = header ? header : in_body;
    if (!error && !*out && r->route->key_required)
        error_add_field(r->ctx, &error, "header:Idempotency-Key", "is required here");
    return error;
}

/* The same request is the same method, address and JSON value; white space and the order of members do not matter. */
static void fingerprint(struct request *r, json_t *body, uint8_t out[32])
{
    json_t *rest = json_copy(body);
    struct buf text = { .arena = r->ctx->arena };
    char *dump;

    json_object_del(rest, "idempotency_key");
    dump = json_dumps(rest, JSON_SORT_KEYS | JSON_COMPACT);
    buf_printf(&text, "%s %s %s\n%s", r->method, r->route->path, r->path, dump ? dump : "");
    free(dump);
    json_decref(rest);
    sha256((struct bytes){ (const uint8_t *)text.data, text.length }, out);
}

static struct error *take_key(struct request *r)
{
    struct ctx *ctx = r->ctx;
    struct idempotency *idempotency;
    json_t *body;
    const char *key;
    struct buf scope = { .arena = ctx->arena };

    TRY(request_json_value(r, &body));
    TRY(read_key(r, body, &key));
    idempotency = arena_alloc(ctx->arena, sizeof *idempotency);
    idempotency->made = !key;
    idempotency->text = key ? key : make_key(ctx);
    idempotency->operation = arena_printf(ctx->arena, "%s %s", r->route->method, r->route->path);
    buf_printf(&scope, "%s\n%s\n%s", ctx->principal.id, idempotency->operation, idempotency->text);
    sha256((struct bytes){ (const uint8_t *)scope.data, scope.length }, idempotency->key);
    fingerprint(r, body, idempotency->fingerprint);
    ctx->idempotency = idempotency;
    reply_header(r, "Idempotency-Key", "%s", idempotency->text);
    return NULL;
}

struct error *access_check(struct request *r)
{
    struct rate_limit limit = { 0 };
    struct error *error = identify(r, &limit);

    if (!error && !r->reply.sent)
        error = limit_rate(r, &limit);
    if (limit.limit)
        show_limit(r, &limit);
    TRY(error);
    if (r->reply.sent)
        return NULL;
    return r->route->idempotent ? take_key(r) : NULL;
}
