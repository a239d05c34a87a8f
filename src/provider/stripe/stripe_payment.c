#include <assert.h>
#include <string.h>

#include "base/arena.h"
#include "base/config.h"
#include "base/ctx.h"
#include "base/id.h"
#include "base/log.h"
#include "http/form.h"
#include "provider/stripe/stripe.h"

#define INTENT "payment_intent"
#define PAGES 20       // of a list that is searched for one payment
#define CLOCK_SKEW 300 // seconds that our clock and Stripe's may differ by
#define DESCRIPTOR 22  // characters of a statement descriptor

static const struct {
    const char *status;
    enum provider_state state;
} states[] = {
    { "requires_payment_method", PROVIDER_STATE_WAITING },
    { "requires_confirmation", PROVIDER_STATE_WAITING },
    { "requires_action", PROVIDER_STATE_ACTION },
    { "processing", PROVIDER_STATE_PENDING },
    { "requires_capture", PROVIDER_STATE_AUTHORIZED },
    { "succeeded", PROVIDER_STATE_SUCCEEDED },
    { "canceled", PROVIDER_STATE_CANCELLED },
};

enum provider_state stripe_state(const char *status)
{
    for (size_t i = 0; i < sizeof(states) / sizeof(states[0]); i++)
        if (strcmp(states[i].status, status) == 0)
            return states[i].state;
    return PROVIDER_STATE_PENDING;
}

static const struct {
    const char *status;
    enum dispute_standing standing;
} standings[] = {
    { "warning_needs_response", DISPUTE_INQUIRY },
    { "warning_under_review", DISPUTE_INQUIRY },
    { "warning_closed", DISPUTE_WON }, // it never became a dispute
    { "won", DISPUTE_WON },
    { "prevented", DISPUTE_WON },
    { "lost", DISPUTE_LOST },
};

enum dispute_standing stripe_standing(const char *status)
{
    for (size_t i = 0; i < sizeof(standings) / sizeof(standings[0]); i++)
        if (strcmp(standings[i].status, status) == 0)
            return standings[i].standing;
    return DISPUTE_OPEN; // needs_response, under_review, an appeal, and what Stripe may add
}

/* Reading a PaymentIntent */

static void read_card(const json_t *card, struct method_view *out)
{
    const json_t *checks = json_object_get(card, "checks");

    out->brand = json_get_text(card, "brand");
    out->exp_month = (int)json_get_int(card, "exp_month");
    out->exp_year = (int)json_get_int(card, "exp_year");
    out->funding = json_get_text(card, "funding");
    out->wallet = json_get_text(json_object_get(card, "wallet"), "type");
    out->check_cvc = json_get_text(checks, "cvc_check");
    out->check_postal = json_get_text(checks, "address_postal_code_check");
    out->check_line1 = json_get_text(checks, "address_line1_check");
}

void stripe_method_view(struct ctx *ctx, json_t *method, struct method_view *out)
{
    (void)ctx;
    *out = (struct method_view){
        .id = stripe_id(method),
        .type = json_get_text(method, "type"),
        .customer = stripe_id(json_object_get(method, "customer")),
    };
    if (!out->type)
        return;

    const json_t *details = json_object_get(method, out->type);
    out->last4 = json_get_text(details, "last4");
    out->country = json_get_text(details, "country");
    out->fingerprint = json_get_text(details, "fingerprint");
    if (strcmp(out->type, "card") == 0)
        read_card(details, out);
}

/* The method as the payment names it, with the checks that its charge came to. */
static void read_method(struct ctx *ctx, json_t *intent, json_t *charge, struct method_view *out)
{
    json_t *method = json_object_get(intent, "payment_method");
    json_t *error = json_object_get(intent, "last_payment_error");
    struct method_view charged = { 0 };

    if (!stripe_id(method)) // a declined one is only named in the error
        method = json_object_get(error, "payment_method");
    stripe_method_view(ctx, method, out);
    if (stripe_object(json_object_get(charge, "payment_method_details")))
        stripe_method_view(ctx, json_object_get(charge, "payment_method_details"), &charged);
    if (!out->type && charged.type) {
        charged.id = out->id;
        *out = charged;
    }
    if (charged.check_cvc)
        out->check_cvc = charged.check_cvc;
    if (charged.check_postal)
        out->check_postal = charged.check_postal;
    if (charged.check_line1)
        out->check_line1 = charged.check_line1;
}

