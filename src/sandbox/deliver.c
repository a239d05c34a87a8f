#include "sandbox/deliver.h"

#include "base/arena.h"
#include "base/crypto.h"
#include "base/ctx.h"
#include "base/field.h"
#include "base/instant.h"
#include "base/log.h"
#include "sandbox/dials.h"
#include "sandbox/memory.h"
#include "sandbox/render.h"

#include <curl/curl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

enum { IN_FLIGHT = 16, TIMEOUT_SECONDS = 20, TRIES_KEPT = 500, TICK_MS = 250, RETRY_FLOOR_MS = 50 };

/* Pauses before each further try, in seconds of the sandbox's clock: three days in all. */
static const int64_t pauses[] = { 10, 60, 300, 1800, 7200, 21600, 43200, 86400, 86400 };

struct item {
    struct item *next;
    char *url, *secret, *event, *type, *body;
    int attempt;
    int64_t due_clock; // sandbox seconds
    int64_t due_ms;    // monotonic
    CURL *handle;      // while it is under way
    struct curl_slist *headers;
};

struct delivery {
    struct sandbox *sandbox;
    pthread_t thread;
    pthread_mutex_t lock; // for the four below
    struct item *waiting;
    struct item **last;
    size_t unfinished; // waiting or under way
    json_t *tries;
    CURLM *multi;
    size_t in_flight;
    bool stop;
};

static void item_free(struct item *item)
{
    if (item->handle)
        curl_easy_cleanup(item->handle);
    curl_slist_free_all(item->headers);
    free(item->url);
    free(item->secret);
    free(item->event);
    free(item->type);
    free(item->body);
    free(item);
}

static void enqueue(struct delivery *delivery, struct item *item)
{
    pthread_mutex_lock(&delivery->lock);
    item->next = NULL;
    *delivery->last = item;
    delivery->last = &item->next;
    delivery->unfinished++;
    pthread_mutex_unlock(&delivery->lock);
}

/* One that was under way is done with, or waits again. */
static void count_down(struct delivery *delivery)
{
    pthread_mutex_lock(&delivery->lock);
    delivery->unfinished -= delivery->unfinished > 0; // 0 after delivery_clear()
    pthread_mutex_unlock(&delivery->lock);
}

/* The first that is due by both clocks, out of the queue. */
static struct item *dequeue(struct delivery *delivery)
{
    int64_t clock = instant_to_unix(clock_now());
    int64_t ms = monotonic_ms();
    struct item *found = NULL;

    pthread_mutex_lock(&delivery->lock);
    for (struct item **at = &delivery->waiting; *at; at = &(*at)->next) {
        if ((*at)->due_clock > clock || (*at)->due_ms > ms)
            continue;
        found = *at;
        *at = found->next;
        if (delivery->last == &found->next)
            delivery->last = at;
        break;
    }
    pthread_mutex_unlock(&delivery->lock);
    return found;
}

static void queue_for(struct call *call, const char *url, const char *secret, const struct record *event, char *body)
{
    struct dials *dials = call->sandbox->dials;
    int times = dials_webhook_copies(dials);

    for (int i = 0; i < times; i++) {
        struct item *item = memory_new(sizeof *item);

        item->url = memory_text(url);
        item->secret = memory_text(secret);
        item->event = memory_text(event->id);
        item->type = memory_text(json_get_text(event->object, "type"));
        item->body = memory_text(body);
        item->due_ms = monotonic_ms() + dials_webhook_delay(dials);
        enqueue(call->sandbox->delivery, item);
    }
}

static char *body_for(struct call *call, const struct record *event, const char *version)
{
    json_t *copy = json_copy(event->object);

    if (version)
        set_text(copy, "api_version", version);
    json_t *shown = render(call, copy);
    char *body = json_dumps(shown, JSON_INDENT(2));
    json_decref(shown);
    json_decref(copy);
    if (!body)
        abort();
    return body;
}

static bool wants(const json_t *endpoint, const char *type)
{
    size_t i;
    json_t *entry;

    json_array_foreach(json_object_get(endpoint, "enabled_events"), i, entry)
    {
        if (strcmp(json_string_value(entry), "*") == 0 || strcmp(json_string_value(entry), type) == 0)
            return is_text(endpoint, "status", "enabled");
    }
    return false;
}

