#include "pages/reference.h"

#include <string.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/config.h"
#include "base/ctx.h"
#include "base/field.h"
#include "web/reply.h"
#include "web/request.h"
#include "web/router.h"

#define DEPTH 6 // of members within members that are shown

/* The description, and the page that is made from it. */
struct reference {
    struct ctx *ctx;
    json_t *document;
};

/* Schemas ----------------------------------------------------------------------------------------------------------- */

/* What "#/components/schemas/Money" and the like stand for. */
static json_t *resolve(const struct reference *reference, json_t *value)
{
    const char *place = json_get_text(value, "$ref");
    json_t *found = reference->document;
    char *path, *rest = NULL;

    if (!place)
        return value;
    path = arena_strdup(reference->ctx->arena, place + strlen("#/"));
    for (char *name = strtok_r(path, "/", &rest); name; name = strtok_r(NULL, "/", &rest))
        found = json_object_get(found, name);
    return found;
}

/* The schema itself where "or null" stands beside it. */
static json_t *without_null(const struct reference *reference, json_t *schema)
{
    json_t *any = json_object_get(schema, "anyOf");

    return resolve(reference, any ? json_array_get(any, 0) : schema);
}

static const char *type_name(const struct reference *reference, json_t *schema)
{
    json_t *type = json_object_get(schema, "type"), *names = json_object_get(schema, "enum"), *name;
    const char *text = json_is_array(type) ? json_string_value(json_array_get(type, 0)) : json_string_value(type);
    const char *format = json_get_text(schema, "format");
    struct buf out = { .arena = reference->ctx->arena };
    size_t i;

    json_array_foreach(names, i, name)
        buf_printf(&out, "%s%s", i ? ", " : "", json_is_string(name) ? json_string_value(name) : "null");
    if (names)
        return buf_string(&out);
    if (text && !strcmp(text, "array")) {
        const char *of = json_get_text(without_null(reference, json_object_get(schema, "items")), "type");
        return arena_printf(reference->ctx->arena, "list of %s", of ? of : "anything");
    }
    return format && !strcmp(format, "date-time") ? "time" : text ? text : "anything";
}

static bool is_required(json_t *schema, const char *name)
{
    json_t *required = json_object_get(schema, "required"), *one;
    size_t i;

    json_array_foreach(required, i, one) if (!strcmp(json_string_value(one), name)) return true;
    return false;
}

/* The members of an object, those within them below, as rows: "amount", "amount.value". */
static void add_members(const struct reference *reference, json_t *schema, const char *prefix, bool asked, int depth,
    json_t *rows)
{
    json_t *properties, *member;
    const char *name;

    schema = without_null(reference, schema);
    if (json_object_get(schema, "items")) {
        schema = without_null(reference, json_object_get(schema, "items"));
        prefix = *prefix ? arena_printf(reference->ctx->arena, "%s[]", prefix) : "";
    }
    properties = json_object_get(schema, "properties");
    json_object_foreach(properties, name, member)
    {
        const char *path = arena_printf(reference->ctx->arena, "%s%s%s", prefix, *prefix ? "." : "", name);
        const char *words = json_get_text(member, "description");
        json_t *inner = without_null(reference, member);

        if (!words)
            words = json_get_text(inner, "description");
        json_array_append_new(rows,
            json_pack("{ss, ss, ss, sb}", "name", path, "type", type_name(reference, inner), "words",
                words ? words : "", "required", asked && is_required(schema, name)));
        if (depth > 1)
            add_members(reference, inner, path, asked, depth - 1, rows);
    }
}

/* Examples ---------------------------------------------------------------------------------------------------------- */

/* A value that would be taken. */
static json_t *example_of(const struct reference *reference, const char *name, json_t *schema)
{
    json_t *inner = without_null(reference, schema), *given = json_object_get(inner, "example"), *one, *out;
    json_t *names = json_object_get(inner, "enum"), *properties = json_object_get(inner, "properties");
    const char *type = type_name(reference, inner), *key;

    if (given)
        return json_incref(given);
    if (names)
        return json_incref(json_array_get(names, 0));
    if (json_object_get(properties, "currency") && json_object_get(properties, "value"))
        return json_pack("{ss, ss}", "value", "10.00", "currency", "USD");
    if (properties) {
        out = json_object();
        json_object_foreach(properties, key, one) if (is_required(inner, key))
            json_object_set_new(out, key, example_of(reference, key, one));
        return out;
    }
    if (!strncmp(type, "list", 4))
        return json_pack("[o]", example_of(reference, name, json_object_get(inner, "items")));
    if (!strcmp(type, "boolean"))
        return json_true();
    if (!strcmp(type, "integer"))
        return json_integer(json_get_int(inner, "minimum") > 1 ? json_get_int(inner, "minimum") : 1);
    if (!strcmp(type, "time"))
        return json_string("2026-11-21T10:00:00Z");
    if (!strcmp(type, "object"))
        return json_object();
    if (strstr(name, "url"))
        return json_string("https://shop.example.com/till");
    if (!strcmp(name, "payment_method_id"))
        return json_string("pm_card_visa");
    return json_sprintf("%s_1", name);
}

static bool takes_key(json_t *operation)
{
    json_t *parameters = json_object_get(operation, "parameters"), *one;
    size_t i;

    json_array_foreach(parameters, i, one)
    {
        const char *place = json_get_text(one, "$ref");
        if (place && strstr(place, "IdempotencyKey"))
            return true;
    }
    return false;
}

