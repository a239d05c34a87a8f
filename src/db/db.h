#ifndef TILL_DB_DB_H
#define TILL_DB_DB_H

#include "base/bytes.h"
#include "base/error.h"
#include "base/field.h"
#include "base/instant.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ctx;

/* A statement. SQL() makes one and puts it on the program's list, which a test and `till doctor` have Postgres parse
 * against the migrated schema. */
struct sql {
    const char *name;
    const char *file;
    const char *text;
    bool rows; // see SQL_ROWS
};

#define SQL(name_, text_)                                                                                              \
    static const struct sql name_ = { #name_, __FILE__, text_, false };                                                \
    static const struct sql *const name_##_listed __attribute__((used, section("till_sql"))) = &name_

/* A statement that does for any number of rows what SQL() does for one: each parameter is an array with a value of each row, for
 * unnest(). Its answers have a column "place": which row, from 1, each is about. Transactions that are shared (IN_SHARED_TX) run it
 * once for all that have come to it; callers give the parameters of their own row and see its answer alone. */
#define SQL_ROWS(name_, text_)                                                                                         \
    static const struct sql name_ = { #name_, __FILE__, text_, .rows = true };                                         \
    static const struct sql *const name_##_listed __attribute__((used, section("till_sql"))) = &name_

/* A condition that is always true, for a SQL_ROWS statement that looks something up for each row. PostgreSQL takes an array that it does
 * not know for ten rows, so that a plan for the one it is given always seems cheaper, and it would plan anew each time. With this it
 * expects one. */
#define PLANNED_ONCE " place BETWEEN 1 AND 1000000"

/* column = 'state', for a SQL_ROWS statement that has an index of all states to go by. An index of the rows in that state alone PostgreSQL
 * believes to be next to empty when few were at the time it last looked, and would read it from end to end for each row. */
#define NOT_BY_STATE(column, state) " " column " IS NOT DISTINCT FROM '" state "'"

/* A condition that is always true, for a statement that stands alone and whose change may be lost when the server crashes in the next
 * moment, because that is as if this process had died before it: its commit does not wait for the disk. */
#define IN_NO_HURRY " AND set_config('synchronous_commit', 'off', true) = 'off'"

/* The list of all statements linked into this program. */
const struct sql *const *sql_list(size_t *count);

enum param_kind { PARAM_NULL, PARAM_TEXT, PARAM_INT, PARAM_BOOL, PARAM_INSTANT, PARAM_JSON, PARAM_BYTES, PARAM_TEXTS };

/* Goes as text[]; a NULL among them is one. */
struct texts {
    const char *const *list;
    size_t count;
};

struct param {
    enum param_kind kind;
    const char *text;
    int64_t number;
    const json_t *json;
    struct bytes bytes;
    struct texts texts;
};

struct params {
    const struct param *list;
    size_t count;
};

struct param param_text(const char *text); // NULL is NULL
struct param param_int(int64_t number);
struct param param_bool(bool value);
struct param param_instant(struct instant instant); // unset is NULL
struct param param_json(json_t *value);             // NULL is NULL
struct param param_bytes(struct bytes bytes);       // data NULL is NULL
struct param param_texts(struct texts texts);

/* clang-format off */
#define P(value)                                                                                                       \
    _Generic((value), const char *: param_text, char *: param_text, int64_t: param_int, int: param_int,                \
        bool: param_bool, struct instant: param_instant, json_t *: param_json, struct bytes: param_bytes,      \
        struct texts: param_texts)(value)
#define PARAMS(...)                                                                                                    \
    ((struct params){ (const struct param[]){ __VA_ARGS__ }, sizeof((const struct param[]){ __VA_ARGS__ }) / sizeof(struct param) })
/* clang-format on */
#define NO_PARAMS ((struct params){ NULL, 0 })

/* A pool of at most `size` connections, made when first needed and kept. One per process, made after fork. */
struct db *db_open(const char *conninfo, int size);
void db_close(struct db *db);

/* Each of these runs one statement: inside ctx->tx when one is open, else on a connection of its own. Rows fill structs
 * by column name (a FIELD_MONEY takes its own column and "currency", or "<name>_currency" where there is one); listed
 * members get a value each time, NULL becomes nothing. Errors: E_UNAVAILABLE when no connection is to be had within 2 s or
 * it broke, E_CONFLICT with the constraint's
 * name for a unique violation, E_DB_ERROR for the rest. */
MUST_CHECK struct error *db_one(struct ctx *ctx, const struct sql *sql, struct params params,
    const struct field *columns, void *out); // E_NOT_FOUND when there is no row
MUST_CHECK struct error *db_maybe(struct ctx *ctx, const struct sql *sql, struct params params,
    const struct field *columns, void *out, bool *found);
/* items: an array of structs of `size` bytes in ctx->arena. */
MUST_CHECK struct error *db_list(struct ctx *ctx, const struct sql *sql, struct params params,
    const struct field *columns, size_t size, struct field_list *out);
/* affected may be NULL. */
MUST_CHECK struct error *db_exec(struct ctx *ctx, const struct sql *sql, struct params params, int64_t *affected);
/* For a statement whose answer says nothing: inside a transaction it goes out together with the next that waits for its answer,
 * or with the commit, and its error comes from there. */
MUST_CHECK struct error *db_send(struct ctx *ctx, const struct sql *sql, struct params params);

/* Outside a transaction, of a SQL_ROWS statement: on its own or, while many are under way, with those of others (IN_SHARED_TX). */
MUST_CHECK struct error *db_send_shared(struct ctx *ctx, const struct sql *sql, struct params params);
/* The same for several rows of one SQL_ROWS statement; at least one. */
MUST_CHECK struct error *db_send_rows(struct ctx *ctx, const struct sql *sql, const struct params *rows, size_t count);

/* The answers to several rows of one, outside a transaction; as db_list. */
MUST_CHECK struct error *db_list_rows(struct ctx *ctx, const struct sql *sql, const struct params *rows, size_t count,
    const struct field *columns, size_t size, struct field_list *out);

/* A statement of several that go out together: all are answered in one round trip, in their order. */
struct question {
    const struct sql *sql;
    struct params params;
    const struct field *columns;
    void *out;
    bool *found;
};
/* Each as db_maybe. A later one sees what those before it have locked and changed; outside a transaction they are one together. */
MUST_CHECK struct error *db_ask(struct ctx *ctx, const struct question *questions, size_t count);

/* One transaction around `work`, an expression that returns struct error *. An error rolls back. The work is done again
 * (at most 3 times) when Postgres reports a serialization conflict or deadlock, or was gone before it was asked anything, so it
 * only reads and writes rows and sets its results afresh. A commit whose connection broke is looked up by its transaction id before anything is said. Inside
 * another IN_TX it simply joins. Calling a provider in it fails an assert. */
/* clang-format off */
#define IN_TX(ctx_, work_)                                                                                             \
    __extension__({                                                                                                    \
        struct tx *tx_ = tx_new(ctx_);                                                                                 \
        struct error *tx_error_;                                                                                       \
        do {                                                                                                           \
            tx_error_ = tx_begin(ctx_, tx_);                                                                           \
            if (!tx_error_)                                                                                            \
                tx_error_ = tx_end(ctx_, tx_, (work_));                                                                \
        } while (tx_again(ctx_, tx_, tx_error_));                                                                      \
        tx_error_;                                                                                                     \
    })
/* clang-format on */
/* The same, and while many such are under way in this process, the database has those of several in one transaction: their
 * statements of a kind go out as one (SQL_ROWS), and one commit is for all. None of two whose keys have a text in common: they would
 * not wait for each other's locks. What one of them fails with is not the others': all are undone, and each is done again alone.
 * At most SHARED_KEYS, NULL for none. */
#define SHARED_KEYS 3
struct shared_keys {
    const char *list[SHARED_KEYS];
};
/* clang-format off */
#define IN_SHARED_TX(ctx_, keys_, work_)                                                                               \
    __extension__({                                                                                                    \
        struct tx *tx_ = tx_new(ctx_);                                                                                 \
        struct error *tx_error_;                                                                                       \
        do {                                                                                                           \
            tx_error_ = tx_begin_shared(ctx_, tx_, (keys_));                                                           \
            if (!tx_error_)                                                                                            \
                tx_error_ = tx_end(ctx_, tx_, (work_));                                                                \
        } while (tx_again(ctx_, tx_, tx_error_));                                                                      \
        tx_error_;                                                                                                     \
    })
/* clang-format on */
struct tx *tx_new(struct ctx *ctx);
MUST_CHECK struct error *tx_begin(struct ctx *ctx, struct tx *tx);
MUST_CHECK struct error *tx_begin_shared(struct ctx *ctx, struct tx *tx, struct shared_keys keys);
MUST_CHECK struct error *tx_end(struct ctx *ctx, struct tx *tx, struct error *error);
bool tx_again(struct ctx *ctx, struct tx *tx, struct error *error);

/* Calls call(argument) once the open transaction has committed; at once when none is open. Used to wake workers. */
void tx_after_commit(struct ctx *ctx, void (*call)(void *), void *argument);

#endif
