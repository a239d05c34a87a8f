#include "sandbox/index.h"

#include "base/arena.h"
#include "base/ctx.h"
#include "base/field.h"
#include "base/instant.h"
#include "sandbox/currency.h"
#include "sandbox/dials.h"
#include "sandbox/html.h"
#include "sandbox/memory.h"
#include "sandbox/store.h"
#include "web/reply.h"

#include <string.h>

enum { SHOWN = 25 };

static const char style[] =
    "* { box-sizing: border-box; }\n"
    "body { max-width: 960px; margin: 0 auto; padding: 24px 16px; color: #17202b;"
    " font: 16px/1.5 system-ui, \"Segoe UI\", Roboto, \"Noto Sans\", sans-serif; }\n"
    "table { width: 100%; border-collapse: collapse; font-size: 14px; }\n"
    "th, td { padding: 6px 8px; border-block-end: 1px solid #d5dbe3; text-align: start; overflow-wrap: anywhere; }\n"
    "td.number { text-align: end; white-space: nowrap; }\n"
    "code, pre { background: #eef1f5; border-radius: 4px; }\n"
    "code { padding: 0 4px; }\n"
    "pre { padding: 12px; overflow-x: auto; }\n";

void index_style(struct sandbox *sandbox, struct request *r)
{
    (void)sandbox;
    (void)reply_text(r, 200, "text/css; charset=utf-8", style);
}

static void open_page(struct buf *page, const char *title)
{
    html_add(page,
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
        "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>%s</title>\n"
        "<link rel=\"stylesheet\" href=\"/sandbox/sandbox.css\">\n</head>\n<body>\n<h1>%s</h1>\n",
        title, title);
}

static void send(struct request *r, int status, struct buf *page)
{
    buf_text(page, "</body>\n</html>\n");
    reply_header(r, "Content-Security-Policy", "default-src 'none'; style-src 'self'; base-uri 'none'");
    (void)reply_text(r, status, "text/html; charset=utf-8", buf_string(page));
}

static void add_intents(struct call *call, struct buf *page)
{
    struct records records = store_all(call->sandbox->store, KIND_INTENT);

    if (!records.count) {
        buf_text(page, "<p>There are none yet.</p>\n");
        return;
    }
    buf_text(page,
        "<table>\n<thead><tr><th>Id</th><th>Created</th><th>Amount</th><th>Status</th><th>Metadata</th></tr>"
        "</thead>\n<tbody>\n");
    for (size_t i = records.count; i-- > 0 && i + SHOWN >= records.count;) {
        json_t *object = records.items[i]->object;

        html_add(page, "<tr><td>%s</td><td>%s</td><td class=\"number\">%s</td><td>%s</td><td>%s</td></tr>\n",
            records.items[i]->id, instant_format(call->ctx->arena, instant_of_unix(records.items[i]->created), false),
            currency_text(call, json_get_int(object, "amount"), json_get_text(object, "currency")),
            json_get_text(object, "status"), json_text(call->ctx, json_object_get(object, "metadata")));
    }
    buf_text(page, "</tbody>\n</table>\n");
}

void index_show(struct sandbox *sandbox, struct request *r)
{
    struct call call = call_internal(sandbox, r->ctx);
    struct buf page = { .arena = r->ctx->arena };
    char *dials = json_dumps(json_in(r->ctx->arena, dials_show(sandbox->dials)), JSON_INDENT(2));

    if (dials)
        arena_defer(r->ctx->arena, free, dials);
    open_page(&page, "Sandbox");
    html_add(&page,
        "<p>This is not Stripe. It is a stand-in that remembers state: the API at <code>/v1</code>, a script in place "
        "of "
        "Stripe.js at <code>/v3/</code>, the bank's page at <code>/sandbox/3ds</code>. It takes test keys only, and no "
        "money "
        "moves. Its clock says %s.</p>\n"
        "<p>JSON: <a href=\"/sandbox/dials\">dials</a>, <a href=\"/sandbox/clock\">clock</a>, "
        "<a href=\"/sandbox/ledger\">ledger</a>, <a href=\"/sandbox/deliveries\">deliveries</a>. "
        "<code>docs/sandbox.md</code> explains each.</p>\n<h2>Newest payment intents</h2>\n",
        instant_format(r->ctx->arena, instant_of_unix(call.now), false));
    add_intents(&call, &page);
    html_add(&page, "<h2>Dials</h2>\n<pre>%s</pre>\n", dials ? dials : "");
    send(r, 200, &page);
}

void index_receipt(struct sandbox *sandbox, struct request *r)
{
    struct call call = call_internal(sandbox, r->ctx);
    const struct record *charge = store_get(sandbox->store, KIND_CHARGE, r->path + strlen("/sandbox/receipts/"));
    struct buf page = { .arena = r->ctx->arena };

    open_page(&page, charge ? "Receipt" : "No such receipt");
    if (charge)
        html_add(&page, "<p>%s, paid to the sandbox. Charge <code>%s</code>, status %s.</p>\n",
            currency_text(&call, json_get_int(charge->object, "amount"), json_get_text(charge->object, "currency")),
            charge->id, json_get_text(charge->object, "status"));
    send(r, charge ? 200 : 404, &page);
}
