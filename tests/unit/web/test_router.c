#include "web_test.h"

#include <string.h>

#include "base/arena.h"
#include "web/router.h"

/* Which row answers, by its path, and what {…} then hold. */
static const struct {
    const char *method, *target, *route, *first, *second;
} found[] = {
    { "GET", "/", "/", NULL, NULL },
    { "GET", "/healthz", "/healthz", NULL, NULL },
    { "GET", "/healthz?x=1", "/healthz", NULL, NULL },
    { "HEAD", "/healthz", "/healthz", NULL, NULL },
    { "GET", "/api/v1/payments", "/api/v1/payments", NULL, NULL },
    { "POST", "/api/v1/payments", "/api/v1/payments", NULL, NULL },
    { "GET", "/api/v1/payments/pay_1", "/api/v1/payments/{id}", "pay_1", NULL },
    { "GET", "/api/v1/payments/history", "/api/v1/payments/history", NULL, NULL },
    { "GET", "/api/v1/payments/histories", "/api/v1/payments/{id}", "histories", NULL },
    { "POST", "/api/v1/payments/history/refund", "/api/v1/payments/{id}/refund", "history", NULL },
    { "GET", "/api/v1/payments/a%20b%C3%A9", "/api/v1/payments/{id}", "a b\xc3\xa9", NULL },
    { "GET", "/api/v1/payments/a+b", "/api/v1/payments/{id}", "a+b", NULL },
    { "GET", "/checkout/cs_1/k", "/checkout/{session}/{key}", "cs_1", "k" },
    { "GET", "/checkout/help/k", "/checkout/help/{key}", "k", NULL },
};

START_TEST(test_a_path_finds_its_row)
{
    struct request *r = web_request(found[_i].method, found[_i].target, NULL);

    web_ok(router_find(r));
    ck_assert_str_eq(r->route->path, found[_i].route);
    ck_assert_pstr_eq(r->segments[0], found[_i].first);
    ck_assert_pstr_eq(r->segments[1], found[_i].second);
}
END_TEST

START_TEST(test_values_have_their_names)
{
    struct request *r = web_request("GET", "/checkout/cs_1/secret", NULL);

    web_ok(router_find(r));
    ck_assert_str_eq(request_path(r, "session"), "cs_1");
    ck_assert_str_eq(request_path(r, "key"), "secret");
}
END_TEST

/* Addresses where there is nothing, because no row has them or because servers read them in different ways. */
static const char *const nothing[] = {
    "/nothing",
    "/healthz/",
    "/api/v1/payments/",
    "/api/v1/payments//refund",
    "//healthz",
    "/api/v1//payments",
    "/api/v1/payments/..",
    "/api/v1/payments/%2e%2e",
    "/api/v1/payments/%2E.",
    "/api/v1/payments/a..b",
    "/api/v1/payments/a%2fb",
    "/api/v1/payments/a%2Fb",
    "/api/v1/payments/a%5cb",
    "/api/v1/payments/a\\b",
    "/api/v1/payments/a%00",
    "/api/v1/payments/a%0ab",
    "/api/v1/payments/%7f",
    "/api/v1/payments/%",
    "/api/v1/payments/%4",
    "/api/v1/payments/%zz",
    "/api/v1/payments/%ff",
    "/api/v1/payments/%c0%af",
    "/api/v1/payments/%ed%a0%80",
    "/%68ealthz",
    "/HEALTHZ",
    "healthz",
    "*",
    "",
};

START_TEST(test_other_paths_find_nothing)
{
    struct request *r = web_request("GET", nothing[_i], NULL);
    struct error *error = router_find(r);

    ck_assert(error && error->code == E_NOT_FOUND);
    ck_assert_ptr_null(r->route);
}
END_TEST

static const struct {
    const char *method, *target, *allow;
} not_allowed[] = {
    { "DELETE", "/healthz", "GET, HEAD" },
    { "PUT", "/api/v1/payments", "POST, GET, HEAD" },
    { "get", "/healthz", "GET, HEAD" },
    { "HEAD", "/api/v1/payments/pay_1/refund", "POST" },
    { "POST", "/api/v1/payments/history", "GET, HEAD" },
};

START_TEST(test_another_method_is_told_which_ones_there_are)
{
    struct request *r = web_request(not_allowed[_i].method, not_allowed[_i].target, NULL);
    struct error *error = router_find(r);

    ck_assert(error && error->code == E_METHOD_NOT_ALLOWED);
    ck_assert_str_eq(r->reply.headers.data, arena_printf(ctx.arena, "Allow: %s\r\n", not_allowed[_i].allow));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("router");
    TCase *test_case = web_case(suite, "router");

    add_rows(test_case, test_a_path_finds_its_row, found);
    tcase_add_test(test_case, test_values_have_their_names);
    add_rows(test_case, test_other_paths_find_nothing, nothing);
    add_rows(test_case, test_another_method_is_told_which_ones_there_are, not_allowed);
    return web_main(suite);
}
