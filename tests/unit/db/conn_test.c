/* One statement on a connection of its own: what it is answered, and what it is not until it is committed. */
#include "base/arena.h"
#include "db/db.h"
#include "testdb.h"

/* A check that waits for the commit comes after the answer to the statement. */
START_TEST(test_what_the_commit_refuses_is_an_error)
{
    SQL(twice, "INSERT INTO patient SELECT 1 FROM generate_series(1, 2)");
    SQL(once, "INSERT INTO patient VALUES (2)");
    int64_t affected;

    testdb_value("CREATE TABLE patient (n int UNIQUE DEFERRABLE INITIALLY DEFERRED); GRANT ALL ON patient TO PUBLIC");
    struct error *error = db_exec(&ctx, &twice, NO_PARAMS, &affected);
    ck_assert_ptr_nonnull(error);
    ck_assert_int_eq(error->code, E_CONFLICT);
    ck_assert_str_eq(error->constraint, "patient_n_key");
    ck_assert_ptr_null(db_exec(&ctx, &once, NO_PARAMS, &affected));
    ck_assert_int_eq(affected, 1);
    ck_assert_str_eq(testdb_value("SELECT string_agg(n::text, ' ') FROM patient"), "2");
}
END_TEST

/* All that a server says when the wait for its standby was cut short. */
START_TEST(test_a_commit_with_a_warning_is_unknown)
{
    SQL(warns, "SELECT warn()");

    testdb_value("CREATE FUNCTION warn() RETURNS int LANGUAGE plpgsql AS"
                 " 'BEGIN RAISE WARNING ''the transaction might not have been replicated''; RETURN 1; END'");
    struct error *error = db_exec(&ctx, &warns, NO_PARAMS, NULL);
    ck_assert_ptr_nonnull(error);
    ck_assert_int_eq(error->code, E_UNAVAILABLE);
    ck_assert_str_eq(error->outcome, "unknown");
}
END_TEST

START_TEST(test_no_plan_is_compiled)
{
    SQL(jit, "SELECT current_setting('jit') AS text");
    struct row {
        const char *text;
    } row;
    static const struct field columns[] = { FIELD(struct row, text), FIELD_END };

    ck_assert_ptr_null(db_one(&ctx, &jit, NO_PARAMS, columns, &row));
    ck_assert_str_eq(row.text, "off");
}
END_TEST

/* As many as go together, and one alone, for which it is another text. */
START_TEST(test_rows_of_a_statement_are_answered_by_their_places)
{
    SQL_ROWS(even,
        "SELECT place, n * 10 AS n FROM unnest($1::bigint[]) WITH ORDINALITY AS g (n, place) WHERE n % 2 = 0 ORDER BY "
        "place");
    struct row {
        int64_t place, n;
    };
    static const struct field columns[] = { FIELD(struct row, place), FIELD(struct row, n), FIELD_END };
    const struct params rows[] = { PARAMS(P(7)), PARAMS(P(4)), PARAMS(P(9)), PARAMS(P(2)) };
    struct field_list list;

    ck_assert_ptr_null(db_list_rows(&ctx, &even, rows, 4, columns, sizeof(struct row), &list));
    ck_assert_uint_eq(list.count, 2);
    const struct row *found = list.items;
    ck_assert_int_eq(found[0].place, 2);
    ck_assert_int_eq(found[0].n, 40);
    ck_assert_int_eq(found[1].place, 4);
    ck_assert_ptr_null(db_list_rows(&ctx, &even, rows + 1, 1, columns, sizeof(struct row), &list));
    found = list.items;
    ck_assert_uint_eq(list.count, 1);
    ck_assert_int_eq(found[0].place, 1);
    ck_assert_int_eq(found[0].n, 40);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("conn");
    TCase *test_case = tcase_create("conn");

    testdb_use(test_case);
    tcase_add_test(test_case, test_what_the_commit_refuses_is_an_error);
    tcase_add_test(test_case, test_a_commit_with_a_warning_is_unknown);
    tcase_add_test(test_case, test_no_plan_is_compiled);
    tcase_add_test(test_case, test_rows_of_a_statement_are_answered_by_their_places);
    suite_add_tcase(suite, test_case);
    return testdb_main(suite);
}
