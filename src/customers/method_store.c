#include "customers/method_store.h"

#include "base/ctx.h"
#include "db/db.h"
#include "provider/provider.h"

#define COLUMNS                                                                                                        \
    "id, mode, customer_id, status, provider, provider_method_id, provider_setup_id, asked_method, type, brand,"       \
    " last4, exp_month, exp_year, country, funding, wallet, fingerprint, mandate, is_default, wants_default,"          \
    " metadata, return_url, client_secret, next_action, next_action_url, failure_class, failure_code,"                 \
    " failure_message, remembered_until, created_by, created_at, updated_at"

const char *const method_status_names[] = { "pending", "requires_action", "processing", "active", "failed", "detached",
    NULL };

static const struct field columns[] = {
    FIELD(struct method, id),
    FIELD(struct method, mode, .names = mode_names),
    FIELD(struct method, customer_id),
    FIELD(struct method, status, .names = method_status_names),
    FIELD(struct method, provider),
    FIELD(struct method, provider_method_id),
    FIELD(struct method, provider_setup_id),
    FIELD(struct method, asked_method),
    FIELD(struct method, type),
    FIELD(struct method, brand),
    FIELD(struct method, last4),
    FIELD(struct method, exp_month),
    FIELD(struct method, exp_year),
    FIELD(struct method, country),
    FIELD(struct method, funding),
    FIELD(struct method, wallet),
    FIELD(struct method, fingerprint),
    FIELD(struct method, mandate),
    FIELD(struct method, is_default),
    FIELD(struct method, wants_default),
    FIELD(struct method, metadata),
    FIELD(struct method, return_url),
    FIELD(struct method, client_secret),
    FIELD(struct method, next_action),
    FIELD(struct method, next_action_url),
    FIELD(struct method, failure_class),
    FIELD(struct method, failure_code),
    FIELD(struct method, failure_message),
    FIELD(struct method, remembered_until),
    FIELD(struct method, created_by),
    FIELD(struct method, created_at),
    FIELD(struct method, updated_at),
    FIELD_END,
};

#define BY_ID                                                                                                          \
    " WHERE id = (SELECT id FROM payment_methods WHERE id = $1"                                                        \
    "             UNION SELECT id FROM payment_methods WHERE provider = $2 AND provider_method_id = $1 LIMIT 1)"       \
    "   AND customer_id IS NOT DISTINCT FROM coalesce($3, customer_id)"

static struct error *find(struct ctx *ctx, const struct sql *sql, const char *id, struct method *out)
{
    struct error *error =
        db_one(ctx, sql, PARAMS(P(id), P(provider_list()[0]->name), P(ctx->principal.customer_id)), columns, out);

    return error && error->code == E_NOT_FOUND ? error_new(ctx, E_NOT_FOUND, "There is no such payment method.")
                                               : error;
}

struct error *method_row(struct ctx *ctx, const char *id, struct method *out)
{
    SQL(get, "SELECT " COLUMNS " FROM payment_methods" BY_ID);

    return find(ctx, &get, id, out);
}

struct error *method_lock(struct ctx *ctx, const char *id, struct method *out)
{
    SQL(lock, "SELECT " COLUMNS " FROM payment_methods" BY_ID " FOR UPDATE");

    return find(ctx, &lock, id, out);
}

struct error *method_by_reference(struct ctx *ctx, const char *provider, const char *reference, struct method *out,
    bool *found)
{
    SQL(get, "SELECT " COLUMNS " FROM payment_methods WHERE provider = $1 AND provider_method_id = $2");

    return db_maybe(ctx, &get, PARAMS(P(provider), P(reference)), columns, out, found);
}

struct error *method_by_setup(struct ctx *ctx, const char *provider, const char *reference, struct method *out,
    bool *found)
{
    SQL(get, "SELECT " COLUMNS " FROM payment_methods WHERE provider = $1 AND provider_setup_id = $2");

    return db_maybe(ctx, &get, PARAMS(P(provider), P(reference)), columns, out, found);
}

struct error *method_by_mandate(struct ctx *ctx, const char *provider, const char *reference, struct method *out,
    bool *found)
{
    SQL(get,
        "SELECT " COLUMNS " FROM payment_methods WHERE provider = $1 AND mandate = $2 AND status <> 'detached'"
        " ORDER BY id DESC LIMIT 1");

    return db_maybe(ctx, &get, PARAMS(P(provider), P(reference)), columns, out, found);
}

