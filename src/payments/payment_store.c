#include "payments/payment_store.h"

#include <string.h>

#include "base/ctx.h"
#include "db/db.h"
#include "provider/provider.h"

#define COLUMNS                                                                                                        \
    "id, mode, status, amount, currency, amount_captured, amount_refunded, amount_refunding, refund_state, "           \
    "dispute_state,"                                                                                                   \
    " capture, confirmation, customer_id, checkout_id, description, reference, metadata, return_url, provider,"        \
    " provider_payment_id, provider_charge_id, keeps_method, method_id, method_type, method_brand, method_last4, "     \
    "method_exp_month,"                                                                                                \
    " method_exp_year, method_country, method_funding, method_wallet, method_fingerprint, failure_class, "             \
    "failure_code,"                                                                                                    \
    " failure_message, next_action, next_action_url, client_secret, cancel_reason, created_by, checked_at, "           \
    "created_at,"                                                                                                      \
    " updated_at, capture_before, expiry_warned_at, risk_level, multicapture, offered_type"

static const struct field columns[] = {
    FIELD(struct payment, id),
    FIELD(struct payment, mode, .names = mode_names),
    FIELD(struct payment, status, .names = payment_status_names),
    FIELD(struct payment, amount), // and currency, as of the other amounts
    FIELD(struct payment, amount_captured),
    FIELD(struct payment, amount_refunded),
    FIELD(struct payment, amount_refunding),
    FIELD(struct payment, refund_state, .names = refund_state_names),
    FIELD(struct payment, dispute_state, .names = dispute_standing_names),
    FIELD(struct payment, capture, .names = payment_capture_names),
    FIELD(struct payment, confirmation, .names = payment_confirmation_names),
    FIELD(struct payment, customer_id),
    FIELD(struct payment, checkout_id),
    FIELD(struct payment, description),
    FIELD(struct payment, reference),
    FIELD(struct payment, metadata),
    FIELD(struct payment, return_url),
    FIELD(struct payment, provider),
    FIELD(struct payment, provider_payment_id),
    FIELD(struct payment, provider_charge_id),
    FIELD(struct payment, keeps_method),
    FIELD(struct payment, method_id),
    FIELD(struct payment, method_type),
    FIELD(struct payment, method_brand),
    FIELD(struct payment, method_last4),
    FIELD(struct payment, method_exp_month),
    FIELD(struct payment, method_exp_year),
    FIELD(struct payment, method_country),
    FIELD(struct payment, method_funding),
    FIELD(struct payment, method_wallet),
    FIELD(struct payment, method_fingerprint),
    FIELD(struct payment, failure_class),
    FIELD(struct payment, failure_code),
    FIELD(struct payment, failure_message),
    FIELD(struct payment, next_action),
    FIELD(struct payment, next_action_url),
    FIELD(struct payment, client_secret),
    FIELD(struct payment, cancel_reason),
    FIELD(struct payment, created_by),
    FIELD(struct payment, checked_at),
    FIELD(struct payment, created_at),
    FIELD(struct payment, updated_at),
    FIELD(struct payment, capture_before),
    FIELD(struct payment, expiry_warned_at),
    FIELD(struct payment, risk_level),
    FIELD(struct payment, multicapture),
    FIELD(struct payment, offered_type),
    FIELD_END,
};

/* Our ids and the providers' never look alike, so one parameter serves both; two index look-ups. */
#define BY_ID                                                                                                          \
    " WHERE id = (SELECT id FROM payments WHERE id = $1"                                                               \
    "             UNION SELECT id FROM payments WHERE provider = $2 AND provider_payment_id = $1)"                     \
    "   AND customer_id IS NOT DISTINCT FROM coalesce($3, customer_id)"

static struct error *no_payment(struct ctx *ctx)
{
    return error_new(ctx, E_NOT_FOUND, "There is no such payment.");
}

/* Which provider a foreign id belongs to shows in its form; an id that is ours finds nothing there. */
static struct error *find(struct ctx *ctx, const struct sql *sql, const char *id, struct payment *out)
{
    bool found;

