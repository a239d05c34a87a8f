#include "pages/checkout.h"

#include <string.h>

#include "base/arena.h"
#include "base/check.h"
#include "base/config.h"
#include "base/crypto.h"
#include "base/ctx.h"
#include "customers/method.h"
#include "http/breaker.h"
#include "pages/paid_with.h"
#include "payments/checkout.h"
#include "payments/kinds.h"
#include "payments/payment.h"
#include "provider/provider.h"
#include "web/locale.h"
#include "web/reply.h"
#include "web/request.h"

#define FRESH_SECONDS 2   // a waiting payment is asked about no more often than this
#define POLL_MS 1000      // when a page that waits may look again first
#define REFRESH_SECONDS 5 // … and a page without scripts
#define CARD_PROVIDER "stripe"
#define SAVED_AT_MOST 20

/* A state of the page: what it says and what can be done in it. The texts are the catalogue's "<name>_heading" and
 * "<name>" unless another name stands here. */
struct state {
    const char *name;
    const char *heading, *message;
    const char *button; // what the payer goes on with elsewhere
    bool form;          // a card can be given
    bool waits;         // looks again by itself
    bool paid;          // has a receipt
    bool closed;        // nothing more can be done here
};

static const struct state state_ready = { "ready", .heading = "pay_heading", .message = "", .form = true };
static const struct state state_declined = { "declined_retry", .heading = "declined_heading", .message = "",
    .form = true };
static const struct state state_action = { "requires_action", .message = "not_completed",
    .button = "requires_action_button", .form = true, .waits = true };
static const struct state state_verify = { "requires_action", .heading = "verify_heading", .message = "verify",
    .button = "verify_button", .form = true, .waits = true };
static const struct state state_transfer = { "requires_action", .heading = "transfer_heading", .message = "transfer",
    .button = "transfer_button", .form = true, .waits = true };
static const struct state state_processing = { "processing", .waits = true };
static const struct state state_processing_slow = { "processing", .heading = "processing_slow_heading",
    .message = "processing_slow", .waits = true };
static const struct state state_authorized = { "authorized", .paid = true };
static const struct state state_succeeded = { "succeeded", .paid = true };
static const struct state state_refunded = { "refunded", .paid = true };
static const struct state state_taken_back = { "taken_back", .paid = true }; // by the payer's bank
static const struct state state_already_paid = { "already_paid", .paid = true };
static const struct state state_failed = { "declined_final", .closed = true };
static const struct state state_expired = { "expired", .closed = true };
static const struct state state_cancelled = { "cancelled", .closed = true };
static const struct state state_down = { "provider_down", .waits = true };

/* What is known while a page is made. */
struct page {
    struct request *r;
    struct ctx *ctx;
    const char *locale;
    struct checkout_door door;
    const struct state *state;
    json_t *texts; // of the locale, filled
};

/* The state -------------------------------------------------------------------------------------------------------- */

static const struct state *session_state(const struct checkout *session)
{
    static const struct state *const states[] = {
        [CHECKOUT_OPEN] = &state_ready,
        [CHECKOUT_COMPLETE] = &state_processing, // paid, and its payment is not read yet
        [CHECKOUT_EXPIRED] = &state_expired,
        [CHECKOUT_CANCELLED] = &state_cancelled,
    };

    return session ? states[session->status] : &state_ready;
}

static bool was_declined(const struct payment *payment)
{
    return payment->failure_class && *payment->failure_class;
}

static const struct state *action_state(const struct payment *payment)
{
    if (!payment_is_patient(payment))
        return &state_action;
    return strcmp(payment->next_action, "bank_transfer") == 0 ? &state_transfer : &state_verify;
}

/* Seconds for a card, days for a bank account. */
static const struct state *processing_state(const struct payment *payment)
{
    const struct method_kind *kind = NULL;

    if (payment->status == PAYMENT_PROCESSING && payment->method_type)
        kind = kind_typed(provider_named(CARD_PROVIDER), payment->method_type);
    return kind && kind->delayed ? &state_processing_slow : &state_processing;
}

