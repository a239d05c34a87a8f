#include "payments/reconcile_store.h"

#include "base/arena.h"
#include "base/ctx.h"
#include "db/db.h"
#include "provider/provider.h"

const char *const difference_kind_names[] = {
    [DIFFERENCE_MISSING_HERE] = "missing_here",
    [DIFFERENCE_MISSING_THERE] = "missing_there",
    [DIFFERENCE_AMOUNT] = "amount",
    [DIFFERENCE_CURRENCY] = "currency",
    [DIFFERENCE_FEE] = "fee",
    [DIFFERENCE_STATE] = "state",
    [DIFFERENCE_DUPLICATE] = "duplicate",
    [DIFFERENCE_PAYOUT] = "payout_mismatch",
    NULL,
};

/* The copy of their books ------------------------------------------------------------------------------------------- */

static json_t *row_of(struct ctx *ctx, const struct movement *movement)
{
    return json_pack("{ss, ss, ss?, ss?, ss?, sI, sI, ss, sI, ss, ss?, sb, ss}", "reference", movement->reference,
        "kind", movement_kind_names[movement->kind], "source", movement->source, "payment_reference",
        movement->payment_reference, "own_id", movement->own_id, "amount", (json_int_t)movement->amount.minor, "fee",
        (json_int_t)movement->fee, "currency", movement->amount.currency, "source_amount",
        (json_int_t)movement->source_amount.minor, "source_currency", movement->source_amount.currency, "payout",
        movement->payout, "composed", movement->composed, "created_at",
        instant_format(ctx->arena, movement->created_at, true));
}

struct error *movement_insert(struct ctx *ctx, const char *provider, const struct movement *movements, size_t count,
    int64_t *added)
{
    /* Of a charge in another currency, source_amount is all that was captured so far: what is known of earlier captures is taken off, and
     * the rest shared among those that are new, by what each brought, so that nothing is lost. */
    SQL(insert,
        "WITH rows AS ("
        "  SELECT * FROM jsonb_to_recordset($2) AS r (reference text, kind text, source text, payment_reference text,"
        "         own_id text, amount bigint, fee bigint, currency text, source_amount bigint, source_currency text,"
        "         payout text, composed boolean, created_at timestamptz)),"
        "captures AS ("
        "  SELECT r.reference, r.amount, r.source_amount - known.amount AS rest,"
        "         sum(r.amount) OVER (PARTITION BY r.source) AS brought,"
        "         sum(r.amount) OVER (PARTITION BY r.source ORDER BY r.created_at, r.reference) AS until"
        "    FROM rows r, LATERAL (SELECT coalesce(sum(m.source_amount), 0) AS amount FROM movements m"
        "         WHERE m.provider = $1 AND m.source = r.source AND m.kind = 'charge' AND m.amount > 0) AS known"
        "   WHERE r.kind = 'charge' AND r.amount > 0 AND r.currency <> r.source_currency"
        "     AND NOT EXISTS (SELECT FROM movements m WHERE m.provider = $1 AND m.reference = r.reference))"
        "INSERT INTO movements AS m (provider, reference, kind, source, payment_reference, own_id, amount, fee,"
        " currency, source_amount, source_currency, payout, composed, created_at, imported_at)"
        "SELECT $1, r.reference, r.kind, r.source, r.payment_reference, r.own_id, r.amount, r.fee, r.currency,"
        "       coalesce(div(c.rest * c.until, c.brought) - div(c.rest * (c.until - c.amount), c.brought),"
        "                r.source_amount)::bigint, r.source_currency, r.payout, r.composed, r.created_at, $3"
        "  FROM rows r LEFT JOIN captures c ON c.reference = r.reference"
        " ORDER BY r.reference " // two runs at once take the rows in one order
        "ON CONFLICT (provider, reference) DO UPDATE SET payout = excluded.payout"
        " WHERE excluded.payout IS NOT NULL AND m.payout IS DISTINCT FROM excluded.payout");
    json_t *rows = json_in(ctx->arena, json_array());

    for (size_t i = 0; i < count; i++)
        json_array_append_new(rows, row_of(ctx, &movements[i]));
    return db_exec(ctx, &insert, PARAMS(P(provider), P(rows), P(ctx->now)), added);
}

struct error *movement_payouts_to_ask(struct ctx *ctx, const char *provider, struct window window,
    struct field_list *out)
{
    SQL(payouts,
        "SELECT source FROM movements WHERE provider = $1 AND created_at >= $2 AND created_at < $3"
        "   AND kind = 'payout' AND composed AND payout IS NULL AND source IS NOT NULL ORDER BY created_at");
    struct row {
        const char *source;
    };
    static const struct field columns[] = { FIELD(struct row, source), FIELD_END };

    return db_list(ctx, &payouts, PARAMS(P(provider), P(window.from), P(window.to)), columns, sizeof(struct row), out);
}

