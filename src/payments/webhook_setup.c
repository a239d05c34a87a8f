#include "payments/webhook_setup.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/config.h"
#include "base/crypto.h"
#include "base/ctx.h"
#include "base/id.h"
#include "db/db.h"
#include "events/audit.h"
#include "payments/webhook_setup_store.h"
#include "provider/provider.h"

#define OVERLAP (3 * 86400) // as long as Stripe repeats what was signed before
#define FRESH_MS 1000

static const char *place_of(struct ctx *ctx, const char *id)
{
    return arena_printf(ctx->arena, "webhook_secrets.secret:%s", id);
}

/* Setting it up ----------------------------------------------------------------------------------------------------- */

static const struct webhook_secret *secret_of(const struct field_list *kept, const struct event_endpoint *endpoint)
{
    const struct webhook_secret *list = kept->items;

    for (size_t i = 0; i < kept->count; i++)
        if (!strcmp(list[i].endpoint_id, endpoint->reference))
            return &list[i];
    return NULL;
}

static struct error *note(struct ctx *ctx, const struct webhook_setup *setup, const char *what, const char *reference)
{
    return audit_add(ctx, arena_printf(ctx->arena, "webhook.endpoint_%s", what), reference,
        json_in(ctx->arena, json_pack("{ss, ss}", "provider", setup->provider, "url", setup->url)));
}

static struct error *keep(struct ctx *ctx, const struct webhook_setup *setup, const struct event_endpoint *endpoint)
{
    const char *id = id_new(ctx, "whs");

    TRY(webhook_secret_insert(ctx,
        &(struct webhook_secret){
            .id = id,
            .provider = setup->provider,
            .endpoint_id = endpoint->reference,
            .url = endpoint->url,
            .secret = seal(ctx, place_of(ctx, id), bytes_of(endpoint->secret)),
            .created_at = ctx->now,
        }));
    return note(ctx, setup, "created", endpoint->reference);
}

/* The secret is shown this once: where it is lost before it is kept, the next run finds an endpoint of ours without one. */
static struct error *create(struct ctx *ctx, const struct provider *provider, struct webhook_setup *setup)
{
    struct event_endpoint endpoint;

    TRY(provider->create_endpoint(ctx, setup->url, id_new(ctx, "whs"), &endpoint));
    if (endpoint.livemode != (ctx->config->mode == MODE_LIVE)) {
        TRY(provider->delete_endpoint(ctx, endpoint.reference));
        return error_new(ctx, E_PROVIDER_ERROR, "The key is one of %s mode, and Till runs in %s mode.",
            mode_names[endpoint.livemode ? MODE_LIVE : MODE_TEST], mode_names[ctx->config->mode]);
    }
    TRY(IN_TX(ctx, keep(ctx, setup, &endpoint)));
    setup->endpoint_id = endpoint.reference;
    setup->created = true;
    return NULL;
}

static struct error *update(struct ctx *ctx, const struct provider *provider, struct webhook_setup *setup,
    const struct event_endpoint *endpoint)
{
    struct event_endpoint now;

    setup->endpoint_id = endpoint->reference;
    if (endpoint->complete)
        return NULL;
    TRY(provider->update_endpoint(ctx, endpoint->reference, id_new(ctx, "whs"), &now));
    setup->updated = true;
    return IN_TX(ctx, note(ctx, setup, "updated", endpoint->reference));
}

static struct error *retire(struct ctx *ctx, const struct webhook_setup *setup, const char *reference,
    const struct webhook_secret *secret)
{
    if (secret)
        TRY(webhook_secret_retire(ctx, secret->id, instant_add_seconds(ctx->now, OVERLAP)));
    return note(ctx, setup, "retired", reference);
}

/* What is in the place of another: gone at the provider, and its secret only good for what is still on its way. */
static struct error *clear(struct ctx *ctx, const struct provider *provider, struct webhook_setup *setup,
    const struct event_endpoint *endpoint, const struct field_list *kept)
{
    const struct webhook_secret *secret = secret_of(kept, endpoint);

    if (!secret && !endpoint->ours) {
        setup->foreign[setup->foreign_count++] = endpoint->reference;
        return NULL;
    }
    TRY(provider->delete_endpoint(ctx, endpoint->reference));
    TRY(IN_TX(ctx, retire(ctx, setup, endpoint->reference, secret)));
    setup->retired[setup->retired_count++] = endpoint->reference;
    return NULL;
}

/* Secrets of endpoints that somebody removed at the provider. */
static struct error *forget_missing(struct ctx *ctx, const struct webhook_setup *setup,
    const struct event_endpoint *endpoints, size_t count, const struct field_list *kept)
{
    const struct webhook_secret *list = kept->items;

    for (size_t i = 0; i < kept->count; i++) {
        bool there = false;
        for (size_t n = 0; n < count; n++)
            there |= !strcmp(endpoints[n].reference, list[i].endpoint_id);
        if (!there && !instant_is_set(list[i].retired_at))
            TRY(IN_TX(ctx, retire(ctx, setup, list[i].endpoint_id, &list[i])));
    }
    return NULL;
}

static bool is_good(const struct webhook_setup *setup, const struct event_endpoint *endpoint,
    const struct field_list *kept)
{
    const struct webhook_secret *secret = secret_of(kept, endpoint);

    return !setup->renew && endpoint->same_version && secret && !instant_is_set(secret->retired_at)
        && !strcmp(endpoint->url, setup->url);
}