/* The payment's word goes before the session's: what was paid late was paid. */
static const struct state *state_of(const struct checkout_door *door)
{
    const struct state *open = session_state(door->session);

    if (!door->payment)
        return open;
    switch (door->payment->status) {
    case PAYMENT_CREATED:
        return open == &state_ready && was_declined(door->payment) ? &state_declined : open;
    case PAYMENT_REQUIRES_ACTION:
        return open == &state_ready ? action_state(door->payment) : open;
    case PAYMENT_PROCESSING:
    case PAYMENT_UNKNOWN:
        return processing_state(door->payment);
    case PAYMENT_AUTHORIZED:
        return &state_authorized;
    case PAYMENT_SUCCEEDED:
        if (door->payment->dispute_state == DISPUTE_LOST)
            return &state_taken_back;
        return strcmp(refund_state_names[door->payment->refund_state], "full") == 0 ? &state_refunded
                                                                                    : &state_succeeded;
    case PAYMENT_FAILED:
        return &state_failed;
    case PAYMENT_CANCELLED:
        return open == &state_expired ? &state_expired : &state_cancelled;
    }
    return &state_processing;
}

/* A card can only be taken while its provider answers. */
static const struct state *reachable_state(struct ctx *ctx, const struct state *state)
{
    return state->form && breaker_state(ctx, CARD_PROVIDER) == BREAKER_OPEN ? &state_down : state;
}

/* Words ------------------------------------------------------------------------------------------------------------ */

static const char *text(const struct page *page, const char *name)
{
    const char *found = json_get_text(page->texts, name);

    return found ? found : "";
}

static struct money owed(const struct checkout_door *door)
{
    return door->session ? door->session->amount : door->payment->amount;
}

static struct money difference(struct money whole, struct money part)
{
    whole.minor -= part.minor;
    return whole;
}

static const char *amount_text(const struct page *page, struct money amount)
{
    return money_text(page->ctx->arena, amount, page->locale);
}

static void set_text(json_t *object, const char *name, const char *value)
{
    if (value && *value)
        json_object_set_new(object, name, json_string(value));
}

static const char *merchant(const struct page *page)
{
    const char *name = page->ctx->config->merchant_name;

    return name && *name ? name : "Till";
}

static json_t *words(const struct page *page)
{
    const struct checkout_door *door = &page->door;
    const struct config *config = page->ctx->config;
    json_t *values = json_in(page->ctx->arena, json_object());

    set_text(values, "merchant", merchant(page));
    set_text(values, "amount", amount_text(page, owed(door)));
    set_text(values, "descriptor", config->descriptor);
    set_text(values, "email", config->support_email);
    if (door->payment) {
        set_text(values, "refunded", amount_text(page, door->payment->amount_refunded));
        set_text(values, "captured", amount_text(page, door->payment->amount_captured));
        set_text(values, "held", amount_text(page, difference(door->payment->amount, door->payment->amount_captured)));
    }
    if (door->session)
        set_text(values, "date",
            locale_date(page->ctx, page->r->locales, page->locale, door->session->expires_at, true));
    return values;
}

static const char *heading(const struct page *page)
{
    const struct state *state = page->state;

    return text(page, state->heading ? state->heading : arena_printf(page->ctx->arena, "%s_heading", state->name));
}

/* Our class of the decline in a sentence, which is about cards; the provider's own words are never shown. */
static const char *decline_text(const struct page *page)
{
    const char *type = page->door.payment->method_type;

    if (type && strcmp(type, "card") != 0)
        return text(page, "decline_other");
    const char *name = arena_printf(page->ctx->arena, "decline_%s", page->door.payment->failure_class);
    const char *found = json_get_text(page->texts, name);

    return found ? found : text(page, "decline_generic");
}

static const char *joined(const struct page *page, const char *first, const char *second)
{
    return arena_printf(page->ctx->arena, "%s %s", first, second);
}

