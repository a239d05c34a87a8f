#include "pages/admin_tasks.h"

#include <string.h>

#include "base/arena.h"
#include "base/check.h"
#include "base/ctx.h"
#include "jobs/queue.h"
#include "pages/admin.h"
#include "pages/admin_view.h"
#include "payments/inbox.h"
#include "payments/reconcile_store.h"
#include "web/request.h"

#define PAGE 25
#define DAY 86400

/* What each kind of decision is called, how much it presses, and where it is settled. */
static const struct kind {
    const char *name, *word;
    enum tone tone;
    const char *action; // of the button that leads there
    const char *place;  // NULL: of the payment
} kinds[] = {
    { "unknown_outcome", "Outcome unknown", TONE_BAD, "Open the payment", NULL },
    { "late_failure", "Paid, then taken back", TONE_BAD, "Open the payment", NULL },
    { "long_processing", "Under way for weeks", TONE_WARN, "Open the payment", NULL },
    { "authorization_expiring", "Hold ends soon", TONE_WARN, "Open the payment", NULL },
    { "mismatch", "Does not belong together", TONE_BAD, "Open the payment", NULL },
    { "refund_failed", "Refund failed", TONE_BAD, "Open the payment", NULL },
    { "refund_approval", "Refund to approve", TONE_INFO, "Open the approvals", "/admin/refunds/approvals" },
    { "dispute", "Dispute", TONE_WARN, "Open the dispute", "/admin/disputes" },
    { "dispute_due", "Dispute due", TONE_BAD, "Open the dispute", "/admin/disputes" },
    { "difference", "Books differ", TONE_WARN, "Open the comparison", "/admin/reconciliation" },
    { "dead_job", "Work given up", TONE_BAD, NULL, NULL },
    { "webhook_failed", "Event not processed", TONE_BAD, "Open the event", "/admin/webhooks" },
    { "fraud_warning", "Likely fraud", TONE_BAD, "Open the payment", NULL },
    { "provider_notice", "Word of the provider", TONE_WARN, "Open the webhooks", "/admin/webhooks" },
    { "webhooks_missing", "Webhooks do not arrive", TONE_WARN, "Open the webhooks", "/admin/webhooks?source=swept" },
};

static const struct kind *kind_named(const char *name)
{
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (!strcmp(kinds[i].name, name))
            return &kinds[i];
    return NULL;
}

static const char *kind_word(struct ctx *ctx, const char *name)
{
    const struct kind *kind = kind_named(name);

    return kind ? kind->word : view_words(ctx, name);
}

/* One task ---------------------------------------------------------------------------------------------------------- */

/* Where a decision's object is looked at; the newest report that has the difference. */
static const char *place_of(struct ctx *ctx, const struct task_item *item)
{
    const struct kind *kind = kind_named(item->decision.kind);
    const char *report = NULL, *own = view_place(ctx, item->decision.object);
    int64_t number = 0;

    if (!strcmp(item->decision.kind, "difference")) {
        struct error *error = difference_place(ctx, item->decision.object, &report, &number);
        return !error && report ? view_difference(ctx, report, number) : "/admin/reconciliation";
    }
    if (kind && kind->place)
        return own && !strncmp(own, kind->place, strlen(kind->place)) ? own : kind->place;
    if (item->payment_id)
        return view_place(ctx, item->payment_id);
    return own;
}

static bool is_mine(const struct request *r, const struct decision *decision)
{
    return decision->assigned_to && r->ctx->principal.id && !strcmp(decision->assigned_to, r->ctx->principal.id);
}

static json_t *due_view(struct ctx *ctx, const struct task_item *item)
{
    int64_t left = (item->due_at.us - ctx->now.us) / 1000000;

    if (!instant_is_set(item->due_at) || instant_is_set(item->decision.done_at))
        return json_null();
    return json_pack("{so, ss}", "badge",
        view_badge(ctx,
            left < 3 * (int64_t)DAY       ? TONE_BAD
                : left < 7 * (int64_t)DAY ? TONE_WARN
                                          : TONE_MUTED,
            left < 0 ? "Past its deadline" : arena_printf(ctx->arena, "Due in %s", view_span(ctx, left))),
        "utc", instant_format(ctx->arena, item->due_at, false));
}

