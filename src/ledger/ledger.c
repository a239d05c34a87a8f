#include "ledger/ledger.h"

#include <string.h>

#include "base/arena.h"
#include "base/ctx.h"
#include "db/db.h"

/* What each kind of entry debits and credits. "%s" is the provider. */
static const struct {
    const char *name;
    const char *debit;
    const char *credit;
} sides[] = {
    [LEDGER_CAPTURE] = { "capture", "%s:receivable", "sales" },
    [LEDGER_REFUND] = { "refund", "refunds", "%s:receivable" },
    [LEDGER_REFUND_FAILED] = { "refund_failed", "%s:receivable", "refunds" },
    [LEDGER_FEE] = { "fee", "fees", "%s:receivable" },
    [LEDGER_DISPUTE_OPENED] = { "dispute_opened", "disputes", "%s:receivable" },
    [LEDGER_DISPUTE_WON] = { "dispute_won", "%s:receivable", "disputes" },
    [LEDGER_DISPUTE_LOST] = { "dispute_lost", "dispute_losses", "disputes" },
    [LEDGER_DISPUTE_APPEALED] = { "dispute_appealed", "disputes", "dispute_losses" },
    [LEDGER_FEE_RETURNED] = { "fee_returned", "%s:receivable", "fees" },
    [LEDGER_OPENING] = { "opening", "%s:receivable", "opening" },
    [LEDGER_PAYOUT] = { "payout", "bank", "%s:receivable" },
    [LEDGER_PAYOUT_FAILED] = { "payout_failed", "%s:receivable", "bank" },
};

static const char *account(struct ctx *ctx, const char *pattern, const char *provider)
{
    return *pattern == '%' ? arena_printf(ctx->arena, "%s%s", provider, pattern + 2) : pattern;
}

struct error *ledger_post_all(struct ctx *ctx, const char *provider, const char *source, const struct posting *postings,
    size_t count)
{
    SQL_ROWS(insert,
        "WITH given AS ("
        "  SELECT DISTINCT ON (source, kind, part) *"
        "    FROM unnest($1::text[], $2::timestamptz[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[],"
        "                $8::bigint[])"
        "    WITH ORDINALITY AS g (source, at, kind, part, currency, debit, credit, amount, place)"
        "   WHERE" PLANNED_ONCE "),"
        " entry AS ("
        "  INSERT INTO ledger_entries (kind, source, part, posted_at) SELECT kind, source, part, at FROM given"
        "  ON CONFLICT DO NOTHING RETURNING id, source, kind, part) "
        "INSERT INTO ledger_lines (entry_id, account, currency, amount)"
        "SELECT entry.id, side.account, given.currency, side.amount"
        "  FROM entry JOIN given USING (source, kind, part),"
        "       LATERAL (VALUES (debit, given.amount), (credit, -given.amount)) AS side (account, amount)");
    struct params *rows = arena_array(ctx->arena, count, sizeof *rows);
    size_t some = 0;

    for (size_t i = 0; i < count; i++) {
        const struct posting *posting = &postings[i];
        if (posting->amount.minor == 0)
            continue;
        const struct param values[] = { P(source), P(ctx->now), P(sides[posting->kind].name), P(posting->part),
            P((const char *)posting->amount.currency), P(account(ctx, sides[posting->kind].debit, provider)),
            P(account(ctx, sides[posting->kind].credit, provider)), P(posting->amount.minor) };
        struct param *list = arena_alloc(ctx->arena, sizeof values);
        memcpy(list, values, sizeof values);
        rows[some++] = (struct params){ list, sizeof values / sizeof *values };
    }
    return some ? db_send_rows(ctx, &insert, rows, some) : NULL;
}

struct error *ledger_post(struct ctx *ctx, enum ledger_kind kind, const char *provider, const char *source,
    const char *part, struct money amount)
{
    return ledger_post_all(ctx, provider, source, &(struct posting){ kind, part, amount }, 1);
}

struct error *ledger_exchange(struct ctx *ctx, const char *provider, const char *source, struct money from,
    struct money to)
{
    SQL(exchange,
        "WITH entry AS (INSERT INTO ledger_entries (kind, source, part, posted_at) VALUES ('exchange', $1, '', $2)"
        "               ON CONFLICT DO NOTHING RETURNING id)"
        "INSERT INTO ledger_lines (entry_id, account, currency, amount)"
        "SELECT id, side.account, side.currency, side.amount"
        "  FROM entry, (VALUES ($3, $4, -$5::bigint), ('exchange', $4, $5::bigint),"
        "                      ($3, $6, $7::bigint), ('exchange', $6, -$7::bigint)) AS side (account, currency, "
        "amount) WHERE side.amount <> 0");

    if (from.minor == 0 && to.minor == 0)
        return NULL;
    return db_send(ctx, &exchange,
        PARAMS(P(source), P(ctx->now), P(account(ctx, "%s:receivable", provider)), P((const char *)from.currency),
            P(from.minor), P((const char *)to.currency), P(to.minor)));
}

struct error *ledger_has(struct ctx *ctx, enum ledger_kind kind, const char *source, bool *out)
{
    SQL(has, "SELECT EXISTS (SELECT FROM ledger_entries WHERE source = $1 AND kind = $2) AS there");
    struct row {
        bool there;
    } row;
    static const struct field columns[] = { FIELD(struct row, there), FIELD_END };

    TRY(db_one(ctx, &has, PARAMS(P(source), P(sides[kind].name)), columns, &row));
    *out = row.there;
    return NULL;
}
