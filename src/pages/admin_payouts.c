#include "pages/admin_payouts.h"

#include <string.h>

#include "base/arena.h"
#include "base/check.h"
#include "base/ctx.h"
#include "pages/admin.h"
#include "pages/admin_view.h"
#include "payments/reconcile_store.h"
#include "web/request.h"

#define PAGE 25
#define PARTS 100

static const char list_address[] = "/admin/reconciliation/payouts";

struct query {
    const char *cursor;
};

const struct field admin_payouts_query[] = {
    FIELD(struct query, cursor, .optional = true, .max = 255, .check = check_id),
    FIELD_END,
};

/* One as it stands -------------------------------------------------------------------------------------------------- */

static json_t *payout_badge(struct ctx *ctx, const struct payout *payout)
{
    bool whole = payout->composed && payout->made_of + payout->amount.minor == 0;

    if (!strcmp(payout->kind, "payout_failed"))
        return view_badge(ctx, TONE_BAD, "Came back");
    if (!payout->posted)
        return view_badge(ctx, TONE_WARN, "Not in our books");
    if (!payout->composed)
        return view_badge(ctx, TONE_MUTED, "Cannot be taken apart");
    if (!payout->parts)
        return view_badge(ctx, TONE_INFO, "Parts not known yet");
    return whole ? view_badge(ctx, TONE_GOOD, "Adds up") : view_badge(ctx, TONE_BAD, "Does not add up");
}

/* What arrived at the bank, or came back from it. */
static json_t *payout_money(struct ctx *ctx, const struct payout *payout)
{
    struct money paid = payout->amount;

    paid.minor = !strcmp(payout->kind, "payout_failed") ? paid.minor : -paid.minor;
    return view_money(ctx, paid);
}

static json_t *payout_view(struct ctx *ctx, const struct payout *payout)
{
    return json_pack("{ss, ss, ss, so, so, sI, sb, so, so}", "provider", view_words(ctx, payout->provider), "reference",
        payout->source, "link", arena_printf(ctx->arena, "%s/%s", list_address, payout->source), "amount",
        payout_money(ctx, payout), "made_of",
        payout->parts ? view_minor(ctx, payout->made_of, payout->amount.currency) : json_null(), "parts",
        (json_int_t)payout->parts, "single", payout->parts == 1, "state", payout_badge(ctx, payout), "made",
        view_time(ctx, payout->created_at));
}

struct error *admin_payouts(struct request *r)
{
    struct ctx *ctx = r->ctx;
    struct query query = { 0 };
    json_t *view = json_in(ctx->arena, json_object()), *rows = json_array();
    struct field_list payouts;
    const char *next = NULL;

    json_object_set_new(view, "payouts", rows);
    TRY(request_query_fields(r, admin_payouts_query, &query));
    TRY(payout_list(ctx, query.cursor, PAGE + 1, &payouts));
    const struct payout *list = payouts.items;
    if (payouts.count > PAGE)
        next = list[--payouts.count - 1].reference;
    for (size_t i = 0; i < payouts.count; i++)
        json_array_append_new(rows, payout_view(ctx, &list[i]));
    json_object_set_new(view, "any", json_boolean(payouts.count > 0));
    if (!payouts.count)
        json_object_set_new(view, "empty",
            json_pack("{ss, ss, ss, ss}", "text", "No payout is known yet.", "hint",
                "Payouts are read from the provider's books when they are compared with ours.", "link",
                "/admin/reconciliation", "word", "Reconciliation"));
    json_object_set_new(view, "pager",
        view_pager(query.cursor ? list_address : NULL,
            next ? view_link(ctx, list_address, "cursor", next, NULL) : NULL));
    return admin_page(r, 200, "admin/payouts", "Payouts", view);
}

/* What it is made of ------------------------------------------------------------------------------------------------ */