static json_t *task_view(struct request *r, const struct task_item *item)
{
    struct ctx *ctx = r->ctx;
    const struct decision *decision = &item->decision;
    const struct kind *kind = kind_named(decision->kind);
    bool waits = !instant_is_set(decision->done_at), dead = !strcmp(decision->kind, "dead_job");
    const char *place = place_of(ctx, item);

    return json_pack("{ss, ss, so, ss, ss, so, ss, so, so, so, so, so, so, ss?, ss, sb, sb, sb, sb, sb}", "id",
        decision->id, "kind", decision->kind, "state",
        view_badge(ctx, kind ? kind->tone : TONE_WARN, kind_word(ctx, decision->kind)), "object", decision->object,
        "known", decision->known, "sentence", view_sentence(ctx, decision->known), "suggestion", decision->suggestion,
        "advice", view_sentence(ctx, decision->suggestion), "amount", view_money(ctx, decision->amount), "age",
        view_age(ctx, decision->created_at), "created", view_time(ctx, decision->created_at), "due",
        due_view(ctx, item), "assigned",
        view_text(
            decision->assigned_to ? is_mine(r, decision) ? "you" : view_person(ctx, decision->assigned_to) : NULL),
        "place", place, "action", kind && kind->action ? kind->action : "Open", "waits", waits, "mine",
        is_mine(r, decision), "may", waits && admin_may(r, "decisions:write"), "may_retry",
        waits && dead && admin_may(r, "maintenance:run"), "settled", !waits);
}

json_t *admin_task_views(struct request *r, const struct field_list *items)
{
    json_t *list = json_in(r->ctx->arena, json_array());

    for (size_t i = 0; i < items->count; i++)
        json_array_append_new(list, task_view(r, &((const struct task_item *)items->items)[i]));
    return list;
}

/* The list ---------------------------------------------------------------------------------------------------------- */

static const char *const whose_names[] = { "all", "mine", "settled", NULL };
enum whose { WHOSE_ALL, WHOSE_MINE, WHOSE_SETTLED };

struct tasks_query {
    const char *kind, *cursor;
    enum whose show;
};

const struct field admin_tasks_query[] = {
    FIELD(struct tasks_query, kind, .optional = true, .max = 40, .check = check_id),
    FIELD_CURSOR(struct tasks_query, "dec"),
    FIELD(struct tasks_query, show, .optional = true, .names = whose_names),
    FIELD_END,
};

static const char *address_of(struct ctx *ctx, const struct tasks_query *query, const char *kind, enum whose show,
    const char *cursor)
{
    (void)query;
    return view_link(ctx, "/admin/tasks", "kind", kind, "show", show ? whose_names[show] : NULL, "cursor", cursor,
        NULL);
}

static json_t *tab(const char *word, const char *link, bool current, int64_t count)
{
    return json_pack("{ss, ss, sb, so}", "word", word, "link", link, "current", current, "count",
        count ? json_integer(count) : json_null());
}

static struct error *add_tabs(struct ctx *ctx, const struct tasks_query *query, json_t *view)
{
    json_t *tabs = json_array(), *whose = json_array();
    struct field_list counts;
    int64_t all = 0;

    json_object_set_new(view, "kinds", tabs);
    json_object_set_new(view, "whose", whose);
    TRY(decision_counts(ctx, &counts));
    const struct decision_count *count = counts.items;
    for (size_t i = 0; i < counts.count; i++)
        all += count[i].count;
    json_array_append_new(tabs,
        tab("Everything", address_of(ctx, query, NULL, query->show, NULL), !query->kind,
            query->show == WHOSE_ALL ? all : 0));
    for (size_t i = 0; i < counts.count; i++)
        json_array_append_new(tabs,
            tab(kind_word(ctx, count[i].kind), address_of(ctx, query, count[i].kind, query->show, NULL),
                query->kind && !strcmp(query->kind, count[i].kind), query->show == WHOSE_ALL ? count[i].count : 0));
    for (int i = 0; whose_names[i]; i++)
        json_array_append_new(whose,
            tab(i == WHOSE_ALL        ? "Waiting"
                    : i == WHOSE_MINE ? "Mine"
                                      : "Settled",
                address_of(ctx, query, query->kind, (enum whose)i, NULL), query->show == (enum whose)i, 0));
    return NULL;
}

static json_t *empty_view(const struct tasks_query *query)
{
    if (query->show == WHOSE_SETTLED)
        return json_pack("{ss, ss, so, so}", "text", "Nothing has been settled yet.", "hint",
            "What people decide here stays on record, with their reason.", "link", json_null(), "word", json_null());
    if (query->show == WHOSE_MINE)
        return json_pack("{ss, ss, ss, ss}", "text", "You have taken nothing on.", "hint",
            "Take a task on, and others see that you look after it.", "link", "/admin/tasks", "word", "All tasks");
    if (query->kind)
        return json_pack("{ss, so, ss, ss}", "text", "Nothing of this kind waits.", "hint", json_null(), "link",
            "/admin/tasks", "word", "All tasks");
    return json_pack("{ss, ss, ss, ss}", "text", "Nothing waits for a person.", "hint",
        "What Till cannot decide by itself is asked here.", "link", "/admin/overview", "word", "Overview");
}