    TRY(db_maybe(ctx, sql, PARAMS(P(id), P(provider_list()[0]->name), P(ctx->principal.customer_id)), columns, out,
        &found));
    return found ? NULL : no_payment(ctx);
}

struct error *payment_get(struct ctx *ctx, const char *id, struct payment *out)
{
    SQL(get, "SELECT " COLUMNS " FROM payments" BY_ID);

    return find(ctx, &get, id, out);
}

struct error *payment_lock(struct ctx *ctx, const char *id, struct payment *out)
{
    SQL(lock, "SELECT " COLUMNS " FROM payments" BY_ID " FOR UPDATE");

    return find(ctx, &lock, id, out);
}

struct error *payment_by_reference(struct ctx *ctx, const char *provider, const char *reference, struct payment *out,
    bool *found)
{
    SQL(get, "SELECT " COLUMNS " FROM payments WHERE provider = $1 AND provider_payment_id = $2");

    return db_maybe(ctx, &get, PARAMS(P(provider), P(reference)), columns, out, found);
}

struct error *payment_insert(struct ctx *ctx, const struct payment *payment)
{
    SQL_ROWS(insert,
        "INSERT INTO payments (id, mode, status, amount, currency, capture, confirmation, customer_id, checkout_id,"
        " description, reference, metadata, return_url, provider, method_id, created_by, created_at, updated_at,"
        " keeps_method, offered_type)"
        "SELECT id, mode, status, amount, currency, capture, confirmation, customer_id, checkout_id, description,"
        "       reference, coalesce(metadata, '{}'), return_url, provider, method_id, created_by, created_at,"
        "       created_at, keeps_method, offered_type"
        "  FROM unnest($1::text[], $2::text[], $3::text[], $4::bigint[], $5::text[], $6::text[], $7::text[],"
        "              $8::text[], $9::text[], $10::text[], $11::text[], $12::jsonb[], $13::text[], $14::text[],"
        "              $15::text[], $16::text[], $17::timestamptz[], $18::bool[], $19::text[])"
        "    AS g (id, mode, status, amount, currency, capture, confirmation, customer_id, checkout_id, description,"
        "          reference, metadata, return_url, provider, method_id, created_by, created_at, keeps_method,"
        "          offered_type)");

    return db_send(ctx, &insert,
        PARAMS(P(payment->id), P(mode_names[payment->mode]), P(payment_status_names[payment->status]),
            P(payment->amount.minor), P((const char *)payment->amount.currency),
            P(payment_capture_names[payment->capture]), P(payment_confirmation_names[payment->confirmation]),
            P(payment->customer_id), P(payment->checkout_id), P(payment->description), P(payment->reference),
            P(payment->metadata), P(payment->return_url), P(payment->provider), P(payment->method_id),
            P(payment->created_by), P(payment->created_at), P(payment->keeps_method), P(payment->offered_type)));
}

/* As the database does for its column. */
static void work_out(struct payment *payment)
{
    int64_t refunded = payment->amount_refunded.minor;

    payment->refund_state = refunded == 0           ? REFUNDED_NONE
        : refunded < payment->amount_captured.minor ? REFUNDED_PARTLY
                                                    : REFUNDED_FULLY;
}

