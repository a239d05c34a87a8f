#include "pages/admin_customers.h"

#include <string.h>

#include "base/arena.h"
#include "base/ctx.h"
#include "base/id.h"
#include "customers/customer.h"
#include "customers/customer_store.h"
#include "customers/method.h"
#include "db/db.h"
#include "events/audit.h"
#include "pages/admin.h"
#include "pages/admin_view.h"
#include "payments/erase.h"
#include "payments/mirror.h"
#include "payments/mirror_store.h"
#include "payments/payment.h"
#include "payments/payment_store.h"
#include "provider/provider.h"
#include "web/reply.h"
#include "web/request.h"

#define PAGE 25
#define PAYMENTS 20
#define METHODS 20

struct customers_query {
    const char *q, *cursor;
};

const struct field admin_customers_query[] = {
    FIELD(struct customers_query, q, .optional = true, .max = 254,
        .summary = "An id, the merchant's own id of the user, or an e-mail address"),
    FIELD_CURSOR(struct customers_query, "cust"),
    FIELD_END,
};

static const char *name_or_id(struct ctx *ctx, const struct customer *customer)
{
    if (customer->name)
        return view_masked(ctx, customer->name);
    if (customer->email)
        return view_masked(ctx, customer->email);
    return customer->reference ? customer->reference : customer->id;
}

static json_t *row_view(struct ctx *ctx, const struct customer *customer)
{
    return json_pack("{ss, ss, so, so, so, so}", "id", customer->id, "label", name_or_id(ctx, customer), "name",
        view_text(view_masked(ctx, customer->name)), "email", view_text(view_masked(ctx, customer->email)), "reference",
        view_text(customer->reference), "created", view_time(ctx, customer->created_at));
}

/* What was typed may be an address, an id of ours or the provider's, or the merchant's own. */
static struct error *find(struct ctx *ctx, const struct customers_query *query, struct field_list *out)
{
    const char *q = query->q;

    if (q && !strchr(q, '@') && id_is_plausible(q)) {
        struct customer *one = arena_alloc(ctx->arena, sizeof *one);
        struct error *error = customer_get(ctx, q, one);
        if (!error) {
            *out = (struct field_list){ one, 1 };
            return NULL;
        }
        if (error->code != E_NOT_FOUND)
            return error;
    }
    return customer_list(ctx, q && !strchr(q, '@') ? q : NULL, q && strchr(q, '@') ? q : NULL, query->cursor, PAGE + 1,
        out);
}

struct error *admin_customers(struct request *r)
{
    struct ctx *ctx = r->ctx;
    struct customers_query query = { 0 };
    json_t *view = json_in(ctx->arena, json_object()), *rows = json_array();
    struct field_list customers;
    const char *next = NULL;

    json_object_set_new(view, "customers", rows);
    TRY(request_query_fields(r, admin_customers_query, &query));
    TRY(find(ctx, &query, &customers));
    const struct customer *list = customers.items;
    if (customers.count > PAGE)
        next = list[--customers.count - 1].id;
    for (size_t i = 0; i < customers.count; i++)
        json_array_append_new(rows, row_view(ctx, &list[i]));
    json_object_set_new(view, "q", view_text(query.q));
    json_object_set_new(view, "pager",
        view_pager(query.cursor ? view_link(ctx, "/admin/customers", "q", query.q, NULL) : NULL,
            next ? view_link(ctx, "/admin/customers", "q", query.q, "cursor", next, NULL) : NULL));
    if (!customers.count)
        json_object_set_new(view, "empty",
            query.q ? json_pack("{ss, ss, ss, ss}", "text", "Nobody was found.", "hint",
                "An address, a reference and an id are found when they are whole.", "link", "/admin/customers", "word",
                "All customers")
                    : json_pack("{ss, ss, so, so}", "text", "There are no customers yet.", "hint",
                        "Your application makes them with POST /api/v1/customers.", "link", json_null(), "word",
                        json_null()));
    json_object_set_new(view, "any", json_boolean(customers.count > 0));
    return admin_page(r, 200, "admin/customers", "Customers", view);
}

/* One customer ------------------------------------------------------------------------------------------------------ */

struct customer_query {
    const char *cursor; // of the payments
};

const struct field admin_customer_query[] = {
    FIELD_CURSOR(struct customer_query, "pay"),
    FIELD_END,
};