struct error *movement_unposted(struct ctx *ctx, const char *provider, struct window window, struct field_list *out)
{
    /* Money in another currency is exchanged for what is booked here: of payments, refunds and disputes that we know. */
    SQL(unposted,
        "SELECT m.reference, m.kind, m.source, m.amount, m.currency AS amount_currency, m.source_amount,"
        "       m.source_currency AS source_amount_currency, m.fee"
        "  FROM movements m"
        " WHERE m.provider = $1 AND m.created_at >= $2 AND m.created_at < $3 AND CASE"
        "       WHEN m.kind IN ('payout', 'payout_failed') THEN m.source IS NOT NULL AND NOT EXISTS (SELECT FROM"
        "            ledger_entries e WHERE e.source = m.source AND e.kind = m.kind)"
        "       WHEN m.kind = 'fee' THEN NOT EXISTS (SELECT FROM ledger_entries e WHERE e.source = m.reference)"
        "       WHEN m.currency <> m.source_currency THEN"
        "            NOT EXISTS (SELECT FROM ledger_entries e WHERE e.source = m.reference)"
        "            AND (EXISTS (SELECT FROM payments p WHERE p.provider = $1 AND p.provider_payment_id ="
        "                         m.payment_reference AND m.kind = 'charge')"
        "                 OR EXISTS (SELECT FROM refunds r WHERE r.provider = $1 AND r.provider_refund_id = m.source)"
        "                 OR EXISTS (SELECT FROM disputes d WHERE d.provider = $1 AND d.provider_dispute_id = "
        "m.source))"
        "       ELSE false END"
        " ORDER BY m.created_at, m.reference");
    static const struct field columns[] = {
        FIELD(struct unposted, reference),
        FIELD(struct unposted, kind),
        FIELD(struct unposted, source),
        FIELD(struct unposted, amount),
        FIELD(struct unposted, source_amount),
        FIELD(struct unposted, fee),
        FIELD_END,
    };

    return db_list(ctx, &unposted, PARAMS(P(provider), P(window.from), P(window.to)), columns, sizeof(struct unposted),
        out);
}

struct error *movement_totals(struct ctx *ctx, const char *provider, struct window window, json_t **out)
{
    SQL(totals,
        "SELECT coalesce(jsonb_object_agg(currency, kinds), '{}') AS totals FROM ("
        "  SELECT currency, jsonb_object_agg(kind, jsonb_build_object('count', count, 'amount', amount, 'fee', fee)) "
        "AS kinds"
        "    FROM (SELECT currency, kind, count(*), sum(amount)::bigint AS amount, sum(fee)::bigint AS fee FROM "
        "movements"
        "           WHERE provider = $1 AND created_at >= $2 AND created_at < $3 GROUP BY currency, kind) AS sums"
        "   GROUP BY currency) AS currencies");
    struct row {
        json_t *totals;
    } row;
    static const struct field columns[] = { FIELD(struct row, totals), FIELD_END };

    TRY(db_one(ctx, &totals, PARAMS(P(provider), P(window.from), P(window.to)), columns, &row));
    *out = row.totals;
    return NULL;
}

/* The comparison ---------------------------------------------------------------------------------------------------- */

/* $1 provider, $2 from, $3 to, $4 end. Each of our payments, refunds and disputes with what their books say of it, and each source
 * of theirs that is none of ours. */