struct error *admin_tasks(struct request *r)
{
    struct ctx *ctx = r->ctx;
    struct tasks_query query = { 0 };
    json_t *view = json_in(ctx->arena, json_object());
    struct field_list items;
    const char *next = NULL;

    TRY(request_query_fields(r, admin_tasks_query, &query));
    struct decision_filter filter = {
        .settled = query.show == WHOSE_SETTLED,
        .kind = query.kind,
        .assigned_to = query.show == WHOSE_MINE ? ctx->principal.id : NULL,
        .cursor = query.cursor,
        .limit = PAGE + 1,
    };
    TRY(inbox_list(ctx, &filter, &items));
    if (items.count > PAGE)
        next = ((const struct task_item *)items.items)[--items.count - 1].decision.id;
    TRY(add_tabs(ctx, &query, view));
    json_object_set(view, "tasks", admin_task_views(r, &items));
    json_object_set_new(view, "pager",
        view_pager(query.cursor ? address_of(ctx, &query, query.kind, query.show, NULL) : NULL,
            next ? address_of(ctx, &query, query.kind, query.show, next) : NULL));
    if (!items.count)
        json_object_set_new(view, "empty", empty_view(&query));
    return admin_page(r, 200, "admin/tasks", "Task inbox", view);
}

/* One of them ------------------------------------------------------------------------------------------------------- */

static struct error *task_page(struct request *r, const char *reason, const struct error *refused)
{
    struct ctx *ctx = r->ctx;
    json_t *view = json_in(ctx->arena, json_object());
    struct task_item item;

    TRY(inbox_get(ctx, request_path(r, "id"), &item));
    json_object_set_new(view, "task", task_view(r, &item));
    json_object_set_new(view, "reason", view_text(reason));
    if (instant_is_set(item.decision.done_at)) {
        json_object_set_new(view, "done_at", view_time(ctx, item.decision.done_at));
        json_object_set_new(view, "done_by", view_text(view_person(ctx, item.decision.done_by)));
        json_object_set_new(view, "resolution", view_text(item.decision.resolution));
    }
    const char *title = kind_word(ctx, item.decision.kind);
    json_object_set_new(view, "heading", json_string(title));
    return refused ? admin_refused(r, refused, "admin/task", title, view)
                   : admin_page(r, 200, "admin/task", title, view);
}

struct error *admin_task(struct request *r)
{
    return task_page(r, NULL, NULL);
}

static const char *own_address(struct request *r)
{
    return arena_printf(r->ctx->arena, "/admin/tasks/%s", request_path(r, "id"));
}

struct assign_form {
    bool mine;
    const char *back;
};

const struct field admin_task_assign_asked[] = {
    FIELD(struct assign_form, mine, .summary = "Whether I look after it from now on"),
    FIELD(struct assign_form, back, .optional = true, .max = 500, .summary = "Where to go on to"),
    FIELD_END,
};

struct error *admin_task_assign(struct request *r)
{
    struct assign_form form = { 0 };
    struct decision decision;

    TRY(request_form(r, admin_task_assign_asked, &form));
    struct error *error = decision_assign(r->ctx, request_path(r, "id"), form.mine, &decision);
    if (error)
        return task_page(r, NULL, error);
    return admin_done(r, admin_next(r, form.back, own_address(r)),
        form.mine ? "You look after this task now." : "Nobody looks after this task now.");
}

struct resolve_form {
    const char *reason;
};

const struct field admin_task_resolve_asked[] = {
    FIELD(struct resolve_form, reason, .max = 500, .check = check_reason, .summary = "What was found and done"),
    FIELD_END,
};

struct error *admin_task_resolve(struct request *r)
{
    struct resolve_form form = { 0 };
    struct decision decision;
    struct error *error = request_form(r, admin_task_resolve_asked, &form);

    if (!error)
        error = inbox_resolve(r->ctx, request_path(r, "id"), form.reason, &decision);
    if (error)
        return task_page(r, request_form_member(r, "reason"), error);
    return admin_done(r, "/admin/tasks", "Settled: %s.", decision.object);
}

const struct field admin_task_retry_asked[] = { FIELD_END };

struct error *admin_task_retry(struct request *r)
{
    struct decision decision;
    int64_t retried = 0;

    TRY(decision_get(r->ctx, request_path(r, "id"), &decision));
    if (strcmp(decision.kind, "dead_job") != 0)
        return task_page(r, NULL,
            error_new(r->ctx, E_INVALID_STATUS, "Only work that was given up can be tried again."));
    TRY(queue_retry_work(r->ctx, decision.object, &retried));
    if (!retried)
        return task_page(r, NULL,
            error_new(r->ctx, E_INVALID_STATUS, "This work is not given up any more; there is nothing to try again."));
    return admin_done(r, own_address(r), "It is tried again now.");
}
