#include "payments/approval_store.h"

#include <string.h>

#include "base/ctx.h"
#include "db/db.h"

#define COLUMNS                                                                                                        \
    "id, payment_id, status, amount, currency, reason, note, requested_by, requested_at, decided_by, decided_at,"      \
    " answer, refund_id"
#define OF_PAYMENT 50

const char *const approval_status_names[] = { "requested", "approved", "rejected", "withdrawn", NULL };

static const struct field columns[] = {
    FIELD(struct approval, id),
    FIELD(struct approval, payment_id),
    FIELD(struct approval, status, .names = approval_status_names),
    FIELD(struct approval, amount), // and currency
    FIELD(struct approval, reason),
    FIELD(struct approval, note),
    FIELD(struct approval, requested_by),
    FIELD(struct approval, requested_at),
    FIELD(struct approval, decided_by),
    FIELD(struct approval, decided_at),
    FIELD(struct approval, answer),
    FIELD(struct approval, refund_id),
    FIELD_END,
};

static struct error *find(struct ctx *ctx, const struct sql *sql, const char *id, struct approval *out)
{
    struct error *error = db_one(ctx, sql, PARAMS(P(id)), columns, out);

    return error && error->code == E_NOT_FOUND ? error_new(ctx, E_NOT_FOUND, "There is no such request for a refund.")
                                               : error;
}

struct error *approval_get(struct ctx *ctx, const char *id, struct approval *out)
{
    SQL(get, "SELECT " COLUMNS " FROM refund_requests WHERE id = $1");

    return find(ctx, &get, id, out);
}

struct error *approval_lock(struct ctx *ctx, const char *id, struct approval *out)
{
    SQL(lock, "SELECT " COLUMNS " FROM refund_requests WHERE id = $1 FOR UPDATE");

    return find(ctx, &lock, id, out);
}

struct error *approval_insert(struct ctx *ctx, const struct approval *approval)
{
    SQL(insert,
        "INSERT INTO refund_requests (id, payment_id, amount, currency, reason, note, requested_by, requested_at)"
        "VALUES ($1, $2, $3, $4, $5, $6, $7, $8)");
    struct error *error = db_exec(ctx, &insert,
        PARAMS(P(approval->id), P(approval->payment_id), P(approval->amount.minor),
            P((const char *)approval->amount.currency), P(approval->reason), P(approval->note),
            P(approval->requested_by), P(approval->requested_at)),
        NULL);

    if (error && error->constraint && !strcmp(error->constraint, "refund_requests_one_open"))
        return error_new(ctx, E_CONFLICT,
            "A refund of this payment waits for approval already; it has to be decided or withdrawn first.");
    return error;
}

struct error *approval_update(struct ctx *ctx, const struct approval *approval)
{
    SQL(update,
        "UPDATE refund_requests SET status = $2, decided_by = $3, decided_at = $4, answer = $5, refund_id = $6"
        " WHERE id = $1");

    return db_exec(ctx, &update,
        PARAMS(P(approval->id), P(approval_status_names[approval->status]), P(approval->decided_by),
            P(approval->decided_at), P(approval->answer), P(approval->refund_id)),
        NULL);
}

struct error *approval_list(struct ctx *ctx, const char *status, const char *cursor, int64_t limit,
    struct field_list *out)
{
    SQL(list,
        "SELECT " COLUMNS " FROM refund_requests WHERE ($1::text IS NULL OR status = $1)"
        "   AND ($2::text IS NULL OR id < $2) ORDER BY id DESC LIMIT $3");

    return db_list(ctx, &list, PARAMS(P(status), P(cursor), P(limit)), columns, sizeof(struct approval), out);
}

struct error *approval_list_waiting(struct ctx *ctx, const char *cursor, int64_t limit, struct field_list *out)
{
    SQL(waiting,
        "SELECT " COLUMNS " FROM refund_requests WHERE status = 'requested' AND ($1::text IS NULL OR id > $1)"
        " ORDER BY id LIMIT $2");

    return db_list(ctx, &waiting, PARAMS(P(cursor), P(limit)), columns, sizeof(struct approval), out);
}

struct error *approval_of_payment(struct ctx *ctx, const char *payment_id, struct field_list *out)
{
    SQL(of_payment, "SELECT " COLUMNS " FROM refund_requests WHERE payment_id = $1 ORDER BY id DESC LIMIT $2");

    return db_list(ctx, &of_payment, PARAMS(P(payment_id), P(OF_PAYMENT)), columns, sizeof(struct approval), out);
}
