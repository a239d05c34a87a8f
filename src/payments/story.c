#include "payments/story.h"

#include <string.h>
#include <strings.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/crypto.h"
#include "base/ctx.h"
#include "db/db.h"
#include "events/audit.h"
#include "events/decision.h"
#include "jobs/queue.h"
#include "payments/approval_store.h"
#include "payments/dispute.h"
#include "payments/payment.h"
#include "payments/payment_store.h"
#include "payments/refund.h"
#include "payments/refund_store.h"
#include "payments/story_store.h"

#define EACH 100
#define LINES 300
#define RAW 10
#define DEPTH 16

static void add_ids(struct buf *ids, const struct field_list *list, size_t size)
{
    for (size_t i = 0; i < list->count; i++) // each begins with its id
        buf_printf(ids, ",%s", *(const char *const *)(const void *)((const char *)list->items + i * size));
}

struct error *story_related(struct ctx *ctx, const struct payment *payment, struct related *out)
{
    struct buf ids = { .arena = ctx->arena };

    TRY(refund_of_payment(ctx, payment->id, &out->refunds));
    TRY(dispute_list(ctx, payment->id, &out->disputes));
    TRY(approval_of_payment(ctx, payment->id, &out->approvals));
    TRY(attempt_list(ctx, payment->id, &out->attempts));
    buf_printf(&ids, "{%s", payment->id);
    add_ids(&ids, &out->refunds, sizeof(struct refund));
    add_ids(&ids, &out->disputes, sizeof(struct dispute));
    add_ids(&ids, &out->approvals, sizeof(struct approval));
    buf_byte(&ids, '}');
    out->ids = buf_string(&ids);
    out->receivable = arena_printf(ctx->arena, "%s:receivable", payment->provider);
    return NULL;
}

/* What an event said, if it can still be read: its key may be gone. */
static json_t *opened(struct ctx *ctx, const struct story *row)
{
    struct bytes plain;
    json_t *said;

    if (!row->sealed.data)
        return NULL;
    if (unseal(ctx, arena_printf(ctx->arena, "webhook_events.payload:%s", row->id), row->sealed, &plain))
        return NULL;
    return json_read_foreign(ctx, plain, &said) ? NULL : said;
}

struct error *story_tell(struct ctx *ctx, const struct payment *payment, const struct related *related,
    struct story_list *out)
{
    TRY(story_rows(ctx, related->ids, payment->provider, payment->provider_payment_id, EACH, RAW, LINES + 1,
        &out->rows));
    out->more = out->rows.count > LINES;
    if (out->more)
        out->rows.count = LINES;
    struct story *rows = out->rows.items;
    for (size_t i = 0; i < out->rows.count; i++) {
        if (rows[i].kind == STORY_ATTEMPT) // in the payment's currency
            memcpy(rows[i].amount.currency, payment->amount.currency, sizeof payment->amount.currency);
        if (rows[i].kind == STORY_WEBHOOK)
            rows[i].details = opened(ctx, &rows[i]);
        if (rows[i].details)
            rows[i].details = story_redact(ctx, rows[i].details);
    }
    return NULL;
}

struct error *story_balance(struct ctx *ctx, const struct related *related, struct field_list *out)
{
    return story_sums(ctx, related->ids, related->receivable, out);
}

struct error *story_payouts(struct ctx *ctx, const struct payment *payment, struct field_list *out)
{
    return story_payout_list(ctx, payment->provider, payment->provider_payment_id, out);
}

struct error *story_dead_jobs(struct ctx *ctx, const struct related *related, struct field_list *out)
{
    return story_dead(ctx, related->ids, out);
}

struct error *story_decisions(struct ctx *ctx, const struct related *related, struct field_list *out)
{
    return story_waiting(ctx, related->ids, out);
}

/* What nobody needs to see ------------------------------------------------------------------------------------------- */

