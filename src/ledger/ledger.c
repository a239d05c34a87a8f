#include "ledger/ledger.h"

#include "base/arena.h"
#include "base/ctx.h"
#include "db/db.h"

/* What each kind of entry debits and credits. "%s" is the provider. */
static const struct {
    const char *name;
    const char *debit;
    const char *credit;
} postings[] = {
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

struct error *ledger_post(struct ctx *ctx, enum ledger_kind kind, const char *provider, const char *source,
    const char *part, struct money amount)
{
    SQL(insert,
        "WITH entry AS (INSERT INTO ledger_entries (kind, source, part, posted_at) VALUES ($1, $2, $3, $4)"
        "               ON CONFLICT DO NOTHING RETURNING id)"
        "INSERT INTO ledger_lines (entry_id, account, currency, amount)"
        "SELECT id, side.account, $5, side.amount"
        "  FROM entry, (VALUES ($6, $8::bigint), ($7, -$8::bigint)) AS side (account, amount)");

    if (amount.minor == 0)
        return NULL;
    return db_send(ctx, &insert,
        PARAMS(P(postings[kind].name), P(source), P(part), P(ctx->now), P((const char *)amount.currency),
            P(account(ctx, postings[kind].debit, provider)), P(account(ctx, postings[kind].credit, provider)),
            P(amount.minor)));
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

    TRY(db_one(ctx, &has, PARAMS(P(source), P(postings[kind].name)), columns, &row));
    *out = row.there;
    return NULL;
}
