#include "pages/admin_payment.h"

#include <string.h>

#include "base/arena.h"
#include "base/config.h"
#include "base/ctx.h"
#include "base/id.h"
#include "customers/customer.h"
#include "db/db.h"
#include "events/audit.h"
#include "events/decision.h"
#include "http/breaker.h"
#include "http/smtp.h"
#include "pages/admin.h"
#include "pages/admin_checks.h"
#include "pages/admin_once.h"
#include "pages/admin_story.h"
#include "pages/admin_view.h"
#include "payments/approval.h"
#include "payments/dispute.h"
#include "payments/notice.h"
#include "payments/payment.h"
#include "payments/payment_store.h"
#include "payments/refund.h"
#include "payments/search.h"
#include "payments/story.h"
#include "provider/provider.h"
#include "web/reply.h"
#include "web/request.h"

#define HERE "/admin/payments"
#define MAX_REASON 500

static const char page_name[] = "admin/payment";

/* Everything that the page is about. */
struct whole {
    struct payment payment;
    struct related related;
    struct story_list story;
    struct field_list balance, payouts, dead, decisions;
    struct customer customer;
    bool has_customer, revealed;
};

static const char *link_of(struct ctx *ctx, const struct payment *payment)
{
    return arena_printf(ctx->arena, HERE "/%s", payment->id);
}

static struct error *read_customer(struct ctx *ctx, struct whole *whole)
{
    struct error *error;

    if (!whole->payment.customer_id)
        return NULL;
    error = customer_get(ctx, whole->payment.customer_id, &whole->customer);
    if (error && error->code == E_NOT_FOUND)
        return NULL;
    whole->has_customer = !error;
    return error;
}

static struct error *read_whole(struct ctx *ctx, const char *id, struct whole *out)
{
    TRY(payment_get(ctx, id, &out->payment));
    TRY(story_related(ctx, &out->payment, &out->related));
    TRY(story_tell(ctx, &out->payment, &out->related, &out->story));
    TRY(story_balance(ctx, &out->related, &out->balance));
    TRY(story_payouts(ctx, &out->payment, &out->payouts));
    TRY(story_dead_jobs(ctx, &out->related, &out->dead));
    TRY(story_decisions(ctx, &out->related, &out->decisions));
    return read_customer(ctx, out);
}

/* What happens next -------------------------------------------------------------------------------------------------- */

static const char *after_success(const struct payment *payment)
{
    if (payment->dispute_state == DISPUTE_LOST)
        return "Nothing: the dispute is lost, and its money is back with the payer.";
    if (!payment->amount_refunded.minor)
        return "Nothing: the money is captured.";
    return payment_refundable(payment) ? "Nothing: the money is captured, and a part of it went back."
                                       : "Nothing: all of it went back to the payer.";
}

static const char *next_step(struct ctx *ctx, const struct payment *payment)
{
    if (payment->dispute_state == DISPUTE_OPEN)
        return "The payer disputes it: answer the dispute before its time runs out.";
    if (payment->dispute_state == DISPUTE_INQUIRY)
        return "The payer's bank inquires: answer it, or give the money back, before it becomes a dispute.";
    if (payment->amount_refunding.minor)
        return "A refund is on its way; it counts as done when the provider says so.";
    switch (payment->status) {
    case PAYMENT_CREATED:
        return "Waits for the payer. It is given up by itself when nobody pays.";
    case PAYMENT_REQUIRES_ACTION:
        return "Waits until the payer has confirmed with the bank; given up after an hour.";
    case PAYMENT_PROCESSING:
        return "Wait: the provider has it, and Till asks how it stands.";
    case PAYMENT_AUTHORIZED:
        if (payment->amount_captured.minor)
            return arena_printf(ctx->arena,
                "Capture more, or release the rest. It is held until %s, and released an hour before.",
                instant_words(ctx->arena, payment->capture_before));
        return arena_printf(ctx->arena,
            "Capture it, or cancel it to release the money. It is held until %s, and released an hour before.",
            instant_words(ctx->arena, payment->capture_before));
    case PAYMENT_SUCCEEDED:
        return after_success(payment);
    case PAYMENT_FAILED:
    case PAYMENT_CANCELLED:
        return "Nothing: it has come to its end, and no money was taken.";
    case PAYMENT_UNKNOWN:
        return "Wait: the provider has not said what came of it. Till asks on, and nothing is tried again until it is "
               "known.";
    }
    return "";
}

