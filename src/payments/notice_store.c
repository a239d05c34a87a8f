#include "payments/notice_store.h"

#include "base/ctx.h"
#include "db/db.h"

#define COLUMNS                                                                                                        \
    "id, kind, payment_id, object_id, number, status, recipient, locale, tries, error, created_at, updated_at"

const char *const notice_kind_names[] = { "receipt", "refund", "action", NULL };
const char *const notice_status_names[] = { "pending", "sent", "failed", "dropped", NULL };

static const struct field columns[] = {
    FIELD(struct notice, id),
    FIELD(struct notice, kind, .names = notice_kind_names),
    FIELD(struct notice, payment_id),
    FIELD(struct notice, object_id),
    FIELD(struct notice, number),
    FIELD(struct notice, status, .names = notice_status_names),
    FIELD(struct notice, recipient),
    FIELD(struct notice, locale),
    FIELD(struct notice, tries),
    FIELD(struct notice, error),
    FIELD(struct notice, created_at),
    FIELD(struct notice, updated_at),
    FIELD_END,
};

struct error *notice_get(struct ctx *ctx, const char *id, struct notice *out)
{
    SQL(get, "SELECT " COLUMNS " FROM mails WHERE id = $1");

    return db_one(ctx, &get, PARAMS(P(id)), columns, out);
}

struct error *notice_insert(struct ctx *ctx, const struct notice *notice, int64_t delay)
{
    SQL(insert,
        "WITH mail AS ("
        "  INSERT INTO mails (id, kind, payment_id, object_id, number, created_at, updated_at)"
        "  SELECT $1, $2, $3, $4, 1, $5, $5"
        "   WHERE EXISTS (SELECT FROM payment_contacts WHERE payment_id = $3)"
        "      OR EXISTS (SELECT FROM payments p JOIN customer_persons c ON c.customer_id = p.customer_id"
        "                  WHERE p.id = $3 AND c.email IS NOT NULL)"
        "  ON CONFLICT (kind, object_id, number) DO NOTHING RETURNING id) "
        "INSERT INTO jobs (kind, subject, run_at, trace, lane)"
        "SELECT 'mail.send', id, domain_now() + make_interval(secs => $6), $7, 'outward' FROM mail");

    return db_send(ctx, &insert,
        PARAMS(P(notice->id), P(notice_kind_names[notice->kind]), P(notice->payment_id), P(notice->object_id),
            P(notice->created_at), P(delay), P(ctx->trace)));
}

struct error *notice_insert_again(struct ctx *ctx, const struct notice *notice, int *number)
{
    SQL(insert,
        "INSERT INTO mails (id, kind, payment_id, object_id, number, recipient, locale, created_at, updated_at)"
        "SELECT $1, $2, $3, $4, coalesce(max(number), 0) + 1, $5, $6, $7, $7 FROM mails"
        " WHERE kind = $2 AND object_id = $4 RETURNING number");
    struct row {
        int number;
    } row;
    static const struct field number_column[] = { FIELD(struct row, number), FIELD_END };

    TRY(db_one(ctx, &insert,
        PARAMS(P(notice->id), P(notice_kind_names[notice->kind]), P(notice->payment_id), P(notice->object_id),
            P(notice->recipient), P(notice->locale), P(notice->created_at)),
        number_column, &row));
    *number = row.number;
    return NULL;
}

struct error *notice_update(struct ctx *ctx, const struct notice *notice)
{
    SQL(update,
        "UPDATE mails SET status = $2, tries = $3, error = $4, updated_at = $5 WHERE id = $1 AND status = 'pending'");

    return db_exec(ctx, &update,
        PARAMS(P(notice->id), P(notice_status_names[notice->status]), P(notice->tries), P(notice->error),
            P(notice->updated_at)),
        NULL);
}

struct error *contact_put(struct ctx *ctx, const char *payment_id, struct bytes email)
{
    SQL(put, "INSERT INTO payment_contacts (payment_id, email) VALUES ($1, $2)");

    return db_send(ctx, &put, PARAMS(P(payment_id), P(email)));
}

struct contact {
    struct bytes email;
};

struct error *contact_get(struct ctx *ctx, const char *payment_id, struct bytes *email)
{
    SQL(get, "SELECT email FROM payment_contacts WHERE payment_id = $1");
    static const struct field contact_columns[] = { FIELD(struct contact, email), FIELD_END };
    struct contact contact;
    bool found;

    TRY(db_maybe(ctx, &get, PARAMS(P(payment_id)), contact_columns, &contact, &found));
    *email = found ? contact.email : (struct bytes){ 0 };
    return NULL;
}
