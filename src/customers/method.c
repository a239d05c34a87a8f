#include "customers/method.h"

#include <assert.h>
#include <string.h>
#include <time.h>

#include "access/idempotency.h"
#include "base/arena.h"
#include "base/crypto.h"
#include "base/ctx.h"
#include "base/failpoint.h"
#include "base/id.h"
#include "base/log.h"
#include "customers/customer.h"
#include "customers/method_store.h"
#include "customers/method_view.h"
#include "db/db.h"
#include "events/audit.h"
#include "events/event.h"
#include "http/breaker.h"
#include "jobs/job.h"
#include "provider/provider.h"

#define FIRST_LOOK 10
#define DAY 86400
#define WAITING_SECONDS DAY          // for the payer's browser
#define VERIFYING_SECONDS (14 * DAY) // of a bank account, by small deposits

struct error *method_client_secret(struct ctx *ctx, const struct method *method, const char **out)
{
    struct bytes plain;

    *out = NULL;
    if (!method->client_secret.data)
        return NULL;
    TRY(unseal(ctx, arena_printf(ctx->arena, "payment_methods.client_secret:%s", method->id), method->client_secret,
        &plain));
    *out = arena_strndup(ctx->arena, (const char *)plain.data, plain.length);
    return NULL;
}

bool method_is_expired(struct ctx *ctx, const struct method *method)
{
    time_t now = (time_t)instant_to_unix(ctx->now);
    struct tm date;

    if (!method->exp_year || !gmtime_r(&now, &date))
        return false;
    int year = date.tm_year + 1900, month = date.tm_mon + 1;
    return method->exp_year < year || (method->exp_year == year && method->exp_month < month);
}

static const struct provider *provider_of(const struct method *method)
{
    const struct provider *provider = provider_named(method->provider);

    assert(provider); // a row names a provider that this program was built without
    return provider;
}

static bool is_waiting(const struct method *method)
{
    return method->status == METHOD_PENDING || method->status == METHOD_REQUIRES_ACTION
        || method->status == METHOD_PROCESSING;
}

/* Telling ----------------------------------------------------------------------------------------------------------- */

static struct error *note(struct ctx *ctx, const struct method *method, const char *what)
{
    const char *name = arena_printf(ctx->arena, "payment_method.%s", what);
    json_t *object;

    TRY(audit_add(ctx, name, method->id,
        json_in(ctx->arena,
            json_pack("{ss, ss*, ss*}", "customer", method->customer_id, "reference", method->provider_method_id,
                "failure", method->failure_code))));
    TRY(method_json(ctx, method, &object));
    return event_add(ctx, name, method->id, object);
}

/* Recording what the provider says ------------------------------------------------------------------------------------ */

/* The same card has the same mark at the provider; ours cannot be taken there to find whose it is. */
static struct bytes fingerprint_of(struct ctx *ctx, const char *fingerprint)
{
    uint8_t key[32], *hash;

    if (!fingerprint)
        return (struct bytes){ 0 };
    hash = arena_alloc(ctx->arena, 32);
    keyring_derive(ctx->config->keyring, "index", key);
    hmac_sha256((struct bytes){ key, sizeof key }, bytes_of(fingerprint), hash);
    wipe(key, sizeof key);
    return (struct bytes){ hash, 32 };
}

static void copy_view(struct ctx *ctx, struct method *method, const struct method_view *view)
{
    if (!view->type)
        return;
    method->provider_method_id = view->id ? view->id : method->provider_method_id;
    method->type = view->type;
    method->brand = view->brand;
    method->last4 = view->last4;
    method->exp_month = view->exp_month;
    method->exp_year = view->exp_year;
    method->country = view->country;
    method->funding = view->funding;
    method->wallet = view->wallet;
    method->fingerprint = fingerprint_of(ctx, view->fingerprint);
}

