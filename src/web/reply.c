#include "web/reply.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/arena.h"
#include "base/config.h"
#include "base/crypto.h"
#include "base/log.h"
#include "web/locale.h"
#include "web/policy.h"
#include "web/router.h"
#include "web/template.h"

static const char json_media[] = "application/json";
static const char problem_media[] = "application/problem+json";
static const char page_media[] = "text/html; charset=utf-8";

static struct error *answer(struct request *r, int status, const char *content_type, const char *text, size_t length)
{
    r->reply.status = status;
    r->reply.content_type = content_type;
    r->reply.body = (struct bytes){ (const uint8_t *)text, length };
    r->reply.sent = true;
    return NULL;
}

struct error *reply_value(struct request *r, int status, json_t *value)
{
    const char *text = json_text(r->ctx, value);

    return answer(r, status, json_media, text, strlen(text));
}

struct error *reply_json(struct request *r, int status, const struct field *shown, const void *object)
{
    struct ctx *own = ctx_aside(r->ctx); // the text is enough from here on
    const char *text = arena_strdup(r->ctx->arena, json_text(own, field_write(own, shown, object)));

    ctx_rejoin(r->ctx, own, NULL);
    return answer(r, status, json_media, text, strlen(text));
}

struct error *reply_list(struct request *r, const struct field *shown, size_t size, const struct field_list *items,
    const char *cursor)
{
    json_t *data = json_array();
    json_t *list = json_in(r->ctx->arena,
        json_pack("{s:o, s:b, s:s?}", "data", data, "has_more", cursor != NULL, "next_cursor", cursor));

    for (size_t i = 0; i < items->count; i++)
        json_array_append(data, field_write(r->ctx, shown, (const char *)items->items + i * size));
    return reply_value(r, 200, list);
}

struct error *reply_text(struct request *r, int status, const char *content_type, const char *text)
{
    return answer(r, status, content_type, text, strlen(text));
}

struct error *reply_redirect(struct request *r, int status, const char *location)
{
    reply_header(r, "Location", "%s", location);
    return answer(r, status, NULL, "", 0);
}

struct error *reply_empty(struct request *r, int status)
{
    return answer(r, status, NULL, "", 0);
}

struct error *reply_stream(struct request *r, int status, const char *content_type,
    struct error *(*next)(struct ctx *ctx, void *state, struct buf *out, bool *more), void *state)
{
    bool has_body = strcmp(r->method, "HEAD") != 0;

    r->reply.next = has_body ? next : NULL;
    r->reply.state = state;
    return answer(r, status, content_type, "", 0);
}

/* Pages */

static void add_missing(json_t *view, const char *name, json_t *value)
{
    if (json_object_get(view, name))
        json_decref(value);
    else
        json_object_set_new(view, name, value);
}

static json_t *text_or_null(const char *text)
{
    return text ? json_string(text) : json_null();
}

/* The texts of the page's language as {{t.name}}; the page's own members fill their placeholders. */
static void add_texts(struct request *r, json_t *whole)
{
    if (r->locales && !json_object_get(whole, "t"))
        json_object_set(whole, "t", locale_texts(r->ctx, r->locales, json_get_text(whole, "locale"), whole));
}

static json_t *whole_view(struct request *r, json_t *view)
{
    const struct config *config = r->ctx->config;
    json_t *whole = json_in(r->ctx->arena, view ? json_copy(view) : json_object());

    add_missing(whole, "nonce", json_string(reply_nonce(r)));
    add_missing(whole, "locale", json_string(r->locales ? locale_of(r, NULL) : "en"));
    add_missing(whole, "request_id", text_or_null(r->ctx->trace));
    add_missing(whole, "merchant_name", text_or_null(config ? config->merchant_name : NULL));
    add_missing(whole, "support_email", text_or_null(config ? config->support_email : NULL));
    add_missing(whole, "url", text_or_null(config ? config->url : NULL));
    add_missing(whole, "test_mode", json_boolean(config && config->mode == MODE_TEST));
    add_texts(r, whole);
    return whole;
}