/* The parts of the page ---------------------------------------------------------------------------------------------- */

static void add_money(json_t *list, json_t *value, const char *word, bool strong)
{
    if (json_is_null(value))
        json_decref(value);
    else
        json_array_append_new(list, json_pack("{ss, so, sb}", "word", word, "value", value, "strong", strong));
}

static struct money in(const struct payment *payment, int64_t minor)
{
    struct money amount = payment->amount;

    amount.minor = minor;
    return amount;
}

static int64_t disputed(const struct whole *whole)
{
    const struct dispute *disputes = whole->related.disputes.items;
    int64_t sum = 0;

    for (size_t i = 0; i < whole->related.disputes.count; i++)
        if (disputes[i].status == DISPUTE_OPEN || disputes[i].status == DISPUTE_LOST)
            sum += disputes[i].amount.minor;
    return sum;
}

static json_t *money_box(struct ctx *ctx, const struct whole *whole)
{
    const struct payment *payment = &whole->payment;
    const struct story_money *sums = whole->balance.items;
    json_t *list = json_array();

    add_money(list, view_money(ctx, payment->amount), "Amount", true);
    add_money(list, view_money(ctx, payment->amount_captured), "Captured", false);
    if (payment_capturable(payment))
        add_money(list, view_money(ctx, in(payment, payment_capturable(payment))), "Still held", false);
    add_money(list, view_money(ctx, payment->amount_refunded), "Refunded", false);
    if (payment->amount_refunding.minor)
        add_money(list, view_money(ctx, payment->amount_refunding), "On its way back", false);
    if (disputed(whole))
        add_money(list, view_money(ctx, in(payment, disputed(whole))), "Disputed", false);
    for (size_t i = 0; i < whole->balance.count; i++)
        if (sums[i].fees)
            add_money(list, view_minor(ctx, sums[i].fees, sums[i].currency), "Provider's fees", false);
    for (size_t i = 0; i < whole->balance.count; i++)
        add_money(list, view_minor(ctx, sums[i].net, sums[i].currency), "Net at the provider", true);
    return list;
}

/* Which payouts took it to the bank. */
static json_t *payouts(struct request *r, const struct whole *whole)
{
    const char *const *ids = whole->payouts.items;
    json_t *list = json_array();

    for (size_t i = 0; i < whole->payouts.count; i++)
        json_array_append_new(list,
            json_pack("{ss, ss?}", "reference", ids[i], "link",
                admin_may(r, "reports:read") ? arena_printf(r->ctx->arena, "/admin/reconciliation/payouts/%s", ids[i])
                                             : NULL));
    return list;
}

static void add_fact(json_t *list, const char *word, const char *text, const char *link, bool mono)
{
    if (text && *text)
        json_array_append_new(list,
            json_pack("{ss, ss, ss?, sb}", "word", word, "text", text, "link", link, "mono", mono));
}

static const char *method_text(struct ctx *ctx, const struct payment *payment)
{
    const char *kind = payment->method_brand ? payment->method_brand : payment->method_type;

    if (!kind)
        return NULL;
    return arena_printf(ctx->arena, "%s%s%s%s%s%s", view_words(ctx, kind), payment->method_last4 ? " •••• " : "",
        payment->method_last4 ? payment->method_last4 : "",
        payment->method_exp_year
            ? arena_printf(ctx->arena, ", valid until %02d/%d", payment->method_exp_month, payment->method_exp_year)
            : "",
        payment->method_funding ? arena_printf(ctx->arena, ", %s", payment->method_funding) : "",
        payment->method_country ? arena_printf(ctx->arena, ", from %s", payment->method_country) : "");
}

static void add_metadata(json_t *list, struct ctx *ctx, const struct payment *payment)
{
    const char *name;
    json_t *value, *shown = story_redact(ctx, payment->metadata);

    json_object_foreach(shown, name, value)
        add_fact(list, name, json_is_string(value) ? json_string_value(value) : json_text(ctx, value), NULL, false);
}

