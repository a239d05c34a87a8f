#include "testdb.h"

#include <fcntl.h>
#include <libpq-fe.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/config.h"
#include "base/crypto.h"
#include "base/id.h"
#include "db/db.h"
#include "http/client.h"

#define SERVER "TILL_TEST_DATABASE_URL"
#define SKIPPED 77

struct ctx ctx;

static struct arena *lasting; // what all tests of a file share
static char name[64];         // of the database
static char server[1024];     // conninfo of the template

static PGconn *connect_super(const char *database)
{
    const char *keywords[] = { "dbname", "dbname", NULL };
    const char *values[] = { server, database, NULL };
    PGconn *conn = PQconnectdbParams(keywords, values, 1);

    if (PQstatus(conn) != CONNECTION_OK)
        ck_abort_msg("the test database: %s", PQerrorMessage(conn));
    return conn;
}

/* One keyword of the conninfo in SERVER. */
static const char *server_option(const char *keyword)
{
    PQconninfoOption *options = PQconninfoParse(server, NULL);
    const char *found = "";

    ck_assert_msg(options != NULL, SERVER " is not a conninfo");
    for (PQconninfoOption *option = options; option->keyword; option++)
        if (!strcmp(option->keyword, keyword) && option->val)
            found = arena_strdup(lasting, option->val);
    PQconninfoFree(options);
    return found;
}

static void run_super(const char *statement)
{
    PGconn *conn = connect_super("postgres");
    PGresult *result = PQexec(conn, statement);

    if (PQresultStatus(result) != PGRES_COMMAND_OK)
        ck_abort_msg("the test database: %s", PQerrorMessage(conn));
    PQclear(result);
    PQfinish(conn);
}

static const char *write_keys(void)
{
    char *path = arena_strdup(lasting, "/tmp/till-test-keys-XXXXXX");
    const char *line = keyring_new_line(lasting);
    int file = mkstemp(path);

    ck_assert_int_ge(file, 0);
    ck_assert_int_eq(write(file, line, strlen(line)), (ssize_t)strlen(line));
    if (line[strlen(line) - 1] != '\n')
        ck_assert_int_eq(write(file, "\n", 1), 1);
    close(file);
    return path;
}

/* What a test did not set itself. */
static void set_environment(const char *database_url, const char *keys)
{
    const struct {
        const char *name, *value;
    } defaults[] = {
        { "TILL_URL", "http://127.0.0.1:9" },
        { "STRIPE_SECRET_KEY", "sk_test_4eC39HqLyjWDarjtT1zdp7dc" },
        { "STRIPE_PUBLISHABLE_KEY", "pk_test_TYooMQauvdEDq54NiTphI7jx" },
        { "STRIPE_WEBHOOK_SECRET", "whsec_dGhpcyBpcyBhIHRlc3Qgc2VjcmV0IG9mIHRpbGw" },
        { "STRIPE_API_URL", "http://127.0.0.1:9" },
    };

    setenv("DATABASE_URL", database_url, 1);
    setenv("TILL_KEYS_FILE", keys, 1);
    for (size_t i = 0; i < sizeof defaults / sizeof *defaults; i++)
        setenv(defaults[i].name, defaults[i].value, 0);
}

static void open_database(void)
{
    lasting = arena_new();
    crypto_init();
    http_init();
    ck_assert_msg(strlen(getenv(SERVER)) < sizeof server, SERVER " is too long");
    snprintf(server, sizeof server, "%s", getenv(SERVER));

    snprintf(name, sizeof name, "till_test_%ld_%lx", (long)getpid(), (unsigned long)monotonic_ms());
    run_super(arena_printf(lasting, "CREATE DATABASE %s TEMPLATE %s", name, server_option("dbname")));

    const char *url = arena_printf(lasting, "host=%s port=%s dbname=%s user=till_app", server_option("host"),
        *server_option("port") ? server_option("port") : "5432", name);
    const char *keys = write_keys();
    set_environment(url, keys);
    ctx.config = config_load(lasting, NULL, stderr);
    unlink(keys);
    ck_assert_msg(ctx.config != NULL, "the test's configuration is not valid");
    ctx.db = db_open(ctx.config->database_url, 10);
    ctx.http = http_open();
}

static void close_database(void)
{
    http_close(ctx.http);
    db_close(ctx.db);
    run_super(arena_printf(lasting, "DROP DATABASE %s WITH (FORCE)", name));
    arena_free(lasting);
    ctx = (struct ctx){ 0 };
}

static void start(struct ctx *some)
{
    some->arena = arena_new();
    some->now = clock_now();
    some->principal = (struct principal){ .kind = PRINCIPAL_COMMAND, .id = "test", .scopes = "*" };
    some->trace = id_new(some, "req");
    some->deadline_ms = monotonic_ms() + 20000;
}

static void start_test(void)
{
    start(&ctx);
}

static void end_test(void)
{
    arena_free(ctx.arena);
    ctx.arena = NULL;
    ctx.tx = NULL;
    ctx.idempotency = NULL;
}

struct ctx *testdb_ctx_new(void)
{
    struct ctx *other = calloc(1, sizeof *other);

    ck_assert_ptr_nonnull(other);
    other->config = ctx.config;
    other->db = ctx.db;
    other->http = http_open();
    start(other);
    return other;
}

void testdb_ctx_free(struct ctx *other)
{
    arena_free(other->arena);
    http_close(other->http);
    free(other);
}

void testdb_use(TCase *test_case)
{
    tcase_add_unchecked_fixture(test_case, open_database, close_database);
    tcase_add_checked_fixture(test_case, start_test, end_test);
    tcase_set_timeout(test_case, 120);
}

int testdb_main(Suite *suite)
{
    if (!getenv(SERVER)) {
        printf("1..0 # SKIP " SERVER " is not set\n");
        return SKIPPED;
    }
    // a forked test would share the sockets of the one before
    SRunner *runner = srunner_create(suite);
    srunner_set_fork_status(runner, CK_NOFORK);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

void testdb_ok(const struct error *error, const char *call, const char *file, int line)
{
    if (error)
        ck_abort_msg("%s:%d: %s: %s: %s (%s)", file, line, call, error_name(error->code), error->detail,
            error->cause ? error->cause : "no cause");
}

void testdb_refused(const struct error *error, enum error_code code, const char *call, const char *file, int line)
{
    if (!error)
        ck_abort_msg("%s:%d: %s: was done, should be %s", file, line, call, error_name(code));
    if (error->code != code)
        ck_abort_msg("%s:%d: %s: %s: %s, should be %s", file, line, call, error_name(error->code), error->detail,
            error_name(code));
}

const char *testdb_value(const char *format, ...)
{
    char text[4096];
    va_list arguments;
    PGconn *conn = connect_super(name);

    va_start(arguments, format);
    int length = vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    ck_assert_msg(length >= 0 && (size_t)length < sizeof text, "the statement is too long");
    PGresult *result = PQexec(conn, text);
    if (PQresultStatus(result) != PGRES_TUPLES_OK && PQresultStatus(result) != PGRES_COMMAND_OK)
        ck_abort_msg("%s: %s", text, PQerrorMessage(conn));
    const char *value = PQntuples(result) ? arena_strdup(ctx.arena, PQgetvalue(result, 0, 0)) : "";
    PQclear(result);
    PQfinish(conn);
    return value;
}
