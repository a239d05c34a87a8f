/* Windows of a limit, and what is forgotten afterwards. */
#include <stdatomic.h>

#include "access/rate_limit.h"
#include "access/retention.h"
#include "db/db.h"
#include "testdb.h"
#include "together.h"

static void at(int64_t seconds)
{
    ctx.now = instant_of_unix(seconds);
}

START_TEST(test_a_window_has_so_many)
{
    struct rate_limit limit;

    at(1000000020);
    for (int i = 1; i <= 3; i++) {
        ok(rate_limit_count(&ctx, "window", 3, 60, &limit));
        ck_assert_int_eq(limit.limit, 3);
        ck_assert_int_eq(limit.remaining, 3 - i);
        ck_assert_int_eq(limit.reset, 1000000020 % 60 ? 60 - 1000000020 % 60 : 60);
    }
    struct error *error = rate_limit_count(&ctx, "window", 3, 60, &limit);
    refused(error, E_RATE_LIMITED);
    ck_assert_int_eq(error->retry_after, (int)limit.reset);
    ck_assert_int_eq(limit.remaining, 0);
}
END_TEST

START_TEST(test_the_next_window_is_new)
{
    struct rate_limit limit;
    int64_t start = 1000000020 - 1000000020 % 60;

    at(start + 59);
    ok(rate_limit_count(&ctx, "next", 1, 60, &limit));
    ck_assert_int_eq(limit.reset, 1);
    refused(rate_limit_count(&ctx, "next", 1, 60, &limit), E_RATE_LIMITED);
    at(start + 60);
    ok(rate_limit_count(&ctx, "next", 1, 60, &limit));
    ck_assert_int_eq(limit.reset, 60);
}
END_TEST

START_TEST(test_subjects_are_counted_apart)
{
    struct rate_limit limit;

    ok(rate_limit_count(&ctx, "one", 1, 60, &limit));
    ok(rate_limit_count(&ctx, "other", 1, 60, &limit));
    refused(rate_limit_count(&ctx, "one", 1, 60, &limit), E_RATE_LIMITED);
}
END_TEST

static void use(struct ctx *own, int number, void *to)
{
    struct rate_limit limit;

    (void)number;
    own->now = instant_of_unix(1000000020);
    for (int i = 0; i < 5; i++)
        if (!rate_limit_count(own, "crowd", 17, 60, &limit))
            atomic_fetch_add((atomic_int *)to, 1);
}

START_TEST(test_a_crowd_gets_no_more)
{
    atomic_int passed = 0;

    together(8, use, &passed);
    ck_assert_int_eq(passed, 17);
}
END_TEST

START_TEST(test_old_rows_are_forgotten)
{
    testdb_value("INSERT INTO rate_limits VALUES ('old', now() - interval '3 hours', 1), ('young', now(), 1)");
    testdb_value(
        "INSERT INTO idempotency_keys (key, fingerprint, caller, operation, held_until, created_at, expires_at)"
        "SELECT sha256(n::text::bytea), sha256('x'), n::text, 'op', now(), now(), now() + make_interval(hours => n)"
        "  FROM unnest(ARRAY[-1, 1]) n");
    ok(retention_run(&ctx));
    ck_assert_str_eq(testdb_value("SELECT string_agg(subject, ' ') FROM rate_limits WHERE subject IN ('old', 'young')"),
        "young");
    ck_assert_str_eq(testdb_value("SELECT string_agg(caller, ' ') FROM idempotency_keys"), "1");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("rate_limit");
    TCase *windows = tcase_create("windows");

    testdb_use(windows);
    tcase_add_test(windows, test_a_window_has_so_many);
    tcase_add_test(windows, test_the_next_window_is_new);
    tcase_add_test(windows, test_subjects_are_counted_apart);
    tcase_add_test(windows, test_a_crowd_gets_no_more);
    tcase_add_test(windows, test_old_rows_are_forgotten);
    suite_add_tcase(suite, windows);
    return testdb_main(suite);
}