static enum method_status told_status(const struct method *method, const struct setup_view *setup)
{
    switch (setup->state) {
    case PROVIDER_STATE_WAITING:
        return setup->decline.kind != DECLINE_NONE && method->asked_method ? METHOD_FAILED : METHOD_PENDING;
    case PROVIDER_STATE_ACTION:
        return METHOD_REQUIRES_ACTION;
    case PROVIDER_STATE_PENDING:
    case PROVIDER_STATE_AUTHORIZED:
        return METHOD_PROCESSING;
    case PROVIDER_STATE_SUCCEEDED:
        return METHOD_ACTIVE;
    case PROVIDER_STATE_CANCELLED:
        return METHOD_DETACHED;
    }
    return method->status;
}

static void copy_failure(struct method *method, const struct decline *decline)
{
    bool failed = decline->kind != DECLINE_NONE;

    method->failure_class = failed ? decline_class_names[decline->kind] : NULL;
    method->failure_code = failed ? decline->code : NULL;
    method->failure_message = failed ? decline_sentence(decline->kind) : NULL;
}

static struct error *become_active(struct ctx *ctx, struct method *method, const struct setup_view *setup)
{
    struct method other;
    bool found;

    copy_view(ctx, method, &setup->method);
    TRY(method_by_reference(ctx, method->provider, setup->method.id, &other, &found));
    if (found && strcmp(other.id, method->id) != 0) { // kept before, under another id of ours
        method->status = METHOD_DETACHED;
        method->provider_method_id = NULL;
        method->failure_class = "duplicate";
        return NULL;
    }
    method->mandate = setup->mandate;
    method->is_default = method->wants_default;
    return method->is_default ? method_clear_default(ctx, method->customer_id) : NULL;
}

/* The first to come counts; what was removed stays removed. */
static struct error *record(struct ctx *ctx, const char *id, const struct setup_view *setup, struct method *out)
{
    TRY(method_lock(ctx, id, out));
    enum method_status before = out->status, told = told_status(out, setup);
    bool named = !out->provider_setup_id;

    if (!is_waiting(out) && !(out->status == METHOD_FAILED && told == METHOD_ACTIVE))
        return NULL;
    out->provider_setup_id = setup->reference;
    out->status = told;
    copy_failure(out, &setup->decline);
    out->next_action = setup->next_action;
    out->next_action_url = setup->next_action_url;
    if (told == METHOD_ACTIVE)
        TRY(become_active(ctx, out, setup));
    out->client_secret = !is_waiting(out) || !setup->client_secret
        ? (struct bytes){ 0 }
        : seal(ctx, arena_printf(ctx->arena, "payment_methods.client_secret:%s", out->id),
            bytes_of(setup->client_secret));
    if (out->status == before && !named)
        return NULL;
    TRY(method_update(ctx, out));
    if (!is_waiting(out))
        TRY(job_done(ctx, "method.resolve", out->id));
    return out->status != before ? note(ctx, out, method_status_names[out->status]) : NULL;
}

static struct error *fail(struct ctx *ctx, const char *id, const struct outcome *outcome, struct method *out)
{
    TRY(method_lock(ctx, id, out));
    if (!is_waiting(out))
        return NULL;
    out->status = METHOD_FAILED;
    out->failure_class = "refused";
    out->failure_code = outcome->decline_code;
    out->failure_message = outcome->detail;
    out->client_secret = (struct bytes){ 0 };
    TRY(method_update(ctx, out));
    TRY(job_done(ctx, "method.resolve", out->id));
    return note(ctx, out, "failed");
}

/* Calling ----------------------------------------------------------------------------------------------------------- */

static struct error *said_no(struct ctx *ctx, const struct outcome *outcome)
{
    struct error *error = error_new(ctx, outcome->code, "%s", outcome->detail);

    error->decline_code = outcome->decline_code;
    return error_cause(ctx, error, "%s", outcome->cause ? outcome->cause : "");
}

/* Whoever names us an account to keep has its owner's permission (docs/payment-methods.md). */
static bool needs_mandate(const struct method *method)
{
    const struct method_kind *kind = provider_of(method)->capabilities.kinds;

    while (kind->type && (!method->type || strcmp(kind->type, method->type) != 0))
        kind++;
    return kind->mandate;
}

/* What the named method is decides how it is kept. */
static struct error *find_type(struct ctx *ctx, struct method *method)
{
    struct method_view view;