struct error *payment_update(struct ctx *ctx, struct payment *payment)
{
    SQL_ROWS(update,
        "UPDATE payments p SET status = g.status, amount_captured = g.amount_captured,"
        " amount_refunded = g.amount_refunded, amount_refunding = g.amount_refunding, dispute_state = g.dispute_state,"
        " return_url = g.return_url, provider_payment_id = g.provider_payment_id,"
        " provider_charge_id = g.provider_charge_id, method_id = g.method_id, method_type = g.method_type,"
        " method_brand = g.method_brand, method_last4 = g.method_last4,"
        " method_exp_month = nullif(g.method_exp_month, 0), method_exp_year = nullif(g.method_exp_year, 0),"
        " method_country = g.method_country, method_funding = g.method_funding, method_wallet = g.method_wallet,"
        " method_fingerprint = g.method_fingerprint, failure_class = g.failure_class, failure_code = g.failure_code,"
        " failure_message = g.failure_message, next_action = g.next_action, next_action_url = g.next_action_url,"
        " client_secret = g.client_secret, cancel_reason = g.cancel_reason, checked_at = g.checked_at,"
        " updated_at = g.updated_at, keeps_method = g.keeps_method, capture_before = g.capture_before,"
        " expiry_warned_at = g.expiry_warned_at, risk_level = g.risk_level, multicapture = g.multicapture"
        "  FROM unnest($1::text[], $2::text[], $3::bigint[], $4::bigint[], $5::bigint[], $6::text[], $7::text[],"
        "              $8::text[], $9::text[], $10::text[], $11::text[], $12::text[], $13::text[], $14::int[], "
        "$15::int[],"
        "              $16::text[], $17::text[], $18::text[], $19::text[], $20::text[], $21::text[], $22::text[],"
        "              $23::text[], $24::text[], $25::bytea[], $26::text[], $27::timestamptz[], $28::timestamptz[],"
        "              $29::bool[], $30::timestamptz[], $31::timestamptz[], $32::text[], $33::bool[])"
        "  WITH ORDINALITY AS g (id, status, amount_captured, amount_refunded, amount_refunding, dispute_state, "
        "return_url,"
        "          provider_payment_id, provider_charge_id, method_id, method_type, method_brand, method_last4,"
        "          method_exp_month, method_exp_year, method_country, method_funding, method_wallet,"
        "          method_fingerprint, failure_class, failure_code, failure_message, next_action, next_action_url,"
        "          client_secret, cancel_reason, checked_at, updated_at, keeps_method, capture_before,"
        "          expiry_warned_at, risk_level, multicapture, place)"
        " WHERE p.id = g.id AND" PLANNED_ONCE);

    payment->updated_at = ctx->now;
    work_out(payment);
    return db_send(ctx, &update,
        PARAMS(P(payment->id), P(payment_status_names[payment->status]), P(payment->amount_captured.minor),
            P(payment->amount_refunded.minor), P(payment->amount_refunding.minor),
            P(dispute_standing_names[payment->dispute_state]), P(payment->return_url), P(payment->provider_payment_id),
            P(payment->provider_charge_id), P(payment->method_id), P(payment->method_type), P(payment->method_brand),
            P(payment->method_last4), P(payment->method_exp_month), P(payment->method_exp_year),
            P(payment->method_country), P(payment->method_funding), P(payment->method_wallet),
            P(payment->method_fingerprint), P(payment->failure_class), P(payment->failure_code),
            P(payment->failure_message), P(payment->next_action), P(payment->next_action_url),
            P(payment->client_secret), P(payment->cancel_reason), P(payment->checked_at), P(payment->updated_at),
            P(payment->keeps_method), P(payment->capture_before), P(payment->expiry_warned_at), P(payment->risk_level),
            P(payment->multicapture)));
}

struct error *payment_checked(struct ctx *ctx, const char *id)
{
    SQL(checked, "UPDATE payments SET checked_at = greatest(checked_at, $2) WHERE id = $1");

    return db_send(ctx, &checked, PARAMS(P(id), P(ctx->now)));
}

/* Lists ------------------------------------------------------------------------------------------------------------ */

