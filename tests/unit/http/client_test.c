#include "http/client.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/arena.h"
#include "fault_server.h"
#include "lone.h"

#define OK "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"

static struct http_response send_to(const char *url, const char *method, const char *body)
{
    struct http_request request = {
        .method = method,
        .url = url,
        .body = bytes_of(body),
        .timeout_ms = 700,
    };
    struct http_response response;

    http_send(&lone, &request, &response);
    return response;
}

/* What a POST comes to when the server does this to it. */
static const struct {
    const char *what;
    struct fault fault;
    enum http_result result;
    int status;
} faults[] = {
    { "a whole answer", { FAULT_NONE, OK }, HTTP_ANSWERED, 200 },
    { "a whole answer, then the end", { FAULT_CLOSE, OK }, HTTP_ANSWERED, 200 },
    { "a 500", { FAULT_NONE, "HTTP/1.1 500 Oh\r\nContent-Length: 0\r\n\r\n" }, HTTP_ANSWERED, 500 },
    { "a redirect, which is not followed",
        { FAULT_NONE, "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n" },
        HTTP_ANSWERED, 302 },
    { "whole chunks", { FAULT_NONE, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n" },
        HTTP_ANSWERED, 200 },
    { "the end without an answer", { FAULT_CLOSE, NULL }, HTTP_LOST, 0 },
    { "a reset without an answer", { FAULT_RESET, NULL }, HTTP_LOST, 0 },
    { "silence", { FAULT_SILENCE, NULL }, HTTP_LOST, 0 },
    { "half of the headers", { FAULT_CLOSE, "HTTP/1.1 200 OK\r\nContent-Le" }, HTTP_LOST, 0 },
    { "headers and a reset", { FAULT_RESET, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n" }, HTTP_LOST, 0 },
    { "half of the body", { FAULT_CLOSE, "HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\n{\"id\":" }, HTTP_LOST, 0 },
    { "half of the body, then silence", { FAULT_SILENCE, "HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\n{\"id\":" },
        HTTP_LOST, 0 },
    { "cut chunks", { FAULT_CLOSE, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n" }, HTTP_LOST, 0 },
    { "a byte at a time", { FAULT_TRICKLE, "HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n" }, HTTP_LOST, 0 },
    { "too much", { FAULT_FLOOD, "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" }, HTTP_LOST, 0 },
    { "no HTTP at all", { FAULT_CLOSE, "SSH-2.0-OpenSSH\r\n\r\n" }, HTTP_LOST, 0 },
};

START_TEST(test_a_server_that_took_the_request)
{
    struct fault_server *server = fault_server_new(&faults[_i].fault, 1);
    struct http_response response = send_to(fault_server_url(server), "POST", "amount=100");

    ck_assert_msg(response.result == faults[_i].result, "%s: result %d (%s)", faults[_i].what, response.result,
        response.cause ? response.cause : "");
    ck_assert_int_eq(response.status, faults[_i].status);
    ck_assert_int_eq(fault_server_requests(server), 1);
    ck_assert(response.result == HTTP_ANSWERED || response.cause);
    ck_assert_int_lt(response.took_ms, 3000);
    fault_server_free(server);
}
END_TEST

/* Whatever became of a request, the next one on the same handle is as good as on a new one: a whole answer that is longer than any
 * buffer, nothing of the headers of the one before, no body of a POST in a GET. */
START_TEST(test_the_request_after_it)
{
    char *body = arena_alloc(lone.arena, 100001);
    static struct fault script = { FAULT_NONE, NULL };

    memset(body, 'x', 100000);
    script.answer = fault_answer(200, "", body);
    struct fault_server *server = fault_server_new(&faults[_i].fault, 1), *after = fault_server_new(&script, 1);
    send_to(fault_server_url(server), "POST", "amount=100");
    for (int i = 0; i < 3; i++) {
        struct http_response response = send_to(fault_server_url(after), i == 2 ? "POST" : "GET", i == 2 ? "n=1" : "");
        ck_assert_msg(response.result == HTTP_ANSWERED, "after %s: %s", faults[_i].what, response.cause);
        ck_assert_uint_eq(response.body.length, 100000);
        ck_assert(memcmp(response.body.data, body, 100000) == 0);
        ck_assert(strncmp(fault_server_last(after), i == 2 ? "POST " : "GET ", 4) == 0);
        ck_assert(!strstr(fault_server_last(after), "Content-Length") == (i != 2));
    }
    ck_assert_int_eq(fault_server_connections(after), 1);
    fault_server_free(server);
    fault_server_free(after);
}
END_TEST

START_TEST(test_what_one_answer_said_is_not_said_by_the_next)
{
    static struct fault script[2];
    script[0] =
        (struct fault){ FAULT_NONE, fault_answer(429, "Retry-After: 7\r\nStripe-Should-Retry: true\r\n", "{}") };
    script[1] = (struct fault){ FAULT_NONE, fault_answer(200, "", "{}") };
    struct fault_server *server = fault_server_new(script, 2);

    ck_assert_int_eq(send_to(fault_server_url(server), "POST", "").retry_after, 7);
    struct http_response response = send_to(fault_server_url(server), "POST", "");
    ck_assert_int_eq(response.status, 200);
    ck_assert_int_eq(response.retry_after, 0);
    ck_assert_ptr_null(response.should_retry);
    fault_server_free(server);
}
END_TEST

START_TEST(test_the_request_that_arrives)
{
    static const struct fault script = { FAULT_NONE, OK };
    static const struct http_header headers[] = { { "Stripe-Version", "2026" }, { "Idempotency-Key", "k1" },
        { NULL, NULL } };
    struct fault_server *server = fault_server_new(&script, 1);
    struct http_request request = {
        .method = "POST",
        .url = arena_printf(lone.arena, "%s/v1/refunds", fault_server_url(server)),
        .headers = headers,
        .body = { (const uint8_t *)"a=\0b", 4 },
        .timeout_ms = 1000,
    };
    struct http_response response;

    http_send(&lone, &request, &response);
    ck_assert_int_eq(response.result, HTTP_ANSWERED);
    const char *arrived = fault_server_last(server);
    ck_assert(strncmp(arrived, "POST /v1/refunds HTTP/1.1\r\n", 27) == 0);
    ck_assert(strstr(arrived, "\r\nStripe-Version: 2026\r\n"));
    ck_assert(strstr(arrived, "\r\nIdempotency-Key: k1\r\n"));
    ck_assert(strstr(arrived, "\r\nUser-Agent: Till/"));
    ck_assert(strstr(arrived, "\r\nContent-Length: 4\r\n"));
    ck_assert(!strstr(arrived, "Expect"));
    fault_server_free(server);
}
END_TEST

START_TEST(test_what_the_answer_said)
{
    static const struct fault script = { FAULT_NONE,
        "HTTP/1.1 429 Slow\r\nRequest-Id:  req_1 \r\nretry-after: 7\r\nStripe-Should-Retry: false\r\n"
        "Idempotent-Replayed: true\r\nContent-Type: application/json\r\nContent-Length: 8\r\n\r\n{\"a\": 1}" };
    struct fault_server *server = fault_server_new(&script, 1);
    struct http_response response = send_to(fault_server_url(server), "GET", "");

    ck_assert_int_eq(response.status, 429);
    ck_assert_str_eq(response.request_id, "req_1");
    ck_assert_int_eq(response.retry_after, 7);
    ck_assert_str_eq(response.should_retry, "false");
    ck_assert(response.replayed);
    ck_assert_str_eq(response.content_type, "application/json");
    ck_assert_uint_eq(response.body.length, 8);
    ck_assert(memcmp(response.body.data, "{\"a\": 1}", 8) == 0);
    fault_server_free(server);
}
END_TEST

START_TEST(test_headers_of_a_lost_answer_are_not_believed)
{
    static const struct fault script = { FAULT_RESET,
        "HTTP/1.1 200 OK\r\nRequest-Id: req_1\r\nStripe-Should-Retry: true\r\nContent-Length: 9\r\n\r\n{" };
    struct fault_server *server = fault_server_new(&script, 1);
    struct http_response response = send_to(fault_server_url(server), "POST", "");

    ck_assert_int_eq(response.result, HTTP_LOST);
    ck_assert_ptr_null(response.should_retry);
    ck_assert_uint_eq(response.body.length, 0);
    fault_server_free(server);
}
END_TEST

START_TEST(test_a_header_that_could_break_a_log_is_dropped)
{
    static const struct fault script = { FAULT_NONE,
        "HTTP/1.1 200 OK\r\nRequest-Id: req_\xff\x01\r\nContent-Length: 0\r\n\r\n" };
    struct fault_server *server = fault_server_new(&script, 1);
    struct http_response response = send_to(fault_server_url(server), "GET", "");

    ck_assert_int_eq(response.status, 200);
    ck_assert_ptr_null(response.request_id);
    fault_server_free(server);
}
END_TEST

/* A kept connection that dies after it took the POST */

static const struct fault dies_when_reused[] = {
    { FAULT_NONE, OK },
    { FAULT_RESET, NULL },
    { FAULT_NONE, OK },
};

START_TEST(test_a_repeat_by_the_library_is_told)
{
    struct fault_server *server = fault_server_new(dies_when_reused, 3);

    send_to(fault_server_url(server), "POST", "n=1");
    struct http_response response = send_to(fault_server_url(server), "POST", "n=2");
    ck_assert_int_eq(response.result, HTTP_ANSWERED);
    ck_assert(response.repeated);
    ck_assert_int_eq(fault_server_requests(server), 3);
    fault_server_free(server);
}
END_TEST

START_TEST(test_a_repeat_that_finds_nobody_is_not_proof)
{
    struct fault_server *server = fault_server_new(dies_when_reused, 3);

    send_to(fault_server_url(server), "POST", "n=1");
    fault_server_refuse(server);
    struct http_response response = send_to(fault_server_url(server), "POST", "n=2");
    ck_assert_int_eq(response.result, HTTP_LOST);
    ck_assert_int_eq(fault_server_requests(server), 2);
    fault_server_free(server);
}
END_TEST

START_TEST(test_without_a_key_a_post_is_sent_once)
{
    static const struct fault script[] = { { FAULT_NONE, OK }, { FAULT_RESET, NULL }, { FAULT_NONE, OK } };
    struct fault_server *server = fault_server_new(script, 3);
    struct http_request request = {
        .method = "POST",
        .url = fault_server_url(server),
        .timeout_ms = 1000,
        .fresh_connection = true,
    };
    struct http_response response;

    send_to(fault_server_url(server), "POST", "n=1");
    http_send(&lone, &request, &response);
    ck_assert_int_eq(response.result, HTTP_LOST);
    ck_assert(!response.repeated);
    ck_assert_int_eq(fault_server_requests(server), 2);
    ck_assert_int_eq(fault_server_connections(server), 2);
    fault_server_free(server);
}
END_TEST

START_TEST(test_connections_are_kept)
{
    static const struct fault script = { FAULT_NONE, OK };
    struct fault_server *server = fault_server_new(&script, 1);

    for (int i = 0; i < 3; i++) {
        ck_assert_int_eq(send_to(fault_server_url(server), "POST", "n=1").result, HTTP_ANSWERED);
        arena_reset(lone.arena);
    }
    ck_assert_int_eq(fault_server_connections(server), 1);
    fault_server_free(server);
}
END_TEST

/* Nothing was sent, for certain */

START_TEST(test_refused)
{
    static const struct fault script = { FAULT_NONE, OK };
    struct fault_server *server = fault_server_new(&script, 1);

    fault_server_refuse(server);
    ck_assert_int_eq(send_to(fault_server_url(server), "POST", "").result, HTTP_NOT_SENT);
    fault_server_free(server);
}
END_TEST

/* A socket whose queue is full: connecting takes for ever. */
static int full_listener(char *url, size_t size, int *fillers, size_t count)
{
    struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t length = sizeof(address);
    int listener = socket(AF_INET, SOCK_STREAM, 0);

    ck_assert(bind(listener, (struct sockaddr *)&address, sizeof(address)) == 0);
    ck_assert(listen(listener, 0) == 0);
    ck_assert(getsockname(listener, (struct sockaddr *)&address, &length) == 0);
    for (size_t i = 0; i < count; i++) {
        fillers[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
        (void)!connect(fillers[i], (struct sockaddr *)&address, sizeof(address));
    }
    snprintf(url, size, "http://127.0.0.1:%d/", ntohs(address.sin_port));
    return listener;
}

START_TEST(test_a_connection_that_never_stands)
{
    int fillers[4];
    char url[40];
    int listener = full_listener(url, sizeof(url), fillers, 4);
    struct http_response response = send_to(url, "POST", "");

    ck_assert_int_eq(response.result, HTTP_NOT_SENT);
    ck_assert_int_ge(response.took_ms, 600);
    close(listener);
    for (size_t i = 0; i < 4; i++)
        close(fillers[i]);
}
END_TEST

START_TEST(test_a_name_that_does_not_exist)
{
    ck_assert_int_eq(send_to("https://nobody.invalid/v1", "POST", "").result, HTTP_NOT_SENT);
}
END_TEST

static const char *https_url(const struct fault_server *server)
{
    return arena_printf(lone.arena, "https%s", fault_server_url(server) + 4);
}

START_TEST(test_a_handshake_that_fails)
{
    static const struct fault script = { FAULT_CLOSE, "HTTP/1.1 400 Plain HTTP\r\n\r\n" };
    struct fault_server *server = fault_server_new(&script, 1);

    ck_assert_int_eq(send_to(https_url(server), "POST", "").result, HTTP_NOT_SENT);
    ck_assert_int_eq(fault_server_requests(server), 0);
    fault_server_free(server);
}
END_TEST

/* A TLS server whose certificate, for 127.0.0.1, is its own */

struct tls_server {
    int listener;
    SSL_CTX *tls;
    int requests;
};

static X509_EXTENSION *alternative_name(char *name)
{
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, name);

    ck_assert(extension);
    return extension;
}

/* The file gets the certificate. */
static SSL_CTX *own_tls(int file)
{
    SSL_CTX *tls = SSL_CTX_new(TLS_server_method());
    EVP_PKEY *key = EVP_RSA_gen(2048);
    X509 *certificate = X509_new();

    ck_assert(tls && key && certificate);
    ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1);
    X509_gmtime_adj(X509_getm_notBefore(certificate), 0);
    X509_gmtime_adj(X509_getm_notAfter(certificate), 3600);
    X509_set_pubkey(certificate, key);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate), "CN", MBSTRING_ASC, (const uint8_t *)"127.0.0.1", -1,
        -1, 0);
    X509_set_issuer_name(certificate, X509_get_subject_name(certificate));
    X509_set_version(certificate, X509_VERSION_3);
    X509_EXTENSION *extension = alternative_name("IP:127.0.0.1");
    X509_add_ext(certificate, extension, -1);
    X509_EXTENSION_free(extension);
    ck_assert(X509_sign(certificate, key, EVP_sha256()) > 0);
    ck_assert(SSL_CTX_use_certificate(tls, certificate) == 1 && SSL_CTX_use_PrivateKey(tls, key) == 1);
    BIO *out = BIO_new_fd(file, BIO_NOCLOSE);
    ck_assert(PEM_write_bio_X509(out, certificate) == 1);
    BIO_free(out);
    X509_free(certificate);
    EVP_PKEY_free(key);
    return tls;
}

static void *accept_tls(void *argument)
{
    struct tls_server *server = argument;
    int socket = accept(server->listener, NULL, NULL);
    SSL *ssl = SSL_new(server->tls);

    SSL_set_fd(ssl, socket);
    if (SSL_accept(ssl) == 1) {
        char request[4096];

        server->requests += SSL_read(ssl, request, sizeof(request)) > 0;
        SSL_write(ssl, OK, sizeof(OK) - 1);
    }
    SSL_free(ssl);
    close(socket);
    return NULL;
}

/* Only a server whose certificate is trusted, and is for its name, gets the request. */
static const struct {
    bool trusted;
    const char *host;
    enum http_result result;
} certificates[] = {
    { false, "127.0.0.1", HTTP_NOT_SENT },
    { true, "localhost", HTTP_NOT_SENT },
    { true, "127.0.0.1", HTTP_ANSWERED },
};

START_TEST(test_certificates)
{
    struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t length = sizeof(address);
    char name[] = "/tmp/till-trust-XXXXXX";
    int file = mkstemp(name);
    struct tls_server server = { .listener = socket(AF_INET, SOCK_STREAM, 0), .tls = own_tls(file) };
    pthread_t thread;

    if (certificates[_i].trusted)
        setenv("SSL_CERT_FILE", name, 1);
    ck_assert(bind(server.listener, (struct sockaddr *)&address, sizeof(address)) == 0);
    ck_assert(listen(server.listener, 1) == 0);
    ck_assert(getsockname(server.listener, (struct sockaddr *)&address, &length) == 0);
    ck_assert(pthread_create(&thread, NULL, accept_tls, &server) == 0);

    struct http_response response =
        send_to(arena_printf(lone.arena, "https://%s:%d/", certificates[_i].host, ntohs(address.sin_port)), "POST",
            "secret=1");
    ck_assert_int_eq(response.result, certificates[_i].result);
    pthread_join(thread, NULL);
    ck_assert_int_eq(server.requests, response.result == HTTP_ANSWERED);
    unsetenv("SSL_CERT_FILE");
    close(server.listener);
    SSL_CTX_free(server.tls);
    close(file);
    unlink(name);
}
END_TEST

/* Where a request never goes, whatever stands there */
static const struct {
    const char *url;
    enum mode mode;
} forbidden[] = {
    { "http://example.com/", MODE_TEST },
    { "http://127.0.0.1.example.com/", MODE_TEST },
    { "http://169.254.169.254/", MODE_TEST },
    { "http://127.0.0.1:1/", MODE_LIVE },
    { "https://user:password@127.0.0.1/", MODE_LIVE },
    { "ftp://127.0.0.1/", MODE_TEST },
    { "file:///etc/passwd", MODE_TEST },
    { "", MODE_TEST },
    { "not an address", MODE_TEST },
};

START_TEST(test_addresses_that_are_refused)
{
    lone_config.mode = forbidden[_i].mode;
    struct http_response response = send_to(forbidden[_i].url, "GET", "");
    ck_assert_int_eq(response.result, HTTP_NOT_SENT);
    ck_assert_int_eq(response.took_ms, 0);
    ck_assert_ptr_nonnull(response.cause);
}
END_TEST

START_TEST(test_a_header_cannot_smuggle_another)
{
    static const struct fault script = { FAULT_NONE, OK };
    static const struct http_header headers[] = { { "Idempotency-Key", "a\r\nX-Evil: 1" }, { NULL, NULL } };
    struct fault_server *server = fault_server_new(&script, 1);
    struct http_request request = {
        .method = "POST",
        .url = fault_server_url(server),
        .headers = headers,
        .timeout_ms = 1000,
    };
    struct http_response response;

    http_send(&lone, &request, &response);
    ck_assert_int_eq(response.result, HTTP_NOT_SENT);
    ck_assert_int_eq(fault_server_requests(server), 0);
    fault_server_free(server);
}
END_TEST

START_TEST(test_no_provider_is_called_in_a_transaction)
{
    lone.tx = (struct tx *)&lone;
    send_to("http://127.0.0.1:1/", "GET", "");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("http client");
    TCase *took = tcase_create("took it"), *kept = tcase_create("kept connections"),
          *not_sent = tcase_create("not sent");

    lone_use(took);
    tcase_add_loop_test(took, test_a_server_that_took_the_request, 0, (int)(sizeof(faults) / sizeof(faults[0])));
    tcase_add_loop_test(took, test_the_request_after_it, 0, (int)(sizeof(faults) / sizeof(faults[0])));
    tcase_add_test(took, test_the_request_that_arrives);
    tcase_add_test(took, test_what_the_answer_said);
    tcase_add_test(took, test_what_one_answer_said_is_not_said_by_the_next);
    tcase_add_test(took, test_headers_of_a_lost_answer_are_not_believed);
    tcase_add_test(took, test_a_header_that_could_break_a_log_is_dropped);
    suite_add_tcase(suite, took);

    lone_use(kept);
    tcase_add_test(kept, test_a_repeat_by_the_library_is_told);
    tcase_add_test(kept, test_a_repeat_that_finds_nobody_is_not_proof);
    tcase_add_test(kept, test_without_a_key_a_post_is_sent_once);
    tcase_add_test(kept, test_connections_are_kept);
    suite_add_tcase(suite, kept);

    lone_use(not_sent);
    tcase_set_timeout(not_sent, 20);
    tcase_add_test(not_sent, test_refused);
    tcase_add_test(not_sent, test_a_connection_that_never_stands);
    tcase_add_test(not_sent, test_a_name_that_does_not_exist);
    tcase_add_test(not_sent, test_a_handshake_that_fails);
    tcase_add_loop_test(not_sent, test_certificates, 0, (int)(sizeof(certificates) / sizeof(certificates[0])));
    tcase_add_loop_test(not_sent, test_addresses_that_are_refused, 0, (int)(sizeof(forbidden) / sizeof(forbidden[0])));
    tcase_add_test(not_sent, test_a_header_cannot_smuggle_another);
    tcase_add_test_raise_signal(not_sent, test_no_provider_is_called_in_a_transaction, SIGABRT);
    suite_add_tcase(suite, not_sent);
    return lone_main(suite);
}
