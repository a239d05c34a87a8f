#include "ledger/balance.h"

#include "base/arena.h"
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

const struct field day_balance_columns[] = {
    FIELD(struct day_balance, account),
    FIELD(struct day_balance, currency),
    FIELD(struct day_balance, before),
    FIELD(struct day_balance, debits),
    FIELD(struct day_balance, credits),
    FIELD(struct day_balance, after),
    FIELD_END,
};

struct error *balance_of_day(struct ctx *ctx, struct instant day, struct field_list *out)
{
    SQL(of_day,
        "SELECT l.account, l.currency, coalesce(sum(l.amount) FILTER (WHERE e.posted_at < $1), 0)::bigint AS before,"
        "       coalesce(sum(l.amount) FILTER (WHERE e.posted_at >= $1 AND l.amount > 0), 0)::bigint AS debits,"
        "       -coalesce(sum(l.amount) FILTER (WHERE e.posted_at >= $1 AND l.amount < 0), 0)::bigint AS credits,"
        "       sum(l.amount)::bigint AS after"
        "  FROM ledger_lines l JOIN ledger_entries e ON e.id = l.entry_id WHERE e.posted_at < $2"
        " GROUP BY l.account, l.currency"
        " HAVING sum(l.amount) <> 0 OR count(*) FILTER (WHERE e.posted_at >= $1) > 0 ORDER BY l.account, l.currency");

    return db_list(ctx, &of_day, PARAMS(P(day), P(instant_add_seconds(day, 86400))), day_balance_columns,
        sizeof(struct day_balance), out);
}

const struct field breach_columns[] = {
    FIELD(struct breach, rule),
    FIELD(struct breach, object),
    FIELD(struct breach, currency),
    FIELD(struct breach, expected),
    FIELD(struct breach, found),
    FIELD_END,
};

/* The rules. Each answers breaches; none when all is well. */

SQL(entries_balance,
    "SELECT 'entries_balance' AS rule, e.id || ' ' || e.kind || ' ' || e.source AS object,"
    "       coalesce(l.currency, '') AS currency, 0 AS expected, coalesce(sum(l.amount), 0)::bigint AS found"
    "  FROM ledger_entries e LEFT JOIN ledger_lines l ON l.entry_id = e.id"
    " GROUP BY e.id, l.currency HAVING sum(l.amount) IS DISTINCT FROM 0 ORDER BY e.id LIMIT 100");

SQL(refunds_within_captured,
    "SELECT 'refunds_within_captured' AS rule, p.id AS object, p.currency, p.amount_captured AS expected,"
    "       sum(r.amount)::bigint AS found"
    "  FROM payments p JOIN refunds r ON r.payment_id = p.id AND r.status IN ('succeeded', 'processing')"
    " GROUP BY p.id HAVING sum(r.amount) > p.amount_captured ORDER BY p.id LIMIT 100");

SQL(refunds_equal_payments,
    "SELECT 'refunds_equal_payments' AS rule, p.id AS object, p.currency,"
    "       p.amount_refunded + p.amount_refunding AS expected, coalesce(sum(r.amount), 0)::bigint AS found"
    "  FROM payments p LEFT JOIN refunds r ON r.payment_id = p.id AND r.status IN ('succeeded', 'processing')"
    " GROUP BY p.id HAVING p.amount_refunded <> coalesce(sum(r.amount) FILTER (WHERE r.status = 'succeeded'), 0)"
    "    OR p.amount_refunding <> coalesce(sum(r.amount) FILTER (WHERE r.status = 'processing'), 0)"
    " ORDER BY p.id LIMIT 100");

SQL(payments_equal_ledger,
    "WITH booked AS (SELECT e.source, sum(l.amount) FILTER (WHERE l.currency = p.currency)::bigint AS amount,"
    "                       count(*) FILTER (WHERE l.currency <> p.currency) AS strange"
    "                  FROM ledger_entries e JOIN ledger_lines l ON l.entry_id = e.id AND l.account = 'sales'"
    "                  JOIN payments p ON p.id = e.source WHERE e.kind = 'capture' GROUP BY e.source)"
    "SELECT 'payments_equal_ledger' AS rule, p.id AS object, p.currency, p.amount_captured AS expected,"
    "       -coalesce(b.amount, 0) AS found"
    "  FROM payments p LEFT JOIN booked b ON b.source = p.id"
    " WHERE p.amount_captured <> -coalesce(b.amount, 0) OR b.strange > 0 ORDER BY p.id LIMIT 100");

