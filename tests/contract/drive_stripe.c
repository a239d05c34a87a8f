/* Calls every function of the Stripe adapter in many shapes, for stripe_requests.test.js, which is the Stripe it talks to:
 *
 *     STRIPE_API_URL=http://127.0.0.1:… STRIPE_API_VERSION=… drive_stripe
 *
 * Prints a JSON line for each call: its name and what came of it. */

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/config.h"
#include "base/crypto.h"
#include "base/ctx.h"
#include "base/field.h"
#include "base/log.h"
#include "http/client.h"
#include "payments/dispute_api.h"
#include "payments/evidence.h"
#include "provider/provider.h"
#include "show.h"

static struct config config;
static struct ctx ctx;
static const struct provider *stripe;

static json_t *full_metadata(void)
{
    json_t *metadata = json_in(ctx.arena, json_object());

    json_object_set_new(metadata, "order", json_string("A-1 & \"B\" + ü 100%"));
    json_object_set_new(metadata, "payment_id", json_string("pay_of_somebody_else"));
    json_object_set_new(metadata, "count", json_integer(3));
    json_object_set_new(metadata, "gift", json_true());
    json_object_set_new(metadata, "bad[key]", json_string("x"));
    json_object_set_new(metadata, "a_key_that_is_longer_than_the_forty_characters", json_string("x"));
    json_object_set_new(metadata, "empty", json_string(""));
    for (int i = 0; i < 60; i++)
        json_object_set_new(metadata, arena_printf(ctx.arena, "k%02d", i), json_string("v"));
    return metadata;
}

static void create(void)
{
    const struct {
        const char *call;
        struct charge_request request;
    } calls[] = {
        { "create.full",
            { "pay_1", "att_1", "pay:att_1:create", { 1099, "USD" }, true, "cus_1", "Two tickets, row \"7\" & drinks",
                "SHOP*TICKETS 2026 <vip>", "order-17", full_metadata(), true,
                (const char *const[]){ "card", "sepa_debit", NULL }, false } },
        { "create.bare",
            { .payment_id = "pay_2",
                .attempt_id = "att_2",
                .key = "k2",
                .amount = { 50, "EUR" },
                .multicapture = true } },
        { "create.jpy", { "pay_3", "att_3", "k3", { 500, "JPY" }, true, NULL, "", "", "", NULL, false, NULL, false } },
        { "create.isk",
            { "pay_4", "att_4", "k4", { 5, "ISK" }, true, NULL, NULL, "2026", NULL, NULL, false, NULL, false } },
        { "create.kwd",
            { "pay_5", "att_5", "k5", { 5120, "KWD" }, true, NULL, NULL, NULL, NULL, NULL, false, NULL, false } },
        { "create.inexact",
            { "pay_6", "att_6", "k6", { 5124, "KWD" }, true, NULL, NULL, NULL, NULL, NULL, false, NULL, false } },
        { "create.mga",
            { "pay_7", "att_7", "k7", { 500000, "MGA" }, true, NULL, NULL, NULL, NULL, NULL, false, NULL, false } },
    };

    for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
        struct outcome outcome = stripe->create(&ctx, &calls[i].request);

        show(calls[i].call, show_outcome(&outcome));
    }
}

static void confirm(void)
{
    const char *back = "https://shop.example/back?order=17&x=ü";
    const struct {
        const char *call;
        struct confirm_request request;
    } calls[] = {
        { "confirm.card", { "pi_succeeded", "k10", "pm_card_visa", back, false, false, NULL, false } },
        { "confirm.kept", { "pi_succeeded", "k11", NULL, back, false, false, NULL, false } },
        { "confirm.off_session", { "pi_succeeded", "k12", "pm_1", back, true, false, NULL, false } },
        { "confirm.3ds", { "pi_action", "k13", "pm_1", back, false, true, NULL, false } },
        { "confirm.declined", { "pi_declined", "k14", "pm_1", back, false, false, NULL, false } },
        { "confirm.no_method", { "pi_no_method", "k15", "pm_gone", back, false, false, NULL, false } },
    };

    for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
        struct outcome outcome = stripe->confirm(&ctx, &calls[i].request);

        show(calls[i].call, show_outcome(&outcome));
    }
}

