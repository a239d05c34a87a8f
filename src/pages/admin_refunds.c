#include "pages/admin_refunds.h"

#include <string.h>

#include "access/session.h"
#include "base/arena.h"
#include "base/config.h"
#include "base/ctx.h"
#include "base/id.h"
#include "pages/admin.h"
#include "pages/admin_once.h"
#include "pages/admin_story.h"
#include "pages/admin_view.h"
#include "payments/approval.h"
#include "payments/approval_store.h"
#include "payments/notice.h"
#include "payments/payment.h"
#include "payments/payment_store.h"
#include "payments/refund.h"
#include "payments/refund_store.h"
#include "web/request.h"

#define PAGE 50
#define MAX_NOTE 500

static const char dialog_page[] = "admin/refund";
static const char dialog_title[] = "Give money back";
static const char approval_page[] = "admin/approval";
static const char approval_title[] = "A refund to decide about";

static const char *const reasons[] = { "requested_by_customer", "duplicate", "fraudulent", "not_delivered",
    "not_as_described", "goodwill", "other", NULL };

static const char *payment_link(struct ctx *ctx, const char *id)
{
    return arena_printf(ctx->arena, "/admin/payments/%s", id);
}

static const char *approval_link(struct ctx *ctx, const char *id)
{
    return arena_printf(ctx->arena, "/admin/refunds/approvals/%s", id);
}

static struct money in(const struct payment *payment, int64_t minor)
{
    struct money amount = payment->amount;

    amount.minor = minor;
    return amount;
}

static struct money left_of(const struct payment *payment)
{
    return in(payment, payment_refundable(payment));
}

static const char *method_text(struct ctx *ctx, const struct payment *payment)
{
    const char *kind = payment->method_brand ? payment->method_brand : payment->method_type;

    if (!kind)
        return "the payer";
    return payment->method_last4
        ? arena_printf(ctx->arena, "the payer's %s •••• %s", view_words(ctx, kind), payment->method_last4)
        : arena_printf(ctx->arena, "the payer's %s", view_words(ctx, kind));
}

/* The dialog --------------------------------------------------------------------------------------------------------- */

/* What was typed. */
struct typed {
    bool part;
    const char *amount, *reason, *note;
};

static const char *member(struct request *r, const char *name)
{
    const char *text = request_form_member(r, name);

    return text ? text : "";
}

static struct typed read_typed(struct request *r)
{
    return (struct typed){
        .part = !strcmp(member(r, "extent"), "part"),
        .amount = member(r, "amount"),
        .reason = member(r, "reason"),
        .note = member(r, "note"),
    };
}

static struct error *read_order(struct request *r, const struct payment *payment, const struct typed *typed,
    struct refund_request *out)
{
    struct error *error = NULL;
    const char *why = NULL;

    *out = (struct refund_request){
        .payment = payment->id,
        .amount = left_of(payment),
        .reason = typed->reason,
        .note = *typed->note ? typed->note : NULL,
    };
    if (typed->part && !money_parse(typed->amount, payment->amount.currency, &out->amount, &why))
        error_add_field(r->ctx, &error, "#/amount", "%s", why);
    else if (typed->part && out->amount.minor < 1)
        error_add_field(r->ctx, &error, "#/amount", "must be more than nothing");
    if (name_index(reasons, typed->reason) < 0)
        error_add_field(r->ctx, &error, "#/reason", "must be chosen");
    if (strlen(typed->note) > MAX_NOTE)
        error_add_field(r->ctx, &error, "#/note", "must have at most %d characters", MAX_NOTE);
    return error;
}

static json_t *reason_options(struct ctx *ctx, const char *selected)
{
    return view_options(ctx, reasons, selected);
}

static json_t *dialog_view(struct request *r, const struct payment *payment, const struct typed *typed)
{
    struct ctx *ctx = r->ctx;
    struct money left = left_of(payment);

    return json_in(ctx->arena,
        json_pack("{ss, ss, so, so, so, ss, ss, ss, sb, ss, so, ss, ss, sb}", "id", payment->id, "link",
            payment_link(ctx, payment->id), "left", view_money(ctx, left), "captured",
            view_money(ctx, payment->amount_captured), "back",
            view_money(ctx, in(payment, payment->amount_refunded.minor + payment->amount_refunding.minor)),
            "left_value", money_value(ctx->arena, left), "currency", payment->amount.currency, "to",
            method_text(ctx, payment), "part", typed->part, "amount", typed->amount, "reasons",
            reason_options(ctx, typed->reason), "note", typed->note, "once", admin_once_key(ctx), "only_asks",
            !admin_may(r, "refunds:write")));
}