void stripe_next_action(const json_t *action, const char **what, const char **where)
{
    static const char *const addresses[] = { "url", "hosted_instructions_url", "hosted_voucher_url",
        "hosted_verification_url" };
    static const struct {
        const char *type, *word;
    } words[] = { { "use_stripe_sdk", "use_sdk" }, { "verify_with_microdeposits", "verify_bank_account" },
        { "display_bank_transfer_instructions", "bank_transfer" } };
    const char *type = json_get_text(action, "type");

    *what = *where = NULL;
    if (!type)
        return;
    *what = type;
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
        if (strcmp(type, words[i].type) == 0)
            *what = words[i].word;
    for (size_t i = 0; i < sizeof(addresses) / sizeof(addresses[0]) && !*where; i++)
        *where = json_get_text(json_object_get(action, type), addresses[i]);
}

/* Minor units of ours from one of the intent's or charge's amounts. */
static bool read_minor(const json_t *object, const char *name, const char *currency, int64_t *out)
{
    struct money money;
    const char *why;

    if (!stripe_money(json_get_int(object, name), currency, &money, &why))
        return false;
    *out = money.minor;
    return true;
}

bool stripe_takes_several(const json_t *charge)
{
    const json_t *card = json_object_get(json_object_get(charge, "payment_method_details"), "card");
    const char *status = json_get_text(json_object_get(card, "multicapture"), "status");

    return status && strcmp(status, "available") == 0;
}

/* What went back so far, from the charge. Stripe counts there, too, what a partial capture released, unless there can be several. */
static bool read_refunded(const json_t *charge, const char *currency, int64_t *out)
{
    int64_t amount, captured, refunded;

    if (!read_minor(charge, "amount", currency, &amount) || !read_minor(charge, "amount_captured", currency, &captured)
        || !read_minor(charge, "amount_refunded", currency, &refunded))
        return false;

    int64_t released = amount > captured && !stripe_takes_several(charge) ? amount - captured : 0;
    *out = refunded > released ? refunded - released : 0;
    return true;
}

static bool read_amounts(const json_t *intent, const json_t *charge, struct snapshot *out)
{
    const char *currency = json_get_text(intent, "currency");
    const char *why;

    if (!currency || !json_is_integer(json_object_get(intent, "amount"))
        || !stripe_money(json_get_int(intent, "amount"), currency, &out->amount, &why)
        || !read_minor(intent, "amount_capturable", currency, &out->authorized)
        || !read_minor(intent, "amount_received", currency, &out->captured))
        return false;
    return !charge || !out->captured || read_refunded(charge, currency, &out->refunded);
}

/* Stripe's fee for the charge, once it has settled it. */
static void read_fee(const json_t *charge, struct snapshot *out)
{
    const json_t *movement = json_object_get(charge, "balance_transaction");
    const char *currency = json_get_text(movement, "currency");
    const char *why;

    if (currency && stripe_money(json_get_int(movement, "fee"), currency, &out->fee, &why))
        out->fee_reference = json_get_text(movement, "id");
}

struct instant stripe_time(const json_t *object, const char *name)
{
    int64_t seconds = json_get_int(object, name);

    return seconds > 0 && seconds < INT64_C(100000000000) ? instant_of_unix(seconds) : (struct instant){ 0 };
}

/* When the charge was made, and until when it can be captured: Stripe says so of cards. */
static void read_hold(const json_t *charge, struct snapshot *out)
{
    const json_t *details = json_object_get(charge, "payment_method_details");
    const char *type = json_get_text(details, "type");

    out->charged_at = stripe_time(charge, "created");
    if (type)
        out->capture_before = stripe_time(json_object_get(details, type), "capture_before");
}

