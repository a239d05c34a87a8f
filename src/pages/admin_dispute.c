#include "pages/admin_dispute.h"

#include <string.h>

#include "base/arena.h"
#include "base/ctx.h"
#include "pages/admin.h"
#include "pages/admin_view.h"
#include "payments/dispute.h"
#include "payments/dispute_api.h"
#include "payments/dispute_store.h"
#include "payments/evidence.h"
#include "payments/payment_store.h"
#include "provider/provider.h"
#include "web/multipart.h"
#include "web/request.h"

#define HERE "/admin/disputes"
#define DAY 86400

static const char page_name[] = "admin/dispute";

/* The form's fields, in the words of the API; what is asked most comes first. */
static const struct word {
    const char *name, *label, *hint;
    bool lines;
} words[] = {
    { "text", "What happened", "In your own words: what was bought, what was delivered, what the customer said.",
        true },
    { "product_description", "What was sold", "", true },
    { "customer_name", "Customer's name", "", false },
    { "customer_email", "Customer's e-mail", "", false },
    { "customer_ip", "Customer's IP address", "That it was bought from.", false },
    { "billing_address", "Billing address", "", true },
    { "shipping_address", "Shipping address", "", true },
    { "shipping_date", "Shipped on", "", false },
    { "shipping_carrier", "Carrier", "", false },
    { "shipping_tracking_number", "Tracking number", "", false },
    { "service_date", "Service given on", "", false },
    { "access_log", "Use of what was bought", "Log-ins, downloads, lessons taken.", true },
    { "refund_refusal", "Why there is no refund", "", true },
    { "refund_policy_disclosure", "How the refund policy was shown", "", true },
    { "cancellation_rebuttal", "Why it was not cancelled", "", true },
    { "cancellation_policy_disclosure", "How the cancellation policy was shown", "", true },
    { "duplicate_explanation", "Why it is no duplicate", "", true },
    { "duplicate_payment", "The provider's charge it is taken for", "", false },
};

/* What convinces a bank, by its reason, and the kind of file that shows it; what has no reason of its own is for all others. */
static const struct {
    const char *reason, *kind, *word;
} helps[] = {
    { "fraudulent", "customer_communication", "Messages from the customer about this purchase" },
    { "fraudulent", "shipping_documentation", "That it went to the customer's own address, or was used from there" },
    { "fraudulent", "customer_signature", "A signature, or another sign that the card's owner bought it" },
    { "unrecognized", "receipt", "The receipt, with the name that stands on the statement" },
    { "unrecognized", "customer_communication", "Messages from the customer about this purchase" },
    { "product_not_received", "shipping_documentation", "Tracking that shows the delivery, to the address given" },
    { "product_not_received", "service_documentation", "For a service: that it was given, and when" },
    { "product_not_received", "customer_communication",
        "Messages in which the customer has it, or was told of a delay" },
    { "product_unacceptable", "service_documentation", "What was promised, and that it was delivered so" },
    { "product_unacceptable", "refund_policy", "The refund policy that the customer agreed to" },
    { "product_unacceptable", "customer_communication", "What you offered when the customer complained" },
    { "duplicate", "duplicate_documentation", "Both receipts: what each payment was for" },
    { "credit_not_processed", "refund_policy", "The refund policy, and why it gives no money back here" },
    { "credit_not_processed", "customer_communication", "What was agreed with the customer" },
    { "subscription_canceled", "cancellation_policy", "How one cancels, and that the customer was told" },
    { "subscription_canceled", "service_documentation", "That it was used after the day of cancelling" },
    { NULL, "receipt", "The receipt" },
    { NULL, "customer_communication", "Messages from the customer about this purchase" },
    { NULL, "service_documentation", "That the customer got what was paid for" },
};

#define WORDS (sizeof words / sizeof *words)
#define FIRST 2 // shown at once

static const char *link_of(struct ctx *ctx, const struct dispute *dispute)
{
    return arena_printf(ctx->arena, HERE "/%s", dispute->id);
}

static bool is_late(struct ctx *ctx, const struct dispute *dispute)
{
    return instant_is_set(dispute->due_by) && dispute->due_by.us <= ctx->now.us;
}

static bool can_answer(struct ctx *ctx, const struct dispute *dispute)
{
    return dispute_waits(dispute) && !instant_is_set(dispute->evidence_sent_at) && !is_late(ctx, dispute);
}

static bool can_accept(const struct dispute *dispute)
{
    return dispute->status == DISPUTE_OPEN && !instant_is_set(dispute->evidence_sent_at);
}

static const char *next_step(struct ctx *ctx, const struct dispute *dispute)
{
    if (dispute->status == DISPUTE_WON)
        return "Nothing: it was decided for you, and the money is back.";
    if (dispute->status == DISPUTE_LOST)
        return "Nothing: it was decided for the payer, and the money is gone.";
    if (instant_is_set(dispute->evidence_sent_at))
        return "Wait: the bank has the evidence. It may take two to three months.";
    if (is_late(ctx, dispute))
        return "Wait: no more evidence is taken, and the bank decides.";
    return dispute->status == DISPUTE_INQUIRY
        ? "The bank asks before it takes the money back: answer it, or give the money back yourself."
        : "Send evidence in time, or accept the dispute. Without an answer the payer keeps the money.";
}

