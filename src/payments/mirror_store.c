#include "payments/mirror_store.h"

#include "base/ctx.h"
#include "db/db.h"
#include "provider/provider.h"

/* Whose they are is looked up when they are read: a customer may become known here later. */
#define OURS " LEFT JOIN customer_accounts a ON a.provider = m.provider AND a.reference = m.provider_customer_id"

static struct error *find(struct ctx *ctx, const struct sql *sql, const char *id, const struct field *columns,
    void *out, const char *what)
{
    bool found;

    TRY(db_maybe(ctx, sql, PARAMS(P(id), P(provider_list()[0]->name), P(ctx->principal.customer_id)), columns, out,
        &found));
    return found ? NULL : error_new(ctx, E_NOT_FOUND, "There is no such %s.", what);
}

/* Subscriptions ------------------------------------------------------------------------------------------------------ */

#define SUBSCRIPTIONS                                                                                                  \
    "SELECT m.id, a.customer_id, m.status, m.items, m.cancel_at_period_end, m.period_start, m.period_end, "            \
    "m.trial_end,"                                                                                                     \
    " m.cancel_at, m.cancelled_at, m.ended_at, m.provider, m.provider_subscription_id, m.provider_customer_id,"        \
    " m.created_at, m.asked_at FROM mirrored_subscriptions m" OURS

static const struct field subscription_columns[] = {
    FIELD(struct subscription, id),
    FIELD(struct subscription, customer_id),
    FIELD(struct subscription, status),
    FIELD(struct subscription, items),
    FIELD(struct subscription, cancel_at_period_end),
    FIELD(struct subscription, period_start),
    FIELD(struct subscription, period_end),
    FIELD(struct subscription, trial_end),
    FIELD(struct subscription, cancel_at),
    FIELD(struct subscription, cancelled_at),
    FIELD(struct subscription, ended_at),
    FIELD(struct subscription, provider),
    FIELD(struct subscription, provider_subscription_id),
    FIELD(struct subscription, provider_customer_id),
    FIELD(struct subscription, created_at),
    FIELD(struct subscription, asked_at),
    FIELD_END,
};

struct error *subscription_put(struct ctx *ctx, const char *id, const char *provider, struct instant asked_at,
    const struct subscription_view *view)
{
    SQL(put,
        "INSERT INTO mirrored_subscriptions AS m (id, provider, provider_subscription_id, provider_customer_id, status,"
        " items, cancel_at_period_end, period_start, period_end, trial_end, cancel_at, cancelled_at, ended_at,"
        " created_at, asked_at)"
        "VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)"
        "ON CONFLICT (provider, provider_subscription_id) DO UPDATE"
        "   SET provider_customer_id = excluded.provider_customer_id, status = excluded.status, items = excluded.items,"
        "       cancel_at_period_end = excluded.cancel_at_period_end, period_start = excluded.period_start,"
        "       period_end = excluded.period_end, trial_end = excluded.trial_end, cancel_at = excluded.cancel_at,"
        "       cancelled_at = excluded.cancelled_at, ended_at = excluded.ended_at, asked_at = excluded.asked_at"
        " WHERE m.asked_at < excluded.asked_at");

    return db_exec(ctx, &put,
        PARAMS(P(id), P(provider), P(view->reference), P(view->customer), P(view->status), P(view->items),
            P(view->cancel_at_period_end), P(view->period_start), P(view->period_end), P(view->trial_end),
            P(view->cancel_at), P(view->cancelled_at), P(view->ended_at), P(view->created_at), P(asked_at)),
        NULL);
}

struct error *subscription_gone(struct ctx *ctx, const char *provider, const char *reference, struct instant asked_at,
    bool *known)
{
    SQL(gone,
        "UPDATE mirrored_subscriptions SET status = CASE WHEN asked_at < $3 THEN 'deleted' ELSE status END,"
        " asked_at = greatest(asked_at, $3) WHERE provider = $1 AND provider_subscription_id = $2");
    int64_t affected;

    TRY(db_exec(ctx, &gone, PARAMS(P(provider), P(reference), P(asked_at)), &affected));
    *known = affected > 0;
    return NULL;
}

struct error *subscription_row(struct ctx *ctx, const char *id, struct subscription *out)
{
    SQL(row,
        SUBSCRIPTIONS " WHERE m.id = (SELECT id FROM mirrored_subscriptions WHERE id = $1 UNION"
                      "               SELECT id FROM mirrored_subscriptions WHERE provider = $2"
                      "                  AND provider_subscription_id = $1)"
                      "   AND a.customer_id IS NOT DISTINCT FROM coalesce($3, a.customer_id)");

    return find(ctx, &row, id, subscription_columns, out, "subscription");
}

struct error *subscription_rows(struct ctx *ctx, const struct mirror_filter *filter, struct field_list *out)
{
    SQL(rows,
        SUBSCRIPTIONS " WHERE ($1::text IS NULL OR m.status = $1) AND ($2::text IS NULL OR a.customer_id = $2)"
                      "   AND ($3::text IS NULL OR a.customer_id = $3) AND ($4::text IS NULL OR m.id < $4)"
                      " ORDER BY m.id DESC LIMIT $5");

    return db_list(ctx, &rows,
        PARAMS(P(filter->status), P(filter->customer_id), P(ctx->principal.customer_id), P(filter->cursor),
            P(filter->limit)),
        subscription_columns, sizeof(struct subscription), out);
}

