#include "pages/admin_disputes.h"

#include "base/ctx.h"
#include "pages/admin.h"
#include "pages/admin_view.h"
#include "payments/dispute_store.h"
#include "provider/provider.h"
#include "web/request.h"

#define PAGE 25
#define DAY 86400

static const char *const standings[] = { "open", "inquiry", "won", "lost", NULL };

struct disputes_query {
    const char *status, *cursor;
};

static const char *check_standing(struct ctx *ctx, const char *text)
{
    (void)ctx;
    return name_index(standings, text) < 0 ? "must be open, inquiry, won or lost" : NULL;
}

const struct field admin_disputes_query[] = {
    FIELD(struct disputes_query, status, .optional = true, .check = check_standing),
    FIELD_CURSOR(struct disputes_query, "dsp"),
    FIELD_END,
};

/* How much time is left for evidence, while it matters. */
static json_t *due_view(struct ctx *ctx, const struct dispute *dispute)
{
    int64_t left = (dispute->due_by.us - ctx->now.us) / 1000000;
    bool waits = dispute->status == DISPUTE_OPEN || dispute->status == DISPUTE_INQUIRY;

    if (!waits || !instant_is_set(dispute->due_by))
        return json_null();
    return view_badge(ctx,
        left < 3 * (int64_t)DAY       ? TONE_BAD
            : left < 7 * (int64_t)DAY ? TONE_WARN
                                      : TONE_MUTED,
        left < 0 ? "Past its deadline" : view_span(ctx, left));
}

static json_t *dispute_view(struct ctx *ctx, const struct dispute *dispute)
{
    return json_pack("{ss, ss, so, so, so, ss, so, so, so}", "id", dispute->id, "payment", dispute->payment_id,
        "amount", view_money(ctx, dispute->amount), "state", view_dispute_badge(ctx, dispute->status), "reason",
        view_text(dispute->reason ? view_words(ctx, dispute->reason) : NULL), "reference", dispute->provider_dispute_id,
        "left", due_view(ctx, dispute), "due", view_time(ctx, dispute->due_by), "created",
        view_time(ctx, dispute->created_at));
}

struct error *admin_disputes(struct request *r)
{
    struct ctx *ctx = r->ctx;
    struct disputes_query query = { 0 };
    json_t *view = json_in(ctx->arena, json_object()), *rows = json_array();
    struct field_list disputes;
    const char *next = NULL;

    json_object_set_new(view, "disputes", rows);
    TRY(request_query_fields(r, admin_disputes_query, &query));
    TRY(dispute_rows(ctx, query.status, NULL, query.cursor, PAGE + 1, &disputes));
    const struct dispute *list = disputes.items;
    if (disputes.count > PAGE)
        next = list[--disputes.count - 1].id;
    for (size_t i = 0; i < disputes.count; i++)
        json_array_append_new(rows, dispute_view(ctx, &list[i]));
    json_object_set_new(view, "any", json_boolean(disputes.count > 0));
    if (!disputes.count)
        json_object_set_new(view, "empty",
            query.status ? json_pack("{ss, so, ss, ss}", "text", "No dispute stands like this.", "hint", json_null(),
                "link", "/admin/disputes", "word", "All disputes")
                         : json_pack("{ss, ss, so, so}", "text", "No payer has contested a payment.", "hint",
                             "A new dispute also appears in the task inbox, with its deadline.", "link", json_null(),
                             "word", json_null()));
    json_object_set_new(view, "statuses", view_options(ctx, standings, query.status));
    json_object_set_new(view, "pager",
        view_pager(query.cursor ? view_link(ctx, "/admin/disputes", "status", query.status, NULL) : NULL,
            next ? view_link(ctx, "/admin/disputes", "status", query.status, "cursor", next, NULL) : NULL));
    return admin_page(r, 200, "admin/disputes", "Disputes", view);
}
