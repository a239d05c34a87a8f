/* The dashboard's list: every statement walks an index in order, whatever is asked for and however many payments there are. */
#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/config.h"
#include "base/id.h"
#include "customers/customer.h"
#include "db/db.h"
#include "payments/search.h"
#include "payments/search_store.h"
#include "payments_test.h"
#include "testdb.h"

#define MANY 120000
#define STEP_MS 60000 // one a minute

/* So many payments as if they had come there, each a minute after the one before: mostly cards in dollars that succeeded, a few of
 * everything else. */
static void make_many(void)
{
    static const char digits[] = "0123456789abcdefghjkmnpqrstvwxyz";

    testdb_value(
        "SET session_replication_role = replica;"
        "INSERT INTO customers (id, mode, created_at, updated_at)"
        " SELECT 'cust_' || i, 'test', now(), now() FROM generate_series(0, 9999) i;"
        "INSERT INTO payments (id, mode, status, amount, currency, amount_captured, amount_refunded, amount_refunding,"
        " dispute_state, capture, confirmation, customer_id, reference, provider, provider_payment_id,"
        " provider_charge_id, method_type, method_brand, method_last4, risk_level, created_by, created_at, updated_at)"
        "SELECT 'pay_' || (SELECT string_agg(substr('%s', (((i::bigint * %d) >> (45 - 5 * n)) & 31)::int + 1, 1), ''"
        "         ORDER BY n) FROM generate_series(0, 9) n) || lpad(i::text, 16, '0'),"
        " CASE WHEN i %% 1000 = 3 THEN 'live' ELSE 'test' END,"
        " CASE WHEN i %% 5000 = 0 THEN 'unknown' WHEN i %% 10 = 1 THEN 'failed' WHEN i %% 100 = 2 THEN 'authorized'"
        "      ELSE 'succeeded' END,"
        " 500 + (i * 7919::bigint) %% 20000, CASE WHEN i %% 20 = 4 THEN 'EUR' WHEN i %% 2000 = 5 THEN 'JPY' ELSE 'USD' "
        "END,"
        " CASE WHEN i %% 10 = 1 OR i %% 5000 = 0 OR i %% 100 = 2 THEN 0 ELSE 500 END,"
        " CASE WHEN i %% 50 = 6 THEN 500 WHEN i %% 500 = 7 THEN 100 ELSE 0 END, CASE WHEN i %% 3000 = 8 THEN 50 ELSE 0 "
        "END,"
        " CASE WHEN i %% 1000 = 9 THEN 'open' WHEN i %% 1000 = 10 THEN 'lost' ELSE 'none' END,"
        " 'automatic', 'automatic', 'cust_' || (i %% 10000), 'order-' || i, CASE WHEN i %% 100 = 11 THEN 'paypal'"
        " ELSE 'stripe' END, 'pi_' || i, 'ch_' || i, CASE WHEN i %% 100 = 11 THEN 'paypal' ELSE 'card' END,"
        " CASE WHEN i %% 100 = 11 THEN NULL WHEN i %% 9 = 0 THEN 'amex' ELSE 'visa' END,"
        " lpad((i %% 9973)::text, 4, '0'), CASE WHEN i %% 1000 = 12 THEN 'elevated' ELSE 'normal' END, 'test', "
        "to_timestamp(i * 60::bigint), to_timestamp(i * 60::bigint)"
        " FROM generate_series(1, %d) i;"
        "ANALYZE payments; ANALYZE customers",
        digits, STEP_MS, MANY);
}

static int64_t number_of(const char *id)
{
    return strtoll(id + strlen("pay_0000000000"), NULL, 10);
}