static json_t *payment_row(struct ctx *ctx, const struct payment *payment)
{
    return json_pack("{ss, so, so, so, so, so, so}", "id", payment->id, "amount", view_money(ctx, payment->amount),
        "status", view_payment_badge(ctx, payment), "more", view_payment_more(ctx, payment), "description",
        view_text(payment->description), "reference", view_text(payment->reference), "created",
        view_time(ctx, payment->created_at));
}

static struct error *add_payments(struct ctx *ctx, const char *id, const char *cursor, json_t *view)
{
    struct payment_filter filter = { .customer_id = id, .cursor = cursor, .limit = PAYMENTS + 1 };
    json_t *rows = json_array();
    struct field_list payments;
    const char *next = NULL, *address = arena_printf(ctx->arena, "/admin/customers/%s", id);

    json_object_set_new(view, "payments", rows);
    TRY(payment_list(ctx, &filter, &payments));
    const struct payment *list = payments.items;
    if (payments.count > PAYMENTS)
        next = list[--payments.count - 1].id;
    for (size_t i = 0; i < payments.count; i++)
        json_array_append_new(rows, payment_row(ctx, &list[i]));
    json_object_set_new(view, "no_payments", json_boolean(!payments.count));
    json_object_set_new(view, "pager",
        view_pager(cursor ? address : NULL, next ? view_link(ctx, address, "cursor", next, NULL) : NULL));
    return NULL;
}

static json_t *method_badge(struct ctx *ctx, const struct method *method)
{
    static const struct {
        enum tone tone;
        const char *word;
    } badges[] = {
        [METHOD_PENDING] = { TONE_MUTED, "Not kept yet" },
        [METHOD_REQUIRES_ACTION] = { TONE_INFO, "Waits for the payer" },
        [METHOD_PROCESSING] = { TONE_INFO, "Being verified" },
        [METHOD_ACTIVE] = { TONE_GOOD, "Kept" },
        [METHOD_FAILED] = { TONE_BAD, "Failed" },
        [METHOD_DETACHED] = { TONE_MUTED, "Removed" },
    };

    if (method->status == METHOD_ACTIVE && method_is_expired(ctx, method))
        return view_badge(ctx, TONE_WARN, "Expired");
    if (method->status == METHOD_ACTIVE && instant_is_set(method->remembered_until))
        return view_badge(ctx, TONE_MUTED, "Remembered");
    return view_badge(ctx, badges[method->status].tone, badges[method->status].word);
}

static json_t *method_row(struct ctx *ctx, const struct method *method)
{
    const char *kind = method->brand ? method->brand : method->type;

    return json_pack("{ss, ss, so, sb, so, ss, so}", "id", method->id, "label",
        arena_printf(ctx->arena, "%s%s%s", kind ? view_words(ctx, kind) : "Not chosen yet",
            method->last4 ? " •••• " : "", method->last4 ? method->last4 : ""),
        "state", method_badge(ctx, method), "is_default", method->is_default, "until",
        view_text(method->exp_year ? arena_printf(ctx->arena, "%02d/%d", method->exp_month, method->exp_year) : NULL),
        "provider", view_words(ctx, method->provider), "created", view_time(ctx, method->created_at));
}

static struct error *add_methods(struct ctx *ctx, const char *id, json_t *view)
{
    const struct method_filter filter = { .customer_id = id, .limit = METHODS };
    json_t *rows = json_array();
    struct field_list methods;

    json_object_set_new(view, "methods", rows);
    TRY(method_list(ctx, &filter, &methods));
    const struct method *list = methods.items;
    for (size_t i = 0; i < methods.count; i++)
        json_array_append_new(rows, method_row(ctx, &list[i]));
    json_object_set_new(view, "no_methods", json_boolean(!methods.count));
    return NULL;
}

static struct error *add_accounts(struct ctx *ctx, const char *id, json_t *view)
{
    json_t *accounts = json_array();

    json_object_set_new(view, "accounts", accounts);
    for (const struct provider *const *place = provider_list(); *place; place++) {
        const char *reference;
        TRY(customer_account_get(ctx, id, (*place)->name, &reference));
        if (reference)
            json_array_append_new(accounts,
                json_pack("{ss, ss}", "provider", view_words(ctx, (*place)->name), "reference", reference));
    }
    return NULL;
}

