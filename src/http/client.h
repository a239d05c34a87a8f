#ifndef TILL_HTTP_CLIENT_H
#define TILL_HTTP_CLIENT_H

#include "base/bytes.h"
#include "base/error.h"

#include <stdbool.h>
#include <stdint.h>

struct ctx;
struct curl_slist;

/* One thread's client: a curl handle that keeps its connections. */
struct http;
struct http *http_open(void);
void http_close(struct http *http);

/* Once, before the first thread. */
void http_init(void);

struct http_header {
    const char *name;
    const char *value;
};

struct http_request {
    const char *method;
    const char *url;                   // https; http only to loopback, in test mode
    const struct http_header *headers; // ends with { NULL }
    struct bytes body;
    int64_t timeout_ms;    // for the whole exchange; connecting has 3 s of it
    bool fresh_connection; // for a POST that has no idempotency key: libcurl repeats a POST whose kept connection dies
    size_t max_body;       // 0 is 1 MB
    bool foreign;          // the address is somebody's: it must pass http/guard.h, on a connection made for it alone
    bool discard; // only the status counts: the body is thrown away, and what is past max_body is not waited for
};

enum http_result {
    HTTP_ANSWERED, // a whole answer came
    HTTP_NOT_SENT, // certain: no byte of the request was sent (name, connect or TLS failed, or we refused the address)
    HTTP_LOST,     // anything else: timeout, reset, cut off, too large. The server may have acted
};

struct http_response {
    enum http_result result;
    int status;
    struct bytes body;        // in ctx->arena
    const char *content_type; // NULL when there was none
    const char *request_id;   // the answer's Request-Id or PayPal-Debug-Id, or NULL
    int retry_after;          // seconds, 0 when not said
    const char *should_retry; // Stripe-Should-Retry, or NULL
    bool replayed;            // Idempotent-Replayed: true
    bool repeated;            // libcurl sent it again when a kept connection died: an earlier copy may have arrived too
    const char *cause;        // why there is no answer; for the log
    int64_t took_ms;
};

/* One exchange, without retries, redirects or cookies. Never logs a header or a body. Asserts that no transaction is open. */
void http_send(struct ctx *ctx, const struct http_request *request, struct http_response *response);

#endif
