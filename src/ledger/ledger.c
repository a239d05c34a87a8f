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
    return db_exec(ctx, &insert,
        PARAMS(P(postings[kind].name), P(source), P(part), P(ctx->now), P((const char *)amount.currency),
            P(account(ctx, postings[kind].debit, provider)), P(account(ctx, postings[kind].credit, provider)),
            P(amount.minor)),
        NULL);
}