/* The API's words cover several of ours, and "refunded" is a succeeded one of which all went back. */
#define FILTER                                                                                                         \
    " WHERE ($1::text IS NULL OR customer_id = $1)"                                                                    \
    "   AND ($2::text IS NULL OR status = ANY (CASE $2 WHEN 'pending' THEN '{created}'"                                \
    "        WHEN 'processing' THEN '{processing,unknown}' WHEN 'refunded' THEN '{succeeded}'"                         \
    "        ELSE ARRAY[$2] END::text[]))"                                                                             \
    "   AND ($2::text IS NULL OR $2 NOT IN ('succeeded', 'refunded') OR (refund_state = 'full') = ($2 = 'refunded'))"  \
    "   AND ($3::text IS NULL OR reference = $3)"                                                                      \
    "   AND ($4::text IS NULL OR currency = upper($4))"                                                                \
    "   AND ($5::text IS NULL OR provider = $5)"                                                                       \
    "   AND ($6::text IS NULL OR id = $6 OR provider_payment_id = $6)"                                                 \
    "   AND ($7::text IS NULL OR checkout_id = $7)"                                                                    \
    "   AND ($8::text IS NULL OR refund_state = $8)"                                                                   \
    "   AND ($9::text IS NULL OR dispute_state = $9)"                                                                  \
    "   AND ($10::timestamptz IS NULL OR created_at >= $10)"                                                           \
    "   AND ($11::timestamptz IS NULL OR created_at < $11)"                                                            \
    "   AND ($12::text IS NULL OR customer_id = $12)"

#define FILTER_PARAMS                                                                                                  \
    P(filter->customer_id), P(filter->status), P(filter->reference), P(filter->currency), P(filter->provider),         \
        P(filter->payment_id), P(filter->checkout_session_id), P(filter->refund_state), P(filter->dispute_state),      \
        P(filter->created_after), P(filter->created_before), P(ctx->principal.customer_id)

struct error *payment_list(struct ctx *ctx, const struct payment_filter *filter, struct field_list *out)
{
    SQL(list,
        "SELECT " COLUMNS " FROM payments" FILTER
        "   AND ($13::text IS NULL OR id < $13) ORDER BY id DESC LIMIT $14 OFFSET $15");

    return db_list(ctx, &list, PARAMS(FILTER_PARAMS, P(filter->cursor), P(filter->limit), P(filter->offset)), columns,
        sizeof(struct payment), out);
}

struct error *payment_count(struct ctx *ctx, const struct payment_filter *filter, int64_t *out)
{
    SQL(count, "SELECT count(*) AS count FROM payments" FILTER);
    struct row {
        int64_t count;
    } row;
    static const struct field count_columns[] = { FIELD(struct row, count), FIELD_END };

    TRY(db_one(ctx, &count, PARAMS(FILTER_PARAMS), count_columns, &row));
    *out = row.count;
    return NULL;
}

struct error *payment_list_unfinished(struct ctx *ctx, struct field_list *out)
{
    SQL(unfinished,
        "SELECT id FROM payments WHERE status IN ('created', 'requires_action', 'processing', 'unknown')"
        "   AND updated_at < $1::timestamptz - interval '10 seconds'"
        " UNION SELECT payment_id FROM attempts WHERE status = 'open' AND phase <> 'waiting'"
        "   AND updated_at < $1::timestamptz - interval '10 seconds' LIMIT 10000");
    struct row {
        const char *id;
    };
    static const struct field id_columns[] = { FIELD(struct row, id), FIELD_END };

    return db_list(ctx, &unfinished, PARAMS(P(ctx->now)), id_columns, sizeof(struct row), out);
}

/* Attempts --------------------------------------------------------------------------------------------------------- */

const char *const attempt_operation_names[] = { "charge", "capture", "cancel", NULL };
static const char *const attempt_status_names[] = { "open", "succeeded", "declined", "refused", "not_executed",
    "superseded", NULL };
static const char *const attempt_phase_names[] = { "creating", "waiting", "confirming", "done", NULL };