/* A word of the provider's for a subscription or an invoice. */
static json_t *mirrored_badge(struct ctx *ctx, const char *status)
{
    static const struct {
        const char *status;
        enum tone tone;
    } known[] = {
        { "active", TONE_GOOD },
        { "trialing", TONE_GOOD },
        { "paid", TONE_GOOD },
        { "open", TONE_INFO },
        { "incomplete", TONE_WARN },
        { "paused", TONE_WARN },
        { "past_due", TONE_BAD },
        { "unpaid", TONE_BAD },
        { "uncollectible", TONE_BAD },
    };

    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (!strcmp(known[i].status, status))
            return view_badge(ctx, known[i].tone, view_words(ctx, status));
    return view_badge(ctx, TONE_MUTED, view_words(ctx, status));
}

/* What the provider bills this customer by itself; the rest is at the provider. */
static struct error *add_mirrored(struct ctx *ctx, const char *id, json_t *view)
{
    const struct mirror_filter filter = { .limit = PAYMENTS, .customer_id = id };
    json_t *subscriptions = json_array(), *invoices = json_array();
    struct field_list rows;

    json_object_set_new(view, "subscriptions", subscriptions);
    json_object_set_new(view, "invoices", invoices);
    TRY(subscription_rows(ctx, &filter, &rows));
    const struct subscription *runs = rows.items;
    for (size_t i = 0; i < rows.count; i++)
        json_array_append_new(subscriptions,
            json_pack("{ss, so, so, so, so}", "reference", runs[i].provider_subscription_id, "state",
                mirrored_badge(ctx, runs[i].status), "until", view_time(ctx, runs[i].period_end), "ends",
                json_boolean(runs[i].cancel_at_period_end), "created", view_time(ctx, runs[i].created_at)));
    TRY(invoice_rows(ctx, &filter, &rows));
    const struct invoice *owed = rows.items;
    for (size_t i = 0; i < rows.count; i++)
        json_array_append_new(invoices,
            json_pack("{ss, so, so, so, so, so}", "reference", owed[i].provider_invoice_id, "number",
                view_text(owed[i].number), "state", mirrored_badge(ctx, owed[i].status), "amount",
                view_money(ctx, owed[i].amount_due), "left", view_money(ctx, owed[i].amount_remaining), "created",
                view_time(ctx, owed[i].created_at)));
    json_object_set_new(view, "subscribes", json_boolean(json_array_size(subscriptions) > 0));
    json_object_set_new(view, "invoiced", json_boolean(json_array_size(invoices) > 0));
    return NULL;
}

static json_t *notes(const json_t *metadata, struct ctx *ctx)
{
    json_t *list = json_array(), *value;
    const char *name;

    json_object_foreach((json_t *)(uintptr_t)metadata, name, value) json_array_append_new(list,
        json_pack("{ss, ss}", "name", name, "value",
            json_is_string(value) ? json_string_value(value) : json_text(ctx, value)));
    return list;
}

/* Also who looked at the masked page is on record. */
static struct error *customer_page(struct request *r, bool revealed)
{
    struct ctx *ctx = r->ctx;
    struct customer_query query = { 0 };
    json_t *view = json_in(ctx->arena, json_object());
    struct customer customer;

