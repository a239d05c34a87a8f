#include "web_test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "web/reply.h"
#include "web/router.h"
#include "web/template.h"

static struct request *routed(const char *method, const char *target)
{
    struct request *r = web_request(method, target, NULL);

    web_ok(router_find(r));
    return r;
}

/* Templates of these texts, from a directory that is gone again afterwards. */
static const struct templates *templates_of(const char *error_page)
{
    char directory[] = "/tmp/till-reply-XXXXXX", path[64];
    const char *why;

    ck_assert_ptr_nonnull(mkdtemp(directory));
    snprintf(path, sizeof(path), "%s/error.html", directory);
    FILE *file = fopen(path, "w");
    ck_assert_ptr_nonnull(file);
    fputs(error_page, file);
    fclose(file);
    struct templates *templates = templates_load(directory, &why);
    ck_assert_ptr_nonnull(templates);
    unlink(path);
    rmdir(directory);
    arena_defer(ctx.arena, (void (*)(void *))templates_free, templates);
    return templates;
}

START_TEST(test_a_value_is_sent_as_json)
{
    struct request *r = routed("GET", "/api/v1/payments");

    ck_assert_ptr_null(reply_value(r, 201, json_in(ctx.arena, json_pack("{s:s}", "id", "pay_1"))));
    const char *reply = web_reply(r);
    ck_assert(strncmp(reply, "Status: 201 Created\r\n", 21) == 0);
    ck_assert_str_eq(web_header(reply, "Content-Type"), "application/json");
    ck_assert_str_eq(web_header(reply, "Content-Length"), "14");
    ck_assert_str_eq(strstr(reply, "\r\n\r\n") + 4, "{\"id\":\"pay_1\"}");
}
END_TEST

struct item {
    const char *id;
};

static const struct field item_shown[] = { FIELD(struct item, id), FIELD_END };

START_TEST(test_a_list_says_whether_there_is_more)
{
    struct item items[] = { { "a" }, { "b" } };
    const struct field_list list = { items, 2 };
    struct request *r = routed("GET", "/api/v1/payments");

    ck_assert_ptr_null(reply_list(r, item_shown, sizeof(items[0]), &list, "b"));
    ck_assert_str_eq(strstr(web_reply(r), "\r\n\r\n") + 4,
        "{\"data\":[{\"id\":\"a\"},{\"id\":\"b\"}],\"has_more\":true,\"next_cursor\":\"b\"}");

    r = routed("GET", "/api/v1/payments");
    ck_assert_ptr_null(reply_list(r, item_shown, sizeof(items[0]), &(struct field_list){ NULL, 0 }, NULL));
    ck_assert_str_eq(strstr(web_reply(r), "\r\n\r\n") + 4, "{\"data\":[],\"has_more\":false,\"next_cursor\":null}");
}
END_TEST

START_TEST(test_head_gets_everything_but_the_body)
{
    struct request *r = routed("HEAD", "/healthz");

    ck_assert_ptr_null(reply_text(r, 200, "text/plain", "fine"));
    const char *reply = web_reply(r);
    ck_assert_str_eq(web_header(reply, "Content-Length"), "4");
    ck_assert_str_eq(strstr(reply, "\r\n\r\n"), "\r\n\r\n");
}
END_TEST

START_TEST(test_nothing_has_neither_type_nor_length)
{
    struct request *r = routed("GET", "/healthz");

    ck_assert_ptr_null(reply_empty(r, 204));
    ck_assert_ptr_null(web_header(web_reply(r), "Content-Type"));
    ck_assert_ptr_null(web_header(web_reply(r), "Content-Length"));
}
END_TEST

START_TEST(test_a_redirect_names_its_place)
{
    struct request *r = routed("GET", "/");

    ck_assert_ptr_null(reply_redirect(r, 303, "https://shop.example/thanks?a=1"));
    const char *reply = web_reply(r);
    ck_assert(strncmp(reply, "Status: 303 See Other\r\n", 23) == 0);
    ck_assert_str_eq(web_header(reply, "Location"), "https://shop.example/thanks?a=1");
}
END_TEST

START_TEST(test_a_handler_that_said_nothing_is_our_mistake)
{
    const char *reply = web_reply(routed("GET", "/healthz"));

    ck_assert(strncmp(reply, "Status: 500 ", 12) == 0);
    ck_assert_str_eq(json_get_text(web_json(reply), "code"), "INTERNAL_ERROR");
}
END_TEST

