#include "payments/inbox_store.h"

#include "base/ctx.h"
#include "db/db.h"

struct error *subject_rows(struct ctx *ctx, json_t *ids, struct field_list *out)
{
    SQL(subjects,
        "SELECT i.id, coalesce(p.id, r.payment_id, d.payment_id) AS payment_id, d.due_by AS due_at"
        "  FROM jsonb_array_elements_text($1) AS i (id)"
        "  LEFT JOIN payments p ON p.id = i.id LEFT JOIN refunds r ON r.id = i.id LEFT JOIN disputes d ON d.id = i.id");
    static const struct field columns[] = {
        FIELD(struct subject_row, id),
        FIELD(struct subject_row, payment_id),
        FIELD(struct subject_row, due_at),
        FIELD_END,
    };

    return db_list(ctx, &subjects, PARAMS(P(ids)), columns, sizeof(struct subject_row), out);
}

struct error *stuck_count(struct ctx *ctx, struct instant before, int64_t *out)
{
    SQL(stuck,
        "SELECT count(*) AS count FROM (SELECT FROM payments WHERE status IN ('unknown', 'processing')"
        "   AND updated_at < $1 LIMIT 1000) AS s");
    struct row {
        int64_t count;
    } row;
    static const struct field columns[] = { FIELD(struct row, count), FIELD_END };

    TRY(db_one(ctx, &stuck, PARAMS(P(before)), columns, &row));
    *out = row.count;
    return NULL;
}
