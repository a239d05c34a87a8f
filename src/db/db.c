#include "db/db.h"

#include <assert.h>
#include <libpq-fe.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/arena.h"
#include "base/crypto.h"
#include "base/ctx.h"
#include "base/log.h"

#define ACQUIRE_MS 2000
#define COMMIT_LOOKUP_MS 5000
/* Tells one run of the server from the next: it changes when the server starts, and when it recovers from a crash of a process. */
#define SERVER_RUN                                                                                                     \
    "(SELECT concat(extract(epoch FROM pg_postmaster_start_time()), '/', extract(epoch FROM stats_reset))"             \
    " FROM pg_stat_wal)"
#define MAX_RUNS 4 // the first and three more

struct db {
    const char *conninfo;
    int size;
    pthread_mutex_t lock;
    pthread_cond_t freed;
    PGconn **idle;
    int idle_count;
    int open_count;
};

struct hook {
    struct hook *next;
    void (*call)(void *argument);
    void *argument;
};

struct tx {
    struct tx *joined; // the transaction this one is part of
    PGconn *conn;
    const char *xid, *server_run;
    int runs;
    bool conflict;
    struct hook *hooks;
};

/* The statements ------------------------------------------------------------------------------------------------- */

extern const struct sql *const __start_till_sql[];
extern const struct sql *const __stop_till_sql[];

const struct sql *const *sql_list(size_t *count)
{
    *count = (size_t)(__stop_till_sql - __start_till_sql);
    return __start_till_sql;
}

struct param param_text(const char *text)
{
    return text ? (struct param){ .kind = PARAM_TEXT, .text = text } : (struct param){ .kind = PARAM_NULL };
}

struct param param_int(int64_t number)
{
    return (struct param){ .kind = PARAM_INT, .number = number };
}

struct param param_bool(bool value)
{
    return (struct param){ .kind = PARAM_BOOL, .number = value };
}

struct param param_instant(struct instant instant)
{
    return instant_is_set(instant) ? (struct param){ .kind = PARAM_INSTANT, .number = instant.us }
                                   : (struct param){ .kind = PARAM_NULL };
}

struct param param_json(json_t *value)
{
    return value ? (struct param){ .kind = PARAM_JSON, .json = value } : (struct param){ .kind = PARAM_NULL };
}

struct param param_bytes(struct bytes bytes)
{
    return bytes.data ? (struct param){ .kind = PARAM_BYTES, .bytes = bytes } : (struct param){ .kind = PARAM_NULL };
}

/* The pool ------------------------------------------------------------------------------------------------------- */

struct db *db_open(const char *conninfo, int size)
{
    struct db *db = calloc(1, sizeof *db);
    pthread_condattr_t clock;

    assert(db && size > 0);
    db->conninfo = conninfo;
    db->size = size;
    db->idle = calloc((size_t)size, sizeof *db->idle);
    assert(db->idle);
    pthread_mutex_init(&db->lock, NULL);
    pthread_condattr_init(&clock);
    pthread_condattr_setclock(&clock, CLOCK_MONOTONIC);
    pthread_cond_init(&db->freed, &clock);
    pthread_condattr_destroy(&clock);
    return db;
}

void db_close(struct db *db)
{
    if (!db)
        return;
    while (db->idle_count)
        PQfinish(db->idle[--db->idle_count]);
    pthread_cond_destroy(&db->freed);
    pthread_mutex_destroy(&db->lock);
    free(db->idle);
    free(db);
}

static void notice(void *unused, const PGresult *result)
{
    (void)unused;
    const char *message = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
    log_warn(NULL, "db.notice", "%s", message ? message : "");
}

/* That the wait for a standby was cut short is said as a warning alone; the COMMIT succeeds all the same. */
static void commit_notice(void *local, const PGresult *result)
{
    const char *severity = PQresultErrorField(result, PG_DIAG_SEVERITY_NONLOCALIZED);

    *(bool *)local |= severity && !strcmp(severity, "WARNING");
    notice(NULL, result);
}

static PGconn *connect_once(const struct db *db)
{
    const char *keywords[] = { "connect_timeout", "keepalives_idle", "tcp_user_timeout", "target_session_attrs",
        "fallback_application_name", "gssencmode", "dbname", NULL };
    const char *values[] = { "2", "30", "10000", "read-write", "till", "disable", db->conninfo, NULL };

    PGconn *conn = PQconnectdbParams(keywords, values, 1);
    if (PQstatus(conn) == CONNECTION_OK) {
        PQsetNoticeReceiver(conn, notice, NULL);
        return conn;
    }
    log_warn(NULL, "db.connect", "%s", PQerrorMessage(conn));
    PQfinish(conn);
    return NULL;
}