/* Headers that every answer of a kind has; NULL: it must not have it. */
static const struct {
    const char *target, *content_type, *name, *value;
} headers[] = {
    { "/healthz", "application/json", "X-Request-Id", "req_test" },
    { "/healthz", "application/json", "Cache-Control", "no-store" },
    { "/healthz", "application/json", "X-Content-Type-Options", "nosniff" },
    { "/healthz", "application/json", "X-Frame-Options", "DENY" },
    { "/healthz", "application/json", "Referrer-Policy", "no-referrer" },
    { "/healthz", "application/json", "Cross-Origin-Resource-Policy", "same-origin" },
    { "/healthz", "application/json", "Strict-Transport-Security", "max-age=31536000; includeSubDomains" },
    { "/healthz", "application/json", "Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'" },
    { "/healthz", "application/json", "Permissions-Policy", NULL },
    { "/healthz", "application/json", "Cross-Origin-Opener-Policy", NULL },
    { "/", "text/html; charset=utf-8", "Cache-Control", "no-store" },
    { "/", "text/html; charset=utf-8", "X-Frame-Options", "DENY" },
    { "/", "text/html; charset=utf-8", "Referrer-Policy", "no-referrer" },
    { "/", "text/html; charset=utf-8", "Cross-Origin-Opener-Policy", "same-origin" },
    { "/", "text/html; charset=utf-8", "Permissions-Policy", "camera=(), microphone=(), geolocation=(), payment=()" },
    { "/", "text/html; charset=utf-8", "Content-Security-Policy",
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; font-src 'self'; connect-src 'self'; "
        "frame-src 'none'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'" },
    { "/checkout/a/b", "text/html; charset=utf-8", "Referrer-Policy", "strict-origin-when-cross-origin" },
    { "/checkout/a/b", "text/html; charset=utf-8", "Cross-Origin-Opener-Policy", "same-origin-allow-popups" },
    { "/checkout/a/b", "text/html; charset=utf-8", "Permissions-Policy",
        "camera=(), microphone=(), geolocation=(), payment=(self \"https://js.stripe.com\")" },
    { "/checkout/a/b", "text/html; charset=utf-8", "Content-Security-Policy",
        "default-src 'none'; script-src 'self' https://js.stripe.com https://*.js.stripe.com; style-src 'self'; "
        "img-src 'self' https://*.stripe.com https://link.com https://*.link.com; font-src 'self'; "
        "connect-src 'self' https://api.stripe.com; "
        "frame-src https://js.stripe.com https://*.js.stripe.com https://hooks.stripe.com; "
        "form-action 'self' https://hooks.stripe.com; base-uri 'none'; frame-ancestors 'none'" },
    { "/checkout/a/b", "application/json", "Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'" },
};

START_TEST(test_answers_carry_the_policy_of_their_kind)
{
    struct request *r = routed("GET", headers[_i].target);

    ck_assert_ptr_null(reply_text(r, 200, headers[_i].content_type, "{}"));
    ck_assert_pstr_eq(web_header(web_reply(r), headers[_i].name), headers[_i].value);
}
END_TEST

START_TEST(test_a_stand_in_for_the_provider_gets_its_own_origin)
{
    struct request *r = routed("GET", "/checkout/a/b");

    config.stripe_js_url = "http://localhost:8081/v3/";
    ck_assert_ptr_null(reply_text(r, 200, "text/html", ""));
    const char *policy = web_header(web_reply(r), "Content-Security-Policy");
    ck_assert_str_eq(policy,
        "default-src 'none'; script-src 'self' http://localhost:8081; style-src 'self'; "
        "img-src 'self' http://localhost:8081; font-src 'self'; connect-src 'self' http://localhost:8081; "
        "frame-src http://localhost:8081; form-action 'self' http://localhost:8081; base-uri 'none'; "
        "frame-ancestors 'none'");
}
END_TEST

START_TEST(test_the_nonce_of_a_page_is_in_its_policy)
{
    struct request *r = routed("GET", "/"), *other = routed("GET", "/");
    const char *nonce = reply_nonce(r);

    ck_assert_str_eq(reply_nonce(r), nonce);
    ck_assert_str_ne(reply_nonce(other), nonce);
    ck_assert_int_ge((int)strlen(nonce), 22);
    ck_assert_ptr_null(reply_text(r, 200, "text/html", ""));
    ck_assert_ptr_nonnull(strstr(web_header(web_reply(r), "Content-Security-Policy"),
        arena_printf(ctx.arena, "script-src 'self' 'nonce-%s';", nonce)));
}
END_TEST

START_TEST(test_without_tls_nothing_is_said_about_it)
{
    struct request *r = routed("GET", "/healthz");

    config.url = "http://localhost:8080";
    ck_assert_ptr_null(reply_text(r, 200, "text/plain", ""));
    ck_assert_ptr_null(web_header(web_reply(r), "Strict-Transport-Security"));
}
END_TEST

