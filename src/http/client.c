#include "http/client.h"

#include <assert.h>
#include <curl/curl.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/config.h"
#include "base/ctx.h"
#include "base/instant.h"
#include "base/memory.h"
#include "http/guard.h"
#include "http/trust.h"

#define CONNECT_MS 3000
#define LOW_SPEED_BYTES 10L
#define LOW_SPEED_SECONDS 30L
#define KEEP_SECONDS 60L
#define BODY_AT_MOST (1024 * 1024)
#define BUFFER_BYTES 2048L         // held while the answer is waited for; an answer of some KB comes in a few pieces
#define UPLOAD_BUFFER_BYTES 16384L // the least; held as well, over TLS
#define HEADER_AT_MOST 255

struct http {
    CURL *curl;
};

/* One exchange, as the callbacks see it. */
struct exchange {
    struct ctx *ctx;
    struct http_response *response;
    struct buf body;
    size_t max_body;
    bool fresh; // must not be sent twice
    int sends;  // how often a connection was ready and the request went out on it
    size_t received;
    bool discard;
    bool headers_ended;
    bool too_large;
    bool inside; // the name led to an address that is not public
};

void http_init(void)
{
    CURLcode code = curl_global_init(CURL_GLOBAL_DEFAULT);

    assert(code == CURLE_OK);
    // libcurl reads a host's name in the encoding of the locale when it turns it into ASCII; ours are UTF-8 always
    setlocale(LC_CTYPE, "C.UTF-8");
}

/* A connection stands and the request is about to go: the one moment before which it is certain that nothing was sent.
 * libcurl comes here again when it repeats a request whose kept connection died. */
static int on_ready(void *user, char *remote_ip, char *local_ip, int remote_port, int local_port)
{
    struct exchange *exchange = user;

    (void)remote_ip, (void)local_ip, (void)remote_port, (void)local_port;
    if (exchange->sends && exchange->fresh)
        return CURL_PREREQFUNC_ABORT;
    exchange->sends++;
    return CURL_PREREQFUNC_OK;
}

static size_t on_body(char *data, size_t size, size_t count, void *user)
{
    struct exchange *exchange = user;
    size_t length = size * count;

    if (length > exchange->max_body - exchange->received) {
        exchange->too_large = true;
        return 0;
    }
    exchange->received += length;
    if (!exchange->discard)
        buf_add(&exchange->body, data, length);
    return length;
}

