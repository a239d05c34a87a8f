/* The ledger: every entry balances, stands once and stays as it is. */
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/id.h"
#include "db/db.h"
#include "ledger/balance.h"
#include "ledger/ledger.h"
#include "testdb.h"
#include "together.h"

static const struct money ten = { 1000, "USD" };

static const char *line(const char *source, const char *account)
{
    return testdb_value("SELECT sum(l.amount) || ' ' || l.currency FROM ledger_lines l JOIN ledger_entries e ON e.id = "
                        "l.entry_id"
                        " WHERE e.source = '%s' AND l.account = '%s' GROUP BY l.currency",
        source, account);
}

static const char *sum(const char *source, const char *account)
{
    return testdb_value("SELECT coalesce(sum(l.amount), 0) FROM ledger_lines l JOIN ledger_entries e ON e.id = "
                        "l.entry_id"
                        " WHERE e.source = '%s' AND l.account = '%s'",
        source, account);
}

static const char *empty_is_null(const char *text)
{
    return text && *text ? text : NULL;
}

START_TEST(test_both_sides_are_posted)
{
    static const struct {
        enum ledger_kind kind;
        const char *receivable, *account, *other;
    } rows[] = {
        { LEDGER_CAPTURE, "1000 USD", "sales", "-1000 USD" },
        { LEDGER_REFUND, "-1000 USD", "refunds", "1000 USD" },
        { LEDGER_REFUND_FAILED, "1000 USD", "refunds", "-1000 USD" },
        { LEDGER_FEE, "-1000 USD", "fees", "1000 USD" },
        { LEDGER_FEE_RETURNED, "1000 USD", "fees", "-1000 USD" },
        { LEDGER_DISPUTE_OPENED, "-1000 USD", "disputes", "1000 USD" },
        { LEDGER_DISPUTE_WON, "1000 USD", "disputes", "-1000 USD" },
        { LEDGER_DISPUTE_LOST, NULL, "dispute_losses", "1000 USD" },
        { LEDGER_DISPUTE_LOST, NULL, "disputes", "-1000 USD" },
        { LEDGER_DISPUTE_APPEALED, NULL, "disputes", "1000 USD" },
        { LEDGER_DISPUTE_APPEALED, NULL, "dispute_losses", "-1000 USD" },
        { LEDGER_PAYOUT, "-1000 USD", "bank", "1000 USD" },
        { LEDGER_PAYOUT_FAILED, "1000 USD", "bank", "-1000 USD" },
        { LEDGER_OPENING, "1000 USD", "opening", "-1000 USD" },
    };
    const char *source = id_new(&ctx, "pay");

    ok(ledger_post(&ctx, rows[_i].kind, "stripe", source, "", ten));
    ck_assert_pstr_eq(empty_is_null(line(source, "stripe:receivable")), rows[_i].receivable);
    ck_assert_str_eq(line(source, rows[_i].account), rows[_i].other);
}
END_TEST

/* What a dispute leaves in each account, whatever way it went. */
START_TEST(test_a_dispute_ends_where_it_should)
{
    static const struct {
        enum ledger_kind steps[5];
        int count;
        const char *receivable, *disputes, *losses;
    } rows[] = {
        { { LEDGER_DISPUTE_OPENED }, 1, "-1000", "1000", "0" },
        { { LEDGER_DISPUTE_OPENED, LEDGER_DISPUTE_WON }, 2, "0", "0", "0" },
        { { LEDGER_DISPUTE_OPENED, LEDGER_DISPUTE_LOST }, 2, "-1000", "0", "1000" },
        { { LEDGER_DISPUTE_OPENED, LEDGER_DISPUTE_LOST, LEDGER_DISPUTE_APPEALED, LEDGER_DISPUTE_WON }, 4, "0", "0",
            "0" },
        { { LEDGER_DISPUTE_OPENED, LEDGER_DISPUTE_LOST, LEDGER_DISPUTE_APPEALED }, 3, "-1000", "1000", "0" },
    };
    const char *source = id_new(&ctx, "dsp");

    for (int i = 0; i < rows[_i].count; i++)
        ok(ledger_post(&ctx, rows[_i].steps[i], "stripe", source, "", ten));
    ck_assert_str_eq(sum(source, "stripe:receivable"), rows[_i].receivable);
    ck_assert_str_eq(sum(source, "disputes"), rows[_i].disputes);
    ck_assert_str_eq(sum(source, "dispute_losses"), rows[_i].losses);
}
END_TEST

START_TEST(test_an_exchange_balances_in_both_currencies)
{
    const char *source = id_new(&ctx, "txn");
    struct money from = { 1000, "EUR" }, to = { 1085, "USD" };

    ok(ledger_exchange(&ctx, "stripe", source, from, to));
    ok(ledger_exchange(&ctx, "stripe", source, from, to));
    ck_assert_str_eq(testdb_value("SELECT string_agg(l.account || ' ' || l.amount || ' ' || l.currency, ', ' ORDER BY "
                                  "l.account, l.currency) FROM ledger_lines l JOIN ledger_entries e ON e.id = "
                                  "l.entry_id"
                                  " WHERE e.source = '%s'",
                         source),
        "exchange 1000 EUR, exchange -1085 USD, stripe:receivable -1000 EUR, stripe:receivable 1085 USD");
}
END_TEST

