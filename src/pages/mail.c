#include "pages/mail.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/config.h"
#include "base/crypto.h"
#include "base/ctx.h"
#include "base/failpoint.h"
#include "base/log.h"
#include "base/url.h"
#include "base/utf8.h"
#include "db/db.h"
#include "events/decision.h"
#include "http/smtp.h"
#include "jobs/job.h"
#include "pages/paid_with.h"
#include "payments/checkout.h"
#include "payments/notice.h"
#include "payments/payment.h"
#include "payments/refund.h"
#include "web/locale.h"
#include "web/reply.h"
#include "web/request.h"
#include "web/template.h"

#define LINE 76        // of base64
#define WORD_BYTES 45u // of text in one encoded word of a header

/* Seconds before try 2, 3, … */
static const int waits[] = { 60, 300, 1800, 7200, 21600, 43200, 86400 };
#define TRIES ((int)(sizeof waits / sizeof *waits) + 1)

/* One mail in the making. */
struct letter {
    struct ctx *ctx;
    struct notice notice;
    struct payment payment;
    struct refund refund; // of NOTICE_REFUND
    const char *to;
    struct locales *locales;
    const char *locale;
    json_t *texts, *view;
    const char *subject;
};

/* What it says ------------------------------------------------------------------------------------------------------ */

static const char *amount_text(const struct letter *letter, struct money amount)
{
    return money_text(letter->ctx->arena, amount, letter->locale);
}

static struct money amount_of(const struct letter *letter)
{
    switch (letter->notice.kind) {
    case NOTICE_RECEIPT:
        return letter->payment.amount_captured;
    case NOTICE_REFUND:
        return letter->refund.amount;
    case NOTICE_ACTION:
        break;
    }
    return letter->payment.amount;
}

static struct error *choose_locale(struct letter *letter)
{
    struct ctx *ctx = letter->ctx;
    const char *wanted = letter->notice.locale;
    struct checkout session;

    if (!wanted && letter->payment.checkout_id) {
        TRY(checkout_get(ctx, letter->payment.checkout_id, &session));
        wanted = session.locale;
    }
    letter->locale = locale_match(wanted ? wanted : ctx->config->mail_locale);
    if (!letter->locale)
        letter->locale = locale_names[0];
    return NULL;
}

static const char *text(const struct letter *letter, const char *name)
{
    return json_get_text(letter->texts, name);
}

static void set(json_t *object, const char *name, const char *value)
{
    if (value && *value)
        json_object_set_new(object, name, json_string(value));
}

static void add_fact(struct letter *letter, json_t *facts, const char *name, const char *value)
{
    if (value && *value)
        json_array_append_new(facts, json_pack("{ss, ss}", "label", text(letter, name), "value", value));
}

static json_t *facts_of(struct letter *letter)
{
    const struct payment *payment = &letter->payment;
    json_t *facts = json_array();

    add_fact(letter, facts, "receipt_number", payment->id);
    add_fact(letter, facts, "reference", payment->reference);
    add_fact(letter, facts, "paid_for", payment->description);
    if (letter->notice.kind == NOTICE_ACTION) {
        add_fact(letter, facts, "total", amount_text(letter, payment->amount));
        return facts;
    }
    add_fact(letter, facts, "receipt_date",
        locale_date(letter->ctx, letter->locales, letter->locale, payment->created_at, true));
    add_fact(letter, facts, "receipt_method", paid_with(letter->ctx, letter->texts, &letter->payment));
    add_fact(letter, facts, "receipt_amount", amount_text(letter, payment->amount_captured));
    if (payment->amount_refunded.minor > 0)
        add_fact(letter, facts, "receipt_refunded", amount_text(letter, payment->amount_refunded));
    return facts;
}

/* What each kind says: subject, heading and sentence by the names of the texts, and where its link leads. */
static const struct {
    const char *subject, *heading, *sentence, *link, *path;
} words[] = {
    [NOTICE_RECEIPT] = { "receipt_heading", "succeeded_heading", "succeeded", "mail_online", "/receipt" },
    [NOTICE_REFUND] = { "mail_refund_subject", "mail_refund_heading", "refunded", "mail_online", "/receipt" },
    [NOTICE_ACTION] = { "mail_action_subject", "requires_action_heading", "requires_action", "requires_action_button",
        "" },
};

static void write_words(struct letter *letter)
{
    struct ctx *ctx = letter->ctx;
    const struct payment *payment = &letter->payment;
    const char *address = checkout_address(ctx, payment->checkout_id ? payment->checkout_id : payment->id);
    json_t *values = json_in(ctx->arena,
        json_pack("{ss, ss}", "merchant", ctx->config->merchant_name, "amount",
            amount_text(letter, amount_of(letter))));

    letter->texts = locale_texts(ctx, letter->locales, letter->locale, values);
    letter->subject = text(letter, words[letter->notice.kind].subject);
    letter->view = json_in(ctx->arena, json_pack("{ss, sO}", "locale", letter->locale, "t", letter->texts));
    set(letter->view, "subject", letter->subject);
    set(letter->view, "merchant", ctx->config->merchant_name);
    set(letter->view, "heading", text(letter, words[letter->notice.kind].heading));
    set(letter->view, "sentence", text(letter, words[letter->notice.kind].sentence));
    set(letter->view, "link", text(letter, words[letter->notice.kind].link));
    set(letter->view, "url", arena_printf(ctx->arena, "%s%s", address, words[letter->notice.kind].path));
    set(letter->view, "support_email", ctx->config->support_email);
    json_object_set_new(letter->view, "test_mode", json_boolean(payment->mode == MODE_TEST));
    json_object_set_new(letter->view, "facts", facts_of(letter));
}

