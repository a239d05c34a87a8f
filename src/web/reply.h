#ifndef TILL_WEB_REPLY_H
#define TILL_WEB_REPLY_H

#include "base/error.h"
#include "base/field.h"
#include "web/request.h"

/* All of these return NULL so that a handler can end with them. */
struct error *reply_json(struct request *r, int status, const struct field *shown, const void *object);
struct error *reply_value(struct request *r, int status, json_t *value);

/* {"data": […], "has_more": …, "next_cursor": …}; `cursor` NULL on the last page. */
struct error *reply_list(struct request *r, const struct field *shown, size_t size, const struct field_list *items,
    const char *cursor);

/* Renders templates/<template>.html with the view. Adds what every page needs where the view has no member of that name:
 * nonce, locale, request_id, merchant_name, support_email, url, test_mode, and in `t` the texts of the locale. */
struct error *reply_page(struct request *r, int status, const char *template, json_t *view);

struct error *reply_text(struct request *r, int status, const char *content_type, const char *text);
struct error *reply_redirect(struct request *r, int status, const char *location);
struct error *reply_empty(struct request *r, int status);

/* An answer of any length in bounded memory, made piece by piece while it is sent: next() writes the next piece to *out and
 * says whether there are *more. Its ctx has an arena that lives for this piece; what it keeps is in *state. No connection to the
 * database is held in between, however slowly the client reads. When next() fails, the client sees that the answer broke off. */
struct error *reply_stream(struct request *r, int status, const char *content_type,
    struct error *(*next)(struct ctx *ctx, void *state, struct buf *out, bool *more), void *state);

/* A returned error as RFC 9457 problem+json, or as an error page where the route is a page (without a route: where a browser
 * asks for something that is not below /api/). The page is templates/error.html, with the members of the problem: status,
 * title, detail, code, request_id, errors, and where set retry_after, outcome, payment_id, decline_code, retryable;
 * moreover is_<status> ("is_404") as a section, and money_at_stake. */
void reply_error(struct request *r, const struct error *error);

/* Adds a header; a value with control bytes is an assert. */
void reply_header(struct request *r, const char *name, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* The whole answer as FastCGI carries it: status, the reply's headers, those that every answer of this kind has (none is
 * written twice: what a handler set stays), and the body unless the method is HEAD. Of a stream, only what comes before it. */
void reply_write(struct request *r, struct buf *out);

/* The nonce for scripts of this page. */
const char *reply_nonce(struct request *r);

#endif
