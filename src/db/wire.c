#include "db/wire.h"

#include <assert.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/crypto.h"
#include "base/ctx.h"
#include "base/instant.h"

#define PREPARED 1
#define PREPARED_FOR_ONE 2

/* Which statements are prepared ------------------------------------------------------------------------------------- */

struct place {
    const struct sql *sql;
    const char *one; // of one for rows: the text for one row
    bool has_switch;
};

static struct {
    pthread_once_t once;
    struct place *places; // by address
    size_t count;
    struct arena *arena;
} known = { .once = PTHREAD_ONCE_INIT };

static int by_address(const void *a, const void *b)
{
    const struct sql *left = ((const struct place *)a)->sql, *right = ((const struct place *)b)->sql;

    return (left > right) - (left < right);
}

/* Whether a parameter can switch a condition off: ($1::text IS NULL OR …). */
static bool has_switch(const char *text)
{
    while ((text = strstr(text, " IS NULL OR ")) != NULL) {
        const char *word = text;
        while (word[-1] != ' ' && word[-1] != '(')
            word--;
        if (*word == '$')
            return true;
        text++;
    }
    return false;
}

/* A function for each column costs more than all else that a statement does for one row, so that unnest($1::text[], …) becomes
 * (VALUES ($1::text, …)). */
static const char *for_one(const char *text)
{
    static const char from[] = "unnest(", numbered[] = "WITH ORDINALITY ";
    const char *rest = strstr(text, from), *end = rest ? strchr(rest, ')') : NULL;
    struct buf out = { .arena = known.arena };

    assert(end && !strstr(end, from));
    buf_add(&out, text, (size_t)(rest - text));
    buf_text(&out, "(VALUES (");
    for (rest += strlen(from); rest < end; rest++)
        if (*rest != '[' && *rest != ']')
            buf_byte(&out, *rest);
    rest += 1 + strspn(rest + 1, " ");
    bool has_place = !strncmp(rest, numbered, strlen(numbered));
    buf_text(&out, has_place ? ", 1::bigint)) " : ")) ");
    buf_text(&out, has_place ? rest + strlen(numbered) : rest);
    return buf_string(&out);
}

static void find_places(void)
{
    const struct sql *const *list = sql_list(&known.count);

    known.arena = arena_new();
    known.places = arena_array(known.arena, known.count, sizeof *known.places);
    for (size_t i = 0; i < known.count; i++)
        known.places[i] =
            (struct place){ list[i], list[i]->rows ? for_one(list[i]->text) : NULL, has_switch(list[i]->text) };
    qsort(known.places, known.count, sizeof *known.places, by_address);
}

static const struct place *place_of(const struct sql *sql)
{
    struct place key = { .sql = sql };

    pthread_once(&known.once, find_places);
    return bsearch(&key, known.places, known.count, sizeof *known.places, by_address);
}

/* A number for a statement that is prepared, -1 for one that is not: it is none of the list, or its parameters can switch conditions
 * off, so that it wants a plan for those it comes with. */
static int prepared_as(const struct sql *sql)
{
    const struct place *place = place_of(sql);

    return place && !place->has_switch ? (int)(place - known.places) : -1;
}

const char *wire_text(const struct sql *sql, bool one)
{
    return sql->rows && one ? place_of(sql)->one : sql->text;
}

/* Parameters -------------------------------------------------------------------------------------------------------- */

static void quote(struct buf *out, const char *text)
{
    buf_byte(out, '"');
    for (size_t plain; *text; text += plain) {
        plain = strcspn(text, "\"\\");
        buf_add(out, text, plain);
        if (!text[plain])
            break;
        buf_byte(out, '\\');
        buf_byte(out, text[plain++]);
    }
    buf_byte(out, '"');
}

/* An array as PostgreSQL reads it. */
static const char *array_text(struct arena *arena, const char *const *list, size_t count, size_t step)
{
    struct buf out = { .arena = arena };

    buf_byte(&out, '{');
    for (size_t i = 0; i < count; i++) {
        buf_text(&out, i ? "," : "");
        if (list[i * step])
            quote(&out, list[i * step]);
        else
            buf_text(&out, "NULL");
    }
    buf_byte(&out, '}');
    return buf_string(&out);
}

/* As a text that is an element of an array. */
static const char *bytes_text(struct arena *arena, struct bytes bytes)
{
    return arena_printf(arena, "\\x%s", hex_encode(arena, bytes));
}

