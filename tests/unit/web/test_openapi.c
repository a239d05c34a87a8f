#include "web_test.h"

#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "web/router.h"

static json_t *at(json_t *value, const char *path)
{
    const char *rest = path;

    while (value && *rest) {
        size_t length = strcspn(rest, " ");
        value = json_object_getn(value, rest, length);
        rest += length + (rest[length] == ' ');
    }
    ck_assert_msg(value != NULL, "there is no %s", path);
    return value;
}

static const char *text_at(json_t *value, const char *path)
{
    char *text = json_dumps(at(value, path), JSON_COMPACT | JSON_ENCODE_ANY);

    arena_defer(ctx.arena, free, text);
    return text;
}

START_TEST(test_routes_of_the_api_are_described_and_no_others)
{
    json_t *paths = at(router_openapi(&ctx), "paths");

    ck_assert_uint_eq(json_object_size(paths), 5);
    ck_assert_uint_eq(json_object_size(at(paths, "/api/v1/payments")), 2);
    ck_assert_ptr_null(json_object_get(paths, "/healthz"));
    ck_assert_ptr_null(json_object_get(paths, "/api/v1/page"));
}
END_TEST

/* Places of the document for the tests' own table of routes, and what must stand there. */
static const struct {
    const char *path, *text;
} places[] = {
    { "openapi", "\"3.1.0\"" },
    { "servers", "[{\"url\":\"https://pay.example\"}]" },
    { "tags", "[{\"name\":\"payments\"},{\"name\":\"refunds\"},{\"name\":\"other\"}]" },
    { "paths /api/v1/payments/{id} get operationId", "\"get_payments_by_id\"" },
    { "paths /api/v1/payments/{id} get security", "[{\"api_key\":[\"payments:read\"]}]" },
    { "paths /api/v1/payments/{id} get parameters",
        "[{\"name\":\"id\",\"in\":\"path\",\"required\":true,\"schema\":{\"type\":\"string\",\"minLength\":1}}]" },
    { "paths /api/v1/webhooks/{provider} post security", "[]" },
    { "paths /api/v1/payments get parameters",
        "[{\"name\":\"limit\",\"in\":\"query\",\"required\":false,\"schema\":{\"type\":\"integer\",\"format\":"
        "\"int64\","
        "\"minimum\":1,\"maximum\":100}},{\"name\":\"cursor\",\"in\":\"query\",\"required\":false,\"schema\":{\"type\":"
        "\"string\",\"maxLength\":500}}]" },
    { "paths /api/v1/payments post parameters", "[{\"$ref\":\"#/components/parameters/IdempotencyKeyRequired\"}]" },
    { "paths /api/v1/payments/{id}/refund post requestBody required", "true" },
    { "paths /api/v1/payments/{id}/refund post requestBody content application/json schema additionalProperties",
        "false" },
    { "paths /api/v1/payments/{id}/refund post requestBody content application/json schema required", "[\"amount\"]" },
    { "paths /api/v1/payments/{id}/refund post requestBody content application/json schema properties amount",
        "{\"$ref\":\"#/components/schemas/Money\"}" },
    { "paths /api/v1/payments/{id}/refund post requestBody content application/json schema properties note",
        "{\"type\":[\"string\",\"null\"],\"maxLength\":500,\"description\":\"What it was for\"}" },
    { "paths /api/v1/payments/{id}/refund post requestBody content application/json schema properties reason",
        "{\"anyOf\":[{\"type\":\"string\",\"enum\":[\"duplicate\",\"fraudulent\"]},{\"type\":\"null\"}]}" },
    { "paths /api/v1/payments/{id}/refund post requestBody content application/json schema properties count",
        "{\"type\":[\"integer\",\"null\"],\"format\":\"int64\",\"minimum\":1,\"maximum\":10}" },
    { "paths /api/v1/payments/{id}/refund post responses 201 content application/json schema required",
        "[\"id\",\"amount\",\"note\",\"reason\"]" },
    { "paths /api/v1/payments/{id}/refund post responses 201 content application/json schema properties id",
        "{\"type\":\"string\"}" },
    { "paths /api/v1/payments/{id}/refund post responses 201 content application/json schema properties note",
        "{\"type\":[\"string\",\"null\"]}" },
    { "paths /api/v1/payments/{id}/refund post responses 202 content application/json schema properties amount",
        "{\"anyOf\":[{\"$ref\":\"#/components/schemas/Money\"},{\"type\":\"null\"}]}" },
    { "paths /api/v1/payments/{id}/refund post responses 202 content application/json schema properties created_at",
        "{\"type\":\"string\",\"format\":\"date-time\"}" },
    { "paths /api/v1/payments get responses 200 content application/json schema required",
        "[\"data\",\"has_more\",\"next_cursor\"]" },
    { "paths /api/v1/payments get responses 200 content application/json schema properties data items required",
        "[\"id\",\"amount\",\"note\",\"reason\"]" },
    { "paths /api/v1/payments get responses 429", "{\"$ref\":\"#/components/responses/TooManyRequests\"}" },
    { "components schemas Money required", "[\"value\",\"currency\"]" },
    { "components schemas Problem required", "[\"type\",\"title\",\"status\",\"detail\",\"code\",\"request_id\"]" },
    { "components responses Problem content application/problem+json schema",
        "{\"$ref\":\"#/components/schemas/Problem\"}" },
};

START_TEST(test_the_document_says_what_the_table_says)
{
    const char *text = text_at(router_openapi(&ctx), places[_i].path);

    ck_assert_msg(strcmp(text, places[_i].text) == 0, "%s is %s", places[_i].path, text);
}
END_TEST

START_TEST(test_every_error_code_is_listed)
{
    json_t *codes = at(router_openapi(&ctx), "components schemas Problem properties code enum");

    ck_assert_uint_eq(json_array_size(codes), error_code_count());
    ck_assert_str_eq(json_string_value(json_array_get(codes, E_NOT_FOUND)), "NOT_FOUND");
}
END_TEST

/* Follows every $ref, and collects the operations' ids. */
static void walk(json_t *document, json_t *value, json_t *ids)
{
    const char *name, *reference = json_get_text(value, "$ref"), *id = json_get_text(value, "operationId");
    json_t *member;
    size_t i;

    if (reference) {
        char *path = arena_strdup(ctx.arena, reference + 2);
        for (char *slash = path; (slash = strchr(slash, '/'));)
            *slash = ' ';
        at(document, path);
    }
    if (id) {
        ck_assert_msg(!json_object_get(ids, id), "%s is there twice", id);
        json_object_set_new(ids, id, json_true());
    }
    json_object_foreach(value, name, member) walk(document, member, ids);
    json_array_foreach(value, i, member) walk(document, member, ids);
}

START_TEST(test_references_lead_somewhere_and_ids_are_unique)
{
    json_t *document = router_openapi(&ctx), *ids = json_in(ctx.arena, json_object());

    walk(document, document, ids);
    ck_assert_uint_eq(json_object_size(ids), 6);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("openapi");
    TCase *test_case = web_case(suite, "openapi");

    tcase_add_test(test_case, test_routes_of_the_api_are_described_and_no_others);
    add_rows(test_case, test_the_document_says_what_the_table_says, places);
    tcase_add_test(test_case, test_every_error_code_is_listed);
    tcase_add_test(test_case, test_references_lead_somewhere_and_ids_are_unique);
    return web_main(suite);
}
