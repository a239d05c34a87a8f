#include "web/request.h"

#include <assert.h>
#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "base/arena.h"
#include "base/card_number.h"
#include "base/utf8.h"
#include "web/multipart.h"
#include "web/percent.h"
#include "web/router.h"

const char *request_path(const struct request *r, const char *name)
{
    size_t length = strlen(name), index = 0;

    for (const char *at = strchr(r->route->path, '{'); at; at = strchr(at + 1, '{')) {
        if (strncmp(at + 1, name, length) == 0 && at[1 + length] == '}')
            return r->segments[index];
        index++;
    }
    assert(false); // the route's path has no such name
    return NULL;
}

const char *request_variable(const struct request *r, const char *name)
{
    size_t length = strlen(name);

    for (const char *const *entry = r->environment; entry && *entry; entry++) {
        if (strncmp(*entry, name, length) == 0 && (*entry)[length] == '=')
            return *entry + length + 1;
    }
    return NULL;
}

const char *request_header(const struct request *r, const char *name)
{
    char variable[128] = "HTTP_";
    size_t used = 5;

    assert(strlen(name) < sizeof(variable) - used);
    for (const char *c = name; *c; c++)
        variable[used++] = *c == '-' ? '_' : (char)toupper((unsigned char)*c);
    if (strcmp(variable, "HTTP_CONTENT_TYPE") == 0 || strcmp(variable, "HTTP_CONTENT_LENGTH") == 0)
        return request_variable(r, variable + 5);
    return request_variable(r, variable);
}

bool request_wants_page(const struct request *r)
{
    const char *accept = request_header(r, "Accept");
    const char *page = accept ? strcasestr(accept, "text/html") : NULL;
    const char *json = accept ? strcasestr(accept, "application/json") : NULL;

    return page && (!json || page < json);
}

/* Whether the body's media type is this one, whatever its parameters. */
#define MULTIPART "multipart/form-data"

static bool body_is(const struct request *r, const char *type)
{
    size_t length = strlen(type);

    if (!r->content_type || strncasecmp(r->content_type, type, length) != 0)
        return false;
    return strchr("; \t", r->content_type[length]) != NULL;
}

struct error *request_json_value(struct request *r, json_t **out)
{
    if (!r->json) {
        if (r->body.length == 0) {
            r->json = json_in(r->ctx->arena, json_object());
        } else if (!body_is(r, "application/json")) {
            return error_new(r->ctx, E_UNSUPPORTED_MEDIA_TYPE, "send the body as application/json");
        } else {
            bool decimals = r->route && r->route->decimals;
            struct bytes text = decimals ? json_quote_decimals(r->ctx->arena, r->body) : r->body;
            TRY(json_read(r->ctx, text, &r->json));
        }
    }
    *out = r->json;
    return NULL;
}

static const struct field *field_named(const struct field *fields, const char *name)
{
    for (; fields->kind != FIELD_NONE; fields++) {
        if (strcmp(fields->name, name) == 0)
            return fields;
    }
    return NULL;
}

struct error *request_json(struct request *r, const struct field *fields, void *out)
{
    json_t *value = NULL;

    TRY(request_json_value(r, &value));
    if (json_object_get(value, "idempotency_key") && !field_named(fields, "idempotency_key")) {
        value = json_in(r->ctx->arena, json_copy(value));
        json_object_del(value, "idempotency_key");
    }
    return field_read(r->ctx, fields, value, out);
}

/* One name=value of a query or a form; a part that does not decode is NULL. */
struct parameter {
    const char *name, *value;
};

/* Browsers end a form's lines with two characters; texts have one. */
static const char *with_plain_lines(char *text)
{
    char *to = text;

    for (const char *from = text; *from; from++) {
        if (from[0] != '\r' || from[1] != '\n')
            *to++ = *from;
    }
    *to = '\0';
    return text;
}

static bool next_parameter(struct arena *arena, struct bytes *rest, struct parameter *out)
{
    while (rest->length > 0) {
        const char *text = (const char *)rest->data;
        const char *amp = memchr(text, '&', rest->length);
        size_t length = amp ? (size_t)(amp - text) : rest->length;
        const char *equals = memchr(text, '=', length);
        size_t name = equals ? (size_t)(equals - text) : length;
        size_t taken = amp ? length + 1 : length;

        rest->data += taken;
        rest->length -= taken;
        if (length == 0)
            continue;
        out->name = percent_decode(arena, text, name, true);
        out->value = equals ? percent_decode(arena, equals + 1, length - name - 1, true) : "";
        if (out->value)
            out->value = with_plain_lines(arena_strdup(arena, out->value));
        return true;
    }
    return false;
}