static json_t *facts(struct ctx *ctx, const struct whole *whole)
{
    const struct payment *payment = &whole->payment;
    json_t *list = json_array();

    add_fact(list, "Payment", payment->id, NULL, true);
    add_fact(list, "Reference", payment->reference,
        view_link(ctx, HERE, "reference", payment->reference, (const char *)NULL), false); // tried again, or paid twice
    add_fact(list, "Description", payment->description, NULL, false);
    add_fact(list, "Method", method_text(ctx, payment), NULL, false);
    add_fact(list, "Wallet", payment->method_wallet ? view_words(ctx, payment->method_wallet) : NULL, NULL, false);
    add_fact(list, "Why it failed", payment->failure_message, NULL, false);
    add_fact(list, "Decline", payment->failure_class ? view_words(ctx, payment->failure_class) : NULL, NULL, false);
    add_fact(list, "Provider's code", payment->failure_code, NULL, true);
    add_fact(list, "Provider", view_words(ctx, payment->provider), NULL, false);
    add_fact(list, "Provider's payment", payment->provider_payment_id, NULL, true);
    add_fact(list, "Provider's charge", payment->provider_charge_id, NULL, true);
    add_fact(list, "Capture", payment->capture == CAPTURE_MANUAL ? "By hand" : "At once", NULL, false);
    if (payment->status == PAYMENT_AUTHORIZED)
        add_fact(list, "Held until", instant_words(ctx->arena, payment->capture_before), NULL, false);
    add_fact(list, "Checkout session", payment->checkout_id, NULL, true);
    add_fact(list, "Cancelled because", payment->cancel_reason ? view_words(ctx, payment->cancel_reason) : NULL, NULL,
        false);
    add_fact(list, "Made by", admin_person(ctx, payment->created_by), NULL, false);
    add_fact(list, "Mode", view_words(ctx, mode_names[payment->mode]), NULL, false);
    return list;
}

static json_t *customer_view(struct request *r, const struct whole *whole)
{
    const struct customer *customer = &whole->customer;
    bool shows = whole->revealed;

    if (!whole->has_customer)
        return json_null();
    return json_pack("{ss, ss, ss, ss, ss?, ss?, ss?, sb, sb}", "id", customer->id, "payments",
        view_link(r->ctx, HERE, "customer", customer->id, (const char *)NULL), "reveal",
        arena_printf(r->ctx->arena, HERE "/%s/reveal", whole->payment.id), "link",
        arena_printf(r->ctx->arena, "/admin/customers/%s", customer->id), "reference", customer->reference, "name",
        shows ? customer->name : view_masked(r->ctx, customer->name), "email",
        shows ? customer->email : view_masked(r->ctx, customer->email), "revealed", shows, "may_reveal",
        !shows && admin_may(r, "customers:reveal") && (customer->name || customer->email));
}

static json_t *attempts(struct ctx *ctx, const struct whole *whole)
{
    static const enum tone tones[] = {
        [ATTEMPT_OPEN] = TONE_INFO,
        [ATTEMPT_SUCCEEDED] = TONE_GOOD,
        [ATTEMPT_DECLINED] = TONE_BAD,
        [ATTEMPT_REFUSED] = TONE_BAD,
        [ATTEMPT_NOT_EXECUTED] = TONE_MUTED,
        [ATTEMPT_SUPERSEDED] = TONE_MUTED,
    };
    static const char *const words[] = {
        [ATTEMPT_OPEN] = "Open",
        [ATTEMPT_SUCCEEDED] = "Succeeded",
        [ATTEMPT_DECLINED] = "Declined",
        [ATTEMPT_REFUSED] = "Refused",
        [ATTEMPT_NOT_EXECUTED] = "Not carried out",
        [ATTEMPT_SUPERSEDED] = "Overtaken",
    };
    const struct attempt *rows = whole->related.attempts.items;
    json_t *list = json_array();

    for (size_t i = whole->related.attempts.count; i-- > 0;)
        json_array_append_new(list,
            json_pack("{so, ss, so, so, ss?, ss?, ss?, ss, ss?, ss?}", "time", view_time(ctx, rows[i].created_at),
                "operation", view_words(ctx, attempt_operation_names[rows[i].operation]), "amount",
                view_money(ctx, in(&whole->payment, rows[i].amount)), "badge",
                view_badge(ctx, tones[rows[i].status], words[rows[i].status]), "request", rows[i].provider_request_id,
                "decline", rows[i].failure_class ? view_words(ctx, rows[i].failure_class) : NULL, "code",
                rows[i].failure_code, "payer",
                rows[i].off_session    ? "away"
                    : rows[i].confirms ? "through the shop"
                                       : "at the checkout page",
                "version", rows[i].api_version, "found", admin_checks_text(ctx, rows[i].checks)));
    return list;
}