    if (method->type)
        return NULL;
    struct error *error = provider_of(method)->fetch_method(ctx, method->asked_method, &view);
    if (error && error->code == E_PROVIDER_UNAVAILABLE)
        return error;
    if (!error) // else the confirmation says what is wrong with it
        method->type = view.type;
    return NULL;
}

/* Every confirmation has a key of its own: it moves no money, and what is there is looked at before. */
static struct error *confirm(struct ctx *ctx, struct method *method)
{
    struct outcome outcome = provider_of(method)->confirm_setup(ctx,
        &(struct confirm_request){
            .reference = method->provider_setup_id,
            .key = arena_printf(ctx->arena, "pm:%s:confirm:%s", method->id, id_new(ctx, "try")),
            .method = method->asked_method,
            .return_url = method->return_url ? method->return_url : ctx->config->url,
            .consented = needs_mandate(method),
        });

    failpoint("method", "after_c2");
    switch (outcome.kind) {
    case OUTCOME_DONE:
        return IN_TX(ctx, record(ctx, method->id, &outcome.setup, method));
    case OUTCOME_DECLINED:
        TRY(IN_TX(ctx, record(ctx, method->id, &outcome.setup, method)));
        return said_no(ctx, &outcome);
    case OUTCOME_REFUSED:
        TRY(IN_TX(ctx, fail(ctx, method->id, &outcome, method)));
        return said_no(ctx, &outcome);
    case OUTCOME_UNKNOWN:
    case OUTCOME_NOT_EXECUTED:
        break; // the job looks
    }
    return NULL;
}

static struct error *perform(struct ctx *ctx, struct method *method)
{
    struct setup_view setup;
    const char *customer;

    failpoint("method", "after_t1");
    if (!method->provider_setup_id) {
        TRY(customer_account(ctx, method->customer_id, method->provider, &customer));
        TRY(provider_of(method)->create_setup(ctx,
            &(struct setup_request){
                .method_id = method->id,
                .key = arena_printf(ctx->arena, "pm:%s:create", method->id),
                .customer = customer,
                .type = method->type,
            },
            &setup));
        failpoint("method", "after_c1");
        TRY(IN_TX(ctx, record(ctx, method->id, &setup, method)));
    }
    if (!method->asked_method || method->status != METHOD_PENDING)
        return NULL;
    TRY(find_type(ctx, method));
    return confirm(ctx, method);
}

static struct error *look(struct ctx *ctx, struct method *method)
{
    struct setup_view setup;

    TRY(provider_of(method)->fetch_setup(ctx, method->provider_setup_id, &setup));
    return IN_TX(ctx, record(ctx, method->id, &setup, method));
}

static struct error *go_on(struct ctx *ctx, const char *id, struct method *out)
{
    TRY(method_row(ctx, id, out));
    if (!is_waiting(out))
        return NULL;
    if (out->provider_setup_id)
        TRY(look(ctx, out));
    return is_waiting(out) ? perform(ctx, out) : NULL;
}

/* Creating ---------------------------------------------------------------------------------------------------------- */

static struct error *intend(struct ctx *ctx, const struct method *method)
{
    TRY(idempotency_take(ctx, method->id));
    TRY(method_insert(ctx, method));
    TRY(audit_add(ctx, "payment_method.requested", method->id,
        json_in(ctx->arena, json_pack("{ss}", "customer", method->customer_id))));
    return job_add_later(ctx, "method.resolve", method->id, FIRST_LOOK);
}

static struct error *taken_over(struct ctx *ctx, struct method *out)
{
    TRY(IN_TX(ctx, idempotency_take(ctx, ctx->idempotency->resource)));
    ctx->idempotency->held = true;
    return go_on(ctx, ctx->idempotency->resource, out);
}

static struct error *wrong_method(struct ctx *ctx, const char *what)
{
    return error_new(ctx, E_PAYMENT_METHOD_ERROR, "This payment method %s.", what);
}

struct error *method_create(struct ctx *ctx, const struct method_request *request, struct method *out, bool *existed)
{
    const struct provider *provider = provider_list()[0];
    const char *customer_id = NULL;

