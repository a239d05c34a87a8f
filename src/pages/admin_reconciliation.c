#include "pages/admin_reconciliation.h"

#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/check.h"
#include "base/ctx.h"
#include "events/audit.h"
#include "jobs/maintenance.h"
#include "pages/admin.h"
#include "pages/admin_view.h"
#include "payments/reconcile.h"
#include "payments/reconcile_store.h"
#include "web/reply.h"
#include "web/request.h"

#define PAGE 25
#define DIFFERENCES 100
#define IN_CSV 1000000 // all of them
#define DAY 86400

/* Reports ----------------------------------------------------------------------------------------------------------- */

struct list_query {
    const char *cursor;
};

const struct field admin_reconciliations_query[] = {
    FIELD_CURSOR(struct list_query, "rec"),
    FIELD_END,
};

/* Whole days as days, anything else as times. */
static json_t *window_view(struct ctx *ctx, const struct reconciliation *report)
{
    int64_t from = instant_to_unix(report->from_at), to = instant_to_unix(report->to_at);
    const char *first = json_get_text(json_in(ctx->arena, view_day(ctx, report->from_at)), "text");
    const char *last =
        json_get_text(json_in(ctx->arena, view_day(ctx, instant_add_seconds(report->to_at, -1))), "text");

    if (from % DAY == 0 && to % DAY == 0 && to - from == DAY)
        return json_string(first);
    if (from % DAY == 0 && to % DAY == 0)
        return json_string(arena_printf(ctx->arena, "%s to %s", first, last));
    return json_string(arena_printf(ctx->arena, "%s to %s",
        json_get_text(json_in(ctx->arena, view_time(ctx, report->from_at)), "text"),
        json_get_text(json_in(ctx->arena, view_time(ctx, report->to_at)), "text")));
}

static json_t *report_badge(struct ctx *ctx, const struct reconciliation *report)
{
    if (report->differences)
        return view_badge(ctx, TONE_BAD,
            arena_printf(ctx->arena, "%lld differ%s", (long long)report->differences,
                report->differences == 1 ? "s" : ""));
    return view_badge(ctx, TONE_GOOD, "Books agree");
}

static const char *made_by(struct ctx *ctx, const char *id)
{
    if (!strcmp(id, "reconcile"))
        return "Every day";
    if (!strcmp(id, "reconcile.week"))
        return "Every week";
    return view_person(ctx, id);
}

static json_t *report_view(struct ctx *ctx, const struct reconciliation *report)
{
    return json_pack("{ss, ss, so, sI, sI, so, so, ss}", "id", report->id, "provider",
        view_words(ctx, report->provider), "window", window_view(ctx, report), "matched", (json_int_t)report->matched,
        "differences", (json_int_t)report->differences, "state", report_badge(ctx, report), "made",
        view_time(ctx, report->created_at), "by", made_by(ctx, report->created_by));
}

static struct error *reports_page(struct request *r, json_t *typed, const struct error *refused)
{
    struct ctx *ctx = r->ctx;
    struct list_query query = { 0 };
    json_t *view = typed, *rows = json_array();
    struct field_list reports;
    const char *next = NULL;

    json_object_set_new(view, "reports", rows);
    if (!refused)
        TRY(request_query_fields(r, admin_reconciliations_query, &query));
    TRY(reconciliation_list(ctx, query.cursor, PAGE + 1, &reports));
    const struct reconciliation *list = reports.items;
    if (reports.count > PAGE)
        next = list[--reports.count - 1].id;
    for (size_t i = 0; i < reports.count; i++)
        json_array_append_new(rows, report_view(ctx, &list[i]));
    json_object_set_new(view, "any", json_boolean(reports.count > 0));
    if (!reports.count)
        json_object_set_new(view, "empty",
            json_pack("{ss, ss, so, so}", "text", "The books have not been compared yet.", "hint",
                "Every day Till compares the day before with the provider's books. You can start a comparison above.",
                "link", json_null(), "word", json_null()));
    json_object_set_new(view, "may_start", json_boolean(admin_may(r, "reports:write")));
    json_object_set_new(view, "pager",
        view_pager(query.cursor ? "/admin/reconciliation" : NULL,
            next ? view_link(ctx, "/admin/reconciliation", "cursor", next, NULL) : NULL));
    return refused ? admin_refused(r, refused, "admin/reconciliations", "Reconciliation", view)
                   : admin_page(r, 200, "admin/reconciliations", "Reconciliation", view);
}

struct error *admin_reconciliations(struct request *r)
{
    return reports_page(r, json_in(r->ctx->arena, json_object()), NULL);
}

struct start_form {
    const char *from, *to;
};

const struct field admin_reconciliation_start_asked[] = {
    FIELD(struct start_form, from, .optional = true, .max = 40,
        .summary = "The first day, UTC; yesterday where none is given"),
    FIELD(struct start_form, to, .optional = true, .max = 40, .summary = "The last day"),
    FIELD_END,
};