/* Those of the newest charge of which anything was found out. */
static json_t *checks(struct ctx *ctx, const struct whole *whole)
{
    const struct attempt *rows = whole->related.attempts.items;

    for (size_t i = whole->related.attempts.count; i-- > 0;)
        if (rows[i].checks)
            return admin_checks(ctx, rows[i].checks);
    return json_array();
}

static json_t *refunds(struct ctx *ctx, const struct whole *whole)
{
    const struct refund *rows = whole->related.refunds.items;
    json_t *list = json_array();

    for (size_t i = 0; i < whole->related.refunds.count; i++)
        json_array_append_new(list,
            json_pack("{ss, so, so, so, ss, ss?, ss?, ss, ss?}", "id", rows[i].id, "time",
                view_time(ctx, rows[i].created_at), "amount", view_money(ctx, rows[i].amount), "badge",
                view_refund_badge(ctx, rows[i].status), "reason", view_words(ctx, rows[i].reason), "note", rows[i].note,
                "reference", rows[i].provider_refund_id, "by", admin_person(ctx, rows[i].created_by), "failure",
                rows[i].failure_code ? view_words(ctx, rows[i].failure_code) : NULL));
    return list;
}

static json_t *waiting_requests(struct ctx *ctx, const struct whole *whole)
{
    const struct approval *rows = whole->related.approvals.items;
    json_t *list = json_array();

    for (size_t i = 0; i < whole->related.approvals.count; i++)
        if (rows[i].status == APPROVAL_REQUESTED)
            json_array_append_new(list,
                json_pack("{ss, so, so, ss}", "link",
                    arena_printf(ctx->arena, "/admin/refunds/approvals/%s", rows[i].id), "amount",
                    view_money(ctx, rows[i].amount), "age", view_age(ctx, rows[i].requested_at), "who",
                    admin_person(ctx, rows[i].requested_by)));
    return list;
}

static json_t *disputes(struct ctx *ctx, const struct whole *whole)
{
    const struct dispute *rows = whole->related.disputes.items;
    json_t *list = json_array();

    for (size_t i = 0; i < whole->related.disputes.count; i++)
        json_array_append_new(list,
            json_pack("{ss, so, so, so, ss, so}", "id", rows[i].id, "time", view_time(ctx, rows[i].created_at),
                "amount", view_money(ctx, rows[i].amount), "badge", view_dispute_badge(ctx, rows[i].status), "reason",
                view_words(ctx, rows[i].reason), "due", view_time(ctx, rows[i].due_by)));
    return list;
}

static bool is_approval(const struct decision *decision)
{
    return !strcmp(decision->kind, "refund_approval");
}

static json_t *tasks_of(struct ctx *ctx, const struct whole *whole, bool *resolvable)
{
    const struct decision *rows = whole->decisions.items;
    json_t *list = json_array();

    *resolvable = false;
    for (size_t i = 0; i < whole->decisions.count; i++) {
        *resolvable |= !is_approval(&rows[i]);
        if (!is_approval(&rows[i])) // those have a place of their own
            json_array_append_new(list,
                json_pack("{ss, ss, so, ss}", "known", rows[i].known, "suggestion", rows[i].suggestion, "age",
                    view_age(ctx, rows[i].created_at), "link",
                    arena_printf(ctx->arena, "/admin/tasks/%s", rows[i].id)));
    }
    return list;
}

/* What may be done --------------------------------------------------------------------------------------------------- */