static const char *copy(struct arena *arena, const void *data, size_t length)
{
    char *own = arena_alloc(arena, length + 1);

    memcpy(own, data, length);
    return own;
}

static const char *param_value(struct ctx *ctx, const struct param *param, bool in_array, bool keep, int *length,
    int *format)
{
    struct arena *arena = ctx->arena;

    *length = 0;
    *format = 0;
    switch (param->kind) {
    case PARAM_NULL:
        return NULL;
    case PARAM_TEXT:
        return keep ? arena_strdup(arena, param->text) : param->text;
    case PARAM_INT:
        return arena_printf(arena, "%lld", (long long)param->number);
    case PARAM_BOOL:
        return param->number ? "t" : "f";
    case PARAM_INSTANT:
        return instant_format(arena, (struct instant){ param->number }, true);
    case PARAM_JSON:
        return json_text(ctx, param->json);
    case PARAM_TEXTS:
        return array_text(arena, param->texts.list, param->texts.count, 1);
    case PARAM_BYTES:
        if (in_array)
            return bytes_text(arena, param->bytes);
        *length = (int)param->bytes.length;
        *format = 1;
        return keep ? copy(arena, param->bytes.data, param->bytes.length) : (const char *)param->bytes.data;
    }
    return NULL;
}

struct values wire_values(struct ctx *ctx, const struct sql *sql, const struct params *rows, size_t count, bool keep)
{
    struct arena *arena = ctx->arena;
    size_t width = rows->count, all = width * count + 1;
    struct values out = { width, count, 0, arena_array(arena, all, sizeof(char *)),
        arena_array(arena, all, sizeof(int)), arena_array(arena, all, sizeof(int)) };

    for (size_t i = 0; i < width * count; i++) {
        out.texts[i] =
            param_value(ctx, &rows[i / width].list[i % width], sql->rows, keep, &out.lengths[i], &out.formats[i]);
        out.bytes += out.texts[i] && !out.formats[i] ? strlen(out.texts[i]) : 0;
    }
    return out;
}

/* Each column of the rows as an array. */
static struct values as_arrays(struct arena *arena, const struct values *const *lists, size_t count)
{
    size_t width = lists[0]->width, all = 0, row = 0;

    for (size_t i = 0; i < count; i++)
        all += lists[i]->rows;
    const char **texts = arena_array(arena, all * width + 1, sizeof *texts);
    struct values out = { width, 1, 0, arena_array(arena, width + 1, sizeof(char *)),
        arena_array(arena, width + 1, sizeof(int)), arena_array(arena, width + 1, sizeof(int)) };

    for (size_t i = 0; i < count; row += lists[i++]->rows)
        memcpy(texts + row * width, lists[i]->texts, lists[i]->rows * width * sizeof *texts);
    for (size_t i = 0; i < width; i++)
        out.texts[i] = array_text(arena, texts + i, all, width);
    return out;
}

/* Out and back ------------------------------------------------------------------------------------------------------ */

static struct reply *expect(struct ctx *ctx, struct conn *conn, const struct sql *sql, uint8_t prepares, int sent)
{
    struct reply *reply = arena_alloc(ctx->arena, sizeof *reply);

    *reply = (struct reply){ .sql = sql, .prepares = prepares, .sent = sent == 1, .unread = prepares != 0 };
    if (conn->last)
        conn->last->next = reply;
    else
        conn->first = reply;
    conn->last = reply;
    return reply;
}

/* Of a statement for rows that for one is another, with a mark of its own. */
static struct reply *send(struct ctx *ctx, struct conn *conn, const struct sql *sql, bool one,
    const struct values *values)
{
    int number = conn->keeps_statements ? prepared_as(sql) : -1, width = (int)values->width;
    uint8_t mark = one ? PREPARED_FOR_ONE : PREPARED;
    const char *text = wire_text(sql, one);
    char name[32];

    if (number < 0)
        return expect(ctx, conn, sql, 0,
            PQsendQueryParams(conn->pg, text, width, NULL, values->texts, values->lengths, values->formats, 0));
    snprintf(name, sizeof name, one ? "till_%d_one" : "till_%d", number);
    if (!(conn->prepared[number] & mark)) {
        expect(ctx, conn, sql, mark, PQsendPrepare(conn->pg, name, text, 0, NULL));
        conn->prepared[number] |= mark; // taken back when the answer is another
    }
    return expect(ctx, conn, sql, 0,
        PQsendQueryPrepared(conn->pg, name, width, values->texts, values->lengths, values->formats, 0));
}