static const char *message(const struct page *page)
{
    const struct state *state = page->state;
    const char *own = text(page, state->message ? state->message : state->name);

    if (state == &state_failed && was_declined(page->door.payment))
        return joined(page, decline_text(page), own);
    if (state == &state_authorized && page->door.payment->amount_captured.minor > 0)
        return text(page, "authorized_partly");
    if (state == &state_succeeded && page->door.payment->amount_refunded.minor > 0)
        return joined(page, own, text(page, "succeeded_part_refunded"));
    return own;
}

/* What went wrong with the last try, where another may follow. */
static const char *problem(const struct page *page)
{
    return page->state == &state_declined ? joined(page, decline_text(page), text(page, "declined_retry")) : NULL;
}

/* Addresses -------------------------------------------------------------------------------------------------------- */

static const char *language_query(const struct page *page)
{
    const char *asked = request_query(page->r, "lang");
    const char *known = asked ? locale_match(asked) : NULL;

    return known ? arena_printf(page->ctx->arena, "?lang=%s", known) : "";
}

/* "/checkout/{session}/{key}/state", in the language that was asked for. */
static const char *place(const struct page *page, const char *below)
{
    return arena_printf(page->ctx->arena, "/checkout/%s/%s%s%s", request_path(page->r, "session"),
        request_path(page->r, "key"), below, language_query(page));
}

static const char *return_address(const struct page *page)
{
    return arena_printf(page->ctx->arena, "%s%s", page->ctx->config->url, place(page, "/return"));
}

/* Reading ---------------------------------------------------------------------------------------------------------- */

static void choose_words(struct page *page)
{
    const char *wanted = page->door.session ? page->door.session->locale : NULL;

    page->locale = locale_of(page->r, wanted);
    page->texts = locale_texts(page->ctx, page->r->locales, page->locale, words(page));
}

static struct error *open_page(struct request *r, int max_age, struct page *out)
{
    *out = (struct page){ .r = r, .ctx = r->ctx };
    TRY(checkout_open(r->ctx, request_path(r, "session"), request_path(r, "key"), max_age, &out->door));
    choose_words(out);
    out->state = reachable_state(r->ctx, state_of(&out->door));
    return NULL;
}

/* The view --------------------------------------------------------------------------------------------------------- */

static void add_fact(const struct page *page, json_t *facts, const char *name, const char *value, bool sum)
{
    if (value && *value)
        json_array_append_new(facts,
            json_pack("{s:s, s:s, s:s, s:b}", "name", name, "label", text(page, name), "value", value, "sum", sum));
}

static const char *paid_on(const struct page *page)
{
    return locale_date(page->ctx, page->r->locales, page->locale, page->door.payment->created_at, true);
}

static json_t *page_facts(const struct page *page)
{
    json_t *facts = json_array();

    add_fact(page, facts, "receipt_method", paid_with(page->ctx, page->texts, page->door.payment), false);
    add_fact(page, facts, "receipt_date", paid_on(page), false);
    return facts;
}

static json_t *items_view(const struct page *page)
{
    const struct checkout *session = page->door.session;
    json_t *items = json_array(), *item;
    size_t index;

    json_array_foreach(session ? session->items : NULL, index, item)
    {
        json_t *amount = json_object_get(item, "amount");
        int64_t quantity = json_get_int(item, "quantity");
        const char *name = json_get_text(item, "name"), *why;
        struct money money;
        if (!name || !money_parse(json_get_text(amount, "value"), json_get_text(amount, "currency"), &money, &why))
            continue;
        const char *times = quantity > 1 ? arena_printf(page->ctx->arena, "%jd × ", (intmax_t)quantity) : "";
        json_array_append_new(items,
            json_pack("{s:s, s:s, s:s}", "name", name, "quantity", times, "amount", amount_text(page, money)));
    }
    return items;
}