START_TEST(test_the_same_movement_is_posted_once)
{
    const char *source = id_new(&ctx, "pay");

    ok(ledger_post(&ctx, LEDGER_CAPTURE, "stripe", source, "0", ten));
    ok(ledger_post(&ctx, LEDGER_CAPTURE, "stripe", source, "0", ten));
    ck_assert_str_eq(line(source, "stripe:receivable"), "1000 USD");
    ok(ledger_post(&ctx, LEDGER_CAPTURE, "stripe", source, "1000", ten));
    ck_assert_str_eq(line(source, "stripe:receivable"), "2000 USD");
}
END_TEST

/* What a payment brings at once is one statement, in which a fee may be told twice. */
START_TEST(test_several_movements_are_posted_at_once_and_each_once)
{
    const char *source = id_new(&ctx, "pay");
    const struct money fee = { 59, "USD" };
    const struct posting list[] = { { LEDGER_CAPTURE, "0", ten }, { LEDGER_FEE, "txn_a", fee },
        { LEDGER_FEE, "txn_b", { 0, "USD" } }, { LEDGER_FEE, "txn_a", fee } };

    for (int i = 0; i < 2; i++) {
        ok(ledger_post_all(&ctx, "stripe", source, list, 4));
        ck_assert_str_eq(line(source, "stripe:receivable"), "941 USD");
        ck_assert_str_eq(line(source, "sales"), "-1000 USD");
        ck_assert_str_eq(line(source, "fees"), "59 USD");
    }
    ok(ledger_post_all(&ctx, "stripe", source, &list[2], 1)); // nothing
}
END_TEST

static void post(struct ctx *own, int number, void *to)
{
    if (ledger_post(own, LEDGER_CAPTURE, "stripe", "pay_race", "0", ten))
        ((bool *)to)[number] = true;
}

START_TEST(test_the_same_movement_at_once_is_posted_once)
{
    bool failed[8] = { 0 };

    together(8, post, failed);
    for (int i = 0; i < 8; i++)
        ck_assert(!failed[i]);
    ck_assert_str_eq(line("pay_race", "sales"), "-1000 USD");
}
END_TEST

/* What the database itself refuses, whoever writes. */
static struct error *write_raw(const char *debit, const char *credit)
{
    SQL(entry, "INSERT INTO ledger_entries (kind, source, part, posted_at) VALUES ('capture', $1, '', now())");
    SQL(lines,
        "INSERT INTO ledger_lines (entry_id, account, currency, amount)"
        "SELECT e.id, side.account, side.currency, side.amount FROM ledger_entries e,"
        " (VALUES ('stripe:receivable', 'USD', $2::bigint), ('sales', coalesce($4, 'USD'), $3::bigint))"
        "  AS side (account, currency, amount)"
        " WHERE e.source = $1 AND side.amount <> 0");
    const char *source = id_new(&ctx, "pay");
    const char *currency = credit && strchr(credit, 'E') ? "EUR" : NULL;

    TRY(db_exec(&ctx, &entry, PARAMS(P(source)), NULL));
    return debit
        ? db_exec(&ctx, &lines,
            PARAMS(P(source), P(debit), P(arena_strndup(ctx.arena, credit, strcspn(credit, "E"))), P(currency)), NULL)
        : NULL;
}

START_TEST(test_what_does_not_balance_is_not_committed)
{
    static const struct {
        const char *debit, *credit;
        bool good;
    } rows[] = {
        { "1000", "-1000", true }, { "1000", "-999", false }, { "1000", "0", false }, { "1000", "1000", false },
        { "1000", "-1000E", false }, // in two currencies
        { NULL, NULL, false },       // no lines at all
    };
    struct error *error = IN_TX(&ctx, write_raw(rows[_i].debit, rows[_i].credit));

    if (rows[_i].good) {
        ok(error);
        return;
    }
    refused(error, E_DB_ERROR);
    ck_assert_str_eq(error->constraint, "ledger_balance");
}
END_TEST

