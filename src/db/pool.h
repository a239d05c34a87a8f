#ifndef TILL_DB_POOL_H
#define TILL_DB_POOL_H

#include <libpq-fe.h>
#include <stdbool.h>
#include <stdint.h>

/* Tells one run of the server from the next: it changes when the server starts, and when it recovers from a crash of a process. */
#define SERVER_RUN                                                                                                     \
    "(SELECT concat(extract(epoch FROM pg_postmaster_start_time()), '/', extract(epoch FROM stats_reset))"             \
    " FROM pg_stat_wal)"

/* How long the server waits for a lock, and for us within a transaction: of this transaction alone, or of the connection. And that it
 * compiles no plan: a page of a list among ten million is found in half a millisecond, and believed to be worth twenty of compiling. */
#define SERVER_LIMITS(of_transaction)                                                                                  \
    "set_config('lock_timeout', '2s', " of_transaction "),"                                                            \
    " set_config('idle_in_transaction_session_timeout', '10s', " of_transaction "),"                                   \
    " set_config('jit', 'off', " of_transaction ")"

struct arena;
struct db;

/* A connection, in pipeline mode: what it does not yet know the answer of waits in a list. */
struct conn {
    PGconn *pg;
    bool keeps_statements; // no pooler may give the next transaction to another server
    char *server_run;      // the run of the server that it ends with; NULL behind a pooler
    bool worn;             // not for another user: what it has prepared fits no longer
    bool cut;              // libpq could not send, and does not yet call the connection bad
    bool warned;           // the server has given a warning since this was last unset
    uint8_t *prepared;     // marks of each statement on the program's list
    struct arena *scratch; // for the parameters of one statement
    struct reply *first, *last;
};

/* An idle connection, or a new one: *opened says that it was made for this. NULL with *why when none is to be had within 2 s. */
struct conn *pool_take(struct db *db, bool *opened, const char **why);

/* Whether what was asked last may have got lost on the way, there or back. */
bool pool_is_lost(const struct conn *conn);

/* Gives it back, or closes it when it is broken or in a transaction. */
void pool_give_back(struct db *db, struct conn *conn);
void pool_drop(struct db *db, struct conn *conn);

#endif
