#include "payments/refund_store.h"

#include "base/ctx.h"
#include "db/db.h"

#define COLUMNS                                                                                                        \
    "id, payment_id, status, amount, currency, reason, note, provider, provider_refund_id, origin, failure_code, "     \
    "key_number,"                                                                                                      \
    " created_by, created_at, updated_at"

const char *const refund_status_names[] = { "processing", "succeeded", "failed", "cancelled", NULL };
static const char *const refund_origin_names[] = { "till", "provider", NULL };

static const struct field columns[] = {
    FIELD(struct refund, id),
    FIELD(struct refund, payment_id),
    FIELD(struct refund, status, .names = refund_status_names),
    FIELD(struct refund, amount), // and currency
    FIELD(struct refund, reason),
    FIELD(struct refund, note),
    FIELD(struct refund, provider),
    FIELD(struct refund, provider_refund_id),
    FIELD(struct refund, origin, .names = refund_origin_names),
    FIELD(struct refund, failure_code),
    FIELD(struct refund, key_number),
    FIELD(struct refund, created_by),
    FIELD(struct refund, created_at),
    FIELD(struct refund, updated_at),
    FIELD_END,
};

struct error *refund_get(struct ctx *ctx, const char *id, struct refund *out)
{
    SQL(get,
        "SELECT " COLUMNS " FROM refunds"
        " WHERE id = (SELECT id FROM refunds WHERE id = $1"
        "             UNION SELECT id FROM refunds WHERE provider_refund_id = $1 LIMIT 1)"
        "   AND ($2::text IS NULL OR payment_id IN (SELECT id FROM payments WHERE customer_id = $2))");
    struct error *error = db_one(ctx, &get, PARAMS(P(id), P(ctx->principal.customer_id)), columns, out);

    return error && error->code == E_NOT_FOUND ? error_new(ctx, E_NOT_FOUND, "There is no such refund.") : error;
}

struct error *refund_insert(struct ctx *ctx, const struct refund *refund)
{
    SQL(insert,
        "INSERT INTO refunds (id, payment_id, status, amount, currency, reason, provider, provider_refund_id, origin,"
        " created_by, created_at, updated_at, note) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $11, $12)");

    return db_send(ctx, &insert,
        PARAMS(P(refund->id), P(refund->payment_id), P(refund_status_names[refund->status]), P(refund->amount.minor),
            P((const char *)refund->amount.currency), P(refund->reason), P(refund->provider),
            P(refund->provider_refund_id), P(refund_origin_names[refund->origin]), P(refund->created_by),
            P(refund->created_at), P(refund->note)));
}

struct error *refund_update(struct ctx *ctx, const struct refund *refund)
{
    SQL(update,
        "UPDATE refunds SET status = $2, provider_refund_id = $3, failure_code = $4, updated_at = $5 WHERE id = $1");

    return db_send(ctx, &update,
        PARAMS(P(refund->id), P(refund_status_names[refund->status]), P(refund->provider_refund_id),
            P(refund->failure_code), P(ctx->now)));
}

struct error *refund_next_key(struct ctx *ctx, const struct refund *refund)
{
    SQL(next, "UPDATE refunds SET key_number = key_number + 1 WHERE id = $1 AND key_number = $2");

    return db_send(ctx, &next, PARAMS(P(refund->id), P(refund->key_number)));
}

struct error *refund_known(struct ctx *ctx, const char *payment_id, const char *id, const char *reference,
    struct refund *out, bool *found)
{
    SQL(known,
        "SELECT " COLUMNS " FROM refunds"
        " WHERE payment_id = $1 AND (id = $2 OR provider_refund_id = $3) ORDER BY id LIMIT 1");

    return db_maybe(ctx, &known, PARAMS(P(payment_id), P(id), P(reference)), columns, out, found);
}

struct error *refund_of_payment(struct ctx *ctx, const char *payment_id, struct field_list *out)
{
    SQL(list, "SELECT " COLUMNS " FROM refunds WHERE payment_id = $1 ORDER BY id DESC");

    return db_list(ctx, &list, PARAMS(P(payment_id)), columns, sizeof(struct refund), out);
}

struct error *refund_newest(struct ctx *ctx, const char *status, const char *cursor, int64_t limit,
    struct field_list *out)
{
    SQL(newest,
        "SELECT " COLUMNS " FROM refunds WHERE ($1::text IS NULL OR status = $1) AND ($2::text IS NULL OR id < $2)"
        " ORDER BY id DESC LIMIT $3");

    return db_list(ctx, &newest, PARAMS(P(status), P(cursor), P(limit)), columns, sizeof(struct refund), out);
}

struct error *refund_of_customer(struct ctx *ctx, const char *customer_id, struct field_list *out)
{
    SQL(list,
        "SELECT " COLUMNS " FROM refunds WHERE payment_id IN (SELECT id FROM payments WHERE customer_id = $1)"
        " ORDER BY id DESC");

    return db_list(ctx, &list, PARAMS(P(customer_id)), columns, sizeof(struct refund), out);
}

struct error *refund_count_since(struct ctx *ctx, const char *customer_id, struct instant since, int64_t *out)
{
    SQL(count,
        "SELECT count(*) AS count FROM payments p JOIN refunds r ON r.payment_id = p.id"
        " WHERE p.customer_id = $1 AND r.origin = 'till' AND r.created_at > $2");
    struct row {
        int64_t count;
    } row;
    static const struct field count_columns[] = { FIELD(struct row, count), FIELD_END };

    TRY(db_one(ctx, &count, PARAMS(P(customer_id), P(since)), count_columns, &row));
    *out = row.count;
    return NULL;
}

struct error *refund_list_unfinished(struct ctx *ctx, struct field_list *out)
{
    SQL(unfinished,
        "SELECT id FROM refunds WHERE status = 'processing'"
        "   AND updated_at < $1::timestamptz - interval '10 seconds' LIMIT 10000");
    struct row {
        const char *id;
    };
    static const struct field id_columns[] = { FIELD(struct row, id), FIELD_END };

    return db_list(ctx, &unfinished, PARAMS(P(ctx->now)), id_columns, sizeof(struct row), out);
}
