#ifndef TILL_WEB_REQUEST_H
#define TILL_WEB_REQUEST_H

#include "base/buf.h"
#include "base/bytes.h"
#include "base/ctx.h"
#include "base/error.h"
#include "base/field.h"

#include <stdbool.h>
#include <stddef.h>

struct locales;
struct route;
struct session;
struct templates;

#define REQUEST_MAX_BODY (64 * 1024)
#define REQUEST_MAX_WEBHOOK (256 * 1024)

struct reply {
    int status;
    const char *content_type;
    struct buf headers; // "Name: value\r\n" lines, values checked
    struct bytes body;
    /* Of an answer that is made while it is sent (reply_stream()); NULL for one that stands whole in `body`. */
    struct error *(*next)(struct ctx *ctx, void *state, struct buf *out, bool *more);
    void *state;
    bool sent;
};

/* One request and its reply. Lives in ctx->arena. */
struct request {
    struct ctx *ctx;
    const struct route *route;
    const struct templates *templates;
    const struct locales *locales; // texts of pages; NULL for a program without any
    struct error *refused;         // what is wrong with the request itself, before any handler; or NULL
    const char *method;
    const char *path;  // of the raw REQUEST_URI, percent-encoded as it came
    const char *query; // raw, "" when there is none
    const char *content_type;
    struct bytes body;              // raw bytes, as they came
    json_t *json;                   // the parsed body, once request_json() was called
    const char *const *environment; // copies of "NAME=value", ending with NULL
    const char *nonce;              // for the CSP of a page, made when first asked for
    const char *segments[16];       // decoded values of the route's {names}
    struct session *session;        // of the operator who asks (access/session.h), or NULL
    struct reply reply;
};

/* Value of the route's {name}; asserts that there is one. */
const char *request_path(const struct request *r, const char *name);

/* A header by its name ("Idempotency-Key"), or NULL. */
const char *request_header(const struct request *r, const char *name);

/* A parameter of the web server by its own name ("REMOTE_ADDR"), or NULL. */
const char *request_variable(const struct request *r, const char *name);

/* Whether a browser asks: text/html stands before application/json in Accept. */
bool request_wants_page(const struct request *r);

/* A query parameter, decoded; NULL when missing, or not UTF-8. */
const char *request_query(const struct request *r, const char *name);

/* The body as JSON, parsed once and kept in r->json; {} for an empty one. E_UNSUPPORTED_MEDIA_TYPE, E_INVALID_JSON. */
MUST_CHECK struct error *request_json_value(struct request *r, json_t **out);

/* The JSON body into a struct; every wrong, missing and unknown member at once. E_UNSUPPORTED_MEDIA_TYPE when it is not
 * application/json. An empty body is {}. The member idempotency_key is taken by dispatch and passed over here. */
MUST_CHECK struct error *request_json(struct request *r, const struct field *fields, void *out);

/* The same for query parameters and for application/x-www-form-urlencoded bodies. */
MUST_CHECK struct error *request_query_fields(struct request *r, const struct field *fields, void *out);
MUST_CHECK struct error *request_form(struct request *r, const struct field *fields, void *out);

/* One member of such a body, decoded; NULL when it is missing or the body is something else. The member csrf is taken by
 * access/csrf.h and passed over by request_form(). */
const char *request_form_member(const struct request *r, const char *name);

/* A member of a multipart/form-data body, such as a file; false when it is missing or the body is something else. */
struct multipart;
bool request_upload(const struct request *r, const char *name, struct multipart *out);

/* A cookie's value, or NULL. */
const char *request_cookie(const struct request *r, const char *name);

#endif