static const char *risk_level(const char *stripes)
{
    int level = stripes ? name_index(risk_level_names, stripes) : -1;

    return level < 0 ? NULL : risk_level_names[level]; // "not_assessed" says nothing
}

/* What was found out about the charge. A declined one may only be named: then the checks of its card are all there is. */
static void read_checks(const json_t *charge, const struct method_view *method, struct charge_checks *out)
{
    const json_t *details = json_object_get(charge, "payment_method_details");
    const char *type = json_get_text(details, "type");
    const json_t *secure = type ? json_object_get(json_object_get(details, type), "three_d_secure") : NULL;
    const json_t *outcome = json_object_get(charge, "outcome");

    *out = (struct charge_checks){
        .cvc = method->check_cvc,
        .postal_code = method->check_postal,
        .line1 = method->check_line1,
        .three_d_secure = json_get_text(secure, "result"),
        .three_d_secure_flow = json_get_text(secure, "authentication_flow"),
        .three_d_secure_version = json_get_text(secure, "version"),
        .three_d_secure_reason = json_get_text(secure, "result_reason"),
        .risk_level = risk_level(json_get_text(outcome, "risk_level")),
        .risk_score = (int)json_get_int(outcome, "risk_score"),
        .verdict = json_get_text(outcome, "type"),
        .why = json_get_text(outcome, "reason"),
    };
}

struct error *stripe_snapshot(struct ctx *ctx, json_t *intent, struct snapshot *out)
{
    const char *status = json_get_text(intent, "status");
    const char *id = json_get_text(intent, "id");
    json_t *charge = stripe_object(json_object_get(intent, "latest_charge"));
    json_t *failure = stripe_object(json_object_get(intent, "last_payment_error"));

    *out = (struct snapshot){
        .reference = id,
        .client_secret = json_get_text(intent, "client_secret"),
        .charge = stripe_id(json_object_get(intent, "latest_charge")),
        .payment_id = json_get_text(json_object_get(intent, "metadata"), "payment_id"),
        .cancellation_reason = json_get_text(intent, "cancellation_reason"),
        .livemode = json_get_bool(intent, "livemode"),
        .disputed = json_get_bool(charge, "disputed"),
    };
    if (!id || !id_is_plausible(id) || !status || !read_amounts(intent, charge, out)) {
        struct error *error = error_new(ctx, E_PROVIDER_ERROR, "Stripe's answer could not be understood");

        return error_cause(ctx, error, "a PaymentIntent lacks its id or status, or its amounts make no sense");
    }
    out->state = stripe_state(status);
    if (out->state == PROVIDER_STATE_WAITING && failure)
        out->decline = stripe_decline(failure);
    if (out->state == PROVIDER_STATE_ACTION)
        stripe_next_action(json_object_get(intent, "next_action"), &out->next_action, &out->next_action_url);
    if (out->state == PROVIDER_STATE_AUTHORIZED)
        read_hold(charge, out);
    out->multicapture = stripe_takes_several(charge);
    read_method(ctx, intent, charge, &out->method);
    if (out->charge)
        read_checks(charge, &out->method, &out->checks);
    read_fee(charge, out);
    return NULL;
}

/* Calls */

static const char *intent_path(struct ctx *ctx, const char *reference, const char *verb)
{
    return arena_printf(ctx->arena, "/v1/payment_intents/%s%s", reference, verb);
}

static void add_expansion(struct buf *form)
{
    form_add(form, "expand[0]", "latest_charge.balance_transaction");
    form_add(form, "expand[1]", "payment_method");
}

/* What became of the intent. A decline carries it in its error. */
static struct outcome intent_outcome(struct ctx *ctx, const struct stripe_answer *answer)
{
    struct outcome outcome = stripe_outcome(ctx, answer, INTENT);
    json_t *intent = answer->body;
    struct error *error;

