#include "access/saved_view.h"

#include <string.h>

#include "base/ctx.h"
#include "base/id.h"
#include "base/utf8.h"
#include "db/db.h"
#include "events/audit.h"

#define MAX_NAME 60
#define MAX_QUERY 1000

static struct error *check(struct ctx *ctx, const char *name, const char *query)
{
    static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~%+=&:";
    struct error *error = NULL;

    if (!name || !name[strspn(name, " ")])
        error_add_field(ctx, &error, "#/name", "is needed, to find it again");
    else if (strlen(name) > MAX_NAME || !utf8_is_valid(name))
        error_add_field(ctx, &error, "#/name", "must have at most %d characters", MAX_NAME);
    if (!query || !*query || strlen(query) > MAX_QUERY || strspn(query, allowed) != strlen(query))
        error_add_field(ctx, &error, "#/query", "must be filters of this list; choose some first");
    return error;
}

static struct error *put(struct ctx *ctx, const char *screen, const char *name, const char *query)
{
    SQL(keep,
        "INSERT INTO saved_views AS v (id, owner, screen, name, query, created_at)"
        "SELECT $1, $2, $3, $4, $5, $6"
        " WHERE (SELECT count(*) FROM saved_views WHERE owner = $2 AND screen = $3 AND name <> $4) < $7"
        "    ON CONFLICT (owner, screen, name) DO UPDATE SET query = excluded.query");
    const char *id = id_new(ctx, "view");
    int64_t affected;

    TRY(db_exec(ctx, &keep,
        PARAMS(P(id), P(ctx->principal.id), P(screen), P(name), P(query), P(ctx->now), P(SAVED_VIEWS_AT_MOST)),
        &affected));
    if (!affected) {
        struct error *error = NULL;
        error_add_field(ctx, &error, "#/name", "is one too many: %d views are kept; delete one first",
            SAVED_VIEWS_AT_MOST);
        return error;
    }
    return audit_add(ctx, "view.saved", id, NULL);
}

struct error *saved_view_put(struct ctx *ctx, const char *screen, const char *name, const char *query)
{
    TRY(check(ctx, name, query));
    return IN_TX(ctx, put(ctx, screen, name, query));
}

struct error *saved_view_list(struct ctx *ctx, const char *screen, struct field_list *out)
{
    SQL(list,
        "SELECT id, screen, name, query, created_at FROM saved_views WHERE owner = $1 AND screen = $2 ORDER BY name"
        " LIMIT $3");
    static const struct field columns[] = {
        FIELD(struct saved_view, id),
        FIELD(struct saved_view, screen),
        FIELD(struct saved_view, name),
        FIELD(struct saved_view, query),
        FIELD(struct saved_view, created_at),
        FIELD_END,
    };

    return db_list(ctx, &list, PARAMS(P(ctx->principal.id), P(screen), P(SAVED_VIEWS_AT_MOST)), columns,
        sizeof(struct saved_view), out);
}

static struct error *delete_own(struct ctx *ctx, const char *id)
{
    SQL(remove, "DELETE FROM saved_views WHERE id = $1 AND owner = $2");
    int64_t affected;

    TRY(db_exec(ctx, &remove, PARAMS(P(id), P(ctx->principal.id)), &affected));
    return affected ? audit_add(ctx, "view.deleted", id, NULL) : error_new(ctx, E_NOT_FOUND, "There is no such view.");
}

struct error *saved_view_delete(struct ctx *ctx, const char *id)
{
    return IN_TX(ctx, delete_own(ctx, id));
}
