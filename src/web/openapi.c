#include "web/router.h"

#include <ctype.h>
#include <string.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/config.h"
#include "base/ctx.h"

#ifndef TILL_VERSION
#define TILL_VERSION "0"
#endif

#define API_PREFIX "/api/v1/"
#define MAX_TEXT 500 // of a text without limits of its own
#define MAX_LIST 100
#define MONEY_PATTERN "^(0|[1-9][0-9]{0,11})(\\.[0-9]+)?$"

/* Every function here returns a new reference that its caller gives to an object or a list. */

static void set(json_t *object, const char *name, json_t *value)
{
    json_object_set_new(object, name, value);
}

static void set_text(json_t *object, const char *name, const char *text)
{
    if (text)
        set(object, name, json_string(text));
}

static json_t *reference(const char *kind, const char *name)
{
    return json_pack("{s:o}", "$ref", json_sprintf("#/components/%s/%s", kind, name));
}

/* Schemas */

static json_t *object_schema(const struct field *fields, bool of_answer);

static bool has_limits(const struct field *field)
{
    return field->min != 0 || field->max != 0;
}

static json_t *text_schema(const struct field *field, bool of_answer)
{
    json_t *schema = json_pack("{s:s}", "type", "string");

    if (of_answer)
        return schema;
    if (field->pages)
        set(schema, "pattern", json_sprintf("^%s_[0-9a-z]+$", field->pages));
    if (field->min > 0)
        set(schema, "minLength", json_integer(field->min));
    set(schema, "maxLength", json_integer(has_limits(field) && field->max >= field->min ? field->max : MAX_TEXT));
    return schema;
}

static json_t *number_schema(const struct field *field, bool of_answer)
{
    json_t *schema = json_pack("{s:s}", "type", "integer");

    if (field->kind == FIELD_INT)
        set_text(schema, "format", "int64");
    if (of_answer || !has_limits(field))
        return schema;
    set(schema, "minimum", json_integer(field->min));
    if (field->max >= field->min)
        set(schema, "maximum", json_integer(field->max));
    return schema;
}

static json_t *bool_schema(const struct field *field, bool of_answer)
{
    (void)field;
    (void)of_answer;
    return json_pack("{s:s}", "type", "boolean");
}

static json_t *enum_schema(const struct field *field, bool of_answer)
{
    json_t *names = json_array();

    (void)of_answer;
    for (size_t i = 0; field->names[i]; i++)
        json_array_append_new(names, json_string(field->names[i]));
    return json_pack("{s:s, s:o}", "type", "string", "enum", names);
}

static json_t *money_schema(const struct field *field, bool of_answer)
{
    (void)field;
    (void)of_answer;
    return reference("schemas", "Money");
}

static json_t *instant_schema(const struct field *field, bool of_answer)
{
    (void)field;
    (void)of_answer;
    return json_pack("{s:s, s:s}", "type", "string", "format", "date-time");
}

static json_t *json_schema(const struct field *field, bool of_answer)
{
    (void)of_answer;
    if (field->texts)
        return json_pack("{s:s, s:{s:s}}", "type", "array", "items", "type", "string");
    return field->object ? json_pack("{s:s}", "type", "object") : json_object();
}

static json_t *inner_schema(const struct field *field, bool of_answer)
{
    return object_schema(field->fields, of_answer);
}

static json_t *list_schema(const struct field *field, bool of_answer)
{
    json_t *schema = json_pack("{s:s, s:o}", "type", "array", "items", object_schema(field->fields, of_answer));

    if (of_answer)
        return schema;
    if (field->min > 0)
        set(schema, "minItems", json_integer(field->min));
    set(schema, "maxItems", json_integer(has_limits(field) && field->max >= field->min ? field->max : MAX_LIST));
    return schema;
}

static json_t *(*const schemas[])(const struct field *field, bool of_answer) = {
    [FIELD_TEXT] = text_schema,
    [FIELD_INT] = number_schema,
    [FIELD_INT32] = number_schema,
    [FIELD_BOOL] = bool_schema,
    [FIELD_ENUM] = enum_schema,
    [FIELD_MONEY] = money_schema,
    [FIELD_INSTANT] = instant_schema,
    [FIELD_JSON] = json_schema,
    [FIELD_OBJECT] = inner_schema,
    [FIELD_LIST] = list_schema,
};

