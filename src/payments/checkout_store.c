#include "payments/checkout_store.h"

#include "base/ctx.h"
#include "db/db.h"
#include "events/audit.h"
#include "payments/payment.h"

#define COLUMNS                                                                                                        \
    "id, mode, status, amount, currency, description, reference, items, customer_id, success_url, cancel_url, "        \
    "capture, offers_saving,"                                                                                          \
    " locale, metadata, payment_id, created_by, expires_at, created_at, updated_at"

const char *const checkout_status_names[] = { "open", "complete", "expired", "cancelled", NULL };

static const struct field columns[] = {
    FIELD(struct checkout, id),
    FIELD(struct checkout, mode, .names = mode_names),
    FIELD(struct checkout, status, .names = checkout_status_names),
    FIELD(struct checkout, amount), // and currency
    FIELD(struct checkout, description),
    FIELD(struct checkout, reference),
    FIELD(struct checkout, items),
    FIELD(struct checkout, customer_id),
    FIELD(struct checkout, success_url),
    FIELD(struct checkout, cancel_url),
    FIELD(struct checkout, capture, .names = payment_capture_names),
    FIELD(struct checkout, offers_saving),
    FIELD(struct checkout, locale),
    FIELD(struct checkout, metadata),
    FIELD(struct checkout, payment_id),
    FIELD(struct checkout, created_by),
    FIELD(struct checkout, expires_at),
    FIELD(struct checkout, created_at),
    FIELD(struct checkout, updated_at),
    FIELD_END,
};

static struct error *named(struct ctx *ctx, struct error *error)
{
    return error && error->code == E_NOT_FOUND ? error_new(ctx, E_NOT_FOUND, "There is no such checkout session.")
                                               : error;
}

struct error *checkout_row(struct ctx *ctx, const char *id, struct checkout *out)
{
    SQL(get,
        "SELECT " COLUMNS
        " FROM checkout_sessions WHERE id = $1 AND customer_id IS NOT DISTINCT FROM coalesce($2, customer_id)");

    return named(ctx, db_one(ctx, &get, PARAMS(P(id), P(ctx->principal.customer_id)), columns, out));
}

struct error *checkout_lock(struct ctx *ctx, const char *id, struct checkout *out)
{
    SQL(lock, "SELECT " COLUMNS " FROM checkout_sessions WHERE id = $1 FOR UPDATE");

    return named(ctx, db_one(ctx, &lock, PARAMS(P(id)), columns, out));
}

struct error *checkout_insert(struct ctx *ctx, const struct checkout *session)
{
    SQL(insert,
        "INSERT INTO checkout_sessions (id, mode, status, amount, currency, description, reference, items, customer_id,"
        " success_url, cancel_url, capture, locale, metadata, created_by, expires_at, created_at, updated_at,"
        " offers_saving)"
        "VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $17, $18)");

    return db_exec(ctx, &insert,
        PARAMS(P(session->id), P(mode_names[session->mode]), P(checkout_status_names[session->status]),
            P(session->amount.minor), P((const char *)session->amount.currency), P(session->description),
            P(session->reference), P(session->items), P(session->customer_id), P(session->success_url),
            P(session->cancel_url), P(payment_capture_names[session->capture]), P(session->locale),
            P(session->metadata), P(session->created_by), P(session->expires_at), P(session->created_at),
            P(session->offers_saving)),
        NULL);
}

struct error *checkout_set_status(struct ctx *ctx, const char *id, enum checkout_status status)
{
    SQL(set, "UPDATE checkout_sessions SET status = $2, updated_at = $3 WHERE id = $1");

    return db_send(ctx, &set, PARAMS(P(id), P(checkout_status_names[status]), P(ctx->now)));
}

struct error *checkout_link(struct ctx *ctx, const char *id, const char *payment_id)
{
    SQL(link,
        "UPDATE checkout_sessions SET payment_id = $2, updated_at = $3"
        " WHERE id = $1 AND status = 'open' AND payment_id IS NULL");
    int64_t affected;

    TRY(db_exec(ctx, &link, PARAMS(P(id), P(payment_id), P(ctx->now)), &affected));
    return affected ? NULL : error_new(ctx, E_CONFLICT, "This checkout session is being paid already.");
}

struct error *checkout_complete(struct ctx *ctx, const char *id)
{
    SQL(complete,
        "UPDATE checkout_sessions SET status = 'complete', updated_at = $2 WHERE id = $1 AND status <> 'complete'");
    int64_t affected;

    TRY(db_exec(ctx, &complete, PARAMS(P(id), P(ctx->now)), &affected));
    return affected ? audit_add(ctx, "checkout.complete", id, NULL) : NULL;
}

struct error *checkout_list_rows(struct ctx *ctx, const char *cursor, int64_t limit, struct field_list *out)
{
    SQL(list,
        "SELECT " COLUMNS " FROM checkout_sessions"
        " WHERE ($1::text IS NULL OR id < $1) AND ($2::text IS NULL OR customer_id = $2) ORDER BY id DESC LIMIT $3");

    return db_list(ctx, &list, PARAMS(P(cursor), P(ctx->principal.customer_id), P(limit)), columns,
        sizeof(struct checkout), out);
}
