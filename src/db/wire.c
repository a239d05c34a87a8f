#include "db/wire.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/ctx.h"
#include "base/instant.h"

/* Which statements are prepared ------------------------------------------------------------------------------------- */

struct place {
    const struct sql *sql;
    bool has_switch;
};

static struct {
    pthread_once_t once;
    struct place *places; // by address
    size_t count;
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

static void find_places(void)
{
    const struct sql *const *list = sql_list(&known.count);

    known.places = calloc(known.count, sizeof *known.places);
    if (!known.places)
        abort();
    for (size_t i = 0; i < known.count; i++)
        known.places[i] = (struct place){ list[i], has_switch(list[i]->text) };
    qsort(known.places, known.count, sizeof *known.places, by_address);
}

/* A number for a statement that is prepared, -1 for one that is not: it is none of the list, or its parameters can switch conditions
 * off, so that it wants a plan for those it comes with. */
static int prepared_as(const struct sql *sql)
{
    struct place key = { .sql = sql }, *found;

    pthread_once(&known.once, find_places);
    found = bsearch(&key, known.places, known.count, sizeof *known.places, by_address);
    return found && !found->has_switch ? (int)(found - known.places) : -1;
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
static const char *array_text(struct ctx *ctx, struct texts texts)
{
    struct buf out = { .arena = ctx->arena };

    buf_byte(&out, '{');
    for (size_t i = 0; i < texts.count; i++) {
        buf_text(&out, i ? "," : "");
        if (texts.list[i])
            quote(&out, texts.list[i]);
        else
            buf_text(&out, "NULL");
    }
    buf_byte(&out, '}');
    return buf_string(&out);
}

static const char *param_value(struct ctx *ctx, const struct param *param, int *length, int *format)
{
    *length = 0;
    *format = 0;
    switch (param->kind) {
    case PARAM_NULL:
        return NULL;
    case PARAM_TEXT:
        return param->text;
    case PARAM_INT:
        return arena_printf(ctx->arena, "%lld", (long long)param->number);
    case PARAM_BOOL:
        return param->number ? "t" : "f";
    case PARAM_INSTANT:
        return instant_format(ctx->arena, (struct instant){ param->number }, true);
    case PARAM_JSON:
        return json_text(ctx, param->json);
    case PARAM_TEXTS:
        return array_text(ctx, param->texts);
    case PARAM_BYTES:
        *length = (int)param->bytes.length;
        *format = 1;
        return (const char *)param->bytes.data;
    }
    return NULL;
}

/* Out and back ------------------------------------------------------------------------------------------------------ */

static struct reply *expect(struct ctx *ctx, struct conn *conn, const struct sql *sql, bool prepares, int sent)
{
    struct reply *reply = arena_alloc(ctx->arena, sizeof *reply);

    *reply = (struct reply){ .sql = sql, .prepares = prepares, .sent = sent == 1, .unread = prepares };
    if (conn->last)
        conn->last->next = reply;
    else
        conn->first = reply;
    conn->last = reply;
    return reply;
}

/* libpq copies the parameters into what it is to send; what they are written into here is not needed any longer then, while the
 * arena of a request lives until a provider has answered. */
static int send(struct ctx *ctx, struct conn *conn, const struct sql *sql, const char *name, struct params params)
{
    struct ctx own = *ctx;
    own.arena = conn->scratch;
    const char **values = arena_array(own.arena, params.count + 1, sizeof *values);
    int *lengths = arena_array(own.arena, params.count + 1, sizeof *lengths);
    int *formats = arena_array(own.arena, params.count + 1, sizeof *formats);

    for (size_t i = 0; i < params.count; i++)
        values[i] = param_value(&own, &params.list[i], &lengths[i], &formats[i]);
    int sent = name ? PQsendQueryPrepared(conn->pg, name, (int)params.count, values, lengths, formats, 0)
                    : PQsendQueryParams(conn->pg, sql->text, (int)params.count, NULL, values, lengths, formats, 0);
    arena_reset(conn->scratch);
    return sent;
}

struct reply *wire_send(struct ctx *ctx, struct conn *conn, const struct sql *sql, struct params params)
{
    int number = conn->keeps_statements ? prepared_as(sql) : -1;
    char name[32];

    if (number < 0)
        return expect(ctx, conn, sql, false, send(ctx, conn, sql, NULL, params));
    snprintf(name, sizeof name, "till_%d", number);
    if (!conn->prepared[number]) {
        expect(ctx, conn, sql, true, PQsendPrepare(conn->pg, name, sql->text, 0, NULL));
        conn->prepared[number] = 1; // taken back when the answer is another
    }
    return expect(ctx, conn, sql, false, send(ctx, conn, sql, name, params));
}

void wire_forget(struct reply *reply)
{
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
            conn->prepared[prepared_as(reply->sql)] = 0;
    }
    conn->first = conn->last = NULL;
    if (synced)
        PQclear(PQgetResult(conn->pg)); // the end of the batch
    return failed;
}