/* The same page in each language, under its own name. */
static json_t *languages_view(const struct page *page)
{
    json_t *languages = json_array();

    for (const char *const *name = locale_names; *name; name++) {
        json_array_append_new(languages,
            json_pack("{s:s, s:s, s:s, s:b}", "lang", *name, "name", locale_text(page->r->locales, *name, "language"),
                "href", arena_printf(page->ctx->arena, "?lang=%s", *name), "current",
                strcmp(*name, page->locale) == 0));
    }
    return languages;
}

static const char *description(const struct checkout_door *door)
{
    return door->session ? door->session->description : door->payment->description;
}

static const char *reference(const struct checkout_door *door)
{
    return door->session ? door->session->reference : door->payment->reference;
}

/* What all pages have. */
static json_t *base_view(const struct page *page)
{
    json_t *view = json_in(page->ctx->arena, json_object());
    json_t *items = items_view(page), *languages = languages_view(page);

    json_object_set_new(view, "items_shown", json_boolean(json_array_size(items) > 0));
    json_object_set_new(view, "items", items);
    json_object_set_new(view, "languages_shown", json_boolean(json_array_size(languages) > 1));
    json_object_set_new(view, "languages", languages);
    json_object_set(view, "t", page->texts);
    set_text(view, "locale", page->locale);
    set_text(view, "merchant", merchant(page));
    set_text(view, "amount", amount_text(page, owed(&page->door)));
    set_text(view, "description", description(&page->door));
    set_text(view, "reference", reference(&page->door));
    set_text(view, "descriptor", page->ctx->config->descriptor);
    set_text(view, "state", page->state->name);
    set_text(view, "page_url", place(page, ""));
    json_object_set_new(view, "script", json_true());
    return view;
}

static void set_words(const struct page *page, json_t *view, const char *head, const char *sentence)
{
    set_text(view, "heading", head);
    set_text(view, "message", sentence);
    set_text(view, "title", arena_printf(page->ctx->arena, "%s · %s", head, merchant(page)));
}

static void set_facts(json_t *view, json_t *facts)
{
    json_object_set_new(view, "facts_shown", json_boolean(json_array_size(facts) > 0));
    json_object_set_new(view, "facts", facts);
}

static void add_data(json_t *data, const char *name, const char *value)
{
    if (value && *value)
        json_array_append_new(data, json_pack("{s:s, s:s}", "name", name, "value", value));
}

/* What the script says by itself, without asking the server. */
static const char *script_texts(const struct page *page)
{
    static const char *const names[] = { "pay_heading", "pay_button", "pay_button_busy", "submitting", "card_loading",
        "card_check", "email_invalid", "errors", "authenticating", "requires_action", "processing", "not_through",
        "network_lost_heading", "network_lost", "rate_limited_heading", "rate_limited", "rate_limited_over",
        "provider_down_heading", "provider_down", "blocked_risk_heading", "blocked_risk", "seconds", "minutes",
        "expires_in", NULL };
    json_t *texts = json_in(page->ctx->arena, json_object());

    for (const char *const *name = names; *name; name++)
        set_text(texts, *name, text(page, *name));
    return json_text(page->ctx, texts);
}

/* The kinds that the payment will take, by spaces: the same that it is made with. */
static const char *method_types(const struct page *page, const struct provider *provider, bool capture)
{
    const struct checkout_door *door = &page->door;
    const char *customer = door->payment ? door->payment->customer_id : door->session->customer_id;
    const char *const *types = kinds_types(page->ctx, provider,
        &(struct kind_query){ .amount = owed(door),
            .capture = capture,
            .customer = customer != NULL,
            .type = door->payment ? door->payment->offered_type : NULL });
    const char *all = "";

    for (; *types; types++)
        all = arena_printf(page->ctx->arena, "%s%s%s", all, *all ? " " : "", *types);
    return all;
}