/* Whether an idle connection was closed by the server: then its socket has something to read, its last words first. */
static bool still_alive(PGconn *conn)
{
    struct pollfd fd = { .fd = PQsocket(conn), .events = POLLIN };

    while (PQstatus(conn) == CONNECTION_OK && poll(&fd, 1, 0) > 0) {
        if (!PQconsumeInput(conn))
            return false;
    }
    return PQstatus(conn) == CONNECTION_OK;
}

static void drop(struct db *db, PGconn *conn)
{
    PQfinish(conn);
    pthread_mutex_lock(&db->lock);
    db->open_count--;
    pthread_cond_signal(&db->freed);
    pthread_mutex_unlock(&db->lock);
}

static void give_back(struct db *db, PGconn *conn)
{
    if (PQstatus(conn) != CONNECTION_OK || PQtransactionStatus(conn) != PQTRANS_IDLE) {
        drop(db, conn);
        return;
    }
    pthread_mutex_lock(&db->lock);
    db->idle[db->idle_count++] = conn;
    pthread_cond_signal(&db->freed);
    pthread_mutex_unlock(&db->lock);
}

/* An idle connection, or the right to open one (*open). False when neither came free in time. */
static bool reserve(struct db *db, PGconn **conn, bool *open)
{
    struct timespec until;
    bool got = true;

    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += ACQUIRE_MS / 1000;
    *open = false;
    *conn = NULL;
    pthread_mutex_lock(&db->lock);
    while (got && !db->idle_count && db->open_count >= db->size)
        got = pthread_cond_timedwait(&db->freed, &db->lock, &until) == 0;
    if (db->idle_count) {
        *conn = db->idle[--db->idle_count];
        got = true;
    } else if (db->open_count < db->size) {
        db->open_count++;
        *open = true;
        got = true;
    }
    pthread_mutex_unlock(&db->lock);
    return got;
}

static struct error *unavailable(struct ctx *ctx, const char *cause)
{
    struct error *error = error_new(ctx, E_UNAVAILABLE, "The service is busy; please try again in a moment.");

    error->retry_after = 1;
    return error_cause(ctx, error, "%s", cause);
}

/* *open says whether the connection was opened for this. */
static struct error *acquire(struct ctx *ctx, PGconn **out, bool *open)
{
    struct db *db = ctx->db;

    for (;;) {
        if (!reserve(db, out, open))
            return unavailable(ctx, "no database connection came free");
        if (!*open && still_alive(*out))
            return NULL;
        if (!*open) {
            drop(db, *out);
            continue;
        }
        *out = connect_once(db);
        if (*out)
            return NULL;
        pthread_mutex_lock(&db->lock);
        db->open_count--;
        pthread_cond_signal(&db->freed);
        pthread_mutex_unlock(&db->lock);
        return unavailable(ctx, "the database cannot be reached");
    }
}

/* Running a statement --------------------------------------------------------------------------------------------- */

static bool starts_with(const char *text, const char *prefix)
{
    return strncmp(text, prefix, strlen(prefix)) == 0;
}

/* Errors that pass: the server goes down or comes up, has no room, was waited for too long. */
static bool is_passing(const char *state)
{
    static const char *const states[] = { "08", "57P", "53", "55P03", "57014", "40001", "40P01", "25006" };

    for (size_t i = 0; i < sizeof states / sizeof *states; i++)
        if (starts_with(state, states[i]))
            return true;
    return false;
}

static struct error *failure(struct ctx *ctx, const struct sql *sql, PGconn *conn, const PGresult *result)
{
    const char *state = result ? PQresultErrorField(result, PG_DIAG_SQLSTATE) : NULL;
    const char *message = result ? PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY) : NULL;
    const char *constraint = result ? PQresultErrorField(result, PG_DIAG_CONSTRAINT_NAME) : NULL;
    struct error *error;

    state = state ? state : "";
    if (ctx->tx && (!strcmp(state, "40001") || !strcmp(state, "40P01")))
        ctx->tx->conflict = true;
    if (PQstatus(conn) != CONNECTION_OK || is_passing(state)) {
        error = unavailable(ctx, "");
    } else if (!strcmp(state, "23505")) {
        error = error_new(ctx, E_CONFLICT, "This already exists.");
    } else {
        error = error_new(ctx, E_DB_ERROR, "The database did not do its part.");
    }
    error->constraint = constraint ? arena_strdup(ctx->arena, constraint) : NULL;
    return error_cause(ctx, error, "%s (%s): %s %s", sql->name, sql->file, state,
        message ? message : PQerrorMessage(conn));
}

