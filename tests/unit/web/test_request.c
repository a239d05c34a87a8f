#include "web_test.h"

#include <string.h>

#include "base/arena.h"
#include "web/address.h"
#include "web/multipart.h"
#include "web/router.h"

struct search {
    const char *name;
    int64_t limit;
    bool open;
};

static const struct field fields[] = {
    FIELD(struct search, name, .min = 1),
    FIELD(struct search, limit, .min = 1, .max = 100, .optional = true),
    FIELD(struct search, open, .optional = true),
    FIELD_END,
};

START_TEST(test_json_fills_the_struct)
{
    struct request *r = web_post("/", "application/json; charset=utf-8", "{\"name\": \"a\", \"limit\": 7}");
    struct search search = { .open = true };

    web_ok(request_json(r, fields, &search));
    ck_assert_str_eq(search.name, "a");
    ck_assert_int_eq(search.limit, 7);
    ck_assert(search.open);
}
END_TEST

START_TEST(test_json_reports_everything_that_is_wrong)
{
    struct request *r = web_post("/", "application/json", "{\"limit\": 101, \"nmae\": \"a\"}");
    struct search search = { 0 };
    struct error *error = request_json(r, fields, &search);

    ck_assert_ptr_nonnull(error);
    ck_assert_int_eq(error->code, E_VALIDATION_ERROR);
    ck_assert_str_eq(web_fields(error),
        "#/limit: must be at most 100\n#/name: is required\n#/nmae: is not known here\n");
}
END_TEST

START_TEST(test_the_idempotency_key_in_the_body_is_passed_over)
{
    struct request *r = web_post("/", "application/json", "{\"name\": \"a\", \"idempotency_key\": \"k\"}");
    struct search search = { 0 };

    web_ok(request_json(r, fields, &search));
    ck_assert_str_eq(json_get_text(r->json, "idempotency_key"), "k");
}
END_TEST

START_TEST(test_an_empty_body_is_an_empty_object)
{
    struct request *r = web_post("/", NULL, "");
    struct search search = { 0 };

    ck_assert_str_eq(web_fields(request_json(r, fields, &search)), "#/name: is required\n");
}
END_TEST

static const struct {
    const char *type, *body;
    enum error_code code;
} bad_bodies[] = {
    { NULL, "{}", E_UNSUPPORTED_MEDIA_TYPE },
    { "text/plain", "{}", E_UNSUPPORTED_MEDIA_TYPE },
    { "application/jsonp", "{}", E_UNSUPPORTED_MEDIA_TYPE },
    { "application/x-www-form-urlencoded", "name=a", E_UNSUPPORTED_MEDIA_TYPE },
    { "application/json", "{", E_INVALID_JSON },
    { "application/json", "[]", E_INVALID_JSON },
    { "application/json", "{\"name\": \"a\", \"name\": \"b\"}", E_INVALID_JSON },
};

START_TEST(test_what_is_no_json_object_is_refused)
{
    struct request *r = web_post("/", bad_bodies[_i].type, bad_bodies[_i].body);
    struct search search = { 0 };
    struct error *error = request_json(r, fields, &search);

    ck_assert(error && error->code == bad_bodies[_i].code);
}
END_TEST

START_TEST(test_query_parameters_are_decoded)
{
    struct request *r = web_request("GET", "/?name=a%26b+c%C3%BC&limit=5&open=true&&", NULL);
    struct search search = { 0 };

    web_ok(request_query_fields(r, fields, &search));
    ck_assert_str_eq(search.name, "a&b c\xc3\xbc");
    ck_assert_int_eq(search.limit, 5);
    ck_assert(search.open);
    ck_assert_str_eq(request_query(r, "limit"), "5");
    ck_assert_ptr_null(request_query(r, "lim"));
}
END_TEST

/* Queries, and what is said about them. */
static const struct {
    const char *query, *wrong;
} queries[] = {
    { "name=a&limit=", "" },
    { "name", "query:name: must not be empty\n" },
    { "limit=0", "query:limit: must be at least 1\nquery:name: is required\n" },
    { "name=a&name=b", "query:name: is given more than once\n" },
    { "name=a&color=red", "query:color: is not known here\n" },
    { "name=%ff", "query:name: is not percent-encoded UTF-8\n" },
    { "name=%0", "query:name: is not percent-encoded UTF-8\n" },
    { "name=a%00b", "query:name: is not percent-encoded UTF-8\n" },
    { "name=a&%ff=b", "query:: is not percent-encoded UTF-8\n" },
    { "name=a&4242424242424242=b", "query:: is not known here\n" },
};

START_TEST(test_query_parameters_are_checked)
{
    struct request *r = web_request("GET", arena_printf(ctx.arena, "/?%s", queries[_i].query), NULL);
    struct search search = { 0 };

    ck_assert_str_eq(web_fields(request_query_fields(r, fields, &search)), queries[_i].wrong);
}
END_TEST