START_TEST(test_what_a_handler_sets_stays)
{
    struct request *r = routed("GET", "/healthz");

    reply_header(r, "cache-control", "max-age=%d", 60);
    ck_assert_ptr_null(reply_text(r, 200, "text/plain", ""));
    const char *reply = web_reply(r);
    ck_assert_str_eq(web_header(reply, "Cache-Control"), "max-age=60");
    ck_assert_ptr_null(strstr(reply, "no-store"));
}
END_TEST

START_TEST(test_an_error_says_all_that_is_known)
{
    struct request *r = routed("POST", "/api/v1/payments");
    struct error *error = error_new(&ctx, E_CARD_DECLINED, "The card was declined by the bank.");

    error->outcome = "not_attempted";
    error->payment_id = "pay_1";
    error->decline_code = "stolen_card";
    error_cause(&ctx, error, "secret cause");
    reply_error(r, error);
    const char *reply = web_reply(r);
    json_t *problem = web_json(reply);
    ck_assert(strncmp(reply, "Status: 402 Payment Required\r\n", 30) == 0);
    ck_assert_str_eq(web_header(reply, "Content-Type"), "application/problem+json");
    ck_assert_str_eq(json_get_text(problem, "type"), "https://pay.example/docs/errors#CARD_DECLINED");
    ck_assert_str_eq(json_get_text(problem, "title"), "The card was declined");
    ck_assert_int_eq(json_get_int(problem, "status"), 402);
    ck_assert_str_eq(json_get_text(problem, "detail"), "The card was declined by the bank.");
    ck_assert_str_eq(json_get_text(problem, "code"), "CARD_DECLINED");
    ck_assert_str_eq(json_get_text(problem, "request_id"), "req_test");
    ck_assert_str_eq(json_get_text(problem, "outcome"), "not_attempted");
    ck_assert(json_is_false(json_object_get(problem, "retryable")));
    ck_assert_str_eq(json_get_text(problem, "payment_id"), "pay_1");
    ck_assert_str_eq(json_get_text(problem, "decline_code"), "stolen_card");
    ck_assert_ptr_null(strstr(reply, "secret"));
}
END_TEST

START_TEST(test_every_wrong_field_is_named)
{
    struct request *r = routed("POST", "/api/v1/payments");
    struct error *error = NULL;

    error_add_field(&ctx, &error, "#/amount", "is required");
    error_add_field(&ctx, &error, "#/no\"te", "is <b>not</b> known here");
    reply_error(r, error);
    json_t *errors = json_object_get(web_json(web_reply(r)), "errors");
    ck_assert_uint_eq(json_array_size(errors), 2);
    ck_assert_str_eq(json_get_text(json_array_get(errors, 0), "pointer"), "#/amount");
    ck_assert_str_eq(json_get_text(json_array_get(errors, 1), "detail"), "is <b>not</b> known here");
}
END_TEST

/* Whether coming again is advised, by what is known about the money and the kind of failure. */
static const struct {
    enum error_code code;
    const char *outcome;
    int retryable; // -1: not said
} retries[] = {
    { E_PROVIDER_UNAVAILABLE, "not_attempted", 1 },
    { E_PROVIDER_ERROR, "not_attempted", 1 },
    { E_RATE_LIMITED, "not_attempted", 1 },
    { E_PROVIDER_ERROR, "unknown", 0 },
    { E_VALIDATION_ERROR, "not_attempted", 0 },
    { E_PROVIDER_ERROR, NULL, -1 },
};

START_TEST(test_coming_again_is_advised_only_where_it_is_safe)
{
    struct request *r = routed("POST", "/api/v1/payments");
    struct error *error = error_new(&ctx, retries[_i].code, "no");

    error->outcome = retries[_i].outcome;
    reply_error(r, error);
    json_t *said = json_object_get(web_json(web_reply(r)), "retryable");
    ck_assert_int_eq(said ? json_is_true(said) : -1, retries[_i].retryable);
}
END_TEST

START_TEST(test_an_error_may_say_when_to_come_again)
{
    struct request *r = routed("GET", "/api/v1/payments");
    struct error *error = error_new(&ctx, E_RATE_LIMITED, "slowly");

    error->retry_after = 17;
    reply_error(r, error);
    ck_assert_str_eq(web_header(web_reply(r), "Retry-After"), "17");

    r = routed("GET", "/api/v1/payments");
    reply_error(r, error_new(&ctx, E_UNAVAILABLE, "down"));
    ck_assert_ptr_nonnull(web_header(web_reply(r), "Retry-After"));
}
END_TEST

