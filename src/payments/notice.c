#include "payments/notice.h"

#include "access/rate_limit.h"
#include "base/arena.h"
#include "base/config.h"
#include "base/crypto.h"
#include "base/ctx.h"
#include "base/id.h"
#include "customers/customer.h"
#include "db/db.h"
#include "events/audit.h"
#include "jobs/job.h"
#include "payments/notice_store.h"
#include "payments/payment.h"
#include "payments/payment_store.h"

#define RECEIPTS_A_DAY 5
#define DAY 86400
#define ACTION_AFTER 900 // seconds: who is at the bank's page needs no mail about it

static const char *contact_place(struct ctx *ctx, const char *payment_id)
{
    return arena_printf(ctx->arena, "payment_contacts.email:%s", payment_id);
}

static const char *mail_place(struct ctx *ctx, const char *id)
{
    return arena_printf(ctx->arena, "mails.recipient:%s", id);
}

/* Writing it down --------------------------------------------------------------------------------------------------- */

struct error *notice_contact(struct ctx *ctx, const char *payment_id, const char *email)
{
    return email ? contact_put(ctx, payment_id, seal(ctx, contact_place(ctx, payment_id), bytes_of(email))) : NULL;
}

struct error *notice_add(struct ctx *ctx, enum notice_kind kind, const char *payment_id, const char *object_id)
{
    const struct notice notice = {
        .id = id_new(ctx, "mail"),
        .kind = kind,
        .payment_id = payment_id,
        .object_id = object_id,
        .created_at = ctx->now,
    };

    return ctx->config->smtp_url ? notice_insert(ctx, &notice, kind == NOTICE_ACTION ? ACTION_AFTER : 0) : NULL;
}

/* Again ------------------------------------------------------------------------------------------------------------- */

static struct error *again(struct ctx *ctx, const char *payment_id, struct notice *notice)
{
    struct payment payment;
    const char *email;

    TRY(payment_lock(ctx, payment_id, &payment));
    if (payment.amount_captured.minor == 0)
        return error_new(ctx, E_INVALID_STATUS, "Nothing was paid yet, so there is no receipt.");
    notice->payment_id = notice->object_id = payment.id;
    TRY(notice_recipient(ctx, notice, &payment, &email));
    if (!email) {
        struct error *error = NULL;
        error_add_field(ctx, &error, "#/email", "is needed: no address of the payer is known");
        return error;
    }
    TRY(notice_insert_again(ctx, notice, &notice->number));
    TRY(audit_add(ctx, "receipt.asked", payment.id, json_in(ctx->arena, json_pack("{ss}", "mail", notice->id))));
    return job_add(ctx, "mail.send", notice->id);
}

struct error *notice_receipt_again(struct ctx *ctx, const char *payment_id, const char *email, const char *locale,
    struct notice *out)
{
    struct rate_limit limit;
    struct payment payment;

    if (!ctx->config->smtp_url)
        return error_new(ctx, E_INVALID_STATUS, "Mail is not set up: set SMTP_URL and MAIL_FROM.");
    TRY(payment_find(ctx, payment_id, &payment));
    TRY(rate_limit_count(ctx, arena_printf(ctx->arena, "receipt:%s", payment.id), RECEIPTS_A_DAY, DAY, &limit));
    *out = (struct notice){
        .id = id_new(ctx, "mail"),
        .kind = NOTICE_RECEIPT,
        .locale = locale,
        .created_at = ctx->now,
        .updated_at = ctx->now,
    };
    if (email)
        out->recipient = seal(ctx, mail_place(ctx, out->id), bytes_of(email));
    return IN_TX(ctx, again(ctx, payment.id, out));
}

/* Sending it -------------------------------------------------------------------------------------------------------- */

struct error *notice_find(struct ctx *ctx, const char *id, struct notice *out)
{
    return notice_get(ctx, id, out);
}

static struct error *open_address(struct ctx *ctx, const char *place, struct bytes sealed, const char **email)
{
    struct bytes plain;

    TRY(unseal(ctx, place, sealed, &plain));
    *email = arena_strndup(ctx->arena, (const char *)plain.data, plain.length);
    return NULL;
}

struct error *notice_recipient(struct ctx *ctx, const struct notice *notice, const struct payment *payment,
    const char **email)
{
    struct customer customer;
    struct bytes sealed;

    *email = NULL;
    if (notice->recipient.data)
        return open_address(ctx, mail_place(ctx, notice->id), notice->recipient, email);
    TRY(contact_get(ctx, payment->id, &sealed));
    if (sealed.data)
        return open_address(ctx, contact_place(ctx, payment->id), sealed, email);
    if (!payment->customer_id)
        return NULL;
    TRY(customer_get(ctx, payment->customer_id, &customer));
    *email = customer.email;
    return NULL;
}

struct error *notice_record(struct ctx *ctx, struct notice *notice, enum notice_status status, const char *error)
{
    notice->status = status;
    notice->error = error;
    notice->updated_at = ctx->now;
    return notice_update(ctx, notice);
}