    if (outcome.kind == OUTCOME_DECLINED)
        intent = stripe_object(json_object_get(answer->error, "payment_intent"));
    else if (outcome.kind != OUTCOME_DONE)
        return outcome;

    error = stripe_snapshot(ctx, intent, &outcome.snapshot);
    if (error)
        stripe_not_understood(&outcome, error->cause);
    outcome.snapshot.request_id = outcome.request_id;
    return outcome;
}

static struct outcome post(struct ctx *ctx, const char *path, const char *key, struct buf *form, bool moves_money)
{
    struct stripe_request request = {
        .method = "POST",
        .path = path,
        .key = key,
        .form = form,
        .moves_money = moves_money,
    };
    struct instant asked_at = clock_now();
    struct stripe_answer answer;
    struct outcome outcome;

    assert(key && *key);
    stripe_send(ctx, &request, &answer);
    outcome = intent_outcome(ctx, &answer);
    outcome.snapshot.asked_at = asked_at;
    return outcome;
}

/* Stripe refuses some characters on statements, and a text without a letter. */
static const char *descriptor(struct ctx *ctx, const char *text)
{
    struct buf out = { .arena = ctx->arena };
    bool letter = false;

    for (; *text && out.length < DESCRIPTOR; text++) {
        if (*text < 0x20 || *text > 0x7e || strchr("<>\\'\"*", *text))
            continue;
        letter |= (*text | 0x20) >= 'a' && (*text | 0x20) <= 'z';
        buf_byte(&out, *text);
    }
    return letter ? buf_string(&out) : NULL;
}

static void add_text(struct buf *form, const char *name, const char *value)
{
    if (value && *value)
        form_add(form, name, "%s", value);
}

/* Where the payer's money is to go: an account in the country of its currency. */
static void add_transfer(struct ctx *ctx, struct buf *form, const char *currency)
{
    static const struct {
        const char *currency, *type;
    } places[] = { { "EUR", "eu_bank_transfer" }, { "GBP", "gb_bank_transfer" }, { "JPY", "jp_bank_transfer" },
        { "MXN", "mx_bank_transfer" }, { "USD", "us_bank_transfer" } };
    static const char options[] = "payment_method_options[customer_balance]";

    form_add(form, arena_printf(ctx->arena, "%s[funding_type]", options), "bank_transfer");
    for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++)
        if (strcmp(places[i].currency, currency) == 0)
            form_add(form, arena_printf(ctx->arena, "%s[bank_transfer][type]", options), "%s", places[i].type);
    if (strcmp(currency, "EUR") == 0)
        form_add(form, arena_printf(ctx->arena, "%s[bank_transfer][eu_bank_transfer][country]", options), "%s",
            ctx->config->bank_transfer_country);
}

static bool takes_cards(const char *const *types)
{
    for (size_t i = 0; types && types[i]; i++)
        if (strcmp(types[i], "card") == 0)
            return true;
    return !types;
}

struct outcome stripe_create(struct ctx *ctx, const struct charge_request *request)
{
    struct buf form = { .arena = ctx->arena };
    const char *why;
    int64_t amount;