static void capture(void)
{
    const struct {
        const char *call;
        struct capture_request request;
    } calls[] = {
        { "capture.all", { "pi_succeeded", "k20", { 1000, "USD" }, true } },
        { "capture.some", { "pi_partial", "k21", { 600, "USD" }, true } },
        { "capture.not_the_last", { "pi_partial", "k22", { 600, "USD" }, false } },
        { "capture.nothing_more", { "pi_partial", "k24", { 0, "USD" }, true } },
        { "capture.isk", { "pi_succeeded", "k23", { 7, "ISK" }, true } },
    };

    for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
        struct outcome outcome = stripe->capture(&ctx, &calls[i].request);

        show(calls[i].call, show_outcome(&outcome));
    }
}

static void cancel(void)
{
    const char *const reasons[] = { NULL, "duplicate", "fraudulent", "requested_by_customer", "abandoned", "expired" };

    for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++) {
        struct cancel_request request = { "pi_canceled", "k30", reasons[i] };
        struct outcome outcome = stripe->cancel(&ctx, &request);

        show(arena_printf(ctx.arena, "cancel.%s", reasons[i] ? reasons[i] : "none"), show_outcome(&outcome));
    }
}

static void refund(void)
{
    const struct {
        const char *call;
        struct reversal reversal;
    } calls[] = {
        { "refund.known", { "ref_1", "ref:1", "pi_succeeded", { 1000, "USD" }, "duplicate" } },
        { "refund.words", { "ref_2", "ref:2", "pi_succeeded", { 1, "USD" }, "The concert was called off + sorry" } },
        { "refund.none", { "ref_3", "ref:3", "pi_succeeded", { 500, "JPY" }, NULL } },
        { "refund.again", { "ref_4", "ref:4", "pi_refunded", { 500, "USD" }, "" } },
    };

    for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
        struct outcome outcome = stripe->refund(&ctx, &calls[i].reversal);

        show(calls[i].call, show_outcome(&outcome));
    }
}

static void fetch(void)
{
    const char *const ids[] = { "pi_succeeded", "pi_waiting", "pi_refunded", "pi_partial", "pi_disputed", "pi_declined",
        "pi_missing" };

    for (size_t i = 0; i < sizeof(ids) / sizeof(ids[0]); i++) {
        struct snapshot snapshot;
        struct error *error = stripe->fetch(&ctx, ids[i], &snapshot);

        show(arena_printf(ctx.arena, "fetch.%s", ids[i]),
            show_found(error, error ? json_null() : show_snapshot(&snapshot)));
    }
}

static void find(void)
{
    const char *const ids[] = { "pay_searched", "pay_listed", "pay_nowhere" };

    for (size_t i = 0; i < sizeof(ids) / sizeof(ids[0]); i++) {
        struct snapshot snapshot;
        struct error *error = stripe->find(&ctx, ids[i], instant_of_unix(1700000000), &snapshot);

        show(arena_printf(ctx.arena, "find.%s", ids[i]),
            show_found(error, error ? json_null() : show_snapshot(&snapshot)));
    }
}

static void fetch_others(void)
{
    struct refund_view refund;
    struct method_view method;
    struct error *error = stripe->fetch_refund(&ctx, "re_1", &refund);

    show("fetch_refund", show_found(error, error ? json_null() : show_refund(&refund)));
    error = stripe->fetch_method(&ctx, "pm_1", &method);
    show("fetch_method",
        show_found(error, error ? json_null() : json_pack("{s:s, s:s}", "type", method.type, "last4", method.last4)));
}

static void customers(void)
{
    const struct {
        const char *call;
        struct customer_request request;
    } calls[] = {
        { "customer.full", { "cust_1", "cust:1:create", "ann+test@example.com", "Änne O'Neill" } },
        { "customer.bare", { "cust_2", "cust:2:create", NULL, NULL } },
    };

    for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
        const char *reference = NULL;
        struct error *error = stripe->create_customer(&ctx, &calls[i].request, &reference);

        show(calls[i].call, show_found(error, error ? json_null() : json_string(reference)));
    }
    show("customer.update", show_found(stripe->update_customer(&ctx, "cus_1", &calls[0].request), json_null()));
    show("customer.delete", show_found(stripe->delete_customer(&ctx, "cus_1"), json_null()));
}

static json_t *show_setup(const struct setup_view *setup)
{
    return json_pack("{s:s, s:s, s:s?, s:s?, s:s, s:s?, s:s?, s:s?}", "reference", setup->reference, "state",
        provider_state_names[setup->state], "method", setup->method.id, "method_id", setup->method_id, "decline",
        decline_class_names[setup->decline.kind], "next_action", setup->next_action, "next_action_url",
        setup->next_action_url, "mandate", setup->mandate);
}