static void clear_result(void *result)
{
    PQclear(result);
}

static const char *param_value(struct ctx *ctx, const struct param *param, int *length, int *format)
{
    *length = 0;
    *format = 0;
    switch (param->kind) {
    case PARAM_NULL:
        return NULL;
    case PARAM_TEXT:
        return param->text;
    case PARAM_INT:
        return arena_printf(ctx->arena, "%lld", (long long)param->number);
    case PARAM_BOOL:
        return param->number ? "t" : "f";
    case PARAM_INSTANT:
        return instant_format(ctx->arena, (struct instant){ param->number }, true);
    case PARAM_JSON:
        return json_text(ctx, param->json);
    case PARAM_BYTES:
        *length = (int)param->bytes.length;
        *format = 1;
        return (const char *)param->bytes.data;
    }
    return NULL;
}

static struct error *run_on(struct ctx *ctx, PGconn *conn, const struct sql *sql, struct params params, PGresult **out)
{
    const char **values = arena_array(ctx->arena, params.count + 1, sizeof *values);
    int *lengths = arena_array(ctx->arena, params.count + 1, sizeof *lengths);
    int *formats = arena_array(ctx->arena, params.count + 1, sizeof *formats);

    for (size_t i = 0; i < params.count; i++)
        values[i] = param_value(ctx, &params.list[i], &lengths[i], &formats[i]);
    *out = PQexecParams(conn, sql->text, (int)params.count, NULL, values, lengths, formats, 0);
    if (*out)
        arena_defer(ctx->arena, clear_result, *out);
    if (PQresultStatus(*out) == PGRES_TUPLES_OK || PQresultStatus(*out) == PGRES_COMMAND_OK)
        return NULL;
    return failure(ctx, sql, conn, *out);
}

static struct error *run(struct ctx *ctx, const struct sql *sql, struct params params, PGresult **out)
{
    PGconn *conn;
    bool open;

    if (ctx->tx)
        return run_on(ctx, ctx->tx->conn, sql, params, out);
    TRY(acquire(ctx, &conn, &open));
    struct error *error = run_on(ctx, conn, sql, params, out);
    give_back(ctx->db, conn);
    return error;
}

/* Rows into structs ----------------------------------------------------------------------------------------------- */

static struct bytes unescape(struct ctx *ctx, const char *text)
{
    size_t length;
    unsigned char *raw = PQunescapeBytea((const unsigned char *)text, &length);
    uint8_t *copy = arena_alloc(ctx->arena, length + 1);

    assert(raw);
    memcpy(copy, raw, length);
    wipe(raw, length);
    PQfreemem(raw);
    return (struct bytes){ copy, length };
}

static void set_money(struct money *money, const struct field *field, const PGresult *result, int row, const char *text)
{
    char own[64];
    int column;

    snprintf(own, sizeof own, "%s_currency", field->name);
    column = PQfnumber(result, own);
    if (column < 0)
        column = PQfnumber(result, "currency");
    assert(column >= 0);
    *money = (struct money){ 0 };
    if (!text)
        return;
    money->minor = strtoll(text, NULL, 10);
    snprintf(money->currency, sizeof money->currency, "%s", PQgetvalue(result, row, column));
}

static void set_enum(unsigned *out, const struct field *field, const char *text)
{
    int index = text ? name_index(field->names, text) : 0;

    assert(index >= 0); // the schema's CHECK and the table of names have drifted apart
    *out = (unsigned)index;
}