    if (!stripe_amount(request->amount, &amount, &why))
        return stripe_refused(E_VALIDATION_ERROR, why);
    form_add(&form, "amount", "%jd", (intmax_t)amount);
    form_add(&form, "currency", "%s", stripe_currency(ctx, request->amount.currency));
    form_add(&form, "capture_method", "%s", request->capture ? "automatic" : "manual");
    for (size_t i = 0; request->types && request->types[i]; i++)
        form_add(&form, arena_printf(ctx->arena, "allowed_payment_method_types[%zu]", i), "%s", request->types[i]);
    if (!request->types)
        form_add(&form, "automatic_payment_methods[enabled]", "true");
    for (size_t i = 0; request->types && request->types[i]; i++)
        if (strcmp(request->types[i], "customer_balance") == 0)
            add_transfer(ctx, &form, request->amount.currency);
    add_text(&form, "customer", request->customer);
    add_text(&form, "description", request->description);
    add_text(&form, "statement_descriptor_suffix", request->descriptor ? descriptor(ctx, request->descriptor) : NULL);
    form_add(&form, "metadata[payment_id]", "%s", request->payment_id);
    form_add(&form, "metadata[attempt_id]", "%s", request->attempt_id);
    if (request->reference)
        add_text(&form, "metadata[reference]", stripe_cut(ctx, request->reference, 500));
    if (request->keep)
        form_add(&form, "setup_future_usage", "off_session");
    if (request->multicapture && takes_cards(request->types))
        form_add(&form, "payment_method_options[card][request_multicapture]", "if_available");
    stripe_add_metadata(ctx, &form, request->metadata);
    return post(ctx, "/v1/payment_intents", request->key, &form, false);
}

struct outcome stripe_confirm(struct ctx *ctx, const struct confirm_request *request)
{
    struct buf form = { .arena = ctx->arena };

    // an intent with automatic payment methods, confirmed by a server, must say where a redirect comes back to
    assert(request->return_url);
    if (!id_is_plausible(request->reference))
        return stripe_refused(E_NOT_FOUND, "Stripe does not know this payment");
    if (request->method && !id_is_plausible(request->method))
        return stripe_refused(E_PAYMENT_METHOD_ERROR, "Stripe does not know this payment method");
    add_text(&form, "payment_method", request->method);
    form_add(&form, "return_url", "%s", request->return_url);
    add_text(&form, "mandate", request->mandate);
    if (request->off_session)
        form_add(&form, "off_session", "true");
    if (request->force_3ds)
        form_add(&form, "payment_method_options[card][request_three_d_secure]", "any");
    add_expansion(&form);
    return post(ctx, intent_path(ctx, request->reference, "/confirm"), request->key, &form, true);
}

struct outcome stripe_capture(struct ctx *ctx, const struct capture_request *request)
{
    struct buf form = { .arena = ctx->arena };
    const char *why;
    int64_t amount;

    if (!id_is_plausible(request->reference))
        return stripe_refused(E_NOT_FOUND, "Stripe does not know this payment");
    amount = 0;
    if (request->amount.minor && !stripe_amount(request->amount, &amount, &why))
        return stripe_refused(E_VALIDATION_ERROR, why);
    form_add(&form, "amount_to_capture", "%jd", (intmax_t)amount);
    if (!request->final || !amount)
        form_add(&form, "final_capture", request->final ? "true" : "false");
    add_expansion(&form);
    return post(ctx, intent_path(ctx, request->reference, "/capture"), request->key, &form, true);
}

static const char *cancellation_reason(const char *ours)
{
    static const char *const known[] = { "duplicate", "fraudulent", "requested_by_customer", "abandoned", NULL };

    return ours && name_index(known, ours) >= 0 ? ours : NULL;
}

struct outcome stripe_cancel(struct ctx *ctx, const struct cancel_request *request)
{
    struct buf form = { .arena = ctx->arena };

    if (!id_is_plausible(request->reference))
        return stripe_refused(E_NOT_FOUND, "Stripe does not know this payment");
    add_text(&form, "cancellation_reason", cancellation_reason(request->reason));
    add_expansion(&form);
    return post(ctx, intent_path(ctx, request->reference, "/cancel"), request->key, &form, false);
}

/* Asking */

#define DISPUTES 20 // of one payment; a bank opens one, rarely a second

/* Adds one movement's fee to what was taken or given back, in the currency it settles in. */
static void add_fee(struct money *sum, int64_t fee, const char *currency)
{
    const char *why;
    struct money one;

    if (fee > 0 && stripe_money(fee, currency, &one, &why) && (!*sum->currency || money_same_currency(*sum, one))) {
        one.minor += sum->minor;
        *sum = one;
    }
}