/* Terms, and which payments of the made ones they are. */
static bool is_failed(int64_t i)
{
    return i % 10 == 1;
}
static bool is_unknown(int64_t i)
{
    return i % 5000 == 0;
}
static bool is_euro(int64_t i)
{
    return i % 20 == 4;
}
static bool is_refunded(int64_t i)
{
    return i % 50 == 6 || i % 500 == 7;
}
static bool is_partly(int64_t i)
{
    return i % 500 == 7 && i % 50 != 6;
}
static bool is_pending(int64_t i)
{
    return i % 3000 == 8;
}
static bool is_disputed(int64_t i)
{
    return i % 1000 == 9 || i % 1000 == 10;
}
static bool is_lost(int64_t i)
{
    return i % 1000 == 10;
}
static bool is_paypal(int64_t i)
{
    return i % 100 == 11;
}
static bool is_amex(int64_t i)
{
    return i % 9 == 0 && !is_paypal(i);
}
static bool is_live(int64_t i)
{
    return i % 1000 == 3;
}
static bool is_risky(int64_t i)
{
    return i % 1000 == 12;
}
static bool is_customer(int64_t i)
{
    return i % 10000 == 77;
}
static bool is_last4(int64_t i)
{
    return i % 9973 == 42;
}
static int64_t amount_of(int64_t i)
{
    return 500 + i * 7919 % 20000;
}
static bool is_yen(int64_t i)
{
    return i % 2000 == 5 && !is_euro(i);
}
static bool is_dear(int64_t i)
{
    return amount_of(i) >= (is_yen(i) ? 200 : 20000);
}
static bool is_exact(int64_t i)
{
    return is_euro(i) && amount_of(i) == 1636;
}
static bool is_old(int64_t i)
{
    return i >= 1440 && i < 2880;
}
static bool is_failed_euro_of_old(int64_t i)
{
    return is_old(i) && is_lost(i);
}
static bool is_none(int64_t i)
{
    return i < 0;
}
static bool is_any(int64_t i)
{
    return i > 0;
}

static const struct {
    struct search_terms terms;
    bool (*fits)(int64_t number);
} lists[] = {
    { { 0 }, is_any },
    { { .status = "failed" }, is_failed },
    { { .status = "unknown" }, is_unknown },
    { { .status = "failed", .currency = "USD" }, is_failed },
    { { .status = "failed", .currency = "EUR" }, is_none },
    { { .currency = "EUR" }, is_euro },
    { { .provider = "paypal" }, is_paypal },
    { { .mode = "live" }, is_live },
    { { .method = "paypal" }, is_paypal },
    { { .method = "amex" }, is_amex },
    { { .last4 = "0042" }, is_last4 },
    { { .customer_id = "cust_77" }, is_customer },
    { { .refunded = "any" }, is_refunded },
    { { .refunded = "partial" }, is_partly },
    { { .refunded = "pending" }, is_pending },
    { { .disputed = "any" }, is_disputed },
    { { .disputed = "lost" }, is_lost },
    { { .risk = "elevated" }, is_risky },
    { { .risk = "highest" }, is_none },
    { { .amount_from = "200" }, is_dear },
    { { .currency = "EUR", .amount_from = "16.36", .amount_to = "16.36" }, is_exact },
    { { .since = { 1440 * INT64_C(60000000) }, .until = { 2880 * INT64_C(60000000) } }, is_old },
    { { .disputed = "lost", .since = { 1440 * INT64_C(60000000) }, .until = { 2880 * INT64_C(60000000) } },
        is_failed_euro_of_old },
};

#define PAGE 50

/* What a page may show: the next of those that fit, in order, none left out. */
static int64_t check_page(const struct search_page *page, bool (*fits)(int64_t), int64_t below)
{
    const struct found_payment *found = page->payments.items;
    int64_t expected = below - 1;

    for (size_t i = 0; i < page->payments.count; i++, expected--) {
        while (expected > 0 && !fits(expected))
            expected--;
        ck_assert_int_eq(number_of(found[i].id), expected);
    }
    return expected + 1;
}

START_TEST(test_each_list_pages_through_all_that_fit)
{
    const struct search_terms *terms = &lists[_i].terms;
    struct search_page page, back;
    const char *after = NULL;
    int64_t below = MANY + 1;

    for (int i = 0; i < 3; i++) {
        ok(search_payments(&ctx, terms, after, NULL, PAGE, &page));
        below = check_page(&page, lists[_i].fits, below);
        if (!page.older)
            break;
        ck_assert(page.payments.count == PAGE || page.looked_until);
        if (after && page.newer) { // and back again
            ok(search_payments(&ctx, terms, NULL, page.newer, PAGE, &back));
            ck_assert_uint_gt(back.payments.count, 0);
            const struct found_payment *last =
                (const struct found_payment *)back.payments.items + back.payments.count - 1;
            ck_assert_str_gt(last->id, page.newer);
            ck_assert(lists[_i].fits(number_of(last->id)));
        }
        after = page.older;
    }
    if (!page.older)
        for (int64_t i = below - 1; i > 0; i--)
            ck_assert(!lists[_i].fits(i));
}
END_TEST