/* Whether an answer may say null here. A thing's own id is always there. */
static bool may_be_null(const struct field *field)
{
    switch (field->kind) {
    case FIELD_TEXT:
        return !field->omit_empty && strcmp(field->name, "id") != 0;
    case FIELD_MONEY:
    case FIELD_INSTANT:
    case FIELD_JSON:
    case FIELD_OBJECT:
        return !field->omit_empty;
    case FIELD_NONE:
    case FIELD_INT:
    case FIELD_INT32:
    case FIELD_BOOL:
    case FIELD_ENUM:
    case FIELD_BYTES:
    case FIELD_LIST:
        return false;
    }
    return false;
}

/* The schema, or null. */
static json_t *or_null(json_t *schema)
{
    json_t *type = json_object_get(schema, "type");

    if (!type && json_object_size(schema) == 0)
        return schema; // anything, which null is
    if (!type || json_object_get(schema, "enum"))
        return json_pack("{s:[o, {s:s}]}", "anyOf", schema, "type", "null");
    set(schema, "type", json_pack("[O, s]", type, "null"));
    return schema;
}

static json_t *member_schema(const struct field *field, bool of_answer)
{
    json_t *schema = schemas[field->kind](field, of_answer);

    if (of_answer ? may_be_null(field) : field->optional)
        schema = or_null(schema);
    set_text(schema, "description", field->summary);
    return schema;
}

static json_t *object_schema(const struct field *fields, bool of_answer)
{
    json_t *properties = json_object(), *required = json_array();
    json_t *schema = json_pack("{s:s, s:o}", "type", "object", "properties", properties);

    for (; fields->kind != FIELD_NONE; fields++) {
        set(properties, fields->name, member_schema(fields, of_answer));
        if (of_answer ? !fields->omit_empty : !fields->optional)
            json_array_append_new(required, json_string(fields->name));
    }
    if (json_array_size(required) > 0)
        set(schema, "required", required);
    else
        json_decref(required);
    if (!of_answer)
        set(schema, "additionalProperties", json_false());
    return schema;
}

/* Parameters */

static json_t *path_parameter(const char *name, size_t length)
{
    return json_pack("{s:s%, s:s, s:b, s:{s:s, s:i}}", "name", name, length, "in", "path", "required", 1, "schema",
        "type", "string", "minLength", 1);
}

static json_t *query_parameter(const struct field *field)
{
    json_t *schema = schemas[field->kind](field, false);
    json_t *parameter = json_pack("{s:s, s:s, s:b, s:o}", "name", field->name, "in", "query", "required",
        !field->optional, "schema", schema);

    set_text(parameter, "description", field->summary);
    return parameter;
}

static json_t *parameters(const struct route *route)
{
    json_t *list = json_array();

    for (const char *at = strchr(route->path, '{'); at; at = strchr(at + 1, '{'))
        json_array_append_new(list, path_parameter(at + 1, strcspn(at + 1, "}")));
    for (const struct field *field = route->query; field && field->kind != FIELD_NONE; field++)
        json_array_append_new(list, query_parameter(field));
    if (route->key_required)
        json_array_append_new(list, reference("parameters", "IdempotencyKeyRequired"));
    else if (route->idempotent)
        json_array_append_new(list, reference("parameters", "IdempotencyKey"));
    return list;
}

/* Bodies */

static json_t *content(const char *media_type, json_t *schema)
{
    return json_pack("{s:{s:o}}", media_type, "schema", schema);
}

static json_t *request_body(const struct route *route)
{
    if (!route->asked)
        return json_pack("{s:b, s:o}", "required", 1, "content",
            content("application/json", json_pack("{s:s}", "type", "object")));

    json_t *schema = object_schema(route->asked, false);
    bool required = json_object_get(schema, "required") != NULL;
    if (route->idempotent && !json_object_get(json_object_get(schema, "properties"), "idempotency_key"))
        set(json_object_get(schema, "properties"), "idempotency_key",
            json_pack("{s:[s, s], s:i, s:i, s:s}", "type", "string", "null", "minLength", 1, "maxLength", 255,
                "description", "The same as the Idempotency-Key header, for clients that cannot set one"));
    return json_pack("{s:b, s:o}", "required", required, "content", content("application/json", schema));
}

