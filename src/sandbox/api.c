#include "sandbox/api.h"

#include "base/arena.h"
#include "base/crypto.h"
#include "base/field.h"
#include "base/instant.h"
#include "sandbox/decode.h"
#include "sandbox/fault.h"
#include "sandbox/memory.h"
#include "sandbox/operations.h"
#include "sandbox/render.h"
#include "sandbox/replay.h"
#include "sandbox/uploads.h"
#include "web/reply.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Keys: whose call it is */

static const char *authorization(struct call *call)
{
    const char *header = request_header(call->request, "Authorization");
    struct bytes decoded;

    if (!header)
        return NULL;
    if (strncmp(header, "Bearer ", 7) == 0)
        return header + 7 + strspn(header + 7, " ");
    if (strncmp(header, "Basic ", 6) != 0 || !base64_decode(call->ctx->arena, header + 6, &decoded))
        return NULL;

    const char *user = arena_strndup(call->ctx->arena, (const char *)decoded.data, decoded.length);
    return arena_strndup(call->ctx->arena, user, strcspn(user, ":"));
}

static bool begins(const char *text, const char *prefix)
{
    return strncmp(text, prefix, strlen(prefix)) == 0;
}

static bool is_known(const char *key, const char *prefix, const char *only)
{
    return begins(key, prefix) && (!only || strcmp(key, only) == 0);
}

/* "sk_test_****1234": a key is never repeated whole. */
static const char *masked(struct call *call, const char *key)
{
    size_t length = strlen(key);

    return length < 12 ? "****" : arena_printf(call->ctx->arena, "%.8s****%s", key, key + length - 4);
}

static struct failure *authenticate(struct call *call, json_t *form)
{
    const struct settings *settings = &call->sandbox->settings;
    const char *key = authorization(call);

    if (!key)
        key = json_get_text(form, "key"); // as Stripe.js sends it
    if (!key || !*key)
        return fail_early(call, 401, NULL, NULL,
            "You did not provide an API key. You need to provide your API key in the Authorization header, using "
            "Bearer "
            "auth (e.g. 'Authorization: Bearer YOUR_SECRET_KEY').");
    call->publishable = begins(key, "pk_");
    if (call->publishable
            ? is_known(key, "pk_test_", settings->publishable_key)
            : is_known(key, "sk_test_", settings->secret_key) || (begins(key, "rk_test_") && !settings->secret_key))
        return NULL;
    return fail_early(call, 401, NULL, NULL, "Invalid API Key provided: %s", masked(call, key));
}

/* Versions */

/* "2026-08-26.dahlia", or the bare date of older ones. */
static bool is_version(const char *text)
{
    static const char form[] = "dddd-dd-dd";

    for (size_t i = 0; form[i]; i++) {
        if (form[i] == 'd' ? text[i] < '0' || text[i] > '9' : text[i] != form[i])
            return false;
    }
    const char *name = text + strlen(form);
    if (!*name)
        return true;
    return *name == '.' && name[1] && name[1 + strspn(name + 1, "abcdefghijklmnopqrstuvwxyz")] == '\0';
}

static struct failure *read_version(struct call *call)
{
    const char *asked = request_header(call->request, "Stripe-Version");

    call->version = call->sandbox->settings.api_version;
    if (!asked)
        return NULL;
    if (!is_version(asked))
        return fail_early(call, 400, NULL, NULL, "Invalid Stripe API version: %.40s", asked);
    call->version = asked;
    return NULL;
}

/* Parameters */

static struct failure *read_form(struct call *call, json_t **out)
{
    const struct request *r = call->request;
    bool body = strcmp(r->method, "POST") == 0;
    const char *why = "";

    if (body && strcmp(r->path, "/v1/files") == 0 && r->content_type
        && begins(r->content_type, "multipart/form-data")) {
        *out = uploads_form(r->ctx->arena, r->content_type, r->body);
        return *out ? NULL
                    : fail_early(call, 400, NULL, NULL, "Invalid request: the parts of the body cannot be read.");
    }
    if (body && r->body.length && r->content_type && !begins(r->content_type, "application/x-www-form-urlencoded"))
        return fail_early(call, 400, NULL, NULL,
            "Invalid request: this endpoint takes application/x-www-form-urlencoded, not %.60s", r->content_type);
    json_t *form = body ? decode_form(r->ctx->arena, (const char *)r->body.data, r->body.length, &why)
                        : decode_form(r->ctx->arena, r->query, strlen(r->query), &why);
    if (!form)
        return fail_early(call, 400, NULL, NULL, "%s", why);
    *out = json_in(r->ctx->arena, form);
    return NULL;
}