static struct error *start(struct request *r, const struct start_form *form, struct reconcile_order *order, bool *busy)
{
    struct maintenance_run last;

    TRY(window_read(r->ctx, form->from, form->to, &order->window));
    r->ctx->deadline_ms = 0; // whoever asked for it waits
    return maintenance_run(r->ctx, "reconcile", reconcile_work, order, &last, busy);
}

struct error *admin_reconciliation_start(struct request *r)
{
    struct ctx *ctx = r->ctx;
    struct start_form form = { 0 };
    struct reconcile_order order = { 0 };
    bool busy = false;
    struct error *error = request_form(r, admin_reconciliation_start_asked, &form);

    if (!error)
        error = start(r, &form, &order, &busy);
    if (!error && busy)
        error = error_new(ctx, E_CONFLICT, "A comparison is running already; its report appears here in a moment.");
    if (error && (error->code == E_PROVIDER_UNAVAILABLE || error->code == E_PROVIDER_ERROR))
        error = error_new(ctx, E_CONFLICT, "The provider does not answer at the moment; nothing was compared.");
    if (error)
        return reports_page(r,
            json_in(ctx->arena, json_pack("{so, so}", "from", view_text(form.from), "to", view_text(form.to))), error);
    const struct reconciliation *done = order.done.items;
    if (order.done.count != 1)
        return admin_done(r, "/admin/reconciliation", "The books were compared.");
    return admin_done(r, arena_printf(ctx->arena, "/admin/reconciliation/%s", done->id),
        "The books were compared: %lld matched, %lld differ.", (long long)done->matched, (long long)done->differences);
}

/* One report -------------------------------------------------------------------------------------------------------- */

struct report_query {
    int64_t after;
};

const struct field admin_reconciliation_query[] = {
    FIELD(struct report_query, after, .optional = true, .min = 0, .max = 1000000000,
        .summary = "The number of the last difference seen"),
    FIELD_END,
};

static json_t *difference_view(struct request *r, const struct difference *difference)
{
    struct ctx *ctx = r->ctx;
    const char *place = view_place(ctx, difference->object);
    bool open = !instant_is_set(difference->resolved_at);

    return json_pack("{sI, ss, so, so, so, so, so, so, so, sb, sb, so, so, so}", "number",
        (json_int_t)difference->number, "kind", view_words(ctx, difference_kind_names[difference->kind]), "object",
        view_text(difference->object), "place", view_text(place), "reference", view_text(difference->reference), "ours",
        view_money(ctx, difference->ours), "theirs", view_money(ctx, difference->theirs), "known",
        view_sentence(ctx, difference->known), "suggestion", view_sentence(ctx, difference->suggestion), "open", open,
        "may", open && admin_may(r, "reports:write"), "resolved_at", view_time(ctx, difference->resolved_at),
        "resolved_by", view_text(open ? NULL : view_person(ctx, difference->resolved_by)), "resolution",
        view_text(difference->resolution));
}

/* Amounts in a report's totals are decimal strings. */
static json_t *said_money(struct ctx *ctx, const json_t *object, const char *name, const char *currency)
{
    const char *text = json_get_text(object, name), *why;
    struct money money;

    if (!text)
        return json_null();
    bool negative = *text == '-';
    if (!money_parse(text + negative, currency, &money, &why))
        return json_string(text);
    money.minor = negative ? -money.minor : money.minor;
    return view_money(ctx, money);
}

static json_t *moved_view(struct ctx *ctx, const json_t *totals)
{
    json_t *rows = json_array(), *moved = json_object_get(totals, "moved"), *kinds, *sum;
    const char *currency, *kind;

    json_object_foreach(moved, currency, kinds)
    {
        json_object_foreach(kinds, kind, sum) json_array_append_new(rows,
            json_pack("{ss, ss, sI, so, so}", "currency", currency, "kind", view_words(ctx, kind), "count",
                (json_int_t)json_get_int(sum, "count"), "amount", said_money(ctx, sum, "amount", currency), "fee",
                said_money(ctx, sum, "fee", currency)));
    }
    return rows;
}

static json_t *balances_view(struct ctx *ctx, const json_t *totals)
{
    json_t *rows = json_array(), *sum;
    const char *currency;

    json_object_foreach(json_object_get(totals, "balances"), currency, sum)
    {
        const char *off = json_get_text(sum, "off");
        bool even = off && strspn(off, "0.-") == strlen(off);
        json_array_append_new(rows,
            json_pack("{ss, so, so, so, so, so, so}", "currency", currency, "ours",
                said_money(ctx, sum, "ours", currency), "theirs", said_money(ctx, sum, "theirs", currency),
                "on_its_way", said_money(ctx, sum, "on_its_way", currency), "explained",
                said_money(ctx, sum, "explained", currency), "off", said_money(ctx, sum, "off", currency), "state",
                view_badge(ctx, even ? TONE_GOOD : TONE_BAD, even ? "Agree" : "Differ")));
    }
    return rows;
}