/* Invoices ----------------------------------------------------------------------------------------------------------- */

#define INVOICES                                                                                                       \
    "SELECT m.id, a.customer_id, s.id AS subscription_id, m.number, m.status, m.reason, m.amount_due, m.amount_paid,"  \
    " m.amount_remaining, m.currency, m.due_at, m.next_attempt_at, m.paid_at, m.provider, m.provider_invoice_id,"      \
    " m.provider_subscription_id, m.provider_customer_id, m.created_at, m.asked_at FROM mirrored_invoices m" OURS      \
    " LEFT JOIN mirrored_subscriptions s ON s.provider = m.provider"                                                   \
    "      AND s.provider_subscription_id = m.provider_subscription_id"

static const struct field invoice_columns[] = {
    FIELD(struct invoice, id),
    FIELD(struct invoice, customer_id),
    FIELD(struct invoice, subscription_id),
    FIELD(struct invoice, number),
    FIELD(struct invoice, status),
    FIELD(struct invoice, reason),
    FIELD(struct invoice, amount_due), // and currency, as of the other amounts
    FIELD(struct invoice, amount_paid),
    FIELD(struct invoice, amount_remaining),
    FIELD(struct invoice, due_at),
    FIELD(struct invoice, next_attempt_at),
    FIELD(struct invoice, paid_at),
    FIELD(struct invoice, provider),
    FIELD(struct invoice, provider_invoice_id),
    FIELD(struct invoice, provider_subscription_id),
    FIELD(struct invoice, provider_customer_id),
    FIELD(struct invoice, created_at),
    FIELD(struct invoice, asked_at),
    FIELD_END,
};

struct error *invoice_put(struct ctx *ctx, const char *id, const char *provider, struct instant asked_at,
    const struct invoice_view *view)
{
    SQL(put,
        "INSERT INTO mirrored_invoices AS m (id, provider, provider_invoice_id, provider_subscription_id,"
        " provider_customer_id, number, status, reason, amount_due, amount_paid, amount_remaining, currency, due_at,"
        " next_attempt_at, paid_at, created_at, asked_at)"
        "VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17)"
        "ON CONFLICT (provider, provider_invoice_id) DO UPDATE"
        "   SET provider_subscription_id = excluded.provider_subscription_id,"
        "       provider_customer_id = excluded.provider_customer_id, number = excluded.number,"
        "       status = excluded.status, reason = excluded.reason, amount_due = excluded.amount_due,"
        "       amount_paid = excluded.amount_paid, amount_remaining = excluded.amount_remaining,"
        "       currency = excluded.currency, due_at = excluded.due_at, next_attempt_at = excluded.next_attempt_at,"
        "       paid_at = excluded.paid_at, asked_at = excluded.asked_at"
        " WHERE m.asked_at < excluded.asked_at");

    return db_exec(ctx, &put,
        PARAMS(P(id), P(provider), P(view->reference), P(view->subscription), P(view->customer), P(view->number),
            P(view->status), P(view->reason), P(view->amount_due.minor), P(view->amount_paid.minor),
            P(view->amount_remaining.minor), P((const char *)view->amount_due.currency), P(view->due_at),
            P(view->next_attempt_at), P(view->paid_at), P(view->created_at), P(asked_at)),
        NULL);
}

struct error *invoice_gone(struct ctx *ctx, const char *provider, const char *reference, struct instant asked_at,
    bool *known)
{
    SQL(gone,
        "UPDATE mirrored_invoices SET status = CASE WHEN asked_at < $3 THEN 'deleted' ELSE status END,"
        " asked_at = greatest(asked_at, $3) WHERE provider = $1 AND provider_invoice_id = $2");
    int64_t affected;

    TRY(db_exec(ctx, &gone, PARAMS(P(provider), P(reference), P(asked_at)), &affected));
    *known = affected > 0;
    return NULL;
}

struct error *invoice_row(struct ctx *ctx, const char *id, struct invoice *out)
{
    SQL(row,
        INVOICES " WHERE m.id = (SELECT id FROM mirrored_invoices WHERE id = $1 UNION"
                 "               SELECT id FROM mirrored_invoices WHERE provider = $2 AND provider_invoice_id = $1)"
                 "   AND a.customer_id IS NOT DISTINCT FROM coalesce($3, a.customer_id)");

    return find(ctx, &row, id, invoice_columns, out, "invoice");
}

struct error *invoice_rows(struct ctx *ctx, const struct mirror_filter *filter, struct field_list *out)
{
    SQL(rows,
        INVOICES " WHERE ($1::text IS NULL OR m.status = $1) AND ($2::text IS NULL OR a.customer_id = $2)"
                 "   AND ($3::text IS NULL OR a.customer_id = $3) AND ($4::text IS NULL OR m.id < $4)"
                 "   AND ($6::text IS NULL OR m.provider_subscription_id ="
                 "        coalesce((SELECT provider_subscription_id FROM mirrored_subscriptions WHERE id = $6), $6))"
                 " ORDER BY m.id DESC LIMIT $5");

    return db_list(ctx, &rows,
        PARAMS(P(filter->status), P(filter->customer_id), P(ctx->principal.customer_id), P(filter->cursor),
            P(filter->limit), P(filter->subscription_id)),
        invoice_columns, sizeof(struct invoice), out);
}
