#include "customers/customer_store.h"

#include "base/ctx.h"
#include "db/db.h"

#define COLUMNS "c.id, c.mode, c.reference, c.metadata, c.erased_at, c.created_at, c.updated_at, p.email, p.name, k.key"
#define FROM                                                                                                           \
    " FROM customers c LEFT JOIN customer_persons p ON p.customer_id = c.id"                                           \
    " LEFT JOIN person_keys k ON k.customer_id = c.id"

static const struct field columns[] = {
    FIELD(struct customer_row, id),
    FIELD(struct customer_row, mode, .names = mode_names),
    FIELD(struct customer_row, reference),
    FIELD(struct customer_row, metadata),
    { .name = "email", .kind = FIELD_BYTES, .offset = offsetof(struct customer_row, person.email) },
    { .name = "name", .kind = FIELD_BYTES, .offset = offsetof(struct customer_row, person.name) },
    { .name = "key", .kind = FIELD_BYTES, .offset = offsetof(struct customer_row, person.key) },
    FIELD(struct customer_row, erased_at),
    FIELD(struct customer_row, created_at),
    FIELD(struct customer_row, updated_at),
    FIELD_END,
};

#define BY_ID                                                                                                          \
    " WHERE c.id = (SELECT id FROM customers WHERE id = $1"                                                            \
    "               UNION SELECT customer_id FROM customer_accounts WHERE reference = $1)"                             \
    "   AND ($2::text IS NULL OR c.id = $2)"

static struct error *find(struct ctx *ctx, const struct sql *sql, const char *id, struct customer_row *out)
{
    struct error *error = db_one(ctx, sql, PARAMS(P(id), P(ctx->principal.customer_id)), columns, out);

    return error && error->code == E_NOT_FOUND ? error_new(ctx, E_NOT_FOUND, "There is no such customer.") : error;
}

struct error *customer_row_get(struct ctx *ctx, const char *id, struct customer_row *out)
{
    SQL(get, "SELECT " COLUMNS FROM BY_ID);

    return find(ctx, &get, id, out);
}

struct error *customer_row_lock(struct ctx *ctx, const char *id, struct customer_row *out)
{
    SQL(lock, "SELECT " COLUMNS FROM BY_ID " FOR UPDATE OF c");

    return find(ctx, &lock, id, out);
}

struct error *customer_row_update(struct ctx *ctx, const struct customer_row *row)
{
    SQL(update,
        "UPDATE customers SET reference = $2, metadata = coalesce($3::jsonb, '{}'), erased_at = $4, updated_at = $5"
        " WHERE id = $1");

    return db_exec(ctx, &update,
        PARAMS(P(row->id), P(row->reference), P(row->metadata), P(row->erased_at), P(ctx->now)), NULL);
}

struct error *person_row_put(struct ctx *ctx, const char *customer_id, const struct sealed_person *person)
{
    SQL(put_key, "INSERT INTO person_keys (customer_id, key) VALUES ($1, $2) ON CONFLICT DO NOTHING");
    SQL(put,
        "INSERT INTO customer_persons (customer_id, email, name, email_index) VALUES ($1, $2, $3, $4)"
        "ON CONFLICT (customer_id) DO UPDATE SET email = $2, name = $3, email_index = $4");

    TRY(db_exec(ctx, &put_key, PARAMS(P(customer_id), P(person->key)), NULL));
    return db_exec(ctx, &put, PARAMS(P(customer_id), P(person->email), P(person->name), P(person->email_index)), NULL);
}

struct error *person_row_destroy(struct ctx *ctx, const char *customer_id)
{
    SQL(destroy_key, "DELETE FROM person_keys WHERE customer_id = $1");
    SQL(destroy, "DELETE FROM customer_persons WHERE customer_id = $1");

    TRY(db_exec(ctx, &destroy_key, PARAMS(P(customer_id)), NULL));
    return db_exec(ctx, &destroy, PARAMS(P(customer_id)), NULL);
}

struct error *customer_row_by_reference(struct ctx *ctx, const char *reference, struct customer_row *out, bool *found)
{
    SQL(get, "SELECT " COLUMNS FROM " WHERE c.mode = $1 AND c.reference = $2");

    return db_maybe(ctx, &get, PARAMS(P(mode_names[ctx->config->mode]), P(reference)), columns, out, found);
}

struct error *customer_row_insert(struct ctx *ctx, const struct customer_row *row, bool *inserted)
{
    SQL(insert,
        "INSERT INTO customers (id, mode, reference, metadata, created_at, updated_at)"
        "VALUES ($1, $2, $3, coalesce($4::jsonb, '{}'), $5, $5) ON CONFLICT (mode, reference) DO NOTHING");
    int64_t affected;

    TRY(db_exec(ctx, &insert,
        PARAMS(P(row->id), P(mode_names[row->mode]), P(row->reference), P(row->metadata), P(row->created_at)),
        &affected));
    *inserted = affected > 0;
    return NULL;
}

struct error *customer_row_list(struct ctx *ctx, const char *reference, struct bytes email_index, const char *cursor,
    int64_t limit, struct field_list *out)
{
    SQL(list,
        "SELECT " COLUMNS FROM
        " WHERE ($1::text IS NULL OR c.reference = $1) AND ($2::bytea IS NULL OR p.email_index = $2)"
        "   AND ($3::text IS NULL OR c.id < $3) AND ($4::text IS NULL OR c.id = $4)"
        " ORDER BY c.id DESC LIMIT $5");

    return db_list(ctx, &list, PARAMS(P(reference), P(email_index), P(cursor), P(ctx->principal.customer_id), P(limit)),
        columns, sizeof(struct customer_row), out);
}

struct account {
    const char *reference;
};

static const struct field account_columns[] = { FIELD(struct account, reference), FIELD_END };

struct error *customer_account_get(struct ctx *ctx, const char *customer_id, const char *provider,
    const char **reference)
{
    SQL(get, "SELECT reference FROM customer_accounts WHERE customer_id = $1 AND provider = $2");
    struct account account = { 0 };
    bool found;

    TRY(db_maybe(ctx, &get, PARAMS(P(customer_id), P(provider)), account_columns, &account, &found));
    *reference = found ? account.reference : NULL;
    return NULL;
}

/* Of several at once one is first, and its row is complete when the others look: they wait for it at whichever of the table's two keys
 * they meet it. A conflict that names one of them would let the other refuse. */
struct error *customer_account_put(struct ctx *ctx, const char *customer_id, const char *provider,
    const char **reference)
{
    SQL(put,
        "INSERT INTO customer_accounts (customer_id, provider, reference, created_at) VALUES ($1, $2, $3, $4)"
        "ON CONFLICT DO NOTHING");
    const char *given = *reference;

    TRY(db_exec(ctx, &put, PARAMS(P(customer_id), P(provider), P(given), P(ctx->now)), NULL));
    TRY(customer_account_get(ctx, customer_id, provider, reference));
    return *reference ? NULL
                      : error_cause(ctx, error_new(ctx, E_CONFLICT, "The provider's customer is another of ours."),
                          "%s of %s, for %s", given, provider, customer_id);
}
