#include "pages/admin_audit.h"

#include <stdlib.h>
#include <string.h>

#include "access/user.h"
#include "base/arena.h"
#include "base/csv.h"
#include "base/ctx.h"
#include "db/db.h"
#include "events/audit.h"
#include "pages/admin.h"
#include "pages/admin_view.h"
#include "web/reply.h"
#include "web/request.h"

#define PAGE 50
#define EXPORT_PAGE 500

/* What is looked for ----------------------------------------------------------------------------------------------- */

struct query {
    const char *who, *object, *action, *from, *to;
    int64_t before;
};

const struct field admin_audit_query[] = {
    FIELD(struct query, who, .optional = true, .max = 254,
        .summary = "Id of a user, a key or a job, or a user's e-mail"),
    FIELD(struct query, object, .optional = true, .max = 255, .summary = "Id of what it was done to"),
    FIELD(struct query, action, .optional = true, .max = 100, .summary = "The name, or its beginning up to a dot"),
    FIELD(struct query, from, .optional = true, .max = 10, .summary = "A day, as 2026-11-21"),
    FIELD(struct query, to, .optional = true, .max = 10, .summary = "A day, which is in it"),
    FIELD(struct query, before, .optional = true, .min = 0, .max = INT64_MAX, .summary = "The next page"),
    FIELD_END,
};

/* Midnight in UTC that a day begins with, or ends with. */
static void read_day(struct ctx *ctx, const char *name, const char *text, int64_t days, struct instant *out,
    struct error **error)
{
    if (!text)
        return;
    if (instant_parse(arena_printf(ctx->arena, "%sT00:00:00Z", text), out))
        *out = instant_add_seconds(*out, days * 86400);
    else
        error_add_field(ctx, error, arena_printf(ctx->arena, "query:%s", name), "must be a day like 2026-11-21");
}

/* A person may be named by the address that they sign in with. */
static struct error *read_who(struct ctx *ctx, const char *who, const char **out)
{
    struct user user;
    bool found = false;

    *out = who;
    if (!who || !strchr(who, '@'))
        return NULL;
    TRY(user_by_email(ctx, who, &user, &found));
    *out = found ? user.id : "nobody";
    return NULL;
}

static struct error *read_query(struct request *r, struct query *query, struct audit_filter *filter)
{
    struct error *error = NULL;

    TRY(request_query_fields(r, admin_audit_query, query));
    *filter = (struct audit_filter){ .object = query->object, .action = query->action, .before = query->before };
    TRY(read_who(r->ctx, query->who, &filter->principal));
    read_day(r->ctx, "from", query->from, 0, &filter->from, &error);
    read_day(r->ctx, "to", query->to, 1, &filter->to, &error);
    return error;
}

/* What is shown ---------------------------------------------------------------------------------------------------- */

/* Names of people by their ids. */
static struct error *names_of_users(struct ctx *ctx, json_t **out)
{
    struct field_list list;

    *out = json_in(ctx->arena, json_object());
    TRY(user_list(ctx, &list));
    for (size_t i = 0; i < list.count; i++) {
        const struct user *user = (const struct user *)list.items + i;

        json_object_set_new(*out, user->id, json_string(user->name));
    }
    return NULL;
}

static const char *kind_word(struct ctx *ctx, const char *kind)
{
    static const char *const words[][2] = { { "api_key", "API key" }, { "none", "Nobody signed in" },
        { "command", "Command line" }, { "customer", "Payer" }, { "system", "Till itself" } };

    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (strcmp(words[i][0], kind) == 0)
            return words[i][1];
    }
    return view_words(ctx, kind);
}

static const char *details_text(struct ctx *ctx, const json_t *details)
{
    return details && json_object_size(details) ? json_text(ctx, details) : NULL;
}

/* [{"name", "value"}], as far as the values are plain. */
static json_t *pairs_of(struct ctx *ctx, json_t *details)
{
    json_t *pairs = json_array(), *value;
    const char *name;

    json_object_foreach(details, name, value)
    {
        json_array_append_new(pairs,
            json_pack("{ss, ss}", "name", name, "value",
                json_is_string(value) ? json_string_value(value) : json_text(ctx, value)));
    }
    return pairs;
}

/* What of them is seen before one opens them. */
static const char *first_of(struct ctx *ctx, json_t *pairs)
{
    const json_t *first = json_array_get(pairs, 0);

    return first ? arena_printf(ctx->arena, "%s %s", json_get_text(first, "name"), json_get_text(first, "value")) : "";
}

static const char *or_nothing(const char *text)
{
    return text ? text : "";
}

static json_t *entry_view(struct ctx *ctx, const struct audit_entry *entry, const json_t *names)
{
    const char *name = entry->principal ? json_get_text(names, entry->principal) : NULL;
    const char *object_name = entry->object ? json_get_text(names, entry->object) : NULL;
    json_t *pairs = pairs_of(ctx, entry->details);

    return json_pack("{so, ss, ss, so, so, ss, so, so, so, sb, ss, so, sb}", "at", view_time(ctx, entry->at), "kind",
        kind_word(ctx, entry->principal_kind), "who", name ? name : or_nothing(entry->principal), "who_id",
        view_text(entry->principal), "address", view_text(entry->address), "action", entry->action, "object",
        view_text(entry->object), "object_name", view_text(object_name), "object_link",
        view_text(entry->object ? view_place(ctx, entry->object) : NULL), "has_details", json_array_size(pairs) > 0,
        "first_detail", first_of(ctx, pairs), "details", pairs, "sealed", entry->sealed);
}