/* The wallets that may be offered beside a card, by spaces. */
static const char *wallets(const struct page *page, const struct provider *provider)
{
    const json_t *list = kind_wallets(page->ctx, kind_typed(provider, "card"));
    const char *all = "";
    const json_t *one;
    size_t i;

    json_array_foreach(list, i, one) all =
        arena_printf(page->ctx->arena, "%s%s%s", all, *all ? " " : "", json_string_value(one));
    return all;
}

/* What the provider's script must know of the payment to come. */
static void add_card_data(const struct page *page, json_t *data)
{
    const struct provider *provider = provider_named(CARD_PROVIDER);
    const struct checkout_door *door = &page->door;
    unsigned capture = door->session ? door->session->capture : door->payment->capture;
    const char *currency;
    int64_t amount;

    if (!provider || !provider->script_amount(page->ctx, owed(door), &amount, &currency))
        return;
    add_data(data, "amount", arena_printf(page->ctx->arena, "%jd", (intmax_t)amount));
    add_data(data, "currency", currency);
    add_data(data, "capture", payment_capture_names[capture]);
    add_data(data, "pay-url", place(page, "/pay"));
    add_data(data, "methods", method_types(page, provider, capture == CAPTURE_AUTOMATIC));
    add_data(data, "wallets", wallets(page, provider));
}

/* Whoever has been told to transfer money or to look for a deposit has the days that this takes. */
static bool is_patient(const struct page *page)
{
    return page->door.payment && payment_is_patient(page->door.payment);
}

static bool expires(const struct page *page)
{
    return page->door.session && page->state->form && !is_patient(page)
        && instant_is_set(page->door.session->expires_at);
}

static json_t *script_data(const struct page *page, const char *client_secret)
{
    const struct config *config = page->ctx->config;
    json_t *data = json_array();

    add_data(data, "page-url", place(page, ""));
    add_data(data, "state-url", place(page, "/state"));
    add_data(data, "texts", script_texts(page));
    if (page->state->waits && !client_secret)
        add_data(data, "poll", arena_printf(page->ctx->arena, "%d", POLL_MS));
    if (!page->state->form)
        return data;
    add_data(data, "stripe-js", config->stripe_js_url);
    add_data(data, "publishable-key", config->stripe_publishable_key);
    add_data(data, "client-secret", client_secret);
    if (page->door.payment)
        add_data(data, "begun", "1");
    if (!client_secret)
        add_card_data(page, data);
    if (expires(page))
        add_data(data, "expires-in",
            arena_printf(page->ctx->arena, "%jd",
                (intmax_t)(instant_to_unix(page->door.session->expires_at) - instant_to_unix(page->ctx->now))));
    return data;
}

/* The bank's own page, or ours that opens it in a frame. */
static const char *action_address(const struct page *page)
{
    const struct payment *payment = page->door.payment;

    if (!page->state->button)
        return NULL;
    if (payment->next_action && strcmp(payment->next_action, "use_sdk") != 0 && payment->next_action_url)
        return payment->next_action_url;
    return place(page, "/authenticate");
}

/* Where the payer goes on to. */
static void add_ways(const struct page *page, json_t *view)
{
    const struct checkout *session = page->door.session;
    const struct state *state = page->state;

    set_text(view, "action_url", action_address(page));
    if (page->state->button)
        set_text(view, "action_label", text(page, page->state->button));
    if (state->paid || state->form)
        set_text(view, "receipt_url", place(page, "/receipt"));
    if (!session)
        return;
    if (state->form || state == &state_down) {
        set_text(view, "back_url", session->cancel_url);
        set_text(view, "cancel_url", place(page, "/cancel"));
    } else {
        bool given_up = state->closed && session->cancel_url;
        set_text(view, "continue_url", given_up ? session->cancel_url : session->success_url);
        set_text(view, "continue_label", text(page, given_up ? "back_to" : "continue_to"));
        json_object_set_new(view, "continue_first", json_boolean(state != &state_processing));
    }
}

/* Nobody who has an account with the merchant is asked who he is. */
static bool asks_email(const struct checkout_door *door)
{
    return door->session ? !door->session->customer_id : !door->payment->customer_id;
}