static size_t for_each_endpoint(struct call *call, struct record *event,
    void (*send)(struct call *, const char *url, const char *secret, const char *version, struct record *event))
{
    const struct settings *settings = &call->sandbox->settings;
    struct records endpoints = store_all(call->sandbox->store, KIND_ENDPOINT);
    const char *type = json_get_text(event->object, "type");
    size_t count = 0;

    if (settings->webhook_url && settings->webhook_secret) {
        send(call, settings->webhook_url, settings->webhook_secret, NULL, event);
        count++;
    }
    for (size_t i = 0; i < endpoints.count; i++) {
        const struct record *endpoint = endpoints.items[i];

        if (endpoint->deleted || !wants(endpoint->object, type))
            continue;
        send(call, json_get_text(endpoint->object, "url"), json_get_text(endpoint->hidden, "secret"),
            json_get_text(endpoint->object, "api_version"), event);
        count++;
    }
    return count;
}

static void count_only(struct call *call, const char *url, const char *secret, const char *version,
    struct record *event)
{
    (void)call, (void)url, (void)secret, (void)version, (void)event;
}

static void send_to(struct call *call, const char *url, const char *secret, const char *version, struct record *event)
{
    char *body = body_for(call, event, version);

    queue_for(call, url, secret, event, body);
    free(body);
}

void deliver_event(struct call *call, struct record *event)
{
    set_int(event->object, "pending_webhooks", (json_int_t)for_each_endpoint(call, event, count_only));
    if (for_each_endpoint(call, event, send_to))
        delivery_wake(call->sandbox->delivery);
}

const char *delivery_signature(struct ctx *ctx, const char *secret, int64_t time, const char *body)
{
    const char *text = arena_printf(ctx->arena, "%lld.%s", (long long)time, body);
    uint8_t mac[32];

    hmac_sha256(bytes_of(secret), bytes_of(text), mac);
    return arena_printf(ctx->arena, "t=%lld,v1=%s", (long long)time,
        hex_encode(ctx->arena, (struct bytes){ mac, sizeof mac }));
}

static size_t swallow(char *data, size_t size, size_t count, void *to)
{
    (void)data, (void)to;
    return size * count;
}

