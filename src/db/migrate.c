#include "db/migrate.h"

#include <dirent.h>
#include <errno.h>
#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/bytes.h"
#include "base/crypto.h"
#include "base/ctx.h"
#include "db/db.h"

#define NUMBER_DIGITS 4
#define ROLE_PLACEHOLDER "{{app_role}}"
#define MAX_ROLE 63

/* The lock of a session, not of a transaction: it is held across those of all files. */
#define LOCK "SELECT pg_advisory_lock(hashtext('till migrate'))"

struct file {
    int version;
    const char *name;
    const char *text;
    const char *checksum;
};

struct files {
    struct file *list;
    size_t count;
};

/* Reading the directory ------------------------------------------------------------------------------------------- */

static bool ends_with(const char *text, const char *ending)
{
    size_t length = strlen(text), tail = strlen(ending);

    return length >= tail && strcmp(text + length - tail, ending) == 0;
}

/* The number at the front of "0001_ground.sql", 0 when there is none. */
static int number_of(const char *name)
{
    int number = 0;

    for (size_t i = 0; i < NUMBER_DIGITS; i++) {
        if (name[i] < '0' || name[i] > '9')
            return 0;
        number = number * 10 + (name[i] - '0');
    }
    return name[NUMBER_DIGITS] == '_' ? number : 0;
}

static int is_sql(const struct dirent *entry)
{
    return entry->d_name[0] != '.' && ends_with(entry->d_name, ".sql");
}

static struct error *read_file(struct ctx *ctx, const char *path, const char **out)
{
    struct buf text = { .arena = ctx->arena };
    char chunk[8192];
    size_t got;
    FILE *file = fopen(path, "re");

    if (!file)
        return error_new(ctx, E_INTERNAL_ERROR, "%s cannot be read: %s", path, strerror(errno));
    while ((got = fread(chunk, 1, sizeof chunk, file)) > 0)
        buf_add(&text, chunk, got);
    bool failed = ferror(file);
    fclose(file);
    if (failed)
        return error_new(ctx, E_INTERNAL_ERROR, "%s cannot be read: %s", path, strerror(errno));
    *out = buf_string(&text);
    if (strlen(*out) != text.length)
        return error_new(ctx, E_INTERNAL_ERROR, "%s is not a text", path);
    return NULL;
}

static const char *checksum_of(struct ctx *ctx, const char *text)
{
    uint8_t digest[32];

    sha256(bytes_of(text), digest);
    return hex_encode(ctx->arena, (struct bytes){ digest, sizeof digest });
}

static struct error *read_entry(struct ctx *ctx, const char *directory, const char *name, struct files *files)
{
    struct file file = { .version = number_of(name), .name = arena_strdup(ctx->arena, name) };

    if (!file.version)
        return error_new(ctx, E_INTERNAL_ERROR, "%s/%s: a migration is called NNNN_name.sql", directory, name);
    if (files->count && files->list[files->count - 1].version == file.version)
        return error_new(ctx, E_INTERNAL_ERROR, "%s: two migrations have the number %04d", directory, file.version);
    TRY(read_file(ctx, arena_printf(ctx->arena, "%s/%s", directory, name), &file.text));
    file.checksum = checksum_of(ctx, file.text);
    files->list[files->count++] = file;
    return NULL;
}

/* All migrations of the directory by number. */
static struct error *read_directory(struct ctx *ctx, const char *directory, struct files *out)
{
    struct dirent **entries;
    struct error *error = NULL;
    int count = scandir(directory, &entries, is_sql, alphasort);

    if (count < 0)
        return error_new(ctx, E_INTERNAL_ERROR, "%s cannot be read: %s", directory, strerror(errno));
    *out = (struct files){ .list = arena_array(ctx->arena, (size_t)count + 1, sizeof *out->list) };
    for (int i = 0; i < count; i++) {
        if (!error)
            error = read_entry(ctx, directory, entries[i]->d_name, out);
        free(entries[i]);
    }
    free(entries);
    if (!error && !out->count)
        error = error_new(ctx, E_INTERNAL_ERROR, "%s has no migrations", directory);
    return error;
}

