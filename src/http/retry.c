#include "http/retry.h"

#include <pthread.h>
#include <string.h>
#include <time.h>

#include "base/crypto.h"
#include "base/ctx.h"
#include "base/instant.h"
#include "http/breaker.h"

#define TRIES 3
#define WAIT_MS 500
#define WAIT_AT_MOST_MS 5000
#define WORTH_TRYING_MS 200 // with less time left, a try would only time out

/* The budget counts tenths of a retry: it starts full, a first try earns one tenth, a retry spends ten. */
#define BUDGET_FULL 200
#define BUDGET_RETRY 10

static pthread_mutex_t budget_lock = PTHREAD_MUTEX_INITIALIZER;
static int budget = BUDGET_FULL; // under budget_lock

bool retry_budget(bool retry)
{
    bool allowed = true;

    pthread_mutex_lock(&budget_lock);
    if (!retry)
        budget += budget < BUDGET_FULL;
    else if (budget >= BUDGET_RETRY)
        budget -= BUDGET_RETRY;
    else
        allowed = false;
    pthread_mutex_unlock(&budget_lock);
    return allowed;
}

int64_t retry_wait_ms(int n, uint32_t random)
{
    int64_t longest = WAIT_MS;

    while (--n > 0 && longest < WAIT_AT_MOST_MS)
        longest *= 2;
    if (longest > WAIT_AT_MOST_MS)
        longest = WAIT_AT_MOST_MS;

    int64_t wait = longest / 2 + longest / 2 * (int64_t)random / UINT32_MAX;
    return wait < WAIT_MS ? WAIT_MS : wait;
}

/* A conflict with a request that still runs, or too many at once: the server turned it away before it began. */
static bool turned_away(const struct http_response *response)
{
    if (response->result == HTTP_ANSWERED)
        return response->status == 409 || response->status == 429;
    return response->result == HTTP_NOT_SENT;
}

static bool is_failure(const struct http_response *response)
{
    return response->result != HTTP_ANSWERED || response->status >= 500;
}

static bool says(const char *header, const char *word)
{
    return header && strcmp(header, word) == 0;
}

static bool may_repeat(const struct http_response *response, bool idempotent)
{
    if (says(response->should_retry, "false"))
        return false;
    if (turned_away(response))
        return true;
    return idempotent && (is_failure(response) || says(response->should_retry, "true"));
}

static int64_t wait_before(int retry, const struct http_response *response)
{
    uint32_t random;

    crypto_random(&random, sizeof(random));
    int64_t wait = retry_wait_ms(retry, random);
    int64_t asked = (int64_t)response->retry_after * 1000;
    return asked > wait ? asked : wait;
}

static void sleep_ms(int64_t ms)
{
    struct timespec left = { .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000 };

    while (nanosleep(&left, &left) != 0)
        ;
}

/* 429 says nothing about the provider's health, and neither does an address that we refused ourselves. */
static void count(struct ctx *ctx, const char *provider, const struct http_response *response)
{
    if (response->result == HTTP_ANSWERED && response->status == 429)
        return;
    breaker_count(ctx, provider, !is_failure(response));
}

void http_send_retrying(struct ctx *ctx, const char *provider, const struct http_request *request, bool idempotent,
    struct http_response *response)
{
    int64_t deadline = monotonic_ms() + request->timeout_ms;
    struct http_request one = *request;
    bool maybe_executed = false;

    retry_budget(false);
    for (int retry = 1;; retry++) {
        http_send(ctx, &one, response);
        maybe_executed |= response->repeated || (!turned_away(response) && is_failure(response));
        if (retry == TRIES || !may_repeat(response, idempotent))
            break;

        int64_t wait = wait_before(retry, response);
        one.timeout_ms = deadline - monotonic_ms() - wait;
        if (one.timeout_ms < WORTH_TRYING_MS || !retry_budget(true))
            break;
        sleep_ms(wait);
    }
    count(ctx, provider, response);
    if (maybe_executed && turned_away(response)) {
        response->result = HTTP_LOST;
        response->cause = "an earlier try may have been executed";
    }
}