struct error *reply_page(struct request *r, int status, const char *template, json_t *view)
{
    struct buf page = { .arena = r->ctx->arena };

    TRY(template_render(r->ctx, r->templates, template, whole_view(r, view), &page));
    return answer(r, status, page_media, buf_string(&page), page.length);
}

const char *reply_nonce(struct request *r)
{
    if (!r->nonce) {
        uint8_t random[18];
        crypto_random(random, sizeof(random));
        r->nonce = base64_encode(r->ctx->arena, (struct bytes){ random, sizeof(random) });
    }
    return r->nonce;
}

/* Errors */

/* The line of a header that the reply already has, or NULL. */
static const char *header_line(const struct request *r, const char *name)
{
    size_t length = strlen(name);

    for (const char *line = r->reply.headers.data; line && *line;) {
        if (strncasecmp(line, name, length) == 0 && line[length] == ':')
            return line;
        line = strchr(line, '\n');
        line = line ? line + 1 : NULL;
    }
    return NULL;
}

static void set_text(json_t *object, const char *name, const char *text)
{
    if (text)
        json_object_set_new(object, name, json_string(text));
}

static json_t *wrong_fields(const struct error *error)
{
    json_t *list = json_array();

    for (size_t i = 0; i < error->field_count; i++) {
        const struct error_field *field = &error->fields[i];
        json_array_append_new(list, json_pack("{s:s, s:s}", "pointer", field->pointer, "detail", field->detail));
    }
    return list;
}

/* Coming again can only help where nothing happened and the reason passes. */
static bool is_retryable(const struct error *error)
{
    int status = error_status(error->code);

    return strcmp(error->outcome, "not_attempted") == 0 && (status >= 500 || status == 429);
}

static json_t *problem(struct request *r, const struct error *error)
{
    const struct config *config = r->ctx->config;
    const char *origin = config && config->url ? config->url : "";
    const char *name = error_name(error->code), *title = error_title(error->code);
    json_t *object = json_in(r->ctx->arena, json_object());

    json_object_set_new(object, "type", json_sprintf("%s/docs/errors#%s", origin, name));
    set_text(object, "title", title);
    json_object_set_new(object, "status", json_integer(error_status(error->code)));
    set_text(object, "detail", error->detail ? error->detail : title);
    set_text(object, "code", name);
    set_text(object, "request_id", r->ctx->trace);
    if (error->field_count > 0)
        json_object_set_new(object, "errors", wrong_fields(error));
    if (error->outcome) {
        set_text(object, "outcome", error->outcome);
        json_object_set_new(object, "retryable", json_boolean(is_retryable(error)));
    }
    set_text(object, "payment_id", error->payment_id);
    set_text(object, "decline_code", error->decline_code);
    if (r->route && r->route->plain) {
        json_object_set_new(object, "success", json_false());
        json_object_set_new(object, "error",
            json_pack("{ss, ss}", "code", name, "message", error->detail ? error->detail : title));
    }
    return object;
}

/* Whether who asks wants to read a page; where no route says it, a browser does, except from the API. */
static bool wants_page(const struct request *r)
{
    if (r->route)
        return r->route->answer == ANSWER_PAGE;
    return r->path && strncmp(r->path, "/api/", 5) != 0 && request_wants_page(r);
}

/* False when the page cannot be made; that is logged. */
static bool error_page(struct request *r, const struct error *error, json_t *members, int retry_after)
{
    int status = error_status(error->code);
    json_t *view = json_in(r->ctx->arena, json_deep_copy(members));

    json_object_set_new(view, arena_printf(r->ctx->arena, "is_%d", status), json_true());
    json_object_set_new(view, "money_at_stake", json_boolean(error->outcome != NULL));
    if (retry_after > 0)
        json_object_set_new(view, "retry_after", json_integer(retry_after));

    struct error *failed = reply_page(r, status, "error", view);
    if (failed)
        log_error(r->ctx, "error_page", "%s", failed->cause ? failed->cause : failed->detail);
    return !failed;
}

