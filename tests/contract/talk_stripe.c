/* Calls the Stripe adapter as it is told, for stripe_sandbox.test.js: a JSON line comes in for each call, a JSON line goes
 * out for what came of it.
 *
 *     {"call": "confirm", "reference": "pi_…", "key": "k1", "method": "pm_card_visa", "within": 2500} */

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/config.h"
#include "base/crypto.h"
#include "base/ctx.h"
#include "base/log.h"
#include "http/client.h"
#include "show.h"

static struct config config;
static struct ctx ctx;
static const struct provider *stripe;

static const char *text(const json_t *asked, const char *name)
{
    return json_get_text(asked, name);
}

static struct money amount(const json_t *asked)
{
    struct money money = { .minor = json_get_int(asked, "minor") };

    snprintf(money.currency, sizeof(money.currency), "%s", text(asked, "currency") ? text(asked, "currency") : "USD");
    return money;
}

static json_t *create(const json_t *asked)
{
    struct charge_request request = {
        .payment_id = text(asked, "payment_id"),
        .attempt_id = "att_1",
        .key = text(asked, "key"),
        .amount = amount(asked),
        .capture = !json_get_bool(asked, "manual"),
        .customer = text(asked, "customer"),
    };
    struct outcome outcome = stripe->create(&ctx, &request);

    return show_outcome(&outcome);
}

static json_t *confirm(const json_t *asked)
{
    struct confirm_request request = {
        .reference = text(asked, "reference"),
        .key = text(asked, "key"),
        .method = text(asked, "method"),
        .return_url = "https://shop.example/back",
        .off_session = json_get_bool(asked, "off_session"),
        .force_3ds = json_get_bool(asked, "force_3ds"),
    };
    struct outcome outcome = stripe->confirm(&ctx, &request);

    return show_outcome(&outcome);
}

static json_t *capture(const json_t *asked)
{
    struct capture_request request = { text(asked, "reference"), text(asked, "key"), amount(asked), true };
    struct outcome outcome = stripe->capture(&ctx, &request);

    return show_outcome(&outcome);
}

static json_t *cancel(const json_t *asked)
{
    struct cancel_request request = { text(asked, "reference"), text(asked, "key"), text(asked, "reason") };
    struct outcome outcome = stripe->cancel(&ctx, &request);

    return show_outcome(&outcome);
}

static json_t *refund(const json_t *asked)
{
    struct reversal reversal = {
        .refund_id = text(asked, "refund_id"),
        .key = text(asked, "key"),
        .reference = text(asked, "reference"),
        .amount = amount(asked),
        .reason = text(asked, "reason"),
    };
    struct outcome outcome = stripe->refund(&ctx, &reversal);

    return show_outcome(&outcome);
}

static json_t *fetch(const json_t *asked)
{
    struct snapshot snapshot;
    struct error *error = stripe->fetch(&ctx, text(asked, "reference"), &snapshot);

    return show_found(error, error ? json_null() : show_snapshot(&snapshot));
}

static json_t *find(const json_t *asked)
{
    struct instant since = instant_of_unix(json_get_int(asked, "since"));
    struct snapshot snapshot;
    struct error *error = stripe->find(&ctx, text(asked, "payment_id"), since, &snapshot);

    return show_found(error, error ? json_null() : show_snapshot(&snapshot));
}

static json_t *fetch_refund(const json_t *asked)
{
    struct refund_view view;
    struct error *error = stripe->fetch_refund(&ctx, text(asked, "reference"), &view);

    return show_found(error, error ? json_null() : show_refund(&view));
}

static json_t *create_customer(const json_t *asked)
{
    struct customer_request request = { text(asked, "customer_id"), text(asked, "key"), text(asked, "email"), NULL };
    const char *reference = NULL;
    struct error *error = stripe->create_customer(&ctx, &request, &reference);

    return show_found(error, error ? json_null() : json_string(reference));
}

static json_t *list_events(const json_t *asked)
{
    struct instant since = instant_of_unix(json_get_int(asked, "since"));
    struct provider_event *events;
    json_t *found = json_array();
    size_t count = 0;
    struct error *error =
        stripe->list_events(&ctx, since, text(asked, "after"), (int)json_get_int(asked, "limit"), &events, &count);

    for (size_t i = 0; i < count; i++)
        json_array_append_new(found,
            json_pack("{s:s, s:s, s:s?}", "id", events[i].id, "type", events[i].type, "payment",
                events[i].payment_reference));
    return show_found(error, found);
}

static const struct {
    const char *name;
    json_t *(*call)(const json_t *asked);
} calls[] = {
    { "create", create },
    { "confirm", confirm },
    { "capture", capture },
    { "cancel", cancel },
    { "refund", refund },
    { "fetch", fetch },
    { "find", find },
    { "fetch_refund", fetch_refund },
    { "create_customer", create_customer },
    { "list_events", list_events },
};

static void answer(const char *line)
{
    json_t *asked = json_in(ctx.arena, json_loads(line, 0, NULL));
    const char *name = text(asked, "call");
    int64_t within = json_get_int(asked, "within");

    ctx.deadline_ms = within ? monotonic_ms() + within : 0;
    for (size_t i = 0; name && i < sizeof(calls) / sizeof(calls[0]); i++)
        if (strcmp(calls[i].name, name) == 0)
            show(name, calls[i].call(asked));
    arena_reset(ctx.arena);
}

int main(void)
{
    char line[4096];

    signal(SIGPIPE, SIG_IGN);
    crypto_init();
    http_init();
    log_set_level(LOG_ERROR);
    config = (struct config){
        .mode = MODE_TEST,
        .stripe_secret_key = getenv("STRIPE_SECRET_KEY"),
        .stripe_api_url = getenv("STRIPE_API_URL"),
        .stripe_api_version = getenv("STRIPE_API_VERSION"),
        .provider_timeout_ms = 10000,
    };
    if (!config.stripe_secret_key || !config.stripe_api_url || !config.stripe_api_version)
        return 2;
    ctx = (struct ctx){ .arena = arena_new(),
        .config = &config,
        .http = http_open(),
        .now = clock_now(),
        .trace = "talk" };
    stripe = provider_named("stripe");
    while (fgets(line, sizeof(line), stdin))
        answer(line);
    http_close(ctx.http);
    arena_free(ctx.arena);
    return 0;
}
