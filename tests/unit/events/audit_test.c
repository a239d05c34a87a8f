/* The audit log and its chain: what was written can be neither changed nor removed without being found. */
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/arena.h"
#include "db/db.h"
#include "events/audit.h"
#include "events/event.h"
#include "testdb.h"
#include "together.h"

static void add(int count)
{
    for (int i = 0; i < count; i++)
        ok(audit_add(&ctx, "test.happened", arena_printf(ctx.arena, "thing_%d", i),
            json_in(ctx.arena, json_pack("{si}", "number", i))));
}

static bool all_sealed(void)
{
    return !strcmp(testdb_value("SELECT count(*) = (SELECT count(*) FROM audit_chain) FROM audit_log"), "t");
}

/* A transaction that is open anywhere in the cluster, other tests' databases included, holds up what came after it. */
static void seal_all(void)
{
    int64_t until = monotonic_ms() + 60000, sealed;

    do
        ok(audit_seal(&ctx, &sealed));
    while (!all_sealed() && monotonic_ms() < until);
    ck_assert(all_sealed());
}

/* Which entry verification names, "" for none. */
static const char *broken(const char **why)
{
    const char *entry;
    int64_t checked;

    ok(audit_verify(&ctx, &checked, &entry, why));
    ck_assert_int_eq(checked, atoi(testdb_value("SELECT count(*) FROM audit_log")));
    return entry ? entry : "";
}

static void by_force(const char *statement)
{
    testdb_value("BEGIN; SET LOCAL session_replication_role = replica; %s; COMMIT", statement);
}

static const char *nth(int number)
{
    return testdb_value("SELECT id FROM audit_log ORDER BY id OFFSET %d LIMIT 1", number);
}

START_TEST(test_who_did_what_is_written)
{
    ctx.principal = (struct principal){ .kind = PRINCIPAL_API_KEY, .id = "key1", .scopes = "*" };
    ctx.address = "192.0.2.1";
    ok(audit_add(&ctx, "payment.tested", "pay_1", json_in(ctx.arena, json_pack("{si}", "amount", 5))));
    ctx.address = NULL;
    ck_assert_str_eq(testdb_value("SELECT concat_ws(' ', principal_kind, principal, address, action, object, details "
                                  "->> 'amount',"
                                  " trace = '%s') FROM audit_log ORDER BY id DESC LIMIT 1",
                         ctx.trace),
        "api_key key1 192.0.2.1 payment.tested pay_1 5 t");
}
END_TEST

static struct error *write_and_fail(void)
{
    TRY(audit_add(&ctx, "never.happened", NULL, NULL));
    return error_new(&ctx, E_CONFLICT, "undone");
}

START_TEST(test_what_was_undone_is_not_written)
{
    refused(IN_TX(&ctx, write_and_fail()), E_CONFLICT);
    ck_assert_str_eq(testdb_value("SELECT count(*) FROM audit_log WHERE action = 'never.happened'"), "0");
}
END_TEST

START_TEST(test_a_whole_chain_verifies)
{
    const char *why;

    add(20);
    seal_all();
    ck_assert_str_eq(broken(&why), "");
    ck_assert_str_eq(testdb_value("SELECT count(*) FROM audit_log WHERE id NOT IN (SELECT entry_id FROM audit_chain)"),
        "0");
    add(3); // not sealed yet: no break
    ck_assert_str_eq(broken(&why), "");
}
END_TEST

START_TEST(test_each_forgery_is_named)
{
    static const struct {
        const char *statement; // on the sixth entry
        const char *why;
    } forgeries[] = {
        { "UPDATE audit_log SET details = '{\"number\": 0}' WHERE id = %s", "the row was changed" },
        { "UPDATE audit_log SET principal = 'somebody else' WHERE id = %s", "the row was changed" },
        { "UPDATE audit_log SET at = at + interval '1 microsecond' WHERE id = %s", "the row was changed" },
        { "UPDATE audit_log SET action = 'x', row_hash = 'x' WHERE id = %s", "the row was changed" },
        { "UPDATE audit_log a SET object = 'x' WHERE id = %s;"
          "UPDATE audit_log a SET row_hash = audit_row_hash(a)",
            "the link before it was changed" },
        { "DELETE FROM audit_log WHERE id = %s", "the row is gone" },
        { "UPDATE audit_chain SET hash = 'x' WHERE entry_id = %s", "the link before it was changed" },
    };
    const char *why, *sixth;

    add(10);
    seal_all();
    sixth = nth(5);
    char *statement = arena_alloc(ctx.arena, 1000);
    const char *place = strstr(forgeries[_i].statement, "%s");
    strncat(statement, forgeries[_i].statement, (size_t)(place - forgeries[_i].statement));
    strcat(strcat(statement, sixth), place + 2);
    by_force(statement);
    ck_assert_str_eq(broken(&why), sixth);
    ck_assert_str_eq(why, forgeries[_i].why);
}
END_TEST