static json_t *answer_schema(const struct route *route)
{
    if (!route->shown)
        return json_pack("{s:s}", "type", "object");
    json_t *schema = object_schema(route->shown, true);
    if (!route->shown_list)
        return schema;
    return json_pack("{s:s, s:{s:{s:s, s:o}, s:{s:s}, s:{s:[s, s], s:s}}, s:[s, s, s]}", "type", "object", "properties",
        "data", "type", "array", "items", schema, "has_more", "type", "boolean", "next_cursor", "type", "string",
        "null", "description", "Give it as `cursor` to get the next page", "required", "data", "has_more",
        "next_cursor");
}

static json_t *good_answer(const struct route *route, const char *description)
{
    json_t *answer = json_pack("{s:s, s:{s:o}}", "description", description, "headers", "X-Request-Id",
        reference("headers", "X-Request-Id"));

    if (route->answer == ANSWER_JSON)
        set(answer, "content", content("application/json", answer_schema(route)));
    else if (route->answer == ANSWER_TEXT)
        set(answer, "content", content("text/plain", json_pack("{s:s}", "type", "string")));
    return answer;
}

static void add_answer(json_t *answers, struct ctx *ctx, int status, json_t *answer)
{
    set(answers, arena_printf(ctx->arena, "%d", status), answer);
}

static const char *also_means(int status)
{
    return status == 200 ? "It was there already, and is as it was"
                         : "Accepted; the outcome is not known yet. Ask again, or wait for the event";
}

static json_t *answers(struct ctx *ctx, const struct route *route)
{
    bool has_body = strcmp(route->method, "GET") != 0 && strcmp(route->method, "DELETE") != 0;
    bool by_key = route->access == ACCESS_API_KEY;
    bool of_one = strchr(route->path, '{') != NULL;
    bool moves_money = route->declines || (route->idempotent && route->success_also == 202);
    const struct {
        int status;
        bool possible;
    } problems[] = { { 400, true }, { 401, by_key }, { 402, moves_money }, { 403, by_key }, { 404, of_one },
        { 409, route->idempotent || (has_body && of_one) }, { 413, has_body }, { 415, has_body && route->asked },
        { 422, route->idempotent }, { 500, true }, { 503, true } };
    json_t *all = json_object();

    add_answer(all, ctx, route->success ? route->success : 200,
        good_answer(route, route->summary ? route->summary : "Done"));
    if (route->success_also)
        add_answer(all, ctx, route->success_also, good_answer(route, also_means(route->success_also)));
    for (size_t i = 0; i < sizeof(problems) / sizeof(problems[0]); i++) {
        if (problems[i].possible)
            add_answer(all, ctx, problems[i].status, reference("responses", "Problem"));
    }
    if (!route->unlimited)
        add_answer(all, ctx, 429, reference("responses", "TooManyRequests"));
    set(all, "default", reference("responses", "Problem"));
    return all;
}

/* Operations */

/* "post_payments_by_id_refund" */
static const char *operation_id(struct ctx *ctx, const struct route *route)
{
    struct buf id = { .arena = ctx->arena };

    for (const char *c = route->method; *c; c++)
        buf_byte(&id, (char)tolower((unsigned char)*c));
    for (const char *c = route->path + strlen(API_PREFIX) - 1; *c; c++) {
        if (*c == '/')
            buf_text(&id, c[1] == '{' ? "_by_" : "_");
        else if (*c != '{' && *c != '}')
            buf_byte(&id, isalnum((unsigned char)*c) ? *c : '_');
    }
    return buf_string(&id);
}

