#ifndef TILL_DB_WIRE_H
#define TILL_DB_WIRE_H

#include "db/db.h"
#include "db/pool.h"

/* Statements on their way to the server and their answers back: any number go out together, and one round trip brings the answers
 * of all. One that fails has the server leave out those behind it. */
struct reply {
    struct reply *next;
    const struct sql *sql;
    uint8_t prepares; // it is the answer to having the statement prepared: the mark of that in conn->prepared
    bool sent;        // false when libpq did not take it
    bool unread;      // nobody looks at it unless it is a failure: it goes as soon as it was received
    PGresult *result; // as long as ctx->arena, once it was received; NULL when the connection broke before
    bool part;        // of it the `rows` from `row` on are the answer, and it is freed by whoever has the whole
    int row, rows;
};

/* Parameters as libpq takes them; of a statement for rows, those of several one after the other. */
struct values {
    size_t width, rows;
    size_t bytes; // of the texts
    const char **texts;
    int *lengths, *formats;
};

/* In ctx->arena; `keep` has what the parameters point to copied too. */
struct values wire_values(struct ctx *ctx, const struct sql *sql, const struct params *rows, size_t count, bool keep);

/* What is sent; `one`: of a statement for rows, for one row. */
const char *wire_text(const struct sql *sql, bool one);

/* Puts a statement behind those that wait to be sent; `count` is 1 unless it is for rows. */
struct reply *wire_send(struct ctx *ctx, struct conn *conn, const struct sql *sql, const struct params *rows,
    size_t count);

/* The same with the rows of several. */
struct reply *wire_send_values(struct ctx *ctx, struct conn *conn, const struct sql *sql,
    const struct values *const *lists, size_t count);

/* Sends what waits and gets all answers. The first that is not good, or NULL. */
struct reply *wire_receive(struct ctx *ctx, struct conn *conn);

/* Frees what was received, for one whose values have been taken. */
void wire_forget(struct reply *reply);

#endif
