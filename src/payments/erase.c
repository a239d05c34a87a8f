#include "payments/erase.h"

#include "access/idempotency.h"
#include "base/arena.h"
#include "base/ctx.h"
#include "base/failpoint.h"
#include "base/id.h"
#include "base/log.h"
#include "customers/customer_store.h"
#include "customers/customer_view.h"
#include "customers/method.h"
#include "customers/method_view.h"
#include "db/db.h"
#include "events/audit.h"
#include "events/event.h"
#include "jobs/job.h"
#include "payments/checkout.h"
#include "payments/checkout_view.h"
#include "payments/dispute.h"
#include "payments/dispute_store.h"
#include "payments/erase_store.h"
#include "payments/mirror.h"
#include "payments/mirror_store.h"
#include "payments/payment.h"
#include "payments/payment_store.h"
#include "payments/payment_view.h"
#include "payments/refund.h"
#include "payments/refund_store.h"
#include "payments/refund_view.h"
#include "provider/provider.h"

#define AT_MOST 100000
#define FIRST_LOOK 10

const char *const erase_basis_names[] = { "request", "retention", "other", NULL };

/* Erasing ----------------------------------------------------------------------------------------------------------- */

/* What only waits for the payer is given up; what cannot be is found by the check that follows. */
static struct error *give_up_waiting(struct ctx *ctx, const char *customer_id)
{
    struct field_list waiting;

    TRY(erase_list_waiting(ctx, customer_id, &waiting));
    for (size_t i = 0; i < waiting.count; i++) {
        const char *id = ((const struct erase_item *)waiting.items)[i].id;
        struct checkout session;
        struct payment payment;
        struct error *error = id_is(id, "pay") ? payment_cancel(ctx, id, "customer_erased", &payment)
                                               : checkout_close(ctx, id, CHECKOUT_CANCELLED, &session);
        if (error && error_status(error->code) >= 500)
            return error;
    }
    return NULL;
}

static struct error *forget(struct ctx *ctx, const char *id, enum erase_basis basis, bool *done)
{
    struct customer_row row;
    bool blocked;

    TRY(customer_row_lock(ctx, id, &row));
    *done = instant_is_set(row.erased_at);
    if (*done)
        return NULL;
    TRY(erase_is_blocked(ctx, row.id, &blocked));
    if (blocked)
        return error_new(ctx, E_CONFLICT,
            "A payment of this customer is under way, held or contested; erase when it has come to its end.");
    TRY(person_row_destroy(ctx, row.id));
    row.reference = NULL;
    row.metadata = json_in(ctx->arena, json_object());
    row.erased_at = ctx->now;
    TRY(customer_row_update(ctx, &row));
    TRY(erase_texts(ctx, row.id));
    TRY(erase_methods(ctx, row.id));
    json_t *details = json_in(ctx->arena, json_pack("{ss}", "basis", erase_basis_names[basis]));
    TRY(audit_add(ctx, "customer.erased", row.id, details));
    TRY(event_add(ctx, "customer.erased", row.id,
        json_in(ctx->arena, json_pack("{ss, ss}", "id", row.id, "basis", erase_basis_names[basis]))));
    return job_add_later(ctx, "customer.erase", row.id, FIRST_LOOK);
}

static struct error *forget_there(struct ctx *ctx, const char *customer_id)
{
    for (const struct provider *const *place = provider_list(); *place; place++) {
        const char *reference;
        TRY(customer_account_get(ctx, customer_id, (*place)->name, &reference));
        if (reference)
            TRY((*place)->delete_customer(ctx, reference));
    }
    return IN_TX(ctx, job_done(ctx, "customer.erase", customer_id));
}

struct error *customer_erase(struct ctx *ctx, const char *id, enum erase_basis basis, struct customer *out)
{
    bool done = false;

    TRY(customer_get(ctx, id, out));
    if (!instant_is_set(out->erased_at))
        TRY(give_up_waiting(ctx, out->id));
    TRY(IN_TX(ctx, forget(ctx, out->id, basis, &done)));
    failpoint("erase", "after_t1");
    struct error *error = done ? NULL : forget_there(ctx, out->id);
    if (error) // it is on record, and the job tells the provider
        log_warn(ctx, "customer.erase", "%s: %s", out->id, error->cause ? error->cause : error->detail);
    return customer_get(ctx, out->id, out);
}