START_TEST(test_a_row_put_in_or_cut_out_is_named)
{
    const char *why, *sixth;

    add(10);
    seal_all();
    sixth = nth(5);
    if (_i == 0) { // both the row and its link
        by_force(arena_printf(ctx.arena,
            "DELETE FROM audit_chain WHERE entry_id = %s; DELETE FROM audit_log WHERE id = %s", sixth, sixth));
        ck_assert_str_eq(broken(&why), nth(5)); // the next one does not follow any more
    } else if (_i == 1) {                       // slipped in behind the sealed ones
        by_force("INSERT INTO audit_log (at, principal_kind, action, row_hash, xid) VALUES (now(), 'none', 'forged', "
                 "'x', '1')");
        ck_assert_str_eq(broken(&why), testdb_value("SELECT id FROM audit_log WHERE action = 'forged'"));
    } else { // the end of the chain is cut off
        by_force(arena_printf(ctx.arena, "DELETE FROM audit_chain WHERE entry_id >= %s", sixth));
        ck_assert_str_eq(broken(&why), sixth);
        ck_assert_str_eq(why, "the row has no link, although later rows have");
    }
}
END_TEST

struct writers {
    struct error *errors[8];
};

static struct error *two(struct ctx *own, int number)
{
    TRY(audit_add(own, "race.first", arena_printf(own->arena, "writer_%d", number), NULL));
    return audit_add(own, "race.second", arena_printf(own->arena, "writer_%d", number), NULL);
}

/* Some write, two of them link what the others wrote. */
static void write_or_seal(struct ctx *own, int number, void *to)
{
    struct writers *writers = to;
    int64_t sealed;

    for (int i = 0; i < 40 && !writers->errors[number]; i++)
        writers->errors[number] = number < 6 ? IN_TX(own, two(own, number)) : audit_seal(own, &sealed);
}

START_TEST(test_writers_and_sealers_at_once_make_one_chain)
{
    struct writers writers = { 0 };
    const char *why;

    together(8, write_or_seal, &writers);
    for (int i = 0; i < 8; i++)
        ok(writers.errors[i]);
    seal_all();
    ck_assert_str_eq(broken(&why), "");
    ck_assert_str_eq(testdb_value("SELECT count(*) FROM audit_log"), "480");
    ck_assert_str_eq(testdb_value("SELECT count(*) || ' ' || max(seq) FROM audit_chain"), "480 480");
}
END_TEST

/* One who has written and does not end, and one who writes meanwhile. */
struct meeting {
    atomic_bool written, done;
    bool waited; // the second one did not come through while the first one was open
    struct error *errors[2];
};

static bool comes_true(atomic_bool *flag)
{
    int64_t until = monotonic_ms() + 20000;

    while (!atomic_load(flag) && monotonic_ms() < until)
        nanosleep(&(struct timespec){ .tv_nsec = 1000000 }, NULL);
    return atomic_load(flag);
}

static struct error *write_and_stay(struct ctx *own, struct meeting *meeting)
{
    TRY(audit_add(own, "open.first", "slow", NULL));
    atomic_store(&meeting->written, true);
    meeting->waited = !comes_true(&meeting->done);
    return audit_add(own, "open.last", "slow", NULL);
}

static struct error *write_meanwhile(struct ctx *own, struct meeting *meeting)
{
    int64_t sealed;

    if (!comes_true(&meeting->written))
        return NULL;
    for (int i = 0; i < 20; i++)
        TRY(audit_add(own, "open.meanwhile", "quick", NULL));
    return audit_seal(own, &sealed);
}

