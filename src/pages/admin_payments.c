#include "pages/admin_payments.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "access/saved_view.h"
#include "base/arena.h"
#include "base/buf.h"
#include "base/config.h"
#include "base/ctx.h"
#include "base/id.h"
#include "customers/customer.h"
#include "db/db.h"
#include "events/audit.h"
#include "http/form.h"
#include "pages/admin.h"
#include "pages/admin_view.h"
#include "payments/payment.h"
#include "payments/search.h"
#include "provider/provider.h"
#include "web/reply.h"
#include "web/request.h"

#define PAGE 50
#define BATCH 1000
#define DAY 86400
#define HERE "/admin/payments"

static const char page_name[] = "admin/payments";
static const char title[] = "Payments";
static const char screen[] = "payments";

/* Filters, as they stand in the address ---------------------------------------------------------------------------- */

static const char *const names[] = { "q", "status", "refunded", "disputed", "currency", "provider", "method", "last4",
    "customer", "reference", "amount_from", "amount_to", "from", "to", "mode", "risk" };
enum {
    Q,
    STATUS,
    REFUNDED,
    DISPUTED,
    CURRENCY,
    PROVIDER,
    METHOD,
    LAST4,
    CUSTOMER,
    REFERENCE,
    AMOUNT_FROM,
    AMOUNT_TO,
    FROM,
    TO,
    MODE,
    RISK,
    FILTERS
};

struct filters {
    const char *values[FILTERS]; // as typed; NULL for what is empty or missing
    struct search_terms terms;
    struct search_text said;
    struct error *error; // what is wrong with them
};

static const char *value_of(struct request *r, const char *name)
{
    const char *value = request_query(r, name);

    return value && *value ? value : NULL;
}

static const char *upper(struct ctx *ctx, const char *text)
{
    char *copy = text ? arena_strdup(ctx->arena, text) : NULL;

    for (char *letter = copy; letter && *letter; letter++)
        *letter = (char)toupper((unsigned char)*letter);
    return copy;
}

static struct instant day_of(struct request *r, struct filters *filters, int place, int64_t more)
{
    const char *text = filters->values[place];
    struct instant day = { 0 };
    bool is_day = text && strlen(text) == 10 && instant_parse(arena_printf(r->ctx->arena, "%sT00:00:00Z", text), &day)
        && day.us >= 0;

    if (!is_day && text)
        error_add_field(r->ctx, &filters->error, arena_printf(r->ctx->arena, "query:%s", names[place]),
            "must be a day like 2026-11-21");
    return is_day ? instant_add_seconds(day, more) : (struct instant){ 0 };
}

static void read_terms(struct request *r, struct filters *filters)
{
    const char *const *values = filters->values;

    filters->terms = (struct search_terms){
        .status = values[STATUS],
        .refunded = values[REFUNDED],
        .disputed = values[DISPUTED],
        .currency = upper(r->ctx, values[CURRENCY]),
        .provider = values[PROVIDER],
        .mode = values[MODE],
        .method = values[METHOD],
        .last4 = values[LAST4],
        .risk = values[RISK],
        .customer_id = values[CUSTOMER],
        .reference = values[REFERENCE],
        .amount_from = values[AMOUNT_FROM],
        .amount_to = values[AMOUNT_TO],
        .since = day_of(r, filters, FROM, 0),
        .until = day_of(r, filters, TO, DAY),
    };
    search_check(r->ctx, &filters->terms, &filters->error);
}

static struct error *read_filters(struct request *r, struct filters *out)
{
    *out = (struct filters){ 0 };
    for (int i = 0; i < FILTERS; i++)
        out->values[i] = value_of(r, names[i]);
    read_terms(r, out);
    return out->error ? NULL : search_read(r->ctx, out->values[Q], &out->terms, &out->said);
}

/* The filters as a query, with one name changed or added where `name` is not NULL. */
static const char *query_with(struct ctx *ctx, const struct filters *filters, const char *name, const char *value)
{
    struct buf query = { .arena = ctx->arena };

    for (int i = 0; i < FILTERS; i++)
        if (filters->values[i] && (!name || strcmp(names[i], name)))
            form_add(&query, names[i], "%s", filters->values[i]);
    if (name && value)
        form_add(&query, name, "%s", value);
    return buf_string(&query);
}

