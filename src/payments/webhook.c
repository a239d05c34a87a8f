#include "payments/webhook.h"

#include <assert.h>
#include <string.h>

#include "base/arena.h"
#include "base/crypto.h"
#include "base/ctx.h"
#include "base/failpoint.h"
#include "base/id.h"
#include "base/log.h"
#include "customers/method.h"
#include "db/db.h"
#include "events/audit.h"
#include "events/decision.h"
#include "jobs/job.h"
#include "payments/letterbox.h"
#include "payments/mirror.h"
#include "payments/payment.h"
#include "payments/payment_store.h"
#include "payments/webhook_setup.h"
#include "payments/webhook_store.h"
#include "provider/provider.h"

#define MAX_TRIES 25
#define LATE_SECONDS 900 // that an event may come behind the sweep

/* Coming in --------------------------------------------------------------------------------------------------------- */

/* By a secret of the configuration, or one that till stripe setup has kept. */
static struct error *verify(struct ctx *ctx, const struct provider *provider, struct bytes body,
    const char *(*header)(void *from, const char *name), void *from, struct provider_event *out)
{
    struct error *error = provider->verify(ctx, body, header, from, NULL, out);
    const char *kept;

    if (!error || error->code != E_INVALID_SIGNATURE)
        return error;
    TRY(webhook_secrets(ctx, provider->name, &kept));
    return kept ? provider->verify(ctx, body, header, from, kept, out) : error;
}

enum webhook_status webhook_first_status(const struct provider *provider, const struct webhook_event *event)
{
    bool speaks_of_something = event->payment_reference || provider->concern(event->type) != CONCERNS_NOTHING;

    return speaks_of_something ? WEBHOOK_STORED : WEBHOOK_IGNORED;
}

struct error *webhook_receive(struct ctx *ctx, const char *provider_name, struct bytes body,
    const char *(*header)(void *from, const char *name), void *from, bool *duplicate)
{
    const struct provider *provider = provider_named(provider_name);
    const char *id = id_new(ctx, "whe");
    struct provider_event said;
    struct error *error;

    assert(provider);
    error = verify(ctx, provider, body, header, from, &said);
    if (error && error->code == E_INVALID_SIGNATURE)
        log_warn(ctx, "webhook.invalid_signature", "%s, from %s: %s", provider_name, ctx->address ? ctx->address : "?",
            error->cause ? error->cause : error->detail);
    TRY(error);
    ctx->principal = (struct principal){ .kind = PRINCIPAL_PROVIDER, .id = provider->name };
    struct webhook_event event = {
        .id = id,
        .provider = provider->name,
        .provider_event_id = said.id,
        .type = said.type,
        .api_version = said.api_version,
        .object_id = said.object_id,
        .payment_reference = said.payment_reference,
        .payload = seal(ctx, arena_printf(ctx->arena, "webhook_events.payload:%s", id), body),
        .event_created_at = said.created_at,
        .received_at = ctx->now,
    };
    bool inserted;

    event.status = webhook_first_status(provider, &event);
    TRY(letterbox_put(ctx, &event, &inserted));
    *duplicate = !inserted;
    return NULL;
}

/* Looking ----------------------------------------------------------------------------------------------------------- */

struct error *webhook_list(struct ctx *ctx, const struct webhook_filter *filter, struct field_list *out)
{
    return webhook_rows(ctx, filter, out);
}

struct error *webhook_get(struct ctx *ctx, const char *id, struct webhook_event *out)
{
    return webhook_row(ctx, id, out);
}

static struct error *put_back(struct ctx *ctx, const char *id, struct webhook_event *out)
{
    TRY(webhook_row(ctx, id, out));
    if (out->status != WEBHOOK_STORED)
        TRY(webhook_set_status(ctx, out->id, WEBHOOK_STORED, NULL));
    out->status = WEBHOOK_STORED;
    TRY(audit_add(ctx, "webhook.replayed", out->id, NULL));
    return job_add(ctx, "webhook.process", out->id);
}

struct error *webhook_replay(struct ctx *ctx, const char *id, struct webhook_event *out)
{
    return IN_TX(ctx, put_back(ctx, id, out));
}

/* In one transaction: all of them, or none. */
static struct error *put_all_back(struct ctx *ctx, const struct field_list *events)
{
    struct webhook_event *list = events->items;

    for (size_t i = 0; i < events->count; i++)
        TRY(put_back(ctx, list[i].id, &list[i]));
    return NULL;
}

struct error *webhook_replay_all(struct ctx *ctx, const struct webhook_filter *filter, int64_t *count)
{
    struct field_list events;

    TRY(webhook_rows(ctx, filter, &events));
    TRY(IN_TX(ctx, put_all_back(ctx, &events)));
    *count = (int64_t)events.count;
    return NULL;
}

struct error *webhook_payload(struct ctx *ctx, const char *id, json_t **out)
{
    struct bytes sealed, plain;