static bool is_refundable(const struct payment *payment)
{
    return payment_refundable(payment) > 0 && payment->dispute_state != DISPUTE_OPEN
        && payment->dispute_state != DISPUTE_LOST;
}

static bool is_cancellable(const struct payment *payment)
{
    return payment->status == PAYMENT_CREATED || payment->status == PAYMENT_REQUIRES_ACTION
        || payment->status == PAYMENT_AUTHORIZED;
}

static json_t *actions(struct request *r, const struct whole *whole, bool resolvable)
{
    const struct payment *payment = &whole->payment;
    bool writes = admin_may(r, "payments:write"), decides = admin_may(r, "decisions:write");
    bool capture = writes && payment->status == PAYMENT_AUTHORIZED;
    bool cancel = writes && is_cancellable(payment);
    bool refund = admin_may(r, "refunds:request") && is_refundable(payment);
    bool sync = writes && payment->provider_payment_id;
    bool receipt = writes && payment->amount_captured.minor > 0 && r->ctx->config->smtp_url;
    bool retry = decides && whole->dead.count > 0, resolve = decides && resolvable;

    return json_pack("{sb, sb, sb, sb, sb, so, sb, sb, sb, sb, sb, sb, so, ss}", "capture", capture, "cancel", cancel,
        "holds", payment->status == PAYMENT_AUTHORIZED, "several", payment->multicapture, "begun",
        payment->status == PAYMENT_AUTHORIZED && payment->amount_captured.minor > 0, "held",
        view_money(r->ctx, in(payment, payment_capturable(payment))), "refund", refund, "sync", sync, "receipt",
        receipt, "retry", retry, "resolve", resolve, "any",
        capture || cancel || refund || sync || receipt || retry || resolve, "left",
        view_money(r->ctx, in(payment, payment_refundable(payment))), "value",
        money_value(r->ctx->arena, in(payment, payment_capturable(payment))));
}

static json_t *make_view(struct request *r, const struct whole *whole)
{
    struct ctx *ctx = r->ctx;
    const struct payment *payment = &whole->payment;
    json_t *view = json_in(ctx->arena, json_object()), *metadata = json_array();
    bool resolvable;

    add_metadata(metadata, ctx, payment);
    json_object_set_new(view, "id", json_string(payment->id));
    json_object_set_new(view, "link", json_string(link_of(ctx, payment)));
    json_object_set_new(view, "amount", view_money(ctx, payment->amount));
    json_object_set_new(view, "currency", json_string(payment->amount.currency));
    json_object_set_new(view, "badge", view_payment_badge(ctx, payment));
    json_object_set_new(view, "more", view_payment_more(ctx, payment));
    json_object_set_new(view, "created", view_time(ctx, payment->created_at));
    json_object_set_new(view, "checked", view_time(ctx, payment->checked_at));
    json_object_set_new(view, "provider", json_string(view_words(ctx, payment->provider)));
    json_object_set_new(view, "provider_down", json_boolean(breaker_state(ctx, payment->provider) != BREAKER_CLOSED));
    json_object_set_new(view, "next", json_string(next_step(ctx, payment)));
    json_object_set_new(view, "money", money_box(ctx, whole));
    json_object_set_new(view, "payouts", payouts(r, whole));
    json_object_set_new(view, "taken", json_boolean(payment->amount_captured.minor > 0));
    json_object_set_new(view, "facts", facts(ctx, whole));
    json_object_set_new(view, "metadata", metadata);
    json_object_set_new(view, "customer", customer_view(r, whole));
    json_object_set_new(view, "attempts", attempts(ctx, whole));
    json_t *found_out = checks(ctx, whole);
    json_object_set_new(view, "has_checks", json_boolean(json_array_size(found_out) > 0));
    json_object_set_new(view, "checks", found_out);
    json_object_set_new(view, "refunds", refunds(ctx, whole));
    json_object_set_new(view, "has_refunds", json_boolean(whole->related.refunds.count > 0));
    json_object_set_new(view, "requests", waiting_requests(ctx, whole));
    json_object_set_new(view, "disputes", disputes(ctx, whole));
    json_object_set_new(view, "has_disputes", json_boolean(whole->related.disputes.count > 0));
    json_object_set_new(view, "tasks", tasks_of(ctx, whole, &resolvable));
    json_object_set_new(view, "has_tasks", json_boolean(resolvable));
    json_object_set_new(view, "actions", actions(r, whole, resolvable));
    json_object_set_new(view, "story", admin_story(ctx, &whole->story));
    json_object_set_new(view, "more_story", json_boolean(whole->story.more));
    json_object_set_new(view, "once", json_string(admin_once_key(ctx)));
    return view;
}