    *existed = false;
    if (idempotency_is_taken_over(ctx))
        return taken_over(ctx, out);
    TRY(customer_resolve(ctx, request->customer_id, &customer_id));
    if (request->payment_method_id) {
        TRY(method_named(ctx, request->payment_method_id, customer_id, out, existed));
        if (*existed)
            return NULL;
    }
    TRY(breaker_check(ctx, provider->name));
    *out = (struct method){
        .id = id_new(ctx, "pm"),
        .mode = ctx->config->mode,
        .customer_id = customer_id,
        .status = METHOD_PENDING,
        .provider = provider->name,
        .asked_method = request->payment_method_id,
        .type = request->type,
        .wants_default = request->is_default,
        .metadata = request->metadata ? request->metadata : json_in(ctx->arena, json_object()),
        .return_url = request->return_url,
        .created_by = principal_name(&ctx->principal),
        .created_at = ctx->now,
        .updated_at = ctx->now,
    };
    TRY(IN_TX(ctx, intend(ctx, out)));
    return perform(ctx, out);
}

/* Reading ----------------------------------------------------------------------------------------------------------- */

struct error *method_get(struct ctx *ctx, const char *id, struct method *out)
{
    return method_row(ctx, id, out);
}

struct error *method_refresh(struct ctx *ctx, const char *id, struct method *out)
{
    TRY(method_row(ctx, id, out));
    if (!is_waiting(out) || !out->provider_setup_id)
        return NULL;
    struct error *error = look(ctx, out);
    if (error)
        log_warn(ctx, "method.refresh", "%s: %s", out->id, error->cause ? error->cause : error->detail);
    return error ? method_row(ctx, id, out) : NULL;
}

struct error *method_list(struct ctx *ctx, const struct method_filter *filter, struct field_list *out)
{
    return method_rows(ctx, filter, out);
}

/* Changing ---------------------------------------------------------------------------------------------------------- */

static bool changes_provider(const struct method_edit *edit)
{
    return edit->exp_month || edit->exp_year || edit->name || edit->email || edit->phone || edit->line1 || edit->line2
        || edit->city || edit->state || edit->postal_code || edit->country;
}

static struct error *write_change(struct ctx *ctx, const char *id, const struct method_edit *edit,
    const struct method_view *view, struct method *out)
{
    TRY(idempotency_take(ctx, id));
    TRY(method_lock(ctx, id, out));
    if (out->status != METHOD_ACTIVE)
        return error_new(ctx, E_INVALID_STATUS, "The payment method is %s; only an active one can be changed.",
            method_status_names[out->status]);
    if (edit->metadata)
        out->metadata = edit->metadata;
    if (edit->is_default == 1 && !out->is_default)
        TRY(method_clear_default(ctx, out->customer_id));
    if (edit->is_default >= 0)
        out->is_default = edit->is_default == 1;
    copy_view(ctx, out, view);
    TRY(method_update(ctx, out));
    return note(ctx, out, "updated");
}

struct error *method_change(struct ctx *ctx, const char *id, const struct method_edit *edit, struct method *out)
{
    struct method_view view = { 0 };

    TRY(method_row(ctx, id, out));
    if (out->status == METHOD_ACTIVE && changes_provider(edit))
        TRY(provider_of(out)->update_method(ctx,
            &(struct method_change){
                .reference = out->provider_method_id,
                .key = arena_printf(ctx->arena, "pm:%s:update:%s", out->id, id_new(ctx, "try")),
                .exp_month = (int)edit->exp_month,
                .exp_year = (int)edit->exp_year,
                .name = edit->name,
                .email = edit->email,
                .phone = edit->phone,
                .line1 = edit->line1,
                .line2 = edit->line2,
                .city = edit->city,
                .state = edit->state,
                .postal_code = edit->postal_code,
                .country = edit->country,
            },
            &view));
    return IN_TX(ctx, write_change(ctx, out->id, edit, &view, out));
}

/* Removing ---------------------------------------------------------------------------------------------------------- */

static struct error *take_off(struct ctx *ctx, const char *id, struct method *out)
{
    TRY(method_lock(ctx, id, out));
    if (out->status == METHOD_DETACHED)
        return NULL;
    out->status = METHOD_DETACHED;
    out->is_default = false;
    out->remembered_until = (struct instant){ 0 };
    out->client_secret = (struct bytes){ 0 };
    TRY(method_update(ctx, out));
    TRY(job_done(ctx, "method.resolve", out->id));
    TRY(note(ctx, out, "detached"));
    return job_add_later(ctx, "method.detach", out->id, FIRST_LOOK);
}