static void setups(void)
{
    const char *back = "https://shop.example/back";
    const struct {
        const char *call;
        struct confirm_request request;
    } calls[] = {
        { "setup.confirm", { "seti_succeeded", "k50", "pm_1", back, false, false, NULL, false } },
        { "setup.action", { "seti_action", "k51", "pm_1", back, false, false, NULL, false } },
        { "setup.declined", { "seti_declined", "k52", "pm_1", back, false, false, NULL, false } },
        { "setup.no_method", { "seti_no_method", "k53", "pm_gone", back, false, false, NULL, false } },
    };
    struct setup_request requests[] = { { "pm_any", "pm:1:create", "cus_1", NULL },
        { "pm_sepa", "pm:2:create", "cus_1", "sepa_debit" } };
    struct setup_view setup;

    for (size_t i = 0; i < sizeof(requests) / sizeof(requests[0]); i++) {
        struct error *error = stripe->create_setup(&ctx, &requests[i], &setup);

        show(arena_printf(ctx.arena, "setup.create.%s", requests[i].method_id),
            show_found(error, error ? json_null() : show_setup(&setup)));
    }
    for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
        struct outcome outcome = stripe->confirm_setup(&ctx, &calls[i].request);
        json_t *shown = show_outcome(&outcome);

        if (outcome.setup.reference)
            json_object_set_new(shown, "setup", show_setup(&outcome.setup));
        show(calls[i].call, shown);
    }
    struct error *error = stripe->fetch_setup(&ctx, "seti_succeeded", &setup);
    show("setup.fetch", show_found(error, error ? json_null() : show_setup(&setup)));
    show("setup.cancel", show_found(stripe->cancel_setup(&ctx, "seti_action", "k54"), json_null()));
    show("setup.cancel_done", show_found(stripe->cancel_setup(&ctx, "seti_succeeded", "k55"), json_null()));
}

static void methods(void)
{
    struct method_change change = { "pm_1", "k60", 7, 2031, "Ann", "ann+1@example.org", "+49 30 1", "1 Main St", "",
        "Berlin", "BE", "10115", "DE" };
    struct method_view method;
    bool active = false;
    struct error *error = stripe->update_method(&ctx, &change, &method);

    show("method.update", show_found(error, error ? json_null() : json_string(method.id)));
    show("method.detach", show_found(stripe->detach_method(&ctx, "pm_1", "k61"), json_null()));
    show("method.detach_gone", show_found(stripe->detach_method(&ctx, "pm_gone", "k62"), json_null()));
    show("method.keep",
        show_found(stripe->keep_method(&ctx, "pi_succeeded", true, (const char *const[]){ "card", NULL }, "k63"),
            json_null()));
    show("method.keep_not", show_found(stripe->keep_method(&ctx, "pi_succeeded", false, NULL, "k64"), json_null()));
    error = stripe->fetch_mandate(&ctx, "mandate_1", &active);
    show("mandate", show_found(error, json_boolean(active)));
}

static void events(void)
{
    const struct {
        const char *call, *after;
        int limit;
    } calls[] = {
        { "events.since", NULL, 100 },
        { "events.first", NULL, 2 },
        { "events.after", "evt_1", 150 },
        { "events.after_forgotten", "evt_forgotten", 100 },
    };

    for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
        struct provider_event *list;
        json_t *found = json_array();
        size_t count = 0;
        struct error *error =
            stripe->list_events(&ctx, instant_of_unix(1700000000), calls[i].after, calls[i].limit, &list, &count);

        for (size_t n = 0; n < count; n++)
            json_array_append_new(found, json_pack("[s, s?]", list[n].id, list[n].payment_reference));
        show(calls[i].call, show_found(error, found));
    }
}

static void movements(void)
{
    const struct {
        const char *call;
        struct movement_query query;
    } calls[] = {
        { "movements.time", { .since = instant_of_unix(1700000000), .until = instant_of_unix(1700086400) } },
        { "movements.next",
            { .since = instant_of_unix(1700000000), .until = instant_of_unix(1700086400), .after = "txn_49" } },
        { "movements.source", { .source = "re_1" } },
        { "movements.payout", { .payout = "po_1" } },
        { "movements.missing", { .payout = "po_manual" } },
    };

    for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
        struct movement *list;
        const char *next = NULL;
        json_t *found = json_array();
        size_t count = 0;
        struct error *error = stripe->list_movements(&ctx, &calls[i].query, &list, &count, &next);

        for (size_t n = 0; n < count; n++)
            json_array_append_new(found, show_movement(&list[n]));
        show(calls[i].call, show_found(error, json_pack("{s:o, s:s?}", "list", found, "next", error ? NULL : next)));
    }
}

