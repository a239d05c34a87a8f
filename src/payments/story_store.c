#include "payments/story_store.h"

#include "base/ctx.h"
#include "db/db.h"
#include "events/decision.h"

static const char *const kind_names[] = { "audit", "attempt", "webhook", "event", "ledger", "decision", "job", NULL };

static const struct field columns[] = {
    FIELD(struct story, kind, .names = kind_names),
    FIELD(struct story, id),
    FIELD(struct story, name),
    FIELD(struct story, state),
    FIELD(struct story, object),
    FIELD(struct story, who_kind),
    FIELD(struct story, who),
    FIELD(struct story, code),
    FIELD(struct story, reference),
    FIELD(struct story, amount), // and currency
    FIELD(struct story, details),
    FIELD(struct story, sealed),
    FIELD(struct story, at),
    FIELD_END,
};

/* Every part reads the newest rows of its objects by an index, so that a payment with a long story costs as much as another. */
struct error *story_rows(struct ctx *ctx, const char *ids, const char *provider, const char *reference, int64_t each,
    int64_t raw, int64_t limit, struct field_list *out)
{
    SQL(rows,
        "SELECT kind, id, name, state, object, who_kind, who, code, reference, amount, coalesce(currency, '') AS "
        "currency,"
        " details, sealed, at FROM ("
        " (SELECT 'audit' AS kind, id::text, action AS name, NULL::text AS state, object, principal_kind AS who_kind,"
        "         principal AS who, NULL::text AS code, NULL::text AS reference, NULL::bigint AS amount,"
        "         NULL::text AS currency, details, NULL::bytea AS sealed, at, 3 AS place"
        "    FROM audit_log WHERE object = ANY ($1::text[]) ORDER BY id DESC LIMIT $4)"
        " UNION ALL"
        " (SELECT 'attempt', id, operation, status, payment_id, NULL, created_by, coalesce(failure_class, "
        "failure_code),"
        "         provider_request_id, amount, NULL, checks, NULL, created_at, 2"
        "    FROM attempts WHERE payment_id = ANY ($1::text[]) ORDER BY id DESC LIMIT $4)"
        " UNION ALL"
        " (SELECT 'webhook', id, type, status, object_id, NULL, provider, error, provider_event_id, NULL, NULL, NULL,"
        "         CASE WHEN row_number() OVER (ORDER BY id DESC) <= $6 THEN payload END, received_at, 1"
        "    FROM webhook_events WHERE payment_reference = $3 AND provider = $2 ORDER BY id DESC LIMIT $4)"
        " UNION ALL"
        " (SELECT 'event', id, type, NULL, object_id, NULL, NULL, NULL, NULL, NULL, NULL,"
        "         CASE WHEN row_number() OVER (ORDER BY id DESC) <= $6 THEN payload END, NULL, created_at, 5"
        "    FROM events WHERE object_id = ANY ($1::text[]) ORDER BY id DESC LIMIT $4)"
        " UNION ALL"
        " (SELECT 'ledger', e.id::text, e.kind, NULL, e.source, NULL, NULL, NULL, NULL,"
        "         (SELECT sum(l.amount)::bigint FROM ledger_lines l WHERE l.entry_id = e.id AND l.amount > 0),"
        "         (SELECT min(l.currency) FROM ledger_lines l WHERE l.entry_id = e.id),"
        "         (SELECT jsonb_agg(jsonb_build_array(l.account, l.amount, l.currency) ORDER BY l.amount DESC)"
        "            FROM ledger_lines l WHERE l.entry_id = e.id), NULL, e.posted_at, 4"
        "    FROM ledger_entries e WHERE e.source = ANY ($1::text[]) ORDER BY e.id DESC LIMIT $4)"
        " UNION ALL"
        " (SELECT 'decision', id, kind, CASE WHEN done_at IS NULL THEN 'waits' ELSE 'settled' END, object, NULL, "
        "done_by,"
        "         NULL, NULL, amount, currency,"
        "         jsonb_build_object('known', known, 'suggestion', suggestion, 'resolution', resolution, 'done_at', "
        "done_at),"
        "         NULL, created_at, 6"
        "    FROM decisions WHERE object = ANY ($1::text[]) ORDER BY created_at DESC LIMIT $4)"
        " UNION ALL"
        " (SELECT 'job', id::text, kind, state, subject, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, run_at, 7"
        "    FROM jobs WHERE subject = ANY ($1::text[]) LIMIT $4)"
        ") line ORDER BY at DESC, place DESC, length(id) DESC, id DESC LIMIT $5");

    return db_list(ctx, &rows, PARAMS(P(ids), P(provider), P(reference), P(each), P(limit), P(raw)), columns,
        sizeof(struct story), out);
}

struct error *story_sums(struct ctx *ctx, const char *ids, const char *receivable, struct field_list *out)
{
    SQL(sums,
        "SELECT l.currency, coalesce(sum(l.amount) FILTER (WHERE l.account = 'fees'), 0)::bigint AS fees,"
        "       coalesce(sum(l.amount) FILTER (WHERE l.account = $2), 0)::bigint AS net"
        "  FROM ledger_entries e JOIN ledger_lines l ON l.entry_id = e.id"
        " WHERE e.source = ANY ($1::text[]) GROUP BY l.currency ORDER BY l.currency");
    static const struct field sum_columns[] = {
        FIELD(struct story_money, currency),
        FIELD(struct story_money, fees),
        FIELD(struct story_money, net),
        FIELD_END,
    };

    return db_list(ctx, &sums, PARAMS(P(ids), P(receivable)), sum_columns, sizeof(struct story_money), out);
}

struct error *story_dead(struct ctx *ctx, const char *ids, struct field_list *out)
{
    SQL(dead,
        "SELECT id, kind, subject, error FROM jobs WHERE subject = ANY ($1::text[]) AND state = 'dead' ORDER BY id"
        " LIMIT 100");
    static const struct field dead_columns[] = {
        FIELD(struct dead_job, id),
        FIELD(struct dead_job, kind),
        FIELD(struct dead_job, subject),
        FIELD(struct dead_job, error),
        FIELD_END,
    };

    return db_list(ctx, &dead, PARAMS(P(ids)), dead_columns, sizeof(struct dead_job), out);
}

struct error *story_waiting(struct ctx *ctx, const char *ids, struct field_list *out)
{
    SQL(waiting,
        "SELECT id, kind, object, known, suggestion, amount, coalesce(currency, '') AS currency, created_at"
        "  FROM decisions WHERE object = ANY ($1::text[]) AND done_at IS NULL"
        " ORDER BY created_at LIMIT 100");

    static const struct field waiting_columns[] = {
        FIELD(struct decision, id),
        FIELD(struct decision, kind),
        FIELD(struct decision, object),
        FIELD(struct decision, known),
        FIELD(struct decision, suggestion),
        FIELD(struct decision, amount), // and currency
        FIELD(struct decision, created_at),
        FIELD_END,
    };

    return db_list(ctx, &waiting, PARAMS(P(ids)), waiting_columns, sizeof(struct decision), out);
}

struct error *story_payout_list(struct ctx *ctx, const char *provider, const char *reference, struct field_list *out)
{
    SQL(payouts,
        "SELECT DISTINCT payout FROM movements WHERE provider = $1 AND payment_reference = $2 AND kind = 'charge'"
        "   AND payout IS NOT NULL LIMIT 10");
    struct row {
        const char *payout;
    };
    static const struct field payout_columns[] = { FIELD(struct row, payout), FIELD_END };

    return db_list(ctx, &payouts, PARAMS(P(provider), P(reference)), payout_columns, sizeof(struct row), out);
}