static json_t *operation(struct ctx *ctx, const struct route *route)
{
    bool has_body = strcmp(route->method, "GET") != 0 && strcmp(route->method, "DELETE") != 0;
    json_t *object =
        json_pack("{s:s, s:[s]}", "operationId", operation_id(ctx, route), "tags", route->tag ? route->tag : "other");

    set_text(object, "summary", route->summary);
    if (route->scope)
        set(object, "description", json_sprintf("Needs an API key with the scope `%s`.", route->scope));
    set(object, "parameters", parameters(route));
    if (has_body && (route->asked || route->access == ACCESS_WEBHOOK))
        set(object, "requestBody", request_body(route));
    set(object, "responses", answers(ctx, route));
    if (route->access == ACCESS_API_KEY)
        set(object, "security", json_pack("[{s:[s*]}]", "api_key", route->scope));
    else
        set(object, "security", json_array());
    return object;
}

static bool is_documented(const struct route *route)
{
    return strncmp(route->path, API_PREFIX, strlen(API_PREFIX)) == 0 && route->answer != ANSWER_PAGE;
}

static json_t *paths(struct ctx *ctx)
{
    json_t *all = json_object();

    for (size_t i = 0; i < route_count; i++) {
        const struct route *route = &routes[i];
        struct buf method = { .arena = ctx->arena };

        if (!is_documented(route))
            continue;
        for (const char *c = route->method; *c; c++)
            buf_byte(&method, (char)tolower((unsigned char)*c));
        if (!json_object_get(all, route->path))
            set(all, route->path, json_object());
        set(json_object_get(all, route->path), buf_string(&method), operation(ctx, route));
    }
    return all;
}

/* In the order in which the table first names them. */
static json_t *tags(void)
{
    json_t *list = json_array(), *seen = json_object();

    for (size_t i = 0; i < route_count; i++) {
        const char *tag = routes[i].tag ? routes[i].tag : "other";
        if (!is_documented(&routes[i]) || json_object_get(seen, tag))
            continue;
        set(seen, tag, json_true());
        json_array_append_new(list, json_pack("{s:s}", "name", tag));
    }
    json_decref(seen);
    return list;
}

/* Components */

static json_t *codes(void)
{
    json_t *list = json_array();

    for (size_t i = 0; i < error_code_count(); i++)
        json_array_append_new(list, json_string(error_name((enum error_code)i)));
    return list;
}

static const char *code_descriptions(struct ctx *ctx)
{
    struct buf text = { .arena = ctx->arena };

    buf_text(&text, "What went wrong, for programs:\n");
    for (size_t i = 0; i < error_code_count(); i++) {
        enum error_code code = (enum error_code)i;
        buf_printf(&text, "\n- `%s` (%d): %s", error_name(code), error_status(code), error_title(code));
    }
    return buf_string(&text);
}

static json_t *text_member(const char *description)
{
    return json_pack("{s:s, s:s}", "type", "string", "description", description);
}

static json_t *wrong_field_schema(void)
{
    return json_pack("{s:s, s:{s:o, s:o}, s:[s, s]}", "type", "object", "properties", "pointer",
        text_member("JSON pointer as a URI fragment (`#/amount/value`), or `query:` and the parameter's name"),
        "detail", text_member("What is wrong with it"), "required", "pointer", "detail");
}

static json_t *problem_schema(struct ctx *ctx)
{
    json_t *properties = json_object();

    set(properties, "type", json_pack("{s:s, s:s}", "type", "string", "format", "uri-reference"));
    set(properties, "title", text_member("The same for every problem with this code"));
    set(properties, "status", json_pack("{s:s}", "type", "integer"));
    set(properties, "detail", text_member("What went wrong this time, for a person"));
    set(properties, "code",
        json_pack("{s:s, s:o, s:s}", "type", "string", "enum", codes(), "description", code_descriptions(ctx)));
    set(properties, "request_id", text_member("As in the X-Request-Id header; name it when asking for help"));
    set(properties, "errors",
        json_pack("{s:s, s:o, s:s}", "type", "array", "items", wrong_field_schema(), "description",
            "Every field that was wrong"));
    set(properties, "outcome",
        json_pack("{s:s, s:[s, s], s:s}", "type", "string", "enum", "not_attempted", "unknown", "description",
            "Where money was at stake: whether it is certain that none moved"));
    set(properties, "retryable",
        json_pack("{s:s, s:s}", "type", "boolean", "description",
            "Where money was at stake: whether sending the same request again is safe and may help"));
    set(properties, "payment_id", text_member("The payment it concerns"));
    set(properties, "decline_code", text_member("The provider's reason for a decline"));
    set(properties, "success",
        json_pack("{s:s, s:s}", "type", "boolean", "description", "false; at the other doors alone"));
    set(properties, "error",
        json_pack("{s:s, s:{s:o, s:o}, s:s}", "type", "object", "properties", "code", text_member("As code"), "message",
            text_member("As detail"), "description", "The same once more; at the other doors alone"));
    return json_pack("{s:s, s:o, s:[s, s, s, s, s, s]}", "type", "object", "properties", properties, "required", "type",
        "title", "status", "detail", "code", "request_id");
}

