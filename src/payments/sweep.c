#include "payments/sweep.h"

#include "base/arena.h"
#include "base/ctx.h"
#include "base/failpoint.h"
#include "base/id.h"
#include "base/log.h"
#include "db/db.h"
#include "events/decision.h"
#include "jobs/job.h"
#include "payments/sweep_store.h"
#include "payments/webhook_store.h"
#include "provider/provider.h"

#define PAGE 100
#define PAGES 50
#define FIRST_SECONDS 86400 // how far back the first sweep looks
#define LATE_SECONDS 900    // after that long an event is not coming any more

static const char missing[] = "webhooks_missing";

/* What one reading of a provider's list found. */
struct gap {
    int64_t found; // that we did not have
    int64_t late;  // … although it should long have come
};

static bool is_late(struct ctx *ctx, const struct provider_event *said)
{
    return instant_is_set(said->created_at) && ctx->now.us - said->created_at.us > LATE_SECONDS * INT64_C(1000000);
}

static struct error *take(struct ctx *ctx, const struct provider *provider, const struct provider_event *said,
    struct gap *gap)
{
    struct webhook_event event = {
        .id = id_new(ctx, "whe"),
        .provider = provider->name,
        .provider_event_id = said->id,
        .type = said->type,
        .api_version = said->api_version,
        .object_id = said->object_id,
        .payment_reference = said->payment_reference,
        .event_created_at = said->created_at,
        .received_at = ctx->now,
    };
    bool inserted;

    event.status = webhook_first_status(provider, &event);
    TRY(webhook_insert(ctx, &event, &inserted));
    gap->found += inserted;
    gap->late += inserted && is_late(ctx, said);
    return inserted && event.status == WEBHOOK_STORED ? job_add(ctx, "webhook.process", event.id) : NULL;
}

static struct error *take_page(struct ctx *ctx, const struct provider *provider, const struct provider_event *events,
    size_t count, struct sweep *sweep, struct gap *gap)
{
    for (size_t i = 0; i < count; i++)
        TRY(take(ctx, provider, &events[i], gap));
    if (count)
        *sweep = (struct sweep){ events[count - 1].id, events[count - 1].created_at };
    return sweep_put(ctx, provider->name, sweep);
}

/* The books are right without webhooks, only later: a person should know that none come. */
static struct error *tell(struct ctx *ctx, const char *provider, const struct gap *gap)
{
    struct webhook_health health;
    struct field_list asked;

    if (gap->late)
        return decision_ask(ctx, missing, provider, (struct money){ 0 },
            arena_printf(ctx->arena, "%lld events of %s had to be fetched, because no webhook brought them.",
                (long long)gap->late, provider),
            "Look at the deliveries of the endpoint in the provider's dashboard: its address, its secret, and what it "
            "was "
            "answered.");
    TRY(decision_list(ctx, &(struct decision_filter){ .kind = missing, .object = provider, .limit = 1 }, &asked));
    if (!asked.count)
        return NULL;
    TRY(webhook_health_row(ctx, provider, &health));
    return health.delivered_at.us > ((const struct decision *)asked.items)->created_at.us
        ? decision_settle(ctx, missing, provider, "delivered_again")
        : NULL;
}

static struct error *sweep_provider(struct ctx *ctx, const struct provider *provider, int64_t *found)
{
    struct gap whole = { 0 };
    struct sweep sweep;
    size_t count = PAGE;

    TRY(sweep_get(ctx, provider->name, &sweep));
    bool first = !instant_is_set(sweep.swept_until); // what was before our time was never to come
    if (first)
        sweep.swept_until = instant_add_seconds(ctx->now, -FIRST_SECONDS);
    for (int page = 0; page < PAGES && count == PAGE; page++) {
        struct provider_event *events;
        struct gap more = { 0 };
        TRY(provider->list_events(ctx, sweep.swept_until, sweep.last_event_id, PAGE, &events, &count));
        failpoint("sweep", "before_store");
        TRY(IN_TX(ctx, take_page(ctx, provider, events, count, &sweep, &more)));
        *found += more.found;
        whole.late += more.late;
    }
    return first ? NULL : tell(ctx, provider->name, &whole);
}

struct error *sweep_run(struct ctx *ctx, int64_t *found)
{
    struct error *down = NULL;

    *found = 0;
    for (const struct provider *const *place = provider_list(); *place; place++) {
        struct error *error = sweep_provider(ctx, *place, found);
        if (error && error->code != E_PROVIDER_UNAVAILABLE && error->code != E_PROVIDER_ERROR)
            return error;
        if (error)
            log_warn(ctx, "sweep", "%s: %s", (*place)->name, error->cause ? error->cause : error->detail);
        down = error ? error : down;
    }
    if (*found)
        log_warn(ctx, "sweep.missed", "%lld events had not been delivered", (long long)*found);
    return down;
}

struct error *sweep_task(struct ctx *ctx, const struct job *job)
{
    int64_t found;

    (void)job;
    return sweep_run(ctx, &found);
}