/* libpq copies the parameters into what it is to send; what they are written into here is not needed any longer then, while the
 * arena of a request lives until a provider has answered. */
struct reply *wire_send_values(struct ctx *ctx, struct conn *conn, const struct sql *sql,
    const struct values *const *lists, size_t count)
{
    assert(sql->rows || (count == 1 && lists[0]->rows == 1));
    bool one = count == 1 && lists[0]->rows == 1;
    struct values values = one ? *lists[0] : as_arrays(conn->scratch, lists, count);
    struct reply *reply = send(ctx, conn, sql, sql->rows && one, &values);

    arena_reset(conn->scratch);
    if (!one)
        PQflush(conn->pg); // libpq would collect 64 KB, and keep that much from then on
    return reply;
}

struct reply *wire_send(struct ctx *ctx, struct conn *conn, const struct sql *sql, const struct params *rows,
    size_t count)
{
    struct ctx own = *ctx;
    own.arena = conn->scratch;
    struct values values = wire_values(&own, sql, rows, count, false);

    return wire_send_values(ctx, conn, sql, (const struct values *const[]){ &values }, 1);
}

void wire_forget(struct reply *reply)
{
    if (!reply->part)
        PQclear(reply->result);
    reply->result = NULL;
}

static void forget(void *reply)
{
    wire_forget(reply);
}

static bool is_good(const struct reply *reply)
{
    ExecStatusType status = PQresultStatus(reply->result);

    return reply->result && (status == PGRES_TUPLES_OK || status == PGRES_COMMAND_OK);
}

static void receive_one(struct ctx *ctx, struct conn *conn, struct reply *reply)
{
    PGresult *more;

    if (!reply->sent)
        return;
    reply->result = PQgetResult(conn->pg);
    if (!reply->result)
        return;
    while ((more = PQgetResult(conn->pg)) != NULL)
        PQclear(more);
    if (!reply->unread || !is_good(reply))
        arena_defer(ctx->arena, forget, reply);
}

/* The server's own errors have a state; one without is libpq's. When it could not send, and what it then reads is the last warning of
 * a server that goes down, it says so while it still calls the connection good (PQgetResult in PostgreSQL 15). */
static bool is_of_libpq(const struct reply *reply)
{
    return reply->sent
        && (!reply->result
            || (PQresultStatus(reply->result) == PGRES_FATAL_ERROR
                && !PQresultErrorField(reply->result, PG_DIAG_SQLSTATE)));
}

/* The end of what went out together. Outside a transaction it is committed there, so that what a deferred check says, or a server
 * that goes down, comes after all answers; it counts as that to the last. False when there was such a thing. */
static bool receive_end(struct ctx *ctx, struct conn *conn, struct reply *last)
{
    PGresult *end = PQgetResult(conn->pg);

    if (end && PQresultStatus(end) == PGRES_PIPELINE_SYNC) {
        PQclear(end);
        return true;
    }
    wire_forget(last);
    last->result = end;
    arena_defer(ctx->arena, forget, last);
    conn->cut |= is_of_libpq(last);
    for (int i = 0; end && i < 2; i++)
        PQclear(PQgetResult(conn->pg)); // the end of the failure, and of all
    return false;
}

struct reply *wire_receive(struct ctx *ctx, struct conn *conn)
{
    struct reply *failed = NULL;
    bool synced = PQpipelineSync(conn->pg) == 1;

    ctx->round_trips++;
    for (struct reply *reply = conn->first; reply; reply = reply->next) {
        if (synced)
            receive_one(ctx, conn, reply);
        if (is_good(reply)) {
            if (reply->unread)
                wire_forget(reply);
            continue;
        }
        if (!failed) {
            failed = reply;
            conn->cut |= is_of_libpq(reply);
        }
        if (reply->prepares)
            conn->prepared[prepared_as(reply->sql)] &= (uint8_t)~reply->prepares;
    }
    if (synced && !receive_end(ctx, conn, conn->last) && !failed)
        failed = conn->last;
    conn->first = conn->last = NULL;
    return failed;
}
