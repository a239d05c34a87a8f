#ifndef TILL_TESTS_TESTDB_H
#define TILL_TESTS_TESTDB_H

#include <check.h>

#include "base/ctx.h"
#include "base/error.h"

/* What a domain test has: a database of its own, made from the migrated template, and a ctx as a command has one. */
extern struct ctx ctx;

/* Adds the fixtures: the database once for the test case, a fresh arena, clock and principal for each test. */
void testdb_use(TCase *test_case);

/* Runs the suite and says with its exit status whether all held; 77 (skipped) where TILL_TEST_DATABASE_URL names no server. It
 * is a conninfo of a superuser whose database is the template. */
int testdb_main(Suite *suite);

/* Fails the test with the error's words when there is one. */
#define ok(call) testdb_ok((call), #call, __FILE__, __LINE__)
void testdb_ok(const struct error *error, const char *call, const char *file, int line);

/* Fails the test unless the call fails with this code. */
#define refused(call, expected) testdb_refused((call), (expected), #call, __FILE__, __LINE__)
void testdb_refused(const struct error *error, enum error_code code, const char *call, const char *file, int line);

/* A ctx for another thread, on the same database; testdb_ctx_free() in that thread. */
struct ctx *testdb_ctx_new(void);
void testdb_ctx_free(struct ctx *other);

/* The first value of a statement run by the superuser, as text; "" for NULL or no row. In ctx.arena. */
const char *testdb_value(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