static struct error *add_kinds(struct ctx *ctx, const char *id, json_t *view)
{
    json_t *list = json_array();
    struct field_list counts;

    json_object_set_new(view, "kinds", list);
    TRY(difference_counts(ctx, id, &counts));
    const struct difference_count *count = counts.items;
    for (size_t i = 0; i < counts.count; i++)
        json_array_append_new(list,
            json_pack("{ss, sI, sI}", "word", view_words(ctx, difference_kind_names[count[i].kind]), "count",
                (json_int_t)count[i].count, "open", (json_int_t)count[i].open));
    return NULL;
}

static struct error *report_page(struct request *r, int64_t number, const char *reason, const struct error *refused)
{
    struct ctx *ctx = r->ctx;
    struct report_query query = { 0 };
    json_t *view = json_in(ctx->arena, json_object()), *rows = json_array();
    struct reconciliation report;
    struct field_list list;
    const char *address, *next = NULL;

    json_object_set_new(view, "list", rows);
    if (!refused)
        TRY(request_query_fields(r, admin_reconciliation_query, &query));
    TRY(reconciliation_get(ctx, request_path(r, "id"), &report));
    address = arena_printf(ctx->arena, "/admin/reconciliation/%s", report.id);
    TRY(difference_list(ctx, report.id, refused ? number - 1 : query.after, DIFFERENCES + 1, &list));
    const struct difference *difference = list.items;
    if (list.count > DIFFERENCES)
        next = arena_printf(ctx->arena, "%lld", (long long)difference[--list.count - 1].number);
    for (size_t i = 0; i < list.count; i++) {
        json_t *row = difference_view(r, &difference[i]);
        bool typed = refused && difference[i].number == number;
        json_object_set_new(row, "typed", json_boolean(typed));
        json_object_set_new(row, "reason", view_text(typed ? reason : NULL));
        json_array_append_new(rows, row);
    }
    TRY(add_kinds(ctx, report.id, view));
    json_object_set_new(view, "report", report_view(ctx, &report));
    json_object_set_new(view, "moved", moved_view(ctx, report.totals));
    json_object_set_new(view, "balances", balances_view(ctx, report.totals));
    json_object_set_new(view, "compared", json_boolean(json_get_bool(report.totals, "balances_compared")));
    json_object_set_new(view, "mended", json_integer(json_get_int(report.totals, "mended")));
    json_object_set_new(view, "still", json_boolean(!json_array_size(json_object_get(view, "moved"))));
    json_object_set_new(view, "none", json_boolean(!report.differences));
    json_object_set_new(view, "pager",
        view_pager(query.after ? address : NULL, next ? view_link(ctx, address, "after", next, NULL) : NULL));
    return refused ? admin_refused(r, refused, "admin/reconciliation", "Comparison", view)
                   : admin_page(r, 200, "admin/reconciliation", "Comparison", view);
}

struct error *admin_reconciliation(struct request *r)
{
    return report_page(r, 0, NULL, NULL);
}

struct error *admin_reconciliation_csv(struct request *r)
{
    struct reconciliation report;
    struct field_list list;

    TRY(reconciliation_get(r->ctx, request_path(r, "id"), &report));
    TRY(difference_list(r->ctx, report.id, 0, IN_CSV, &list));
    TRY(audit_add(r->ctx, "reconciliation.exported", report.id, NULL));
    reply_header(r, "Content-Disposition", "attachment; filename=\"%s.csv\"", report.id);
    return reply_text(r, 200, "text/csv; charset=utf-8; header=present", reconcile_csv(r->ctx, &list));
}

struct resolve_form {
    const char *reason;
};

const struct field admin_difference_resolve_asked[] = {
    FIELD(struct resolve_form, reason, .max = 500, .check = check_reason, .summary = "What was found and done"),
    FIELD_END,
};

struct error *admin_difference_resolve(struct request *r)
{
    const char *id = request_path(r, "id"), *text = request_path(r, "number");
    int64_t number = strlen(text) < 10 && strspn(text, "0123456789") == strlen(text) ? strtoll(text, NULL, 10) : 0;
    struct resolve_form form = { 0 };
    struct error *error = request_form(r, admin_difference_resolve_asked, &form);

    if (!error)
        error = reconcile_resolve(r->ctx, id, number, form.reason);
    if (error && error->code != E_NOT_FOUND)
        return report_page(r, number, request_form_member(r, "reason"), error);
    TRY(error);
    return admin_done(r, arena_printf(r->ctx->arena, "/admin/reconciliation/%s", id), "Difference %lld is settled.",
        (long long)number);
}