#define JUDGED                                                                                                         \
    "WITH watched AS (SELECT DISTINCT subject FROM reconciliation_differences"                                         \
    "                  WHERE provider = $1 AND resolved_at IS NULL),"                                                  \
    "touched AS ("                                                                                                     \
    "  SELECT reference, bool_or(inside) AS inside FROM ("                                                             \
    "    SELECT reference, created_at < $3 AS inside FROM movements"                                                   \
    "     WHERE provider = $1 AND created_at >= $2 AND created_at < $4"                                                \
    "    UNION ALL SELECT m.reference, false FROM watched w JOIN movements m ON m.provider = $1 AND m.source = "       \
    "w.subject"                                                                                                        \
    "    UNION ALL SELECT m.reference, false FROM watched w JOIN movements m ON m.provider = $1 AND m.reference = "    \
    "w.subject)"                                                                                                       \
    "   AS t GROUP BY reference),"                                                                                     \
    "named AS ("                                                                                                       \
    "  SELECT m.reference, m.kind, m.source, m.payment_reference, m.own_id, t.inside, coalesce(p.id, r.id, d.id) AS "  \
    "object"                                                                                                           \
    "    FROM touched t JOIN movements m ON m.provider = $1 AND m.reference = t.reference"                             \
    "    LEFT JOIN payments p ON m.kind = 'charge' AND p.provider = $1 AND p.provider_payment_id = "                   \
    "m.payment_reference"                                                                                              \
    "    LEFT JOIN refunds r ON m.kind IN ('refund', 'refund_failed') AND r.provider = $1"                             \
    "         AND r.provider_refund_id = m.source"                                                                     \
    "    LEFT JOIN disputes d ON m.kind IN ('dispute', 'dispute_reversed') AND d.provider = $1"                        \
    "         AND d.provider_dispute_id = m.source"                                                                    \
    "   WHERE m.kind NOT IN ('payout', 'payout_failed', 'fee')),"                                                      \
    "objects AS ("                                                                                                     \
    "  SELECT object, bool_or(inside) AS inside FROM ("                                                                \
    "    SELECT object, inside FROM named WHERE object IS NOT NULL"                                                    \
    "    UNION ALL SELECT source, posted_at < $3 FROM ledger_entries WHERE posted_at >= $2 AND posted_at < $4"         \
    "         AND kind IN ('capture', 'refund', 'refund_failed', 'dispute_opened', 'dispute_won')"                     \
    "    UNION ALL SELECT subject, false FROM watched) AS o GROUP BY object),"                                         \
    "units AS ("                                                                                                       \
    "  SELECT o.object, o.inside, 'payment' AS what, p.status, p.provider_payment_id AS reference,"                    \
    "         p.provider_charge_id AS look, p.id AS payment, p.amount, p.currency"                                     \
    "    FROM objects o JOIN payments p ON p.id = o.object AND p.provider = $1"                                        \
    "  UNION ALL SELECT o.object, o.inside, 'refund', r.status, r.provider_refund_id, r.provider_refund_id,"           \
    "         r.payment_id, r.amount, r.currency FROM objects o JOIN refunds r ON r.id = o.object AND r.provider = $1" \
    "  UNION ALL SELECT o.object, o.inside, 'dispute', d.status, d.provider_dispute_id, d.provider_dispute_id,"        \
    "         d.payment_id, d.amount, d.currency FROM objects o JOIN disputes d ON d.id = o.object AND d.provider = "  \
    "$1),"                                                                                                             \
    "judged AS ("                                                                                                      \
    "  SELECT u.*, theirs.*, ours.*, CASE"                                                                             \
    "      WHEN theirs.moves = 0 THEN CASE WHEN ours.booked <> 0 THEN 'missing_there' END"                             \
    "      WHEN theirs.currencies > 1 OR theirs.source_currency <> coalesce(ours.booked_currency, u.currency)"         \
    "           THEN 'currency'"                                                                                       \
    "      WHEN u.what = 'payment' AND theirs.sources > 1 THEN 'duplicate'"                                            \
    "      WHEN u.what = 'refund' AND u.status = 'processing' AND ours.booked = 0"                                     \
    "           AND theirs.moved IN (0, -u.amount) THEN NULL"                                                          \
    "      WHEN theirs.moved <> ours.booked"                                                                           \
    "           THEN CASE WHEN theirs.moved = 0 OR ours.booked = 0 THEN 'state' ELSE 'amount' END"                     \
    "      WHEN u.what = 'payment' AND theirs.moved <> 0 AND u.status NOT IN ('succeeded', 'authorized') THEN 'state'" \
    "      WHEN u.what = 'refund' AND (u.status = 'succeeded') <> (theirs.moved <> 0) THEN 'state'"                    \
    "      WHEN theirs.kept <> ours.fees THEN 'fee' END AS kind"                                                       \
    "    FROM units u, LATERAL ("                                                                                      \
    "      SELECT count(*) AS moves, count(DISTINCT m.source) FILTER (WHERE m.amount > 0) AS sources,"                 \
    "             count(DISTINCT m.source_currency) AS currencies, min(m.source_currency) AS source_currency,"         \
    "             coalesce(sum(m.source_amount), 0)::bigint AS moved, coalesce(sum(m.fee), 0)::bigint AS kept,"        \
    "             min(m.currency) AS settled, array_agg(m.reference) AS movements"                                     \
    "        FROM (SELECT * FROM movements WHERE u.what = 'payment' AND provider = $1 AND payment_reference = "        \
    "u.reference"                                                                                                      \
    "                 AND kind = 'charge'"                                                                             \
    "              UNION ALL SELECT * FROM movements WHERE u.what <> 'payment' AND provider = $1"                      \
    "                 AND source = u.reference) AS m) AS theirs,"                                                      \
    "    LATERAL ("                                                                                                    \
    "      SELECT coalesce(sum(l.amount) FILTER (WHERE l.account = $1 || ':receivable' AND e.kind NOT LIKE 'fee%'),"   \
    "                 0)::bigint AS booked,"                                                                           \
    "             min(l.currency) FILTER (WHERE l.account = $1 || ':receivable' AND e.kind NOT LIKE 'fee%')"           \
    "                 AS booked_currency,"                                                                             \
    "             coalesce(sum(l.amount) FILTER (WHERE l.account = 'fees'), 0)::bigint AS fees"                        \
    "        FROM ledger_entries e JOIN ledger_lines l ON l.entry_id = e.id WHERE e.source = u.object) AS ours),"      \
    "strangers AS ("                                                                                                   \
    "  SELECT s.subject, s.inside, s.source, s.what, s.own_id, s.payment_reference, theirs.*"                          \
    "    FROM (SELECT coalesce(source, reference) AS subject, bool_or(inside) AS inside, min(source) AS source,"       \
    "                 min(kind) AS what, min(own_id) AS own_id, min(payment_reference) AS payment_reference"           \
    "            FROM named WHERE object IS NULL GROUP BY 1) AS s, LATERAL ("                                          \
    "      SELECT sum(m.source_amount)::bigint AS moved, min(m.source_currency) AS source_currency,"                   \
    "             sum(m.amount)::bigint AS net, sum(m.fee)::bigint AS kept, array_agg(m.reference) AS movements"       \
    "        FROM movements m WHERE m.provider = $1 AND (m.source = s.source OR m.reference = s.subject)) AS theirs"   \
    "   WHERE theirs.net <> 0 OR theirs.kept <> 0)"