static json_t *body_schema(json_t *operation)
{
    json_t *body = json_object_get(operation, "requestBody");

    return json_object_get(json_object_get(json_object_get(body, "content"), "application/json"), "schema");
}

static bool is_by_key(json_t *operation)
{
    return json_array_size(json_object_get(operation, "security")) > 0;
}

/* What a key must have; "" where none is needed. */
static const char *scope_of(json_t *operation)
{
    json_t *need = json_array_get(json_object_get(operation, "security"), 0);
    const char *scope = json_string_value(json_array_get(json_object_get(need, "api_key"), 0));

    return scope ? scope : "";
}

static const char *curl_line(const struct reference *reference, const char *method, const char *path, json_t *operation)
{
    struct buf out = { .arena = reference->ctx->arena };
    json_t *schema = body_schema(operation), *body;

    buf_printf(&out, "curl -s %s%s", reference->ctx->config->url, path);
    if (strcmp(method, "GET") && !(strcmp(method, "POST") == 0 && schema))
        buf_printf(&out, " -X %s", method);
    if (is_by_key(operation))
        buf_text(&out, " \\\n  -H \"Authorization: Bearer $TILL_API_KEY\"");
    if (takes_key(operation))
        buf_text(&out, " \\\n  -H 'Idempotency-Key: order-1042'");
    if (schema) {
        body = json_in(reference->ctx->arena, example_of(reference, "", schema));
        buf_printf(&out, " \\\n  -H 'Content-Type: application/json' \\\n  -d '%s'", json_text(reference->ctx, body));
    }
    return buf_string(&out);
}

/* The page ---------------------------------------------------------------------------------------------------------- */

static json_t *parameter_rows(const struct reference *reference, json_t *operation)
{
    json_t *rows = json_array(), *one;
    size_t i;

    json_array_foreach(json_object_get(operation, "parameters"), i, one)
    {
        json_t *parameter = resolve(reference, one), *schema = json_object_get(parameter, "schema");
        const char *words = json_get_text(parameter, "description");

        json_array_append_new(rows,
            json_pack("{ss, ss, ss, ss, sb}", "name", json_get_text(parameter, "name"), "in",
                json_get_text(parameter, "in"), "type", type_name(reference, without_null(reference, schema)), "words",
                words ? words : "", "required", json_get_bool(parameter, "required")));
    }
    return rows;
}

static json_t *member_rows(const struct reference *reference, json_t *schema, bool asked)
{
    json_t *rows = json_array();

    if (schema)
        add_members(reference, schema, "", asked, DEPTH, rows);
    return rows;
}

/* The statuses, good ones first as the description has them, and the members of the first good answer. */
static json_t *answer_rows(const struct reference *reference, json_t *operation, json_t **members)
{
    json_t *rows = json_array(), *one;
    const char *status;

    *members = NULL;
    json_object_foreach(json_object_get(operation, "responses"), status, one)
    {
        json_t *answer = resolve(reference, one);
        json_t *content = json_object_get(json_object_get(answer, "content"), "application/json");

        if (!*members && status[0] == '2')
            *members = member_rows(reference, json_object_get(content, "schema"), false);
        const char *words = json_get_text(answer, "description");
        if (strcmp(status, "default"))
            json_array_append_new(rows, json_pack("{ss, ss}", "status", status, "words", words ? words : ""));
    }
    if (!*members)
        *members = json_array();
    return rows;
}

static json_t *operation_view(const struct reference *reference, const char *method, const char *path,
    json_t *operation)
{
    const char *verb = arena_strdup(reference->ctx->arena, method);
    json_t *parameters = parameter_rows(reference, operation), *members;
    json_t *body = member_rows(reference, body_schema(operation), true);
    json_t *answers = answer_rows(reference, operation, &members);

    for (char *c = (char *)(uintptr_t)verb; *c; c++)
        *c = (char)(*c - ('a' <= *c && *c <= 'z' ? 'a' - 'A' : 0));
    return json_pack("{ss, ss, ss, ss*, ss, ss, sb, so, sb, so, sb, so, so}", "id",
        json_get_text(operation, "operationId"), "method", verb, "path", path, "summary",
        json_get_text(operation, "summary"), "scope", scope_of(operation), "curl",
        curl_line(reference, verb, path, operation), "has_parameters", json_array_size(parameters) > 0, "parameters",
        parameters, "has_body", json_array_size(body) > 0, "body", body, "has_members", json_array_size(members) > 0,
        "members", members, "answers", answers);
}

static json_t *operations_of(const struct reference *reference, const char *tag)
{
    json_t *list = json_array(), *methods, *operation;
    const char *path, *method;

    json_object_foreach(json_object_get(reference->document, "paths"), path, methods)
        json_object_foreach(methods, method, operation)
    {
        const char *own = json_string_value(json_array_get(json_object_get(operation, "tags"), 0));
        if (own && !strcmp(own, tag))
            json_array_append_new(list, operation_view(reference, method, path, operation));
    }
    return list;
}

struct error *reference_page(struct request *r)
{
    struct reference reference = { r->ctx, router_openapi(r->ctx) };
    json_t *groups = json_array(), *tag;
    size_t i;

    json_array_foreach(json_object_get(reference.document, "tags"), i, tag)
    {
        const char *name = json_get_text(tag, "name");
        json_array_append_new(groups,
            json_pack("{ss, so}", "name", name, "operations", operations_of(&reference, name)));
    }
    return reply_page(r, 200, "docs/reference",
        json_in(r->ctx->arena, json_pack("{so, ss}", "groups", groups, "version", TILL_VERSION)));
}
