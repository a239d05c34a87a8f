#include <assert.h>
#include <string.h>

#include "base/arena.h"
#include "base/config.h"
#include "base/ctx.h"
#include "base/log.h"
#include "http/form.h"
#include "http/retry.h"
#include "provider/stripe/stripe.h"

#define TIME_AT_LEAST_MS 200
#define PAGE "100"
#define METADATA_KEYS 45 // of Stripe's fifty; the rest is ours
#define METADATA_KEY 40
#define METADATA_VALUE 500

/* What an error answer means, the first row that fits. A pattern that ends with * fits what begins like it; NULL and 0 fit
 * anything. */
static const struct rule {
    int status;
    const char *type, *code, *param;
    enum outcome_kind kind;
    enum error_code error;
    const char *detail;
} rules[] = {
    // somebody has executed something under our key, or is at it
    { 0, "idempotency_error", NULL, NULL, OUTCOME_UNKNOWN, E_STRIPE_ERROR, "Stripe knows this request already" },
    { 0, NULL, "idempotency_key_in_use", NULL, OUTCOME_UNKNOWN, E_STRIPE_ERROR, "Stripe still works on this request" },

    { 0, NULL, "lock_timeout", NULL, OUTCOME_NOT_EXECUTED, E_PROVIDER_UNAVAILABLE,
        "Stripe is busy with this payment; please try again" },
    { 0, NULL, "rate_limit", NULL, OUTCOME_NOT_EXECUTED, E_PROVIDER_UNAVAILABLE,
        "Stripe takes no more requests at the moment; please try again" },
    { 429, NULL, NULL, NULL, OUTCOME_NOT_EXECUTED, E_PROVIDER_UNAVAILABLE,
        "Stripe takes no more requests at the moment; please try again" },
    { 409, NULL, NULL, NULL, OUTCOME_NOT_EXECUTED, E_PROVIDER_UNAVAILABLE,
        "Stripe is busy with this payment; please try again" },

    { 401, NULL, NULL, NULL, OUTCOME_REFUSED, E_STRIPE_ERROR, "Stripe does not accept the key it is called with" },
    { 403, NULL, NULL, NULL, OUTCOME_REFUSED, E_STRIPE_ERROR,
        "Stripe does not allow this with the key it is called with" },

    { 402, NULL, NULL, NULL, OUTCOME_DECLINED, E_CARD_DECLINED, "" },
    { 0, "card_error", NULL, NULL, OUTCOME_DECLINED, E_CARD_DECLINED, "" },
    { 0, NULL, "payment_intent_authentication_failure", NULL, OUTCOME_DECLINED, E_CARD_DECLINED, "" },

    { 0, NULL, "charge_already_refunded", NULL, OUTCOME_REFUSED, E_ALREADY_REFUNDED,
        "all of this payment has gone back already" },
    { 0, NULL, "charge_disputed", NULL, OUTCOME_REFUSED, E_INVALID_STATUS,
        "the payer has disputed this payment with the bank; it cannot be refunded" },
    { 0, NULL, "charge_already_captured", NULL, OUTCOME_REFUSED, E_INVALID_STATUS,
        "this payment was captured already" },
    { 0, NULL, "charge_expired_for_capture", NULL, OUTCOME_REFUSED, E_INVALID_STATUS,
        "the bank no longer holds this amount; it cannot be captured" },
    { 0, NULL, "payment_intent_unexpected_state", NULL, OUTCOME_REFUSED, E_INVALID_STATUS,
        "that is not possible in the payment's current state" },
    { 0, NULL, "intent_invalid_state", NULL, OUTCOME_REFUSED, E_INVALID_STATUS,
        "that is not possible in the payment's current state" },
    { 0, NULL, "payment_intent_incompatible_payment_method", NULL, OUTCOME_REFUSED, E_PAYMENT_METHOD_ERROR,
        "this payment cannot be made with this payment method" },

    { 0, NULL, "amount_too_small", NULL, OUTCOME_REFUSED, E_VALIDATION_ERROR, "the amount is too small for Stripe" },
    { 0, NULL, "amount_too_large", NULL, OUTCOME_REFUSED, E_VALIDATION_ERROR, "the amount is too large for Stripe" },
    { 400, NULL, NULL, "amount*", OUTCOME_REFUSED, E_VALIDATION_ERROR, "Stripe does not take this amount" },
    { 400, NULL, NULL, "currency", OUTCOME_REFUSED, E_VALIDATION_ERROR, "Stripe does not take this currency" },
    { 400, NULL, NULL, "return_url", OUTCOME_REFUSED, E_VALIDATION_ERROR, "Stripe does not take this return_url" },
    { 0, NULL, "balance_insufficient", NULL, OUTCOME_REFUSED, E_STRIPE_ERROR,
        "the balance at Stripe is too low for this refund" },

    { 404, NULL, "resource_missing", "payment_method", OUTCOME_REFUSED, E_PAYMENT_METHOD_ERROR,
        "Stripe does not know this payment method" },
    { 400, NULL, "resource_missing", "payment_method", OUTCOME_REFUSED, E_PAYMENT_METHOD_ERROR,
        "Stripe does not know this payment method" },
    { 0, NULL, "payment_method_*", NULL, OUTCOME_REFUSED, E_PAYMENT_METHOD_ERROR,
        "this payment method cannot be used for this payment" },
    { 400, NULL, NULL, "payment_method*", OUTCOME_REFUSED, E_PAYMENT_METHOD_ERROR,
        "this payment method cannot be used for this payment" },
    { 0, NULL, "resource_missing", "customer", OUTCOME_REFUSED, E_NOT_FOUND, "Stripe does not know this customer" },
    { 0, NULL, "resource_missing", NULL, OUTCOME_REFUSED, E_NOT_FOUND, "Stripe does not know this object" },

    { 400, NULL, NULL, NULL, OUTCOME_REFUSED, E_STRIPE_ERROR, "Stripe did not accept the request" },
    { 404, NULL, NULL, NULL, OUTCOME_REFUSED, E_NOT_FOUND, "Stripe does not know this object" },
};

