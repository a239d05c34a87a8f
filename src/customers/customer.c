#include "customers/customer.h"

#include <string.h>

#include "access/idempotency.h"
#include "base/arena.h"
#include "base/ctx.h"
#include "base/id.h"
#include "customers/customer_store.h"
#include "customers/customer_view.h"
#include "customers/person.h"
#include "db/db.h"
#include "events/audit.h"
#include "jobs/job.h"
#include "provider/provider.h"

const struct field customer_shown[] = {
    FIELD(struct customer, id),
    FIELD(struct customer, reference),
    FIELD(struct customer, email),
    FIELD(struct customer, name),
    FIELD(struct customer, metadata, .object = true),
    FIELD(struct customer, erased_at, .omit_empty = true),
    FIELD(struct customer, created_at),
    FIELD(struct customer, updated_at),
    FIELD_END,
};

static struct error *open_row(struct ctx *ctx, const struct customer_row *row, struct customer *out)
{
    struct person person;

    *out = (struct customer){
        .id = row->id,
        .mode = row->mode,
        .reference = row->reference,
        .metadata = row->metadata,
        .erased_at = row->erased_at,
        .created_at = row->created_at,
        .updated_at = row->updated_at,
    };
    TRY(person_open(ctx, row->id, &row->person, &person));
    out->email = person.email;
    out->name = person.name;
    return NULL;
}

static struct error *insert(struct ctx *ctx, const struct customer_row *row, bool *inserted)
{
    TRY(idempotency_take(ctx, row->id));
    TRY(customer_row_insert(ctx, row, inserted));
    if (*inserted && (row->person.email.data || row->person.name.data))
        TRY(person_row_put(ctx, row->id, &row->person));
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
        .created_at = ctx->now,
        .updated_at = ctx->now,
    };
    bool inserted = false, found;

    *existed = false;
    if (idempotency_is_taken_over(ctx))
        return taken_over(ctx, details, out);
    TRY(person_seal(ctx, id, &(struct person){ details->email, details->name }, (struct bytes){ 0 }, &row.person));
    TRY(IN_TX(ctx, insert(ctx, &row, &inserted)));
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

    TRY(customer_row_list(ctx, reference, person_email_index(ctx, email), cursor, limit, &rows));
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
    if (!error && instant_is_set(row.erased_at))
        error_add_field(ctx, &error, "#/customer_id", "this customer was erased");
    TRY(error);
    *out = row.id;
    return NULL;
}

struct error *customer_of_user(struct ctx *ctx, const char *reference, const char *pointer, const char **out)
{
    const char *own = ctx->principal.kind == PRINCIPAL_CUSTOMER ? ctx->principal.reference : NULL;
    struct idempotency *key = ctx->idempotency;
    struct error *error = NULL;
    struct customer customer;
    bool existed;

    if (own && strcmp(own, reference) != 0)
        error_add_field(ctx, &error, pointer, "there is no such customer");
    TRY(error);
    ctx->idempotency = NULL; // it is that of what is asked for, not of making him known
    error = customer_create(ctx, &(struct customer_details){ .reference = reference }, &customer, &existed);
    ctx->idempotency = key;
    TRY(error);
    *out = customer.id;
    if (own)
        ctx->principal.customer_id = customer.id;
    return NULL;
}

struct error *customer_of_principal(struct ctx *ctx, const char **out)
{
    struct customer customer;

    *out = NULL;
    if (ctx->principal.kind != PRINCIPAL_CUSTOMER || !ctx->principal.reference)
        return NULL;
    if (customer_get(ctx, ctx->principal.customer_id, &customer))
        return customer_of_user(ctx, ctx->principal.reference, "#/customer_id", out);
    *out = customer.id;
    return NULL;
}

/* Changing ---------------------------------------------------------------------------------------------------------- */

static struct error *write(struct ctx *ctx, const char *id, const struct customer_details *details,
    struct customer *out)
{
    struct customer_row row;

    TRY(customer_row_lock(ctx, id, &row));
    TRY(idempotency_take(ctx, row.id));
    if (instant_is_set(row.erased_at))
        return error_new(ctx, E_INVALID_STATUS, "This customer was erased.");
    TRY(open_row(ctx, &row, out));
    struct person person = { details->email ? details->email : out->email, details->name ? details->name : out->name };
    row.reference = details->reference ? details->reference : row.reference;
    row.metadata = details->metadata ? details->metadata : row.metadata;
    struct error *error = customer_row_update(ctx, &row);
    if (error && error->constraint)
        return error_new(ctx, E_CONFLICT, "Another customer has this reference.");
    TRY(error);
    if (details->email || details->name) {
        TRY(person_seal(ctx, row.id, &person, row.person.key, &row.person));
        TRY(person_row_put(ctx, row.id, &row.person));
        TRY(job_add(ctx, "customer.tell", row.id));
    }
    TRY(audit_add(ctx, "customer.updated", row.id,
        json_in(ctx->arena,
            json_pack("{sb, sb, sb, sb}", "email", details->email != NULL, "name", details->name != NULL, "reference",
                details->reference != NULL, "metadata", details->metadata != NULL))));
    return customer_get(ctx, row.id, out);
}

struct error *customer_change(struct ctx *ctx, const char *id, const struct customer_details *details,
    struct customer *out)
{
    return IN_TX(ctx, write(ctx, id, details, out));
}

/* What changed is told the provider, who knows the person too. */
struct error *customer_tell_task(struct ctx *ctx, const struct job *job)
{
    const char *provider = provider_list()[0]->name, *reference;
    struct customer customer;

    TRY(customer_get(ctx, job->subject, &customer));
    TRY(customer_account_get(ctx, customer.id, provider, &reference));
    if (!reference || instant_is_set(customer.erased_at))
        return NULL;
    return provider_named(provider)->update_customer(ctx, reference,
        &(struct customer_request){
            .customer_id = customer.id,
            .key = arena_printf(ctx->arena, "cust:%s:update:%s", customer.id, id_new(ctx, "try")),
            .email = customer.email,
            .name = customer.name,
        });
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
