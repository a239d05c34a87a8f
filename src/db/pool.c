#include "db/pool.h"

#include <assert.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/arena.h"
#include "base/log.h"
#include "db/db.h"

#define TAKE_MS 2000

struct db {
    const char *conninfo;
    int size;
    pthread_mutex_t lock;
    pthread_cond_t freed;
    struct conn **idle;
    int idle_count;
    int open_count;
};

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

static void close_conn(struct conn *conn)
{
    PQfinish(conn->pg);
    arena_free(conn->scratch);
    free(conn->prepared);
    free(conn->server_run);
    free(conn);
}

void db_close(struct db *db)
{
    if (!db)
        return;
    while (db->idle_count)
        close_conn(db->idle[--db->idle_count]);
    pthread_cond_destroy(&db->freed);
    pthread_mutex_destroy(&db->lock);
    free(db->idle);
    free(db);
}

static void notice(void *conn, const PGresult *result)
{
    const char *severity = PQresultErrorField(result, PG_DIAG_SEVERITY_NONLOCALIZED);
    const char *message = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);

    ((struct conn *)conn)->warned |= severity && !strcmp(severity, "WARNING");
    log_warn(NULL, "db.notice", "%s", message ? message : "");
}

/* A pooler makes up the process number that it tells us. */
static bool is_direct(PGconn *pg)
{
    PGresult *result = PQexec(pg, "SELECT pg_backend_pid()");
    bool direct =
        PQresultStatus(result) == PGRES_TUPLES_OK && strtol(PQgetvalue(result, 0, 0), NULL, 10) == PQbackendPID(pg);

    PQclear(result);
    return direct;
}

/* What a transaction would have to ask and set each time, once for all that this connection will see: no connection outlives its
 * server. Behind a pooler each transaction has its own. */
static void settle_in(struct conn *conn)
{
    conn->keeps_statements = is_direct(conn->pg);
    if (!conn->keeps_statements)
        return;
    PGresult *result = PQexec(conn->pg, "SELECT " SERVER_RUN ", " SERVER_LIMITS("false"));
    if (PQresultStatus(result) == PGRES_TUPLES_OK)
        conn->server_run = strdup(PQgetvalue(result, 0, 0));
    PQclear(result);
}

static struct conn *connect_once(const struct db *db)
{
    const char *keywords[] = { "connect_timeout", "keepalives_idle", "tcp_user_timeout", "target_session_attrs",
        "fallback_application_name", "gssencmode", "dbname", NULL };
    const char *values[] = { "2", "30", "10000", "read-write", "till", "disable", db->conninfo, NULL };
    struct conn *conn = calloc(1, sizeof *conn);
    size_t count;

    sql_list(&count);
    assert(conn);
    conn->prepared = calloc(count, 1);
    assert(conn->prepared);
    conn->scratch = arena_new();
    conn->pg = PQconnectdbParams(keywords, values, 1);
    if (PQstatus(conn->pg) == CONNECTION_OK) {
        PQsetNoticeReceiver(conn->pg, notice, conn);
        settle_in(conn);
        if (PQenterPipelineMode(conn->pg))
            return conn;
    }
    log_warn(NULL, "db.connect", "%s", PQerrorMessage(conn->pg));
    close_conn(conn);
    return NULL;
}

/* Whether an idle connection was closed by the server: then its socket has something to read, its last words first. */
static bool still_alive(PGconn *pg)
{
    struct pollfd fd = { .fd = PQsocket(pg), .events = POLLIN };

    while (PQstatus(pg) == CONNECTION_OK && poll(&fd, 1, 0) > 0) {
        if (!PQconsumeInput(pg))
            return false;
    }
    return PQstatus(pg) == CONNECTION_OK;
}

static void forget_one(struct db *db)
{
    pthread_mutex_lock(&db->lock);
    db->open_count--;
    pthread_cond_signal(&db->freed);
    pthread_mutex_unlock(&db->lock);
}

void pool_drop(struct db *db, struct conn *conn)
{
    close_conn(conn);
    forget_one(db);
}

bool pool_is_lost(const struct conn *conn)
{
    return conn->cut || PQstatus(conn->pg) != CONNECTION_OK;
}

void pool_give_back(struct db *db, struct conn *conn)
{
    if (conn->worn || pool_is_lost(conn) || PQtransactionStatus(conn->pg) != PQTRANS_IDLE) {
        pool_drop(db, conn);
        return;
    }
    pthread_mutex_lock(&db->lock);
    db->idle[db->idle_count++] = conn;
    pthread_cond_signal(&db->freed);
    pthread_mutex_unlock(&db->lock);
}

/* An idle connection, or the right to open one (*open). False when neither came free in time. */
static bool reserve(struct db *db, struct conn **conn, bool *open)
{
    struct timespec until;
    bool got = true;

    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += TAKE_MS / 1000;
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

struct conn *pool_take(struct db *db, bool *opened, const char **why)
{
    struct conn *conn;

    for (;;) {
        if (!reserve(db, &conn, opened)) {
            *why = "no database connection came free";
            return NULL;
        }
        if (!*opened && still_alive(conn->pg))
            return conn;
        if (!*opened) {
            pool_drop(db, conn);
            continue;
        }
        conn = connect_once(db);
        if (!conn) {
            forget_one(db);
            *why = "the database cannot be reached";
        }
        return conn;
    }
}