/* Views ------------------------------------------------------------------------------------------------------------- */

static json_t *words_view(struct request *r, size_t from, size_t to)
{
    json_t *list = json_array();

    for (size_t i = from; i < to; i++)
        json_array_append_new(list,
            json_pack("{ss, ss, so, sb, so}", "name", words[i].name, "label", words[i].label, "hint",
                view_text(*words[i].hint ? words[i].hint : NULL), "lines", words[i].lines, "typed",
                view_text(request_form_member(r, words[i].name))));
    return list;
}

static json_t *left_view(struct ctx *ctx, const struct dispute *dispute)
{
    int64_t left = (dispute->due_by.us - ctx->now.us) / 1000000;

    if (!can_answer(ctx, dispute) || !instant_is_set(dispute->due_by))
        return json_null();
    return view_badge(ctx,
        left < 3 * (int64_t)DAY       ? TONE_BAD
            : left < 7 * (int64_t)DAY ? TONE_WARN
                                      : TONE_MUTED,
        arena_printf(ctx->arena, "%s left", view_span(ctx, left)));
}

static json_t *files_view(struct ctx *ctx, const struct field_list *files)
{
    const struct evidence_file *list = files->items;
    json_t *rows = json_array();

    for (size_t i = 0; i < files->count; i++)
        json_array_append_new(rows,
            json_pack("{ss, ss, so, ss}", "word", view_words(ctx, list[i].kind), "size",
                arena_printf(ctx->arena, "%lld KB", (long long)(list[i].size + 1023) / 1024), "time",
                view_time(ctx, list[i].created_at), "by", view_person(ctx, list[i].created_by)));
    return rows;
}

static bool has_kind(const struct field_list *files, const char *kind)
{
    const struct evidence_file *list = files->items;

    for (size_t i = 0; i < files->count; i++)
        if (!strcmp(list[i].kind, kind))
            return true;
    return false;
}

static json_t *checklist(struct ctx *ctx, const char *reason, const struct field_list *files)
{
    json_t *list = json_array();

    for (size_t i = 0; i < sizeof helps / sizeof *helps; i++) {
        bool fits = reason ? helps[i].reason && !strcmp(helps[i].reason, reason) : !helps[i].reason;
        bool given = has_kind(files, helps[i].kind);
        if (fits)
            json_array_append_new(list,
                json_pack("{ss, so}", "word", helps[i].word, "state",
                    view_badge(ctx, given ? TONE_GOOD : TONE_MUTED, given ? "File added" : "No file yet")));
    }
    if (reason && !json_array_size(list)) {
        json_decref(list);
        return checklist(ctx, NULL, files);
    }
    return list;
}

static void add_actions(struct request *r, const struct dispute *dispute, json_t *view)
{
    struct ctx *ctx = r->ctx;
    bool writes = admin_may(r, "disputes:write");

    json_object_set_new(view, "answers", json_boolean(writes && can_answer(ctx, dispute)));
    json_object_set_new(view, "accepts", json_boolean(writes && can_accept(dispute)));
    json_object_set_new(view, "only_reads", json_boolean(!writes && can_answer(ctx, dispute)));
    json_object_set_new(view, "words", words_view(r, 0, FIRST));
    json_object_set_new(view, "more_words", words_view(r, FIRST, WORDS));
    json_object_set_new(view, "most",
        json_string(arena_printf(ctx->arena, "%d.%d MB", EVIDENCE_AT_MOST / 1000000, EVIDENCE_AT_MOST / 100000 % 10)));
    json_object_set_new(view, "kinds", view_options(ctx, evidence_file_kinds, request_form_member(r, "kind")));
}

static struct error *make_view(struct request *r, const struct dispute *dispute, json_t **out)
{
    struct ctx *ctx = r->ctx;
    json_t *view = json_in(ctx->arena, json_object());
    struct field_list files;

    TRY(dispute_file_rows(ctx, dispute->id, &files));
    json_object_set_new(view, "id", json_string(dispute->id));
    json_object_set_new(view, "link", json_string(link_of(ctx, dispute)));
    json_object_set_new(view, "payment", json_string(dispute->payment_id));
    json_object_set_new(view, "amount", view_money(ctx, dispute->amount));
    json_object_set_new(view, "badge", view_dispute_badge(ctx, dispute->status));
    json_object_set_new(view, "left", left_view(ctx, dispute));
    json_object_set_new(view, "next", json_string(next_step(ctx, dispute)));
    json_object_set_new(view, "reason", view_text(dispute->reason ? view_words(ctx, dispute->reason) : NULL));
    json_object_set_new(view, "provider", json_string(view_words(ctx, dispute->provider)));
    json_object_set_new(view, "reference", json_string(dispute->provider_dispute_id));
    json_object_set_new(view, "due", view_time(ctx, dispute->due_by));
    json_object_set_new(view, "sent", view_time(ctx, dispute->evidence_sent_at));
    json_object_set_new(view, "created", view_time(ctx, dispute->created_at));
    json_object_set_new(view, "files", files_view(ctx, &files));
    json_object_set_new(view, "has_files", json_boolean(files.count > 0));
    json_object_set_new(view, "checklist", checklist(ctx, dispute->reason ? dispute->reason : "", &files));
    add_actions(r, dispute, view);
    *out = view;
    return NULL;
}

