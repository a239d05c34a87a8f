#include "payments/reconcile_api.h"

#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/ctx.h"
#include "payments/reconcile.h"
#include "payments/reconcile_store.h"
#include "web/reply.h"
#include "web/request.h"

#define PAGE 20
#define DIFFERENCES 100
#define IN_CSV 1000000 // all of them

struct page {
    int64_t limit;
    const char *cursor;
};

const struct field reconcile_list_query[] = {
    FIELD(struct page, limit, .optional = true, .min = 1, .max = 100),
    FIELD_CURSOR(struct page, "rec"),
    FIELD_END,
};

struct error *reconcile_api_list(struct request *r)
{
    struct page page = { .limit = PAGE };
    struct field_list list;
    const char *cursor = NULL;

    TRY(request_query_fields(r, reconcile_list_query, &page));
    TRY(reconciliation_list(r->ctx, page.cursor, page.limit + 1, &list));
    if ((int64_t)list.count > page.limit)
        cursor = ((const struct reconciliation *)list.items)[--list.count - 1].id;
    return reply_list(r, reconciliation_shown, sizeof(struct reconciliation), &list, cursor);
}

struct error *reconcile_api_get(struct request *r)
{
    struct reconciliation reconciliation;

    TRY(reconciliation_get(r->ctx, request_path(r, "id"), &reconciliation));
    return reply_json(r, 200, reconciliation_shown, &reconciliation);
}

static const char *const format_names[] = { "json", "csv", NULL };
enum format { FORMAT_JSON, FORMAT_CSV };

struct differences_page {
    int64_t limit;
    const char *cursor; // the number of the last one
    enum format format;
};

static const char *check_number(struct ctx *ctx, const char *text)
{
    (void)ctx;
    return strspn(text, "0123456789") == strlen(text) && strlen(text) < 10 ? NULL : "is no cursor of this list";
}

const struct field reconcile_differences_query[] = {
    FIELD(struct differences_page, limit, .optional = true, .min = 1, .max = 1000),
    FIELD(struct differences_page, cursor, .optional = true, .max = 20, .check = check_number),
    FIELD(struct differences_page, format, .optional = true, .names = format_names,
        .summary = "csv answers all of them as text/csv"),
    FIELD_END,
};

static struct error *reply_csv(struct request *r, const struct reconciliation *reconciliation)
{
    struct field_list list;

    TRY(difference_list(r->ctx, reconciliation->id, 0, IN_CSV, &list));
    reply_header(r, "Content-Disposition", "attachment; filename=\"%s.csv\"", reconciliation->id);
    return reply_text(r, 200, "text/csv; charset=utf-8; header=present", reconcile_csv(r->ctx, &list));
}

struct error *reconcile_api_differences(struct request *r)
{
    const char *accept = request_header(r, "Accept");
    struct differences_page page = { .limit = DIFFERENCES,
        .format = accept && strstr(accept, "text/csv") ? FORMAT_CSV : FORMAT_JSON };
    struct reconciliation reconciliation;
    struct field_list list;
    const char *cursor = NULL;

    TRY(request_query_fields(r, reconcile_differences_query, &page));
    TRY(reconciliation_get(r->ctx, request_path(r, "id"), &reconciliation));
    if (page.format == FORMAT_CSV)
        return reply_csv(r, &reconciliation);
    int64_t after = page.cursor ? strtoll(page.cursor, NULL, 10) : 0;
    TRY(difference_list(r->ctx, reconciliation.id, after, page.limit + 1, &list));
    if ((int64_t)list.count > page.limit)
        cursor = arena_printf(r->ctx->arena, "%lld",
            (long long)((const struct difference *)list.items)[--list.count - 1].number);
    return reply_list(r, difference_shown, sizeof(struct difference), &list, cursor);
}