static struct error *forget_there(struct ctx *ctx, const struct method *method)
{
    const struct provider *provider = provider_of(method);

    if (method->provider_method_id)
        TRY(provider->detach_method(ctx, method->provider_method_id,
            arena_printf(ctx->arena, "pm:%s:detach:%s", method->id, id_new(ctx, "try"))));
    else if (method->provider_setup_id)
        TRY(provider->cancel_setup(ctx, method->provider_setup_id,
            arena_printf(ctx->arena, "pm:%s:cancel:%s", method->id, id_new(ctx, "try"))));
    return IN_TX(ctx, job_done(ctx, "method.detach", method->id));
}

struct error *method_remove(struct ctx *ctx, const char *id, struct method *out)
{
    TRY(IN_TX(ctx, take_off(ctx, id, out)));
    failpoint("method", "after_removed");
    struct error *error = forget_there(ctx, out);
    if (error) // it is on record, and the job tells the provider
        log_warn(ctx, "method.detach", "%s: %s", out->id, error->cause ? error->cause : error->detail);
    return NULL;
}

struct error *method_detach_task(struct ctx *ctx, const struct job *job)
{
    struct method method;

    TRY(method_row(ctx, job->subject, &method));
    return method.status == METHOD_DETACHED ? forget_there(ctx, &method) : NULL;
}

/* For payments ------------------------------------------------------------------------------------------------------ */

struct error *method_named(struct ctx *ctx, const char *id, const char *customer_id, struct method *out, bool *found)
{
    struct error *error = method_row(ctx, id, out);

    *found = !error;
    if (error && error->code == E_NOT_FOUND && !id_is(id, "pm"))
        return NULL; // the provider may know it
    if (error && error->code == E_NOT_FOUND)
        return wrong_method(ctx, "does not exist");
    TRY(error);
    if (customer_id && strcmp(out->customer_id, customer_id) != 0)
        return wrong_method(ctx, "belongs to another customer");
    return out->status == METHOD_ACTIVE
        ? NULL
        : wrong_method(ctx,
            arena_printf(ctx->arena, "is %s; only an active one can be used", method_status_names[out->status]));
}

struct error *method_remembered(struct ctx *ctx, const char *customer_id, struct method *out, bool *found)
{
    return method_preferred(ctx, customer_id, out, found);
}

struct error *method_mandate(struct ctx *ctx, const char *provider, const char *reference, const char **mandate)
{
    struct method method;
    bool found;

    TRY(method_by_reference(ctx, provider, reference, &method, &found));
    *mandate = found ? method.mandate : NULL;
    return NULL;
}

static struct error *adopt(struct ctx *ctx, const char *customer_id, const char *provider,
    const struct method_view *view, struct instant until)
{
    struct method method = {
        .id = id_new(ctx, "pm"),
        .mode = ctx->config->mode,
        .customer_id = customer_id,
        .status = METHOD_ACTIVE,
        .provider = provider,
        .metadata = json_in(ctx->arena, json_object()),
        .remembered_until = until,
        .created_by = principal_name(&ctx->principal),
        .created_at = ctx->now,
        .updated_at = ctx->now,
    };

    copy_view(ctx, &method, view);
    TRY(method_insert(ctx, &method));
    return note(ctx, &method, "active");
}

struct error *method_paid(struct ctx *ctx, const char *customer_id, const char *provider,
    const struct method_view *view, bool keeps)
{
    struct instant until = instant_add_seconds(ctx->now, ctx->config->remember_days * DAY);
    struct method method;
    bool found;

    if (!view->id || !view->type || !view->customer)
        return NULL; // the provider does not keep it
    TRY(method_by_reference(ctx, provider, view->id, &method, &found));
    if (!found)
        return keeps ? adopt(ctx, customer_id, provider, view, until) : NULL;
    if (method.status != METHOD_ACTIVE)
        return NULL;
    TRY(method_lock(ctx, method.id, &method));
    method.remembered_until = until;
    return method_update(ctx, &method);
}