static const struct rule not_understood = { 0, NULL, NULL, NULL, OUTCOME_UNKNOWN, E_STRIPE_ERROR,
    "Stripe has not said yet how this ended" };

json_t *stripe_json(struct ctx *ctx, struct bytes text)
{
    json_t *json = json_loadb((const char *)text.data, text.length, JSON_REJECT_DUPLICATES, NULL);

    if (!json)
        return NULL;
    json_in(ctx->arena, json);
    return json_is_object(json) ? json : NULL;
}

static int64_t time_limit(struct ctx *ctx)
{
    int64_t limit = ctx->config->provider_timeout_ms;

    if (ctx->deadline_ms) {
        int64_t left = ctx->deadline_ms - monotonic_ms();

        limit = left < limit ? left : limit;
    }
    return limit < TIME_AT_LEAST_MS ? TIME_AT_LEAST_MS : limit;
}

static void exchange(struct ctx *ctx, const struct stripe_request *request, struct http_response *response)
{
    bool post = strcmp(request->method, "POST") == 0;
    const char *form = request->form ? buf_string(request->form) : "";
    const char *query = post || !*form ? "" : arena_printf(ctx->arena, "?%s", form);
    struct http_header headers[] = {
        { "Authorization", arena_printf(ctx->arena, "Bearer %s", ctx->config->stripe_secret_key) },
        { "Stripe-Version", ctx->config->stripe_api_version },
        { "Content-Type", request->content_type ? request->content_type : "application/x-www-form-urlencoded" },
        { request->key ? "Idempotency-Key" : NULL, request->key },
        { NULL, NULL },
    };
    struct http_request http = {
        .method = request->method,
        .url = arena_printf(ctx->arena, "%s%s%s", request->base ? request->base : ctx->config->stripe_api_url,
            request->path, query),
        .headers = headers,
        .body = request->content_type ? request->body : bytes_of(post ? form : ""),
        .timeout_ms = time_limit(ctx),
        .fresh_connection = post && !request->key,
    };

    if (!post) // the key belongs to POSTs, the content type to bodies
        headers[2].name = NULL;
    http_send_retrying(ctx, provider_stripe.name, &http, !request->moves_money, response);
}

/* Somebody should look into it: the call never ended, or the account is not set up as we need it. */
static bool is_alarming(const struct stripe_answer *answer)
{
    int status = answer->http.status;

    return answer->http.result != HTTP_ANSWERED || status >= 500 || status == 401 || status == 403
        || (answer->type && strcmp(answer->type, "idempotency_error") == 0);
}