/* Talking to the database ----------------------------------------------------------------------------------------- */

static void close_connection(void *conn)
{
    PQfinish(conn);
}

static void clear_result(void *result)
{
    PQclear(result);
}

static const char *first_line(struct ctx *ctx, const char *text)
{
    return arena_strndup(ctx->arena, text, strcspn(text, "\n"));
}

static struct error *connect_owner(struct ctx *ctx, const char *conninfo, PGconn **out)
{
    const char *keywords[] = { "connect_timeout", "fallback_application_name", "dbname", NULL };
    const char *values[] = { "10", "till migrate", conninfo, NULL };
    PGconn *conn = PQconnectdbParams(keywords, values, 1);

    arena_defer(ctx->arena, close_connection, conn);
    if (PQstatus(conn) != CONNECTION_OK)
        return error_new(ctx, E_UNAVAILABLE, "the database cannot be reached as its owner: %s",
            first_line(ctx, PQerrorMessage(conn)));
    *out = conn;
    return NULL;
}

/* Which line of the statement the server complains about, 0 when it does not say. */
static int line_of(const char *text, const PGresult *result)
{
    const char *said = PQresultErrorField(result, PG_DIAG_STATEMENT_POSITION);
    long position = said ? strtol(said, NULL, 10) : 0;
    int line = position > 0 ? 1 : 0;

    // positions count characters, not bytes
    for (; position > 1 && *text; text++) {
        line += *text == '\n';
        position -= (*text & 0xC0) != 0x80;
    }
    return line;
}

static struct error *failure(struct ctx *ctx, const char *what, const char *text, PGconn *conn, const PGresult *result)
{
    const char *message = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
    int line = line_of(text, result);

    message = message ? message : first_line(ctx, PQerrorMessage(conn));
    if (line)
        return error_new(ctx, E_DB_ERROR, "%s, line %d: %s", what, line, message);
    return error_new(ctx, E_DB_ERROR, "%s: %s", what, message);
}

static struct error *run(struct ctx *ctx, PGconn *conn, const char *what, const char *text, const char *const *values,
    int count, PGresult **out)
{
    PGresult *result = PQexecParams(conn, text, count, NULL, values, NULL, NULL, 0);

    arena_defer(ctx->arena, clear_result, result);
    if (PQresultStatus(result) != PGRES_COMMAND_OK && PQresultStatus(result) != PGRES_TUPLES_OK)
        return failure(ctx, what, text, conn, result);
    if (out)
        *out = result;
    return NULL;
}

static struct error *step(struct ctx *ctx, PGconn *conn, const char *what, const char *text)
{
    return run(ctx, conn, what, text, NULL, 0, NULL);
}

/* A migration has many statements, which only the simple protocol takes at once. Its text is ours. */
static struct error *run_script(struct ctx *ctx, PGconn *conn, const char *what, const char *text)
{
    PGresult *result = PQexec(conn, text);

    arena_defer(ctx->arena, clear_result, result);
    if (PQresultStatus(result) != PGRES_COMMAND_OK && PQresultStatus(result) != PGRES_TUPLES_OK)
        return failure(ctx, what, text, conn, result);
    return NULL;
}

/* The role -------------------------------------------------------------------------------------------------------- */

/* A plain identifier means the same bare as quoted, so that it can stand in a migration as it is. */
static bool is_plain(const char *role)
{
    size_t length = strspn(role, "abcdefghijklmnopqrstuvwxyz0123456789_");

    return length && length <= MAX_ROLE && !role[length] && !(role[0] >= '0' && role[0] <= '9');
}

static struct error *check_role(struct ctx *ctx, PGconn *conn, const char *role)
{
    const char *values[] = { role };
    PGresult *result = NULL;

