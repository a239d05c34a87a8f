#include "pages/admin_story.h"

#include <stdlib.h>
#include <string.h>

#include "access/user.h"
#include "base/arena.h"
#include "base/buf.h"
#include "base/ctx.h"
#include "base/id.h"
#include "pages/admin_checks.h"
#include "pages/admin_view.h"

#define API_KEY_ID 12 // letters and digits

/* What the names of the audit log, the ledger and the queue mean. */
static const struct {
    const char *name;
    enum tone tone;
    const char *sentence;
} meanings[] = {
    { "payment.charge_requested", TONE_MUTED, "A charge was begun" },
    { "payment.capture_requested", TONE_MUTED, "A capture was asked for" },
    { "payment.release_requested", TONE_MUTED, "Releasing the rest was asked for" },
    { "payment.cancel_requested", TONE_MUTED, "Cancelling was asked for" },
    { "payment.sync_requested", TONE_MUTED, "The provider was asked how it stands" },
    { "payment.retried", TONE_MUTED, "Work that had run out of tries was begun again" },
    { "receipt.asked", TONE_MUTED, "The receipt was sent for again" },
    { "payment.resolved", TONE_MUTED, "Open tasks were marked as resolved" },
    { "payment.requires_action", TONE_INFO, "The bank asked the payer to confirm (3-D Secure)" },
    { "payment.processing", TONE_INFO, "On its way at the provider" },
    { "payment.authorized", TONE_GOOD, "Authorized; the money is held" },
    { "payment.authorization_expiring", TONE_WARN, "The hold ends soon, and nobody has captured it" },
    { "payment.partially_captured", TONE_GOOD, "Captured in part; the rest is held" },
    { "payment.succeeded", TONE_GOOD, "Paid" },
    { "payment.failed", TONE_BAD, "Failed for good" },
    { "payment.attempt_failed", TONE_BAD, "Declined; the payer may try again" },
    { "payment.cancelled", TONE_MUTED, "Cancelled" },
    { "payment.unknown", TONE_WARN, "The provider did not answer; the outcome is not known" },
    { "payment.pending", TONE_MUTED, "Waits for the payer again" },
    { "payment.not_executed", TONE_MUTED, "Nothing of it reached the provider" },
    { "payment.refused", TONE_BAD, "The provider did not accept it" },
    { "payment.dispute_inquiry", TONE_WARN, "The payer's bank inquires" },
    { "payment.dispute_open", TONE_BAD, "The payer disputes it" },
    { "payment.dispute_won", TONE_GOOD, "The dispute was won" },
    { "payment.dispute_lost", TONE_BAD, "The dispute was lost" },
    { "refund.requested", TONE_MUTED, "A refund was begun" },
    { "refund.processing", TONE_INFO, "A refund is on its way" },
    { "refund.succeeded", TONE_GOOD, "A refund went back to the payer" },
    { "refund.failed", TONE_BAD, "A refund failed" },
    { "refund.cancelled", TONE_MUTED, "A refund was cancelled" },
    { "refund.approval_requested", TONE_INFO, "A refund waits for a second person" },
    { "refund.approval_approved", TONE_GOOD, "A second person approved the refund" },
    { "refund.approval_rejected", TONE_MUTED, "A second person rejected the refund" },
    { "refund.approval_withdrawn", TONE_MUTED, "The request for a refund was withdrawn" },
    { "decision.asked", TONE_WARN, "A person has to decide" },
    { "charge", TONE_MUTED, "Charge" },
    { "capture", TONE_GOOD, "Capture" },
    { "cancel", TONE_MUTED, "Cancellation" },
    { "refund", TONE_MUTED, "Refund" },
    { "refund_failed", TONE_BAD, "Refund that failed" },
    { "fee", TONE_MUTED, "The provider's fee" },
    { "fee_returned", TONE_MUTED, "A fee that was given back" },
    { "payment.resolve", TONE_INFO, "The provider will be asked how it stands" },
    { "payment.expire", TONE_INFO, "The hold will be looked at before it ends" },
    { "refund.resolve", TONE_INFO, "The provider will be asked about the refund" },
};

struct meaning {
    enum tone tone;
    const char *sentence;
};

static struct meaning meaning_of(struct ctx *ctx, const char *name)
{
    const char *last = strrchr(name, '.');

    for (size_t i = 0; i < sizeof meanings / sizeof *meanings; i++)
        if (!strcmp(meanings[i].name, name))
            return (struct meaning){ meanings[i].tone, meanings[i].sentence };
    return (struct meaning){ TONE_MUTED, view_words(ctx, last ? last + 1 : name) };
}

const char *admin_person(struct ctx *ctx, const char *id)
{
    struct user user;

    if (!id || !*id)
        return "Till";
    if (id_is(id, "usr"))
        return user_get(ctx, id, &user) ? id : user.name;
    return strlen(id) == API_KEY_ID && !strchr(id, '_') ? arena_printf(ctx->arena, "the shop, with key %s", id) : id;
}

/* Who did it: a person by name, the rest by what they are. */
static const char *doer(struct ctx *ctx, const struct story *row)
{
    if (row->kind != STORY_AUDIT)
        return row->kind == STORY_DECISION && row->who ? admin_person(ctx, row->who) : NULL;
    if (!strcmp(row->who_kind, principal_kind_names[PRINCIPAL_OPERATOR]))
        return admin_person(ctx, row->who);
    if (!strcmp(row->who_kind, principal_kind_names[PRINCIPAL_API_KEY]))
        return arena_printf(ctx->arena, "the shop, with key %s", row->who ? row->who : "");
    if (!strcmp(row->who_kind, principal_kind_names[PRINCIPAL_CUSTOMER]))
        return "the payer";
    if (!strcmp(row->who_kind, principal_kind_names[PRINCIPAL_PROVIDER]))
        return row->who ? view_words(ctx, row->who) : "the provider";
    if (!strcmp(row->who_kind, principal_kind_names[PRINCIPAL_COMMAND]))
        return arena_printf(ctx->arena, "%s, on the command line", row->who ? row->who : "somebody");
    return "Till";
}