static json_t *money_component(void)
{
    return json_pack("{s:s, s:s, s:{s:{s:s, s:s, s:[s]}, s:{s:s, s:s, s:[s]}}, s:[s, s], s:b}", "type", "object",
        "description", "An amount: a decimal string with at most as many decimals as the currency has", "properties",
        "value", "type", "string", "pattern", MONEY_PATTERN, "examples", "100.00", "currency", "type", "string",
        "pattern", "^[A-Za-z]{3}$", "examples", "USD", "required", "value", "currency", "additionalProperties", 0);
}

static json_t *key_parameter(bool required)
{
    return json_pack("{s:s, s:s, s:b, s:{s:s, s:i, s:i}, s:s}", "name", "Idempotency-Key", "in", "header", "required",
        required, "schema", "type", "string", "minLength", 1, "maxLength", 255, "description",
        "The same key with the same request is carried out once and answered alike each time");
}

static json_t *problem_response(const char *description)
{
    return json_pack("{s:s, s:{s:o}, s:o}", "description", description, "headers", "X-Request-Id",
        reference("headers", "X-Request-Id"), "content",
        content("application/problem+json", reference("schemas", "Problem")));
}

static json_t *limited_response(void)
{
    static const char *const names[] = { "Retry-After", "RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset" };
    json_t *response = problem_response("Too many requests; come again after Retry-After seconds");

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        set(json_object_get(response, "headers"), names[i], json_pack("{s:{s:s}}", "schema", "type", "integer"));
    return response;
}

static json_t *components(struct ctx *ctx)
{
    json_t *all = json_object();

    set(all, "schemas", json_pack("{s:o, s:o}", "Money", money_component(), "Problem", problem_schema(ctx)));
    set(all, "parameters",
        json_pack("{s:o, s:o}", "IdempotencyKey", key_parameter(false), "IdempotencyKeyRequired", key_parameter(true)));
    set(all, "headers",
        json_pack("{s:{s:s, s:{s:s}}}", "X-Request-Id", "description", "Names this request in our log", "schema",
            "type", "string"));
    set(all, "responses",
        json_pack("{s:o, s:o}", "Problem", problem_response("What went wrong"), "TooManyRequests", limited_response()));
    set(all, "securitySchemes",
        json_pack("{s:{s:s, s:s, s:s}}", "api_key", "type", "http", "scheme", "bearer", "description",
            "An API key, made with `till api-key`: `Authorization: Bearer till_test_…`. Each operation "
            "names the scope that the key must have."));
    return all;
}

json_t *router_openapi(struct ctx *ctx)
{
    const char *url = ctx->config && ctx->config->url ? ctx->config->url : "/";

    return json_in(ctx->arena,
        json_pack("{s:s, s:{s:s, s:s, s:s}, s:[{s:s}], s:o, s:o, s:o}", "openapi", "3.1.0", "info", "title", "Till",
            "version", TILL_VERSION, "description",
            "Payments through one API. Errors are RFC 9457 problems, lists go on with a cursor, and whatever moves "
            "money "
            "takes an Idempotency-Key.",
            "servers", "url", url, "tags", tags(), "paths", paths(ctx), "components", components(ctx)));
}
