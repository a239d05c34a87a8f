/* The dashboard's figures: what they say is what counting all rows would say, before and after they are folded, whatever changes
 * later. */
#include <stdlib.h>
#include <string.h>

#include "payments/statistics.h"
#include "payments/statistics_store.h"
#include "payments_test.h"
#include "testdb.h"

static struct field_list figures(void)
{
    struct field_list list;

    ok(statistics_sums(&ctx, statistics_hour(ctx.now), instant_add_seconds(statistics_hour(ctx.now), 3600), &list));
    return list;
}

static struct figure sum_of(const char *measure, const char *class)
{
    struct field_list list = figures();

    return statistics_add_up(&list, &(struct figure_filter){ .measure = measure, .class = class });
}

static void fold(void)
{
    ok(statistics_task(&ctx, NULL));
    ck_assert_int_eq(counted("SELECT count(*) FROM statistics_changes"), 0);
}

static void is(const char *measure, const char *class, int64_t count, int64_t amount)
{
    struct figure sum = sum_of(measure, class);

    ck_assert_msg(sum.count == count && sum.amount == amount, "%s %s: %lld of %lld, not %lld of %lld", measure, class,
        (long long)sum.count, (long long)sum.amount, (long long)count, (long long)amount);
}

START_TEST(test_a_payment_counts_where_it_stands_now)
{
    struct figure before = sum_of("payment", "succeeded"), captured = sum_of("captured", ""),
                  created = sum_of("payment", "created");
    struct payment payment = payment_made(CONFIRMATION_AUTOMATIC), after;
    struct attempt attempt = attempt_on(&payment, ATTEMPT_CHARGE, PHASE_CONFIRMING);
    struct snapshot snapshot = said_of(&payment, PROVIDER_STATE_SUCCEEDED);

    is("payment", "created", created.count + 1, created.amount + 10000);
    if (_i & 1)
        fold();
    ck_assert_ptr_nonnull(attempt.id);
    snapshot.method = (struct method_view){ .type = "card", .brand = "visa" };
    ok(apply_provider_state(&ctx, payment.id, &snapshot, &after));
    if (_i & 2)
        fold();
    is("payment", "created", created.count, created.amount);
    is("payment", "succeeded", before.count + 1, before.amount + 10000);
    is("captured", "", captured.count + 1, captured.amount + 10000);
    fold();
    is("payment", "succeeded", before.count + 1, before.amount + 10000);
    is("attempt", "succeeded", before.count + 1, before.amount + 10000);
    ck_assert_int_eq(counted(
                         "SELECT count FROM statistics WHERE measure = 'payment' AND class = 'succeeded' AND method = "
                         "'card' AND provider = 'stripe' AND currency = 'USD'"),
        before.count + 1);
    is("debit", "stripe:receivable", captured.count + 1, captured.amount + 10000);
    is("credit", "sales", captured.count + 1, captured.amount + 10000);
}
END_TEST

START_TEST(test_a_decline_is_an_error_of_its_class)
{
    struct payment payment = payment_made(CONFIRMATION_AUTOMATIC), after;
    struct snapshot snapshot = declined(&payment, "ch_1");

    (void)attempt_on(&payment, ATTEMPT_CHARGE, PHASE_CONFIRMING);
    ok(apply_provider_state(&ctx, payment.id, &snapshot, &after));
    is("error", "insufficient_funds", 1, 10000);
    is("attempt", "declined", 1, 10000);
    is("payment", "failed", 1, 10000);
    fold();
    is("error", "insufficient_funds", 1, 10000);
}
END_TEST

/* A payment of last week that is captured today changes last week's figures. */
START_TEST(test_what_changes_late_changes_its_own_day)
{
    struct instant today = statistics_day(ctx.now), then = instant_add_seconds(today, -7 * 86400);
    struct field_list days;

    ctx.now = instant_add_seconds(then, 7200);
    struct payment payment = payment_made(CONFIRMATION_AUTOMATIC), after;
    fold();
    ctx.now = instant_add_seconds(today, 3600);
    struct snapshot snapshot = said_of(&payment, PROVIDER_STATE_SUCCEEDED);
    ok(apply_provider_state(&ctx, payment.id, &snapshot, &after));
    for (int round = 0; round < 2; round++) {
        ok(statistics_by_day(&ctx, then, instant_add_seconds(then, 86400), &days));
        struct figure_filter filter = { .measure = "payment", .class = "created", .day = then };
        ck_assert_int_eq(statistics_add_up(&days, &filter).count, 0);
        filter.class = "succeeded";
        ck_assert_int_eq(statistics_add_up(&days, &filter).count, 1);
        filter.measure = "captured";
        filter.class = NULL;
        ck_assert_int_eq(statistics_add_up(&days, &filter).amount, 10000);
        fold();
    }
}
END_TEST