static void log_call(struct ctx *ctx, const struct stripe_request *request, const struct stripe_answer *answer)
{
    static const char
        *const results[] = { [HTTP_ANSWERED] = "answered", [HTTP_NOT_SENT] = "not sent", [HTTP_LOST] = "lost" };
    const struct http_response *http = &answer->http;
    json_t *line = json_pack("{s:s, s:s, s:s, s:s, s:i, s:I, s:s*, s:s*, s:s*, s:s*}", "provider", provider_stripe.name,
        "method", request->method, "path", request->path, "result", results[http->result], "status", http->status,
        "took_ms", (json_int_t)http->took_ms, "provider_request_id", http->request_id, "code", answer->code, "param",
        answer->param, "cause", http->cause);

    assert(line);
    if (http->replayed)
        json_object_set_new(line, "replayed", json_true());
    log_line(ctx, is_alarming(answer) ? LOG_WARN : LOG_INFO, "provider.call", line);
}

void stripe_send(struct ctx *ctx, const struct stripe_request *request, struct stripe_answer *answer)
{
    *answer = (struct stripe_answer){ .http = { .result = HTTP_NOT_SENT } };
    if (!ctx->config->stripe_secret_key || !*ctx->config->stripe_secret_key) {
        answer->http.cause = "STRIPE_SECRET_KEY is not set";
    } else {
        exchange(ctx, request, &answer->http);
        if (answer->http.result == HTTP_ANSWERED)
            answer->body = stripe_json(ctx, answer->http.body);
        answer->error = stripe_object(json_object_get(answer->body, "error"));
        answer->type = json_get_text(answer->error, "type");
        answer->code = json_get_text(answer->error, "code");
        answer->param = json_get_text(answer->error, "param");
    }
    log_call(ctx, request, answer);
}

static bool fits(const char *pattern, const char *text)
{
    size_t length;

    if (!pattern)
        return true;
    if (!text)
        return false;
    length = strlen(pattern);
    if (length && pattern[length - 1] == '*')
        return strncmp(pattern, text, length - 1) == 0;
    return strcmp(pattern, text) == 0;
}

/* An error is only Stripe's word when it has Stripe's form; a proxy's page is not. */
static const struct rule *rule_for(const struct stripe_answer *answer)
{
    int status = answer->http.status;

    if (status < 400 || status >= 500 || (!answer->error && status != 429))
        return &not_understood;
    for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++) {
        const struct rule *rule = &rules[i];

        if ((!rule->status || rule->status == status) && fits(rule->type, answer->type)
            && fits(rule->code, answer->code) && fits(rule->param, answer->param))
            return rule;
    }
    return &not_understood;
}

static bool is_done(const struct stripe_answer *answer, const char *object)
{
    return answer->http.result == HTTP_ANSWERED && answer->http.status == 200
        && fits(object, json_get_text(answer->body, "object"));
}

static const char *cause_of(struct ctx *ctx, const struct stripe_answer *answer)
{
    const struct http_response *http = &answer->http;

    if (http->result != HTTP_ANSWERED)
        return http->cause;
    if (!answer->error)
        return arena_printf(ctx->arena, "Stripe answered %d with something that is not the object asked for",
            http->status);
    return arena_printf(ctx->arena, "Stripe answered %d: type %s, code %s, param %s", http->status,
        answer->type ? answer->type : "-", answer->code ? answer->code : "-", answer->param ? answer->param : "-");
}

static void decline(const struct stripe_answer *answer, struct outcome *outcome)
{
    struct decline decline = stripe_decline(answer->error);

    outcome->decline_code = decline.code;
    outcome->detail = decline_sentence(decline.kind);
    if (decline.kind == DECLINE_INSUFFICIENT_FUNDS)
        outcome->code = E_INSUFFICIENT_FUNDS;
}

struct outcome stripe_outcome(struct ctx *ctx, const struct stripe_answer *answer, const char *object)
{
    const struct http_response *http = &answer->http;
    struct outcome outcome = { .kind = OUTCOME_DONE, .request_id = http->request_id };

    if (is_done(answer, object))
        return outcome;
    outcome.cause = cause_of(ctx, answer);
    if (http->result == HTTP_NOT_SENT) {
        outcome.kind = OUTCOME_NOT_EXECUTED;
        outcome.code = E_PROVIDER_UNAVAILABLE;
        outcome.detail = "Stripe cannot be reached at the moment; nothing was charged";
    } else {
        const struct rule *rule = http->result == HTTP_ANSWERED ? rule_for(answer) : &not_understood;

        outcome.kind = rule->kind;
        outcome.code = rule->error;
        outcome.detail = rule->detail;
    }
    outcome.key_used =
        outcome.kind == OUTCOME_UNKNOWN && http->result == HTTP_ANSWERED && http->status >= 500 && http->replayed;
    if (outcome.kind == OUTCOME_DECLINED)
        decline(answer, &outcome);
    if (outcome.kind == OUTCOME_NOT_EXECUTED)
        outcome.retry_after = http->retry_after > 0 ? http->retry_after : 1;
    return outcome;
}

