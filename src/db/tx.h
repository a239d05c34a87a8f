#ifndef TILL_DB_TX_H
#define TILL_DB_TX_H

#include "db/db.h"
#include "db/pool.h"
#include "db/wire.h"

struct member;

/* An open transaction. Of a shared one (db/group.h) each request has one of these, whose statements go to the group; the
 * group's own has the connection. */
struct tx {
    struct tx *joined; // the transaction this one is part of
    struct conn *conn;
    struct reply *start; // answered with the first statement that waits
    const char *xid, *server_run;
    int waiting; // statements that were not yet answered
    int runs;
    bool fresh; // the connection was opened for this
    bool begun;
    bool again;   // the work may be done once more
    bool alone;   // and then not in a group
    bool entered; // takes one of the places that db/group.h has for transactions at the same time
    struct member *member;
    struct hook *hooks;
};

struct error *tx_unavailable(struct ctx *ctx, const char *cause);
struct error *tx_not_on_standby(struct ctx *ctx);

/* What a statement failed with, in our terms. */
struct error *tx_failure(struct ctx *ctx, struct conn *conn, const struct reply *reply);

/* A connection of the pool, for ctx->tx or for one statement; E_UNAVAILABLE. */
struct error *tx_take_conn(struct ctx *ctx, struct conn **out, bool *opened);

/* Puts a statement of ctx->tx, the rows of several of a SQL_ROWS one, behind those that wait to be sent. */
struct reply *tx_send(struct ctx *ctx, const struct sql *sql, const struct params *rows, size_t count);
struct reply *tx_send_values(struct ctx *ctx, const struct sql *sql, const struct values *const *lists, size_t count);

/* Waits for the answers to all that was sent in ctx->tx. */
struct error *tx_settle(struct ctx *ctx);

/* These end ctx->tx, and set it to NULL. */
struct error *tx_commit(struct ctx *ctx);
void tx_roll_back(struct ctx *ctx);

#endif