/* What the rules say before anything is typed: shown instead of the form. */
static struct error *show_dialog(struct request *r, const struct payment *payment, const struct typed *typed,
    const struct error *refused)
{
    struct money all = { 0 };
    json_t *view = dialog_view(r, payment, typed);
    struct error *closed = refund_check(r->ctx, payment, &all);

    if (closed && error_status(closed->code) >= 500)
        return closed;
    if (closed)
        json_object_set_new(view, "closed", json_string(closed->detail));
    return refused ? admin_refused(r, refused, dialog_page, dialog_title, view)
                   : admin_page(r, 200, dialog_page, dialog_title, view);
}

struct error *admin_refund_dialog(struct request *r)
{
    const struct typed nothing = { .amount = "", .reason = "", .note = "" };
    struct payment payment;

    TRY(payment_get(r->ctx, request_path(r, "id"), &payment));
    return show_dialog(r, &payment, &nothing, NULL);
}

static const char *why_second_person(struct request *r)
{
    if (!admin_may(r, "refunds:write"))
        return "Your role asks for refunds; somebody else makes them.";
    return arena_printf(r->ctx->arena,
        "It is more than one person may give back of a payment (%s); somebody else has to agree.",
        r->ctx->config->refund_approval_limit);
}

/* Whether the payer hears of it from us. */
static struct error *mail_words(struct ctx *ctx, const struct payment *payment, const char **out)
{
    const struct notice notice = { .kind = NOTICE_REFUND };
    const char *email = NULL;

    if (ctx->config->smtp_url)
        TRY(notice_recipient(ctx, &notice, payment, &email));
    *out = email                ? "A mail tells the payer, once the provider has done it."
        : ctx->config->smtp_url ? "No mail goes out: no address of the payer is known."
                                : "No mail goes out: none is set up here.";
    return NULL;
}

/* What will happen, in money, before it does. */
static struct error *show_effect(struct request *r, const struct payment *payment, const struct typed *typed,
    const struct refund_request *order, const struct error *refused)
{
    struct ctx *ctx = r->ctx;
    struct money rest = left_of(payment);
    bool needs = approval_is_needed(ctx, payment, order->amount);
    json_t *view = dialog_view(r, payment, typed);
    const char *mail;

    TRY(mail_words(ctx, payment, &mail));

    rest.minor -= order->amount.minor;
    json_object_set_new(view, "effect",
        json_pack("{so, ss, so, ss, ss, ss, ss?, sb, ss?, ss}", "amount", view_money(ctx, order->amount), "value",
            money_value(ctx->arena, order->amount), "rest", view_money(ctx, rest), "reason",
            view_words(ctx, order->reason), "reason_value", order->reason, "receivable",
            arena_printf(ctx->arena, "%s:receivable", payment->provider), "note", order->note, "approval", needs, "why",
            needs ? why_second_person(r) : NULL, "mail", mail));
    return refused ? admin_refused(r, refused, dialog_page, dialog_title, view)
                   : admin_page(r, 200, dialog_page, dialog_title, view);
}

static const char *how_it_went(struct ctx *ctx, const struct refund *refund)
{
    const char *amount = view_money_text(ctx, refund->amount);

    switch (refund->status) {
    case REFUND_SUCCEEDED:
        return arena_printf(ctx->arena, "%s went back to the payer.", amount);
    case REFUND_PROCESSING:
        return arena_printf(ctx->arena, "%s is on its way; it is done when the provider says so.", amount);
    case REFUND_FAILED:
    case REFUND_CANCELLED:
        return arena_printf(ctx->arena, "The provider could not give %s back.", amount);
    }
    return amount;
}

static struct error *already(struct request *r, const char *link)
{
    return admin_done(r, link, "This was sent already; below is how it stands.");
}

