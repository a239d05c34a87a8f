/* Transactions of several threads that go together: what one of them meets is not the others'. */
#include <libpq-fe.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/config.h"
#include "db/db.h"
#include "db/group.h"
#include "testdb.h"

#define PLACES 2
#define MOST 24

struct one {
    pthread_t thread;
    const char *name;
    const char *key;
    struct error *(*work)(struct ctx *ctx, struct one *one);
    int runs;
    int rounds;
    const char *seen;
    enum error_code code; // what it ended with
    bool failed;
    char constraint[64];
};

static sem_t held, released;

static struct error *write_name(struct ctx *ctx, const char *name)
{
    SQL_ROWS(insert,
        "INSERT INTO maintenance_runs (kind, started_at) SELECT kind, now() FROM unnest($1::text[]) AS g (kind)");

    return db_send(ctx, &insert, PARAMS(P(name)));
}

static struct error *read_name(struct ctx *ctx, const char *name, const char **out)
{
    SQL_ROWS(find,
        "SELECT place, kind FROM unnest($1::text[]) WITH ORDINALITY AS g (name, place)"
        "  JOIN maintenance_runs ON kind = name");
    struct row {
        const char *kind;
    } row;
    static const struct field columns[] = { FIELD(struct row, kind), FIELD_END };
    bool found;

    TRY(db_maybe(ctx, &find, PARAMS(P(name)), columns, &row, &found));
    *out = found ? row.kind : "nothing";
    return NULL;
}

static struct error *hold_place(struct ctx *ctx, struct one *one)
{
    (void)ctx;
    (void)one;
    sem_post(&held);
    while (sem_wait(&released))
        ;
    return NULL;
}

static struct error *write_and_read(struct ctx *ctx, struct one *one)
{
    one->runs++;
    TRY(write_name(ctx, one->name));
    TRY(read_name(ctx, one->name, &one->seen));
    return write_name(ctx, arena_printf(ctx->arena, "%s again", one->name));
}

static struct error *read_only(struct ctx *ctx, struct one *one)
{
    one->runs++;
    return read_name(ctx, one->name, &one->seen);
}

static struct error *read_and_give_up(struct ctx *ctx, struct one *one)
{
    TRY(read_only(ctx, one));
    return error_new(ctx, E_INVALID_STATUS, "no");
}

static struct error *write_and_give_up(struct ctx *ctx, struct one *one)
{
    TRY(write_and_read(ctx, one));
    return error_new(ctx, E_INVALID_STATUS, "no");
}

static struct error *write_many(struct ctx *ctx, struct one *one)
{
    one->runs++;
    for (int i = 0; i < 150; i++)
        TRY(write_name(ctx, arena_printf(ctx->arena, "%s %d", one->name, i)));
    return NULL;
}

/* Ends the server process that the group's transaction runs in. */
static struct error *cut_off(struct ctx *ctx, struct one *one)
{
    SQL(pid, "SELECT pg_backend_pid()::text AS kind");
    struct row {
        const char *kind;
    } row;
    static const struct field columns[] = { FIELD(struct row, kind), FIELD_END };
    PGconn *other;

    TRY(write_and_read(ctx, one));
    if (one->runs > 1)
        return NULL;
    TRY(db_one(ctx, &pid, NO_PARAMS, columns, &row));
    other = PQconnectdb(getenv("TILL_TEST_DATABASE_URL"));
    PQclear(PQexec(other, arena_printf(ctx->arena, "SELECT pg_terminate_backend(%s, 10000)", row.kind)));
    PQfinish(other);
    return write_name(ctx, "after the end");
}

static void *run(void *argument)
{
    struct one *one = argument;
    struct ctx *own = testdb_ctx_new();
    struct shared_keys keys = { { one->key } };
    struct error *error = IN_SHARED_TX(own, keys, one->work(own, one));

    one->rounds = own->round_trips;
    one->failed = error != NULL;
    one->code = error ? error->code : 0;
    strncpy(one->constraint, error && error->constraint ? error->constraint : "", sizeof one->constraint - 1);
    one->seen = one->seen ? strdup(one->seen) : NULL;
    testdb_ctx_free(own);
    return NULL;
}

static void start(struct one *one, void *(*run_it)(void *))
{
    ck_assert_int_eq(pthread_create(&one->thread, NULL, run_it, one), 0);
}

static void wait_until_waiting(int count)
{
    while (group_waiting() != count)
        poll(NULL, 0, 1);
}

/* All of them at once, so that they go together: both places are taken until they wait. */
static void all_together(struct one *list, int count, void *(*run_it)(void *))
{
    struct one holders[PLACES];

    sem_init(&held, 0, 0);
    sem_init(&released, 0, 0);
    for (int i = 0; i < PLACES; i++) {
        holders[i] = (struct one){ .work = hold_place };
        start(&holders[i], run);
    }
    for (int i = 0; i < PLACES; i++)
        while (sem_wait(&held))
            ;
    for (int i = 0; i < count; i++) {
        start(&list[i], run_it);
        wait_until_waiting(i + 1);
    }
    for (int i = 0; i < PLACES; i++)
        sem_post(&released);
    for (int i = 0; i < PLACES; i++)
        pthread_join(holders[i].thread, NULL);
    for (int i = 0; i < count; i++)
        pthread_join(list[i].thread, NULL);
}

