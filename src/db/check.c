#include "db/check.h"

#include <libpq-fe.h>
#include <string.h>

#include "base/arena.h"
#include "base/ctx.h"
#include "db/db.h"
#include "db/wire.h"

static const struct field facts_columns[] = {
    FIELD(struct db_facts, version),
    FIELD(struct db_facts, clock_us),
    FIELD(struct db_facts, superuser),
    FIELD(struct db_facts, creates),
    FIELD(struct db_facts, role),
    FIELD(struct db_facts, changeable),
    FIELD_END,
};

struct error *db_facts(struct ctx *ctx, struct db_facts *out)
{
    SQL(facts,
        "SELECT current_setting('server_version_num')::bigint AS version,"
        "       (extract(epoch FROM clock_timestamp()) * 1000000)::bigint AS clock_us,"
        "       (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) AS superuser,"
        "       coalesce(has_schema_privilege(current_schema, 'CREATE'), false) AS creates,"
        "       current_user::text AS role,"
        "       (SELECT string_agg(t || ' ' || p, ', ' ORDER BY t, p)"
        "          FROM unnest(ARRAY['ledger_entries', 'ledger_lines', 'audit_log', 'audit_chain', 'events']) t,"
        "               unnest(ARRAY['UPDATE', 'DELETE', 'TRUNCATE']) p"
        "         WHERE to_regclass(t) IS NOT NULL AND has_table_privilege(to_regclass(t), p)) AS changeable");

    return db_one(ctx, &facts, NO_PARAMS, facts_columns, out);
}

static void close_connection(void *conn)
{
    PQfinish(conn);
}

/* Why the server refuses a statement, NULL when it does not. */
static const char *refusal(struct ctx *ctx, PGconn *conn, const char *text)
{
    PGresult *result = PQprepare(conn, "", text, 0, NULL);
    const char *why = NULL;

    if (PQresultStatus(result) != PGRES_COMMAND_OK) {
        const char *message = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
        why = arena_strdup(ctx->arena, message ? message : PQerrorMessage(conn));
    }
    PQclear(result);
    return why;
}

struct error *db_check_statements(struct ctx *ctx, const char *conninfo, struct field_list *out)
{
    size_t count;
    const struct sql *const *list = sql_list(&count);
    struct bad_statement *bad = arena_array(ctx->arena, count + 1, sizeof *bad);
    PGconn *conn = PQconnectdb(conninfo);

    arena_defer(ctx->arena, close_connection, conn);
    *out = (struct field_list){ .items = bad };
    if (PQstatus(conn) != CONNECTION_OK)
        return error_cause(ctx, error_new(ctx, E_UNAVAILABLE, "the database cannot be reached"), "%s",
            PQerrorMessage(conn));
    for (size_t i = 0; i < count; i++) {
        const char *why = refusal(ctx, conn, list[i]->text);
        if (!why && list[i]->rows)
            why = refusal(ctx, conn, wire_text(list[i], true));
        if (why)
            bad[out->count++] = (struct bad_statement){ list[i]->name, list[i]->file, why };
    }
    return NULL;
}