/* How it is written ------------------------------------------------------------------------------------------------- */

/* Text of a header: as it is where it is plain, else in encoded words (RFC 2047) that end between characters. */
static const char *header_text(struct ctx *ctx, const char *value)
{
    struct buf out = { .arena = ctx->arena };
    const char *at = utf8_clean(ctx->arena, value);

    if (strspn(at, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789 -") == strlen(at)
        && strlen(at) <= LINE - 20)
        return at;
    while (*at) {
        const char *start = at, *next = at;
        uint32_t code;

        while (*next && utf8_next(&next, &code) && (size_t)(next - start) <= WORD_BYTES)
            at = next;
        buf_printf(&out, "%s=?utf-8?B?%s?=", out.length ? "\r\n " : "",
            base64_encode(ctx->arena, (struct bytes){ (const uint8_t *)start, (size_t)(at - start) }));
    }
    return buf_string(&out);
}

static void add_part(struct ctx *ctx, struct buf *message, const char *boundary, const char *type, const char *body)
{
    struct buf lines = { .arena = ctx->arena };
    const char *encoded;

    for (const char *c = body; *c; c++) {
        if (*c == '\n')
            buf_byte(&lines, '\r');
        buf_byte(&lines, *c);
    }
    encoded = base64_encode(ctx->arena, (struct bytes){ (const uint8_t *)buf_string(&lines), lines.length });
    buf_printf(message, "--%s\r\nContent-Type: text/%s; charset=utf-8\r\nContent-Transfer-Encoding: base64\r\n\r\n",
        boundary, type);
    for (size_t left = strlen(encoded); left; left = strlen(encoded)) {
        size_t length = left < LINE ? left : LINE;
        buf_add(message, encoded, length);
        buf_text(message, "\r\n");
        encoded += length;
    }
}

static const char *date_text(struct ctx *ctx)
{
    static const char *const days[] = { "Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat" };
    static const char *const months[] = { "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov",
        "Dec" };
    time_t now = (time_t)(instant_to_unix(ctx->now) - clock_offset());
    struct tm tm;

    if (!gmtime_r(&now, &tm))
        abort(); // only a year that no int holds
    return arena_printf(ctx->arena, "%s, %d %s %d %02d:%02d:%02d +0000", days[tm.tm_wday], tm.tm_mday,
        months[tm.tm_mon], tm.tm_year + 1900, tm.tm_hour, tm.tm_min, tm.tm_sec);
}

/* The Message-ID is made from the row's id: a copy that comes twice after all can be told for one. */
static struct error *write_message(struct letter *letter, struct templates *templates, struct buf *message)
{
    struct ctx *ctx = letter->ctx;
    const struct config *config = ctx->config;
    const char *to = smtp_ascii_address(ctx, letter->to);
    const char *boundary = arena_printf(ctx->arena, "=_%s", letter->notice.id);
    struct buf plain = { .arena = ctx->arena }, html = { .arena = ctx->arena };
    struct url url;

    TRY(template_render(ctx, templates, "mail/message.txt", letter->view, &plain));
    TRY(template_render(ctx, templates, "mail/message", letter->view, &html));
    bool known = url_parse(ctx->arena, config->url, &url);
    buf_printf(message, "From: %s <%s>\r\nTo: %s\r\n", header_text(ctx, config->merchant_name), config->mail_from, to);
    if (config->support_email)
        buf_printf(message, "Reply-To: %s\r\n", config->support_email);
    buf_printf(message, "Subject: %s\r\nDate: %s\r\nMessage-ID: <%s@%s>\r\n", header_text(ctx, letter->subject),
        date_text(ctx), letter->notice.id, known && url.host[0] != '[' ? url.host : "till.invalid");
    buf_printf(message,
        "Auto-Submitted: auto-generated\r\nContent-Language: %s\r\nMIME-Version: 1.0\r\n"
        "Content-Type: multipart/alternative; boundary=\"%s\"\r\n\r\n",
        letter->locale, boundary);
    add_part(ctx, message, boundary, "plain", buf_string(&plain));
    add_part(ctx, message, boundary, "html", buf_string(&html));
    buf_printf(message, "--%s--\r\n", boundary);
    return NULL;
}

/* Templates and texts are read for each: mail is rare, and a job has no page to share them with. */
static struct error *compose(struct letter *letter, struct buf *message)
{
    struct ctx *ctx = letter->ctx;
    const char *why = NULL;
    struct templates *templates = templates_load(ctx->config->templates_dir, &why);
    struct error *error;

    letter->locales = templates ? locales_load(ctx->config->locales_dir, &why) : NULL;
    if (!letter->locales) {
        templates_free(templates);
        return error_cause(ctx, error_new(ctx, E_INTERNAL_ERROR, "The templates cannot be read."), "%s", why);
    }
    error = choose_locale(letter);
    if (!error) {
        write_words(letter);
        error = write_message(letter, templates, message);
    }
    locales_free(letter->locales);
    templates_free(templates);
    return error;
}

/* Sending it -------------------------------------------------------------------------------------------------------- */

static struct error *give_up(struct ctx *ctx, struct notice *notice, const char *cause)
{
    TRY(notice_record(ctx, notice, NOTICE_FAILED, cause));
    return decision_ask(ctx, "mail_failed", notice->id, (struct money){ 0 },
        arena_printf(ctx->arena, "The %s mail about %s was not taken: %s.", notice_kind_names[notice->kind],
            notice->payment_id, cause),
        "Look at the payer's address and the mail server, then have the receipt sent again, or tell the payer "
        "otherwise.");
}

static struct error *conclude(struct ctx *ctx, struct notice *notice, const struct smtp_response *response)
{
    notice->tries++;
    if (response->result == SMTP_TAKEN)
        return notice_record(ctx, notice, NOTICE_SENT, NULL);
    log_warn(ctx, "mail.failed", "%s, try %d: %s", notice->id, notice->tries, response->cause);
    if (response->result == SMTP_REFUSED || notice->tries >= TRIES)
        return IN_TX(ctx, give_up(ctx, notice, response->cause));
    TRY(notice_record(ctx, notice, NOTICE_PENDING, response->cause));
    return job_again(ctx, waits[notice->tries - 1]);
}

/* Why it need not be sent any more, or NULL. */
static const char *needless(const struct letter *letter)
{
    if (!letter->to)
        return "nobody is known to send it to";
    if (letter->notice.kind == NOTICE_ACTION && letter->payment.status != PAYMENT_REQUIRES_ACTION)
        return "the payer has done it";
    return NULL;
}

struct error *mail_task(struct ctx *ctx, const struct job *job)
{
    struct letter letter = { .ctx = ctx };
    struct notice *notice = &letter.notice;
    struct buf message = { .arena = ctx->arena };
    struct smtp_response response;

    TRY(notice_find(ctx, job->subject, notice));
    if (notice->status != NOTICE_PENDING)
        return NULL;
    if (!ctx->config->smtp_url) // it was set up when the mail was written
        return job_again(ctx, waits[2]);
    TRY(payment_find(ctx, notice->payment_id, &letter.payment));
    TRY(notice_recipient(ctx, notice, &letter.payment, &letter.to));
    if (notice->kind == NOTICE_REFUND)
        TRY(refund_find(ctx, notice->object_id, &letter.refund));
    if (needless(&letter))
        return notice_record(ctx, notice, NOTICE_DROPPED, needless(&letter));
    if (!smtp_is_address(letter.to) || !smtp_ascii_address(ctx, letter.to))
        return IN_TX(ctx, give_up(ctx, notice, "the address is not one that mail can go to"));
    TRY(compose(&letter, &message));
    failpoint("mail", "before_send");
    smtp_send(ctx, letter.to, (struct bytes){ (const uint8_t *)message.data, message.length }, &response);
    failpoint("mail", "after_send");
    ctx->now = clock_now();
    return conclude(ctx, notice, &response);
}

/* The API ----------------------------------------------------------------------------------------------------------- */

struct receipt_body {
    const char *email, *locale;
};

static const char *check_locale(struct ctx *ctx, const char *text)
{
    (void)ctx;
    return locale_match(text) ? NULL : "must be a language that Till speaks: en, de, fr, es, …";
}

const struct field mail_receipt_asked[] = {
    FIELD(struct receipt_body, email, .optional = true, .max = 254, .check = check_mail_address,
        .summary = "To whom; the payment's receipt_email or its customer's address without it"),
    FIELD(struct receipt_body, locale, .optional = true, .max = 12, .check = check_locale),
    FIELD_END,
};

struct receipt_view {
    const char *id, *payment_id;
    unsigned status;
    struct instant created_at;
};

const struct field mail_receipt_shown[] = {
    FIELD(struct receipt_view, id),
    FIELD(struct receipt_view, payment_id),
    FIELD(struct receipt_view, status, .names = notice_status_names),
    FIELD(struct receipt_view, created_at),
    FIELD_END,
};

struct error *mail_api_receipt(struct request *r)
{
    struct receipt_body body = { 0 };
    struct notice notice;

    TRY(request_json(r, mail_receipt_asked, &body));
    TRY(notice_receipt_again(r->ctx, request_path(r, "id"), body.email, body.locale, &notice));
    struct receipt_view view = { notice.id, notice.payment_id, notice.status, notice.created_at };
    return reply_json(r, 202, mail_receipt_shown, &view);
}