/* Every cell against the tables it was made from. */
START_TEST(test_cells_are_what_counting_finds)
{
    testdb_value(
        "BEGIN; SET LOCAL session_replication_role = replica; TRUNCATE statistics, statistics_changes, payments,"
        " attempts, refunds, disputes, webhook_events CASCADE; COMMIT");
    testdb_value(
        "INSERT INTO payments (id, mode, status, amount, currency, amount_captured, capture, confirmation, provider, "
        "method_type, created_by, created_at, updated_at)"
        "SELECT 'pay_' || n, 'test', (ARRAY['created', 'processing', 'succeeded', 'failed'])[1 + n %% 4], 100 + n,"
        "       (ARRAY['USD', 'EUR', 'JPY'])[1 + n %% 3], CASE WHEN n %% 4 = 2 THEN 100 + n ELSE 0 END, 'automatic', "
        "'manual',"
        "       'stripe', CASE WHEN n %% 5 > 0 THEN 'card' END, 'test', now() - make_interval(hours => n), now()"
        "  FROM generate_series(1, 400) n");
    testdb_value("INSERT INTO refunds (id, payment_id, status, amount, currency, reason, provider, origin, created_by,"
                 " created_at, updated_at) SELECT 'ref_' || id, id, 'processing', 50, currency, 'test', 'stripe', "
                 "'till', 'test',"
                 " created_at, now() FROM payments WHERE status = 'succeeded'");
    fold();
    testdb_value("UPDATE payments SET status = 'succeeded', amount_captured = amount WHERE status = 'processing'");
    testdb_value("UPDATE refunds SET status = 'succeeded' WHERE currency <> 'USD'");
    fold();
    testdb_value("UPDATE payments SET status = 'failed' WHERE status = 'created' AND currency = 'JPY'");
    ck_assert_str_eq(testdb_value("SELECT count(*) > 100 FROM statistics"), "t");
    fold();
    ck_assert_str_eq(
        testdb_value("WITH counted AS ("
                     "  SELECT date_trunc('hour', created_at, 'UTC') AS hour, 'payment' AS measure, currency, "
                     "coalesce(method_type, '') AS"
                     " method, status AS class, count(*), sum(amount) AS amount FROM payments GROUP BY 1, 2, 3, 4, 5"
                     "  UNION ALL SELECT date_trunc('hour', created_at, 'UTC'), 'captured', currency, "
                     "coalesce(method_type, ''), '',"
                     " count(*), sum(amount_captured) FROM payments WHERE amount_captured > 0 GROUP BY 1, 2, 3, 4, 5"
                     "  UNION ALL SELECT date_trunc('hour', created_at, 'UTC'), 'refund', currency, '', status, "
                     "count(*), sum(amount)"
                     " FROM refunds GROUP BY 1, 2, 3, 4, 5)"
                     "SELECT count(*) FROM (SELECT hour, measure, currency, method, class, count, amount FROM "
                     "statistics WHERE count <> 0)"
                     " s FULL JOIN counted c USING (hour, measure, currency, method, class)"
                     " WHERE s.count IS DISTINCT FROM c.count OR s.amount IS DISTINCT FROM c.amount"),
        "0");
}
END_TEST

START_TEST(test_rates)
{
    const struct figure list[] = {
        { .measure = "payment", .class = "succeeded", .provider = "a", .currency = "USD", .method = "", .count = 2 },
        { .measure = "payment", .class = "failed", .provider = "a", .currency = "USD", .method = "", .count = 1 },
        { .measure = "payment", .class = "created", .provider = "a", .currency = "USD", .method = "", .count = 9 },
        { .measure = "payment", .class = "authorized", .provider = "b", .currency = "USD", .method = "", .count = 1 },
        { .measure = "answer", .class = "250", .provider = "a", .currency = "USD", .method = "", .count = 1 },
        { .measure = "answer", .class = "1000", .provider = "a", .currency = "USD", .method = "", .count = 1 },
        { .measure = "answer", .class = "", .provider = "b", .currency = "USD", .method = "", .count = 3 },
    };
    struct field_list all = { .items = (void *)(uintptr_t)list, .count = sizeof list / sizeof *list };

    ck_assert_int_eq(statistics_success_rate(&all, &(struct figure_filter){ 0 }), 750);
    ck_assert_int_eq(statistics_success_rate(&all, &(struct figure_filter){ .provider = "a" }), 666);
    ck_assert_int_eq(statistics_success_rate(&all, &(struct figure_filter){ .provider = "c" }), -1);
    ck_assert_int_eq(statistics_median_answer(&all, "a"), 250);
    ck_assert_int_eq(statistics_median_answer(&all, "b"), -1);
    ck_assert_int_eq(statistics_median_answer(&all, "c"), 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("statistics");
    TCase *figures_case = tcase_create("figures");

    testdb_use(figures_case);
    tcase_add_loop_test(figures_case, test_a_payment_counts_where_it_stands_now, 0, 4);
    tcase_add_test(figures_case, test_a_decline_is_an_error_of_its_class);
    tcase_add_test(figures_case, test_what_changes_late_changes_its_own_day);
    tcase_add_test(figures_case, test_cells_are_what_counting_finds);
    tcase_add_test(figures_case, test_rates);
    suite_add_tcase(suite, figures_case);
    return testdb_main(suite);
}