    if (!is_plain(role))
        return error_new(ctx, E_VALIDATION_ERROR,
            "\"%s\" cannot be the application's role: use small letters, digits and _", role);
    TRY(run(ctx, conn, "looking for the application's role",
        "SELECT rolname = current_user FROM pg_roles WHERE rolname = $1", values, 1, &result));
    if (PQntuples(result) == 0)
        return error_new(ctx, E_NOT_FOUND, "there is no role %s: make it with CREATE ROLE %s LOGIN", role, role);
    if (*PQgetvalue(result, 0, 0) == 't')
        return error_new(ctx, E_VALIDATION_ERROR,
            "the application must not own the schema: give DATABASE_URL another role than %s", role);
    return NULL;
}

static const char *with_role(struct ctx *ctx, const char *text, const char *role)
{
    struct buf out = { .arena = ctx->arena };
    const char *found;

    while ((found = strstr(text, ROLE_PLACEHOLDER))) {
        buf_add(&out, text, (size_t)(found - text));
        buf_text(&out, role);
        text = found + strlen(ROLE_PLACEHOLDER);
    }
    buf_text(&out, text);
    return buf_string(&out);
}

static void free_options(void *options)
{
    PQconninfoFree(options);
}

struct error *migrate_role(struct ctx *ctx, const char *conninfo, const char **out)
{
    PQconninfoOption *given = PQconninfoParse(conninfo, NULL);

    // libpq's own words for it quote the address, and with it a password
    if (!given)
        return error_new(ctx, E_VALIDATION_ERROR, "the database's address cannot be understood");
    arena_defer(ctx->arena, free_options, given);
    *out = NULL;
    for (PQconninfoOption *option = given; option->keyword; option++)
        if (!strcmp(option->keyword, "user"))
            *out = option->val;
    if (!*out)
        return error_new(ctx, E_VALIDATION_ERROR, "the database's address does not name a user");
    return NULL;
}

/* Applying -------------------------------------------------------------------------------------------------------- */

static struct error *prepare(struct ctx *ctx, PGconn *conn)
{
    TRY(step(ctx, conn, "preparing", "SET client_min_messages = warning"));
    TRY(step(ctx, conn, "preparing", "SET statement_timeout = 0"));
    TRY(step(ctx, conn, "waiting for another migration", LOCK));
    TRY(step(ctx, conn, "making schema_migrations",
        "CREATE TABLE IF NOT EXISTS schema_migrations ("
        " version integer PRIMARY KEY CHECK (version > 0),"
        " name text NOT NULL,"
        " checksum text NOT NULL,"
        " applied_at timestamptz NOT NULL DEFAULT now())"));
    TRY(step(ctx, conn, "describing schema_migrations",
        "COMMENT ON TABLE schema_migrations IS 'Which files of sql/ this database has.'"));
    TRY(step(ctx, conn, "describing schema_migrations",
        "COMMENT ON COLUMN schema_migrations.version IS 'The number its name begins with.'"));
    TRY(step(ctx, conn, "describing schema_migrations", "COMMENT ON COLUMN schema_migrations.name IS 'File name.'"));
    TRY(step(ctx, conn, "describing schema_migrations",
        "COMMENT ON COLUMN schema_migrations.checksum IS 'SHA-256 of the file as it was applied, in hex.'"));
    return step(ctx, conn, "describing schema_migrations",
        "COMMENT ON COLUMN schema_migrations.applied_at IS 'When it was applied.'");
}

static const struct file *file_of(const struct files *files, int version)
{
    for (size_t i = 0; i < files->count; i++)
        if (files->list[i].version == version)
            return &files->list[i];
    return NULL;
}

/* What was applied must be in the directory, unchanged. *newest is the number of the last one. */
static struct error *check_applied(struct ctx *ctx, PGconn *conn, const struct files *files, int *newest)
{
    PGresult *rows = NULL;

