#include "payments/sweep.h"

#include "base/ctx.h"
#include "base/failpoint.h"
#include "base/id.h"
#include "base/log.h"
#include "db/db.h"
#include "jobs/job.h"
#include "payments/sweep_store.h"
#include "payments/webhook_store.h"
#include "provider/provider.h"

#define PAGE 100
#define PAGES 50
#define FIRST_SECONDS 86400 // how far back the first sweep looks

static struct error *take(struct ctx *ctx, const struct provider *provider, const struct provider_event *said,
    int64_t *found)
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

    TRY(webhook_insert(ctx, &event, &inserted));
    *found += inserted;
    return inserted ? job_add(ctx, "webhook.process", event.id) : NULL;
}

static struct error *take_page(struct ctx *ctx, const struct provider *provider, const struct provider_event *events,
    size_t count, struct sweep *sweep, int64_t *found)
{
    for (size_t i = 0; i < count; i++)
        TRY(take(ctx, provider, &events[i], found));
    if (count)
        *sweep = (struct sweep){ events[count - 1].id, events[count - 1].created_at };
    return sweep_put(ctx, provider->name, sweep);
}

static struct error *sweep_provider(struct ctx *ctx, const struct provider *provider, int64_t *found)
{
    struct sweep sweep;
    size_t count = PAGE;

    TRY(sweep_get(ctx, provider->name, &sweep));
    if (!instant_is_set(sweep.swept_until))
        sweep.swept_until = instant_add_seconds(ctx->now, -FIRST_SECONDS);
    for (int page = 0; page < PAGES && count == PAGE; page++) {
        struct provider_event *events;
        int64_t more = 0;
        TRY(provider->list_events(ctx, sweep.swept_until, sweep.last_event_id, PAGE, &events, &count));
        failpoint("sweep", "before_store");
        TRY(IN_TX(ctx, take_page(ctx, provider, events, count, &sweep, &more)));
        *found += more;
    }
    return NULL;
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
