#include "payments/search_store.h"

#include "base/arena.h"
#include "base/buf.h"
#include "base/config.h"
#include "base/ctx.h"
#include "db/db.h"
#include "payments/payment.h"
#include "provider/provider.h"

/* Decimals differ by currency: $n and $m are bounds for those with two; the others come in pairs after them. */
#define BY_DECIMALS(two, none, three, four)                                                                            \
    "CASE WHEN currency = ANY ($16::text[]) THEN " none "::bigint WHEN currency = ANY ($17::text[]) THEN " three       \
    "::bigint WHEN currency = ANY ($18::text[]) THEN " four "::bigint ELSE " two "::bigint END"

/* What all terms together ask of a row; those that are NULL ask nothing, and the planner leaves them out. */
#define FITS                                                                                                           \
    "(($1::text IS NULL OR status = $1) AND ($2::text IS NULL OR customer_id = $2)"                                    \
    " AND ($3::text IS NULL OR reference = $3) AND ($4::text IS NULL OR currency = $4)"                                \
    " AND ($5::text IS NULL OR provider = $5) AND ($6::text IS NULL OR mode = $6)"                                     \
    " AND ($7::text IS NULL OR method_type = $7) AND ($8::text IS NULL OR method_brand = $8)"                          \
    " AND ($9::text IS NULL OR method_last4 = $9)"                                                                     \
    " AND ($10::text IS NULL OR refund_state = $10) AND (NOT $11::bool OR refund_state <> 'none')"                     \
    " AND (NOT $12::bool OR amount_refunding > 0)"                                                                     \
    " AND ($13::text IS NULL OR dispute_state = $13) AND (NOT $14::bool OR dispute_state <> 'none')"                   \
    " AND ($15::bigint IS NULL OR amount = $15) AND ($32::text IS NULL OR risk_level = $32)"                           \
    " AND ($19::bigint IS NULL OR amount >= " BY_DECIMALS("$19", "$20", "$21",                                         \
        "$22") ") AND ($23::bigint IS NULL OR amount <= " BY_DECIMALS("$23", "$24", "$25", "$26") "))"

#define COLUMNS                                                                                                        \
    "id, mode, status, amount, currency, amount_captured, amount_refunded, amount_refunding, refund_state, "           \
    "dispute_state,"                                                                                                   \
    " customer_id, (SELECT c.reference FROM customers c WHERE c.id = p.customer_id) AS customer_reference, reference," \
    " description, provider, provider_payment_id, provider_charge_id, method_type, method_brand, method_last4,"        \
    " failure_class, risk_level, created_at"

/* The walk along one index, and the same towards newer ones. $27 and $28 bound the time, $29 is where the last page ended. */
#define WALK(name, condition, beyond, order)                                                                           \
    SQL(name,                                                                                                          \
        "SELECT " COLUMNS ", place, " FITS " AS hit"                                                                   \
        "  FROM (SELECT *, row_number() OVER (ORDER BY id " order ") AS place FROM payments"                           \
        "         WHERE " condition " AND id >= $27 AND id < $28 AND ($29::text IS NULL OR id " beyond " $29)"         \
        "         ORDER BY id " order " LIMIT $30) p"                                                                  \
        " WHERE " FITS " OR place = $30 ORDER BY id " order " LIMIT $31")