/* The same for the same parameters, in whatever order they came. */
static const char *fingerprint(struct call *call, json_t *form)
{
    uint8_t digest[32];
    char *text = json_dumps(form, JSON_COMPACT | JSON_SORT_KEYS);

    if (!text)
        abort();
    sha256(bytes_of(text), digest);
    free(text);
    return hex_encode(call->ctx->arena, (struct bytes){ digest, sizeof digest });
}

/* Carrying out */

struct outcome {
    int status;
    const char *body;
    const char *original; // the first request's id, of a replayed answer
    const char *should_retry;
};

static const char *text_of(struct call *call, json_t *value)
{
    char *text = json_dumps(value, JSON_INDENT(2));

    if (!text)
        abort();
    arena_defer(call->ctx->arena, free, text);
    json_decref(value);
    return text;
}

static struct outcome failed(struct call *call, const struct failure *failure)
{
    const char *should_retry = failure->should_retry;

    if (!should_retry && failure->status < 500)
        should_retry = "false";
    return (struct outcome){ failure->status, text_of(call, failure_body(call, failure)), NULL, should_retry };
}

static struct failure *perform(struct call *call, json_t **shown)
{
    PASS(call->operation->handle(call));
    return render_answer(call, call->answer, shown);
}

/* Under the lock, and with the key taken if there is one. */
static struct outcome execute(struct call *call, const struct fault *fault)
{
    json_t *shown = NULL;
    struct failure *failure = perform(call, &shown);
    struct outcome outcome =
        failure ? failed(call, failure) : (struct outcome){ 200, text_of(call, json_incref(shown)), NULL, NULL };

    if (fault->action == FAULT_STICKY_ERROR)
        outcome =
            (struct outcome){ 500, fault_error_body(call), NULL, fault->should_retry[0] ? fault->should_retry : NULL };
    if (call->idempotency_key) {
        if (failure && failure->unexecuted && fault->action != FAULT_STICKY_ERROR)
            replay_release(call);
        else
            replay_store(call, outcome.status, outcome.body);
    }
    return outcome;
}

static struct outcome replayed(struct call *call, const struct replay *replay)
{
    return (struct outcome){
        .status = replay->status,
        .body = arena_strdup(call->ctx->arena, replay->body),
        .original = arena_strdup(call->ctx->arena, replay->request_id),
        .should_retry = replay->status >= 400 ? "false" : NULL,
    };
}

static struct outcome run(struct call *call, json_t *form, const struct fault *fault)
{
    struct sandbox *sandbox = call->sandbox;
    const struct replay *replay = NULL;
    struct failure *failure;

    if ((failure = params_read(call, call->operation->params, form, &call->params)))
        return failed(call, failure);
    if (call->idempotency_key) {
        if ((failure = replay_begin(call, fingerprint(call, form), &replay)))
            return failed(call, failure);
        if (replay)
            return replayed(call, replay);
    }
    if (!fault->executes && fault->action == FAULT_STICKY_ERROR) {
        struct outcome outcome = { 500, fault_error_body(call), NULL, NULL };

        if (call->idempotency_key)
            replay_store(call, outcome.status, outcome.body);
        return outcome;
    }
    if (fault->action == FAULT_DELAY) { // the key is held meanwhile
        pthread_mutex_unlock(&sandbox->lock);
        fault_sleep(fault->ms);
        pthread_mutex_lock(&sandbox->lock);
        call->now = instant_to_unix(clock_now());
    }
    return execute(call, fault);
}

static struct fault draw(struct call *call)
{
    const char *count = request_header(call->request, "Sandbox-Connection-Requests");

    return dials_draw(call->sandbox->dials, call->operation->method, call->operation->path,
        count ? strtoll(count, NULL, 10) : 0);
}