/* Who looked at a person's payment is on record with the person. */
static struct error *note_look(struct ctx *ctx, const struct payment *payment, bool revealed)
{
    if (!payment->customer_id)
        return revealed ? error_new(ctx, E_NOT_FOUND, "This payment has no customer.") : NULL;
    return audit_add(ctx, revealed ? "customer.revealed" : "customer.viewed", payment->customer_id,
        json_in(ctx->arena, json_pack("{ss}", "payment", payment->id)));
}

static struct error *show(struct request *r, const char *id, const struct error *refused, bool revealed)
{
    struct whole whole = { .revealed = revealed };

    TRY(read_whole(r->ctx, id, &whole));
    if (!refused)
        TRY(note_look(r->ctx, &whole.payment, revealed));
    const char *title = arena_printf(r->ctx->arena, "Payment of %s", view_money_text(r->ctx, whole.payment.amount));
    json_t *view = make_view(r, &whole);
    return refused ? admin_refused(r, refused, page_name, title, view) : admin_page(r, 200, page_name, title, view);
}

/* The id of what belongs to a payment, such as a refund, leads to the payment. */
struct error *admin_payment(struct request *r)
{
    const char *id = request_path(r, "id"), *payment;
    struct error *error = show(r, id, NULL, false);

    if (!error || error->code != E_NOT_FOUND || id_is(id, "pay"))
        return error;
    TRY(search_whose(r->ctx, id, &payment));
    return payment ? reply_redirect(r, 303, arena_printf(r->ctx->arena, HERE "/%s", payment)) : error;
}

/* What is done ------------------------------------------------------------------------------------------------------- */

static struct error *already(struct request *r, const struct payment *payment)
{
    return admin_done(r, link_of(r->ctx, payment), "This was sent already; below is how it stands.");
}

/* How it went, or the page again with why not. */
static struct error *conclude(struct request *r, const struct payment *payment, struct error *error, const char *done)
{
    if (admin_once_lost(error))
        return already(r, payment);
    if (error)
        return error_status(error->code) >= 500 ? error : show(r, payment->id, error, false);
    if (payment->status == PAYMENT_UNKNOWN || payment->status == PAYMENT_PROCESSING)
        done = "The provider has not answered yet. Till asks on, and nothing is done twice.";
    return admin_done(r, link_of(r->ctx, payment), "%s", done);
}

/* An empty amount is all of it. */
static struct error *read_amount(struct request *r, const struct payment *payment, struct money *out)
{
    const char *text = request_form_member(r, "amount"), *why = NULL;
    struct error *error = NULL;

    *out = (struct money){ 0 };
    if (!text || !*text)
        return NULL;
    if (!money_parse(text, payment->amount.currency, out, &why))
        error_add_field(r->ctx, &error, "#/amount", "%s", why);
    else if (out->minor < 1)
        error_add_field(r->ctx, &error, "#/amount", "must be more than nothing");
    return error;
}

static const char *form_text(struct request *r, const char *name)
{
    const char *text = request_form_member(r, name);

    return text ? text : "";
}

struct error *admin_payment_capture(struct request *r)
{
    struct payment payment;
    struct money amount;
    bool again = false;

    TRY(payment_get(r->ctx, request_path(r, "id"), &payment));
    struct error *error = read_amount(r, &payment, &amount);
    if (!error)
        error = admin_once(r, form_text(r, "amount"), &again);
    if (again)
        return already(r, &payment);
    if (!error)
        error = payment_capture(r->ctx, payment.id, amount, strcmp(form_text(r, "rest"), "hold") != 0, &payment);
    return conclude(r, &payment, error,
        payment_capturable(&payment)
            ? arena_printf(r->ctx->arena, "%s was captured; %s is still held.", view_money_text(r->ctx, amount),
                view_money_text(r->ctx, in(&payment, payment_capturable(&payment))))
            : arena_printf(r->ctx->arena, "%s was captured.", view_money_text(r->ctx, payment.amount_captured)));
}

