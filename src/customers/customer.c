#include "customers/customer.h"

#include <ctype.h>
#include <string.h>

#include "access/idempotency.h"
#include "base/arena.h"
#include "base/crypto.h"
#include "base/ctx.h"
#include "base/id.h"
#include "customers/customer_store.h"
#include "db/db.h"
#include "events/audit.h"
#include "provider/provider.h"

static const char *place(struct ctx *ctx, const char *column, const char *id)
{
    return arena_printf(ctx->arena, "customer_persons.%s:%s", column, id);
}

static struct bytes seal_text(struct ctx *ctx, const char *column, const char *id, const char *text)
{
    return text ? seal(ctx, place(ctx, column, id), bytes_of(text)) : (struct bytes){ 0 };
}

static struct error *unseal_text(struct ctx *ctx, const char *column, const char *id, struct bytes sealed,
    const char **out)
{
    struct bytes plain;

    *out = NULL;
    if (!sealed.data)
        return NULL;
    TRY(unseal(ctx, place(ctx, column, id), sealed, &plain));
    *out = arena_strndup(ctx->arena, (const char *)plain.data, plain.length);
    return NULL;
}

/* An address is found again by a keyed hash of its usual form; the address itself is nowhere in the clear. */
static struct bytes email_index(struct ctx *ctx, const char *email)
{
    uint8_t key[32], *hash;
    char *usual;

    if (!email)
        return (struct bytes){ 0 };
    usual = arena_strdup(ctx->arena, email);
    for (char *letter = usual; *letter; letter++)
        *letter = (char)tolower((unsigned char)*letter);
    hash = arena_alloc(ctx->arena, 32);
    keyring_derive(ctx->config->keyring, "index", key);
    hmac_sha256((struct bytes){ key, sizeof key }, bytes_of(usual), hash);
    wipe(key, sizeof key);
    return (struct bytes){ hash, 32 };
}

static struct error *open_row(struct ctx *ctx, const struct customer_row *row, struct customer *out)
{
    *out = (struct customer){
        .id = row->id,
        .mode = row->mode,
        .reference = row->reference,
        .metadata = row->metadata,
        .created_at = row->created_at,
        .updated_at = row->updated_at,
    };
    TRY(unseal_text(ctx, "email", row->id, row->email, &out->email));
    return unseal_text(ctx, "name", row->id, row->name, &out->name);
}

static struct error *insert(struct ctx *ctx, const struct customer_row *row, const struct customer_details *details,
    bool *inserted)
{
    TRY(idempotency_take(ctx, row->id));
    TRY(customer_row_insert(ctx, row, email_index(ctx, details->email), inserted));
    return *inserted ? audit_add(ctx, "customer.created", row->id, NULL) : NULL;
}

/* The first run of a key made the customer, or found that its reference was known. */
static struct error *taken_over(struct ctx *ctx, const struct customer_details *details, struct customer *out)
{
    struct customer_row row = { 0 };
    bool found = false;

    TRY(IN_TX(ctx, idempotency_take(ctx, ctx->idempotency->resource)));
    if (details->reference)
        TRY(customer_row_by_reference(ctx, details->reference, &row, &found));
    return found ? open_row(ctx, &row, out) : customer_get(ctx, ctx->idempotency->resource, out);
}

struct error *customer_create(struct ctx *ctx, const struct customer_details *details, struct customer *out,
    bool *existed)
{
    const char *id = id_new(ctx, "cust");
    struct customer_row row = {
        .id = id,
        .mode = ctx->config->mode,
        .reference = details->reference,
        .metadata = details->metadata ? details->metadata : json_in(ctx->arena, json_object()),
        .email = seal_text(ctx, "email", id, details->email),
        .name = seal_text(ctx, "name", id, details->name),
        .created_at = ctx->now,
        .updated_at = ctx->now,
    };
    bool inserted = false, found;

    *existed = false;
    if (idempotency_is_taken_over(ctx))
        return taken_over(ctx, details, out);
    TRY(IN_TX(ctx, insert(ctx, &row, details, &inserted)));
    *existed = !inserted;
    if (!inserted)
        TRY(customer_row_by_reference(ctx, details->reference, &row, &found));
    return open_row(ctx, &row, out);
}

struct error *customer_get(struct ctx *ctx, const char *id, struct customer *out)
{
    struct customer_row row;

    TRY(customer_row_get(ctx, id, &row));
    return open_row(ctx, &row, out);
}

struct error *customer_list(struct ctx *ctx, const char *reference, const char *email, const char *cursor,
    int64_t limit, struct field_list *out)
{
    struct field_list rows;

    TRY(customer_row_list(ctx, reference, email_index(ctx, email), cursor, limit, &rows));
    out->count = rows.count;
    out->items = arena_array(ctx->arena, rows.count + 1, sizeof(struct customer));
    for (size_t i = 0; i < rows.count; i++)
        TRY(open_row(ctx, (const struct customer_row *)rows.items + i, (struct customer *)out->items + i));
    return NULL;
}

struct error *customer_resolve(struct ctx *ctx, const char *id, const char **out)
{
    struct customer_row row;
    struct error *error = customer_row_get(ctx, id, &row);

    if (error && error->code == E_NOT_FOUND) {
        error = NULL;
        error_add_field(ctx, &error, "#/customer_id", "there is no such customer");
    }
    TRY(error);
    *out = row.id;
    return NULL;
}

struct error *customer_of_principal(struct ctx *ctx, const char **out)
{
    struct idempotency *key = ctx->idempotency;
    struct error *error;
    struct customer customer;
    bool existed;

    *out = NULL;
    if (ctx->principal.kind != PRINCIPAL_CUSTOMER || !ctx->principal.reference)
        return NULL;
    if (!customer_get(ctx, ctx->principal.customer_id, &customer)) {
        *out = customer.id;
        return NULL;
    }
    ctx->idempotency = NULL; // it is that of what he asks for, not of making him known
    error =
        customer_create(ctx, &(struct customer_details){ .reference = ctx->principal.reference }, &customer, &existed);
    ctx->idempotency = key;
    TRY(error);
    *out = ctx->principal.customer_id = customer.id;
    return NULL;
}

struct error *customer_account(struct ctx *ctx, const char *customer_id, const char *provider, const char **reference)
{
    struct customer customer;

    TRY(customer_account_get(ctx, customer_id, provider, reference));
    if (*reference)
        return NULL;
    TRY(customer_get(ctx, customer_id, &customer));
    TRY(provider_named(provider)->create_customer(ctx,
        &(struct customer_request){
            .customer_id = customer.id,
            .key = arena_printf(ctx->arena, "cust:%s:create", customer.id),
            .email = customer.email,
            .name = customer.name,
        },
        reference));
    return customer_account_put(ctx, customer_id, provider, reference);
}