static const char *customer_of(const struct checkout_door *door)
{
    return door->session ? door->session->customer_id : door->payment->customer_id;
}

static const char *saved_note(const struct page *page, const struct method *method, bool expired)
{
    json_t *values;
    const char *expiry;

    if (!method->exp_year)
        return method->is_default ? text(page, "saved_default") : "";
    values = json_in(page->ctx->arena,
        json_pack("{s:s, s:s}", "month", arena_printf(page->ctx->arena, "%02d", method->exp_month), "year",
            arena_printf(page->ctx->arena, "%d", method->exp_year)));
    expiry = locale_fill(page->ctx, text(page, expired ? "saved_expired" : "saved_expires"), values);
    return method->is_default ? arena_printf(page->ctx->arena, "%s · %s", text(page, "saved_default"), expiry) : expiry;
}

static json_t *saved_view(const struct page *page, const struct method *method, bool first)
{
    bool expired = method_is_expired(page->ctx, method);
    json_t *values = json_in(page->ctx->arena,
        json_pack("{s:s, s:s}", "brand", paid_with_name(page->texts, method->brand ? method->brand : method->type),
            "last4", method->last4 ? method->last4 : "····"));

    return json_pack("{s:s, s:s, s:s, s:s, s:b, s:b}", "id", method->id, "last4", method->last4 ? method->last4 : "",
        "label", locale_fill(page->ctx, text(page, "receipt_card"), values), "note", saved_note(page, method, expired),
        "expired", expired, "checked", first && !expired);
}

static bool same_card(const struct method *a, const struct method *b)
{
    return a->fingerprint.data && b->fingerprint.data && a->exp_year == b->exp_year && a->exp_month == b->exp_month
        && same_bytes(a->fingerprint, b->fingerprint);
}

/* The usual one first, then the newest; the same card is shown once. */
static struct error *add_saved(const struct page *page, json_t *view)
{
    struct method_filter filter = { .limit = SAVED_AT_MOST,
        .customer_id = customer_of(&page->door),
        .status = METHOD_ACTIVE,
        .of_status = true };
    struct field_list list = { 0 };
    json_t *saved = json_in(page->ctx->arena, json_array());

    if (!filter.customer_id)
        return NULL;
    TRY(method_list(page->ctx, &filter, &list));
    const struct method *methods = list.items;
    for (int turn = 0; turn < 2; turn++) {
        for (size_t i = 0; i < list.count; i++) {
            bool known = false;
            for (size_t j = 0; j < list.count && !known; j++)
                known = (j < i || methods[j].is_default) && j != i && same_card(&methods[i], &methods[j]);
            if (methods[i].is_default == (turn == 0) && (turn == 0 || !known))
                json_array_append_new(saved, saved_view(page, &methods[i], json_array_size(saved) == 0));
        }
    }
    json_object_set(view, "saved", saved);
    json_object_set_new(view, "saved_shown", json_boolean(json_array_size(saved) > 0));
    json_object_set_new(view, "other_checked",
        json_boolean(!json_is_true(json_object_get(json_array_get(saved, 0), "checked"))));
    return NULL;
}

static struct error *add_form(const struct page *page, json_t *view)
{
    const struct checkout *session = page->door.session;

    json_object_set_new(view, "save_offered", json_boolean(session && session->offers_saving));
    json_object_set_new(view, "form", json_true());
    json_object_set_new(view, "folded", json_boolean(page->state->button != NULL));
    json_object_set_new(view, "email_asked", json_boolean(asks_email(&page->door)));
    return add_saved(page, view);
}

static struct error *show(const struct page *page, const char *client_secret)
{
    json_t *view = base_view(page);