static void set_member(struct ctx *ctx, const struct field *field, const PGresult *result, int row, int column,
    void *out)
{
    const char *text = PQgetisnull(result, row, column) ? NULL : PQgetvalue(result, row, column);
    void *member = (char *)out + field->offset;

    switch (field->kind) {
    case FIELD_TEXT:
        *(const char **)member = text;
        break;
    case FIELD_INT:
        *(int64_t *)member = text ? strtoll(text, NULL, 10) : 0;
        break;
    case FIELD_INT32:
        *(int *)member = text ? (int)strtol(text, NULL, 10) : 0;
        break;
    case FIELD_BOOL:
        *(bool *)member = text && *text == 't';
        break;
    case FIELD_ENUM:
        set_enum(member, field, text);
        break;
    case FIELD_MONEY:
        set_money(member, field, result, row, text);
        break;
    case FIELD_INSTANT:
        *(struct instant *)member = (struct instant){ 0 };
        assert(!text || instant_parse(text, member));
        break;
    case FIELD_JSON:
        *(json_t **)member = text ? json_in(ctx->arena, json_loads(text, JSON_DECODE_ANY, NULL)) : NULL;
        break;
    case FIELD_BYTES:
        *(struct bytes *)member = text ? unescape(ctx, text) : (struct bytes){ 0 };
        break;
    case FIELD_NONE:
    case FIELD_OBJECT:
    case FIELD_LIST:
        assert(false && "a column is flat");
    }
}

static void set_row(struct ctx *ctx, const struct field *columns, const PGresult *result, int row, void *out)
{
    for (const struct field *field = columns; field->kind != FIELD_NONE; field++) {
        int column = PQfnumber(result, field->name);
        assert(column >= 0);
        set_member(ctx, field, result, row, column, out);
    }
}

struct error *db_maybe(struct ctx *ctx, const struct sql *sql, struct params params, const struct field *columns,
    void *out, bool *found)
{
    PGresult *result;

    TRY(run(ctx, sql, params, &result));
    *found = PQntuples(result) > 0;
    if (*found)
        set_row(ctx, columns, result, 0, out);
    return NULL;
}

struct error *db_one(struct ctx *ctx, const struct sql *sql, struct params params, const struct field *columns,
    void *out)
{
    bool found;

    TRY(db_maybe(ctx, sql, params, columns, out, &found));
    return found ? NULL : error_new(ctx, E_NOT_FOUND, "There is no such object.");
}

struct error *db_list(struct ctx *ctx, const struct sql *sql, struct params params, const struct field *columns,
    size_t size, struct field_list *out)
{
    PGresult *result;

    TRY(run(ctx, sql, params, &result));
    out->count = (size_t)PQntuples(result);
    out->items = arena_array(ctx->arena, out->count + 1, size);
    for (int row = 0; row < PQntuples(result); row++)
        set_row(ctx, columns, result, row, (char *)out->items + (size_t)row * size);
    return NULL;
}

struct error *db_exec(struct ctx *ctx, const struct sql *sql, struct params params, int64_t *affected)
{
    PGresult *result;

    TRY(run(ctx, sql, params, &result));
    if (affected)
        *affected = strtoll(PQcmdTuples(result), NULL, 10);
    return NULL;
}

/* Transactions ---------------------------------------------------------------------------------------------------- */

struct tx *tx_new(struct ctx *ctx)
{
    struct tx *tx = arena_alloc(ctx->arena, sizeof *tx);

    tx->joined = ctx->tx;
    return tx;
}

struct error *tx_begin(struct ctx *ctx, struct tx *tx)
{
    static const struct sql begin = { "begin", __FILE__,
        "BEGIN; SET LOCAL lock_timeout = '2s'; SET LOCAL idle_in_transaction_session_timeout = '10s';"
        " SELECT pg_current_xact_id()::text, " SERVER_RUN };

    if (tx->joined)
        return NULL;
    tx->conflict = false;
    tx->hooks = NULL;
    tx->runs++;
    for (bool open, again = false;; again = true) {
        TRY(acquire(ctx, &tx->conn, &open));
        PGresult *result = PQexec(tx->conn, begin.text);
        if (PQresultStatus(result) == PGRES_TUPLES_OK) {
            tx->xid = arena_strdup(ctx->arena, PQgetvalue(result, 0, 0));
            tx->server_run = arena_strdup(ctx->arena, PQgetvalue(result, 0, 1));
            PQclear(result);
            ctx->tx = tx;
            return NULL;
        }
        if (open || again || PQstatus(tx->conn) == CONNECTION_OK) {
            struct error *error = failure(ctx, &begin, tx->conn, result);
            PQclear(result);
            drop(ctx->db, tx->conn);
            return error;
        }
        PQclear(result); // the server went away before anything was done: the next connection may be good
        drop(ctx->db, tx->conn);
    }
}

