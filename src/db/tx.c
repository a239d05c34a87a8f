#include "db/tx.h"

#include <assert.h>
#include <libpq-fe.h>
#include <string.h>
#include <time.h>

#include "base/arena.h"
#include "base/crypto.h"
#include "base/ctx.h"
#include "db/group.h"

#define COMMIT_LOOKUP_MS 5000
#define MAX_RUNS 4 // the first and three more

struct hook {
    struct hook *next;
    void (*call)(void *argument);
    void *argument;
};

/* What can go wrong ----------------------------------------------------------------------------------------------- */

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

struct error *tx_unavailable(struct ctx *ctx, const char *cause)
{
    struct error *error = error_new(ctx, E_UNAVAILABLE, "The service is busy; please try again in a moment.");

    error->retry_after = 1;
    return error_cause(ctx, error, "%s", cause);
}

struct error *tx_failure(struct ctx *ctx, struct conn *conn, const struct reply *reply)
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
        error = tx_unavailable(ctx, "");
    } else if (!strcmp(state, "23505")) {
        error = error_new(ctx, E_CONFLICT, "This already exists.");
    } else {
        error = error_new(ctx, E_DB_ERROR, "The database did not do its part.");
    }
    error->constraint = constraint ? arena_strdup(ctx->arena, constraint) : NULL;
    return error_cause(ctx, error, "%s (%s): %s %s", reply->sql->name, reply->sql->file, state,
        message ? message : PQerrorMessage(conn->pg));
}

struct error *tx_take_conn(struct ctx *ctx, struct conn **out, bool *opened)
{
    const char *why;

    *out = pool_take(ctx->db, opened, &why);
    return *out ? NULL : tx_unavailable(ctx, why);
}

/* Out and back ---------------------------------------------------------------------------------------------------- */

/* What opens a transaction goes out with its first statement. */
static struct conn *begun(struct ctx *ctx)
{
    static const struct sql begin = { .name = "begin", .file = __FILE__, .text = "BEGIN" };
    SQL(start, "SELECT pg_current_xact_id()::text");
    SQL(start_behind_pooler, "SELECT pg_current_xact_id()::text, " SERVER_RUN ", " SERVER_LIMITS("true"));
    struct tx *tx = ctx->tx;

    if (!tx->begun) {
        wire_send(ctx, tx->conn, &begin, &NO_PARAMS, 1)->unread = true;
        tx->start = wire_send(ctx, tx->conn, tx->conn->server_run ? &start : &start_behind_pooler, &NO_PARAMS, 1);
        tx->begun = true;
    }
    tx->waiting++;
    return tx->conn;
}

struct reply *tx_send(struct ctx *ctx, const struct sql *sql, const struct params *rows, size_t count)
{
    return wire_send(ctx, begun(ctx), sql, rows, count);
}

struct reply *tx_send_values(struct ctx *ctx, const struct sql *sql, const struct values *const *lists, size_t count)
{
    return wire_send_values(ctx, begun(ctx), sql, lists, count);
}

struct error *tx_settle(struct ctx *ctx)
{
    struct tx *tx = ctx->tx;
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
    return tx_failure(ctx, tx->conn, failed);
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
    TRY(tx_take_conn(ctx, &tx->conn, &tx->fresh));
    ctx->tx = tx;
    return NULL;
}

struct error *tx_begin_shared(struct ctx *ctx, struct tx *tx, struct shared_keys keys)
{
    if (tx->joined)
        return NULL;
    *tx = (struct tx){ .runs = tx->runs + 1, .alone = tx->alone };
    if (!tx->alone)
        TRY(group_enter(ctx, tx, keys));
    if (!tx->member) {
        struct error *error = tx_take_conn(ctx, &tx->conn, &tx->fresh);
        if (error && tx->entered)
            group_leave();
        TRY(error);
    }
    ctx->tx = tx;
    return NULL;
}