START_TEST(test_lines_are_of_accounts_that_stay)
{
    SQL(stray,
        "WITH entry AS (INSERT INTO ledger_entries (kind, source, part, posted_at) VALUES ('capture', $1, '', now())"
        "               RETURNING id)"
        "INSERT INTO ledger_lines (entry_id, account, currency, amount)"
        "SELECT id, side.account, 'USD', side.amount FROM entry, (VALUES ('sales', -1::bigint), ('nowhere', 1)) AS "
        "side "
        "(account, amount)");
    struct error *error = db_exec(&ctx, &stray, PARAMS(P(id_new(&ctx, "pay"))), NULL);

    refused(error, E_DB_ERROR);
    ck_assert_str_eq(error->constraint, "ledger_lines_account");
    ck_assert_str_eq(testdb_value(
                         "CREATE OR REPLACE FUNCTION public.try() RETURNS text LANGUAGE plpgsql AS $$ BEGIN"
                         "  DELETE FROM ledger_accounts; RETURN 'done';"
                         "EXCEPTION WHEN insufficient_privilege THEN RETURN 'refused'; END $$; SELECT public.try()"),
        "refused");
}
END_TEST

START_TEST(test_nobody_changes_what_was_posted)
{
    static const char *const statements[] = {
        "UPDATE ledger_entries SET kind = 'x'",
        "DELETE FROM ledger_lines",
        "DELETE FROM ledger_entries",
        "UPDATE ledger_lines SET amount = amount * 2",
        "TRUNCATE ledger_lines",
        "TRUNCATE ledger_entries CASCADE",
    };
    static const char *const roles[] = { "till_app", "till_owner", "postgres" };

    ok(ledger_post(&ctx, LEDGER_CAPTURE, "stripe", id_new(&ctx, "pay"), "", ten));
    for (size_t role = 0; role < 3; role++)
        ck_assert_msg(strcmp(testdb_value("CREATE OR REPLACE FUNCTION public.try() RETURNS text LANGUAGE plpgsql AS $$ "
                                          "BEGIN"
                                          "  %s; RETURN 'done';"
                                          "EXCEPTION WHEN insufficient_privilege THEN RETURN 'refused'; END $$;"
                                          "SET ROLE %s; SELECT public.try()",
                                 statements[_i], roles[role]),
                          "refused")
                == 0,
            "%s by %s", statements[_i], roles[role]);
}
END_TEST

START_TEST(test_balances_add_up)
{
    struct field_list list;
    int64_t entries;

    ok(ledger_post(&ctx, LEDGER_CAPTURE, "stripe", id_new(&ctx, "pay"), "", (struct money){ 777, "KWD" }));
    ok(ledger_post(&ctx, LEDGER_REFUND, "stripe", id_new(&ctx, "ref"), "", (struct money){ 77, "KWD" }));
    ok(balance_list(&ctx, &list));
    const struct balance *balances = list.items;
    int found = 0;
    for (size_t i = 0; i < list.count; i++)
        if (!strcmp(balances[i].account, "stripe:receivable") && !strcmp(balances[i].currency, "KWD"))
            ck_assert_int_eq(balances[i].amount, 700 * ++found);
    ck_assert_int_eq(found, 1);
    ok(balance_check(&ctx, &entries, &list));
    ck_assert_int_ge(entries, 2);
    ck_assert_uint_eq(list.count, 0);
}
END_TEST

/* Somebody with all power put the trigger aside. */
START_TEST(test_a_forged_entry_is_found)
{
    struct field_list list;
    int64_t entries;
    const char *source = id_new(&ctx, "pay");

    ok(ledger_post(&ctx, LEDGER_CAPTURE, "stripe", source, "", ten));
    testdb_value("BEGIN; SET LOCAL session_replication_role = replica;"
                 "UPDATE ledger_lines SET amount = amount + 1 WHERE account = 'sales'"
                 "   AND entry_id = (SELECT id FROM ledger_entries WHERE source = '%s'); COMMIT",
        source);
    ok(balance_check(&ctx, &entries, &list));
    ck_assert_uint_eq(list.count, 1);
    ck_assert_str_eq(((struct unbalanced *)list.items)->source, source);
    ck_assert_int_eq(((struct unbalanced *)list.items)->off, 1);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("ledger");
    TCase *posting = tcase_create("posting"), *forged = tcase_create("forged");

    testdb_use(posting);
    tcase_add_loop_test(posting, test_both_sides_are_posted, 0, 14);
    tcase_add_loop_test(posting, test_a_dispute_ends_where_it_should, 0, 5);
    tcase_add_test(posting, test_an_exchange_balances_in_both_currencies);
    tcase_add_test(posting, test_the_same_movement_is_posted_once);
    tcase_add_test(posting, test_several_movements_are_posted_at_once_and_each_once);
    tcase_add_test(posting, test_the_same_movement_at_once_is_posted_once);
    tcase_add_loop_test(posting, test_what_does_not_balance_is_not_committed, 0, 6);
    tcase_add_test(posting, test_lines_are_of_accounts_that_stay);
    tcase_add_loop_test(posting, test_nobody_changes_what_was_posted, 0, 6);
    tcase_add_test(posting, test_balances_add_up);
    suite_add_tcase(suite, posting);

    testdb_use(forged);
    tcase_add_test(forged, test_a_forged_entry_is_found);
    suite_add_tcase(suite, forged);
    return testdb_main(suite);
}