struct error *customer_erase_task(struct ctx *ctx, const struct job *job)
{
    struct customer customer;

    TRY(customer_get(ctx, job->subject, &customer));
    return instant_is_set(customer.erased_at) ? forget_there(ctx, customer.id) : NULL;
}

/* Exporting --------------------------------------------------------------------------------------------------------- */

const struct field customer_data_shown[] = {
    FIELD_STRUCT(struct customer_data, customer, struct customer, customer_shown),
    FIELD_LIST_OF(struct customer_data, payment_methods, struct method_shown, method_shown),
    FIELD_LIST_OF(struct customer_data, payments, struct payment_view, payment_shown),
    FIELD_LIST_OF(struct customer_data, refunds, struct refund, refund_shown),
    FIELD_LIST_OF(struct customer_data, disputes, struct dispute, dispute_shown),
    FIELD_LIST_OF(struct customer_data, checkout_sessions, struct checkout_view, checkout_shown),
    FIELD_LIST_OF(struct customer_data, subscriptions, struct subscription, subscription_shown),
    FIELD_LIST_OF(struct customer_data, invoices, struct invoice, invoice_shown),
    FIELD_END,
};

static struct error *export_methods(struct ctx *ctx, const char *id, struct field_list *out)
{
    struct method_filter filter = { .limit = AT_MOST, .customer_id = id };
    struct field_list rows;

    TRY(method_list(ctx, &filter, &rows));
    *out = (struct field_list){ arena_array(ctx->arena, rows.count + 1, sizeof(struct method_shown)), rows.count };
    for (size_t i = 0; i < rows.count; i++)
        TRY(method_show(ctx, (const struct method *)rows.items + i, false, (struct method_shown *)out->items + i));
    return NULL;
}

static struct error *export_payments(struct ctx *ctx, const char *id, struct field_list *out)
{
    struct payment_filter filter = { .limit = AT_MOST, .customer_id = id };
    struct field_list rows;

    TRY(payment_list(ctx, &filter, &rows));
    *out = (struct field_list){ arena_array(ctx->arena, rows.count + 1, sizeof(struct payment_view)), rows.count };
    for (size_t i = 0; i < rows.count; i++)
        TRY(payment_view(ctx, (const struct payment *)rows.items + i, false, (struct payment_view *)out->items + i));
    return NULL;
}

static struct error *export_sessions(struct ctx *ctx, const char *id, struct field_list *out)
{
    struct field_list rows;

    TRY(erase_sessions(ctx, id, &rows));
    *out = (struct field_list){ arena_array(ctx->arena, rows.count + 1, sizeof(struct checkout_view)), rows.count };
    for (size_t i = 0; i < rows.count; i++) {
        struct checkout session;
        TRY(checkout_get(ctx, ((const struct erase_item *)rows.items)[i].id, &session));
        ((struct checkout_view *)out->items)[i] = checkout_view(ctx, &session);
    }
    return NULL;
}

struct error *customer_export(struct ctx *ctx, const char *id, struct customer_data *out)
{
    *out = (struct customer_data){ .customer = arena_alloc(ctx->arena, sizeof *out->customer) };
    TRY(customer_get(ctx, id, out->customer));
    id = out->customer->id;
    const struct mirror_filter mirrored = { .limit = AT_MOST, .customer_id = id };
    TRY(export_methods(ctx, id, &out->payment_methods));
    TRY(export_payments(ctx, id, &out->payments));
    TRY(export_sessions(ctx, id, &out->checkout_sessions));
    TRY(refund_of_customer(ctx, id, &out->refunds));
    TRY(dispute_of_customer(ctx, id, &out->disputes));
    TRY(subscription_rows(ctx, &mirrored, &out->subscriptions));
    TRY(invoice_rows(ctx, &mirrored, &out->invoices));
    return IN_TX(ctx, audit_add(ctx, "customer.exported", id, NULL));
}