static void sleep_ms(int64_t ms)
{
    struct timespec time = { .tv_sec = ms / 1000, .tv_nsec = (ms % 1000) * 1000000 };

    nanosleep(&time, NULL);
}

/* That the wait for a standby was cut short is said as a warning alone; the commit succeeds all the same, and is lost if the standby
 * takes over now. */
struct error *tx_not_on_standby(struct ctx *ctx)
{
    struct error *error = tx_unavailable(ctx, "the commit did not reach the standby");

    error->outcome = "unknown";
    return error;
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
            return tx_unavailable(ctx, "the connection broke before the commit");
        restarted = !error && !strcmp(answer.text, "restarted");
        if (!restarted)
            sleep_ms(100);
    }
    struct error *error = tx_unavailable(ctx,
        restarted ? "the server crashed during the commit" : "the commit was not answered and could not be looked up");
    error->outcome = "unknown";
    return error;
}

/* What was sent and not answered is done before it is undone; where something of it failed, the first ROLLBACK is left out. */
void tx_roll_back(struct ctx *ctx)
{
    static const struct sql statement = { .name = "rollback", .file = __FILE__, .text = "ROLLBACK" };
    struct tx *tx = ctx->tx;

    for (int i = 0; i < 2 && tx->begun && !pool_is_lost(tx->conn); i++) {
        if (i && PQtransactionStatus(tx->conn->pg) == PQTRANS_IDLE)
            break;
        wire_send(ctx, tx->conn, &statement, &NO_PARAMS, 1)->unread = true;
        wire_receive(ctx, tx->conn);
    }
    ctx->tx = NULL;
    pool_give_back(ctx->db, tx->conn);
}

/* The transaction's number is known before it is asked to commit, so that its fate can be looked up. */
struct error *tx_commit(struct ctx *ctx)
{
    static const struct sql statement = { .name = "commit", .file = __FILE__, .text = "COMMIT" };
    struct tx *tx = ctx->tx;
    struct error *error = tx->xid || !tx->begun ? NULL : tx_settle(ctx);

    if (error || !tx->begun) {
        tx_roll_back(ctx);
        return error;
    }
    tx->conn->warned = false;
    struct reply *answer = wire_send(ctx, tx->conn, &statement, &NO_PARAMS, 1);
    const struct reply *failed = wire_receive(ctx, tx->conn);
    bool done = !failed && !strcmp(PQcmdStatus(answer->result), "COMMIT");
    if (!done && pool_is_lost(tx->conn)) {
        ctx->tx = NULL;
        pool_drop(ctx->db, tx->conn);
        return look_up_commit(ctx, tx);
    }
    if (!done) {
        error = tx_failure(ctx, tx->conn, failed ? failed : answer);
        tx_roll_back(ctx);
        return error;
    }
    wire_forget(answer);
    bool warned = tx->conn->warned;
    ctx->tx = NULL;
    pool_give_back(ctx->db, tx->conn);
    return warned ? tx_not_on_standby(ctx) : NULL;
}

struct error *db_send_shared(struct ctx *ctx, const struct sql *sql, struct params params)
{
    struct tx *tx = tx_new(ctx);
    struct error *error;

    if (ctx->tx)
        return db_send(ctx, sql, params);
    TRY(group_enter(ctx, tx, (struct shared_keys){ { NULL } }));
    if (!tx->member) {
        error = db_send(ctx, sql, params);
        group_leave();
        return error;
    }
    ctx->tx = tx;
    error = group_end(ctx, group_send(ctx, sql, &params, 1));
    return tx->again ? db_send(ctx, sql, params) : error;
}

static struct error *end(struct ctx *ctx, struct error *error)
{
    if (!error)
        return tx_commit(ctx);
    tx_roll_back(ctx);
    return error;
}

struct error *tx_end(struct ctx *ctx, struct tx *tx, struct error *error)
{
    if (tx->joined)
        return error;
    assert(ctx->tx == tx);
    error = tx->member ? group_end(ctx, error) : end(ctx, error);
    if (tx->entered)
        group_leave();
    TRY(error);
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
