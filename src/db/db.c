#include "db/db.h"

#include <assert.h>
#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/arena.h"
#include "base/crypto.h"
#include "base/ctx.h"
#include "db/pool.h"
#include "db/wire.h"

#define COMMIT_LOOKUP_MS 5000
#define MAX_RUNS 4     // the first and three more
#define MAX_WAITING 64 // statements of a transaction whose answers are not yet there

struct hook {
    struct hook *next;
    void (*call)(void *argument);
    void *argument;
};

struct tx {
    struct tx *joined; // the transaction this one is part of
    struct conn *conn;
    struct reply *start; // answered with the first statement that waits
    const char *xid, *server_run;
    int waiting; // statements that were not yet answered
    int runs;
    bool fresh; // the connection was opened for this
    bool begun;
    bool again; // the work may be done once more
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

struct param param_texts(struct texts texts)
{
    return (struct param){ .kind = PARAM_TEXTS, .texts = texts };
}

struct param param_bytes(struct bytes bytes)
{
    return bytes.data ? (struct param){ .kind = PARAM_BYTES, .bytes = bytes } : (struct param){ .kind = PARAM_NULL };
}

/* Running a statement --------------------------------------------------------------------------------------------- */

static bool starts_with(const char *text, const char *prefix)
{
    return strncmp(text, prefix, strlen(prefix)) == 0;
}

static bool is_one_of(const char *state, const char *const *states)
{
    while (*states && !starts_with(state, *states))
        states++;
    return *states != NULL;
}

/* The server goes down or comes up, has no room, was waited for too long. */
static const char *const passing[] = { "08", "57P", "53", "55P03", "57014", "40001", "40P01", "25006", "0A000", "26000",
    NULL };
/* Others were faster, or the schema has changed under a statement that was prepared. */
static const char *const good_next_time[] = { "40001", "40P01", "0A000", "26000", NULL };
static const char *const worn_out[] = { "0A000", "26000", NULL };

static struct error *unavailable(struct ctx *ctx, const char *cause)
{
    struct error *error = error_new(ctx, E_UNAVAILABLE, "The service is busy; please try again in a moment.");

    error->retry_after = 1;
    return error_cause(ctx, error, "%s", cause);
}

static struct error *failure(struct ctx *ctx, struct conn *conn, const struct reply *reply)
{
    const PGresult *result = reply->result;
    const char *state = result ? PQresultErrorField(result, PG_DIAG_SQLSTATE) : NULL;
    const char *message = result ? PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY) : NULL;
    const char *constraint = result ? PQresultErrorField(result, PG_DIAG_CONSTRAINT_NAME) : NULL;
    struct error *error;

    state = state ? state : "";
    conn->worn |= is_one_of(state, worn_out);
    if (ctx->tx)
        ctx->tx->again |= is_one_of(state, good_next_time);
    if (pool_is_lost(conn) || is_one_of(state, passing)) {
        error = unavailable(ctx, "");
    } else if (!strcmp(state, "23505")) {
        error = error_new(ctx, E_CONFLICT, "This already exists.");
    } else {
        error = error_new(ctx, E_DB_ERROR, "The database did not do its part.");
    }
    error->constraint = constraint ? arena_strdup(ctx->arena, constraint) : NULL;
    return error_cause(ctx, error, "%s (%s): %s %s", reply->sql->name, reply->sql->file, state,
        message ? message : PQerrorMessage(conn->pg));
}

static struct error *take(struct ctx *ctx, struct conn **out, bool *opened)
{
    const char *why;

    *out = pool_take(ctx->db, opened, &why);
    return *out ? NULL : unavailable(ctx, why);
}

/* Waits for the answers to all that was sent in the transaction. */
static struct error *settle(struct ctx *ctx, struct tx *tx)
{
    struct reply *failed = wire_receive(ctx, tx->conn);
    struct reply *start = tx->start;

    tx->waiting = 0;
    if (!tx->xid && PQresultStatus(start->result) == PGRES_TUPLES_OK) {
        bool behind_pooler = PQnfields(start->result) > 1;
        tx->xid = arena_strdup(ctx->arena, PQgetvalue(start->result, 0, 0));
        tx->server_run =
            arena_strdup(ctx->arena, behind_pooler ? PQgetvalue(start->result, 0, 1) : tx->conn->server_run);
        wire_forget(start);
    }
    if (!failed)
        return NULL;
    if (!tx->xid && !tx->fresh && pool_is_lost(tx->conn))
        tx->again = true; // the server went away before anything was done: the next connection may be good
    return failure(ctx, tx->conn, failed);
}

static struct reply *send_in_tx(struct ctx *ctx, const struct sql *sql, struct params params)
{
    static const struct sql begin = { "begin", __FILE__, "BEGIN" };
    SQL(start, "SELECT pg_current_xact_id()::text");
    SQL(start_behind_pooler, "SELECT pg_current_xact_id()::text, " SERVER_RUN ", " SERVER_LIMITS("true"));
    struct tx *tx = ctx->tx;

    if (!tx->begun) {
        wire_send(ctx, tx->conn, &begin, NO_PARAMS)->unread = true;
        tx->start = wire_send(ctx, tx->conn, tx->conn->server_run ? &start : &start_behind_pooler, NO_PARAMS);
        tx->begun = true;
    }
    tx->waiting++;
    return wire_send(ctx, tx->conn, sql, params);
}

static struct error *run(struct ctx *ctx, const struct question *questions, size_t count, struct reply **replies)
{
    struct conn *conn;
    bool opened;

