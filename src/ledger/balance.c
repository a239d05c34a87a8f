#include "ledger/balance.h"

#include "base/ctx.h"
#include "db/db.h"

const struct field balance_columns[] = {
    FIELD(struct balance, account),
    FIELD(struct balance, currency),
    FIELD(struct balance, amount),
    FIELD(struct balance, summary),
    FIELD_END,
};

static const struct field unbalanced_columns[] = {
    FIELD(struct unbalanced, entry),
    FIELD(struct unbalanced, kind),
    FIELD(struct unbalanced, source),
    FIELD(struct unbalanced, currency),
    FIELD(struct unbalanced, off),
    FIELD_END,
};

struct error *balance_list(struct ctx *ctx, struct field_list *out)
{
    SQL(balances,
        "SELECT l.account, l.currency, sum(l.amount)::bigint AS amount, a.summary"
        "  FROM ledger_lines l JOIN ledger_accounts a ON a.code = l.account"
        " GROUP BY l.account, l.currency, a.summary HAVING sum(l.amount) <> 0"
        " ORDER BY l.account, l.currency");

    return db_list(ctx, &balances, NO_PARAMS, balance_columns, sizeof(struct balance), out);
}

struct error *balance_check(struct ctx *ctx, int64_t *entries, struct field_list *out)
{
    SQL(count, "SELECT count(*) AS entry FROM ledger_entries");
    SQL(off,
        "SELECT e.id AS entry, e.kind, e.source, coalesce(l.currency, 'nothing') AS currency,"
        "       coalesce(sum(l.amount), 0)::bigint AS off"
        "  FROM ledger_entries e LEFT JOIN ledger_lines l ON l.entry_id = e.id"
        " GROUP BY e.id, l.currency HAVING sum(l.amount) IS DISTINCT FROM 0"
        " ORDER BY e.id LIMIT 100");
    static const struct field counted[] = { FIELD(struct unbalanced, entry), FIELD_END };
    struct unbalanced row;

    TRY(db_one(ctx, &count, NO_PARAMS, counted, &row));
    *entries = row.entry;
    return db_list(ctx, &off, NO_PARAMS, unbalanced_columns, sizeof(struct unbalanced), out);
}
