#ifndef TILL_TESTS_LONE_H
#define TILL_TESTS_LONE_H

#include <check.h>

#include "base/config.h"
#include "base/ctx.h"
#include "base/error.h"

/* What a test without a database has: a ctx with an HTTP client, test mode and a Stripe key, made anew for each test. */
extern struct ctx lone;
extern struct config lone_config;

void lone_use(TCase *test_case);
int lone_main(Suite *suite);

/* Fails the test with the error's words when there is one. */
void lone_ok(const struct error *error);

#endif
