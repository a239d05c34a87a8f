/* Plans at three million rows: what every request and job runs finds its rows by an index, without sorting and without reading a
 * table from end to end. The tables are small; what PostgreSQL believes of their size and contents is not. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "db/db.h"
#include "db/wire.h"
#include "jobs/job.h"
#include "testdb.h"
#include "web/router.h"

#define A_HANDFUL 10 // rows that may be sorted

/* What is not named somewhere is not linked, and its statements are not on the list. */
static const void *const linked[] __attribute__((used)) = { routes, tasks };

/* The files whose statements are on the way of a payment, an event or a job, and those of them that are not asked there, or
 * only for a whole table. */
static const struct {
    const char *file, *but;
} hot[] = {
    { "src/access/api_key.c", " list " },
    { "src/access/idempotency.c", "" },
    { "src/access/rate_limit.c", "" },
    { "src/payments/payment_store.c", " count unfinished " },
    { "src/payments/webhook_store.c", " health " },
    { "src/payments/checkout_store.c", "" },
    { "src/payments/refund_store.c", "" },
    { "src/customers/method_store.c", " preferred " },
    { "src/events/audit.c", " walk stray count " },
    { "src/events/event.c", "" },
    { "src/ledger/ledger.c", "" },
    { "src/jobs/job.c", " take_any " },
};

static const char *const big[] = { "payments", "attempts", "refunds", "events", "webhook_events", "audit_log",
    "ledger_entries", "ledger_lines", "jobs", "idempotency_keys", "checkout_sessions", "payment_methods",
    "deliveries" };

/* Rows as they come, past triggers and references: an id of its own for each, few different words in the other columns. What has a
 * state is in the first of those that it can have, or in the last, so that indexes of what is open have all rows or none. */
static void fill(bool ended)
{
    const char *state = arena_printf(ctx.arena,
        "(SELECT quote_literal(m[1]) FROM pg_constraint c, regexp_matches(pg_get_constraintdef(c.oid), "
        "'''([a-z_]+)''', 'g') WITH ORDINALITY AS r (m, place) WHERE c.conrelid = attrelid"
        "       AND c.contype = 'c' AND c.conkey = ARRAY[attnum] ORDER BY place %s LIMIT 1)",
        ended ? "DESC" : "");

    for (size_t i = 0; i < sizeof big / sizeof *big; i++) {
        const char *columns =
            testdb_value("SELECT string_agg(quote_ident(attname), ', ' ORDER BY attnum) FROM pg_attribute"
                         " WHERE attrelid = '%s'::regclass AND attnum > 0 AND NOT attisdropped AND attgenerated = '' "
                         "AND attidentity = ''",
                big[i]);
        const char *values = testdb_value(
            "SELECT string_agg(CASE"
            "   WHEN attname IN ('status', 'state') AND atttypid = 'text'::regtype THEN coalesce(%s, '''x''')"
            "   WHEN attname = 'currency' THEN '''USD'''"
            "   WHEN attname IN ('entry_id', 'version', 'amount') THEN 'n'"
            "   WHEN attname IN ('amount_captured', 'amount_refunded', 'amount_refunding', 'attempts') THEN '0'"
            "   WHEN atttypid = 'text'::regtype AND EXISTS (SELECT FROM pg_constraint c WHERE c.conrelid = attrelid"
            "        AND c.contype = 'c' AND c.conkey = ARRAY[attnum]) THEN (SELECT quote_literal((regexp_match("
            "        pg_get_constraintdef(c.oid), '''([a-z_]+)'''))[1]) FROM pg_constraint c WHERE c.conrelid = "
            "attrelid"
            "        AND c.contype = 'c' AND c.conkey = ARRAY[attnum] LIMIT 1)"
            "   WHEN attname IN ('provider', 'kind', 'type', 'account') THEN '''w'' || n %% 5'"
            "   WHEN atttypid = 'text'::regtype THEN '''t_'' || n'"
            "   WHEN atttypid = 'bytea'::regtype THEN 'sha256(n::text::bytea)'"
            "   WHEN atttypid = 'jsonb'::regtype THEN '''{}'''"
            "   WHEN atttypid = 'timestamptz'::regtype THEN 'now() - n * interval ''1 s'''"
            "   WHEN atttypid = 'boolean'::regtype THEN 'false'"
            "   WHEN atttypid = 'xid8'::regtype THEN '(n::text)::xid8'"
            "   ELSE 'n' END, ', ' ORDER BY attnum) FROM pg_attribute"
            " WHERE attrelid = '%s'::regclass AND attnum > 0 AND NOT attisdropped AND attgenerated = '' AND "
            "attidentity = ''",
            state, big[i]);
        testdb_value("SET session_replication_role = replica; ALTER TABLE %s DISABLE TRIGGER ALL;"
                     " DELETE FROM %s; INSERT INTO %s (%s) SELECT %s FROM generate_series(1, 3000) n; ANALYZE %s;"
                     " UPDATE pg_class SET reltuples = 3e6 WHERE oid = '%s'::regclass",
            big[i], big[i], big[i], columns, values, big[i], big[i]);
    }
}

static bool is_hot(const struct sql *sql)
{
    for (size_t i = 0; i < sizeof hot / sizeof *hot; i++) {
        size_t length = strlen(sql->file), tail = strlen(hot[i].file);
        if (length >= tail && !strcmp(sql->file + length - tail, hot[i].file))
            return !strstr(hot[i].but, arena_printf(ctx.arena, " %s ", sql->name));
    }
    return false;
}

