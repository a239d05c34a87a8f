#include "base_test.h"

#include <string.h>

#include "base/url.h"

static const struct {
    const char *text;
    bool https;
    const char *host;
    int port;
    const char *path;
    bool loopback;
} good[] = {
    { "https://pay.example.com", true, "pay.example.com", 443, "", false },
    { "HTTPS://Pay.Example.COM/A?b#c", true, "pay.example.com", 443, "/A?b#c", false },
    { "http://localhost:8080/x", false, "localhost", 8080, "/x", true },
    { "http://shop.localhost", false, "shop.localhost", 80, "", true },
    { "http://127.0.0.1:1", false, "127.0.0.1", 1, "", true },
    { "http://127.8.9.10", false, "127.8.9.10", 80, "", true },
    { "http://[::1]:65535/", false, "[::1]", 65535, "/", true },
    { "https://[2001:DB8::1]", true, "[2001:db8::1]", 443, "", false },
    { "https://example.com?x=http://localhost", true, "example.com", 443, "?x=http://localhost", false },
    { "https://10.0.0.1", true, "10.0.0.1", 443, "", false },
    { "https://localhost.example.com", true, "localhost.example.com", 443, "", false },
    { "https://127.0.0.1.example.com", true, "127.0.0.1.example.com", 443, "", false },
    { "https://notlocalhost", true, "notlocalhost", 443, "", false },
};

START_TEST(test_an_address_is_taken_apart)
{
    struct url url;

    ck_assert_msg(url_parse(ctx.arena, good[_i].text, &url), "%s", good[_i].text);
    ck_assert_int_eq(url.https, good[_i].https);
    ck_assert_str_eq(url.host, good[_i].host);
    ck_assert_int_eq(url.port, good[_i].port);
    ck_assert_str_eq(url.path, good[_i].path);
    ck_assert_int_eq(url.loopback, good[_i].loopback);
}
END_TEST

static const char *const bad[] = {
    NULL,
    "",
    "/",
    "//example.com",
    "example.com",
    "ftp://example.com",
    "javascript:alert(1)",
    "https:",
    "https://",
    "https:///x",
    "https:example.com",
    "https:/example.com",
    "https://:80",
    "https://user@example.com",
    "https://user:password@example.com",
    "https://localhost@example.com",
    "https://example.com\\@localhost",
    "https://example.com:",
    "https://example.com:0",
    "https://example.com:65536",
    "https://example.com:999999",
    "https://example.com:8x",
    "https://example.com:-1",
    "https://example.com:80:80",
    "https://exa mple.com",
    "https://example.com/a b",
    "https://example.com\n",
    "https://ex\xc3\xa4mple.com",
    "https://example..com",
    "https://.example.com",
    "https://-example.com",
    "https://exam_ple.com",
    "https://[::1",
    "https://[::1]x",
    "https://[]",
    "https://[127.0.0.1]",
    "https://[::g]",
    "https://%31",
    " https://example.com",
    "https://example.com/\x7f",
};

START_TEST(test_what_is_no_address)
{
    struct url url;

    ck_assert_msg(!url_parse(ctx.arena, bad[_i], &url), "%s", bad[_i]);
}
END_TEST

static const struct {
    const char *a, *b;
    bool same;
} origins[] = {
    { "https://shop.example.com", "https://SHOP.example.com:443/x", true },
    { "http://localhost:8080", "http://localhost:8080/", true },
    { "https://shop.example.com", "http://shop.example.com", false },
    { "https://shop.example.com", "https://shop.example.com:444", false },
    { "https://shop.example.com", "https://shop.example.com.evil.example", false },
    { "https://example.com", "https://shop.example.com", false },
};

START_TEST(test_origins)
{
    struct url a, b;

    ck_assert(url_parse(ctx.arena, origins[_i].a, &a) && url_parse(ctx.arena, origins[_i].b, &b));
    ck_assert_int_eq(url_same_origin(&a, &b), origins[_i].same);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("url");
    TCase *test_case = base_case(suite, "url");

    tcase_add_loop_test(test_case, test_an_address_is_taken_apart, 0, COUNT(good));
    tcase_add_loop_test(test_case, test_what_is_no_address, 0, COUNT(bad));
    tcase_add_loop_test(test_case, test_origins, 0, COUNT(origins));
    return base_main(suite);
}
