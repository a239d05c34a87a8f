#include "sandbox/bank.h"

#include "base/arena.h"
#include "base/ctx.h"
#include "base/field.h"
#include "sandbox/currency.h"
#include "sandbox/decode.h"
#include "sandbox/html.h"
#include "sandbox/intents.h"
#include "sandbox/memory.h"
#include "sandbox/setup.h"
#include "sandbox/store.h"
#include "web/reply.h"

#include <string.h>

static const char style[] =
    ":root { color-scheme: light; }\n"
    "* { box-sizing: border-box; }\n"
    "body { margin: 0; padding: 24px 16px; background: #eef1f5; color: #17202b;"
    " font: 16px/1.5 system-ui, \"Segoe UI\", Roboto, \"Noto Sans\", sans-serif; }\n"
    "main { max-width: 420px; margin: 0 auto; padding: 24px; background: #fff; border-radius: 12px;"
    " border: 1px solid #d5dbe3; }\n"
    "h1 { margin: 0 0 4px; font-size: 20px; }\n"
    "p { margin: 0 0 16px; }\n"
    ".note { color: #556272; font-size: 14px; }\n"
    "dl { display: grid; grid-template-columns: auto 1fr; gap: 4px 16px; margin: 0 0 24px; }\n"
    "dt { color: #556272; }\n"
    "dd { margin: 0; text-align: end; overflow-wrap: anywhere; }\n"
    "button { display: block; width: 100%; min-height: 46px; margin-block-start: 12px; border-radius: 8px;"
    " border: 1px solid #7b8796; background: #fff; color: inherit; font: inherit; cursor: pointer; }\n"
    "button[value=complete] { border-color: #1f4fbf; background: #1f4fbf; color: #fff; }\n"
    "button:focus-visible, a:focus-visible { outline: 3px solid #1f4fbf; outline-offset: 2px; }\n";

static const char script[] = "\"use strict\";\n\n"
                             "/* Tells the page that embeds this one that the payer is done here. */\n"
                             "parent.postMessage({ source: \"sandbox-3ds\", intent: document.body.dataset.intent,"
                             " result: document.body.dataset.result }, \"*\");\n";

void bank_style(struct sandbox *sandbox, struct request *r)
{
    (void)sandbox;
    (void)reply_text(r, 200, "text/css; charset=utf-8", style);
}

void bank_script(struct sandbox *sandbox, struct request *r)
{
    (void)sandbox;
    (void)reply_text(r, 200, "text/javascript; charset=utf-8", script);
}

static void open_page(struct buf *page, const char *title)
{
    html_add(page,
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
        "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>%s</title>\n"
        "<link rel=\"stylesheet\" href=\"/sandbox/3ds.css\">\n</head>\n",
        title);
}

static void send(struct request *r, int status, struct buf *page)
{
    reply_header(r, "Content-Security-Policy",
        "default-src 'none'; style-src 'self'; script-src 'self'; form-action *; base-uri 'none'; frame-ancestors *");
    reply_header(r, "Referrer-Policy", "no-referrer");
    (void)reply_text(r, status, "text/html; charset=utf-8", buf_string(page));
}

static void say(struct request *r, int status, const char *title, const char *text)
{
    struct buf page = { .arena = r->ctx->arena };

    open_page(&page, title);
    html_add(&page, "<body>\n<main>\n<h1>%s</h1>\n<p data-test=\"3ds-message\">%s</p>\n</main>\n</body>\n</html>\n",
        title, text);
    send(r, status, &page);
}

/* The intent of the address; NULL after an answer. */
static struct record *find(struct sandbox *sandbox, struct request *r)
{
    struct record *record = store_find(sandbox->store, r->path + strlen("/sandbox/3ds/"));

    if (record && (record->kind == KIND_INTENT || record->kind == KIND_SETUP))
        return record;
    say(r, 404, "Unknown payment", "Your bank does not know this payment.");
    return NULL;
}

static bool waits(const struct record *record)
{
    return is_text(record->object, "status", "requires_action");
}

static bool in_frame(const struct request *r)
{
    return request_query(r, "frame") != NULL;
}

static const char *card_text(struct call *call, const struct record *record)
{
    const struct record *method = store_find(call->sandbox->store, json_get_text(record->object, "payment_method"));
    const json_t *card = method ? json_object_get(method->object, "card") : NULL;

    return card
        ? arena_printf(call->ctx->arena, "%s •••• %s", json_get_text(card, "brand"), json_get_text(card, "last4"))
        : "";
}