    *out = NULL;
    TRY(webhook_sealed(ctx, id, &sealed));
    if (!sealed.data)
        return NULL;
    TRY(unseal(ctx, arena_printf(ctx->arena, "webhook_events.payload:%s", id), sealed, &plain));
    return json_read_foreign(ctx, plain, out);
}

struct error *webhook_health(struct ctx *ctx, const char *provider, struct webhook_health *out)
{
    TRY(webhook_health_row(ctx, provider, out));
    out->missing =
        instant_is_set(out->swept_at) && out->swept_at.us - out->delivered_at.us > LATE_SECONDS * INT64_C(1000000);
    return NULL;
}

/* Being worked ------------------------------------------------------------------------------------------------------ */

/* Which payment of ours a provider's payment is: by its reference, or by our id in it when the event is faster than the answer
 * that brings us the reference. */
static struct error *whose(struct ctx *ctx, const struct webhook_event *event, const struct snapshot *snapshot,
    struct payment *out, bool *found)
{
    TRY(payment_by_reference(ctx, event->provider, event->payment_reference, out, found));
    if (*found || !snapshot->payment_id || !id_is(snapshot->payment_id, "pay"))
        return NULL;
    struct error *error = payment_get(ctx, snapshot->payment_id, out);
    if (error && error->code == E_NOT_FOUND)
        return NULL;
    TRY(error);
    *found = strcmp(out->provider, event->provider) == 0;
    return NULL;
}

/* A second object with a payment's id: a creation that was believed lost came about late, when another was made. */
static bool is_orphan(const struct payment *payment, const struct snapshot *snapshot)
{
    return payment->provider_payment_id && strcmp(payment->provider_payment_id, snapshot->reference) != 0
        && money_same_currency(payment->amount, snapshot->amount) && payment->amount.minor == snapshot->amount.minor
        && (payment->mode == MODE_LIVE) == snapshot->livemode
        && (snapshot->state == PROVIDER_STATE_WAITING || snapshot->state == PROVIDER_STATE_ACTION
            || snapshot->state == PROVIDER_STATE_CANCELLED);
}

/* No money moves by it while it waits, and none shall. Asked anew each time: to cancel twice does no harm. */
static struct error *close_orphan(struct ctx *ctx, const struct payment *payment, const struct snapshot *snapshot)
{
    struct outcome outcome;

    if (snapshot->state == PROVIDER_STATE_CANCELLED)
        return NULL;
    outcome = provider_named(payment->provider)
                  ->cancel(ctx,
                      &(struct cancel_request){
                          .reference = snapshot->reference,
                          .key = arena_printf(ctx->arena, "pay:%s:orphan:%s", payment->id, id_new(ctx, "try")),
                      });
    if (outcome.kind != OUTCOME_DONE)
        return error_cause(ctx,
            error_new(ctx, E_PROVIDER_UNAVAILABLE, "The provider did not close a payment that nobody waits for."), "%s",
            outcome.cause ? outcome.cause : "");
    log_warn(ctx, "payment.orphan", "%s had %s at %s as well", payment->id, snapshot->reference, payment->provider);
    return IN_TX(ctx,
        audit_add(ctx, "payment.orphan_closed", payment->id,
            json_in(ctx->arena, json_pack("{ss}", "reference", snapshot->reference))));
}

/* Before the bank asks for the money: a refund now saves the dispute and its fee. */
static struct error *warn_of_fraud(struct ctx *ctx, const struct payment *payment)
{
    return decision_ask(ctx, "fraud_warning", payment->id, payment->amount,
        arena_printf(ctx->arena, "%s was told by the card's bank that its holder has not made %s.", payment->provider,
            payment->id),
        "Deliver nothing on it; look at the order, and give the money back where it was not the holder's.");
}

/* One task for one object, however much is said of it until somebody looks. */
static struct error *process_account(struct ctx *ctx, const struct webhook_event *event)
{
    TRY(decision_ask(ctx, "provider_notice", event->object_id ? event->object_id : event->id, (struct money){ 0 },
        arena_printf(ctx->arena, "%s has something to say about the account we have there: %s.", event->provider,
            event->type),
        "Look at the account in the provider's dashboard: a bank account that is wrong, or a paper that is missing, "
        "stops payouts."));
    return webhook_end(ctx, event->id, WEBHOOK_PROCESSED, NULL);
}

static bool only_looks(const struct provider *provider, const char *type)
{
    enum event_concern concern = provider->concern(type);

    return concern == CONCERNS_PAYMENT || concern == CONCERNS_NOTHING;
}

/* Several events come of one payment within a second, and each only says that it is to be looked at: what has come before the
 * provider is asked is answered by the same look. Their own jobs find nothing left to do. */