    set_words(page, view, heading(page), client_secret ? text(page, "requires_action") : message(page));
    set_text(view, "problem", problem(page));
    json_object_set_new(view, "data", script_data(page, client_secret));
    json_object_set_new(view, "expires", json_boolean(expires(page)));
    add_ways(page, view);
    if (page->state->form && !client_secret)
        TRY(add_form(page, view));
    if (page->state->waits && !client_secret)
        json_object_set_new(view, "refresh", json_integer(REFRESH_SECONDS));
    json_object_set_new(view, "retry_shown", json_boolean(page->state == &state_down));
    if (page->state->paid)
        set_facts(view, page_facts(page));
    return reply_page(page->r, 200, "checkout/page", view);
}

/* Handlers --------------------------------------------------------------------------------------------------------- */

struct error *checkout_page_show(struct request *r)
{
    struct page page;

    TRY(open_page(r, FRESH_SECONDS, &page));
    return show(&page, NULL);
}

struct error *checkout_page_authenticate(struct request *r)
{
    struct page page;
    const char *client_secret;

    TRY(open_page(r, FRESH_SECONDS, &page));
    if (!page.state->button)
        return reply_redirect(r, 303, place(&page, ""));
    TRY(payment_client_secret(r->ctx, page.door.payment, &client_secret));
    return show(&page, client_secret);
}

struct truth {
    const char *state, *heading, *message, *payment_status;
    int64_t poll_after_ms;
};

const struct field checkout_page_state_shown[] = {
    FIELD(struct truth, state),
    FIELD(struct truth, heading),
    FIELD(struct truth, message),
    FIELD(struct truth, payment_status),
    FIELD(struct truth, poll_after_ms),
    FIELD_END,
};

static struct truth truth_of(const struct page *page)
{
    const char *wrong = problem(page);

    return (struct truth){
        .state = page->state->name,
        .heading = heading(page),
        .message = wrong ? wrong : message(page),
        .payment_status = page->door.payment ? payment_public_status(page->door.payment) : NULL,
        .poll_after_ms = page->state->waits ? POLL_MS : 0,
    };
}

struct error *checkout_page_state(struct request *r)
{
    struct truth truth;
    struct page page;

    TRY(open_page(r, request_query(r, "settle") ? 0 : FRESH_SECONDS, &page));
    truth = truth_of(&page);
    return reply_json(r, 200, checkout_page_state_shown, &truth);
}

static const char *check_email(struct ctx *ctx, const char *email)
{
    const char *at = strchr(email, '@');

    (void)ctx;
    return at && at != email && strchr(at, '.') && !strpbrk(email, " \t\r\n") ? NULL : "must be a whole e-mail address";
}

struct pay_request {
    const char *payment_method_id; // a kept one
    bool save;
    const char *email; // goes from the browser to the provider; asked here so that a wrong one is found first
};

const struct field checkout_page_pay_asked[] = {
    FIELD(struct pay_request, payment_method_id, .optional = true, .max = 255, .check = check_id),
    FIELD(struct pay_request, save, .optional = true),
    FIELD(struct pay_request, email, .optional = true, .max = 254, .check = check_email, .secret = true),
    FIELD_END,
};

struct pay_answer {
    const char *state, *heading, *message, *payment_id, *client_secret, *return_url, *action_url;
};

const struct field checkout_page_pay_shown[] = {
    FIELD(struct pay_answer, state),
    FIELD(struct pay_answer, heading),
    FIELD(struct pay_answer, message),
    FIELD(struct pay_answer, payment_id),
    FIELD(struct pay_answer, client_secret, .omit_empty = true, .secret = true),
    FIELD(struct pay_answer, return_url),
    FIELD(struct pay_answer, action_url, .omit_empty = true, .summary = "Where the bank asks the payer"),
    FIELD_END,
};

static struct error *answer_pay(struct page *page, const char *client_secret)
{
    if (page->state->paid && page->state != &state_refunded && page->state != &state_taken_back)
        page->state = &state_already_paid;

