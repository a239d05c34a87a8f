#include "sandbox/control.h"

#include "base/arena.h"
#include "base/ctx.h"
#include "base/field.h"
#include "base/instant.h"
#include "sandbox/bank.h"
#include "sandbox/dashboard.h"
#include "sandbox/deliver.h"
#include "sandbox/dials.h"
#include "sandbox/index.h"
#include "sandbox/ledger.h"
#include "sandbox/memory.h"
#include "sandbox/replay.h"
#include "sandbox/schedule.h"
#include "sandbox/store.h"
#include "web/reply.h"

#include <curl/curl.h>
#include <string.h>

enum { TELL_MS = 5000 };

static void answer_json(struct request *r, int status, json_t *value)
{
    (void)reply_value(r, status, json_in(r->ctx->arena, value));
}

static void refuse(struct request *r, int status, const char *why)
{
    answer_json(r, status, json_pack("{s:s}", "error", why));
}

/* The body as JSON; NULL after an answer that says what is wrong. */
static json_t *read_json(struct request *r)
{
    json_t *value = NULL;

    if (!r->body.length)
        return json_in(r->ctx->arena, json_object());
    struct error *error = json_read(r->ctx, r->body, &value);
    if (!error)
        return value;
    refuse(r, 400, error->detail);
    return NULL;
}

/* Dials */

static void show_dials(struct sandbox *sandbox, struct request *r)
{
    answer_json(r, 200, dials_show(sandbox->dials));
}

static void set_dials(struct sandbox *sandbox, struct request *r)
{
    json_t *value = read_json(r);
    const char *wrong = value ? dials_set(sandbox->dials, value, strcmp(r->method, "POST") == 0) : NULL;

    if (wrong)
        refuse(r, 400, arena_strdup(r->ctx->arena, wrong));
    else if (value)
        show_dials(sandbox, r);
}

static void clear_dials(struct sandbox *sandbox, struct request *r)
{
    dials_clear(sandbox->dials);
    show_dials(sandbox, r);
}

/* The clock */

static json_t *clock_state(void)
{
    return made(
        json_pack("{s:I, s:I}", "now", (json_int_t)instant_to_unix(clock_now()), "offset", (json_int_t)clock_offset()));
}

static void show_clock(struct sandbox *sandbox, struct request *r)
{
    (void)sandbox;
    answer_json(r, 200, clock_state());
}

static size_t swallow(char *data, size_t size, size_t count, void *to)
{
    (void)data, (void)to;
    return size * count;
}

/* Tells Till how far the clock is off; its HTTP status, 0 when it was not reached. */
static long tell_till(struct sandbox *sandbox, struct ctx *ctx)
{
    const char *body = arena_printf(ctx->arena, "{\"offset\":%lld}", (long long)clock_offset());
    CURL *curl = curl_easy_init();
    struct curl_slist *headers = curl_slist_append(NULL, "Content-Type: application/json");
    long status = 0;

    if (!curl || !headers)
        return 0;
    if (sandbox->settings.shop_api_key)
        headers = curl_slist_append(headers,
            arena_printf(ctx->arena, "Authorization: Bearer %s", sandbox->settings.shop_api_key));
    curl_easy_setopt(curl, CURLOPT_URL, sandbox->settings.till_clock_url);
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(curl, CURLOPT_PROXY, "");
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(curl, CURLOPT_COPYPOSTFIELDS, body);
    curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, (long)TELL_MS);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, swallow);
    if (curl_easy_perform(curl) == CURLE_OK)
        curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
    curl_slist_free_all(headers);
    curl_easy_cleanup(curl);
    return status;
}

static void move_clock(struct sandbox *sandbox, struct request *r)
{
    const json_t *value = read_json(r);
    const json_t *advance = json_object_get(value, "advance"), *now = json_object_get(value, "now");
    long told = 0;

    if (!value)
        return;
    if (json_is_integer(advance)) {
        clock_set_offset(clock_offset() + json_integer_value(advance));
    } else if (json_is_integer(now)) {
        clock_set_offset(clock_offset() + json_integer_value(now) - instant_to_unix(clock_now()));
    } else {
        refuse(r, 400, "say {\"advance\": seconds} or {\"now\": unix time}");
        return;
    }
    sandbox_tick(sandbox, r->ctx);
    delivery_wake(sandbox->delivery);
    json_t *state = clock_state();
    if (sandbox->settings.till_clock_url) {
        pthread_mutex_unlock(&sandbox->lock); // Till may call us meanwhile
        told = tell_till(sandbox, r->ctx);
        pthread_mutex_lock(&sandbox->lock);
        set_int(state, "told", told);
    }
    answer_json(r, 200, state);
}