START_TEST(test_a_walk_ends_though_nothing_fits)
{
    const struct search_terms terms = { .status = "failed", .provider = "stripe", .amount_from = "9999" };
    struct search_page page;

    ok(search_payments(&ctx, &terms, NULL, NULL, PAGE, &page));
    ck_assert_uint_eq(page.payments.count, 0);
    if (page.older)
        ck_assert_ptr_eq(page.older, page.looked_until); // where one may look further
}
END_TEST

/* Plans --------------------------------------------------------------------------------------------------------------- */

/* A parameter for each place of the statements of search_store.c. A walk of 500 is to this table what one of 5,000 is to a large one:
 * a small part, for which the planner does not read all and sort. */
static const char *const walk_values[] = { "failed", "cust_77", "order-5", "EUR", "paypal", "live", "card", "amex",
    "0042", "partial", "f", "f", "lost", "f", "1636", "{JPY}", "{KWD}", "{CLF}", NULL, NULL, NULL, NULL, NULL, NULL,
    NULL, NULL, "pay_00000000000000000000000000", "pay_zzzzzzzzzzzzzzzzzzzzzzzzzz", "pay_00009000000000000000000000",
    "500", "51", "elevated" };

static const char *plan_of(PGconn *conn, const char *statement, const char *const *values, int count)
{
    const char *text = arena_printf(ctx.arena, "EXPLAIN %s", statement);
    PGresult *result = PQexecParams(conn, text, count, NULL, values, NULL, NULL, 0);
    struct buf plan = { .arena = ctx.arena };

    if (PQresultStatus(result) != PGRES_TUPLES_OK)
        ck_abort_msg("%s: %s", text, PQerrorMessage(conn));
    for (int i = 0; i < PQntuples(result); i++)
        buf_printf(&plan, "%s\n", PQgetvalue(result, i, 0));
    PQclear(result);
    return buf_string(&plan);
}

static PGconn *connect_app(void)
{
    PGconn *conn = PQconnectdb(ctx.config->database_url);

    ck_assert_int_eq(PQstatus(conn), CONNECTION_OK);
    return conn;
}

static bool is_walk(const struct sql *sql)
{
    return strstr(sql->text, "row_number()") != NULL;
}

/* The planner may sort the few rows of a rare value; more than these come in the order of the index. */
#define FEW 1000

static bool sorts_many(const char *plan)
{
    for (const char *sort = plan; (sort = strstr(sort, "Sort  (cost"));) {
        const char *rows = strstr(sort, "rows=");
        if (!rows || atol(rows + strlen("rows=")) > FEW)
            return true;
        sort = rows;
    }
    return false;
}

/* Only the index of the lane is walked, and the rows come in the list's order. */
START_TEST(test_every_walk_follows_its_index)
{
    size_t count, walks = 0;
    const struct sql *const *list = sql_list(&count);
    PGconn *conn = connect_app();

    for (size_t i = 0; i < count; i++) {
        if (!strstr(list[i]->file, "payments/search_store.c"))
            continue;
        bool walk = is_walk(list[i]);
        const char *const by_id[] = { "pi_777", "{stripe,paypal}" };
        const char *plan = walk ? plan_of(conn, list[i]->text, walk_values, sizeof walk_values / sizeof *walk_values)
                                : plan_of(conn, list[i]->text, by_id, strstr(list[i]->text, "$2") ? 2 : 1);
        walks += walk;
        bool orderly = strstr(plan, "Index") && !sorts_many(plan) && !strstr(plan, "Seq Scan");
        ck_assert_msg(orderly, "%s:\n%s", list[i]->name, plan);
        if (walk && strncmp(list[i]->name, "all_", 4) && strncmp(list[i]->name, "customer_", 9))
            ck_assert_msg(strstr(plan, "payments_"), "%s does not walk its own index:\n%s", list[i]->name, plan);
    }
    PQfinish(conn);
    ck_assert_uint_eq(walks, 2 * LANES);
}
END_TEST