/* By currency: what movements brought, less what is booked for the object and for exchanging them. */
#define EFFECT(object, movements_)                                                                                     \
    "(SELECT coalesce(jsonb_object_agg(currency, off), '{}') FROM ("                                                   \
    "   SELECT currency, sum(amount)::bigint AS off FROM ("                                                            \
    "     SELECT m.currency, m.amount - m.fee AS amount FROM movements m"                                              \
    "      WHERE m.provider = $1 AND m.reference = ANY (" movements_ ")"                                               \
    "     UNION ALL SELECT l.currency, -l.amount FROM ledger_entries e JOIN ledger_lines l ON l.entry_id = e.id"       \
    "      WHERE l.account = $1 || ':receivable' AND e.source = " object                                               \
    "     UNION ALL SELECT l.currency, -l.amount FROM ledger_entries e JOIN ledger_lines l ON l.entry_id = e.id"       \
    "      WHERE l.account = $1 || ':receivable' AND e.source = ANY (" movements_ ")) AS parts"                        \
    "   GROUP BY currency HAVING sum(amount) <> 0) AS sums)"

static const struct field finding_columns[] = {
    FIELD(struct finding, kind, .names = difference_kind_names),
    FIELD(struct finding, subject),
    FIELD(struct finding, object),
    FIELD(struct finding, reference),
    FIELD(struct finding, what),
    FIELD(struct finding, status),
    FIELD(struct finding, payment),
    FIELD(struct finding, look),
    FIELD(struct finding, ours),
    FIELD(struct finding, theirs),
    FIELD(struct finding, effect),
    FIELD(struct finding, inside),
    FIELD_END,
};

static struct error *list_objects(struct ctx *ctx, const char *provider, struct window window, struct instant end,
    struct field_list *out)
{
    SQL(objects,
        JUDGED
        "SELECT kind, object AS subject, object, reference, what, status, payment, look, inside,"
        "       CASE kind WHEN 'fee' THEN fees ELSE booked END AS ours,"
        "       CASE WHEN kind = 'fee' THEN settled ELSE coalesce(booked_currency, currency) END AS ours_currency,"
        "       CASE kind WHEN 'fee' THEN kept WHEN 'missing_there' THEN NULL ELSE moved END AS theirs,"
        "       CASE kind WHEN 'fee' THEN settled WHEN 'missing_there' THEN '' ELSE source_currency END AS "
        "theirs_currency,"
        "       " EFFECT("j.object", "j.movements") " AS effect"
                                                    "  FROM judged j WHERE kind IS NOT NULL ORDER BY object");

    return db_list(ctx, &objects, PARAMS(P(provider), P(window.from), P(window.to), P(end)), finding_columns,
        sizeof(struct finding), out);
}

/* What carries the id of a payment or refund of ours that has another one there is a second one for the same debt. */
static struct error *list_strangers(struct ctx *ctx, const char *provider, struct window window, struct instant end,
    struct field_list *out)
{
    SQL(strange,
        JUDGED
        "SELECT CASE WHEN coalesce(p.provider_payment_id, r.provider_refund_id) IS NOT NULL THEN 'duplicate'"
        "            WHEN coalesce(p.id, r.id) IS NOT NULL THEN 'state' ELSE 'missing_here' END AS kind,"
        "       s.subject, coalesce(p.id, r.id) AS object, s.subject AS reference, s.what, coalesce(p.status, r.status)"
        "       AS status, coalesce(whole.id, p.id, r.payment_id) AS payment, s.source AS look, s.inside,"
        "       NULL::bigint AS ours, '' AS ours_currency, s.moved AS theirs, s.source_currency AS theirs_currency,"
        "       " EFFECT("NULL",
            "s.movements") " AS effect"
                           "  FROM strangers s LEFT JOIN payments p ON p.id = s.own_id AND p.provider = $1"
                           "  LEFT JOIN refunds r ON r.id = s.own_id AND r.provider = $1"
                           "  LEFT JOIN payments whole ON whole.provider = $1 AND whole.provider_payment_id = "
                           "s.payment_reference"
                           " ORDER BY s.subject");

    return db_list(ctx, &strange, PARAMS(P(provider), P(window.from), P(window.to), P(end)), finding_columns,
        sizeof(struct finding), out);
}

/* Each payout is in the ledger as it moved, and sums up what it is made of. */
static struct error *list_payouts(struct ctx *ctx, const char *provider, struct window window, struct instant end,
    struct field_list *out)
{
    SQL(payouts,
        "WITH touched AS ("
        "  SELECT source, bool_or(inside) AS inside FROM ("
        "    SELECT source, created_at < $3 AS inside FROM movements WHERE provider = $1 AND created_at >= $2"
        "       AND created_at < $4 AND kind IN ('payout', 'payout_failed') AND source IS NOT NULL"
        "    UNION ALL SELECT source, posted_at < $3 FROM ledger_entries WHERE posted_at >= $2 AND posted_at < $4"
        "       AND kind IN ('payout', 'payout_failed')"
        "    UNION ALL SELECT subject, false FROM reconciliation_differences"
        "     WHERE provider = $1 AND resolved_at IS NULL AND kind = 'payout_mismatch') AS t GROUP BY source),"
        "judged AS ("
        "  SELECT t.source, t.inside, theirs.*, ours.*, parts.*"
        "    FROM touched t, LATERAL ("
        "      SELECT coalesce(sum(m.amount), 0)::bigint AS moved, min(m.currency) AS currency, min(m.payout) AS "
        "composed,"
        "             count(*) AS moves, array_agg(m.reference) AS movements"
        "        FROM movements m WHERE m.provider = $1 AND m.source = t.source AND m.kind IN ('payout', "
        "'payout_failed'))"
        "      AS theirs, LATERAL ("
        "      SELECT coalesce(sum(l.amount), 0)::bigint AS booked, min(l.currency) AS booked_currency"
        "        FROM ledger_entries e JOIN ledger_lines l ON l.entry_id = e.id AND l.account = $1 || ':receivable'"
        "       WHERE e.source = t.source AND e.kind IN ('payout', 'payout_failed')) AS ours, LATERAL ("
        "      SELECT coalesce(sum(m.amount - m.fee), 0)::bigint AS off, (coalesce(sum(m.amount - m.fee), 0)"
        "             - coalesce(sum(m.amount - m.fee) FILTER (WHERE m.source = t.source), 0))::bigint AS made_of"
        "        FROM movements m WHERE m.provider = $1 AND m.payout = t.source) AS parts)"
        "SELECT 'payout_mismatch' AS kind, source AS subject, source AS object, source AS reference,"
        "       CASE WHEN moved <> booked THEN 'payout' ELSE 'composition' END AS what, NULL AS status, NULL AS "
        "payment,"
        "       source AS look, inside, CASE WHEN moved <> booked THEN booked ELSE -made_of END AS ours,"
        "       coalesce(booked_currency, currency) AS ours_currency,"
        "       moved AS theirs, coalesce(currency, booked_currency) AS theirs_currency,"
        "       " EFFECT("j.source", "j.movements") " AS effect"
                                                    "  FROM judged j WHERE moved <> booked OR (composed IS NOT NULL "
                                                    "AND off <> 0) ORDER BY source");