static void balance(void)
{
    struct money *held;
    json_t *found = json_object();
    size_t count = 0;
    struct error *error = stripe->balance(&ctx, &held, &count);

    for (size_t i = 0; i < count; i++)
        json_object_set_new(found, held[i].currency, json_integer((json_int_t)held[i].minor));
    show("balance", show_found(error, found));
}

/* Every word and every kind of file that our API takes. */
static size_t all_evidence(struct evidence_part *parts)
{
    size_t count = 0;

    for (const struct field *field = dispute_evidence_asked; field->name; field++)
        if (strcmp(field->name, "submit") != 0)
            parts[count++] = (struct evidence_part){ .name = field->name, .value = "what there is to say & ü" };
    for (const char *const *kind = evidence_file_kinds; *kind; kind++)
        parts[count++] = (struct evidence_part){ .name = *kind, .value = "file_1", .file = true };
    return count;
}

static void disputes(void)
{
    struct evidence_part parts[64];
    struct evidence evidence = { "dp_1", "k70", parts, all_evidence(parts), true };
    struct upload upload = { "k72", "receipt.pdf", "application/pdf", bytes_of("%PDF-1.4 \r\n--till") };
    const char *file = NULL;

    show("dispute.evidence", show_found(stripe->send_evidence(&ctx, &evidence), json_null()));
    show("dispute.accept", show_found(stripe->accept_dispute(&ctx, "dp_1", "k71"), json_null()));
    struct error *error = stripe->upload_file(&ctx, &upload, &file);
    show("dispute.file", show_found(error, error ? json_null() : json_string(file)));
}

static void mirrored(void)
{
    struct subscription_view subscription;
    struct invoice_view invoice;
    struct error *error = stripe->fetch_subscription(&ctx, "sub_1", &subscription);

    show("subscription", show_found(error, error ? json_null() : json_string(subscription.status)));
    error = stripe->fetch_invoice(&ctx, "in_1", &invoice);
    show("invoice",
        show_found(error, error ? json_null() : json_pack("[s, s?]", invoice.status, invoice.subscription)));
}

static void endpoints(void)
{
    struct event_endpoint *list, one;
    size_t count = 0;
    struct error *error = stripe->list_endpoints(&ctx, &list, &count);

    show("endpoints", show_found(error, json_integer((json_int_t)count)));
    error = stripe->create_endpoint(&ctx, "https://pay.example.com/api/v1/webhooks/stripe", "k80", &one);
    show("endpoint.create", show_found(error, error ? json_null() : json_string(one.secret)));
    error = stripe->update_endpoint(&ctx, "we_1", "k81", &one);
    show("endpoint.update", show_found(error, error ? json_null() : json_boolean(one.complete)));
    show("endpoint.delete", show_found(stripe->delete_endpoint(&ctx, "we_1"), json_null()));
}

/* One that is not known, one that is, and one that was switched off and that Apple has not seen. */
static void domains(void)
{
    const char *const names[] = { "new.example.com", "known.example.com", "off.example.com" };

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        struct wallet_domain domain = { 0 };
        struct error *error = stripe->register_domain(&ctx, names[i], arena_printf(ctx.arena, "k9%zu", i), &domain);

        show(arena_printf(ctx.arena, "domain.%s", names[i]),
            show_found(error,
                json_pack("{s:s?, s:b, s:b, s:b, s:s?}", "reference", domain.reference, "is_new", domain.is_new,
                    "apple_pay", domain.apple_pay, "google_pay", domain.google_pay, "why", domain.why)));
    }
}

int main(void)
{
    void (*const parts[])(void) = { create, confirm, capture, cancel, refund, fetch, find, fetch_others, customers,
        setups, methods, events, movements, balance, disputes, mirrored, endpoints, domains };

    signal(SIGPIPE, SIG_IGN);
    crypto_init();
    http_init();
    log_set_level(LOG_ERROR);
    config = (struct config){
        .mode = MODE_TEST,
        .stripe_secret_key = "sk_test_contract",
        .stripe_api_url = getenv("STRIPE_API_URL"),
        .stripe_api_version = getenv("STRIPE_API_VERSION"),
        .provider_timeout_ms = 10000,
    };
    if (!config.stripe_api_url || !config.stripe_api_version)
        return 2;
    ctx = (struct ctx){ .arena = arena_new(),
        .config = &config,
        .http = http_open(),
        .now = clock_now(),
        .trace = "drive" };
    stripe = provider_named("stripe");
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
        parts[i]();
    http_close(ctx.http);
    arena_free(ctx.arena);
    return 0;
}