void stripe_not_understood(struct outcome *outcome, const char *cause)
{
    outcome->kind = not_understood.kind;
    outcome->code = not_understood.error;
    outcome->detail = not_understood.detail;
    outcome->cause = cause;
}

struct outcome stripe_refused(enum error_code code, const char *detail)
{
    return (struct outcome){ .kind = OUTCOME_REFUSED, .code = code, .detail = detail };
}

struct error *stripe_error(struct ctx *ctx, const struct stripe_answer *answer, const char *object)
{
    struct outcome outcome = stripe_outcome(ctx, answer, object);
    struct error *error;

    if (outcome.kind == OUTCOME_DONE)
        return NULL;
    if (outcome.kind == OUTCOME_REFUSED)
        error = error_new(ctx, outcome.code == E_NOT_FOUND ? E_NOT_FOUND : E_PROVIDER_ERROR, "%s", outcome.detail);
    else // a page or half an answer passes, as a time-out does
        error = error_new(ctx, E_PROVIDER_UNAVAILABLE, "Stripe cannot be asked at the moment; please try again");
    error->retry_after = outcome.retry_after;
    return error_cause(ctx, error, "%s", outcome.cause ? outcome.cause : "no cause");
}

struct error *stripe_get(struct ctx *ctx, const char *path, struct buf *query, const char *object, json_t **out)
{
    struct stripe_request request = { .method = "GET", .path = path, .form = query };
    struct stripe_answer answer;

    stripe_send(ctx, &request, &answer);
    TRY(stripe_error(ctx, &answer, object));
    *out = answer.body;
    return NULL;
}

/* Visits the items of one page. *last is the id of the last of them, NULL when there is no further page to ask for. */
static bool visit_page(json_t *page, bool (*visit)(void *to, json_t *item), void *to, const char **last)
{
    size_t i;
    json_t *item;

    *last = NULL;
    json_array_foreach(json_object_get(page, "data"), i, item)
    {
        *last = json_get_text(item, "id");
        if (!visit(to, item))
            return false;
    }
    if (!json_get_bool(page, "has_more"))
        *last = NULL;
    return true;
}

struct error *stripe_each(struct ctx *ctx, const char *path, const char *filter, int pages,
    bool (*visit)(void *to, json_t *item), void *to, bool *complete)
{
    const char *last = NULL;

    *complete = false;
    for (int page = 0; page < pages; page++) {
        struct buf query = { .arena = ctx->arena };
        json_t *list;

        buf_text(&query, filter);
        form_add(&query, "limit", "%s", PAGE);
        if (last)
            form_add(&query, "starting_after", "%s", last);
        TRY(stripe_get(ctx, path, &query, "list", &list));
        if (!visit_page(list, visit, to, &last))
            return NULL;
        if (!last) {
            *complete = true;
            return NULL;
        }
    }
    return NULL;
}

const char *stripe_id(const json_t *value)
{
    return json_is_string(value) ? json_string_value(value) : json_get_text(value, "id");
}

json_t *stripe_object(json_t *value)
{
    return json_is_object(value) ? value : NULL;
}

const char *stripe_cut(struct ctx *ctx, const char *text, size_t most)
{
    const char *end = text;

    for (size_t characters = 0; *end; end++) {
        bool starts = ((unsigned char)*end & 0xc0) != 0x80;

        if (starts && characters++ == most)
            break;
    }
    return *end ? arena_strndup(ctx->arena, text, (size_t)(end - text)) : text;
}

static bool is_ours(const char *key)
{
    static const char *const names[] = { "payment_id", "attempt_id", "reference", "refund_id", "customer_id" };

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (strcmp(names[i], key) == 0)
            return true;
    return false;
}

static bool fits_metadata(struct ctx *ctx, const char *key, const char *value)
{
    return *key && !is_ours(key) && !strpbrk(key, "[]") && stripe_cut(ctx, key, METADATA_KEY) == key && *value
        && stripe_cut(ctx, value, METADATA_VALUE) == value;
}

void stripe_add_metadata(struct ctx *ctx, struct buf *form, json_t *metadata)
{
    const char *key;
    json_t *value;
    int count = 0;

    json_object_foreach(metadata, key, value)
    {
        const char *text = json_is_string(value) ? json_string_value(value) : json_text(ctx, value);

        if (count < METADATA_KEYS && fits_metadata(ctx, key, text)) {
            form_add(form, arena_printf(ctx->arena, "metadata[%s]", key), "%s", text);
            count++;
        }
    }
}