void reply_error(struct request *r, const struct error *error)
{
    int status = error_status(error->code);
    int retry_after = error->retry_after > 0 ? error->retry_after : status == 503 ? 2 : 0;
    json_t *members = problem(r, error);

    if (retry_after > 0)
        reply_header(r, "Retry-After", "%d", retry_after);
    if (status == 401 && (!r->route || r->route->access == ACCESS_API_KEY) && !header_line(r, "WWW-Authenticate"))
        reply_header(r, "WWW-Authenticate", "Bearer realm=\"till\"");
    if (wants_page(r) && error_page(r, error, members, retry_after))
        return;

    const char *text = json_text(r->ctx, members);
    answer(r, status, problem_media, text, strlen(text));
}

/* Headers and the whole answer */

void reply_header(struct request *r, const char *name, const char *format, ...)
{
    struct buf value = { .arena = r->ctx->arena };
    va_list arguments;

    va_start(arguments, format);
    buf_vprintf(&value, format, arguments);
    va_end(arguments);
    for (const char *c = buf_string(&value); *c; c++)
        assert((unsigned char)*c >= 0x20 && *c != 0x7f);
    if (!r->reply.headers.arena)
        r->reply.headers.arena = r->ctx->arena;
    buf_printf(&r->reply.headers, "%s: %s\r\n", name, buf_string(&value));
}

static const char *reason(int status)
{
    static const struct {
        int status;
        const char *words;
    } reasons[] = { { 200, "OK" }, { 201, "Created" }, { 202, "Accepted" }, { 204, "No Content" },
        { 301, "Moved Permanently" }, { 302, "Found" }, { 303, "See Other" }, { 304, "Not Modified" },
        { 307, "Temporary Redirect" }, { 308, "Permanent Redirect" }, { 400, "Bad Request" }, { 401, "Unauthorized" },
        { 402, "Payment Required" }, { 403, "Forbidden" }, { 404, "Not Found" }, { 405, "Method Not Allowed" },
        { 409, "Conflict" }, { 410, "Gone" }, { 413, "Content Too Large" }, { 415, "Unsupported Media Type" },
        { 422, "Unprocessable Content" }, { 429, "Too Many Requests" }, { 500, "Internal Server Error" },
        { 503, "Service Unavailable" } };

    for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++) {
        if (reasons[i].status == status)
            return reasons[i].words;
    }
    return "Answer";
}

static void add_defaults(struct request *r, const struct policy_header *headers)
{
    for (; headers->name; headers++) {
        if (headers->value && !header_line(r, headers->name))
            reply_header(r, headers->name, "%s", headers->value);
    }
}

static void assure_answer(struct request *r)
{
    if (r->reply.sent)
        return;
    log_error(r->ctx, "no_reply", "the handler neither replied nor failed");
    reply_error(r, error_new(r->ctx, E_INTERNAL_ERROR, "this request was not answered"));
}

void reply_write(struct request *r, struct buf *out)
{
    assure_answer(r);

    const struct reply *reply = &r->reply;
    bool is_page = reply->content_type && strncmp(reply->content_type, "text/html", 9) == 0;
    bool bodyless = reply->status == 204 || reply->status == 304;

    add_defaults(r, policy_headers(r, is_page));
    buf_printf(out, "Status: %d %s\r\n", reply->status, reason(reply->status));
    if (reply->content_type && !bodyless)
        buf_printf(out, "Content-Type: %s\r\n", reply->content_type);
    if (!bodyless && !reply->next)
        buf_printf(out, "Content-Length: %zu\r\n", reply->body.length);
    buf_text(out, reply->headers.data);
    buf_text(out, "\r\n");
    if (!bodyless && strcmp(r->method, "HEAD") != 0)
        buf_add(out, reply->body.data, reply->body.length);
}