START_TEST(test_a_form_is_read_like_a_query)
{
    struct request *r = web_post("/", "application/x-www-form-urlencoded", "name=a%3Db%0D%0Ac&limit=x");
    struct search search = { 0 };

    ck_assert_str_eq(web_fields(request_form(r, fields, &search)), "#/limit: must be a whole number\n");
    ck_assert_str_eq(search.name, "a=b\nc");
    r->content_type = "application/json";
    ck_assert_int_eq(request_form(r, fields, &search)->code, E_UNSUPPORTED_MEDIA_TYPE);
}
END_TEST

START_TEST(test_headers_have_their_names)
{
    struct request *r = web_request("GET", "/", "HTTP_IDEMPOTENCY_KEY=k1", "CONTENT_TYPE=text/plain",
        "HTTP_KEY=", "REMOTE_ADDR=192.0.2.1", NULL);

    ck_assert_str_eq(request_header(r, "Idempotency-Key"), "k1");
    ck_assert_str_eq(request_header(r, "idempotency-key"), "k1");
    ck_assert_str_eq(request_header(r, "Content-Type"), "text/plain");
    ck_assert_str_eq(request_header(r, "Key"), "");
    ck_assert_ptr_null(request_header(r, "Idempotency"));
    ck_assert_str_eq(request_variable(r, "REMOTE_ADDR"), "192.0.2.1");
    ck_assert_ptr_null(request_header(r, "Remote-Addr"));
}
END_TEST

static const struct {
    const char *header, *value;
} cookies[] = {
    { "HTTP_COOKIE=sid=abc", "abc" },
    { "HTTP_COOKIE=a=1; sid=abc; b=2", "abc" },
    { "HTTP_COOKIE=a=1;sid=abc;b=2", "abc" },
    { "HTTP_COOKIE=sid=a=b", "a=b" },
    { "HTTP_COOKIE=sid=", "" },
    { "HTTP_COOKIE=sid=first; sid=second", "first" },
    { "HTTP_COOKIE=xsid=abc; sidx=abc; sid", NULL },
    { "HTTP_COOKIE=;;; =", NULL },
    { "HTTP_ACCEPT=sid=abc", NULL },
};

START_TEST(test_a_cookie_is_found_by_its_whole_name)
{
    struct request *r = web_request("GET", "/", cookies[_i].header, NULL);

    ck_assert_pstr_eq(request_cookie(r, "sid"), cookies[_i].value);
}
END_TEST

static const struct {
    const char *accept;
    bool page;
} accepts[] = {
    { "HTTP_ACCEPT=text/html,application/xhtml+xml,*/*;q=0.8", true },
    { "HTTP_ACCEPT=application/json, text/html", false },
    { "HTTP_ACCEPT=text/html, application/json", true },
    { "HTTP_ACCEPT=*/*", false },
    { "HTTP_HOST=x", false },
};

START_TEST(test_a_browser_is_known_by_what_it_accepts)
{
    ck_assert(request_wants_page(web_request("GET", "/", accepts[_i].accept, NULL)) == accepts[_i].page);
}
END_TEST

/* Who asks, by the connection's address, X-Forwarded-For and the trusted proxies. */
static const struct {
    const char *peer, *forwarded, *trusted, *client;
} hops[] = {
    { "192.0.2.1", NULL, NULL, "192.0.2.1" },
    { "192.0.2.1", "203.0.113.9", NULL, "192.0.2.1" },
    { "192.0.2.1", "203.0.113.9", "10.0.0.0/8", "192.0.2.1" },
    { "10.1.2.3", "203.0.113.9", "10.0.0.0/8", "203.0.113.9" },
    { "10.1.2.3", NULL, "10.0.0.0/8", "10.1.2.3" },
    { "10.1.2.3", "", "10.0.0.0/8", "10.1.2.3" },
    { "10.1.2.3", "1.1.1.1, 203.0.113.9", "10.0.0.0/8", "203.0.113.9" },
    { "10.1.2.3", "1.1.1.1, 203.0.113.9, 10.9.9.9", "10.0.0.0/8", "203.0.113.9" },
    { "10.1.2.3", "10.8.8.8, 10.9.9.9", "10.0.0.0/8", "10.8.8.8" },
    { "10.1.2.3", "nonsense", "10.0.0.0/8", "10.1.2.3" },
    { "10.1.2.3", "1.1.1.1, nonsense, 10.9.9.9", "10.0.0.0/8", "10.9.9.9" },
    { "10.1.2.3", "203.0.113.9:4711", "10.1.2.3", "203.0.113.9" },
    { "::1", "[2001:db8::7]:4711", "127.0.0.0/8,::1", "2001:db8::7" },
    { "2001:db8:1::5", "203.0.113.9", "2001:db8:1::/48", "203.0.113.9" },
    { "2001:db8:2::5", "203.0.113.9", "2001:db8:1::/48", "2001:db8:2::5" },
    { "::ffff:10.1.2.3", "203.0.113.9", "10.0.0.0/8", "203.0.113.9" },
    { "10.128.0.1", "203.0.113.9", "10.0.0.0/9", "10.128.0.1" },
    { "192.0.2.1", "203.0.113.9", "0.0.0.0/0", "203.0.113.9" },
    { "2001:db8::1", "203.0.113.9", "0.0.0.0/0", "2001:db8::1" },
    { "192.0.2.1", "203.0.113.9", "192.0.2.0/33 nonsense 192.0.2.0/", "192.0.2.1" },
    { "", "203.0.113.9", "0.0.0.0/0", NULL },
    { NULL, "203.0.113.9", "0.0.0.0/0", NULL },
};

