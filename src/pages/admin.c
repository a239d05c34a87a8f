#include "pages/admin.h"

#include <stdarg.h>
#include <string.h>

#include "access/session.h"
#include "access/user.h"
#include "base/arena.h"
#include "base/config.h"
#include "base/ctx.h"
#include "base/field.h"
#include "base/log.h"
#include "events/decision.h"
#include "pages/admin_view.h"
#include "web/reply.h"
#include "web/request.h"
#include "web/router.h"

/* Where one can go ------------------------------------------------------------------------------------------------- */

/* The menu, in groups. An entry is there when the route table has its page and the role the page's scope. */
static const struct entry {
    const char *group, *path, *word;
} menu[] = {
    { NULL, "/admin/overview", "Overview" },
    { NULL, "/admin/tasks", "Task inbox" },
    { "Money", "/admin/payments", "Payments" },
    { "Money", "/admin/refunds", "Refunds" },
    { "Money", "/admin/refunds/approvals", "Approvals" },
    { "Money", "/admin/customers", "Customers" },
    { "Money", "/admin/disputes", "Disputes" },
    { "Books", "/admin/reconciliation", "Reconciliation" },
    { "Books", "/admin/reconciliation/payouts", "Payouts" },
    { "Books", "/admin/analytics", "Analytics" },
    { "Books", "/admin/audit", "Audit log" },
    { "Connections", "/admin/webhooks", "Webhooks in" },
    { "Connections", "/admin/webhooks/endpoints", "Webhooks out" },
    { "Connections", "/admin/developers", "Developers" },
    { "Settings", "/admin/users", "Users" },
    { "Settings", "/admin/settings", "Settings" },
    { "Settings", "/admin/doctor", "Doctor" },
};

#define MENU_SIZE (sizeof(menu) / sizeof(menu[0]))

static const struct route *page_at(const char *path)
{
    for (size_t i = 0; i < route_count; i++) {
        if (strcmp(routes[i].path, path) == 0 && strcmp(routes[i].method, "GET") == 0)
            return &routes[i];
    }
    return NULL;
}

static bool is_open(const struct request *r, const struct entry *entry)
{
    const struct route *page = page_at(entry->path);

    return page && admin_may(r, page->scope);
}

static bool is_below(const char *path, const char *parent)
{
    size_t length = strlen(parent);

    return strncmp(path, parent, length) == 0 && (path[length] == '\0' || path[length] == '/');
}

/* The entry that leads nearest to this page. */
static const struct entry *entry_of(const char *path)
{
    const struct entry *nearest = NULL;

    for (size_t i = 0; i < MENU_SIZE; i++) {
        if (is_below(path, menu[i].path) && (!nearest || strlen(menu[i].path) > strlen(nearest->path)))
            nearest = &menu[i];
    }
    return nearest;
}

/* Without the second factor that is required nothing opens. */
static bool is_locked(const struct request *r)
{
    return !r->session->has_second_factor && strcmp(r->ctx->config->second_factor, "required") == 0;
}

/* What waits for a person, for the menu. */
struct waiting {
    int64_t tasks, approvals;
};

static struct error *count_waiting(struct request *r, struct waiting *out)
{
    struct field_list counts;

    *out = (struct waiting){ 0 };
    if (is_locked(r) || !admin_may(r, "decisions:read"))
        return NULL;
    TRY(decision_counts(r->ctx, &counts));
    const struct decision_count *count = counts.items;
    for (size_t i = 0; i < counts.count; i++) {
        out->tasks += count[i].count;
        if (strcmp(count[i].kind, "refund_approval") == 0)
            out->approvals = count[i].count;
    }
    return NULL;
}

static json_t *count_view(const struct waiting *waiting, const char *path)
{
    int64_t count = strcmp(path, "/admin/tasks") == 0   ? waiting->tasks
        : strcmp(path, "/admin/refunds/approvals") == 0 ? waiting->approvals
                                                        : 0;

    return count ? json_integer(count) : json_null();
}

static json_t *nav(struct request *r, const struct waiting *waiting)
{
    const struct entry *current = entry_of(r->path);
    json_t *groups = json_in(r->ctx->arena, json_array()), *entries = NULL;
    const char *group = "";

    if (is_locked(r))
        return groups;

    for (size_t i = 0; i < MENU_SIZE; i++) {
        const char *own = menu[i].group ? menu[i].group : NULL;

        if (!is_open(r, &menu[i]))
            continue;
        if (!entries || (own && strcmp(own, group) != 0)) {
            entries = json_array();
            json_array_append_new(groups, json_pack("{ss?, so}", "group", own, "entries", entries));
            group = own ? own : "";
        }
        json_array_append_new(entries,
            json_pack("{ss, ss, sb, so}", "path", menu[i].path, "word", menu[i].word, "current", &menu[i] == current,
                "count", count_view(waiting, menu[i].path)));
    }
    return groups;
}

struct error *admin_home(struct request *r)
{
    for (size_t i = 0; i < MENU_SIZE; i++) {
        if (is_open(r, &menu[i]))
            return reply_redirect(r, 303, menu[i].path);
    }
    return reply_redirect(r, 303, "/admin/account");
}