/* The host of TILL_URL, where payers' browsers show wallets: a name, and TLS. */
static const char *wallet_host(struct ctx *ctx)
{
    const struct config *config = ctx->config;
    const char *url = config->url;

    if ((!config->apple_pay_enabled && !config->google_pay_enabled) || strncmp(url, "https://", 8) != 0)
        return NULL;
    const char *host = arena_strndup(ctx->arena, url + 8, strcspn(url + 8, "/:"));
    const char *end = strrchr(host, '.');
    return end && strspn(end, ".0123456789") < strlen(end) ? host : NULL;
}

static struct error *note_domain(struct ctx *ctx, const struct webhook_setup *setup, const struct wallet_domain *domain)
{
    return audit_add(ctx, "wallets.domain_registered", domain->reference,
        json_in(ctx->arena, json_pack("{ss, ss}", "provider", setup->provider, "domain", setup->domain)));
}

/* Events come without it, so what goes wrong here is told and no more. */
static struct error *register_domain(struct ctx *ctx, const struct provider *provider, struct webhook_setup *setup)
{
    struct wallet_domain domain = { 0 };

    setup->domain = wallet_host(ctx);
    if (!setup->domain)
        return NULL;
    struct error *error = provider->register_domain(ctx, setup->domain, id_new(ctx, "whs"), &domain);
    setup->apple_pay = domain.apple_pay;
    setup->google_pay = domain.google_pay;
    setup->why = error ? error->detail : domain.why;
    return domain.is_new ? IN_TX(ctx, note_domain(ctx, setup, &domain)) : NULL;
}

struct error *webhook_setup_work(struct ctx *ctx, void *order, json_t **result)
{
    struct webhook_setup *setup = order;
    const struct provider *provider = provider_named(setup->provider);
    const struct event_endpoint *good = NULL;
    struct event_endpoint *endpoints;
    struct field_list kept;
    size_t count;

    assert(provider);
    setup->url = arena_printf(ctx->arena, "%s/api/v1/webhooks/%s", ctx->config->url, provider->name);
    TRY(provider->list_endpoints(ctx, &endpoints, &count));
    TRY(webhook_secret_rows(ctx, provider->name, &kept));
    setup->retired = arena_array(ctx->arena, count + 1, sizeof *setup->retired);
    setup->foreign = arena_array(ctx->arena, count + 1, sizeof *setup->foreign);
    for (size_t i = 0; i < count && !good; i++)
        good = is_good(setup, &endpoints[i], &kept) ? &endpoints[i] : NULL;
    TRY(good ? update(ctx, provider, setup, good) : create(ctx, provider, setup));
    for (size_t i = 0; i < count; i++)
        if (&endpoints[i] != good && (!strcmp(endpoints[i].url, setup->url) || secret_of(&kept, &endpoints[i])))
            TRY(clear(ctx, provider, setup, &endpoints[i], &kept));
    TRY(forget_missing(ctx, setup, endpoints, count, &kept));
    TRY(register_domain(ctx, provider, setup));
    *result = json_in(ctx->arena,
        json_pack("{sb, sb, sI}", "created", setup->created, "updated", setup->updated, "retired",
            (json_int_t)setup->retired_count));
    return NULL;
}

/* Verifying --------------------------------------------------------------------------------------------------------- */

/* What this process read last, so that a flood of bad signatures asks nothing of the database. */
static struct {
    pthread_mutex_t lock;
    char provider[32];
    char *secrets; // "" when there are none
    int64_t read_ms;
} last = { .lock = PTHREAD_MUTEX_INITIALIZER };

static bool remembered(struct ctx *ctx, const char *provider, const char **out)
{
    pthread_mutex_lock(&last.lock);
    bool fresh = last.secrets && !strcmp(last.provider, provider) && monotonic_ms() - last.read_ms < FRESH_MS;
    if (fresh)
        *out = *last.secrets ? arena_strdup(ctx->arena, last.secrets) : NULL;
    pthread_mutex_unlock(&last.lock);
    return fresh;
}

static void remember(const char *provider, const char *secrets)
{
    char *copy = strdup(secrets);

    if (!copy)
        abort();
    pthread_mutex_lock(&last.lock);
    if (last.secrets)
        wipe(last.secrets, strlen(last.secrets));
    free(last.secrets);
    last.secrets = copy;
    last.read_ms = monotonic_ms();
    strncpy(last.provider, provider, sizeof last.provider - 1);
    pthread_mutex_unlock(&last.lock);
}

struct error *webhook_secrets(struct ctx *ctx, const char *provider, const char **out)
{
    struct buf joined = { .arena = ctx->arena };
    struct field_list kept;

    if (remembered(ctx, provider, out))
        return NULL;
    TRY(webhook_secret_rows(ctx, provider, &kept));
    const struct webhook_secret *list = kept.items;
    for (size_t i = 0; i < kept.count; i++) {
        struct bytes plain;
        TRY(unseal(ctx, place_of(ctx, list[i].id), list[i].secret, &plain));
        buf_printf(&joined, "%s%.*s", i ? "," : "", (int)plain.length, (const char *)plain.data);
    }
    remember(provider, buf_string(&joined));
    *out = kept.count ? buf_string(&joined) : NULL;
    return NULL;
}