static const struct field attempt_columns[] = {
    FIELD(struct attempt, id),
    FIELD(struct attempt, payment_id),
    FIELD(struct attempt, operation, .names = attempt_operation_names),
    FIELD(struct attempt, status, .names = attempt_status_names),
    FIELD(struct attempt, phase, .names = attempt_phase_names),
    FIELD(struct attempt, amount),
    FIELD(struct attempt, target),
    FIELD(struct attempt, final),
    FIELD(struct attempt, method),
    FIELD(struct attempt, confirms),
    FIELD(struct attempt, off_session),
    FIELD(struct attempt, api_version),
    FIELD(struct attempt, provider_request_id),
    FIELD(struct attempt, failure_class),
    FIELD(struct attempt, failure_code),
    FIELD(struct attempt, checks),
    FIELD(struct attempt, tries),
    FIELD(struct attempt, key_number),
    FIELD(struct attempt, created_by),
    FIELD(struct attempt, created_at),
    FIELD_END,
};

void payment_keep(struct ctx *ctx, struct payment *payment)
{
    field_keep(ctx, columns, payment);
}

void attempt_keep(struct ctx *ctx, struct attempt *attempt)
{
    field_keep(ctx, attempt_columns, attempt);
}

struct error *attempt_insert(struct ctx *ctx, const struct attempt *attempt)
{
    SQL_ROWS(insert,
        "INSERT INTO attempts (id, payment_id, operation, status, phase, amount, method, confirms, off_session,"
        " api_version, created_by, created_at, updated_at, target, final)"
        "SELECT id, payment_id, operation, 'open', phase, amount, method, confirms, off_session, api_version,"
        "       created_by, created_at, created_at, target, final"
        "  FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::bigint[], $6::text[], $7::bool[],"
        "              $8::bool[], $9::text[], $10::text[], $11::timestamptz[], $12::bigint[], $13::bool[])"
        "    AS g (id, payment_id, operation, phase, amount, method, confirms, off_session, api_version, created_by,"
        "          created_at, target, final)");
    return db_send(ctx, &insert,
        PARAMS(P(attempt->id), P(attempt->payment_id), P(attempt_operation_names[attempt->operation]),
            P(attempt_phase_names[attempt->phase]), P(attempt->amount), P(attempt->method), P(attempt->confirms),
            P(attempt->off_session), P(attempt->api_version), P(attempt->created_by), P(attempt->created_at),
            P(attempt->target), P(attempt->final)));
}

struct error *attempt_update(struct ctx *ctx, const struct attempt *attempt)
{
    SQL_ROWS(update,
        "UPDATE attempts a SET status = g.status, phase = g.phase, method = g.method, confirms = g.confirms,"
        " off_session = g.off_session, provider_request_id = coalesce(g.provider_request_id, a.provider_request_id),"
        " failure_class = g.failure_class, failure_code = g.failure_code, tries = g.tries, updated_at = g.updated_at,"
        " checks = coalesce(g.checks, a.checks)"
        "  FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::bool[], $6::bool[], $7::text[], $8::text[],"
        "              $9::text[], $10::int[], $11::timestamptz[], $12::jsonb[])"
        "  WITH ORDINALITY AS g (id, status, phase, method, confirms, off_session, provider_request_id, failure_class,"
        "                        failure_code, tries, updated_at, checks, place)"
        " WHERE a.id = g.id AND" PLANNED_ONCE);

    return db_send(ctx, &update,
        PARAMS(P(attempt->id), P(attempt_status_names[attempt->status]), P(attempt_phase_names[attempt->phase]),
            P(attempt->method), P(attempt->confirms), P(attempt->off_session), P(attempt->provider_request_id),
            P(attempt->failure_class), P(attempt->failure_code), P(attempt->tries), P(ctx->now), P(attempt->checks)));
}

struct error *attempt_check(struct ctx *ctx, const char *payment_id, json_t *checks)
{
    SQL(check,
        "UPDATE attempts SET checks = $2::jsonb WHERE id = (SELECT id FROM attempts WHERE payment_id = $1"
        "   AND operation = 'charge' AND status IN ('succeeded', 'declined', 'superseded') ORDER BY id DESC LIMIT 1)"
        " AND checks IS DISTINCT FROM $2::jsonb");

    return db_send(ctx, &check, PARAMS(P(payment_id), P(checks)));
}