static void read_dispute_fee(const json_t *dispute, struct dispute_view *out)
{
    size_t i;
    json_t *movement;

    json_array_foreach(json_object_get(dispute, "balance_transactions"), i, movement)
    {
        const char *currency = json_get_text(movement, "currency");
        int64_t fee = json_get_int(movement, "fee");

        if (currency)
            add_fee(fee > 0 ? &out->fee : &out->fee_returned, fee > 0 ? fee : -fee, currency);
    }
}

static bool read_dispute(const json_t *dispute, struct dispute_view *out)
{
    const char *status = json_get_text(dispute, "status");
    const char *currency = json_get_text(dispute, "currency");
    const json_t *evidence = json_object_get(dispute, "evidence_details");
    const char *why;

    *out = (struct dispute_view){
        .reference = json_get_text(dispute, "id"),
        .standing = stripe_standing(status ? status : ""),
        .reason = json_get_text(dispute, "reason"),
        .answered = json_get_int(evidence, "submission_count") > 0,
        .due_by = instant_of_unix(json_get_int(evidence, "due_by")),
        .created_at = instant_of_unix(json_get_int(dispute, "created")),
    };
    read_dispute_fee(dispute, out);
    return out->reference && currency && stripe_money(json_get_int(dispute, "amount"), currency, &out->amount, &why);
}

/* Of several the payment shows the one that the merchant must look at most: an open one, a lost one, an inquiry. */
static bool visit_dispute(void *to, json_t *dispute)
{
    static const int weight[] = {
        [DISPUTE_NONE] = 0,
        [DISPUTE_WON] = 1,
        [DISPUTE_INQUIRY] = 2,
        [DISPUTE_LOST] = 3,
        [DISPUTE_OPEN] = 4,
    };
    struct snapshot *snapshot = to;
    struct dispute_view *view = &snapshot->disputes[snapshot->dispute_count];

    if (!read_dispute(dispute, view))
        return true;
    if (weight[view->standing] > weight[snapshot->dispute])
        snapshot->dispute = view->standing;
    return ++snapshot->dispute_count < DISPUTES;
}

static struct error *fetch_disputes(struct ctx *ctx, struct snapshot *snapshot)
{
    struct buf filter = { .arena = ctx->arena };
    bool complete;

    snapshot->disputes = arena_array(ctx->arena, DISPUTES, sizeof(*snapshot->disputes));
    form_add(&filter, "payment_intent", "%s", snapshot->reference);
    return stripe_each(ctx, "/v1/disputes", buf_string(&filter), 1, visit_dispute, snapshot, &complete);
}

/* The charge names the movement of its first capture only. What is not known now is told by a later look. */
static void fetch_fees(struct ctx *ctx, struct snapshot *snapshot)
{
    struct movement *movements;
    const char *next;
    size_t count;
    struct error *error =
        stripe_list_movements(ctx, &(struct movement_query){ .source = snapshot->charge }, &movements, &count, &next);

    if (error) {
        log_info(ctx, "stripe.fees", "the fees of %s: %s", snapshot->charge, error->cause);
        return;
    }
    snapshot->fees = arena_array(ctx->arena, count + 1, sizeof(*snapshot->fees));
    for (size_t i = 0; i < count; i++) {
        struct money fee = movements[i].amount;
        fee.minor = movements[i].fee;
        if (movements[i].kind == MOVEMENT_CHARGE && fee.minor > 0)
            snapshot->fees[snapshot->fee_count++] = (struct fee_view){ movements[i].reference, fee };
    }
}

struct error *stripe_fetch(struct ctx *ctx, const char *reference, struct snapshot *out)
{
    struct buf query = { .arena = ctx->arena };
    struct instant asked_at = clock_now();
    json_t *intent;