static void name_all(struct one *list, int count)
{
    for (int i = 0; i < count; i++)
        list[i].name = arena_printf(ctx.arena, "g%d", i);
}

static void forget_all(struct one *list, int count)
{
    for (int i = 0; i < count; i++)
        free((char *)list[i].seen);
    testdb_value("DELETE FROM maintenance_runs");
}

static void is_written(const struct one *one, int runs)
{
    ck_assert(!one->failed);
    ck_assert_int_eq(one->runs, runs);
    ck_assert_str_eq(one->seen, one->name);
    ck_assert_str_eq(testdb_value("SELECT count(*) FROM maintenance_runs WHERE kind IN ('%s', '%s again')", one->name,
                         one->name),
        "2");
}

static void transactions_are(const char *count)
{
    ck_assert_str_eq(testdb_value("SELECT count(DISTINCT xmin::text) FROM maintenance_runs WHERE kind LIKE 'g%%'"),
        count);
}

START_TEST(test_they_share_a_transaction_and_each_gets_its_own_answer)
{
    struct one list[10] = { { 0 } };

    name_all(list, 10);
    for (int i = 0; i < 10; i++)
        list[i].work = write_and_read;
    all_together(list, 10, run);
    for (int i = 0; i < 10; i++) {
        is_written(&list[i], 1);
        ck_assert_int_eq(list[i].rounds, 2); // the second writing goes with the commit
    }
    transactions_are("1");
    forget_all(list, 10);
}
END_TEST

START_TEST(test_those_with_a_key_in_common_do_not)
{
    struct one list[4] = { { .key = "a" }, { .key = "b" }, { .key = "a" }, { .key = NULL } };

    name_all(list, 4);
    for (int i = 0; i < 4; i++)
        list[i].work = write_and_read;
    all_together(list, 4, run);
    for (int i = 0; i < 4; i++)
        is_written(&list[i], 1);
    transactions_are("2");
    ck_assert_str_eq(testdb_value("SELECT a.xmin = b.xmin FROM maintenance_runs a, maintenance_runs b"
                                  " WHERE a.kind = 'g0' AND b.kind = 'g2'"),
        "f");
    forget_all(list, 4);
}
END_TEST

START_TEST(test_what_one_is_refused_is_not_refused_to_the_others)
{
    struct one list[5] = { { 0 } };

    testdb_value("INSERT INTO maintenance_runs (kind, started_at) VALUES ('g3', now())");
    name_all(list, 5);
    for (int i = 0; i < 5; i++)
        list[i].work = write_and_read;
    all_together(list, 5, run);
    for (int i = 0; i < 5; i++)
        if (i != 3)
            is_written(&list[i], 2);
    ck_assert(list[3].failed);
    ck_assert_int_eq(list[3].code, E_CONFLICT);
    ck_assert_str_eq(list[3].constraint, "maintenance_runs_pkey");
    ck_assert_str_eq(testdb_value("SELECT count(*) FROM maintenance_runs WHERE kind = 'g3 again'"), "0");
    forget_all(list, 5);
}
END_TEST

START_TEST(test_one_that_gives_up_after_writing_undoes_its_own_alone)
{
    struct one list[4] = { { 0 } };

    name_all(list, 4);
    for (int i = 0; i < 4; i++)
        list[i].work = i == 1 ? write_and_give_up : write_and_read;
    all_together(list, 4, run);
    for (int i = 0; i < 4; i++)
        if (i != 1)
            is_written(&list[i], 2);
    ck_assert(list[1].failed);
    ck_assert_int_eq(list[1].code, E_INVALID_STATUS);
    ck_assert_int_eq(list[1].runs, 1);
    ck_assert_str_eq(testdb_value("SELECT count(*) FROM maintenance_runs WHERE kind LIKE 'g1%%'"), "0");
    forget_all(list, 4);
}
END_TEST

START_TEST(test_one_that_only_read_may_leave)
{
    struct one list[4] = { { 0 } };

    name_all(list, 4);
    for (int i = 0; i < 4; i++)
        list[i].work = i == 2 ? read_and_give_up : i == 3 ? read_only : write_and_read;
    all_together(list, 4, run);
    is_written(&list[0], 1);
    is_written(&list[1], 1);
    ck_assert_int_eq(list[2].code, E_INVALID_STATUS);
    ck_assert(!list[3].failed);
    ck_assert_str_eq(list[3].seen, "nothing");
    transactions_are("1");
    forget_all(list, 4);
}
END_TEST

START_TEST(test_more_than_go_together_go_one_group_after_the_other)
{
    enum { COUNT = MOST * 2 + 5 };
    struct one list[COUNT] = { { 0 } };

    name_all(list, COUNT);
    for (int i = 0; i < COUNT; i++)
        list[i].work = write_and_read;
    all_together(list, COUNT, run);
    for (int i = 0; i < COUNT; i++)
        is_written(&list[i], 1);
    transactions_are("3");
    forget_all(list, COUNT);
}
END_TEST