START_TEST(test_who_is_not_known_is_told_how_to_say_it)
{
    struct request *r = routed("GET", "/api/v1/payments");

    reply_error(r, error_new(&ctx, E_UNAUTHENTICATED, "who?"));
    ck_assert_str_eq(web_header(web_reply(r), "WWW-Authenticate"), "Bearer realm=\"till\"");
}
END_TEST

/* Where an error is a page: by the route, or without one by what asks. */
static const struct {
    const char *target;
    bool routed;
    const char *accept;
    bool page;
} kinds[] = {
    { "/", true, "HTTP_ACCEPT=*/*", true },
    { "/healthz", true, "HTTP_ACCEPT=text/html", false },
    { "/nothing", false, "HTTP_ACCEPT=text/html,*/*", true },
    { "/nothing", false, "HTTP_ACCEPT=*/*", false },
    { "/api/v1/nothing", false, "HTTP_ACCEPT=text/html,*/*", false },
};

START_TEST(test_a_browser_gets_a_page_where_something_is_wrong)
{
    struct request *r = web_request("GET", kinds[_i].target, kinds[_i].accept, NULL);

    if (kinds[_i].routed)
        web_ok(router_find(r));
    r->templates = templates_of("<h1>{{title}}</h1>{{#is_404}}<p>{{detail}} {{code}} {{request_id}}</p>{{/is_404}}");
    reply_error(r, error_new(&ctx, E_NOT_FOUND, "no <such> page"));
    const char *reply = web_reply(r);
    ck_assert(strncmp(reply, "Status: 404 Not Found\r\n", 23) == 0);
    if (kinds[_i].page) {
        ck_assert_str_eq(web_header(reply, "Content-Type"), "text/html; charset=utf-8");
        ck_assert_str_eq(strstr(reply, "\r\n\r\n") + 4,
            "<h1>Not found</h1><p>no &lt;such&gt; page NOT_FOUND req_test</p>");
    } else {
        ck_assert_str_eq(web_header(reply, "Content-Type"), "application/problem+json");
    }
}
END_TEST

START_TEST(test_without_a_template_an_error_is_still_told)
{
    struct request *r = routed("GET", "/");

    ck_assert_ptr_nonnull(freopen("/dev/null", "w", stderr)); // the log says it too
    reply_error(r, error_new(&ctx, E_NOT_FOUND, "gone"));
    ck_assert_str_eq(json_get_text(web_json(web_reply(r)), "detail"), "gone");
}
END_TEST

START_TEST(test_a_page_has_what_every_page_needs)
{
    struct request *r = routed("GET", "/");

    r->templates = templates_of("{{merchant_name}}|{{nonce}}|{{request_id}}|{{#test_mode}}test{{/test_mode}}|{{mine}}");
    json_t *view = json_in(ctx.arena, json_pack("{s:s, s:s}", "mine", "<&\"'>", "request_id", "my own"));
    web_ok(reply_page(r, 200, "error", view));
    const char *body = strstr(web_reply(r), "\r\n\r\n") + 4;
    ck_assert_str_eq(body,
        arena_printf(ctx.arena, "Example &amp; Sons|%s|my own|test|&lt;&amp;&quot;&#39;&gt;", reply_nonce(r)));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("reply");
    TCase *test_case = web_case(suite, "reply");

    tcase_add_test(test_case, test_a_value_is_sent_as_json);
    tcase_add_test(test_case, test_a_list_says_whether_there_is_more);
    tcase_add_test(test_case, test_head_gets_everything_but_the_body);
    tcase_add_test(test_case, test_nothing_has_neither_type_nor_length);
    tcase_add_test(test_case, test_a_redirect_names_its_place);
    tcase_add_test(test_case, test_a_handler_that_said_nothing_is_our_mistake);
    add_rows(test_case, test_answers_carry_the_policy_of_their_kind, headers);
    tcase_add_test(test_case, test_a_stand_in_for_the_provider_gets_its_own_origin);
    tcase_add_test(test_case, test_the_nonce_of_a_page_is_in_its_policy);
    tcase_add_test(test_case, test_without_tls_nothing_is_said_about_it);
    tcase_add_test(test_case, test_what_a_handler_sets_stays);
    tcase_add_test(test_case, test_an_error_says_all_that_is_known);
    tcase_add_test(test_case, test_every_wrong_field_is_named);
    add_rows(test_case, test_coming_again_is_advised_only_where_it_is_safe, retries);
    tcase_add_test(test_case, test_an_error_may_say_when_to_come_again);
    tcase_add_test(test_case, test_who_is_not_known_is_told_how_to_say_it);
    add_rows(test_case, test_a_browser_gets_a_page_where_something_is_wrong, kinds);
    tcase_add_test(test_case, test_without_a_template_an_error_is_still_told);
    tcase_add_test(test_case, test_a_page_has_what_every_page_needs);
    return web_main(suite);
}