static curl_socket_t on_socket(void *user, curlsocktype purpose, struct curl_sockaddr *address)
{
    struct exchange *exchange = user;

    if (purpose != CURLSOCKTYPE_IPCXN || !guard_allows(&address->addr, exchange->ctx->config->webhook_allow_loopback)) {
        exchange->inside = true;
        return CURL_SOCKET_BAD;
    }
    return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

/* Visible ASCII and spaces: what can go into a header, a log line or a database as it is. */
static bool is_clean(const char *text, size_t length)
{
    for (size_t i = 0; i < length; i++)
        if ((unsigned char)text[i] < 0x20 || (unsigned char)text[i] > 0x7e)
            return false;
    return true;
}

/* Keeps the value of a header line of this name, without the spaces around it, if it is one that can be shown. */
static void keep(struct exchange *exchange, const char *line, size_t length, const char *name, const char **out)
{
    size_t name_length = strlen(name);

    if (length <= name_length || line[name_length] != ':' || strncasecmp(line, name, name_length) != 0)
        return;
    line += name_length + 1;
    length -= name_length + 1;
    while (length && (*line == ' ' || *line == '\t'))
        line++, length--;
    while (length && (line[length - 1] == '\r' || line[length - 1] == '\n' || line[length - 1] == ' '))
        length--;
    if (length <= HEADER_AT_MOST && is_clean(line, length))
        *out = arena_strndup(exchange->ctx->arena, line, length);
}

static size_t on_header(char *data, size_t size, size_t count, void *user)
{
    struct exchange *exchange = user;
    struct http_response *response = exchange->response;
    size_t length = size * count;
    const char *replayed = NULL;

    if (length <= 2) // the empty line
        exchange->headers_ended = true;
    else if (length > 5 && strncmp(data, "HTTP/", 5) == 0) // the final answer after an interim one
        exchange->headers_ended = false;
    keep(exchange, data, length, "Content-Type", &response->content_type);
    keep(exchange, data, length, "Request-Id", &response->request_id);
    keep(exchange, data, length, "PayPal-Debug-Id", &response->request_id);
    keep(exchange, data, length, "Stripe-Should-Retry", &response->should_retry);
    keep(exchange, data, length, "Idempotent-Replayed", &replayed);
    if (replayed)
        response->replayed = strcmp(replayed, "true") == 0;
    return length;
}

/* libcurl calls this before it waits. */
static int on_progress(void *unused, curl_off_t to_come, curl_off_t came, curl_off_t to_go, curl_off_t went)
{
    (void)unused, (void)to_come, (void)came, (void)to_go, (void)went;
    memory_give_back_stack();
    return 0;
}

static bool is_loopback(const char *host)
{
    static const char *const names[] = { "localhost", "127.0.0.1", "[::1]" };

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (strcasecmp(host, names[i]) == 0)
            return true;
    return false;
}

static void free_url(void *url)
{
    curl_url_cleanup(url);
}

/* Why a request must not go to this address, or NULL. */
static const char *refused_address(struct ctx *ctx, const char *text)
{
    CURLU *url = curl_url();
    char *scheme = NULL, *host = NULL, *user = NULL;
    const char *why = NULL;

    assert(url);
    arena_defer(ctx->arena, free_url, url);
    if (curl_url_set(url, CURLUPART_URL, text, 0) != CURLUE_OK
        || curl_url_get(url, CURLUPART_SCHEME, &scheme, 0) != CURLUE_OK
        || curl_url_get(url, CURLUPART_HOST, &host, 0) != CURLUE_OK)
        why = "the address cannot be read";
    else if (curl_url_get(url, CURLUPART_USER, &user, 0) == CURLUE_OK)
        why = "the address names a user";
    else if (strcmp(scheme, "http") == 0 && (ctx->config->mode != MODE_TEST || !is_loopback(host)))
        why = "http is for this machine and test mode only";
    else if (strcmp(scheme, "http") != 0 && strcmp(scheme, "https") != 0)
        why = "the address is not https";
    curl_free(scheme);
    curl_free(host);
    curl_free(user);
    return why;
}

static void free_headers(void *list)
{
    curl_slist_free_all(list);
}

static struct curl_slist *header_add(struct ctx *ctx, struct curl_slist *list, const char *line)
{
    struct curl_slist *longer = curl_slist_append(list, line);

    assert(longer);
    if (!list) // the head stays the same from here on
        arena_defer(ctx->arena, free_headers, longer);
    return longer;
}

/* NULL when a header could not be sent as it is. */
static struct curl_slist *headers_of(struct ctx *ctx, const struct http_request *request)
{
    // libcurl would wait a second for the server's "100 Continue" before a large body
    struct curl_slist *list = header_add(ctx, NULL, "Expect:");

    for (const struct http_header *header = request->headers; header && header->name; header++) {
        if (!is_clean(header->name, strlen(header->name)) || !is_clean(header->value, strlen(header->value)))
            return NULL;
        list = header_add(ctx, list, arena_printf(ctx->arena, "%s: %s", header->name, header->value));
    }
    return list;
}

#define SET(option, value)                                                                                             \
    do {                                                                                                               \
        CURLcode set_code = curl_easy_setopt(curl, option, value);                                                     \
        assert(set_code == CURLE_OK);                                                                                  \
    } while (0)

/* What is the same for every request of a handle. It is never reset: libcurl keeps the buffer of a request that failed, and would
 * read into it as much as the size says that is set by then. */
static void set_once(CURL *curl)
{
    SET(CURLOPT_BUFFERSIZE, BUFFER_BYTES);
    SET(CURLOPT_UPLOAD_BUFFERSIZE, UPLOAD_BUFFER_BYTES);
    SET(CURLOPT_NOSIGNAL, 1L);
    SET(CURLOPT_PROTOCOLS_STR, "http,https"); // refused_address() has said which
    SET(CURLOPT_PROXY, "");
    SET(CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
    SET(CURLOPT_FOLLOWLOCATION, 0L);
    SET(CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    SET(CURLOPT_SSL_VERIFYPEER, 1L);
    SET(CURLOPT_SSL_VERIFYHOST, 2L);
    SET(CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    SET(CURLOPT_CAINFO, NULL);
    SET(CURLOPT_CAPATH, NULL);
    SET(CURLOPT_SSL_CTX_FUNCTION, trust_lend);
    SET(CURLOPT_LOW_SPEED_LIMIT, LOW_SPEED_BYTES);
    SET(CURLOPT_LOW_SPEED_TIME, LOW_SPEED_SECONDS);
    SET(CURLOPT_MAXAGE_CONN, KEEP_SECONDS);
    SET(CURLOPT_USERAGENT, "Till/" TILL_VERSION);
    SET(CURLOPT_PREREQFUNCTION, on_ready);
    SET(CURLOPT_WRITEFUNCTION, on_body);
    SET(CURLOPT_HEADERFUNCTION, on_header);
    SET(CURLOPT_XFERINFOFUNCTION, on_progress);
    SET(CURLOPT_NOPROGRESS, 0L);
}

static void set_limits(CURL *curl, const struct http_request *request)
{
    long timeout = request->timeout_ms > 0 ? (long)request->timeout_ms : 1;
    bool alone = request->fresh_connection || request->foreign;

    SET(CURLOPT_CONNECTTIMEOUT_MS, timeout < CONNECT_MS ? timeout : (long)CONNECT_MS);
    SET(CURLOPT_TIMEOUT_MS, timeout);
    SET(CURLOPT_FRESH_CONNECT, alone ? 1L : 0L);
    SET(CURLOPT_FORBID_REUSE, alone ? 1L : 0L);
}

/* The handle holds a GET without headers before: see forget(). */
static void set_request(CURL *curl, const struct http_request *request, struct curl_slist *headers)
{
    SET(CURLOPT_URL, request->url);
    SET(CURLOPT_HTTPHEADER, headers);
    if (strcmp(request->method, "GET") == 0)
        return;
    if (strcmp(request->method, "POST") == 0 || request->body.length) {
        SET(CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->body.length);
        SET(CURLOPT_POSTFIELDS, request->body.length ? (const char *)request->body.data : "");
    }
    SET(CURLOPT_CUSTOMREQUEST, request->method);
}

static void set_exchange(CURL *curl, const struct http_request *request, struct exchange *exchange)
{
    SET(CURLOPT_OPENSOCKETFUNCTION, request->foreign ? on_socket : NULL);
    SET(CURLOPT_OPENSOCKETDATA, exchange);
    SET(CURLOPT_PREREQDATA, exchange);
    SET(CURLOPT_WRITEDATA, exchange);
    SET(CURLOPT_HEADERDATA, exchange);
}

/* What lives in the arena or on the stack. The connections stay. */
static void forget(CURL *curl)
{
    SET(CURLOPT_URL, NULL);
    SET(CURLOPT_HTTPHEADER, NULL);
    SET(CURLOPT_POSTFIELDS, NULL);
    SET(CURLOPT_HTTPGET, 1L); // CURLOPT_POSTFIELDS makes it a POST
    SET(CURLOPT_CUSTOMREQUEST, NULL);
    SET(CURLOPT_OPENSOCKETFUNCTION, NULL);
    SET(CURLOPT_OPENSOCKETDATA, NULL);
    SET(CURLOPT_PREREQDATA, NULL);
    SET(CURLOPT_WRITEDATA, NULL);
    SET(CURLOPT_HEADERDATA, NULL);
}

struct http *http_open(void)
{
    struct http *http = calloc(1, sizeof(*http));

    assert(http);
    http->curl = curl_easy_init();
    assert(http->curl);
    set_once(http->curl);
    return http;
}

void http_close(struct http *http)
{
    if (!http)
        return;
    curl_easy_cleanup(http->curl);
    free(http);
}

static void answered(CURL *curl, struct exchange *exchange)
{
    struct http_response *response = exchange->response;
    long status = 0;
    curl_off_t retry_after = 0;

    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
    curl_easy_getinfo(curl, CURLINFO_RETRY_AFTER, &retry_after);
    response->result = HTTP_ANSWERED;
    response->status = (int)status;
    response->retry_after = retry_after > 86400 ? 86400 : (int)retry_after;
    response->body = (struct bytes){ (const uint8_t *)buf_string(&exchange->body), exchange->body.length };
}

/* What headers said of an answer that never came whole is not to be believed. */
static void not_answered(struct exchange *exchange, const char *cause)
{
    *exchange->response = (struct http_response){
        .result = exchange->sends ? HTTP_LOST : HTTP_NOT_SENT,
        .cause = exchange->inside ? "the name leads to an address that is not public"
            : exchange->too_large ? "the answer is too large"
                                  : cause,
    };
}

static void perform(CURL *curl, struct exchange *exchange)
{
    int64_t started = monotonic_ms();
    CURLcode code = curl_easy_perform(curl);

    if (exchange->headers_ended && (code == CURLE_OK || (exchange->discard && exchange->too_large)))
        answered(curl, exchange);
    else if (code == CURLE_OK) // libcurl takes a connection that closes there for an answer without a body
        not_answered(exchange, "the answer broke off in its headers");
    else
        not_answered(exchange, curl_easy_strerror(code));
    exchange->response->repeated = exchange->sends > 1;
    exchange->response->took_ms = monotonic_ms() - started;
}

void http_send(struct ctx *ctx, const struct http_request *request, struct http_response *response)
{
    CURL *curl = ctx->http->curl;
    struct exchange exchange = {
        .ctx = ctx,
        .response = response,
        .body = { .arena = ctx->arena },
        .max_body = request->max_body ? request->max_body : BODY_AT_MOST,
        .fresh = request->fresh_connection || request->foreign,
        .discard = request->discard,
    };
    struct curl_slist *headers = headers_of(ctx, request);
    const char *refused = !headers ? "a header has other characters than ASCII"
        : request->foreign         ? guard_url(ctx, request->url, ctx->config->webhook_allow_loopback)
                                   : refused_address(ctx, request->url);

    assert(!ctx->tx); // a provider's latency must never hold rows or a connection
    *response = (struct http_response){ .result = HTTP_NOT_SENT };
    if (refused) {
        response->cause = refused;
        return;
    }
    set_limits(curl, request);
    set_request(curl, request, headers);
    set_exchange(curl, request, &exchange);
    perform(curl, &exchange);
    forget(curl);
}
