/* The schema: every statement of the program fits it, it explains itself, and the application's role may do what it needs. */
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/config.h"
#include "db/check.h"
#include "db/db.h"
#include "db/migrate.h"
#include "jobs/job.h"
#include "jobs/queue.h"
#include "ledger/balance.h"
#include "testdb.h"
#include "web/router.h"

/* What is not named somewhere is not linked, and its statements are not on the list: routes and tasks name all features. */
static const void *const linked[] __attribute__((used)) = { routes, tasks, (const void *)(uintptr_t)queue_retry,
    (const void *)(uintptr_t)balance_check };

START_TEST(test_every_statement_is_understood)
{
    struct field_list bad;
    size_t count;

    sql_list(&count);
    ck_assert_uint_ge(count, 60);
    ok(db_check_statements(&ctx, ctx.config->database_url, &bad));
    const struct bad_statement *statements = bad.items;
    for (size_t i = 0; i < bad.count; i++)
        printf("%s in %s: %s\n", statements[i].name, statements[i].file, statements[i].why);
    ck_assert_uint_eq(bad.count, 0);
}
END_TEST

/* A column has another name than the statements say. */
START_TEST(test_a_misspelt_statement_is_found)
{
    struct field_list bad;

    testdb_value("ALTER TABLE refunds RENAME COLUMN reason TO why");
    ok(db_check_statements(&ctx, ctx.config->database_url, &bad));
    ck_assert_uint_ge(bad.count, 3);
    testdb_value("ALTER TABLE refunds RENAME COLUMN why TO reason");
}
END_TEST

START_TEST(test_the_schema_explains_itself)
{
    static const char *const silent[] = {
        ("SELECT string_agg(relname, ', ') FROM pg_class c"
         " WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'v', 'p') AND obj_description(c.oid) IS "
         "NULL"),
        ("SELECT string_agg(relname || '.' || attname, ', ') FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid"
         " WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'v', 'p') AND attnum > 0 AND NOT "
         "attisdropped"
         "   AND coalesce(col_description(c.oid, attnum), '') = ''"),
        ("SELECT string_agg(proname, ', ') FROM pg_proc p"
         " WHERE pronamespace = 'public'::regnamespace AND obj_description(p.oid) IS NULL"),
    };

    ck_assert_str_eq(testdb_value("%s", silent[_i]), "");
}
END_TEST

/* What till_app may do with each table: select, insert, update, delete, truncate. */
static const struct {
    const char *table, *rights;
} rights[] = {
    { "transitions", "S----" },
    { "clock", "S-U--" },
    { "api_keys", "SIU--" },
    { "users", "SIU--" },
    { "user_passwords", "SIUD-" },
    { "recovery_codes", "SIUD-" },
    { "operator_sessions", "SIUD-" },
    { "sign_in_failures", "SIUD-" },
    { "rate_limits", "SIUD-" },
    { "idempotency_keys", "SIUD-" },
    { "customers", "SIU--" },
    { "customer_persons", "SIUD-" },
    { "customer_accounts", "SIU--" },
    { "payments", "SIU--" },
    { "attempts", "SIU--" },
    { "refunds", "SIU--" },
    { "refund_requests", "SIU--" },
    { "saved_views", "SIUD-" },
    { "checkout_sessions", "SIU--" },
    { "webhook_events", "SIU--" },
    { "webhook_secrets", "SIU--" },
    { "events", "SI---" },
    { "jobs", "SIUD-" },
    { "breakers", "SIU--" },
    { "webhook_endpoints", "SIU--" },
    { "deliveries", "SIUD-" },
    { "delivery_attempts", "SI-D-" },
    { "payment_contacts", "SI-D-" },
    { "mails", "SIU--" },
    { "sweeps", "SIU--" },
    { "payment_methods", "SIU--" },
    { "person_keys", "SI-D-" },
    { "disputes", "SIU--" },
    { "dispute_files", "SI---" },
    { "decisions", "SIU--" },
    { "maintenance_runs", "SIU--" },
    { "mirrored_subscriptions", "SIU--" },
    { "mirrored_invoices", "SIU--" },
    { "movements", "SI---" },
    { "reconciliations", "SI---" },
    { "reconciliation_differences", "SI---" },
    { "statistics", "SIU--" },
    { "statistics_changes", "SIUD-" },
    { "ledger_accounts", "S----" },
    { "ledger_entries", "SI---" },
    { "ledger_lines", "SI---" },
    { "audit_log", "SI---" },
    { "audit_chain", "S----" },
};

START_TEST(test_the_application_may_do_what_it_needs)
{
    ck_assert_str_eq(testdb_value("SELECT string_agg(CASE WHEN has_table_privilege('till_app', '%s', r) THEN left(r, "
                                  "1) ELSE '-' END,"
                                  " '' ORDER BY n)"
                                  "  FROM unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE', 'TRUNCATE']) WITH "
                                  "ORDINALITY u (r, n)",
                         rights[_i].table),
        rights[_i].rights);
}
END_TEST

START_TEST(test_no_table_was_forgotten)
{
    char names[2000] = "";

    for (size_t i = 0; i < sizeof rights / sizeof *rights; i++)
        strcat(strcat(strcat(names, i ? ", '" : "'"), rights[i].table), "'");
    ck_assert_str_eq(testdb_value("SELECT string_agg(relname, ', ') FROM pg_class WHERE relnamespace = "
                                  "'public'::regnamespace"
                                  "   AND relkind IN ('r', 'p') AND relname NOT IN (%s)"
                                  "   AND has_any_column_privilege('till_app', oid, 'INSERT, UPDATE')",
                         names),
        "");
}
END_TEST

START_TEST(test_the_application_owns_nothing)
{
    struct db_facts facts;

    ok(db_facts(&ctx, &facts));
    ck_assert_str_eq(facts.role, "till_app");
    ck_assert(!facts.superuser);
    ck_assert(!facts.creates);
    ck_assert_ptr_null(facts.changeable);
    ck_assert_str_eq(testdb_value("SELECT count(*) FROM pg_class WHERE relowner = 'till_app'::regrole"), "0");
}
END_TEST

START_TEST(test_the_schema_is_the_newest)
{
    int version;

    ck_assert_ptr_nonnull(linked[0]);
    ok(migrate_version(&ctx, &version));
    ck_assert_int_eq(version, migrate_known_version());
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("schema");
    TCase *schema = tcase_create("schema"), *changed = tcase_create("changed");

    testdb_use(schema);
    tcase_add_test(schema, test_the_schema_is_the_newest);
    tcase_add_loop_test(schema, test_the_schema_explains_itself, 0, 3);
    tcase_add_loop_test(schema, test_the_application_may_do_what_it_needs, 0, (int)(sizeof rights / sizeof *rights));
    tcase_add_test(schema, test_no_table_was_forgotten);
    tcase_add_test(schema, test_the_application_owns_nothing);
    tcase_add_test(schema, test_every_statement_is_understood);
    suite_add_tcase(suite, schema);

    testdb_use(changed);
    tcase_add_test(changed, test_a_misspelt_statement_is_found);
    suite_add_tcase(suite, changed);
    return testdb_main(suite);
}