static bool is_private(const char *name)
{
    static const char *const names[] = { "email", "receipt_email", "name", "phone", "address", "line1", "line2", "city",
        "postal_code", "client_secret", "secret", "fingerprint", "ip", "ip_address", "billing_details", "shipping",
        "shipping_details", "customer_details", "customer_email", "owner", "payer", "payee", "tax_id", "tax_ids",
        "iban", "birth_date", "user_agent", "token", "given_name", "surname", "verified_name", "verified_email",
        "receipt_url", "hosted_url", "return_url" };

    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (!strcasecmp(names[i], name))
            return true;
    return false;
}

/* An address, or a provider's secret, wherever it stands. */
static bool is_telling(const char *text)
{
    const char *at = strchr(text, '@');

    return (at && at > text && strchr(at, '.')) || strstr(text, "_secret_");
}

static json_t *hidden(void)
{
    return json_string("[hidden]");
}

static json_t *redact(const json_t *value, int depth)
{
    const char *name;
    json_t *member, *copy;
    size_t index;

    if (depth == 0)
        return hidden();
    if (json_is_string(value))
        return is_telling(json_string_value(value)) ? hidden() : json_copy((json_t *)(uintptr_t)value);
    if (json_is_array(value)) {
        copy = json_array();
        json_array_foreach((json_t *)(uintptr_t)value, index, member)
            json_array_append_new(copy, redact(member, depth - 1));
        return copy;
    }
    if (!json_is_object(value))
        return json_copy((json_t *)(uintptr_t)value);
    copy = json_object();
    json_object_foreach((json_t *)(uintptr_t)value, name, member)
    {
        bool hide = is_private(name) && !json_is_null(member) && !json_is_boolean(member);
        json_object_set_new(copy, name, hide ? hidden() : redact(member, depth - 1));
    }
    return copy;
}

json_t *story_redact(struct ctx *ctx, const json_t *value)
{
    return json_in(ctx->arena, redact(value, DEPTH));
}

/* What a person may do about it --------------------------------------------------------------------------------------- */

static struct error *retry(struct ctx *ctx, const struct payment *payment, int64_t *retried)
{
    struct related related;
    struct field_list list;
    int64_t one;

    *retried = 0;
    TRY(story_related(ctx, payment, &related));
    TRY(story_dead(ctx, related.ids, &list));
    const struct dead_job *jobs = list.items;
    for (size_t i = 0; i < list.count; i++) {
        TRY(queue_retry(ctx, jobs[i].id, &one));
        *retried += one;
    }
    return *retried ? audit_add(ctx, "payment.retried", payment->id,
               json_in(ctx->arena, json_pack("{sI}", "jobs", (json_int_t)*retried)))
                    : NULL;
}

struct error *story_retry(struct ctx *ctx, const struct payment *payment, int64_t *retried)
{
    return IN_TX(ctx, retry(ctx, payment, retried));
}

/* A refund that waits for a second person is decided by approving or rejecting it, and not by this. */
static bool is_settled_here(const struct decision *decision)
{
    return strcmp(decision->kind, "refund_approval") != 0;
}

static struct error *resolve(struct ctx *ctx, const struct payment *payment, const char *reason, int64_t *settled)
{
    struct related related;
    struct field_list list;
    struct decision settled_one;

    *settled = 0;
    TRY(story_related(ctx, payment, &related));
    TRY(story_waiting(ctx, related.ids, &list));
    const struct decision *decisions = list.items;
    for (size_t i = 0; i < list.count; i++) {
        if (!is_settled_here(&decisions[i]))
            continue;
        TRY(decision_resolve(ctx, decisions[i].id, reason, &settled_one));
        ++*settled;
    }
    return *settled ? audit_add(ctx, "payment.resolved", payment->id,
               json_in(ctx->arena, json_pack("{sI}", "decisions", (json_int_t)*settled)))
                    : NULL;
}

struct error *story_resolve(struct ctx *ctx, const struct payment *payment, const char *reason, int64_t *settled)
{
    return IN_TX(ctx, resolve(ctx, payment, reason, settled));
}