static void start(struct delivery *delivery, struct ctx *ctx, struct item *item)
{
    const char *signature = delivery_signature(ctx, item->secret, instant_to_unix(clock_now()), item->body);

    item->attempt++;
    item->handle = curl_easy_init();
    if (!item->handle)
        abort();
    item->headers = curl_slist_append(NULL, "Content-Type: application/json; charset=utf-8");
    item->headers = curl_slist_append(item->headers, "User-Agent: Stripe/1.0 (+https://stripe.com/docs/webhooks)");
    item->headers = curl_slist_append(item->headers, "Expect:");
    item->headers = curl_slist_append(item->headers, arena_printf(ctx->arena, "Stripe-Signature: %s", signature));
    curl_easy_setopt(item->handle, CURLOPT_URL, item->url);
    curl_easy_setopt(item->handle, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(item->handle, CURLOPT_PROXY, "");
    curl_easy_setopt(item->handle, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(item->handle, CURLOPT_HTTPHEADER, item->headers);
    curl_easy_setopt(item->handle, CURLOPT_POSTFIELDSIZE, (long)strlen(item->body));
    curl_easy_setopt(item->handle, CURLOPT_POSTFIELDS, item->body);
    curl_easy_setopt(item->handle, CURLOPT_TIMEOUT, (long)TIMEOUT_SECONDS);
    curl_easy_setopt(item->handle, CURLOPT_WRITEFUNCTION, swallow);
    curl_easy_setopt(item->handle, CURLOPT_PRIVATE, item);
    curl_multi_add_handle(delivery->multi, item->handle);
    delivery->in_flight++;
}

static void note(struct delivery *delivery, const struct item *item, long status)
{
    json_t *try = made(json_pack("{s:s, s:s, s:s, s:i, s:i, s:I}", "event", item->event, "type", item->type, "url",
        item->url, "attempt", item->attempt, "status", (int)status, "at", (json_int_t)instant_to_unix(clock_now())));

    pthread_mutex_lock(&delivery->lock);
    json_array_insert_new(delivery->tries, 0, try);
    if (json_array_size(delivery->tries) > TRIES_KEPT)
        json_array_remove(delivery->tries, TRIES_KEPT);
    pthread_mutex_unlock(&delivery->lock);
}

static void mark_delivered(struct sandbox *sandbox, const char *id)
{
    pthread_mutex_lock(&sandbox->lock);
    struct record *event = store_get(sandbox->store, KIND_EVENT, id);
    json_int_t pending = event ? json_get_int(event->object, "pending_webhooks") : 0;
    if (pending > 0)
        set_int(event->object, "pending_webhooks", pending - 1);
    pthread_mutex_unlock(&sandbox->lock);
}

static void again_later(struct delivery *delivery, struct item *item)
{
    size_t tried = (size_t)item->attempt - 1;

    curl_easy_cleanup(item->handle);
    item->handle = NULL;
    curl_slist_free_all(item->headers);
    item->headers = NULL;
    if (tried >= sizeof pauses / sizeof *pauses) {
        item_free(item);
        return;
    }
    pthread_mutex_lock(&delivery->sandbox->lock);
    int64_t real = dials_webhook_retry_ms(delivery->sandbox->dials);
    pthread_mutex_unlock(&delivery->sandbox->lock);
    item->due_ms = monotonic_ms() + (real ? real : RETRY_FLOOR_MS);
    item->due_clock = real ? 0 : instant_to_unix(clock_now()) + pauses[tried];
    enqueue(delivery, item);
}

static void finish(struct delivery *delivery, CURLMsg *message)
{
    struct item *item = NULL;
    long status = 0;

    curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &item);
    if (message->data.result == CURLE_OK)
        curl_easy_getinfo(message->easy_handle, CURLINFO_RESPONSE_CODE, &status);
    curl_multi_remove_handle(delivery->multi, message->easy_handle);
    delivery->in_flight--;
    note(delivery, item, status);
    if (status < 200 || status > 299) {
        again_later(delivery, item);
    } else {
        mark_delivered(delivery->sandbox, item->event);
        item_free(item);
    }
    count_down(delivery);
}

static void step(struct delivery *delivery, struct ctx *ctx)
{
    struct item *item;
    int running, left;
    CURLMsg *message;

    while (delivery->in_flight < IN_FLIGHT && (item = dequeue(delivery)))
        start(delivery, ctx, item);
    curl_multi_perform(delivery->multi, &running);
    while ((message = curl_multi_info_read(delivery->multi, &left))) {
        if (message->msg == CURLMSG_DONE)
            finish(delivery, message);
    }
}

/* How long the thread may sleep: until the next item of the real clock, at most a tick. */
static int pause_ms(struct delivery *delivery)
{
    int64_t now = monotonic_ms();
    int64_t pause = TICK_MS;

    pthread_mutex_lock(&delivery->lock);
    for (const struct item *item = delivery->waiting; item; item = item->next) {
        if (item->due_ms > now && item->due_ms - now < pause)
            pause = item->due_ms - now;
    }
    pthread_mutex_unlock(&delivery->lock);
    return (int)pause;
}

static void *run(void *argument)
{
    struct delivery *delivery = argument;
    struct sandbox *sandbox = delivery->sandbox;
    struct ctx ctx = { .arena = arena_new() };

    while (!__atomic_load_n(&delivery->stop, __ATOMIC_ACQUIRE)) {
        pthread_mutex_lock(&sandbox->lock);
        arena_reset(ctx.arena); // it may hold references to objects of the store
        sandbox_tick(sandbox, &ctx);
        pthread_mutex_unlock(&sandbox->lock);
        step(delivery, &ctx);
        curl_multi_poll(delivery->multi, NULL, 0, pause_ms(delivery), NULL);
    }
    arena_free(ctx.arena);
    return NULL;
}

struct delivery *delivery_start(struct sandbox *sandbox)
{
    struct delivery *delivery = memory_new(sizeof *delivery);

    delivery->sandbox = sandbox;
    pthread_mutex_init(&delivery->lock, NULL);
    delivery->last = &delivery->waiting;
    delivery->tries = made(json_array());
    delivery->multi = curl_multi_init();
    sandbox->delivery = delivery; // before the thread asks for it
    if (!delivery->multi || pthread_create(&delivery->thread, NULL, run, delivery) != 0)
        abort();
    return delivery;
}

void delivery_wake(struct delivery *delivery)
{
    curl_multi_wakeup(delivery->multi);
}

void delivery_clear(struct delivery *delivery)
{
    pthread_mutex_lock(&delivery->lock);
    struct item *item = delivery->waiting;
    delivery->waiting = NULL;
    delivery->last = &delivery->waiting;
    delivery->unfinished = 0;
    json_array_clear(delivery->tries);
    pthread_mutex_unlock(&delivery->lock);
    while (item) {
        struct item *next = item->next;

        item_free(item);
        item = next;
    }
}

void delivery_stop(struct delivery *delivery)
{
    __atomic_store_n(&delivery->stop, true, __ATOMIC_RELEASE);
    delivery_wake(delivery);
    pthread_join(delivery->thread, NULL);
    delivery_clear(delivery);
    curl_multi_cleanup(delivery->multi);
    json_decref(delivery->tries);
    pthread_mutex_destroy(&delivery->lock);
    free(delivery);
}

json_t *delivery_report(struct delivery *delivery)
{
    pthread_mutex_lock(&delivery->lock);
    json_t *report =
        made(json_pack("{s:i, s:o}", "waiting", (int)delivery->unfinished, "tries", json_deep_copy(delivery->tries)));
    pthread_mutex_unlock(&delivery->lock);
    return report;
}