bool admin_may(const struct request *r, const char *scope)
{
    return principal_may(&r->ctx->principal, scope);
}

const char *admin_next(struct request *r, const char *next, const char *otherwise)
{
    (void)r;
    if (!next || strlen(next) > 1000 || !is_below(next, "/admin") || strstr(next, "//") || strstr(next, ".."))
        return otherwise;
    for (const char *c = next; *c; c++) {
        if ((unsigned char)*c <= ' ' || (unsigned char)*c >= 0x7f || *c == '\\')
            return otherwise;
    }
    return next;
}

/* The frame -------------------------------------------------------------------------------------------------------- */

/* Who is signed in, for the corner of every page. */
static struct error *add_user(struct request *r, json_t *view)
{
    struct user user;

    TRY(user_get(r->ctx, r->session->user_id, &user));
    json_object_set_new(view, "user",
        json_pack("{ss, ss, ss, ss}", "id", user.id, "name", user.name, "email", user.email, "role",
            role_names[user.role]));
    return NULL;
}

static struct error *add_flash(struct request *r, json_t *view)
{
    const char *text;

    TRY(session_take_flash(r, &text));
    if (text)
        json_object_set_new(view, "flash", json_string(text));
    return NULL;
}

struct error *admin_page(struct request *r, int status, const char *template, const char *title, json_t *view)
{
    json_t *whole = json_in(r->ctx->arena, view ? json_copy(view) : json_object());
    struct waiting waiting;

    json_object_set_new(whole, "title", json_string(title));
    json_object_set_new(whole, "mode", json_string(mode_names[r->ctx->config->mode]));
    if (r->session) {
        TRY(count_waiting(r, &waiting));
        json_object_set(whole, "nav", nav(r, &waiting));
        json_object_set_new(whole, "csrf", json_string(r->session->csrf));
        TRY(add_user(r, whole));
        TRY(add_flash(r, whole));
    }
    return reply_page(r, status, template, whole);
}

/* "#/email" is the field "email"; "#/amount/value" is "amount". */
static const char *field_of(struct ctx *ctx, const char *pointer)
{
    const char *name = strchr(pointer, '/') ? strchr(pointer, '/') + 1
        : strchr(pointer, ':')              ? strchr(pointer, ':') + 1
                                            : pointer;

    return arena_strndup(ctx->arena, name, strcspn(name, "/"));
}

static void add_problem(struct ctx *ctx, json_t *view, const struct error *error)
{
    json_t *fields = json_array(), *wrong = json_object();

    for (size_t i = 0; i < error->field_count; i++) {
        const char *name = field_of(ctx, error->fields[i].pointer);

        json_array_append_new(fields,
            json_pack("{ss, ss, ss}", "name", name, "word", view_words(ctx, name), "detail", error->fields[i].detail));
        json_object_set_new(wrong, name, json_string(error->fields[i].detail));
    }
    json_object_set_new(view, "problem",
        json_pack("{ss, so}", "text", error->field_count ? "Nothing was done yet. Please mend this:" : error->detail,
            "fields", fields));
    json_object_set_new(view, "wrong", wrong);
}

struct error *admin_refused(struct request *r, const struct error *error, const char *template, const char *title,
    json_t *view)
{
    json_t *whole = json_in(r->ctx->arena, view ? json_copy(view) : json_object());

    if (error_status(error->code) >= 500)
        return (struct error *)error;
    add_problem(r->ctx, whole, error);
    if (error->retry_after)
        reply_header(r, "Retry-After", "%d", error->retry_after);
    return admin_page(r, error_status(error->code), template, title, whole);
}

struct error *admin_done(struct request *r, const char *address, const char *text, ...)
{
    struct buf line = { .arena = r->ctx->arena };
    va_list arguments;

    va_start(arguments, text);
    buf_vprintf(&line, text, arguments);
    va_end(arguments);
    TRY(session_flash(r, buf_string(&line)));
    return reply_redirect(r, 303, address);
}

bool admin_error(struct request *r, const struct error *error)
{
    int status = error_status(error->code);
    json_t *view = json_in(r->ctx->arena, json_object());
    struct error *failed;

    if (!r->route || r->route->access != ACCESS_OPERATOR || r->route->answer != ANSWER_PAGE || !r->session)
        return false;
    json_object_set_new(view, "heading",
        json_string(status == 403 ? "You may not do this"
                : status == 404   ? "There is nothing here"
                : status == 503   ? "Not available at the moment"
                                  : error_title(error->code)));
    json_object_set_new(view, "detail", json_string(error->detail ? error->detail : error_title(error->code)));
    json_object_set_new(view, "code", json_string(error_name(error->code)));
    add_problem(r->ctx, view, error);
    if (error->retry_after || status == 503)
        reply_header(r, "Retry-After", "%d", error->retry_after ? error->retry_after : 2);
    failed = admin_page(r, status, "admin/error", error_title(error->code), view);
    if (failed)
        log_error(r->ctx, "error_page", "%s", failed->cause ? failed->cause : failed->detail);
    return !failed;
}