/* What happened */

static void show_ledger(struct sandbox *sandbox, struct request *r)
{
    struct call call = call_internal(sandbox, r->ctx);

    answer_json(r, 200, ledger_show(&call, request_query(r, "payment_id")));
}

static void show_deliveries(struct sandbox *sandbox, struct request *r)
{
    answer_json(r, 200, delivery_report(sandbox->delivery));
}

static void settle(struct sandbox *sandbox, struct request *r)
{
    struct call call = call_internal(sandbox, r->ctx);

    answer_json(r, 200, json_pack("{s:I}", "settled", (json_int_t)schedule_run(&call, true)));
}

void control_reset(struct sandbox *sandbox)
{
    store_free(sandbox->store);
    replays_free(sandbox->replays);
    schedule_free(sandbox->schedule);
    sandbox->store = store_new();
    sandbox->replays = replays_new();
    sandbox->schedule = schedule_new();
    dials_clear(sandbox->dials);
    delivery_clear(sandbox->delivery);
}

static void reset(struct sandbox *sandbox, struct request *r)
{
    control_reset(sandbox);
    clock_set_offset(0);
    answer_json(r, 200, clock_state());
}

static void dashboard(struct sandbox *sandbox, struct request *r)
{
    struct call call = call_internal(sandbox, r->ctx);
    const char *action = r->path + strlen("/sandbox/dashboard/");
    json_t *value = read_json(r);
    json_t *shown = NULL;

    if (!value)
        return;
    const struct failure *failure = dashboard_do(&call, action, value, &shown);
    if (failure)
        answer_json(r, failure->status, failure_body(&call, failure));
    else
        answer_json(r, 200, shown);
}

/* Everything here works under the lock. A path that ends with a slash stands for all below it. */
static const struct {
    const char *method, *path;
    void (*handle)(struct sandbox *sandbox, struct request *r);
} doors[] = {
    { "GET", "/sandbox", index_show },
    { "GET", "/sandbox/", index_show },
    { "GET", "/sandbox/sandbox.css", index_style },
    { "GET", "/sandbox/dials", show_dials },
    { "PUT", "/sandbox/dials", set_dials },
    { "POST", "/sandbox/dials", set_dials },
    { "DELETE", "/sandbox/dials", clear_dials },
    { "GET", "/sandbox/clock", show_clock },
    { "POST", "/sandbox/clock", move_clock },
    { "GET", "/sandbox/ledger", show_ledger },
    { "GET", "/sandbox/deliveries", show_deliveries },
    { "POST", "/sandbox/settle", settle },
    { "POST", "/sandbox/reset", reset },
    { "GET", "/sandbox/3ds.css", bank_style },
    { "GET", "/sandbox/3ds.js", bank_script },
    { "GET", "/sandbox/receipts/", index_receipt },
    { "GET", "/sandbox/3ds/", bank_ask },
    { "POST", "/sandbox/3ds/", bank_decide },
    { "POST", "/sandbox/dashboard/", dashboard },
};

static bool fits(const char *path, const char *asked)
{
    size_t length = strlen(path);

    if (strcmp(path, asked) == 0)
        return true;
    return length > strlen("/sandbox/") && path[length - 1] == '/' && strncmp(path, asked, length) == 0 && asked[length]
        && !strchr(asked + length, '/');
}

void control_handle(struct sandbox *sandbox, struct request *r)
{
    const char *method = strcmp(r->method, "HEAD") == 0 ? "GET" : r->method;
    bool known = false;

    reply_header(r, "Cache-Control", "no-store");
    for (size_t i = 0; i < sizeof doors / sizeof *doors; i++) {
        if (!fits(doors[i].path, r->path))
            continue;
        known = true;
        if (strcmp(doors[i].method, method) != 0)
            continue;
        pthread_mutex_lock(&sandbox->lock);
        doors[i].handle(sandbox, r);
        pthread_mutex_unlock(&sandbox->lock);
        return;
    }
    refuse(r, known ? 405 : 404, known ? "this address does not take the method" : "there is nothing at this address");
}