static struct error *ask(struct request *r, const struct payment *payment, const struct refund_request *order,
    struct error **refused)
{
    struct approval approval;

    *refused = approval_request(r->ctx, order, &approval);
    if (*refused)
        return NULL;
    return admin_done(r, payment_link(r->ctx, payment->id), "%s waits for a second person to agree.",
        view_money_text(r->ctx, approval.amount));
}

static struct error *give(struct request *r, const struct payment *payment, const struct refund_request *order,
    struct error **refused)
{
    struct refund refund;

    *refused = refund_create(r->ctx, order, &refund);
    if (*refused)
        return NULL;
    return admin_done(r, payment_link(r->ctx, payment->id), "%s", how_it_went(r->ctx, &refund));
}

/* Sent with "confirmed": what was shown is done. The amount counts, not how it was chosen, so that nothing that came back
 * meanwhile changes it. */
static struct error *carry_out(struct request *r, const struct payment *payment, const struct typed *typed,
    const struct refund_request *order)
{
    const char *content = arena_printf(r->ctx->arena, "%s\n%s\n%s", typed->amount, typed->reason, typed->note);
    struct error *refused, *error;
    bool again;

    refused = admin_once(r, content, &again);
    if (again)
        return already(r, payment_link(r->ctx, payment->id));
    if (refused)
        return show_effect(r, payment, typed, order, refused);
    if (approval_is_needed(r->ctx, payment, order->amount))
        error = ask(r, payment, order, &refused);
    else
        error = give(r, payment, order, &refused);
    if (admin_once_lost(refused))
        return already(r, payment_link(r->ctx, payment->id));
    if (refused && error_status(refused->code) >= 500)
        return refused;
    return refused ? show_dialog(r, payment, typed, refused) : error;
}

struct error *admin_refund_send(struct request *r)
{
    struct typed typed = read_typed(r);
    struct refund_request order;
    struct payment payment;

    TRY(payment_get(r->ctx, request_path(r, "id"), &payment));
    struct error *refused = read_order(r, &payment, &typed, &order);
    bool confirmed = !strcmp(member(r, "confirmed"), "yes");
    if (!refused && confirmed)
        return carry_out(r, &payment, &typed, &order);
    if (!refused)
        refused = refund_check(r->ctx, &payment, &order.amount);
    if (refused && error_status(refused->code) >= 500)
        return refused;
    return refused ? show_dialog(r, &payment, &typed, refused) : show_effect(r, &payment, &typed, &order, NULL);
}

/* The list ----------------------------------------------------------------------------------------------------------- */

static const char *const refund_words[] = { "processing", "succeeded", "failed", "cancelled", NULL };

static json_t *tabs(struct ctx *ctx, const char *current)
{
    static const char *const list[][2] = { { "", "All" }, { "processing", "On their way" }, { "succeeded", "Done" },
        { "failed", "Failed" }, { "requested", "Asked for" }, { "rejected", "Rejected" },
        { "withdrawn", "Withdrawn" } };
    json_t *tabs = json_array();

    for (size_t i = 0; i < sizeof list / sizeof *list; i++)
        json_array_append_new(tabs,
            json_pack("{ss, ss, sb}", "link",
                view_link(ctx, "/admin/refunds", "status", list[i][0], (const char *)NULL), "word", list[i][1],
                "current", !strcmp(list[i][0], current)));
    return tabs;
}

static json_t *refund_row(struct ctx *ctx, const struct refund *refund)
{
    return json_pack("{ss, ss, ss, so, so, so, ss, ss?, ss}", "id", refund->id, "payment", refund->payment_id, "link",
        payment_link(ctx, refund->payment_id), "time", view_time(ctx, refund->created_at), "amount",
        view_money(ctx, refund->amount), "badge", view_refund_badge(ctx, refund->status), "reason",
        view_words(ctx, refund->reason), "failure", refund->failure_code ? view_words(ctx, refund->failure_code) : NULL,
        "who", admin_person(ctx, refund->created_by));
}

