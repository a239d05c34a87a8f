#ifndef TILL_DB_WIRE_H
#define TILL_DB_WIRE_H

#include "db/db.h"
#include "db/pool.h"

/* Statements on their way to the server and their answers back: any number go out together, and one round trip brings the answers
 * of all. One that fails has the server leave out those behind it. */
struct reply {
    struct reply *next;
    const struct sql *sql;
    bool prepares;    // it is the answer to having the statement prepared
    bool sent;        // false when libpq did not take it
    bool unread;      // nobody looks at it unless it is a failure: it goes as soon as it was received
    PGresult *result; // as long as ctx->arena, once it was received; NULL when the connection broke before
};

/* Puts a statement behind those that wait to be sent. */
struct reply *wire_send(struct ctx *ctx, struct conn *conn, const struct sql *sql, struct params params);

/* Sends what waits and gets all answers. The first that is not good, or NULL. */
struct reply *wire_receive(struct ctx *ctx, struct conn *conn);

/* Frees what was received, for one whose values have been taken. */
void wire_forget(struct reply *reply);

#endif
