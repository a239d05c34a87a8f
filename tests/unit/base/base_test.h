#ifndef TILL_TESTS_UNIT_BASE_BASE_TEST_H
#define TILL_TESTS_UNIT_BASE_BASE_TEST_H

#include <check.h>

#include "base/ctx.h"
#include "base/error.h"

/* What a test of the base has: a ctx with an arena of its own. */
extern struct ctx ctx;

#define COUNT(array) ((int)(sizeof(array) / sizeof((array)[0])))

/* A test case of this name with the fixture above. */
TCase *base_case(Suite *suite, const char *name);

/* Runs the suite; for main() to return. */
int base_main(Suite *suite);

/* Fails the test with the error's words when there is one. */
#define ok(call) base_ok((call), #call, __FILE__, __LINE__)
void base_ok(const struct error *error, const char *call, const char *file, int line);

/* All wrong fields as lines "pointer: detail\n" in the order of their pointers; "" without an error. */
const char *base_fields(const struct error *error);

/* A file with this text and mode that is gone after the test. */
const char *base_file(const char *text, unsigned mode);

#endif
