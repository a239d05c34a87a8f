#include "http/breaker.h"

#include <pthread.h>
#include <string.h>

#include "base/config.h"
#include "base/ctx.h"
#include "base/instant.h"
#include "base/log.h"
#include "db/db.h"

#define CACHE_MS 1000
#define PROBE_WAIT 2    // seconds: while another's probe is on its way
#define PROBE_MARGIN 10 // seconds that a probe may take beyond its time limit

const char *const breaker_state_names[] = { "closed", "open", "half_open", NULL };

struct breaker {
    enum breaker_state state;
    int failures;
    int64_t wait; // seconds until it half-opens
};

static const struct field columns[] = {
    FIELD(struct breaker, state, .names = breaker_state_names),
    FIELD(struct breaker, failures),
    FIELD(struct breaker, wait),
    FIELD_END,
};

#define COLUMNS                                                                                                        \
    " CASE WHEN b.opened_until IS NULL THEN 'closed'"                                                                  \
    "      WHEN b.opened_until > now() THEN 'open' ELSE 'half_open' END AS state,"                                     \
    " b.failures, coalesce(ceil(extract(epoch FROM b.opened_until - now())), 0)::bigint AS wait"

/* What this process last saw, a line for each provider. There are few, and none ever leaves. */
static struct {
    pthread_mutex_t lock;
    struct {
        char provider[32];
        int64_t seen_at;
        struct breaker breaker;
    } lines[16];
} cache = { .lock = PTHREAD_MUTEX_INITIALIZER };

static bool recall(const char *provider, struct breaker *out)
{
    int64_t now = monotonic_ms();
    bool found = false;

    pthread_mutex_lock(&cache.lock);
    for (size_t i = 0; i < sizeof(cache.lines) / sizeof(cache.lines[0]) && !found; i++) {
        found = strcmp(cache.lines[i].provider, provider) == 0 && now - cache.lines[i].seen_at < CACHE_MS;
        if (found)
            *out = cache.lines[i].breaker;
    }
    pthread_mutex_unlock(&cache.lock);
    return found;
}

static void remember(const char *provider, const struct breaker *breaker)
{
    size_t length = strlen(provider);

    if (length >= sizeof(cache.lines[0].provider))
        return;
    pthread_mutex_lock(&cache.lock);
    for (size_t i = 0; i < sizeof(cache.lines) / sizeof(cache.lines[0]); i++) {
        if (*cache.lines[i].provider && strcmp(cache.lines[i].provider, provider) != 0)
            continue;
        memcpy(cache.lines[i].provider, provider, length + 1);
        cache.lines[i].seen_at = monotonic_ms();
        cache.lines[i].breaker = *breaker;
        break;
    }
    pthread_mutex_unlock(&cache.lock);
}

static struct error *look(struct ctx *ctx, const char *provider, struct breaker *out)
{
    SQL(get, "SELECT" COLUMNS " FROM breakers b WHERE b.provider = $1");
    bool found;

    if (recall(provider, out))
        return NULL;
    TRY(db_maybe(ctx, &get, PARAMS(P(provider)), columns, out, &found));
    if (!found)
        *out = (struct breaker){ .state = BREAKER_CLOSED };
    remember(provider, out);
    return NULL;
}

/* The database decides which of all processes sends the one probe. */
static struct error *take_probe(struct ctx *ctx, const char *provider, bool *taken)
{
    SQL(probe,
        "UPDATE breakers SET probe_until = now() + $2 * interval '1 second', updated_at = now()"
        " WHERE provider = $1 AND opened_until <= now() AND (probe_until IS NULL OR probe_until <= now())");
    int64_t seconds = ctx->config->provider_timeout_ms / 1000 + PROBE_MARGIN;
    int64_t affected;

    TRY(db_exec(ctx, &probe, PARAMS(P(provider), P(seconds)), &affected));
    *taken = affected == 1;
    return NULL;
}

