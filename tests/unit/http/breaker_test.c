#include "http/breaker.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/config.h"
#include "testdb.h"

#define CACHE_US 1100000 // longer than a process believes what it last saw

static char provider[16]; // a new one for each test, for the process remembers

static void fail_times(int times)
{
    for (int i = 0; i < times; i++)
        breaker_count(&ctx, provider, false);
}

static const char *row(const char *columns)
{
    return testdb_value("SELECT %s FROM breakers WHERE provider = '%s'", columns, provider);
}

/* As if the row had been written by another process, a while ago. */
static void set_row(const char *assignments)
{
    testdb_value("INSERT INTO breakers (provider, updated_at) VALUES ('%s', now()) ON CONFLICT DO NOTHING", provider);
    testdb_value("UPDATE breakers SET %s WHERE provider = '%s' RETURNING 1", assignments, provider);
}

START_TEST(test_opens_after_failures_in_a_row)
{
    fail_times(4);
    ok(breaker_check(&ctx, provider));
    fail_times(1);
    struct error *error = breaker_check(&ctx, provider);
    ck_assert_ptr_nonnull(error);
    ck_assert_int_eq(error->code, E_PROVIDER_UNAVAILABLE);
    ck_assert_int_ge(error->retry_after, 55);
    ck_assert_int_le(error->retry_after, 60);
    ck_assert_str_eq(error->outcome, "not_attempted");
    ok(breaker_check(&ctx, "paypal"));
}
END_TEST

START_TEST(test_a_success_between_starts_over)
{
    fail_times(4);
    breaker_count(&ctx, provider, true);
    ck_assert_str_eq(row("failures"), "0");
    fail_times(4);
    ok(breaker_check(&ctx, provider));
}
END_TEST

START_TEST(test_success_while_closed_writes_nothing)
{
    breaker_count(&ctx, provider, true);
    breaker_count(&ctx, provider, true);
    ck_assert_str_eq(row("count(*)"), "0");
}
END_TEST

START_TEST(test_what_another_process_saw_counts_too)
{
    breaker_count(&ctx, provider, true);
    set_row("failures = 4");
    fail_times(1);
    ck_assert_ptr_nonnull(breaker_check(&ctx, provider));
}
END_TEST

START_TEST(test_an_open_row_is_seen_within_a_second)
{
    ok(breaker_check(&ctx, provider));
    set_row("failures = 5, opened_until = now() + interval '60 seconds'");
    usleep(CACHE_US);
    refused(breaker_check(&ctx, provider), E_PROVIDER_UNAVAILABLE);
    ck_assert_int_eq(breaker_state(&ctx, provider), BREAKER_OPEN);
}
END_TEST

START_TEST(test_a_late_success_does_not_close_it)
{
    fail_times(5);
    breaker_count(&ctx, provider, true);
    usleep(CACHE_US);
    breaker_count(&ctx, provider, true);
    refused(breaker_check(&ctx, provider), E_PROVIDER_UNAVAILABLE);
}
END_TEST

START_TEST(test_a_probe_that_succeeds_closes_it)
{
    set_row("failures = 5, opened_until = now() - interval '1 second'");
    ok(breaker_check(&ctx, provider));
    refused(breaker_check(&ctx, provider), E_PROVIDER_UNAVAILABLE);
    breaker_count(&ctx, provider, true);
    ok(breaker_check(&ctx, provider));
    ck_assert_str_eq(row("failures || coalesce(opened_until::text, '-') || coalesce(probe_until::text, '-')"), "0--");
}
END_TEST

START_TEST(test_a_probe_that_fails_opens_it_again)
{
    set_row("failures = 5, opened_until = now() - interval '1 second'");
    ok(breaker_check(&ctx, provider));
    fail_times(1);
    struct error *error = breaker_check(&ctx, provider);
    ck_assert_ptr_nonnull(error);
    ck_assert_int_ge(error->retry_after, 55);
}
END_TEST

START_TEST(test_a_probe_that_never_comes_back_frees_its_place)
{
    set_row("failures = 5, opened_until = now() - interval '90 seconds', probe_until = now() - interval '1 second'");
    ok(breaker_check(&ctx, provider));
}
END_TEST

static atomic_int passed;

static void *check_once(void *unused)
{
    struct ctx *other = testdb_ctx_new();

    (void)unused;
    if (!breaker_check(other, provider))
        passed++;
    testdb_ctx_free(other);
    return NULL;
}

START_TEST(test_one_probe_of_many_at_once)
{
    pthread_t threads[8];

    passed = 0;
    set_row("failures = 5, opened_until = now() - interval '1 second'");
    for (int i = 0; i < 8; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, check_once, NULL), 0);
    for (int i = 0; i < 8; i++)
        pthread_join(threads[i], NULL);
    ck_assert_int_eq(passed, 1);
}
END_TEST

START_TEST(test_a_store_that_does_not_answer_lets_pass)
{
    testdb_value("ALTER TABLE breakers RENAME TO breakers_gone");
    ok(breaker_check(&ctx, provider));
    breaker_count(&ctx, provider, false);
    testdb_value("ALTER TABLE breakers_gone RENAME TO breakers");
}
END_TEST

static void choose_provider(void)
{
    static int number;

    snprintf(provider, sizeof(provider), "provider%d", number++);
}

int main(void)
{
    Suite *suite = suite_create("http breaker");
    TCase *test_case = tcase_create("breaker");

    testdb_use(test_case);
    tcase_add_checked_fixture(test_case, choose_provider, NULL);
    tcase_set_timeout(test_case, 20);
    tcase_add_test(test_case, test_opens_after_failures_in_a_row);
    tcase_add_test(test_case, test_a_success_between_starts_over);
    tcase_add_test(test_case, test_success_while_closed_writes_nothing);
    tcase_add_test(test_case, test_what_another_process_saw_counts_too);
    tcase_add_test(test_case, test_an_open_row_is_seen_within_a_second);
    tcase_add_test(test_case, test_a_late_success_does_not_close_it);
    tcase_add_test(test_case, test_a_probe_that_succeeds_closes_it);
    tcase_add_test(test_case, test_a_probe_that_fails_opens_it_again);
    tcase_add_test(test_case, test_a_probe_that_never_comes_back_frees_its_place);
    tcase_add_test(test_case, test_one_probe_of_many_at_once);
    tcase_add_test(test_case, test_a_store_that_does_not_answer_lets_pass);
    suite_add_tcase(suite, test_case);
    return testdb_main(suite);
}