/* The search box ------------------------------------------------------------------------------------------------------ */

static const struct {
    const char *text;
    const char *payment; // found at once, or NULL
    struct search_terms terms;
    bool nothing;
} texts[] = {
    { "  pi_777 ", "777", { 0 }, false },
    { "ch_4711", "4711", { 0 }, false },
    { "order-123", NULL, { .reference = "order-123" }, false },
    { "cust_42", NULL, { .customer_id = "cust_42" }, false },
    { "0042", NULL, { .last4 = "0042" }, false },
    { "0042 20.00", NULL, { .last4 = "0042", .amount_from = "20.00", .amount_to = "20.00" }, false },
    { "20.00 eur, 0042", NULL, { .last4 = "0042", .currency = "EUR", .amount_from = "20.00", .amount_to = "20.00" },
        false },
    { "1970-01-02", NULL, { .since = { INT64_C(86400000000) }, .until = { INT64_C(172800000000) } }, false },
    { "anna@example.com", NULL, { .customer_id = "?" }, false },
    { "ANNA@Example.com", NULL, { .customer_id = "?" }, false },
    { "nobody@example.com", NULL, { 0 }, true },
    { "what is this", NULL, { 0 }, true },
    { "'; DROP TABLE payments; --", NULL, { 0 }, true },
    { "", NULL, { 0 }, false },
};

static bool same(const char *a, const char *b)
{
    return (!a && !b) || (a && b && !strcmp(a, b));
}

START_TEST(test_the_search_box_understands)
{
    struct customer anna;
    struct search_terms terms = { 0 };
    struct search_text said;
    bool existed;

    ok(customer_create(&ctx, &(struct customer_details){ .reference = "anna", .email = "anna@example.com" }, &anna,
        &existed));
    ok(search_read(&ctx, texts[_i].text, &terms, &said));
    const struct search_terms *expected = &texts[_i].terms;
    const char *customer = same(expected->customer_id, "?") ? anna.id : expected->customer_id;
    ck_assert_int_eq(said.nothing, texts[_i].nothing);
    ck_assert_int_eq(said.payment_id ? number_of(said.payment_id) : 0, texts[_i].payment ? atoi(texts[_i].payment) : 0);
    ck_assert(same(terms.reference, expected->reference) && same(terms.last4, expected->last4)
        && same(terms.currency, expected->currency) && same(terms.amount_from, expected->amount_from)
        && same(terms.amount_to, expected->amount_to) && same(terms.customer_id, customer));
    ck_assert_int_eq(terms.since.us, expected->since.us);
    ck_assert_int_eq(terms.until.us, expected->until.us);
}
END_TEST

START_TEST(test_two_customers_of_one_address_are_both_named)
{
    struct customer twin;
    struct search_terms terms = { 0 };
    struct search_text said;
    bool existed;

    for (int i = 0; i < 2; i++)
        ok(customer_create(&ctx, &(struct customer_details){ .email = "twins@example.com" }, &twin, &existed));
    ok(search_read(&ctx, "twins@example.com", &terms, &said));
    ck_assert(said.nothing);
    ck_assert_uint_eq(said.persons->count, 2);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("search");
    TCase *many = tcase_create("many");

    testdb_use(many);
    tcase_add_unchecked_fixture(many, make_many, NULL);
    tcase_add_loop_test(many, test_each_list_pages_through_all_that_fit, 0, (int)(sizeof lists / sizeof *lists));
    tcase_add_test(many, test_a_walk_ends_though_nothing_fits);
    tcase_add_test(many, test_every_walk_follows_its_index);
    tcase_add_loop_test(many, test_the_search_box_understands, 0, (int)(sizeof texts / sizeof *texts));
    tcase_add_test(many, test_two_customers_of_one_address_are_both_named);
    suite_add_tcase(suite, many);
    return testdb_main(suite);
}