static struct error *show(struct request *r, const char *id, const struct error *refused)
{
    struct dispute dispute;
    json_t *view;

    TRY(dispute_get(r->ctx, id, &dispute));
    TRY(make_view(r, &dispute, &view));
    const char *title = arena_printf(r->ctx->arena, "Dispute of %s", view_money_text(r->ctx, dispute.amount));
    return refused ? admin_refused(r, refused, page_name, title, view) : admin_page(r, 200, page_name, title, view);
}

struct error *admin_dispute(struct request *r)
{
    return show(r, request_path(r, "id"), NULL);
}

/* What is done ------------------------------------------------------------------------------------------------------ */

/* The provider did not answer, which undoes nothing: the same page again, with what was typed. */
static struct error *conclude(struct request *r, const struct error *error, const struct dispute *dispute,
    const char *done)
{
    if (!error)
        return admin_done(r, link_of(r->ctx, dispute), "%s", done);
    if (error->code != E_PROVIDER_UNAVAILABLE && error->code != E_PROVIDER_ERROR)
        return show(r, request_path(r, "id"), error);
    return show(r, request_path(r, "id"),
        error_new(r->ctx, E_CONFLICT,
            "The provider did not take it: %s. Look at the state below, then send it again; that is safe.",
            error->detail));
}

struct error *admin_dispute_evidence(struct request *r)
{
    struct evidence_body body = { .submit = true };
    struct evidence_part parts[EVIDENCE_WORDS];
    struct dispute dispute = { 0 };
    struct error *error = request_form(r, dispute_evidence_asked, &body);

    if (!error)
        error =
            evidence_send(r->ctx, request_path(r, "id"), parts, evidence_parts(&body, parts), body.submit, &dispute);
    return conclude(r, error, &dispute,
        body.submit ? "The bank has the evidence." : "The provider keeps it; the bank has not got it yet.");
}

/* Browsers name the type by the file's end; what is no letter of a plain name gives way. */
static const char *plain_name(struct ctx *ctx, const char *name)
{
    char *out = arena_strndup(ctx->arena, name, 100);

    for (char *c = out; *c; c++)
        if ((unsigned char)*c < 0x20 || (unsigned char)*c > 0x7e || strchr("\"\\/", *c))
            *c = '_';
    return *out ? out : "file";
}

static struct error *read_file(struct request *r, struct evidence_upload *out)
{
    struct ctx *ctx = r->ctx;
    struct error *error = NULL;
    struct multipart file = { 0 };
    const char *kind = request_form_member(r, "kind");
    bool there = request_upload(r, "file", &file) && file.filename && file.content.length > 0;
    const char *why = there && file.content_type ? check_evidence_type(ctx, file.content_type) : NULL;

    if (!kind || name_index(evidence_file_kinds, kind) < 0)
        error_add_field(ctx, &error, "#/kind", "must be chosen");
    if (!there)
        error_add_field(ctx, &error, "#/file", "must be chosen");
    else if (why || !file.content_type)
        error_add_field(ctx, &error, "#/file", "must be a PDF, JPEG or PNG");
    else if (file.content.length > EVIDENCE_AT_MOST)
        error_add_field(ctx, &error, "#/file", "must have at most %d KB", EVIDENCE_AT_MOST / 1000);
    if (error)
        return error;
    out->kind = kind;
    out->name = plain_name(ctx, file.filename);
    out->content_type = file.content_type;
    out->content = file.content;
    return NULL;
}

struct error *admin_dispute_file(struct request *r)
{
    struct evidence_upload upload = { .dispute_id = request_path(r, "id") };
    struct dispute dispute = { 0 };
    struct evidence_file file;

    TRY(dispute_get(r->ctx, upload.dispute_id, &dispute));
    struct error *error = read_file(r, &upload);
    if (!error)
        error = evidence_add_file(r->ctx, &upload, &file);
    if (error && error->field_count && !strcmp(error->fields[0].pointer, "#/content"))
        error->fields[0].pointer = "#/file"; // as the form calls it
    return conclude(r, error, &dispute, "The file goes along when the evidence is sent.");
}

struct error *admin_dispute_accept(struct request *r)
{
    struct dispute dispute = { 0 };
    struct error *error = NULL;
    const char *sure = request_form_member(r, "sure");

    if (!sure || strcmp(sure, "yes") != 0)
        error_add_field(r->ctx, &error, "#/sure", "must be ticked");
    if (!error)
        error = dispute_accept(r->ctx, request_path(r, "id"), &dispute);
    return conclude(r, error, &dispute, "The dispute is accepted; the payer keeps the money.");
}