void bank_ask(struct sandbox *sandbox, struct request *r)
{
    struct call call = call_internal(sandbox, r->ctx);
    const struct record *record = find(sandbox, r);
    struct buf page = { .arena = r->ctx->arena };

    if (!record)
        return;
    if (!waits(record)) {
        say(r, 200, "Nothing to confirm", "This payment does not wait for your bank any more.");
        return;
    }
    const char *currency = json_get_text(record->object, "currency");
    open_page(&page, "Confirm with your bank");
    html_add(&page,
        "<body data-intent=\"%s\">\n<main>\n<h1>Confirm with your bank</h1>\n"
        "<p class=\"note\">A test page of the sandbox in place of the 3-D Secure page of the payer's bank.</p>\n<dl>\n",
        record->id);
    if (currency)
        html_add(&page, "<dt>Amount</dt><dd data-test=\"3ds-amount\">%s</dd>\n",
            currency_text(&call, json_get_int(record->object, "amount"), currency));
    html_add(&page, "<dt>Card</dt><dd>%s</dd>\n<dt>Payment</dt><dd>%s</dd>\n</dl>\n", card_text(&call, record),
        record->id);
    html_add(&page,
        "<form method=\"post\" action=\"%s%s\">\n"
        "<button name=\"result\" value=\"complete\" data-test=\"3ds-complete\">Complete authentication</button>\n"
        "<button name=\"result\" value=\"fail\" data-test=\"3ds-fail\">Fail authentication</button>\n"
        "<button name=\"result\" value=\"abandon\" data-test=\"3ds-abandon\">Leave without deciding</button>\n"
        "</form>\n</main>\n</body>\n</html>\n",
        r->path, in_frame(r) ? "?frame=1" : "");
    send(r, 200, &page);
}

/* How the way back says it went. */
static const char *redirect_status(const struct record *record)
{
    if (is_text(record->object, "status", "succeeded") || is_text(record->object, "status", "requires_capture"))
        return "succeeded";
    return is_text(record->object, "status", "processing") ? "pending" : "failed";
}

static void go_back(struct request *r, const struct record *record, const char *url)
{
    const char *name = record->kind == KIND_INTENT ? "payment_intent" : "setup_intent";

    reply_header(r, "Referrer-Policy", "no-referrer");
    (void)reply_redirect(r, 303,
        arena_printf(r->ctx->arena, "%s%c%s=%s&%s_client_secret=%s&redirect_status=%s", url,
            strchr(url, '?') ? '&' : '?', name, record->id, name, json_get_text(record->object, "client_secret"),
            redirect_status(record)));
}

static void tell_frame(struct request *r, const struct record *record, const char *result)
{
    struct buf page = { .arena = r->ctx->arena };

    open_page(&page, "Back to the shop");
    html_add(&page,
        "<body data-intent=\"%s\" data-result=\"%s\">\n<main><p>One moment …</p></main>\n"
        "<script src=\"/sandbox/3ds.js\"></script>\n</body>\n</html>\n",
        record->id, result);
    send(r, 200, &page);
}

static void decide(struct sandbox *sandbox, struct ctx *ctx, struct record *record, bool passed)
{
    struct call call = call_internal(sandbox, ctx);

    if (record->kind == KIND_INTENT)
        intent_authenticated(&call, record, passed);
    else
        setup_authenticated(&call, record, passed);
}

void bank_decide(struct sandbox *sandbox, struct request *r)
{
    struct record *record = find(sandbox, r);
    const char *why;
    json_t *form = decode_form(r->ctx->arena, (const char *)r->body.data, r->body.length, &why);
    const char *result = json_get_text(form ? json_in(r->ctx->arena, form) : NULL, "result");

    if (!record)
        return;
    if (!result || name_index((const char *const[]){ "complete", "fail", "abandon", NULL }, result) < 0) {
        say(r, 400, "Not understood", "The result is one of complete, fail and abandon.");
        return;
    }
    if (waits(record) && strcmp(result, "abandon") != 0)
        decide(sandbox, r->ctx, record, strcmp(result, "complete") == 0);

    const char *url = json_get_text(record->hidden, "return_url");
    if (in_frame(r))
        tell_frame(r, record, result);
    else if (strcmp(result, "abandon") == 0)
        say(r, 200, "Nothing was decided", "You left your bank's page. The payment still waits.");
    else if (url)
        go_back(r, record, url);
    else
        say(r, 200, "Thank you", "You can close this page.");
}