static const char *nulls(const char *text)
{
    long most = 0;
    char *list = arena_printf(ctx.arena, "%s", "");

    for (const char *dollar = strchr(text, '$'); dollar; dollar = strchr(dollar + 1, '$')) {
        long number = strtol(dollar + 1, NULL, 10);
        most = number > most ? number : most;
    }
    for (long i = 0; i < most; i++)
        list = arena_printf(ctx.arena, "%s%sNULL", list, i ? ", " : "");
    return most ? arena_printf(ctx.arena, "(%s)", list) : "";
}

/* The first page of a list, with all its filters off. */
static const char *first_page(const char *text)
{
    return testdb_value(
        "PREPARE s AS %s; SELECT format('(%%s)', string_agg(CASE WHEN type IN ('bigint'::regtype,"
        " 'integer'::regtype) THEN '20' WHEN type = 'boolean'::regtype THEN 'true' ELSE 'NULL' END, ', '"
        " ORDER BY number)) FROM pg_prepared_statements, unnest(parameter_types) WITH ORDINALITY u(type, number)"
        " WHERE name = 's'",
        text);
}

/* The plan is the one that is kept for all values; a list's that for those it comes with, as wire.c has it. */
static const char *plan_of(const char *text)
{
    if (strstr(text, "::text IS NULL OR "))
        return testdb_value("SET plan_cache_mode = force_custom_plan; PREPARE s AS %s; EXPLAIN (FORMAT JSON) EXECUTE "
                            "s%s",
            text, first_page(text));
    return testdb_value("SET plan_cache_mode = force_generic_plan; PREPARE s AS %s; EXPLAIN (FORMAT JSON) EXECUTE s%s",
        text, nulls(text));
}

/* How many rows the plan expects to sort. */
static long sorted(const char *plan)
{
    static const char rows[] = "\"Plan Rows\": ";
    long most = 0;

    for (const char *sort = strstr(plan, "\"Node Type\": \"Sort\""); sort;
         sort = strstr(sort + 1, "\"Node Type\": \"Sort\"")) {
        const char *expected = strstr(sort, rows);
        long count = expected ? strtol(expected + sizeof rows - 1, NULL, 10) : 0;
        most = count > most ? count : most;
    }
    return most;
}

/* The quoted text behind `name`, before `end`; NULL when it is not there. */
static const char *quoted(const char *plan, const char *name, const char *end)
{
    const char *found = strstr(plan, name);

    if (!found || (end && found > end))
        return NULL;
    found += strlen(name);
    return arena_strndup(ctx.arena, found, strcspn(found, "\""));
}

/* An index that is searched by another column than its first is read from end to end, and so is one whose entries a join compares one
 * by one. Its name then, or NULL. */
static const char *read_through(const char *plan)
{
    static const char name[] = "\"Index Name\": \"";

    for (const char *scan = strstr(plan, name); scan; scan = strstr(scan + 1, name)) {
        const char *index = quoted(scan, name, NULL);
        const char *condition = quoted(scan, "\"Index Cond\": \"", strstr(scan, "\"Node Type\""));
        if (condition
            && !strstr(condition, testdb_value("SELECT '(' || pg_get_indexdef('%s'::regclass, 1, true) || ' '", index)))
            return index;
        if (!condition && strstr(plan, "\"Join Filter\": "))
            return index;
    }
    return NULL;
}

static void finds_its_rows(const struct sql *sql, const char *text)
{
    const char *plan = plan_of(text);

    for (size_t k = 0; k < sizeof big / sizeof *big; k++) {
        for (const char *scan = strstr(plan, "\"Seq Scan\""); scan; scan = strstr(scan + 1, "\"Seq Scan\"")) {
            const char *name = arena_printf(ctx.arena, "\"Relation Name\": \"%s\"", big[k]);
            const char *there = strstr(scan, name), *next = strstr(scan + 1, "\"Node Type\"");
            ck_assert_msg(!there || (next && there > next), "%s (%s) reads all of %s:\n%.1500s", sql->name, sql->file,
                big[k], plan);
        }
    }
    const char *index = read_through(plan);
    ck_assert_msg(!index, "%s (%s) reads all of %s:\n%.1500s", sql->name, sql->file, index, plan);
    ck_assert_msg(sorted(plan) <= A_HANDFUL || strstr(sql->text, "unnest("), "%s (%s) sorts:\n%.1500s", sql->name,
        sql->file, plan);
}

/* What is looked up for each of many rows is planned once, not for each array anew: PostgreSQL finds its plan for any array no dearer
 * than one for the array at hand. */
static void is_planned_once(const struct sql *sql)
{
    const char *plan = plan_of(sql->text), *scan = strstr(plan, "\"Function Scan\"");
    const char *rows = scan ? strstr(scan, "\"Plan Rows\": ") : NULL;

    if (strstr(plan, "\"Nested Loop\""))
        ck_assert_msg(rows && strtol(rows + strlen("\"Plan Rows\": "), NULL, 10) == 1,
            "%s (%s) is planned for more than one row:\n%.1500s", sql->name, sql->file, plan);
}

START_TEST(test_what_is_hot_finds_its_rows_by_an_index)
{
    size_t count, checked = 0;
    const struct sql *const *list = sql_list(&count);

    ck_assert_ptr_nonnull(linked[0]);
    fill(_i);
    for (size_t i = 0; i < count; i++) {
        if (!is_hot(list[i]))
            continue;
        checked++;
        finds_its_rows(list[i], list[i]->text);
        if (list[i]->rows) {
            finds_its_rows(list[i], wire_text(list[i], true));
            is_planned_once(list[i]);
        }
    }
    ck_assert_uint_ge(checked, 40);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("plans");
    TCase *plans = tcase_create("plans");

    testdb_use(plans);
    tcase_set_timeout(plans, 60);
    tcase_add_loop_test(plans, test_what_is_hot_finds_its_rows_by_an_index, 0, 2);
    suite_add_tcase(suite, plans);
    return testdb_main(suite);
}
