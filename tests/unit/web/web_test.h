#ifndef TILL_TESTS_WEB_TEST_H
#define TILL_TESTS_WEB_TEST_H

#include <check.h>
#include <jansson.h>

#include "base/config.h"
#include "base/ctx.h"
#include "base/error.h"
#include "web/request.h"

/* What every test here has: a ctx with an arena and a configuration of its own, and a small table of routes. */
extern struct ctx ctx;
extern struct config config;

/* Adds a test case with these fixtures to the suite. */
TCase *web_case(Suite *suite, const char *name);
int web_main(Suite *suite);

/* Runs the test once for each row of the table. */
#define add_rows(test_case, test, table)                                                                               \
    tcase_add_loop_test(test_case, test, 0, (int)(sizeof(table) / sizeof((table)[0])))

/* A request as the web server passes it on; further parameters ("HTTP_ACCEPT=text/html") follow, ending with NULL. */
struct request *web_request(const char *method, const char *target, ...) __attribute__((sentinel));

/* The same with a body and its type. */
struct request *web_post(const char *target, const char *content_type, const char *body);

/* The reply as it goes to the web server. */
const char *web_reply(struct request *r);

/* Value of a header in such a text, or NULL. */
const char *web_header(const char *reply, const char *name);

/* What follows the headers, as JSON. */
json_t *web_json(const char *reply);

/* "pointer: detail" of each wrong field, a line each, in order of the pointers. */
const char *web_fields(const struct error *error);

/* Fails the test when there is an error. */
void web_ok(const struct error *error);

#endif