static const char *link_with(struct ctx *ctx, const struct filters *filters, const char *name, const char *value)
{
    const char *query = query_with(ctx, filters, name, value);

    return *query ? arena_printf(ctx->arena, HERE "?%s", query) : HERE;
}

/* The view ----------------------------------------------------------------------------------------------------------- */

static const char *method_word(struct ctx *ctx, const struct found_payment *found)
{
    const char *kind = found->method_brand ? found->method_brand : found->method_type;

    if (!kind)
        return NULL;
    return found->method_last4 ? arena_printf(ctx->arena, "%s •••• %s", view_words(ctx, kind), found->method_last4)
                               : view_words(ctx, kind);
}

/* Enough of an id to tell rows apart. */
static const char *tail_of(const char *id)
{
    size_t length = strlen(id);

    return length > 6 ? id + length - 6 : id;
}

static json_t *row_of(struct ctx *ctx, const struct found_payment *found)
{
    const char *customer = found->customer_reference ? found->customer_reference : found->customer_id;
    const struct payment like = { .status = (enum payment_status)found->status,
        .refund_state = found->refund_state,
        .amount_refunding = found->amount_refunding,
        .dispute_state = found->dispute_state,
        .risk_level = found->risk_level };

    return json_pack("{ss, ss, ss, so, ss?, so, so, so, so, ss?, ss, ss?, ss?}", "id", found->id, "tail",
        tail_of(found->id), "link", arena_printf(ctx->arena, HERE "/%s", found->id), "time",
        view_time(ctx, found->created_at), "customer", customer, "customer_link",
        found->customer_id ? json_string(arena_printf(ctx->arena, "/admin/customers/%s", found->customer_id))
                           : json_null(),
        "amount", view_money(ctx, found->amount), "badge", view_payment_badge(ctx, &like), "more",
        view_payment_more(ctx, &like), "method", method_word(ctx, found), "provider", view_words(ctx, found->provider),
        "reference", found->reference, "description", found->description);
}

static json_t *rows_of(struct ctx *ctx, const struct search_page *page)
{
    const struct found_payment *found = page->payments.items;
    json_t *rows = json_array();

    for (size_t i = 0; i < page->payments.count; i++)
        json_array_append_new(rows, row_of(ctx, &found[i]));
    return rows;
}

/* value, word: pairs that end with NULL. */
static json_t *choices(const char *const (*list)[2], const char *selected)
{
    json_t *options = json_array();

    for (; (*list)[0]; list++)
        json_array_append_new(options,
            json_pack("{ss, ss, sb}", "value", (*list)[0], "word", (*list)[1], "selected",
                selected && !strcmp((*list)[0], selected)));
    return options;
}

static json_t *providers(struct ctx *ctx, const char *selected)
{
    json_t *options = json_array();

    for (const struct provider *const *place = provider_list(); *place; place++)
        json_array_append_new(options,
            json_pack("{ss, ss, sb}", "value", (*place)->name, "word", view_words(ctx, (*place)->name), "selected",
                selected && !strcmp((*place)->name, selected)));
    return options;
}

static void add_choices(struct ctx *ctx, json_t *view, const char *const *values)
{
    static const char *const statuses[][2] = { { "created", "Not paid yet" },
        { "requires_action", "Waits for the payer" }, { "processing", "Processing" }, { "unknown", "Outcome unknown" },
        { "authorized", "Authorized" }, { "succeeded", "Succeeded" }, { "failed", "Failed" },
        { "cancelled", "Cancelled" }, { NULL, NULL } };
    static const char *const refunded[][2] = { { "any", "Any refund" }, { "pending", "On its way" },
        { "partial", "In part" }, { "full", "In full" }, { NULL, NULL } };
    static const char *const disputed[][2] = { { "any", "Any dispute" }, { "inquiry", "Inquiry" }, { "open", "Open" },
        { "won", "Won" }, { "lost", "Lost" }, { NULL, NULL } };
    static const char *const methods[][2] = { { "card", "Any card" }, { "visa", "Visa" },
        { "mastercard", "Mastercard" }, { "amex", "American Express" }, { "paypal", "PayPal" },
        { "sepa_debit", "SEPA debit" }, { "us_bank_account", "ACH debit" }, { "crypto", "Crypto" }, { NULL, NULL } };
    static const char *const risks[][2] = { { "normal", "Normal" }, { "elevated", "Elevated" },
        { "highest", "Highest" }, { NULL, NULL } };
    static const char *const modes[][2] = { { "test", "Test" }, { "live", "Live" }, { NULL, NULL } };

    json_object_set_new(view, "statuses", choices(statuses, values[STATUS]));
    json_object_set_new(view, "refund_states", choices(refunded, values[REFUNDED]));
    json_object_set_new(view, "dispute_states", choices(disputed, values[DISPUTED]));
    json_object_set_new(view, "methods", choices(methods, values[METHOD]));
    json_object_set_new(view, "modes", choices(modes, values[MODE]));
    json_object_set_new(view, "risks", choices(risks, values[RISK]));
    json_object_set_new(view, "providers", providers(ctx, values[PROVIDER]));
}