static struct error *read_choice(struct request *r, const char *name, const char *const *names, const char **out)
{
    struct error *error = NULL;

    *out = request_form_member(r, name);
    if (!*out || name_index(names, *out) < 0)
        error_add_field(r->ctx, &error, arena_printf(r->ctx->arena, "#/%s", name), "must be chosen");
    return error;
}

struct error *admin_payment_cancel(struct request *r)
{
    static const char *const reasons[] = { "requested_by_customer", "duplicate", "fraudulent", "abandoned", NULL };
    struct payment payment;
    const char *reason;
    bool again = false;

    TRY(payment_get(r->ctx, request_path(r, "id"), &payment));
    struct error *error = read_choice(r, "reason", reasons, &reason);
    if (!error)
        error = admin_once(r, reason, &again);
    if (again)
        return already(r, &payment);
    if (!error)
        error = payment_cancel(r->ctx, payment.id, reason, &payment);
    return conclude(r, &payment, error,
        payment.amount_captured.minor ? arena_printf(r->ctx->arena, "The rest is released; %s was captured.",
            view_money_text(r->ctx, payment.amount_captured))
                                      : "The payment is cancelled; nothing is charged.");
}

struct error *admin_payment_sync(struct request *r)
{
    struct payment payment;
    struct error *error = payment_sync(r->ctx, request_path(r, "id"), &payment);

    if (error && error->code == E_PROVIDER_UNAVAILABLE)
        return admin_done(r, link_of(r->ctx, &payment),
            "The provider did not answer. What you see is what is known here.");
    if (error)
        return error->code == E_NOT_FOUND ? error : show(r, request_path(r, "id"), error, false);
    return admin_done(r, link_of(r->ctx, &payment), "This is how the provider says it stands.");
}

/* To the address that was typed, or to whom it went. */
struct error *admin_payment_receipt(struct request *r)
{
    const char *email = form_text(r, "email"), *why = *email ? check_mail_address(r->ctx, email) : NULL;
    struct payment payment;
    struct notice notice;
    struct error *error = NULL;

    TRY(payment_get(r->ctx, request_path(r, "id"), &payment));
    if (why)
        error_add_field(r->ctx, &error, "#/email", "%s", why);
    else
        error = notice_receipt_again(r->ctx, payment.id, *email ? email : NULL, NULL, &notice);
    if (error)
        return show(r, payment.id, error, false);
    return admin_done(r, link_of(r->ctx, &payment), "The receipt is on its way.");
}

struct error *admin_payment_retry(struct request *r)
{
    struct payment payment;
    int64_t retried;

    TRY(payment_get(r->ctx, request_path(r, "id"), &payment));
    TRY(story_retry(r->ctx, &payment, &retried));
    return admin_done(r, link_of(r->ctx, &payment),
        retried ? "It is tried again now." : "Nothing of this payment was out of tries.");
}

struct error *admin_payment_resolve(struct request *r)
{
    const char *reason = form_text(r, "reason");
    struct payment payment;
    struct error *error = NULL;
    int64_t settled;

    TRY(payment_get(r->ctx, request_path(r, "id"), &payment));
    if (!reason[strspn(reason, " \t\r\n")])
        error_add_field(r->ctx, &error, "#/reason", "is needed: what did you find out, and what was done?");
    else if (strlen(reason) > MAX_REASON)
        error_add_field(r->ctx, &error, "#/reason", "must have at most %d characters", MAX_REASON);
    if (error)
        return show(r, payment.id, error, false);
    TRY(story_resolve(r->ctx, &payment, reason, &settled));
    return admin_done(r, link_of(r->ctx, &payment),
        settled ? "Marked as resolved. The payment's state stays what the provider says."
                : "Nothing was left to resolve.");
}

struct error *admin_payment_reveal(struct request *r)
{
    return show(r, request_path(r, "id"), NULL, true);
}