    return db_list(ctx, &payouts, PARAMS(P(provider), P(window.from), P(window.to), P(end)), finding_columns,
        sizeof(struct finding), out);
}

static struct error *count_units(struct ctx *ctx, const char *provider, struct window window, int64_t *out)
{
    SQL(count,
        JUDGED "SELECT (SELECT count(*) FROM units WHERE inside) + (SELECT count(*) FROM strangers WHERE inside)"
               "       + (SELECT count(DISTINCT source) FROM movements WHERE provider = $1 AND created_at >= $2 AND "
               "created_at < $3"
               "             AND kind IN ('payout', 'payout_failed')) AS count");
    struct row {
        int64_t count;
    } row;
    static const struct field columns[] = { FIELD(struct row, count), FIELD_END };

    TRY(db_one(ctx, &count, PARAMS(P(provider), P(window.from), P(window.to), P(window.to)), columns, &row));
    *out = row.count;
    return NULL;
}

static void join(struct ctx *ctx, struct field_list *lists, size_t count, struct field_list *out)
{
    size_t place = 0;

    out->count = 0;
    for (size_t i = 0; i < count; i++)
        out->count += lists[i].count;
    struct finding *all = arena_array(ctx->arena, out->count ? out->count : 1, sizeof *all);
    for (size_t i = 0; i < count; i++)
        for (size_t n = 0; n < lists[i].count; n++)
            all[place++] = ((struct finding *)lists[i].items)[n];
    out->items = all;
}

struct error *finding_list(struct ctx *ctx, const char *provider, struct window window, struct instant end,
    struct field_list *out, int64_t *units)
{
    struct field_list lists[3];

    TRY(list_objects(ctx, provider, window, end, &lists[0]));
    TRY(list_strangers(ctx, provider, window, end, &lists[1]));
    TRY(list_payouts(ctx, provider, window, end, &lists[2]));
    join(ctx, lists, 3, out);
    return count_units(ctx, provider, window, units);
}

/* The balance ------------------------------------------------------------------------------------------------------- */

struct sum {
    struct money amount;
};
static const struct field sum_columns[] = { FIELD(struct sum, amount), FIELD_END };

struct error *receivable_list(struct ctx *ctx, const char *provider, struct field_list *out)
{
    SQL(receivable,
        "SELECT currency, sum(amount)::bigint AS amount FROM ledger_lines WHERE account = $1 || ':receivable'"
        " GROUP BY currency ORDER BY currency");

    return db_list(ctx, &receivable, PARAMS(P(provider)), sum_columns, sizeof(struct sum), out);
}

struct error *in_transit_list(struct ctx *ctx, const char *provider, struct field_list *out)
{
    SQL(transit,
        "SELECT m.currency, sum(m.amount - m.fee)::bigint AS amount"
        "  FROM refunds r JOIN movements m ON m.provider = $1 AND m.source = r.provider_refund_id"
        " WHERE r.status = 'processing' AND r.provider = $1 GROUP BY m.currency HAVING sum(m.amount - m.fee) <> 0");

    return db_list(ctx, &transit, PARAMS(P(provider)), sum_columns, sizeof(struct sum), out);
}

/* Reports ----------------------------------------------------------------------------------------------------------- */

#define COLUMNS "id, provider, from_at, to_at, matched, differences, totals, created_at, created_by"

const struct field reconciliation_shown[] = {
    FIELD(struct reconciliation, id),
    FIELD(struct reconciliation, provider),
    FIELD(struct reconciliation, from_at),
    FIELD(struct reconciliation, to_at, .summary = "The end of the time that was compared, which is not in it"),
    FIELD(struct reconciliation, matched,
        .summary = "Payments, refunds, disputes and payouts that are the same in both"),
    FIELD(struct reconciliation, differences),
    FIELD(struct reconciliation, totals, .object = true,
        .summary = "By currency: sums of what moved, and the balances of both books"),
    FIELD(struct reconciliation, created_at),
    FIELD(struct reconciliation, created_by),
    FIELD_END,
};