/* What is filtered by, each with a link that takes it away. */
static json_t *chips(struct ctx *ctx, const struct filters *filters)
{
    json_t *list = json_array();

    for (int i = Q + 1; i < FILTERS; i++)
        if (filters->values[i])
            json_array_append_new(list,
                json_pack("{ss, ss, ss}", "word", view_words(ctx, names[i]), "value", filters->values[i], "link",
                    link_with(ctx, filters, names[i], NULL)));
    return list;
}

static json_t *persons_of(struct ctx *ctx, const struct search_text *said)
{
    const struct customer *customers = said->persons ? said->persons->items : NULL;
    json_t *list = json_array();

    for (size_t i = 0; said->persons && i < said->persons->count; i++)
        json_array_append_new(list,
            json_pack("{ss, ss}", "word", customers[i].reference ? customers[i].reference : customers[i].id, "link",
                view_link(ctx, HERE, "customer", customers[i].id, (const char *)NULL)));
    return list;
}

static struct error *add_views(struct request *r, json_t *view, const char *current)
{
    struct field_list list;
    json_t *views = json_array();

    TRY(saved_view_list(r->ctx, screen, &list));
    const struct saved_view *saved = list.items;
    for (size_t i = 0; i < list.count; i++)
        json_array_append_new(views,
            json_pack("{ss, ss, ss, sb}", "id", saved[i].id, "name", saved[i].name, "link",
                arena_printf(r->ctx->arena, HERE "?%s", saved[i].query), "current", !strcmp(saved[i].query, current)));
    json_object_set_new(view, "has_views", json_boolean(list.count > 0));
    json_object_set_new(view, "views", views);
    return NULL;
}

static void add_pager(struct ctx *ctx, json_t *view, const struct filters *filters, const struct search_page *page)
{
    const char *newer = page->newer ? link_with(ctx, filters, "before", page->newer) : NULL;
    const char *older = page->older ? link_with(ctx, filters, "after", page->older) : NULL;

    if (newer || older)
        json_object_set_new(view, "pages",
            json_pack("{ss?, ss?, ss, sb}", "newer", newer, "older", older, "first",
                link_with(ctx, filters, NULL, NULL), "cut", page->looked_until != NULL));
}

static struct error *make_view(struct request *r, const struct filters *filters, json_t **out)
{
    struct ctx *ctx = r->ctx;
    const char *query = query_with(ctx, filters, NULL, NULL);
    json_t *view = json_in(ctx->arena, json_object()), *typed = json_object();
    bool narrowed = false;

    for (int i = 0; i < FILTERS; i++) {
        json_object_set_new(typed, names[i], view_text(filters->values[i]));
        narrowed |= i > Q && filters->values[i];
    }
    json_object_set_new(view, "typed", typed);
    json_object_set_new(view, "narrowed", json_boolean(narrowed));
    json_object_set_new(view, "filtered", json_boolean(*query));
    json_object_set_new(view, "query", json_string(query));
    json_object_set_new(view, "chips", chips(ctx, filters));
    json_object_set_new(view, "note", view_text(filters->said.note));
    json_object_set_new(view, "persons", persons_of(ctx, &filters->said));
    json_object_set_new(view, "several", json_boolean(filters->said.persons != NULL));
    if (admin_may(r, "reports:read"))
        json_object_set_new(view, "export",
            json_string(*query ? arena_printf(ctx->arena, HERE "/export?%s", query) : HERE "/export"));
    add_choices(ctx, view, filters->values);
    *out = view;
    return add_views(r, view, query);
}