struct error *method_insert(struct ctx *ctx, const struct method *method)
{
    SQL(insert,
        "INSERT INTO payment_methods (id, mode, customer_id, status, provider, provider_method_id, asked_method, type,"
        " brand, last4, exp_month, exp_year, country, funding, wallet, fingerprint, mandate, wants_default, metadata,"
        " return_url, remembered_until, created_by, created_at, updated_at)"
        "VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, nullif($11::int, 0), nullif($12::int, 0), $13, $14, $15,"
        " $16, $17, $18, coalesce($19::jsonb, '{}'), $20, $21, $22, $23, $23)");

    return db_exec(ctx, &insert,
        PARAMS(P(method->id), P(mode_names[method->mode]), P(method->customer_id),
            P(method_status_names[method->status]), P(method->provider), P(method->provider_method_id),
            P(method->asked_method), P(method->type), P(method->brand), P(method->last4), P(method->exp_month),
            P(method->exp_year), P(method->country), P(method->funding), P(method->wallet), P(method->fingerprint),
            P(method->mandate), P(method->wants_default), P(method->metadata), P(method->return_url),
            P(method->remembered_until), P(method->created_by), P(method->created_at)),
        NULL);
}

struct error *method_update(struct ctx *ctx, struct method *method)
{
    SQL(update,
        "UPDATE payment_methods SET status = $2, provider_method_id = $3, provider_setup_id = $4, type = $5,"
        " brand = $6, last4 = $7, exp_month = nullif($8::int, 0), exp_year = nullif($9::int, 0), country = $10,"
        " funding = $11, wallet = $12, fingerprint = $13, mandate = $14, is_default = $15, metadata = $16,"
        " client_secret = $17, next_action = $18, next_action_url = $19, failure_class = $20, failure_code = $21,"
        " failure_message = $22, remembered_until = $23, updated_at = $24"
        " WHERE id = $1");

    method->updated_at = ctx->now;
    return db_exec(ctx, &update,
        PARAMS(P(method->id), P(method_status_names[method->status]), P(method->provider_method_id),
            P(method->provider_setup_id), P(method->type), P(method->brand), P(method->last4), P(method->exp_month),
            P(method->exp_year), P(method->country), P(method->funding), P(method->wallet), P(method->fingerprint),
            P(method->mandate), P(method->is_default), P(method->metadata), P(method->client_secret),
            P(method->next_action), P(method->next_action_url), P(method->failure_class), P(method->failure_code),
            P(method->failure_message), P(method->remembered_until), P(method->updated_at)),
        NULL);
}

struct error *method_rows(struct ctx *ctx, const struct method_filter *filter, struct field_list *out)
{
    SQL(list,
        "SELECT " COLUMNS " FROM payment_methods"
        " WHERE ($1::text IS NULL OR customer_id = (SELECT id FROM customers WHERE id = $1"
        "           UNION SELECT customer_id FROM customer_accounts WHERE reference = $1 LIMIT 1))"
        "   AND ($2::text IS NULL OR type = $2) AND ($3::text IS NULL OR status = $3)"
        "   AND ($4::text IS NULL OR id < $4) AND ($5::text IS NULL OR customer_id = $5)"
        " ORDER BY id DESC LIMIT $6");

    return db_list(ctx, &list,
        PARAMS(P(filter->customer_id), P(filter->type),
            P(filter->of_status ? method_status_names[filter->status] : (const char *)NULL), P(filter->cursor),
            P(ctx->principal.customer_id), P(filter->limit)),
        columns, sizeof(struct method), out);
}

struct error *method_preferred(struct ctx *ctx, const char *customer_id, struct method *out, bool *found)
{
    SQL(preferred,
        "SELECT " COLUMNS " FROM payment_methods"
        " WHERE customer_id = $1 AND status = 'active' AND (is_default OR remembered_until > $2)"
        " ORDER BY is_default DESC, remembered_until DESC NULLS LAST, id DESC LIMIT 1");

    return db_maybe(ctx, &preferred, PARAMS(P(customer_id), P(ctx->now)), columns, out, found);
}

struct error *method_clear_default(struct ctx *ctx, const char *customer_id)
{
    SQL(lock_customer, "SELECT id FROM customers WHERE id = $1 FOR UPDATE");
    SQL(clear, "UPDATE payment_methods SET is_default = false WHERE customer_id = $1 AND is_default");

    TRY(db_exec(ctx, &lock_customer, PARAMS(P(customer_id)), NULL));
    return db_exec(ctx, &clear, PARAMS(P(customer_id)), NULL);
}
