/* Addresses that somebody gives us: none of them leads to this machine or its network. */
#include "http/guard.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

#include "http/client.h"
#include "lone.h"

/* An address, and whether it is public. */
static const struct {
    const char *text;
    bool allowed;
} addresses[] = {
    { "8.8.8.8", true },
    { "1.1.1.1", true },
    { "100.63.255.255", true },
    { "172.15.255.255", true },
    { "172.32.0.1", true },
    { "198.17.255.255", true },
    { "223.255.255.255", true },
    { "2606:4700::1111", true },
    { "2a00:1450:4001::1", true },
    { "0.0.0.0", false },
    { "0.1.2.3", false },
    { "10.0.0.1", false },
    { "100.64.0.1", false },
    { "100.127.255.255", false },
    { "127.0.0.1", false },
    { "127.255.255.254", false },
    { "169.254.169.254", false },
    { "172.16.0.1", false },
    { "172.31.255.255", false },
    { "192.0.0.170", false },
    { "192.0.2.1", false },
    { "192.168.1.1", false },
    { "198.18.0.1", false },
    { "198.19.255.255", false },
    { "198.51.100.1", false },
    { "203.0.113.1", false },
    { "224.0.0.1", false },
    { "240.0.0.1", false },
    { "255.255.255.255", false },
    { "::", false },
    { "::1", false },
    { "::ffff:127.0.0.1", false },
    { "::ffff:8.8.8.8", false },
    { "::127.0.0.1", false },
    { "64:ff9b::7f00:1", false },
    { "64:ff9b:1::1", false },
    { "100::1", false },
    { "2001::1", false },
    { "2001:db8::1", false },
    { "2002:7f00:1::", false },
    { "3fff::1", false },
    { "fc00::1", false },
    { "fd12:3456::1", false },
    { "fe80::1", false },
    { "ff02::1", false },
};

static struct sockaddr_storage address_of(const char *text)
{
    struct sockaddr_storage storage = { 0 };
    struct sockaddr_in *in = (struct sockaddr_in *)&storage;
    struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)&storage;

    if (inet_pton(AF_INET, text, &in->sin_addr) == 1) {
        in->sin_family = AF_INET;
        return storage;
    }
    ck_assert_msg(inet_pton(AF_INET6, text, &in6->sin6_addr) == 1, "%s is no address", text);
    in6->sin6_family = AF_INET6;
    return storage;
}

START_TEST(test_addresses)
{
    struct sockaddr_storage address = address_of(addresses[_i].text);
    bool loopback = !strncmp(addresses[_i].text, "127.", 4) || !strcmp(addresses[_i].text, "::1");

    ck_assert_msg(guard_allows((const struct sockaddr *)&address, false) == addresses[_i].allowed, "%s",
        addresses[_i].text);
    ck_assert_msg(guard_allows((const struct sockaddr *)&address, true) == (addresses[_i].allowed || loopback), "%s",
        addresses[_i].text);
}
END_TEST

START_TEST(test_other_sockets)
{
    struct sockaddr address = { .sa_family = AF_UNIX };

    ck_assert(!guard_allows(&address, true));
}
END_TEST

/* A URL, and a word of what is said against it; NULL where nothing is. */
static const struct {
    const char *url, *why;
} urls[] = {
    { "https://shop.example.com/hooks?key=1", NULL },
    { "https://shop.example.com:8443/", NULL },
    { "HTTPS://SHOP.EXAMPLE.COM/", NULL },
    { "https://8.8.8.8/", NULL },
    { "https://[2606:4700::1111]/", NULL },
    { "http://shop.example.com/", "https" },
    { "ftp://shop.example.com/", "https" },
    { "file:///etc/passwd", "https" },
    { "gopher://shop.example.com/", "https" },
    { "https://shop.example.com:22/", "port" },
    { "https://user@shop.example.com/", "user" },
    { "https://user:secret@shop.example.com/", "user" },
    { "https://shop.example.com/#part", "fragment" },
    { "https://127.0.0.1/", "public" },
    { "https://2130706433/", "public" },
    { "https://0x7f000001/", "public" },
    { "https://0177.0.0.1/", "public" },
    { "https://127.1/", "public" },
    { "https://0/", "public" },
    { "https://169.254.169.254/latest/meta-data/", "public" },
    { "https://[::1]/", "public" },
    { "https://[::ffff:127.0.0.1]/", "public" },
    { "https://[fe80::1%25eth0]/", "" },
    { "https://localhost/", "public" },
    { "https://LocalHost:8443/", "public" },
    { "https://intranet/", "public" },
    { "https://shop.example.com\\@127.0.0.1/", "ASCII" },
    { "https://shop.example.com /", "ASCII" },
    { "https://shop.example.com/\r\nX: y", "ASCII" },
    { "https://sh\xc3\xb6p.example.com/", "ASCII" },
    { "https://", "" },
    { "shop.example.com/hooks", "" },
    { "", "" },
};

START_TEST(test_urls)
{
    const char *why = guard_url(&lone, urls[_i].url, false);

    ck_assert_msg(!why == !urls[_i].why, "%s: %s", urls[_i].url, why ? why : "is fine");
    ck_assert_msg(!why || strstr(why, urls[_i].why), "%s: %s", urls[_i].url, why);
}
END_TEST

START_TEST(test_this_machine_where_that_is_wanted)
{
    ck_assert_ptr_null(guard_url(&lone, "http://localhost:3000/hooks", true));
    ck_assert_ptr_null(guard_url(&lone, "http://127.0.0.1:3000/", true));
    ck_assert_ptr_null(guard_url(&lone, "http://[::1]:3000/", true));
    ck_assert_ptr_nonnull(guard_url(&lone, "http://10.0.0.1:3000/", true));
    ck_assert_ptr_nonnull(guard_url(&lone, "http://shop.example.com/", true));
    ck_assert_ptr_nonnull(guard_url(&lone, "https://192.168.0.1/", true));
    ck_assert_ptr_nonnull(guard_url(&lone, "ftp://localhost/", true));
}
END_TEST

/* The name looks like any other; where it leads is seen when a connection is made. */
START_TEST(test_a_name_that_leads_inside)
{
    struct http_request request = {
        .method = "POST",
        .url = "https://hooks.localhost:8443/",
        .timeout_ms = 2000,
        .foreign = true,
    };
    struct http_response response;

    ck_assert_ptr_null(guard_url(&lone, request.url, false));
    http_send(&lone, &request, &response);
    ck_assert_int_eq(response.result, HTTP_NOT_SENT);
    ck_assert_msg(strstr(response.cause, "not public"), "%s", response.cause);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("guard");
    TCase *all = tcase_create("guard");

    lone_use(all);
    tcase_add_loop_test(all, test_addresses, 0, (int)(sizeof(addresses) / sizeof(addresses[0])));
    tcase_add_test(all, test_other_sockets);
    tcase_add_loop_test(all, test_urls, 0, (int)(sizeof(urls) / sizeof(urls[0])));
    tcase_add_test(all, test_this_machine_where_that_is_wanted);
    tcase_add_test(all, test_a_name_that_leads_inside);
    suite_add_tcase(suite, all);
    return lone_main(suite);
}