static json_t *sums_view(struct ctx *ctx, const struct field_list *sums)
{
    const struct payout_sum *sum = sums->items;
    json_t *rows = json_array();

    for (size_t i = 0; i < sums->count; i++) {
        const char *currency = sum[i].amount.currency;
        json_array_append_new(rows,
            json_pack("{ss, sI, so, so, so}", "kind", view_words(ctx, sum[i].kind), "count", (json_int_t)sum[i].count,
                "amount", view_money(ctx, sum[i].amount), "fee", view_minor(ctx, sum[i].fee, currency), "net",
                view_minor(ctx, sum[i].amount.minor - sum[i].fee, currency)));
    }
    return rows;
}

static json_t *part_badge(struct ctx *ctx, const struct payout_part *part)
{
    if (part->report)
        return view_badge(ctx, TONE_BAD, "Differs");
    return part->posted ? view_badge(ctx, TONE_GOOD, "In both books") : view_badge(ctx, TONE_WARN, "Not in our books");
}

static json_t *part_view(struct ctx *ctx, const struct payout_part *part)
{
    const char *currency = part->amount.currency;

    return json_pack("{ss, ss, so, so, so, so, so, so, so, so}", "kind", view_words(ctx, part->kind), "reference",
        part->source ? part->source : part->reference, "object", view_text(part->object), "place",
        view_text(view_place(ctx, part->object)), "amount", view_money(ctx, part->amount), "fee",
        view_minor(ctx, part->fee, currency), "net", view_minor(ctx, part->amount.minor - part->fee, currency), "state",
        part_badge(ctx, part), "difference",
        view_text(part->report ? view_difference(ctx, part->report, part->number) : NULL), "made",
        view_time(ctx, part->created_at));
}

static struct error *add_parts(struct ctx *ctx, const struct payout *payout, const char *cursor, json_t *view)
{
    const char *address = arena_printf(ctx->arena, "%s/%s", list_address, payout->source), *next = NULL;
    json_t *rows = json_array();
    struct field_list parts;

    json_object_set_new(view, "parts", rows);
    TRY(payout_parts(ctx, payout, cursor, PARTS + 1, &parts));
    const struct payout_part *part = parts.items;
    if (parts.count > PARTS)
        next = part[--parts.count - 1].reference;
    for (size_t i = 0; i < parts.count; i++)
        json_array_append_new(rows, part_view(ctx, &part[i]));
    json_object_set_new(view, "any", json_boolean(parts.count > 0));
    json_object_set_new(view, "pager",
        view_pager(cursor ? address : NULL, next ? view_link(ctx, address, "cursor", next, NULL) : NULL));
    return NULL;
}

/* Where a comparison found that the payout itself differs, as long as that is open. */
static struct error *add_difference(struct ctx *ctx, const struct payout *payout, json_t *view)
{
    const char *report;
    int64_t number;
    bool open;

    TRY(difference_is_open(ctx, payout->source, &open));
    if (!open)
        return NULL;
    TRY(difference_place(ctx, payout->source, &report, &number));
    json_object_set_new(view, "differs_at", json_string(view_difference(ctx, report, number)));
    return NULL;
}

struct error *admin_payout(struct request *r)
{
    struct ctx *ctx = r->ctx;
    struct query query = { 0 };
    struct payout payout, back;
    struct field_list sums;

    TRY(request_query_fields(r, admin_payouts_query, &query));
    TRY(payout_get(ctx, request_path(r, "id"), &payout, &back));
    TRY(payout_sums(ctx, &payout, &sums));
    json_t *view = json_in(ctx->arena,
        json_pack("{so, so, so}", "payout", payout_view(ctx, &payout), "sums", sums_view(ctx, &sums), "back",
            back.reference ? payout_view(ctx, &back) : json_null()));
    json_object_set_new(view, "left_over",
        payout.composed && payout.parts && payout.made_of + payout.amount.minor
            ? view_minor(ctx, payout.made_of + payout.amount.minor, payout.amount.currency)
            : json_null());
    json_object_set_new(view, "posted", json_boolean(payout.posted));
    json_object_set_new(view, "composed", json_boolean(payout.composed));
    TRY(add_difference(ctx, &payout, view));
    TRY(add_parts(ctx, &payout, query.cursor, view));
    return admin_page(r, 200, "admin/payout", "Payout", view);
}