static json_t *approval_badge(struct ctx *ctx, enum approval_status status)
{
    static const struct {
        enum tone tone;
        const char *word;
    } badges[] = {
        [APPROVAL_REQUESTED] = { TONE_WARN, "Awaiting approval" },
        [APPROVAL_APPROVED] = { TONE_GOOD, "Approved" },
        [APPROVAL_REJECTED] = { TONE_MUTED, "Rejected" },
        [APPROVAL_WITHDRAWN] = { TONE_MUTED, "Withdrawn" },
    };

    return view_badge(ctx, badges[status].tone, badges[status].word);
}

static json_t *approval_row(struct ctx *ctx, const struct approval *approval)
{
    return json_pack("{ss, ss, ss, ss, so, so, so, so, ss, ss?, ss, ss?, ss?, sb}", "id", approval->id, "payment",
        approval->payment_id, "link", approval_link(ctx, approval->id), "payment_link",
        payment_link(ctx, approval->payment_id), "time", view_time(ctx, approval->requested_at), "age",
        view_age(ctx, approval->requested_at), "amount", view_money(ctx, approval->amount), "badge",
        approval_badge(ctx, approval->status), "reason", view_words(ctx, approval->reason), "note", approval->note,
        "who", admin_person(ctx, approval->requested_by), "decided_by",
        approval->decided_by ? admin_person(ctx, approval->decided_by) : NULL, "failure", approval->answer, "own",
        ctx->principal.id && !strcmp(ctx->principal.id, approval->requested_by));
}

static json_t *rows_of(struct ctx *ctx, const struct field_list *list, bool are_refunds)
{
    json_t *rows = json_array();

    for (size_t i = 0; i < list->count; i++)
        json_array_append_new(rows,
            are_refunds ? refund_row(ctx, (const struct refund *)list->items + i)
                        : approval_row(ctx, (const struct approval *)list->items + i));
    return rows;
}

/* One more than a page was asked for; the id where the next one begins, or NULL. Both kinds of rows begin with their id. */
static const char *cut_page(struct field_list *list, size_t size)
{
    if (list->count <= PAGE)
        return NULL;
    list->count = PAGE;
    return *(const char *const *)(const void *)((const char *)list->items + (PAGE - 1) * size);
}

static const char *cursor_of(struct request *r)
{
    const char *cursor = request_query(r, "after");

    return cursor && (id_is(cursor, "ref") || id_is(cursor, "rrq")) ? cursor : NULL;
}

struct error *admin_refunds(struct request *r)
{
    struct ctx *ctx = r->ctx;
    const char *asked = request_query(r, "status"), *after = cursor_of(r);
    bool are_requests = asked && name_index(approval_status_names, asked) >= 0;
    const char *status = are_requests || (asked && name_index(refund_words, asked) >= 0) ? asked : NULL;
    struct field_list list;

    if (are_requests)
        TRY(approval_list(ctx, status, after, PAGE + 1, &list));
    else
        TRY(refund_newest(ctx, status, after, PAGE + 1, &list));
    const char *next = cut_page(&list, are_requests ? sizeof(struct approval) : sizeof(struct refund));
    json_t *view = json_in(ctx->arena,
        json_pack("{so, so, sb, sb, so, sb}", "tabs", tabs(ctx, status ? status : ""), "rows",
            rows_of(ctx, &list, !are_requests), "any", list.count > 0, "requests", are_requests, "pager",
            view_pager(after ? view_link(ctx, "/admin/refunds", "status", status, (const char *)NULL) : NULL,
                next ? view_link(ctx, "/admin/refunds", "status", status, "after", next, (const char *)NULL) : NULL),
            "all", status == NULL));
    return admin_page(r, 200, "admin/refunds", "Refunds", view);
}

/* Approvals ---------------------------------------------------------------------------------------------------------- */

struct error *admin_approvals(struct request *r)
{
    struct ctx *ctx = r->ctx;
    const char *after = cursor_of(r);
    struct field_list list;

    TRY(approval_list_waiting(ctx, after, PAGE + 1, &list));
    const char *next = cut_page(&list, sizeof(struct approval));
    json_t *view = json_in(ctx->arena,
        json_pack("{so, sb, sb, so}", "rows", rows_of(ctx, &list, false), "any", list.count > 0, "may_decide",
            admin_may(r, "refunds:approve"), "pager",
            view_pager(after ? "/admin/refunds/approvals" : NULL,
                next ? view_link(ctx, "/admin/refunds/approvals", "after", next, (const char *)NULL) : NULL)));
    return admin_page(r, 200, "admin/approvals", "Refunds to approve", view);
}