#define LANE(name, condition)                                                                                          \
    WALK(name##_older, condition, "<", "DESC");                                                                        \
    WALK(name##_newer, condition, ">", "ASC")

LANE(all, "true");
LANE(status, "status = $1");
LANE(ended, "status = $1 AND currency = $4 AND status IN ('failed', 'cancelled')");
LANE(customer, "customer_id = $2");
LANE(reference, "reference = $3");
LANE(currency, "currency = $4");
LANE(provider, "provider = $5");
LANE(mode, "mode = $6");
LANE(method_type, "method_type = $7");
LANE(method_brand, "method_brand = $8");
LANE(last4, "method_last4 = $9");
LANE(amount, "currency = $4 AND amount = $15");
LANE(refunded, "refund_state <> 'none'");
LANE(refund_state, "refund_state = $10 AND refund_state <> 'none'");
LANE(refunding, "amount_refunding > 0");
LANE(disputed, "dispute_state <> 'none'");
LANE(dispute_state, "dispute_state = $13 AND dispute_state <> 'none'");
LANE(risk, "risk_level = $32 AND risk_level IN ('elevated', 'highest')");

static const struct {
    const struct sql *older, *newer;
} lanes[LANES] = {
    [LANE_ALL] = { &all_older, &all_newer },
    [LANE_STATUS] = { &status_older, &status_newer },
    [LANE_ENDED] = { &ended_older, &ended_newer },
    [LANE_CUSTOMER] = { &customer_older, &customer_newer },
    [LANE_REFERENCE] = { &reference_older, &reference_newer },
    [LANE_CURRENCY] = { &currency_older, &currency_newer },
    [LANE_PROVIDER] = { &provider_older, &provider_newer },
    [LANE_MODE] = { &mode_older, &mode_newer },
    [LANE_METHOD_TYPE] = { &method_type_older, &method_type_newer },
    [LANE_METHOD_BRAND] = { &method_brand_older, &method_brand_newer },
    [LANE_LAST4] = { &last4_older, &last4_newer },
    [LANE_AMOUNT] = { &amount_older, &amount_newer },
    [LANE_REFUNDED] = { &refunded_older, &refunded_newer },
    [LANE_REFUND_STATE] = { &refund_state_older, &refund_state_newer },
    [LANE_REFUNDING] = { &refunding_older, &refunding_newer },
    [LANE_DISPUTED] = { &disputed_older, &disputed_newer },
    [LANE_DISPUTE_STATE] = { &dispute_state_older, &dispute_state_newer },
    [LANE_RISK] = { &risk_older, &risk_newer },
};

static const struct field columns[] = {
    FIELD(struct found_payment, id),
    FIELD(struct found_payment, mode, .names = mode_names),
    FIELD(struct found_payment, status, .names = payment_status_names),
    FIELD(struct found_payment, amount), // and currency, as of the other amounts
    FIELD(struct found_payment, amount_captured),
    FIELD(struct found_payment, amount_refunded),
    FIELD(struct found_payment, amount_refunding),
    FIELD(struct found_payment, refund_state, .names = refund_state_names),
    FIELD(struct found_payment, dispute_state, .names = dispute_standing_names),
    FIELD(struct found_payment, customer_id),
    FIELD(struct found_payment, customer_reference),
    FIELD(struct found_payment, reference),
    FIELD(struct found_payment, description),
    FIELD(struct found_payment, provider),
    FIELD(struct found_payment, provider_payment_id),
    FIELD(struct found_payment, provider_charge_id),
    FIELD(struct found_payment, method_type),
    FIELD(struct found_payment, method_brand),
    FIELD(struct found_payment, method_last4),
    FIELD(struct found_payment, failure_class),
    FIELD(struct found_payment, risk_level),
    FIELD(struct found_payment, created_at),
    FIELD(struct found_payment, hit),
    FIELD(struct found_payment, place),
    FIELD_END,
};

/* "{JPY,KRW}": the currencies that have so many decimals. */
static const char *currencies_with(struct ctx *ctx, int decimals)
{
    struct buf list = { .arena = ctx->arena };

    for (const char *const *code = currency_codes(); *code; code++)
        if (currency_exponent(*code) == decimals)
            buf_printf(&list, "%s%s", list.length ? "," : "{", *code);
    buf_text(&list, list.length ? "}" : "{}");
    return buf_string(&list);
}

static struct param number_or_null(bool given, int64_t number)
{
    return given ? P(number) : P((const char *)NULL);
}

struct error *search_walk(struct ctx *ctx, enum lane lane, const struct search_terms *terms,
    const struct search_bounds *bounds, const char *from, bool newer, int64_t limit, struct field_list *out)
{
    const int64_t *least = bounds->least, *most = bounds->most;
    bool at_least = bounds->has_least, at_most = bounds->has_most;

    return db_list(ctx, newer ? lanes[lane].newer : lanes[lane].older,
        PARAMS(P(terms->status), P(terms->customer_id), P(terms->reference), P(terms->currency), P(terms->provider),
            P(terms->mode), P(bounds->method_type), P(bounds->method_brand), P(terms->last4), P(bounds->refund_state),
            P(bounds->refunded), P(bounds->refunding), P(bounds->dispute_state), P(bounds->disputed),
            number_or_null(bounds->has_amount, bounds->amount), P(currencies_with(ctx, 0)), P(currencies_with(ctx, 3)),
            P(currencies_with(ctx, 4)), number_or_null(at_least, least[2]), number_or_null(at_least, least[0]),
            number_or_null(at_least, least[3]), number_or_null(at_least, least[4]), number_or_null(at_most, most[2]),
            number_or_null(at_most, most[0]), number_or_null(at_most, most[3]), number_or_null(at_most, most[4]),
            P(bounds->from_id), P(bounds->to_id), P(from), P(SEARCH_SCAN), P(limit), P(terms->risk)),
        columns, sizeof(struct found_payment), out);
}

/* Names of the providers, for indexes that begin with them. */
static const char *providers(struct ctx *ctx)
{
    struct buf list = { .arena = ctx->arena };

    for (const struct provider *const *place = provider_list(); *place; place++)
        buf_printf(&list, "%s%s", list.length ? "," : "{", (*place)->name);
    buf_text(&list, list.length ? "}" : "{}");
    return buf_string(&list);
}

struct error *search_by_id(struct ctx *ctx, const char *id, struct field_list *out)
{
    SQL(by_id,
        "SELECT id FROM payments WHERE id = $1"
        " UNION ALL SELECT id FROM payments WHERE provider = ANY ($2::text[]) AND provider_payment_id = $1"
        " UNION ALL SELECT id FROM payments WHERE provider_charge_id = $1"
        " UNION ALL SELECT payment_id FROM refunds WHERE id = $1"
        " UNION ALL SELECT payment_id FROM refunds WHERE provider = ANY ($2::text[]) AND provider_refund_id = $1"
        " UNION ALL SELECT payment_id FROM disputes WHERE id = $1"
        " UNION ALL SELECT payment_id FROM disputes WHERE provider = ANY ($2::text[]) AND provider_dispute_id = $1"
        " UNION ALL SELECT payment_id FROM attempts WHERE id = $1"
        " UNION ALL SELECT payment_id FROM refund_requests WHERE id = $1"
        " UNION ALL SELECT payment_id FROM checkout_sessions WHERE id = $1 AND payment_id IS NOT NULL"
        " LIMIT 10");
    struct row {
        const char *id;
    };
    static const struct field id_columns[] = { FIELD(struct row, id), FIELD_END };

    return db_list(ctx, &by_id, PARAMS(P(id), P(providers(ctx))), id_columns, sizeof(struct row), out);
}

struct error *search_has_reference(struct ctx *ctx, const char *reference, bool *out)
{
    SQL(has, "SELECT id FROM payments WHERE reference = $1 LIMIT 1");
    struct row {
        const char *id;
    } row;
    static const struct field id_columns[] = { FIELD(struct row, id), FIELD_END };

    return db_maybe(ctx, &has, PARAMS(P(reference)), id_columns, &row, out);
}