    if (!revealed)
        TRY(request_query_fields(r, admin_customer_query, &query));
    TRY(customer_get(ctx, request_path(r, "id"), &customer));
    TRY(audit_add(ctx, revealed ? "customer.revealed" : "customer.viewed", customer.id, NULL));
    json_object_set_new(view, "id", json_string(customer.id));
    json_object_set_new(view, "label",
        json_string(revealed && customer.name ? customer.name : name_or_id(ctx, &customer)));
    json_object_set_new(view, "name", view_text(revealed ? customer.name : view_masked(ctx, customer.name)));
    json_object_set_new(view, "email", view_text(revealed ? customer.email : view_masked(ctx, customer.email)));
    json_object_set_new(view, "nobody", json_boolean(!customer.name && !customer.email));
    json_object_set_new(view, "reference", view_text(customer.reference));
    json_object_set_new(view, "created", view_time(ctx, customer.created_at));
    json_object_set_new(view, "updated", view_time(ctx, customer.updated_at));
    json_object_set_new(view, "metadata", notes(customer.metadata, ctx));
    json_object_set_new(view, "revealed", json_boolean(revealed));
    json_object_set_new(view, "may_reveal",
        json_boolean(!revealed && (customer.name || customer.email) && admin_may(r, "customers:reveal")));
    json_object_set_new(view, "erased", view_time(ctx, customer.erased_at));
    json_object_set_new(view, "may_erase",
        json_boolean(!instant_is_set(customer.erased_at) && admin_may(r, "customers:erase")));
    json_object_set_new(view, "may_export", json_boolean(admin_may(r, "customers:reveal")));
    TRY(add_accounts(ctx, customer.id, view));
    TRY(add_methods(ctx, customer.id, view));
    TRY(add_payments(ctx, customer.id, query.cursor, view));
    TRY(add_mirrored(ctx, customer.id, view));
    json_object_set_new(view, "all_payments",
        json_string(view_link(ctx, "/admin/payments", "customer", customer.id, (const char *)NULL)));
    json_object_set_new(view, "failed_payments",
        json_string(
            view_link(ctx, "/admin/payments", "customer", customer.id, "status", "failed", (const char *)NULL)));
    return admin_page(r, 200, "admin/customer", "Customer", view);
}

struct error *admin_customer(struct request *r)
{
    return customer_page(r, false);
}

const struct field admin_customer_reveal_asked[] = { FIELD_END };

/* Not by GET: what is seen is on record, and a prefetch or a shared address sees nothing. */
struct error *admin_customer_reveal(struct request *r)
{
    struct customer nothing;

    TRY(request_form(r, admin_customer_reveal_asked, &nothing));
    return customer_page(r, true);
}

/* What is held of a person, for that person ------------------------------------------------------------------------- */

struct error *admin_customer_export(struct request *r)
{
    struct customer_data data;

    TRY(request_form(r, admin_customer_reveal_asked, &data));
    TRY(customer_export(r->ctx, request_path(r, "id"), &data));
    reply_header(r, "Content-Disposition", "attachment; filename=\"%s.json\"", data.customer->id);
    return reply_json(r, 200, customer_data_shown, &data);
}

/* Forgetting ---------------------------------------------------------------------------------------------------------- */

struct erase_form {
    enum erase_basis basis;
    bool sure;
};

const struct field admin_customer_erase_asked[] = {
    FIELD(struct erase_form, basis, .names = erase_basis_names),
    FIELD(struct erase_form, sure, .optional = true),
    FIELD_END,
};

static json_t *basis_options(const char *selected)
{
    static const char *const words[] = {
        [ERASE_REQUEST] = "The person asked for it",
        [ERASE_RETENTION] = "The data has been kept long enough",
        [ERASE_OTHER] = "Another reason",
    };
    json_t *options = json_array();

    for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++)
        json_array_append_new(options,
            json_pack("{ss, ss, sb}", "value", erase_basis_names[i], "word", words[i], "selected",
                selected && !strcmp(selected, erase_basis_names[i])));
    return options;
}

static struct error *erase_page(struct request *r, const struct error *refused)
{
    static const char title[] = "Forget this customer";
    struct ctx *ctx = r->ctx;
    struct customer customer;

    TRY(customer_get(ctx, request_path(r, "id"), &customer));
    json_t *view = json_in(ctx->arena,
        json_pack("{ss, ss, so}", "id", customer.id, "label", name_or_id(ctx, &customer), "bases",
            basis_options(refused ? request_form_member(r, "basis") : NULL)));
    return refused ? admin_refused(r, refused, "admin/customer-erase", title, view)
                   : admin_page(r, 200, "admin/customer-erase", title, view);
}

struct error *admin_customer_erase_page(struct request *r)
{
    return erase_page(r, NULL);
}

struct error *admin_customer_erase(struct request *r)
{
    struct erase_form form = { 0 };
    struct customer customer;
    struct error *error = request_form(r, admin_customer_erase_asked, &form);

    if (!error && !form.sure)
        error_add_field(r->ctx, &error, "#/sure", "must be ticked: this cannot be undone");
    if (!error)
        error = customer_erase(r->ctx, request_path(r, "id"), form.basis, &customer);
    if (error && error->code != E_NOT_FOUND)
        return erase_page(r, error);
    TRY(error);
    return admin_done(r, arena_printf(r->ctx->arena, "/admin/customers/%s", customer.id), "The person is forgotten.");
}