static json_t *view_of_query(struct request *r, const struct query *query)
{
    return json_in(r->ctx->arena,
        json_pack("{ss, ss, ss, ss, ss, ss, sb}", "q_who", or_nothing(query->who), "q_object",
            or_nothing(query->object), "q_action", or_nothing(query->action), "q_from", or_nothing(query->from), "q_to",
            or_nothing(query->to), "export",
            view_link(r->ctx, "/admin/audit/export", "who", query->who, "object", query->object, "action",
                query->action, "from", query->from, "to", query->to, NULL),
            "filtered", query->who || query->object || query->action || query->from || query->to));
}

static json_t *pager_of(struct request *r, const struct query *query, int64_t last, bool more)
{
    const char *first = view_link(r->ctx, "/admin/audit", "who", query->who, "object", query->object, "action",
        query->action, "from", query->from, "to", query->to, NULL);
    const char *next =
        view_link(r->ctx, "/admin/audit", "who", query->who, "object", query->object, "action", query->action, "from",
            query->from, "to", query->to, "before", arena_printf(r->ctx->arena, "%lld", (long long)last), NULL);

    return view_pager(query->before ? first : NULL, more ? next : NULL);
}

struct error *admin_audit_page(struct request *r)
{
    struct query query = { 0 };
    struct audit_filter filter;
    struct error *error = read_query(r, &query, &filter);
    json_t *view = view_of_query(r, &query), *entries = json_array(), *names;
    struct field_list list;

    json_object_set_new(view, "entries", entries);
    if (error)
        return admin_refused(r, error, "admin/audit", "Audit log", view);
    filter.limit = PAGE + 1;
    TRY(audit_list(r->ctx, &filter, &list));
    TRY(names_of_users(r->ctx, &names));
    bool more = list.count > PAGE;
    size_t count = more ? PAGE : list.count;
    const struct audit_entry *all = list.items;
    for (size_t i = 0; i < count; i++)
        json_array_append_new(entries, entry_view(r->ctx, all + i, names));
    json_object_set_new(view, "has_entries", json_boolean(count > 0));
    json_object_set_new(view, "pager", pager_of(r, &query, count ? all[count - 1].id : 0, more));
    return admin_page(r, 200, "admin/audit", "Audit log", view);
}

/* All of it -------------------------------------------------------------------------------------------------------- */

static struct error *next_piece(struct ctx *ctx, void *state, struct buf *out, bool *more)
{
    struct audit_filter *filter = state;
    struct field_list list;

    if (!filter->before)
        buf_text(out, "number,at,kind,who,address,action,object,details,request\r\n");
    filter->limit = EXPORT_PAGE;
    TRY(audit_list(ctx, filter, &list));
    for (size_t i = 0; i < list.count; i++) {
        const struct audit_entry *entry = (const struct audit_entry *)list.items + i;

        buf_printf(out, "%lld,%s,", (long long)entry->id, instant_format(ctx->arena, entry->at, true));
        csv_cell(out, entry->principal_kind, ",");
        csv_cell(out, entry->principal, ",");
        csv_cell(out, entry->address, ",");
        csv_cell(out, entry->action, ",");
        csv_cell(out, entry->object, ",");
        csv_cell(out, details_text(ctx, entry->details), ",");
        csv_cell(out, entry->trace, "\r\n");
        filter->before = entry->id;
    }
    *more = list.count == EXPORT_PAGE;
    return NULL;
}

struct error *admin_audit_export(struct request *r)
{
    struct audit_filter *filter = arena_alloc(r->ctx->arena, sizeof(*filter));
    struct query query = { 0 };

    TRY(read_query(r, &query, filter));
    filter->before = 0;
    TRY(audit_add(r->ctx, "audit.exported", NULL, NULL));
    reply_header(r, "Content-Disposition", "attachment; filename=\"audit.csv\"");
    return reply_stream(r, 200, "text/csv; charset=utf-8", next_piece, filter);
}

struct error *admin_audit_verify(struct request *r)
{
    const char *broken, *why;
    int64_t checked, sealed;

    TRY(audit_seal(r->ctx, &sealed));
    TRY(audit_verify(r->ctx, &checked, &broken, &why));
    TRY(audit_add(r->ctx, "audit.verified", NULL,
        json_in(r->ctx->arena, json_pack("{sI, ss*}", "entries", (json_int_t)checked, "broken", broken))));
    if (broken)
        return admin_done(r, "/admin/audit",
            "The log is not as it was written: at entry %s %s. Find out who had the database owner's role, and compare "
            "with a backup.",
            broken, why);
    return admin_done(r, "/admin/audit", "%lld entries, all as they were written.", (long long)checked);
}
