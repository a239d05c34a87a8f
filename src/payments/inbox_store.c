#include "payments/inbox_store.h"

#include "base/config.h"
#include "base/ctx.h"
#include "db/db.h"
#include "payments/inbox.h"

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

struct error *at_risk_sums(struct ctx *ctx, struct field_list *out)
{
    SQL(at_risk,
        "SELECT sum(amount)::bigint AS amount, currency, sum(disputes)::bigint AS disputes, sum(unknown)::bigint AS "
        "unknown"
        "  FROM ((SELECT d.amount, d.currency, 1 AS disputes, 0 AS unknown FROM disputes d"
        "          JOIN payments p ON p.id = d.payment_id WHERE d.status IN ('open', 'inquiry') AND p.mode = $1)"
        "        UNION ALL"
        "        (SELECT amount, currency, 0, 1 FROM payments WHERE status = 'unknown' AND mode = $1 LIMIT 1000)) AS "
        "cases"
        " GROUP BY currency ORDER BY sum(disputes + unknown) DESC, currency");
    static const struct field columns[] = {
        FIELD(struct money_at_risk, amount), // and currency
        FIELD(struct money_at_risk, disputes),
        FIELD(struct money_at_risk, unknown),
        FIELD_END,
    };

    return db_list(ctx, &at_risk, PARAMS(P(mode_names[ctx->config->mode])), columns, sizeof(struct money_at_risk), out);
}
