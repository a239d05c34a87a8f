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
#include "db/group.h"
#include "db/pool.h"
#include "db/tx.h"
#include "db/wire.h"

#define MAX_WAITING 64 // statements of a transaction whose answers are not yet there

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

/* Outside a transaction. */
static struct error *receive_alone(struct ctx *ctx, struct conn *conn)
{
    conn->warned = false;
    const struct reply *failed = wire_receive(ctx, conn);
    struct error *error = failed ? tx_failure(ctx, conn, failed) : conn->warned ? tx_not_on_standby(ctx) : NULL;

    pool_give_back(ctx->db, conn);
    return error;
}

static struct error *run(struct ctx *ctx, const struct question *questions, size_t count, struct reply **replies)
{
    struct conn *conn;
    bool opened;

    if (ctx->tx && ctx->tx->member)
        return group_ask(ctx, questions, count, replies);
    if (ctx->tx) {
        for (size_t i = 0; i < count; i++)
            replies[i] = tx_send(ctx, questions[i].sql, &questions[i].params, 1);
        return tx_settle(ctx);
    }
    TRY(tx_take_conn(ctx, &conn, &opened));
    for (size_t i = 0; i < count; i++)
        replies[i] = wire_send(ctx, conn, questions[i].sql, &questions[i].params, 1);
    return receive_alone(ctx, conn);
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

/* Mostly columns come in the order in which their members are listed, so that the search begins where the one before it ended.
 * PQfnumber() copies the name at each call. -1 for none. */
static int column_from(const PGresult *result, int first, const char *name)
{
    int count = PQnfields(result);

    for (int i = 0; i < count; i++) {
        int column = (first + i) % count;
        if (!strcmp(PQfname(result, column), name))
            return column;
    }
    return -1;
}

static void set_money(struct money *money, const struct field *field, const PGresult *result, int row, const char *text)
{
    char own[64];
    int column;

    snprintf(own, sizeof own, "%s_currency", field->name);
    column = column_from(result, 0, own);
    if (column < 0)
        column = column_from(result, 0, "currency");
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
    int column = -1;

    for (const struct field *field = columns; field->kind != FIELD_NONE; field++) {
        column = column_from(result, column + 1, field->name);
        assert(column >= 0);
        set_member(ctx, field, result, row, column, out);
    }
}

static int reply_rows(const struct reply *reply)
{
    return reply->part ? reply->rows : PQntuples(reply->result);
}

/* What was received goes at once: a request may then wait for a provider, and many wait at the same time. */
static void take_row(struct ctx *ctx, const struct field *columns, struct reply *reply, void *out, bool *found)
{
    *found = reply_rows(reply) > 0;
    if (*found)
        set_row(ctx, columns, reply->result, reply->row, out);
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

static void take_rows(struct ctx *ctx, const struct field *columns, size_t size, struct reply *reply,
    struct field_list *out)
{
    out->count = (size_t)reply_rows(reply);
    out->items = arena_array(ctx->arena, out->count + 1, size);
    for (size_t row = 0; row < out->count; row++)
        set_row(ctx, columns, reply->result, reply->row + (int)row, (char *)out->items + row * size);
    wire_forget(reply);
}

struct error *db_list(struct ctx *ctx, const struct sql *sql, struct params params, const struct field *columns,
    size_t size, struct field_list *out)
{
    struct reply *reply;

    TRY(run_one(ctx, sql, params, &reply));
    take_rows(ctx, columns, size, reply, out);
    return NULL;
}

struct error *db_list_rows(struct ctx *ctx, const struct sql *sql, const struct params *rows, size_t count,
    const struct field *columns, size_t size, struct field_list *out)
{
    struct conn *conn;
    bool opened;

    assert(!ctx->tx);
    TRY(tx_take_conn(ctx, &conn, &opened));
    struct reply *reply = wire_send(ctx, conn, sql, rows, count);
    TRY(receive_alone(ctx, conn));
    take_rows(ctx, columns, size, reply, out);
    return NULL;
}

struct error *db_exec(struct ctx *ctx, const struct sql *sql, struct params params, int64_t *affected)
{
    struct reply *reply;

    TRY(run_one(ctx, sql, params, &reply));
    if (affected)
        *affected = sql->rows ? reply_rows(reply) : strtoll(PQcmdTuples(reply->result), NULL, 10);
    wire_forget(reply);
    return NULL;
}

struct error *db_send_rows(struct ctx *ctx, const struct sql *sql, const struct params *rows, size_t count)
{
    if (!ctx->tx) {
        struct conn *conn;
        bool opened;

        TRY(tx_take_conn(ctx, &conn, &opened));
        wire_send(ctx, conn, sql, rows, count)->unread = true;
        return receive_alone(ctx, conn);
    }
    if (ctx->tx->member)
        return group_send(ctx, sql, rows, count);
    tx_send(ctx, sql, rows, count)->unread = true;
    return ctx->tx->waiting < MAX_WAITING ? NULL : tx_settle(ctx);
}

struct error *db_send(struct ctx *ctx, const struct sql *sql, struct params params)
{
    return db_send_rows(ctx, sql, &params, 1);
}

struct error *db_ask(struct ctx *ctx, const struct question *questions, size_t count)
{
    struct reply **replies = arena_array(ctx->arena, count, sizeof(struct reply *));

    TRY(run(ctx, questions, count, replies));
    for (size_t i = 0; i < count; i++)
        take_row(ctx, questions[i].columns, replies[i], questions[i].out, questions[i].found);
    return NULL;
}