SQL(refunds_equal_ledger,
    "WITH booked AS (SELECT e.source, sum(l.amount)::bigint AS amount"
    "                  FROM ledger_entries e JOIN ledger_lines l ON l.entry_id = e.id AND l.account = 'refunds'"
    "                 WHERE e.kind IN ('refund', 'refund_failed') GROUP BY e.source)"
    "SELECT 'refunds_equal_ledger' AS rule, r.id AS object, r.currency,"
    "       CASE r.status WHEN 'succeeded' THEN r.amount ELSE 0 END AS expected, coalesce(b.amount, 0) AS found"
    "  FROM refunds r LEFT JOIN booked b ON b.source = r.id"
    " WHERE CASE r.status WHEN 'succeeded' THEN r.amount ELSE 0 END <> coalesce(b.amount, 0) ORDER BY r.id LIMIT 100");

/* What is held back for an open dispute is its amount, and nothing for others; what was lost is the loss. */
SQL(disputes_equal_ledger,
    "WITH booked AS (SELECT e.source, coalesce(sum(l.amount) FILTER (WHERE l.account = 'disputes'), 0)::bigint AS held,"
    "                       coalesce(sum(l.amount) FILTER (WHERE l.account = 'dispute_losses'), 0)::bigint AS lost"
    "                  FROM ledger_entries e JOIN ledger_lines l ON l.entry_id = e.id"
    "                 WHERE e.kind LIKE 'dispute%' GROUP BY e.source)"
    "SELECT 'disputes_equal_ledger' AS rule, d.id AS object, d.currency,"
    "       CASE WHEN d.status IN ('open', 'lost') THEN d.amount ELSE 0 END AS expected,"
    "       coalesce(b.held + b.lost, 0) AS found"
    "  FROM disputes d LEFT JOIN booked b ON b.source = d.id"
    " WHERE coalesce(b.held, 0) <> CASE d.status WHEN 'open' THEN d.amount ELSE 0 END"
    "    OR coalesce(b.lost, 0) <> CASE d.status WHEN 'lost' THEN d.amount ELSE 0 END ORDER BY d.id LIMIT 100");

/* Every entry that changes what a provider holds for us belongs to something we know. */
SQL(receivable_has_reasons,
    "SELECT 'receivable_has_reasons' AS rule, e.id || ' ' || e.kind || ' ' || e.source AS object, l.currency, 0 AS "
    "expected,"
    "       l.amount AS found"
    "  FROM ledger_lines l JOIN ledger_entries e ON e.id = l.entry_id"
    "  LEFT JOIN payments p ON p.id = e.source LEFT JOIN refunds r ON r.id = e.source"
    "  LEFT JOIN disputes d ON d.id = e.source"
    " WHERE l.account LIKE '%:receivable' AND coalesce(p.id, r.id, d.id) IS NULL AND e.kind <> 'opening'"
    "   AND NOT EXISTS (SELECT FROM movements m WHERE m.provider = split_part(l.account, ':', 1)"
    "                      AND (m.reference = e.source OR m.source = e.source)) ORDER BY e.id LIMIT 100");

static const struct sql *const rules[] = { &entries_balance, &refunds_within_captured, &refunds_equal_payments,
    &payments_equal_ledger, &refunds_equal_ledger, &disputes_equal_ledger, &receivable_has_reasons };

#define RULES (sizeof rules / sizeof *rules)

struct error *ledger_check(struct ctx *ctx, struct field_list *out)
{
    struct breach *all = arena_array(ctx->arena, RULES * 100, sizeof *all);

    *out = (struct field_list){ .items = all };
    for (size_t i = 0; i < RULES; i++) {
        struct field_list found;
        TRY(db_list(ctx, rules[i], NO_PARAMS, breach_columns, sizeof(struct breach), &found));
        for (size_t n = 0; n < found.count; n++)
            all[out->count++] = ((const struct breach *)found.items)[n];
    }
    return NULL;
}