static void sleep_ms(int64_t ms)
{
    struct timespec time = { .tv_sec = ms / 1000, .tv_nsec = (ms % 1000) * 1000000 };

    nanosleep(&time, NULL);
}

/* What became of a transaction whose COMMIT was not answered. A server that crashed gives the numbers of what it lost to new
 * transactions, whose fate says nothing of ours: then it stays unknown, and whoever asked finds out by asking again. So it does
 * when a standby has taken over, which may never have heard of it. What is looked up writes a little itself, so that the answer
 * waits for the standby as the commit would have done. */
static struct error *look_up_commit(struct ctx *ctx, const struct tx *tx)
{
    SQL(status,
        "SELECT CASE WHEN " SERVER_RUN " = $2 THEN coalesce(pg_xact_status($1::xid8), 'unknown')"
        "            ELSE 'restarted' END AS text, pg_logical_emit_message(true, 'till', '')");
    struct answer {
        const char *text;
    } answer = { "unknown" };
    static const struct field columns[] = { FIELD(struct answer, text), FIELD_END };
    int64_t until = monotonic_ms() + COMMIT_LOOKUP_MS;
    bool restarted = false;

    while (!restarted && monotonic_ms() < until) {
        struct error *error = db_one(ctx, &status, PARAMS(P(tx->xid), P(tx->server_run)), columns, &answer);
        assert(answer.text);
        if (!error && !strcmp(answer.text, "committed"))
            return NULL;
        if (!error && !strcmp(answer.text, "aborted"))
            return unavailable(ctx, "the connection broke before the commit");
        restarted = !error && !strcmp(answer.text, "restarted");
        if (!restarted)
            sleep_ms(100);
    }
    struct error *error = unavailable(ctx,
        restarted ? "the server crashed during the commit" : "the commit was not answered and could not be looked up");
    error->outcome = "unknown";
    return error;
}

static struct error *commit(struct ctx *ctx, struct tx *tx)
{
    static const struct sql statement = { "commit", __FILE__, "COMMIT" };
    bool local = false;

    PQsetNoticeReceiver(tx->conn, commit_notice, &local);
    PGresult *result = PQexec(tx->conn, statement.text);
    PQsetNoticeReceiver(tx->conn, notice, NULL);
    bool done = PQresultStatus(result) == PGRES_COMMAND_OK && !strcmp(PQcmdStatus(result), "COMMIT");
    bool lost = !done && PQstatus(tx->conn) != CONNECTION_OK;
    struct error *error = done || lost ? NULL : failure(ctx, &statement, tx->conn, result);

    PQclear(result);
    ctx->tx = NULL;
    if (lost) {
        drop(ctx->db, tx->conn);
        return look_up_commit(ctx, tx);
    }
    give_back(ctx->db, tx->conn);
    if (done && local) { // it is lost if the standby takes over now
        error = unavailable(ctx, "the commit did not reach the standby");
        error->outcome = "unknown";
    }
    return error;
}

struct error *tx_end(struct ctx *ctx, struct tx *tx, struct error *error)
{
    if (tx->joined)
        return error;
    assert(ctx->tx == tx);
    if (error) {
        PQclear(PQexec(tx->conn, "ROLLBACK"));
        ctx->tx = NULL;
        give_back(ctx->db, tx->conn);
        return error;
    }
    TRY(commit(ctx, tx));
    for (struct hook *hook = tx->hooks; hook; hook = hook->next)
        hook->call(hook->argument);
    return NULL;
}

bool tx_again(struct ctx *ctx, struct tx *tx, struct error *error)
{
    uint8_t jitter;

    (void)ctx;
    if (tx->joined || !error || !tx->conflict || tx->runs >= MAX_RUNS)
        return false;
    crypto_random(&jitter, sizeof jitter);
    sleep_ms((int64_t)tx->runs * 5 + jitter % 20);
    return true;
}

void tx_after_commit(struct ctx *ctx, void (*call)(void *), void *argument)
{
    if (!ctx->tx) {
        call(argument);
        return;
    }
    struct hook *hook = arena_alloc(ctx->arena, sizeof *hook);
    *hook = (struct hook){ ctx->tx->hooks, call, argument };
    ctx->tx->hooks = hook;
}