static const char *parameter_named(const struct request *r, struct bytes text, const char *name)
{
    struct parameter parameter;

    while (next_parameter(r->ctx->arena, &text, &parameter)) {
        if (parameter.name && strcmp(parameter.name, name) == 0)
            return parameter.value;
    }
    return NULL;
}

const char *request_query(const struct request *r, const char *name)
{
    return parameter_named(r, bytes_of(r->query), name);
}

bool request_upload(const struct request *r, const char *name, struct multipart *out)
{
    struct bytes rest = r->body;

    if (body_is(r, MULTIPART))
        while (multipart_next(r->ctx->arena, r->content_type, &rest, out))
            if (strcmp(out->name, name) == 0)
                return true;
    return false;
}

/* A text among files. */
static const char *part_text(const struct request *r, const char *name)
{
    struct multipart part;

    if (!request_upload(r, name, &part) || part.filename || memchr(part.content.data, 0, part.content.length))
        return NULL;
    const char *text = arena_strndup(r->ctx->arena, (const char *)part.content.data, part.content.length);
    return utf8_is_valid(text) ? text : NULL;
}

const char *request_form_member(const struct request *r, const char *name)
{
    if (body_is(r, MULTIPART))
        return part_text(r, name);
    return body_is(r, "application/x-www-form-urlencoded") ? parameter_named(r, r->body, name) : NULL;
}

/* A page's form sends every field it has: one that was left empty was not given. */
static bool was_left_empty(const struct request *r, const struct field *field, const char *value)
{
    return field && field->optional && !*value && r->route && r->route->answer == ANSWER_PAGE;
}

/* Reads one parameter into its member; `seen` marks which fields came. A name that nobody gave a meaning may be anything, also
 * what must not be repeated. */
static void read_parameter(struct request *r, const char *prefix, struct parameter parameter,
    const struct field *fields, bool *seen, void *out, struct error **error)
{
    struct ctx *ctx = r->ctx;
    const char *name =
        parameter.name && strlen(parameter.name) <= 64 && !card_number_in(parameter.name) ? parameter.name : "";
    const char *pointer = arena_printf(ctx->arena, "%s%s", prefix, name);
    const struct field *field = field_named(fields, name);

    if (!parameter.name || !parameter.value)
        error_add_field(ctx, error, pointer, "is not percent-encoded UTF-8");
    else if (!field)
        error_add_field(ctx, error, pointer, "is not known here");
    else if (seen[field - fields])
        error_add_field(ctx, error, pointer, "is given more than once");
    else if (!was_left_empty(r, field, parameter.value))
        field_read_text(ctx, field, parameter.value, pointer, out, error);
    if (field)
        seen[field - fields] = true;
}

static struct error *read_parameters(struct request *r, const char *prefix, struct bytes text,
    const struct field *fields, void *out)
{
    struct ctx *ctx = r->ctx;
    struct parameter parameter;
    struct error *error = NULL;
    size_t count = 0;

    while (fields[count].kind != FIELD_NONE)
        count++;
    bool *seen = arena_array(ctx->arena, count + 1, sizeof(bool));
    while (next_parameter(ctx->arena, &text, &parameter)) {
        if (*prefix == '#' && parameter.name && strcmp(parameter.name, "csrf") == 0 && !field_named(fields, "csrf"))
            continue;
        read_parameter(r, prefix, parameter, fields, seen, out, &error);
    }
    for (size_t i = 0; i < count; i++) {
        const char *pointer = arena_printf(ctx->arena, "%s%s", prefix, fields[i].name);
        if (!seen[i])
            field_read_text(ctx, &fields[i], NULL, pointer, out, &error);
    }
    return error;
}

struct error *request_query_fields(struct request *r, const struct field *fields, void *out)
{
    return read_parameters(r, "query:", bytes_of(r->query), fields, out);
}

struct error *request_form(struct request *r, const struct field *fields, void *out)
{
    if (r->body.length > 0 && !body_is(r, "application/x-www-form-urlencoded"))
        return error_new(r->ctx, E_UNSUPPORTED_MEDIA_TYPE, "send the body as application/x-www-form-urlencoded");
    return read_parameters(r, "#/", r->body, fields, out);
}

const char *request_cookie(const struct request *r, const char *name)
{
    const char *at = request_header(r, "Cookie");
    size_t length = strlen(name);

    while (at && *at) {
        at += strspn(at, "; \t");
        size_t pair = strcspn(at, ";");
        if (pair > length && strncmp(at, name, length) == 0 && at[length] == '=') {
            const char *value = at + length + 1;
            return arena_strndup(r->ctx->arena, value, strcspn(value, "; \t"));
        }
        at += pair;
    }
    return NULL;
}