static bool is_dead(const struct story *row)
{
    return row->kind == STORY_JOB && !strcmp(row->state, "dead");
}

static const char *sentence(struct ctx *ctx, const struct story *row, const struct meaning *meaning)
{
    const char *state = row->state ? view_words(ctx, row->state) : NULL;

    switch (row->kind) {
    case STORY_AUDIT:
    case STORY_LEDGER:
        return meaning->sentence;
    case STORY_ATTEMPT:
        return arena_printf(ctx->arena, "Attempt: %s. %s%s%s", meaning->sentence, state, row->code ? ": " : "",
            row->code ? view_words(ctx, row->code) : "");
    case STORY_WEBHOOK:
        return arena_printf(ctx->arena, "%s told: %s. %s%s%s", view_words(ctx, row->who), row->name, state,
            row->code ? ": " : "", row->code ? row->code : "");
    case STORY_EVENT:
        return arena_printf(ctx->arena, "The shop is told: %s", row->name);
    case STORY_DECISION:
        return json_get_text(row->details, "known");
    case STORY_JOB:
        return is_dead(row) ? arena_printf(ctx->arena, "Out of tries: %s", row->name) : meaning->sentence;
    }
    return meaning->sentence;
}

static enum tone tone_of(const struct story *row, const struct meaning *meaning)
{
    switch (row->kind) {
    case STORY_AUDIT:
    case STORY_LEDGER:
        return meaning->tone;
    case STORY_ATTEMPT:
        return !strcmp(row->state, "succeeded") ? TONE_GOOD : row->code ? TONE_BAD : TONE_MUTED;
    case STORY_WEBHOOK:
        return !strcmp(row->state, "failed") ? TONE_BAD : TONE_MUTED;
    case STORY_EVENT:
        return TONE_MUTED;
    case STORY_DECISION:
        return !strcmp(row->state, "waits") ? TONE_WARN : TONE_MUTED;
    case STORY_JOB:
        return is_dead(row) ? TONE_BAD : TONE_INFO;
    }
    return TONE_MUTED;
}

/* "Debit refunds $20.00, credit stripe:receivable $20.00". */
static const char *postings(struct ctx *ctx, json_t *lines)
{
    struct buf text = { .arena = ctx->arena };
    size_t index;
    json_t *line;

    json_array_foreach(lines, index, line)
    {
        int64_t minor = json_integer_value(json_array_get(line, 1));
        struct money amount = { .minor = minor < 0 ? -minor : minor };
        const char *currency = json_string_value(json_array_get(line, 2));
        if (currency && strlen(currency) == 3)
            memcpy(amount.currency, currency, 4);
        buf_printf(&text, "%s%s %s %s", index ? ", " : "",
            minor < 0   ? "credit"
                : index ? "debit"
                        : "Debit",
            json_string_value(json_array_get(line, 0)), view_money_text(ctx, amount));
    }
    return buf_string(&text);
}

static json_t *raw_of(struct ctx *ctx, const struct story *row)
{
    bool shows = row->details && row->kind != STORY_LEDGER && row->kind != STORY_DECISION
        && (json_object_size(row->details) > 0 || json_is_array(row->details));
    char *text;

    if (!shows)
        return json_null();
    text = json_dumps(row->details, JSON_INDENT(2) | JSON_SORT_KEYS);
    json_t *raw = text ? json_string(text) : json_null();
    free(text);
    (void)ctx;
    return raw;
}

static const char *detail(struct ctx *ctx, const struct story *row)
{
    if (row->kind == STORY_ATTEMPT)
        return admin_checks_text(ctx, row->details);
    if (row->kind == STORY_LEDGER)
        return postings(ctx, row->details);
    if (row->kind == STORY_DECISION)
        return json_get_text(row->details, !strcmp(row->state, "waits") ? "suggestion" : "resolution");
    return NULL;
}

static json_t *line_of(struct ctx *ctx, const struct story *row)
{
    static const char *const sources[] = {
        [STORY_AUDIT] = "Log",
        [STORY_ATTEMPT] = "Attempt",
        [STORY_WEBHOOK] = "Webhook",
        [STORY_EVENT] = "Event",
        [STORY_LEDGER] = "Ledger",
        [STORY_DECISION] = "Task",
        [STORY_JOB] = "To do",
    };
    struct meaning meaning = meaning_of(ctx, row->name);
    bool by_person = row->kind == STORY_AUDIT && !strcmp(row->who_kind, principal_kind_names[PRINCIPAL_OPERATOR]);

    return json_pack("{so, ss, ss, ss?, ss?, so, ss?, ss?, so, sb, ss}", "time", view_time(ctx, row->at), "tone",
        tone_names[tone_of(row, &meaning)], "source", by_person ? "Person" : sources[row->kind], "sentence",
        sentence(ctx, row, &meaning), "who", doer(ctx, row), "amount", view_money(ctx, row->amount), "detail",
        detail(ctx, row), "reference", row->reference, "raw", raw_of(ctx, row), "ahead", row->at.us > ctx->now.us,
        "object", row->object ? row->object : "");
}

json_t *admin_story(struct ctx *ctx, const struct story_list *list)
{
    const struct story *rows = list->rows.items;
    json_t *lines = json_array();

    for (size_t i = 0; i < list->rows.count; i++)
        json_array_append_new(lines, line_of(ctx, &rows[i]));
    return lines;
}
