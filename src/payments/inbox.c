#include "payments/inbox.h"

#include <string.h>

#include "base/arena.h"
#include "base/ctx.h"
#include "db/db.h"
#include "payments/inbox_store.h"
#include "payments/reconcile_store.h"

#define STUCK_SECONDS 900

static struct error *add_subjects(struct ctx *ctx, struct task_item *items, size_t count)
{
    json_t *ids = json_in(ctx->arena, json_array());
    struct field_list rows;

    for (size_t i = 0; i < count; i++)
        json_array_append_new(ids, json_string(items[i].decision.object));
    TRY(subject_rows(ctx, ids, &rows));
    const struct subject_row *row = rows.items;
    for (size_t i = 0; i < count; i++) {
        for (size_t n = 0; n < rows.count; n++) {
            if (strcmp(row[n].id, items[i].decision.object) != 0)
                continue;
            items[i].payment_id = row[n].payment_id;
            items[i].due_at = row[n].due_at;
        }
    }
    return NULL;
}

struct error *inbox_list(struct ctx *ctx, const struct decision_filter *filter, struct field_list *out)
{
    struct field_list decisions;

    TRY(decision_list(ctx, filter, &decisions));
    struct task_item *items = arena_array(ctx->arena, decisions.count + 1, sizeof *items);
    for (size_t i = 0; i < decisions.count; i++)
        items[i].decision = ((const struct decision *)decisions.items)[i];
    *out = (struct field_list){ items, decisions.count };
    return add_subjects(ctx, items, decisions.count);
}

struct error *inbox_get(struct ctx *ctx, const char *id, struct task_item *out)
{
    *out = (struct task_item){ 0 };
    TRY(decision_get(ctx, id, &out->decision));
    return add_subjects(ctx, out, 1);
}

static struct error *resolve(struct ctx *ctx, const char *id, const char *reason, struct decision *out)
{
    TRY(decision_resolve(ctx, id, reason, out));
    if (strcmp(out->kind, "difference") != 0)
        return NULL;
    return difference_resolve_all(ctx, out->object, ctx->principal.id, reason);
}

struct error *inbox_resolve(struct ctx *ctx, const char *id, const char *reason, struct decision *out)
{
    return IN_TX(ctx, resolve(ctx, id, reason, out));
}

struct error *inbox_stuck(struct ctx *ctx, int64_t *out)
{
    return stuck_count(ctx, instant_add_seconds(ctx->now, -STUCK_SECONDS), out);
}

struct error *inbox_at_risk(struct ctx *ctx, struct field_list *out)
{
    return at_risk_sums(ctx, out);
}