/* What the provider tells by itself ----------------------------------------------------------------------------------- */

struct error *method_setup_heard(struct ctx *ctx, const char *provider, const char *reference, bool *known)
{
    struct setup_view setup;
    struct method method;

    TRY(method_by_setup(ctx, provider, reference, &method, known));
    TRY(provider_named(provider)->fetch_setup(ctx, reference, &setup));
    if (!*known && setup.method_id && id_is(setup.method_id, "pm")) { // faster than the answer that names it
        struct error *error = method_row(ctx, setup.method_id, &method);
        *known = !error;
        TRY(error && error->code != E_NOT_FOUND ? error : NULL);
    }
    return *known ? IN_TX(ctx, record(ctx, method.id, &setup, &method)) : NULL;
}

static struct error *follow(struct ctx *ctx, const char *id, const struct method_view *view)
{
    struct method method, before;

    TRY(method_lock(ctx, id, &method));
    before = method;
    if (method.status != METHOD_ACTIVE)
        return NULL;
    copy_view(ctx, &method, view);
    if (!view->customer) {
        method.status = METHOD_DETACHED;
        method.is_default = false;
    }
    bool same = method.status == before.status && method.exp_month == before.exp_month
        && method.exp_year == before.exp_year
        && (method.last4 == before.last4 || (method.last4 && before.last4 && !strcmp(method.last4, before.last4)));
    if (same)
        return NULL;
    TRY(method_update(ctx, &method));
    return note(ctx, &method, method.status == METHOD_DETACHED ? "detached" : "updated");
}

struct error *method_heard(struct ctx *ctx, const char *provider, const char *reference, bool *known)
{
    struct method_view view = { 0 };
    struct method method;

    TRY(method_by_reference(ctx, provider, reference, &method, known));
    if (!*known)
        return NULL;
    struct error *error = provider_named(provider)->fetch_method(ctx, reference, &view);
    TRY(error && error->code != E_NOT_FOUND ? error : NULL); // gone is detached
    return IN_TX(ctx, follow(ctx, method.id, &view));
}

static struct error *withdraw(struct ctx *ctx, const char *id)
{
    struct method method;

    TRY(method_lock(ctx, id, &method));
    if (method.status != METHOD_ACTIVE)
        return NULL;
    method.status = METHOD_FAILED;
    method.is_default = false;
    method.failure_class = "mandate_withdrawn";
    TRY(method_update(ctx, &method));
    return note(ctx, &method, "failed");
}

struct error *method_mandate_heard(struct ctx *ctx, const char *provider, const char *reference, bool *known)
{
    struct method method;
    bool active;

    TRY(method_by_mandate(ctx, provider, reference, &method, known));
    if (!*known)
        return NULL;
    TRY(provider_named(provider)->fetch_mandate(ctx, reference, &active));
    return active ? NULL : IN_TX(ctx, withdraw(ctx, method.id));
}

/* The job ----------------------------------------------------------------------------------------------------------- */

struct error *method_resolve_task(struct ctx *ctx, const struct job *job)
{
    static const int64_t delays[] = { 10, 30, 120, 300, 900, 3600, 6 * 3600 };
    size_t place = job->attempts > 0 ? (size_t)job->attempts - 1 : 0;
    size_t last = sizeof delays / sizeof *delays - 1;
    struct method method;
    struct error *error = go_on(ctx, job->subject, &method);

    if (error)
        log_warn(ctx, "method.resolve", "%s: %s", job->subject, error->cause ? error->cause : error->detail);
    TRY(method_row(ctx, job->subject, &method));
    int64_t age = (ctx->now.us - method.created_at.us) / 1000000;
    bool verifying = method.status == METHOD_PROCESSING
        || (method.next_action && !strcmp(method.next_action, "verify_bank_account"));
    if (is_waiting(&method) && age > (verifying ? VERIFYING_SECONDS : WAITING_SECONDS))
        return method_remove(ctx, method.id, &method);
    return is_waiting(&method) ? job_again(ctx, delays[place < last ? place : last]) : NULL;
}