struct error *reconciliation_insert(struct ctx *ctx, const struct reconciliation *reconciliation)
{
    SQL(insert_reconciliation, "INSERT INTO reconciliations (" COLUMNS ") VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)");

    return db_exec(ctx, &insert_reconciliation,
        PARAMS(P(reconciliation->id), P(reconciliation->provider), P(reconciliation->from_at), P(reconciliation->to_at),
            P(reconciliation->matched), P(reconciliation->differences), P(reconciliation->totals),
            P(reconciliation->created_at), P(reconciliation->created_by)),
        NULL);
}

struct error *reconciliation_get(struct ctx *ctx, const char *id, struct reconciliation *out)
{
    SQL(get, "SELECT " COLUMNS " FROM reconciliations WHERE id = $1");
    struct error *error = db_one(ctx, &get, PARAMS(P(id)), reconciliation_shown, out);

    return error && error->code == E_NOT_FOUND ? error_new(ctx, E_NOT_FOUND, "There is no such reconciliation.")
                                               : error;
}

struct error *reconciliation_list(struct ctx *ctx, const char *cursor, int64_t limit, struct field_list *out)
{
    SQL(list, "SELECT " COLUMNS " FROM reconciliations WHERE $1::text IS NULL OR id < $1 ORDER BY id DESC LIMIT $2");

    return db_list(ctx, &list, PARAMS(P(cursor), P(limit)), reconciliation_shown, sizeof(struct reconciliation), out);
}

struct error *reconciliation_reach(struct ctx *ctx, struct instant *out)
{
    SQL(reach, "SELECT max(to_at) AS to_at FROM reconciliations WHERE created_by = 'reconcile'");
    static const struct field columns[] = { FIELD(struct reconciliation, to_at), FIELD_END };
    struct reconciliation row;

    TRY(db_one(ctx, &reach, NO_PARAMS, columns, &row));
    *out = row.to_at;
    return NULL;
}

const struct field difference_shown[] = {
    FIELD(struct difference, number),
    FIELD(struct difference, kind, .names = difference_kind_names),
    FIELD(struct difference, object, .summary = "Ours: a payment, a refund, a dispute, an account"),
    FIELD(struct difference, reference, .summary = "The provider's"),
    FIELD(struct difference, ours),
    FIELD(struct difference, theirs),
    FIELD(struct difference, known, .summary = "What is known"),
    FIELD(struct difference, suggestion, .summary = "What to do"),
    FIELD(struct difference, resolved_at, .summary = "When it was gone, or settled by a person"),
    FIELD(struct difference, resolved_by),
    FIELD(struct difference, resolution),
    FIELD_END,
};

struct error *difference_insert(struct ctx *ctx, const struct reconciliation *reconciliation,
    struct difference *difference)
{
    SQL(insert_difference,
        "INSERT INTO reconciliation_differences (reconciliation_id, number, provider, kind, subject, object, "
        "reference, ours,"
        " ours_currency, theirs, theirs_currency, known, suggestion, resolved_at, resolved_by, resolution)"
        "SELECT $1, $2, $3, $4, $5, $6, $7, CASE WHEN $9 <> '' THEN $8::bigint END, nullif($9, ''),"
        "       CASE WHEN $11 <> '' THEN $10::bigint END, nullif($11, ''), $12, $13, d.done_at, d.done_by, d.resolution"
        "  FROM (VALUES (true)) AS one LEFT JOIN LATERAL ("
        "       SELECT done_at, done_by, resolution FROM decisions"
        "        WHERE kind = 'difference' AND object = $5 AND known = $12 AND done_by <> 'system'"
        "        ORDER BY done_at DESC LIMIT 1) AS d ON true "
        "RETURNING resolved_at, resolved_by, resolution");
    static const struct field columns[] = {
        FIELD(struct difference, resolved_at),
        FIELD(struct difference, resolved_by),
        FIELD(struct difference, resolution),
        FIELD_END,
    };

    return db_one(ctx, &insert_difference,
        PARAMS(P(reconciliation->id), P(difference->number), P(reconciliation->provider),
            P(difference_kind_names[difference->kind]), P(difference->subject), P(difference->object),
            P(difference->reference), P(difference->ours.minor), P((const char *)difference->ours.currency),
            P(difference->theirs.minor), P((const char *)difference->theirs.currency), P(difference->known),
            P(difference->suggestion)),
        columns, difference);
}

struct error *difference_list(struct ctx *ctx, const char *reconciliation_id, int64_t after, int64_t limit,
    struct field_list *out)
{
    SQL(list_differences,
        "SELECT number, kind, object, reference, ours, coalesce(ours_currency, '') AS ours_currency, theirs,"
        "       coalesce(theirs_currency, '') AS theirs_currency, known, suggestion, resolved_at, resolved_by, "
        "resolution"
        "  FROM reconciliation_differences WHERE reconciliation_id = $1 AND number > $2 ORDER BY number LIMIT $3");

    return db_list(ctx, &list_differences, PARAMS(P(reconciliation_id), P(after), P(limit)), difference_shown,
        sizeof(struct difference), out);
}