#define ATTEMPT_COLUMNS                                                                                                \
    "id, payment_id, operation, status, phase, amount, method, confirms, off_session, api_version, "                   \
    "provider_request_id,"                                                                                             \
    " failure_class, failure_code, checks, tries, created_by, created_at, target, final, key_number"

struct error *attempt_next_key(struct ctx *ctx, struct attempt *attempt)
{
    SQL(next, "UPDATE attempts SET key_number = $2::int + 1 WHERE id = $1 AND key_number = $2");

    return db_send(ctx, &next, PARAMS(P(attempt->id), P(attempt->key_number)));
}

struct error *attempt_reopen(struct ctx *ctx, struct attempt *attempt)
{
    SQL(reopen,
        "UPDATE attempts SET status = 'open', phase = 'confirming', target = $2, failure_class = NULL,"
        " failure_code = NULL, tries = 0, created_at = $3, updated_at = $3 WHERE id = $1");

    attempt->status = ATTEMPT_OPEN;
    attempt->phase = PHASE_CONFIRMING;
    attempt->failure_class = attempt->failure_code = NULL;
    attempt->tries = 0;
    attempt->created_at = ctx->now;
    return db_send(ctx, &reopen, PARAMS(P(attempt->id), P(attempt->target), P(ctx->now)));
}

struct error *attempt_get(struct ctx *ctx, const char *id, struct attempt *out)
{
    SQL(get, "SELECT " ATTEMPT_COLUMNS " FROM attempts WHERE id = $1");
    bool found;

    TRY(db_maybe(ctx, &get, PARAMS(P(id)), attempt_columns, out, &found));
    return found ? NULL : no_payment(ctx);
}

struct error *attempt_open(struct ctx *ctx, const char *payment_id, struct attempt *out, bool *found)
{
    SQL(open, "SELECT " ATTEMPT_COLUMNS " FROM attempts WHERE payment_id = $1 AND status = 'open'");

    return db_maybe(ctx, &open, PARAMS(P(payment_id)), attempt_columns, out, found);
}

struct error *payment_lock_open(struct ctx *ctx, const char *id, struct payment *payment, struct attempt *attempt,
    bool *has_attempt)
{
    SQL_ROWS(lock, // in the order of their ids, so that two who lock the same ones wait for each other and do not block
        "SELECT place, " COLUMNS " FROM unnest($1::text[], $2::text[]) WITH ORDINALITY AS g (payment, customer, place)"
        "  JOIN payments ON id = payment AND customer_id IS NOT DISTINCT FROM coalesce(customer, customer_id)"
        " WHERE" PLANNED_ONCE " ORDER BY id FOR UPDATE OF payments");
    SQL_ROWS(open,
        "SELECT place, " ATTEMPT_COLUMNS " FROM unnest($1::text[]) WITH ORDINALITY AS g (payment, place)"
        "  JOIN attempts ON payment_id = payment AND" NOT_BY_STATE("status", "open") " WHERE" PLANNED_ONCE);
    bool found;

    TRY(db_ask(ctx,
        (const struct question[]){
            { &lock, PARAMS(P(id), P(ctx->principal.customer_id)), columns, payment, &found },
            { &open, PARAMS(P(id)), attempt_columns, attempt, has_attempt },
        },
        2));
    return found ? NULL : no_payment(ctx);
}

struct error *attempt_last(struct ctx *ctx, const char *payment_id, struct attempt *out, bool *found)
{
    SQL(last, "SELECT " ATTEMPT_COLUMNS " FROM attempts WHERE payment_id = $1 ORDER BY id DESC LIMIT 1");

    return db_maybe(ctx, &last, PARAMS(P(payment_id)), attempt_columns, out, found);
}

struct error *attempt_list(struct ctx *ctx, const char *payment_id, struct field_list *out)
{
    SQL(list, "SELECT " ATTEMPT_COLUMNS " FROM attempts WHERE payment_id = $1 ORDER BY id");

    return db_list(ctx, &list, PARAMS(P(payment_id)), attempt_columns, sizeof(struct attempt), out);
}
