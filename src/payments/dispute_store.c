#include "payments/dispute_store.h"

#include "base/ctx.h"
#include "db/db.h"
#include "payments/evidence.h"
#include "provider/provider.h"

#define COLUMNS                                                                                                        \
    "id, payment_id, status, amount, currency, reason, provider, provider_dispute_id, due_by, evidence_sent_at,"       \
    " created_at, updated_at"

static const struct field columns[] = {
    FIELD(struct dispute, id),
    FIELD(struct dispute, payment_id),
    FIELD(struct dispute, status, .names = dispute_standing_names),
    FIELD(struct dispute, amount), // and currency
    FIELD(struct dispute, reason),
    FIELD(struct dispute, provider),
    FIELD(struct dispute, provider_dispute_id),
    FIELD(struct dispute, due_by),
    FIELD(struct dispute, evidence_sent_at),
    FIELD(struct dispute, created_at),
    FIELD(struct dispute, updated_at),
    FIELD_END,
};

struct error *dispute_known(struct ctx *ctx, const char *provider, const char *reference, struct dispute *out,
    bool *found)
{
    SQL(known, "SELECT " COLUMNS " FROM disputes WHERE provider = $1 AND provider_dispute_id = $2");

    return db_maybe(ctx, &known, PARAMS(P(provider), P(reference)), columns, out, found);
}

struct error *dispute_row(struct ctx *ctx, const char *id, struct dispute *out)
{
    SQL(row, "SELECT " COLUMNS " FROM disputes WHERE id = $1 OR provider_dispute_id = $1 LIMIT 1");

    return db_one(ctx, &row, PARAMS(P(id)), columns, out);
}

struct error *dispute_insert(struct ctx *ctx, const struct dispute *dispute)
{
    SQL(insert,
        "INSERT INTO disputes (id, payment_id, status, amount, currency, reason, provider, provider_dispute_id, due_by,"
        " created_at, updated_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)");

    return db_send(ctx, &insert,
        PARAMS(P(dispute->id), P(dispute->payment_id), P(dispute_standing_names[dispute->status]),
            P(dispute->amount.minor), P((const char *)dispute->amount.currency), P(dispute->reason),
            P(dispute->provider), P(dispute->provider_dispute_id), P(dispute->due_by), P(dispute->created_at),
            P(dispute->updated_at)));
}

struct error *dispute_update(struct ctx *ctx, const struct dispute *dispute)
{
    SQL(update, "UPDATE disputes SET status = $2, due_by = $3, updated_at = $4, evidence_sent_at = $5 WHERE id = $1");

    return db_send(ctx, &update,
        PARAMS(P(dispute->id), P(dispute_standing_names[dispute->status]), P(dispute->due_by), P(ctx->now),
            P(dispute->evidence_sent_at)));
}

struct error *dispute_of_payment(struct ctx *ctx, const char *payment_id, struct field_list *out)
{
    SQL(list, "SELECT " COLUMNS " FROM disputes WHERE payment_id = $1 ORDER BY id DESC");

    return db_list(ctx, &list, PARAMS(P(payment_id)), columns, sizeof(struct dispute), out);
}

struct error *dispute_rows(struct ctx *ctx, const char *status, const char *payment_id, const char *cursor,
    int64_t limit, struct field_list *out)
{
    SQL(rows,
        "SELECT " COLUMNS " FROM disputes WHERE ($1::text IS NULL OR status = $1) AND ($2::text IS NULL OR id < $2)"
        "   AND ($4::text IS NULL OR payment_id = $4) ORDER BY id DESC LIMIT $3");

    return db_list(ctx, &rows, PARAMS(P(status), P(cursor), P(limit), P(payment_id)), columns, sizeof(struct dispute),
        out);
}

struct error *dispute_of_customer(struct ctx *ctx, const char *customer_id, struct field_list *out)
{
    SQL(list,
        "SELECT " COLUMNS " FROM disputes WHERE payment_id IN (SELECT id FROM payments WHERE customer_id = $1)"
        " ORDER BY id DESC");

    return db_list(ctx, &list, PARAMS(P(customer_id)), columns, sizeof(struct dispute), out);
}

static const struct field file_columns[] = {
    FIELD(struct evidence_file, id),
    FIELD(struct evidence_file, dispute_id),
    FIELD(struct evidence_file, kind),
    FIELD(struct evidence_file, size),
    FIELD(struct evidence_file, provider_file_id),
    FIELD(struct evidence_file, created_by),
    FIELD(struct evidence_file, created_at),
    FIELD_END,
};

#define FILE_COLUMNS "id, dispute_id, kind, size, provider_file_id, created_by, created_at"

struct error *dispute_file_known(struct ctx *ctx, const char *reference, struct evidence_file *out, bool *found)
{
    SQL(known, "SELECT " FILE_COLUMNS " FROM dispute_files WHERE provider_file_id = $1");

    return db_maybe(ctx, &known, PARAMS(P(reference)), file_columns, out, found);
}

struct error *dispute_file_insert(struct ctx *ctx, const struct evidence_file *file)
{
    SQL(insert, "INSERT INTO dispute_files (" FILE_COLUMNS ") VALUES ($1, $2, $3, $4, $5, $6, $7)");

    return db_exec(ctx, &insert,
        PARAMS(P(file->id), P(file->dispute_id), P(file->kind), P(file->size), P(file->provider_file_id),
            P(file->created_by), P(file->created_at)),
        NULL);
}

struct error *dispute_file_rows(struct ctx *ctx, const char *dispute_id, struct field_list *out)
{
    SQL(rows, "SELECT " FILE_COLUMNS " FROM dispute_files WHERE dispute_id = $1 ORDER BY id");

    return db_list(ctx, &rows, PARAMS(P(dispute_id)), file_columns, sizeof(struct evidence_file), out);
}