struct error *difference_open(struct ctx *ctx, const char *provider, struct field_list *out)
{
    SQL(open,
        "SELECT DISTINCT subject, kind FROM reconciliation_differences WHERE provider = $1 AND resolved_at IS NULL"
        " ORDER BY subject");
    static const struct field columns[] = {
        FIELD(struct difference, subject),
        FIELD(struct difference, kind, .names = difference_kind_names),
        FIELD_END,
    };

    return db_list(ctx, &open, PARAMS(P(provider)), columns, sizeof(struct difference), out);
}

struct error *difference_resolve(struct ctx *ctx, const char *provider, const char *subject, enum difference_kind kind,
    const char *by, const char *resolution)
{
    SQL(resolve,
        "UPDATE reconciliation_differences SET resolved_at = $4, resolved_by = $6, resolution = $5"
        " WHERE provider = $1 AND subject = $2 AND kind = $3 AND resolved_at IS NULL");

    return db_exec(ctx, &resolve,
        PARAMS(P(provider), P(subject), P(difference_kind_names[kind]), P(ctx->now), P(resolution), P(by)), NULL);
}

struct error *difference_resolve_all(struct ctx *ctx, const char *subject, const char *by, const char *resolution)
{
    SQL(resolve_all,
        "UPDATE reconciliation_differences SET resolved_at = $2, resolved_by = $3, resolution = $4"
        " WHERE subject = $1 AND resolved_at IS NULL");

    return db_exec(ctx, &resolve_all, PARAMS(P(subject), P(ctx->now), P(by), P(resolution)), NULL);
}

struct error *difference_get(struct ctx *ctx, const char *reconciliation_id, int64_t number, struct difference *out)
{
    SQL(get_difference,
        "SELECT number, kind, subject, object, reference, ours, coalesce(ours_currency, '') AS ours_currency, theirs,"
        "       coalesce(theirs_currency, '') AS theirs_currency, known, suggestion, resolved_at, resolved_by, "
        "resolution"
        "  FROM reconciliation_differences WHERE reconciliation_id = $1 AND number = $2");
    static const struct field columns[] = {
        FIELD(struct difference, number),
        FIELD(struct difference, kind, .names = difference_kind_names),
        FIELD(struct difference, subject),
        FIELD(struct difference, object),
        FIELD(struct difference, reference),
        FIELD(struct difference, ours),
        FIELD(struct difference, theirs),
        FIELD(struct difference, known),
        FIELD(struct difference, suggestion),
        FIELD(struct difference, resolved_at),
        FIELD(struct difference, resolved_by),
        FIELD(struct difference, resolution),
        FIELD_END,
    };
    struct error *error = db_one(ctx, &get_difference, PARAMS(P(reconciliation_id), P(number)), columns, out);

    return error && error->code == E_NOT_FOUND ? error_new(ctx, E_NOT_FOUND, "There is no such difference.") : error;
}

struct error *difference_place(struct ctx *ctx, const char *subject, const char **report, int64_t *number)
{
    SQL(place,
        "SELECT reconciliation_id AS report, number FROM reconciliation_differences WHERE subject = $1"
        " ORDER BY resolved_at IS NULL DESC, reconciliation_id DESC LIMIT 1");
    struct row {
        const char *report;
        int64_t number;
    } row;
    static const struct field columns[] = { FIELD(struct row, report), FIELD(struct row, number), FIELD_END };
    bool found;

    TRY(db_maybe(ctx, &place, PARAMS(P(subject)), columns, &row, &found));
    *report = found ? row.report : NULL;
    *number = found ? row.number : 0;
    return NULL;
}

struct error *difference_is_open(struct ctx *ctx, const char *subject, bool *out)
{
    SQL(is_open,
        "SELECT EXISTS (SELECT FROM reconciliation_differences WHERE subject = $1 AND resolved_at IS NULL) AS there");
    struct row {
        bool there;
    } row;
    static const struct field columns[] = { FIELD(struct row, there), FIELD_END };

    TRY(db_one(ctx, &is_open, PARAMS(P(subject)), columns, &row));
    *out = row.there;
    return NULL;
}

struct error *difference_counts(struct ctx *ctx, const char *reconciliation_id, struct field_list *out)
{
    SQL(counts,
        "SELECT kind, count(*) AS count, count(*) FILTER (WHERE resolved_at IS NULL) AS open"
        "  FROM reconciliation_differences WHERE reconciliation_id = $1 GROUP BY kind ORDER BY kind");
    static const struct field columns[] = {
        FIELD(struct difference_count, kind, .names = difference_kind_names),
        FIELD(struct difference_count, count),
        FIELD(struct difference_count, open),
        FIELD_END,
    };

    return db_list(ctx, &counts, PARAMS(P(reconciliation_id)), columns, sizeof(struct difference_count), out);
}

/* Payouts -------------------------------------------------------------------------------------------------------------- */

#define PAYOUTS                                                                                                        \
    "SELECT m.provider, m.reference, coalesce(m.source, m.reference) AS source, m.kind, m.amount, m.currency,"         \
    "       m.composed, m.created_at, parts.parts, parts.made_of,"                                                     \
    "       EXISTS (SELECT FROM ledger_entries e WHERE e.source = m.source AND e.kind = m.kind) AS posted"             \
    "  FROM movements m, LATERAL (SELECT count(*) AS parts, coalesce(sum(o.amount - o.fee), 0)::bigint AS made_of"     \
    "         FROM movements o WHERE o.provider = m.provider AND o.payout = m.source AND o.source IS DISTINCT FROM"    \
    "         m.source) AS parts"                                                                                      \
    " WHERE m.kind IN ('payout', 'payout_failed')"