static struct error *answered_by_one_look(struct ctx *ctx, const struct provider *provider,
    const struct webhook_event *event, struct texts *out)
{
    struct field_list waiting;

    TRY(webhook_waiting_with(ctx, event, &waiting));
    const struct webhook_event *others = waiting.items;
    const char **ids = arena_array(ctx->arena, waiting.count + 1, sizeof *ids);
    *out = (struct texts){ ids, 0 };
    ids[out->count++] = event->id;
    for (size_t i = 0; i < waiting.count; i++)
        if (only_looks(provider, others[i].type))
            ids[out->count++] = others[i].id;
    return NULL;
}

static struct error *process_payment(struct ctx *ctx, const struct webhook_event *event)
{
    const struct provider *provider = provider_named(event->provider);
    struct payment payment;
    struct snapshot snapshot;
    struct texts answered;
    struct error *error;
    bool ours;

    if (!event->payment_reference)
        return webhook_end(ctx, event->id, WEBHOOK_IGNORED, NULL);
    TRY(answered_by_one_look(ctx, provider, event, &answered));
    error = provider->fetch(ctx, event->payment_reference, &snapshot);
    if (error && error->code == E_NOT_FOUND)
        return webhook_end(ctx, event->id, WEBHOOK_IGNORED, "unknown_object");
    TRY(error);
    failpoint("webhook_job", "after_ask");
    TRY(whose(ctx, event, &snapshot, &payment, &ours));
    if (!ours)
        return webhook_end(ctx, event->id, WEBHOOK_IGNORED, "not_ours");
    if (is_orphan(&payment, &snapshot)) {
        TRY(close_orphan(ctx, &payment, &snapshot));
        return webhook_end(ctx, event->id, WEBHOOK_PROCESSED, NULL);
    }
    TRY(apply_provider_state(ctx, payment.id, &snapshot, &payment));
    if (provider->concern(event->type) == CONCERNS_FRAUD)
        TRY(warn_of_fraud(ctx, &payment));
    failpoint("webhook_job", "after_apply");
    return webhook_end_all(ctx, answered, WEBHOOK_PROCESSED);
}

/* What the payer has had kept, or what the provider bills by itself. */
static struct error *process_object(struct ctx *ctx, const struct webhook_event *event,
    struct error *(*heard)(struct ctx *ctx, const char *provider, const char *reference, bool *known))
{
    struct error *error;
    bool known = false;

    if (!event->object_id)
        return webhook_end(ctx, event->id, WEBHOOK_IGNORED, NULL);
    error = heard(ctx, event->provider, event->object_id, &known);
    if (error && error->code == E_NOT_FOUND)
        return webhook_end(ctx, event->id, WEBHOOK_IGNORED, "unknown_object");
    TRY(error);
    return webhook_end(ctx, event->id, known ? WEBHOOK_PROCESSED : WEBHOOK_IGNORED, known ? NULL : "not_ours");
}

static struct error *process(struct ctx *ctx, const struct webhook_event *event)
{
    const struct provider *provider = provider_named(event->provider);

    switch (provider ? provider->concern(event->type) : CONCERNS_NOTHING) {
    case CONCERNS_SETUP:
        return process_object(ctx, event, method_setup_heard);
    case CONCERNS_METHOD:
        return process_object(ctx, event, method_heard);
    case CONCERNS_MANDATE:
        return process_object(ctx, event, method_mandate_heard);
    case CONCERNS_SUBSCRIPTION:
        return process_object(ctx, event, subscription_heard);
    case CONCERNS_INVOICE:
        return process_object(ctx, event, invoice_heard);
    case CONCERNS_ACCOUNT:
        return process_account(ctx, event);
    case CONCERNS_PAYMENT:
    case CONCERNS_FRAUD:
    case CONCERNS_NOTHING: // unless it names a payment
        break;
    }
    return provider ? process_payment(ctx, event) : webhook_end(ctx, event->id, WEBHOOK_IGNORED, NULL);
}

struct error *webhook_task(struct ctx *ctx, const struct job *job)
{
    struct webhook_event event;
    struct error *error;

    TRY(webhook_row(ctx, job->subject, &event));
    if (event.status != WEBHOOK_STORED)
        return NULL;
    error = process(ctx, &event);
    if (error && (job->attempts >= MAX_TRIES || error_status(error->code) < 500)) {
        log_error(ctx, "webhook.failed", "%s %s: %s", event.id, event.type,
            error->cause ? error->cause : error->detail);
        TRY(decision_ask(ctx, "webhook_failed", event.id, (struct money){ 0 },
            arena_printf(ctx->arena, "The event %s of %s could not be processed: %s", event.type, event.provider,
                error->detail),
            "Mend the cause, then replay the event."));
        return webhook_end(ctx, event.id, WEBHOOK_FAILED, error_name(error->code));
    }
    if (!error && instant_is_set(event.processed_at)) // it was replayed
        TRY(decision_settle(ctx, "webhook_failed", event.id, "processed"));
    return error;
}
