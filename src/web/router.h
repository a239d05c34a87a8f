#ifndef TILL_WEB_ROUTER_H
#define TILL_WEB_ROUTER_H

#include "base/error.h"
#include "base/field.h"

#include <stdbool.h>
#include <stddef.h>

struct request;

/* Who may come in. */
enum access {
    ACCESS_PUBLIC,   // anyone
    ACCESS_API_KEY,  // the merchant's application, with .scope
    ACCESS_CHECKOUT, // a payer whose address carries {session}'s key
    ACCESS_WEBHOOK,  // a provider: its adapter verifies the raw body
    ACCESS_OPERATOR, // a person with a dashboard session
};

/* What the body of an answer is, for headers and the OpenAPI document. */
enum answer { ANSWER_JSON, ANSWER_PAGE, ANSWER_TEXT, ANSWER_EMPTY };

/* One door of the program. */
struct route {
    const char *method;
    const char *path; // "/api/v1/payments/{id}"; {id} is one segment
    struct error *(*handler)(struct request *r);
    enum access access;
    const char *scope; // what an API key or an operator's role must have; NULL: any
    bool customers;    // a customer\'s own token may come, too: every statement behind this door looks at whose it is
    bool plain;        // one of the other doors: an error also says success: false and error: {code, message}
    bool decimals;     // numbers with decimals in the body are texts (json_quote_decimals)
    enum answer answer;
    bool checkout;             // a page that runs the payment provider's script: its hosts join the page's policy
    bool idempotent;           // takes an Idempotency-Key; a missing one is made and returned
    bool declines;             // a bank may say no
    bool key_required;         // … and one must come with the request
    bool unlimited;            // not counted by the general rate limit
    bool early;                // a page for operators who have yet to set up their second factor, too
    const struct field *asked; // members of the JSON body
    const struct field *query; // query parameters
    const struct field *shown; // members of the answer
    bool shown_list;           // … of each entry of a list
    int success;               // status of a good answer, 200 when 0
    int success_also;          // 202 where the outcome may come later, 200 where it may exist already, or 0
    size_t max_body;           // 0 is REQUEST_MAX_BODY
    const char *tag;           // groups the OpenAPI document
    const char *summary;
};

/* The program's table (src/routes.c). */
extern const struct route routes[];
extern const size_t route_count;

/* Finds the row for a method and a raw path, and fills r->segments. A row that spells a segment out wins over one with a
 * name there, in any order. E_NOT_FOUND, E_METHOD_NOT_ALLOWED (adds Allow), or E_NOT_FOUND for a path with %00, %2f, %5c,
 * "..", "//" or bytes that are not UTF-8. HEAD finds GET. */
MUST_CHECK struct error *router_find(struct request *r);

/* The OpenAPI 3.1 document of the table, as JSON in the arena. */
json_t *router_openapi(struct ctx *ctx);

#endif