START_TEST(test_many_statements_of_each)
{
    struct one list[3] = { { 0 } };

    name_all(list, 3);
    list[0].work = list[1].work = write_many;
    list[2].work = write_and_read;
    all_together(list, 3, run);
    is_written(&list[2], 1);
    ck_assert_str_eq(testdb_value("SELECT count(*) FROM maintenance_runs"), "302");
    transactions_are("1");
    forget_all(list, 3);
}
END_TEST

START_TEST(test_a_lost_connection_has_each_done_again)
{
    struct one list[6] = { { 0 } };

    name_all(list, 6);
    for (int i = 0; i < 6; i++)
        list[i].work = i == 4 ? cut_off : write_and_read;
    all_together(list, 6, run);
    for (int i = 0; i < 6; i++)
        is_written(&list[i], 2);
    ck_assert_str_eq(testdb_value("SELECT count(*) FROM maintenance_runs WHERE kind = 'after the end'"), "0");
    forget_all(list, 6);
}
END_TEST

/* Whoever does everything at random, many times, leaves what was told to be written, and nothing else. */
static struct error *anything(struct ctx *ctx, struct one *one)
{
    switch (one->name[strlen(one->name) - 1] % 4) {
    case 0:
        return write_and_give_up(ctx, one);
    case 1:
        return read_and_give_up(ctx, one);
    default:
        return write_and_read(ctx, one);
    }
}

START_TEST(test_what_was_told_is_what_is_there)
{
    enum { COUNT = 60, ROUNDS = 8 };
    int written = 0;

    for (int round = 0; round < ROUNDS; round++) {
        struct one list[COUNT] = { { 0 } };
        for (int i = 0; i < COUNT; i++) {
            list[i].name = arena_printf(ctx.arena, "g%d", (round * 7 + i * 31) % 300); // some come twice
            list[i].work = anything;
            list[i].key = i % 5 ? NULL : "same";
            start(&list[i], run);
        }
        for (int i = 0; i < COUNT; i++) {
            pthread_join(list[i].thread, NULL);
            written += !list[i].failed;
            ck_assert(!list[i].failed || list[i].code == E_CONFLICT || list[i].code == E_INVALID_STATUS);
            free((char *)list[i].seen);
        }
    }
    ck_assert_str_eq(testdb_value("SELECT count(*) FROM maintenance_runs"), arena_printf(ctx.arena, "%d", written * 2));
    testdb_value("DELETE FROM maintenance_runs");
}
END_TEST

static void *run_statement(void *argument)
{
    SQL_ROWS(insert,
        "INSERT INTO maintenance_runs (kind, started_at) SELECT kind, now() FROM unnest($1::text[]) AS g (kind)");
    struct one *one = argument;
    struct ctx *own = testdb_ctx_new();
    struct error *error = db_send_shared(own, &insert, PARAMS(P(one->name)));

    one->failed = error != NULL;
    one->code = error ? error->code : 0;
    testdb_ctx_free(own);
    return NULL;
}

START_TEST(test_single_statements_go_together_too)
{
    struct one list[8] = { { 0 } };

    testdb_value("INSERT INTO maintenance_runs (kind, started_at) VALUES ('taken', now())");
    name_all(list, 8);
    all_together(list, 7, run_statement);
    for (int i = 0; i < 7; i++)
        ck_assert(!list[i].failed);
    transactions_are("1");
    testdb_value("DELETE FROM maintenance_runs WHERE kind <> 'taken'");
    list[5].name = "taken";
    all_together(list, 8, run_statement);
    for (int i = 0; i < 8; i++)
        ck_assert_int_eq(list[i].failed, i == 5);
    ck_assert_int_eq(list[5].code, E_CONFLICT);
    transactions_are("7");
    forget_all(list, 8);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("group");
    TCase *test_case = tcase_create("group");

    testdb_use(test_case);
    tcase_set_timeout(test_case, 120);
    tcase_add_test(test_case, test_they_share_a_transaction_and_each_gets_its_own_answer);
    tcase_add_test(test_case, test_those_with_a_key_in_common_do_not);
    tcase_add_test(test_case, test_what_one_is_refused_is_not_refused_to_the_others);
    tcase_add_test(test_case, test_one_that_gives_up_after_writing_undoes_its_own_alone);
    tcase_add_test(test_case, test_one_that_only_read_may_leave);
    tcase_add_test(test_case, test_more_than_go_together_go_one_group_after_the_other);
    tcase_add_test(test_case, test_many_statements_of_each);
    tcase_add_test(test_case, test_a_lost_connection_has_each_done_again);
    tcase_add_test(test_case, test_single_statements_go_together_too);
    tcase_add_test(test_case, test_what_was_told_is_what_is_there);
    suite_add_tcase(suite, test_case);
    return testdb_main(suite);
}