START_TEST(test_an_address_is_believed_from_trusted_hops)
{
    const char *client = address_of_client(ctx.arena, hops[_i].peer, hops[_i].forwarded, hops[_i].trusted);

    ck_assert_pstr_eq(client, hops[_i].client);
}
END_TEST

#define PART(head, content) "--x1\r\n" head "\r\n\r\n" content "\r\n"
#define TOKEN PART("Content-Disposition: form-data; name=\"csrf\"", "secret")
#define A_FILE                                                                                                         \
    PART("Content-Disposition: form-data; name=\"file\"; filename=\"a b.pdf\"\r\nContent-Type: application/pdf",       \
        "%PDF\r\n--x\r\n\r\n.")

START_TEST(test_a_form_with_a_file_is_taken_apart)
{
    struct request *r = web_post("/", "multipart/form-data; boundary=x1", TOKEN A_FILE "--x1--\r\n");
    struct multipart file;

    ck_assert_pstr_eq(request_form_member(r, "csrf"), "secret");
    ck_assert(request_upload(r, "file", &file));
    ck_assert_pstr_eq(file.filename, "a b.pdf");
    ck_assert_pstr_eq(file.content_type, "application/pdf");
    ck_assert_uint_eq(file.content.length, strlen("%PDF\r\n--x\r\n\r\n."));
    ck_assert_ptr_null(request_form_member(r, "file"));
    ck_assert_ptr_null(request_form_member(r, "name"));
}
END_TEST

static const struct {
    const char *type, *body;
} broken_forms[] = {
    { "multipart/form-data", TOKEN "--x1--" },
    { "multipart/form-data; boundary=", TOKEN "--x1--" },
    { "multipart/form-data; boundary=other", TOKEN "--x1--" },
    { "multipart/form-data; boundary=x1", "" },
    { "multipart/form-data; boundary=x1", "--x1" },
    { "multipart/form-data; boundary=x1", "--x1--\r\n" TOKEN },
    { "multipart/form-data; boundary=x1", "--x1\r\n\r\n--x1" },
    { "multipart/form-data; boundary=x1", "--x1\r\nContent-Disposition: form-data; name=\"csrf\"\r\n\r\nsecret" },
    { "multipart/form-data; boundary=x1", PART("Content-Disposition: attachment; name=\"csrf\"", "secret") "--x1--" },
    { "text/plain; boundary=x1", TOKEN "--x1--" },
};

START_TEST(test_a_broken_form_has_nothing_in_it)
{
    struct request *r = web_post("/", broken_forms[_i].type, broken_forms[_i].body);

    ck_assert_ptr_null(request_form_member(r, "csrf"));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("request");
    TCase *test_case = web_case(suite, "request");

    tcase_add_test(test_case, test_json_fills_the_struct);
    tcase_add_test(test_case, test_json_reports_everything_that_is_wrong);
    tcase_add_test(test_case, test_the_idempotency_key_in_the_body_is_passed_over);
    tcase_add_test(test_case, test_an_empty_body_is_an_empty_object);
    add_rows(test_case, test_what_is_no_json_object_is_refused, bad_bodies);
    tcase_add_test(test_case, test_query_parameters_are_decoded);
    add_rows(test_case, test_query_parameters_are_checked, queries);
    tcase_add_test(test_case, test_a_form_is_read_like_a_query);
    tcase_add_test(test_case, test_headers_have_their_names);
    add_rows(test_case, test_a_cookie_is_found_by_its_whole_name, cookies);
    add_rows(test_case, test_a_browser_is_known_by_what_it_accepts, accepts);
    add_rows(test_case, test_an_address_is_believed_from_trusted_hops, hops);
    tcase_add_test(test_case, test_a_form_with_a_file_is_taken_apart);
    add_rows(test_case, test_a_broken_form_has_nothing_in_it, broken_forms);
    return web_main(suite);
}