static struct error *close_it(struct ctx *ctx, const char *provider)
{
    // a success that began before the breaker opened must not close it early
    SQL(close,
        "UPDATE breakers SET failures = 0, opened_until = NULL, probe_until = NULL, updated_at = now()"
        " WHERE provider = $1 AND (opened_until IS NULL OR opened_until <= now())");
    struct breaker closed = { .state = BREAKER_CLOSED };
    int64_t affected;

    TRY(db_exec(ctx, &close, PARAMS(P(provider)), &affected));
    if (affected)
        remember(provider, &closed);
    return NULL;
}

static struct error *count_failure(struct ctx *ctx, const char *provider, struct breaker *out)
{
    SQL(count,
        "INSERT INTO breakers AS b (provider, failures, opened_until, updated_at)"
        " VALUES ($1, 1, CASE WHEN $2::bigint <= 1 THEN now() + $3 * interval '1 second' END, now())"
        " ON CONFLICT (provider) DO UPDATE"
        " SET failures = b.failures + 1,"
        "     opened_until = CASE WHEN b.opened_until > now() THEN b.opened_until"
        "         WHEN b.opened_until IS NOT NULL OR b.failures + 1 >= $2::bigint"
        "         THEN now() + $3 * interval '1 second' END,"
        "     probe_until = NULL, updated_at = now()"
        " RETURNING" COLUMNS);

    TRY(db_one(ctx, &count, PARAMS(P(provider), P(ctx->config->breaker_threshold), P(ctx->config->breaker_seconds)),
        columns, out));
    remember(provider, out);
    return NULL;
}

static struct error *count(struct ctx *ctx, const char *provider, bool success)
{
    struct breaker before, after;

    TRY(look(ctx, provider, &before));
    if (success) {
        if (before.state == BREAKER_OPEN || (before.state == BREAKER_CLOSED && !before.failures))
            return NULL;
        if (before.state == BREAKER_HALF_OPEN)
            log_info(ctx, "breaker.closed", "%s answers again", provider);
        return close_it(ctx, provider);
    }
    TRY(count_failure(ctx, provider, &after));
    if (after.state == BREAKER_OPEN && before.state != BREAKER_OPEN)
        log_warn(ctx, "breaker.opened", "%s failed %d times in a row; new payments wait %jd s", provider,
            after.failures, (intmax_t)after.wait);
    return NULL;
}

static void log_failure(struct ctx *ctx, const struct error *error)
{
    log_warn(ctx, "breaker.store", "the breaker's row could not be used: %s",
        error->cause ? error->cause : error->detail);
}

void breaker_count(struct ctx *ctx, const char *provider, bool success)
{
    if (!ctx->db) // a command that works without a database
        return;

    struct error *error = count(ctx, provider, success);
    if (error)
        log_failure(ctx, error);
}

enum breaker_state breaker_state(struct ctx *ctx, const char *provider)
{
    struct breaker breaker = { .state = BREAKER_CLOSED };
    struct error *error = ctx->db ? look(ctx, provider, &breaker) : NULL;

    if (error)
        log_failure(ctx, error);
    return breaker.state;
}

static struct error *check(struct ctx *ctx, const char *provider, int64_t *wait)
{
    struct breaker breaker;
    bool taken = false;

    *wait = 0;
    TRY(look(ctx, provider, &breaker));
    if (breaker.state == BREAKER_HALF_OPEN) {
        TRY(take_probe(ctx, provider, &taken));
        *wait = taken ? 0 : PROBE_WAIT;
    } else if (breaker.state == BREAKER_OPEN) {
        *wait = breaker.wait > 0 ? breaker.wait : 1;
    }
    return NULL;
}

struct error *breaker_check(struct ctx *ctx, const char *provider)
{
    int64_t wait = 0;
    struct error *error = ctx->db ? check(ctx, provider, &wait) : NULL;

    if (error)
        log_failure(ctx, error);
    if (error || !wait)
        return NULL;

    struct error *open = error_new(ctx, E_PROVIDER_UNAVAILABLE,
        "the payment provider has not answered lately; please try again in %jd seconds", (intmax_t)wait);
    open->retry_after = (int)wait;
    open->outcome = "not_attempted";
    return open;
}