    if (ctx->tx) {
        for (size_t i = 0; i < count; i++)
            replies[i] = send_in_tx(ctx, questions[i].sql, questions[i].params);
        return settle(ctx, ctx->tx);
    }
    TRY(take(ctx, &conn, &opened));
    for (size_t i = 0; i < count; i++)
        replies[i] = wire_send(ctx, conn, questions[i].sql, questions[i].params);
    const struct reply *failed = wire_receive(ctx, conn);
    struct error *error = failed ? failure(ctx, conn, failed) : NULL;
    pool_give_back(ctx->db, conn);
    return error;
}

static struct error *run_one(struct ctx *ctx, const struct sql *sql, struct params params, struct reply **reply)
{
    struct question question = { .sql = sql, .params = params };

    return run(ctx, &question, 1, reply);
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
        *(const char **)member = text ? arena_strdup(ctx->arena, text) : NULL;
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

/* What was received goes at once: a request may then wait for a provider, and many wait at the same time. */
static void take_row(struct ctx *ctx, const struct field *columns, struct reply *reply, void *out, bool *found)
{
    *found = PQntuples(reply->result) > 0;
    if (*found)
        set_row(ctx, columns, reply->result, 0, out);
    wire_forget(reply);
}

struct error *db_maybe(struct ctx *ctx, const struct sql *sql, struct params params, const struct field *columns,
    void *out, bool *found)
{
    struct reply *reply;

    TRY(run_one(ctx, sql, params, &reply));
    take_row(ctx, columns, reply, out, found);
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
    struct reply *reply;

    TRY(run_one(ctx, sql, params, &reply));
    out->count = (size_t)PQntuples(reply->result);
    out->items = arena_array(ctx->arena, out->count + 1, size);
    for (size_t row = 0; row < out->count; row++)
        set_row(ctx, columns, reply->result, (int)row, (char *)out->items + row * size);
    wire_forget(reply);
    return NULL;
}

struct error *db_exec(struct ctx *ctx, const struct sql *sql, struct params params, int64_t *affected)
{
    struct reply *reply;

    TRY(run_one(ctx, sql, params, &reply));
    if (affected)
        *affected = strtoll(PQcmdTuples(reply->result), NULL, 10);
    wire_forget(reply);
    return NULL;
}

struct error *db_send(struct ctx *ctx, const struct sql *sql, struct params params)
{
    if (!ctx->tx)
        return db_exec(ctx, sql, params, NULL);
    send_in_tx(ctx, sql, params)->unread = true;
    return ctx->tx->waiting < MAX_WAITING ? NULL : settle(ctx, ctx->tx);
}

struct error *db_ask(struct ctx *ctx, const struct question *questions, size_t count)
{
    struct reply **replies = arena_array(ctx->arena, count, sizeof(struct reply *));

    TRY(run(ctx, questions, count, replies));
    for (size_t i = 0; i < count; i++)
        take_row(ctx, questions[i].columns, replies[i], questions[i].out, questions[i].found);
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
    if (tx->joined)
        return NULL;
    *tx = (struct tx){ .runs = tx->runs + 1 };
    TRY(take(ctx, &tx->conn, &tx->fresh));
    ctx->tx = tx;
    return NULL;
}

static void sleep_ms(int64_t ms)
{
    struct timespec time = { .tv_sec = ms / 1000, .tv_nsec = (ms % 1000) * 1000000 };

    nanosleep(&time, NULL);
}

/* That the wait for a standby was cut short is said as a warning alone; the COMMIT succeeds all the same. */
static void commit_notice(void *local, const PGresult *result)
{
    const char *severity = PQresultErrorField(result, PG_DIAG_SEVERITY_NONLOCALIZED);

    *(bool *)local |= severity && !strcmp(severity, "WARNING");
    pool_notice(NULL, result);
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

/* What was sent and not answered is done before it is undone; where something of it failed, the first ROLLBACK is left out. */
static void roll_back(struct ctx *ctx, struct tx *tx)
{
    static const struct sql statement = { "rollback", __FILE__, "ROLLBACK" };

    for (int i = 0; i < 2 && tx->begun && !pool_is_lost(tx->conn); i++) {
        if (i && PQtransactionStatus(tx->conn->pg) == PQTRANS_IDLE)
            break;
        wire_send(ctx, tx->conn, &statement, NO_PARAMS)->unread = true;
        wire_receive(ctx, tx->conn);
    }
    ctx->tx = NULL;
    pool_give_back(ctx->db, tx->conn);
}

/* The transaction's number is known before it is asked to commit, so that its fate can be looked up. */
static struct error *commit(struct ctx *ctx, struct tx *tx)
{
    static const struct sql statement = { "commit", __FILE__, "COMMIT" };
    struct error *error = tx->xid || !tx->begun ? NULL : settle(ctx, tx);
    bool local = false;

    if (error || !tx->begun) {
        roll_back(ctx, tx);
        return error;
    }
    PQsetNoticeReceiver(tx->conn->pg, commit_notice, &local);
    struct reply *answer = wire_send(ctx, tx->conn, &statement, NO_PARAMS);
    const struct reply *failed = wire_receive(ctx, tx->conn);
    PQsetNoticeReceiver(tx->conn->pg, pool_notice, NULL);
    bool done = !failed && !strcmp(PQcmdStatus(answer->result), "COMMIT");
    if (!done && pool_is_lost(tx->conn)) {
        ctx->tx = NULL;
        pool_drop(ctx->db, tx->conn);
        return look_up_commit(ctx, tx);
    }
    if (!done) {
        error = failure(ctx, tx->conn, failed ? failed : answer);
        roll_back(ctx, tx);
        return error;
    }
    wire_forget(answer);
    ctx->tx = NULL;
    pool_give_back(ctx->db, tx->conn);
    if (local) { // it is lost if the standby takes over now
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
        roll_back(ctx, tx);
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
    if (tx->joined || !error || !tx->again || tx->runs >= MAX_RUNS)
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