static const char *cursor_of(struct request *r, const char *name)
{
    const char *id = request_query(r, name);

    return id && id_is(id, "pay") ? id : NULL;
}

struct error *admin_payments(struct request *r)
{
    const char *after = cursor_of(r, "after"), *before = cursor_of(r, "before");
    struct search_page page = { 0 };
    struct filters filters;
    json_t *view;

    TRY(read_filters(r, &filters));
    if (filters.said.payment_id)
        return reply_redirect(r, 303, arena_printf(r->ctx->arena, HERE "/%s", filters.said.payment_id));
    TRY(make_view(r, &filters, &view));
    if (filters.error)
        return admin_refused(r, filters.error, page_name, title, view);
    if (!filters.said.nothing)
        TRY(search_payments(r->ctx, &filters.terms, before ? NULL : after, before, PAGE, &page));
    json_object_set_new(view, "any", json_boolean(page.payments.count > 0));
    json_object_set_new(view, "rows", rows_of(r->ctx, &page));
    add_pager(r->ctx, view, &filters, &page);
    return admin_page(r, 200, page_name, title, view);
}

/* CSV ---------------------------------------------------------------------------------------------------------------- */

struct csv_export {
    struct search_terms terms;
    bool nothing, begun;
    char after[64];
    int64_t rows;
};

static struct error *next_rows(struct ctx *ctx, void *state, struct buf *out, bool *more)
{
    struct csv_export *export = state;
    struct search_page page = { 0 };

    if (!export->begun)
        search_csv_head(out);
    if (!export->nothing)
        TRY(search_payments(ctx, &export->terms, export->begun ? export->after : NULL, NULL, BATCH, &page));
    export->begun = true;
    const struct found_payment *found = page.payments.items;
    for (size_t i = 0; i < page.payments.count; i++)
        search_csv_line(ctx, out, &found[i]);
    export->rows += (int64_t)page.payments.count;
    *more = page.older;
    if (*more)
        snprintf(export->after, sizeof export->after, "%s", page.older);
    else
        TRY(audit_add(ctx, "payments.export_finished", NULL,
            json_in(ctx->arena, json_pack("{sI}", "rows", (json_int_t) export->rows))));
    return NULL;
}

/* Which filters were used; what was typed may name a person. */
static json_t *names_of(struct ctx *ctx, const struct filters *filters)
{
    json_t *list = json_array();

    for (int i = 0; i < FILTERS; i++)
        if (filters->values[i])
            json_array_append_new(list, json_string(names[i]));
    return json_in(ctx->arena, json_pack("{so}", "filters", list));
}

struct error *admin_payments_export(struct request *r)
{
    struct csv_export *export = arena_alloc(r->ctx->arena, sizeof *export);
    struct filters filters;

    TRY(read_filters(r, &filters));
    TRY(filters.error);
    TRY(audit_add(r->ctx, "payments.exported", NULL, names_of(r->ctx, &filters)));
    export->terms = filters.terms;
    export->nothing = filters.said.nothing;
    if (filters.said.payment_id)
        export->nothing = true; // one payment has a page of its own
    reply_header(r, "Content-Disposition", "attachment; filename=\"payments-%s.csv\"",
        arena_strndup(r->ctx->arena, instant_format(r->ctx->arena, r->ctx->now, false), 10));
    return reply_stream(r, 200, "text/csv; charset=utf-8; header=present", next_rows, export);
}

/* Saved views -------------------------------------------------------------------------------------------------------- */

struct error *admin_payments_keep_view(struct request *r)
{
    const char *name = request_form_member(r, "name"), *query = request_form_member(r, "query");

    TRY(saved_view_put(r->ctx, screen, name, query));
    return admin_done(r, arena_printf(r->ctx->arena, HERE "?%s", query), "The view is saved.");
}

struct error *admin_payments_delete_view(struct request *r)
{
    TRY(saved_view_delete(r->ctx, request_path(r, "id")));
    return admin_done(r, HERE, "The view is deleted.");
}