static struct error *show_approval(struct request *r, const char *id, const struct error *refused)
{
    struct ctx *ctx = r->ctx;
    struct approval approval;
    struct payment payment;

    TRY(approval_get(ctx, id, &approval));
    TRY(payment_get(ctx, approval.payment_id, &payment));
    struct money rest = left_of(&payment);
    bool fits = rest.minor >= approval.amount.minor;
    json_t *view = json_in(ctx->arena, approval_row(ctx, &approval));
    bool own = json_get_bool(view, "own"), waits = approval.status == APPROVAL_REQUESTED;

    json_object_set_new(view, "left", view_money(ctx, rest));
    rest.minor -= approval.amount.minor;
    json_object_set_new(view, "rest", fits ? view_money(ctx, rest) : json_null());
    json_object_set_new(view, "fits", json_boolean(fits));
    json_object_set_new(view, "paid", view_money(ctx, payment.amount_captured));
    json_object_set_new(view, "to", json_string(method_text(ctx, &payment)));
    json_object_set_new(view, "receivable", json_string(arena_printf(ctx->arena, "%s:receivable", payment.provider)));
    json_object_set_new(view, "payment_badge", view_payment_badge(ctx, &payment));
    json_object_set_new(view, "waits", json_boolean(waits));
    json_object_set_new(view, "decided", view_time(ctx, approval.decided_at));
    json_object_set_new(view, "may_decide", json_boolean(waits && !own && admin_may(r, "refunds:approve")));
    json_object_set_new(view, "may_withdraw", json_boolean(waits && own));
    json_object_set_new(view, "answer", json_string(member(r, "answer")));
    json_object_set_new(view, "once", json_string(admin_once_key(ctx)));
    return refused ? admin_refused(r, refused, approval_page, approval_title, view)
                   : admin_page(r, 200, approval_page, approval_title, view);
}

struct error *admin_approval(struct request *r)
{
    return show_approval(r, request_path(r, "id"), NULL);
}

/* How it went, or the page again with why not. */
static struct error *conclude(struct request *r, const char *id, struct error *error, const char *done)
{
    if (admin_once_lost(error))
        return already(r, approval_link(r->ctx, id));
    if (error)
        return error_status(error->code) >= 500 || error->code == E_NOT_FOUND ? error : show_approval(r, id, error);
    return admin_done(r, approval_link(r->ctx, id), "%s", done);
}

struct error *admin_approval_approve(struct request *r)
{
    const char *id = request_path(r, "id");
    struct approval approval;
    struct payment payment;
    struct refund refund;
    bool again;

    TRY(approval_get(r->ctx, id, &approval));
    TRY(payment_get(r->ctx, approval.payment_id, &payment));
    if (approval_is_over_limit(r->ctx, &payment, approval.amount)
        && !session_demand_step_up(r, approval_link(r->ctx, id)))
        return NULL;
    struct error *error = admin_once(r, id, &again);
    if (again)
        return already(r, approval_link(r->ctx, id));
    if (!error)
        error = approval_approve(r->ctx, id, &refund);
    return conclude(r, id, error, error ? "" : how_it_went(r->ctx, &refund));
}

struct error *admin_approval_reject(struct request *r)
{
    const char *id = request_path(r, "id"), *answer = member(r, "answer");
    struct error *error = NULL;

    if (!answer[strspn(answer, " \t\r\n")])
        error_add_field(r->ctx, &error, "#/answer", "is needed, for the one who asked");
    else if (strlen(answer) > MAX_NOTE)
        error_add_field(r->ctx, &error, "#/answer", "must have at most %d characters", MAX_NOTE);
    else
        error = approval_reject(r->ctx, id, answer);
    return conclude(r, id, error, "The refund was rejected; nothing goes back.");
}

struct error *admin_approval_withdraw(struct request *r)
{
    const char *id = request_path(r, "id");

    return conclude(r, id, approval_withdraw(r->ctx, id), "Withdrawn; nothing goes back.");
}