static const struct field payout_columns[] = {
    FIELD(struct payout, provider),
    FIELD(struct payout, reference),
    FIELD(struct payout, source),
    FIELD(struct payout, kind),
    FIELD(struct payout, amount), // and currency
    FIELD(struct payout, composed),
    FIELD(struct payout, created_at),
    FIELD(struct payout, parts),
    FIELD(struct payout, made_of),
    FIELD(struct payout, posted),
    FIELD_END,
};

struct error *payout_list(struct ctx *ctx, const char *cursor, int64_t limit, struct field_list *out)
{
    SQL(payouts,
        PAYOUTS " AND ($1::text IS NULL OR (m.created_at, m.reference) <"
                "       (SELECT c.created_at, c.reference FROM movements c WHERE c.reference = $1 LIMIT 1))"
                " ORDER BY m.created_at DESC, m.reference DESC LIMIT $2");

    return db_list(ctx, &payouts, PARAMS(P(cursor), P(limit)), payout_columns, sizeof(struct payout), out);
}

struct error *payout_get(struct ctx *ctx, const char *source, struct payout *out, struct payout *back)
{
    SQL(get, PAYOUTS " AND coalesce(m.source, m.reference) = $1 ORDER BY m.kind, m.created_at");
    struct field_list list;

    TRY(db_list(ctx, &get, PARAMS(P(source)), payout_columns, sizeof(struct payout), &list));
    if (!list.count)
        return error_new(ctx, E_NOT_FOUND, "There is no payout with this id.");
    const struct payout *all = list.items;
    *out = all[0]; // "payout" is before "payout_failed"
    *back = list.count > 1 ? all[list.count - 1] : (struct payout){ 0 };
    return NULL;
}

struct error *payout_sums(struct ctx *ctx, const struct payout *payout, struct field_list *out)
{
    SQL(sums,
        "SELECT kind, count(*) AS count, sum(amount)::bigint AS amount, min(currency) AS amount_currency,"
        "       sum(fee)::bigint AS fee FROM movements"
        " WHERE provider = $1 AND payout = $2 AND source IS DISTINCT FROM $2 GROUP BY kind ORDER BY kind");
    static const struct field columns[] = {
        FIELD(struct payout_sum, kind),
        FIELD(struct payout_sum, count),
        FIELD(struct payout_sum, amount),
        FIELD(struct payout_sum, fee),
        FIELD_END,
    };

    return db_list(ctx, &sums, PARAMS(P(payout->provider), P(payout->source)), columns, sizeof(struct payout_sum), out);
}

struct error *payout_parts(struct ctx *ctx, const struct payout *payout, const char *cursor, int64_t limit,
    struct field_list *out)
{
    SQL(parts,
        "SELECT m.reference, m.kind, m.source, m.amount, m.currency AS amount_currency, m.fee, m.created_at, o.object,"
        "       d.reconciliation_id AS report, coalesce(d.number, 0) AS number,"
        "       EXISTS (SELECT FROM ledger_entries e WHERE e.source = coalesce(o.object, m.reference)) AS posted"
        "  FROM movements m"
        "  LEFT JOIN LATERAL ("
        "       SELECT p.id AS object FROM payments p WHERE m.kind = 'charge' AND p.provider = $1"
        "          AND p.provider_payment_id = m.payment_reference"
        "       UNION ALL SELECT r.id FROM refunds r WHERE m.kind IN ('refund', 'refund_failed') AND r.provider = $1"
        "          AND r.provider_refund_id = m.source"
        "       UNION ALL SELECT c.id FROM disputes c WHERE m.kind IN ('dispute', 'dispute_reversed')"
        "          AND c.provider = $1 AND c.provider_dispute_id = m.source LIMIT 1) AS o ON true"
        "  LEFT JOIN LATERAL ("
        "       SELECT f.reconciliation_id, f.number FROM reconciliation_differences f"
        "        WHERE f.provider = $1 AND f.resolved_at IS NULL"
        "          AND f.subject IN (o.object, m.source, m.payment_reference, m.reference)"
        "        ORDER BY f.reconciliation_id DESC LIMIT 1) AS d ON true"
        " WHERE m.provider = $1 AND m.payout = $2 AND m.source IS DISTINCT FROM $2"
        "   AND ($3::text IS NULL OR (m.created_at, m.reference) <"
        "       (SELECT c.created_at, c.reference FROM movements c WHERE c.provider = $1 AND c.reference = $3))"
        " ORDER BY m.created_at DESC, m.reference DESC LIMIT $4");
    static const struct field columns[] = {
        FIELD(struct payout_part, reference),
        FIELD(struct payout_part, kind),
        FIELD(struct payout_part, source),
        FIELD(struct payout_part, amount),
        FIELD(struct payout_part, fee),
        FIELD(struct payout_part, created_at),
        FIELD(struct payout_part, object),
        FIELD(struct payout_part, report),
        FIELD(struct payout_part, number),
        FIELD(struct payout_part, posted),
        FIELD_END,
    };

    return db_list(ctx, &parts, PARAMS(P(payout->provider), P(payout->source), P(cursor), P(limit)), columns,
        sizeof(struct payout_part), out);
}