    if (!id_is_plausible(reference))
        return error_new(ctx, E_NOT_FOUND, "Stripe does not know this payment");
    add_expansion(&query);
    TRY(stripe_get(ctx, intent_path(ctx, reference, ""), &query, INTENT, &intent));
    TRY(stripe_snapshot(ctx, intent, out));
    out->asked_at = asked_at;
    if (out->captured)
        TRY(stripe_list_refunds(ctx, intent, out));
    else
        out->refunds_listed = true; // nothing was taken, so nothing can have gone back
    if (out->captured && out->multicapture && out->charge)
        fetch_fees(ctx, out);
    return out->disputed ? fetch_disputes(ctx, out) : NULL;
}

/* The intent of a payment that went furthest, while lists are gone through. */
struct candidate {
    const char *payment_id;
    const char *reference;
    enum provider_state state;
};

static bool visit_candidate(void *to, json_t *intent)
{
    static const int rank[] = {
        [PROVIDER_STATE_CANCELLED] = 0,
        [PROVIDER_STATE_WAITING] = 1,
        [PROVIDER_STATE_ACTION] = 2,
        [PROVIDER_STATE_PENDING] = 3,
        [PROVIDER_STATE_AUTHORIZED] = 4,
        [PROVIDER_STATE_SUCCEEDED] = 5,
    };
    struct candidate *best = to;
    const char *id = json_get_text(intent, "id");
    const char *status = json_get_text(intent, "status");
    const char *payment_id = json_get_text(json_object_get(intent, "metadata"), "payment_id");

    if (!id || !status || !payment_id || strcmp(payment_id, best->payment_id) != 0)
        return true;
    if (!best->reference || rank[stripe_state(status)] > rank[best->state]) {
        best->reference = id;
        best->state = stripe_state(status);
    }
    return true;
}

/* Fast, but it lags behind, and not every account has it; so a failure only means that the list must do. */
static void search(struct ctx *ctx, struct candidate *best)
{
    struct buf query = { .arena = ctx->arena };
    json_t *found, *intent;
    size_t i;

    form_add(&query, "query", "metadata['payment_id']:'%s'", best->payment_id);
    form_add(&query, "limit", "100");
    struct error *error = stripe_get(ctx, "/v1/payment_intents/search", &query, "search_result", &found);
    if (error) {
        log_info(ctx, "stripe.search", "a search failed: %s", error->cause);
        return;
    }
    json_array_foreach(json_object_get(found, "data"), i, intent)
    {
        visit_candidate(best, intent);
    }
}

static struct error *go_through_list(struct ctx *ctx, struct instant since, struct candidate *best)
{
    struct buf filter = { .arena = ctx->arena };
    bool complete;

    form_add(&filter, "created[gte]", "%jd", (intmax_t)(instant_to_unix(since) - CLOCK_SKEW));
    TRY(stripe_each(ctx, "/v1/payment_intents", buf_string(&filter), PAGES, visit_candidate, best, &complete));
    if (best->reference)
        return NULL;
    if (complete)
        return error_new(ctx, E_NOT_FOUND, "Stripe does not know this payment");

    struct error *error = error_new(ctx, E_PROVIDER_UNAVAILABLE, "Stripe has too many payments to look through");
    return error_cause(ctx, error, "not among the %d newest payments, and search does not have it yet", PAGES * 100);
}

struct error *stripe_find(struct ctx *ctx, const char *payment_id, struct instant since, struct snapshot *out)
{
    struct candidate best = { .payment_id = payment_id };

    if (!id_is_plausible(payment_id))
        return error_new(ctx, E_NOT_FOUND, "Stripe does not know this payment");
    search(ctx, &best);
    if (!best.reference)
        TRY(go_through_list(ctx, since, &best));
    return stripe_fetch(ctx, best.reference, out);
}

struct error *stripe_fetch_method(struct ctx *ctx, const char *reference, struct method_view *out)
{
    json_t *method;

    if (!id_is_plausible(reference))
        return error_new(ctx, E_NOT_FOUND, "Stripe does not know this payment method");
    TRY(stripe_get(ctx, arena_printf(ctx->arena, "/v1/payment_methods/%s", reference), NULL, "payment_method",
        &method));
    stripe_method_view(ctx, method, out);
    return NULL;
}