    struct truth truth = truth_of(page);
    struct pay_answer answer = {
        .state = truth.state,
        .heading = truth.heading,
        .message = truth.message,
        .payment_id = page->door.payment ? page->door.payment->id : NULL,
        .client_secret = page->state->form ? client_secret : NULL,
        .return_url = return_address(page),
        .action_url = action_address(page),
    };
    return reply_json(page->r, 200, checkout_page_pay_shown, &answer);
}

/* That it cannot be paid now is an answer, and the page shows why. */
static bool is_about_state(const struct error *error)
{
    return error->code == E_GONE || error->code == E_INVALID_STATUS || error->code == E_CONFLICT
        || error->code == E_CARD_DECLINED || error->code == E_INSUFFICIENT_FUNDS;
}

struct error *checkout_page_pay(struct request *r)
{
    struct page page = { .r = r, .ctx = r->ctx };
    struct pay_request request = { 0 };
    const char *client_secret = NULL;

    TRY(request_json(r, checkout_page_pay_asked, &request));
    struct checkout_choice choice = { request.payment_method_id, request.save };
    struct error *error =
        checkout_pay(r->ctx, request_path(r, "session"), request_path(r, "key"), &choice, &page.door, &client_secret);
    if (error && !is_about_state(error))
        return error;
    if (error) {
        TRY(open_page(r, FRESH_SECONDS, &page));
        if (error->code == E_CONFLICT && page.state->form)
            return error; // another tab was faster by a moment
        return answer_pay(&page, NULL);
    }
    choose_words(&page);
    page.state = state_of(&page.door);
    return answer_pay(&page, client_secret);
}

struct error *checkout_page_return(struct request *r)
{
    struct page page;

    TRY(open_page(r, 0, &page));
    return reply_redirect(r, 303, place(&page, ""));
}

struct error *checkout_page_cancel(struct request *r)
{
    const char *id = request_path(r, "session");
    struct page page = { .r = r, .ctx = r->ctx };
    struct checkout session;

    TRY(checkout_check_key(r->ctx, id, request_path(r, "key")));
    struct error *error = checkout_close(r->ctx, id, CHECKOUT_CANCELLED, &session);
    if (error && !is_about_state(error))
        return error;
    return reply_redirect(r, 303, place(&page, ""));
}

/* The receipt */

static json_t *receipt_facts(const struct page *page)
{
    const struct payment *payment = page->door.payment;
    bool captured = payment->amount_captured.minor > 0;
    json_t *facts = json_array();

    add_fact(page, facts, "receipt_number", payment->id, false);
    add_fact(page, facts, "receipt_date", paid_on(page), false);
    add_fact(page, facts, "reference", reference(&page->door), false);
    add_fact(page, facts, "paid_for", description(&page->door), false);
    add_fact(page, facts, "receipt_method", paid_with(page->ctx, page->texts, page->door.payment), false);
    add_fact(page, facts, captured ? "receipt_amount" : "receipt_reserved",
        amount_text(page, captured ? payment->amount_captured : payment->amount), true);
    if (captured && payment_capturable(payment))
        add_fact(page, facts, "receipt_reserved",
            amount_text(page, difference(payment->amount, payment->amount_captured)), false);
    if (payment->amount_refunded.minor > 0) {
        add_fact(page, facts, "receipt_refunded", amount_text(page, payment->amount_refunded), false);
        add_fact(page, facts, "receipt_kept",
            amount_text(page, difference(payment->amount_captured, payment->amount_refunded)), true);
    }
    return facts;
}

struct error *checkout_page_receipt(struct request *r)
{
    struct page page;

    TRY(open_page(r, FRESH_SECONDS, &page));
    json_t *view = base_view(&page);
    if (page.state->paid) {
        set_words(&page, view, text(&page, "receipt_heading"),
            page.state == &state_taken_back ? text(&page, "taken_back") : NULL);
        set_facts(view, receipt_facts(&page));
    } else {
        set_words(&page, view, text(&page, "receipt_none_heading"), text(&page, "receipt_none"));
    }
    return reply_page(r, 200, "checkout/receipt", view);
}