    *newest = 0;
    TRY(run(ctx, conn, "reading schema_migrations",
        "SELECT version, name, checksum FROM schema_migrations ORDER BY version", NULL, 0, &rows));
    for (int i = 0; i < PQntuples(rows); i++) {
        *newest = (int)strtol(PQgetvalue(rows, i, 0), NULL, 10);
        const struct file *file = file_of(files, *newest);
        if (!file)
            return error_new(ctx, E_CONFLICT, "the database has %s, which this version of Till does not know",
                PQgetvalue(rows, i, 1));
        if (strcmp(file->checksum, PQgetvalue(rows, i, 2)) != 0)
            return error_new(ctx, E_CONFLICT,
                "%s was changed after it was applied; put it back and make the change in a new file", file->name);
    }
    for (size_t i = 0; i < files->count && files->list[i].version <= *newest; i++)
        if ((int)i >= PQntuples(rows))
            return error_new(ctx, E_CONFLICT, "a migration was added before %04d, which is already applied", *newest);
    return NULL;
}

static struct error *apply_in_transaction(struct ctx *ctx, PGconn *conn, const struct file *file, const char *role)
{
    const char *values[] = { arena_printf(ctx->arena, "%d", file->version), file->name, file->checksum };

    // a table lock that waits makes everyone behind it wait too
    TRY(step(ctx, conn, file->name, "SET LOCAL lock_timeout = '10s'"));
    TRY(run_script(ctx, conn, file->name, with_role(ctx, file->text, role)));
    return run(ctx, conn, file->name, "INSERT INTO schema_migrations (version, name, checksum) VALUES ($1, $2, $3)",
        values, 3, NULL);
}

static struct error *apply(struct ctx *ctx, PGconn *conn, const struct file *file, const char *role)
{
    TRY(step(ctx, conn, file->name, "BEGIN"));
    struct error *error = apply_in_transaction(ctx, conn, file, role);
    if (!error)
        return step(ctx, conn, file->name, "COMMIT");
    PQclear(PQexec(conn, "ROLLBACK"));
    return error;
}

struct error *migrate(struct ctx *ctx, const char *conninfo, const char *directory, const char *app_role, bool quiet)
{
    struct files files = { 0 };
    PGconn *conn = NULL;
    int newest = 0;

    TRY(read_directory(ctx, directory, &files));
    TRY(connect_owner(ctx, conninfo, &conn));
    TRY(check_role(ctx, conn, app_role));
    TRY(prepare(ctx, conn));
    TRY(check_applied(ctx, conn, &files, &newest));
    for (size_t i = 0; i < files.count; i++) {
        if (files.list[i].version <= newest)
            continue;
        TRY(apply(ctx, conn, &files.list[i], app_role));
        if (!quiet)
            printf("%s\n", files.list[i].name);
    }
    return step(ctx, conn, "granting schema_migrations",
        arena_printf(ctx->arena, "GRANT SELECT ON schema_migrations TO %s", app_role));
}

/* Asking ---------------------------------------------------------------------------------------------------------- */

struct newest {
    int64_t version;
};

struct error *migrate_version(struct ctx *ctx, int *out)
{
    static const struct field columns[] = {
        FIELD(struct newest, version),
        FIELD_END,
    };
    SQL(there,
        "SELECT count(*) AS version"
        "  FROM pg_tables"
        " WHERE tablename = 'schema_migrations' AND schemaname = ANY (current_schemas(false))");
    SQL(newest_applied,
        "SELECT coalesce(max(version), 0) AS version"
        "  FROM schema_migrations");
    struct newest row;

    *out = 0;
    TRY(db_one(ctx, &there, NO_PARAMS, columns, &row));
    if (!row.version)
        return NULL;
    TRY(db_one(ctx, &newest_applied, NO_PARAMS, columns, &row));
    *out = (int)row.version;
    return NULL;
}

int migrate_known_version(void)
{
    return TILL_MIGRATION_VERSION;
}