/* Answering */

static void send_headers(struct call *call, const struct outcome *outcome)
{
    struct request *r = call->request;

    reply_header(r, "Request-Id", "%s", call->request_id);
    reply_header(r, "Stripe-Version", "%s", call->version);
    reply_header(r, "Cache-Control", "no-cache, no-store");
    if (call->idempotency_key && strlen(call->idempotency_key) <= 255)
        reply_header(r, "Idempotency-Key", "%s", call->idempotency_key);
    if (call->idempotency_key)
        reply_header(r, "Original-Request", "%s", outcome->original ? outcome->original : call->request_id);
    if (outcome->original)
        reply_header(r, "Idempotent-Replayed", "true");
    if (outcome->should_retry)
        reply_header(r, "Stripe-Should-Retry", "%s", outcome->should_retry);
}

static void allow_browsers(struct request *r)
{
    reply_header(r, "Access-Control-Allow-Origin", "*");
    reply_header(r, "Cross-Origin-Resource-Policy", "cross-origin");
    reply_header(r, "Access-Control-Allow-Methods", "GET, HEAD, PUT, PATCH, POST, DELETE");
    reply_header(r, "Access-Control-Allow-Headers",
        "Authorization, Content-Type, Idempotency-Key, Stripe-Account, Stripe-Version");
    reply_header(r, "Access-Control-Expose-Headers",
        "Request-Id, Stripe-Manage-Version, Stripe-Should-Retry, X-Stripe-External-Auth-Required");
    reply_header(r, "Access-Control-Max-Age", "300");
}

static void send(struct call *call, const struct outcome *outcome)
{
    send_headers(call, outcome);
    (void)reply_text(call->request, outcome->status, "application/json", outcome->body);
}

/* What is looked at before anything else. */
static struct failure *enter(struct call *call, json_t **form)
{
    const struct request *r = call->request;

    *form = json_in(r->ctx->arena, json_object());
    if (r->refused)
        return fail_early(call, error_status(r->refused->code), NULL, NULL, "%s", r->refused->detail);
    PASS(read_version(call));
    PASS(read_form(call, form));
    PASS(authenticate(call, *form));
    call->operation = operation_find(call, r->method, r->path);
    if (!call->operation)
        return fail_early(call, 404, NULL, NULL,
            "Unrecognized request URL (%s: %.200s). Please see https://stripe.com/docs or we can help at "
            "https://support.stripe.com/.",
            r->method, r->path);
    if (call->publishable && !call->operation->browsers)
        return fail_early(call, 403, "secret_key_required", NULL,
            "This API call cannot be made with a publishable API key. Please use a secret API key.");
    return NULL;
}

static const char *visible_key(struct request *r)
{
    const char *key = strcmp(r->method, "POST") == 0 ? request_header(r, "Idempotency-Key") : NULL;

    if (!key || !*key)
        return NULL;
    for (const char *at = key; *at; at++) {
        if (*at < 0x20 || *at > 0x7e)
            return NULL;
    }
    return key;
}

void api_handle(struct sandbox *sandbox, struct request *r)
{
    struct call call = call_internal(sandbox, r->ctx);
    json_t *form;

    allow_browsers(r);
    if (strcmp(r->method, "OPTIONS") == 0) {
        (void)reply_empty(r, 204);
        return;
    }
    call.request = r;
    call.request_id = id_stripe(r->ctx, "req");
    call.idempotency_key = visible_key(r);

    struct failure *failure = enter(&call, &form);
    if (failure) {
        struct outcome outcome = failed(&call, failure);

        send(&call, &outcome);
        return;
    }

    struct outcome outcome = { 0 };
    pthread_mutex_lock(&sandbox->lock);
    sandbox_tick(sandbox, r->ctx);
    struct fault fault = draw(&call);
    if (fault.executes || fault.action == FAULT_STICKY_ERROR)
        outcome = run(&call, form, &fault);
    pthread_mutex_unlock(&sandbox->lock);

    if (fault_replaces(&fault))
        outcome.should_retry = NULL;
    if (outcome.status)
        send(&call, &outcome);
    else
        send_headers(&call, &outcome);
    fault_answer(&call, &fault);
}