static void meet(struct ctx *own, int number, void *to)
{
    struct meeting *meeting = to;

    if (number == 0) {
        meeting->errors[0] = IN_TX(own, write_and_stay(own, meeting));
    } else {
        meeting->errors[1] = write_meanwhile(own, meeting);
        atomic_store(&meeting->done, true);
    }
}

START_TEST(test_an_open_writer_keeps_nobody_waiting)
{
    struct meeting meeting = { 0 };
    const char *why;

    together(2, meet, &meeting);
    ok(meeting.errors[0]);
    ok(meeting.errors[1]);
    ck_assert(!meeting.waited);
    seal_all();
    ck_assert_str_eq(broken(&why), "");
    ck_assert_str_eq(testdb_value("SELECT max(seq) FROM audit_chain"), "22");
}
END_TEST

START_TEST(test_nobody_changes_the_log)
{
    static const char *const statements[] = { "UPDATE audit_log SET action = 'x'", "DELETE FROM audit_log",
        "TRUNCATE audit_log", "UPDATE audit_chain SET seq = seq + 1", "DELETE FROM audit_chain",
        "TRUNCATE audit_chain" };
    static const char *const roles[] = { "till_app", "till_owner", "postgres" };

    add(1);
    seal_all();
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

/* The application cannot make links of its own, nor choose the hash of what it writes. */
START_TEST(test_the_application_cannot_forge_a_link)
{
    ck_assert_str_eq(testdb_value("SELECT has_table_privilege('till_app', 'audit_chain', 'INSERT')"), "f");
    ck_assert_str_eq(testdb_value("SET ROLE till_app; INSERT INTO audit_log (at, principal_kind, action, row_hash, xid)"
                                  "VALUES (now(), 'none', 'own.hash', 'mine', '3') RETURNING 1"),
        "1");
    ck_assert_str_eq(testdb_value("SELECT (row_hash = audit_row_hash(a)) || ' ' || (xid > '3') FROM audit_log a"
                                  " WHERE action = 'own.hash'"),
        "true true");
}
END_TEST

START_TEST(test_an_event_is_told_with_what_it_is_about)
{
    ok(event_add(&ctx, "payment.tested", "pay_9", json_in(ctx.arena, json_pack("{ss}", "id", "pay_9"))));
    ck_assert_str_eq(testdb_value("SELECT (id LIKE 'evt\\_%%') || ' ' || type || ' ' || (payload ->> 'id') FROM events"
                                  " WHERE object_id = 'pay_9'"),
        "true payment.tested pay_9");
}
END_TEST

static void add_case(Suite *suite, const char *name, const TTest *test, int cases)
{
    TCase *test_case = tcase_create(name);

    testdb_use(test_case);
    if (cases > 1)
        tcase_add_loop_test(test_case, test, 0, cases);
    else
        tcase_add_test(test_case, test);
    suite_add_tcase(suite, test_case);
}

static void each_alone(Suite *suite, const TTest *test, int cases)
{
    for (int i = 0; i < cases; i++) {
        TCase *test_case = tcase_create("forgery");
        testdb_use(test_case);
        tcase_add_loop_test(test_case, test, i, i + 1);
        suite_add_tcase(suite, test_case);
    }
}

int main(void)
{
    Suite *suite = suite_create("audit");

    add_case(suite, "who", test_who_did_what_is_written, 1);
    add_case(suite, "undone", test_what_was_undone_is_not_written, 1);
    add_case(suite, "chain", test_a_whole_chain_verifies, 1);
    add_case(suite, "race", test_writers_and_sealers_at_once_make_one_chain, 1);
    add_case(suite, "meeting", test_an_open_writer_keeps_nobody_waiting, 1);
    add_case(suite, "rights", test_nobody_changes_the_log, 6);
    add_case(suite, "links", test_the_application_cannot_forge_a_link, 1);
    add_case(suite, "events", test_an_event_is_told_with_what_it_is_about, 1);
    each_alone(suite, test_each_forgery_is_named, 7);
    each_alone(suite, test_a_row_put_in_or_cut_out_is_named, 3);
    return testdb_main(suite);
}
