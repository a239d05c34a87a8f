#include "sandbox/shop.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/crypto.h"
#include "base/ctx.h"
#include "base/field.h"
#include "http/client.h"
#include "sandbox/sandbox.h"
#include "web/reply.h"
#include "web/request.h"
#include "web/template.h"

#define SHOP "Paper & Ink"
#define TILL_MS 10000
#define ORDERS_KEPT 100
#define ORDERS_SHOWN 20
#define FILE_AT_MOST (256 * 1024)

/* What one order needs to be asked about later. */
struct order {
    char id[32]; // "PI-1042"
    char product[32];
    char session[64];
    char url[256]; // of the payment page
};

/* The shop's memory, for as long as the sandbox runs. */
static struct {
    pthread_once_t opened;
    pthread_mutex_t lock;
    struct templates *templates;
    json_t *catalogue; // only read after it was opened
    const char *why;   // the shop could not open, or NULL
    struct order orders[ORDERS_KEPT];
    int64_t count; // of all orders ever; the newest ORDERS_KEPT are there
} shop = { .opened = PTHREAD_ONCE_INIT, .lock = PTHREAD_MUTEX_INITIALIZER };

static const char *shop_directory; // for open_shop(), which pthread_once gives no argument

static void open_shop(void)
{
    char path[4096];
    json_error_t error;

    shop.templates = templates_load(shop_directory, &shop.why);
    if (!shop.templates)
        return;
    snprintf(path, sizeof(path), "%s/catalogue.json", shop_directory);
    shop.catalogue = json_load_file(path, JSON_REJECT_DUPLICATES, &error);
    if (!json_is_array(shop.catalogue))
        shop.why = "there is no catalogue";
}

static void use_shop(struct sandbox *sandbox, struct request *r)
{
    pthread_mutex_lock(&shop.lock);
    shop_directory = arena_printf(r->ctx->arena, "%s/shop", sandbox->settings.files_dir);
    pthread_once(&shop.opened, open_shop);
    pthread_mutex_unlock(&shop.lock);
}

/* Orders ----------------------------------------------------------------------------------------------------------- */

static int64_t next_number(void)
{
    pthread_mutex_lock(&shop.lock);
    int64_t number = shop.count++;
    pthread_mutex_unlock(&shop.lock);
    return number;
}

static void keep_order(int64_t number, const struct order *order)
{
    pthread_mutex_lock(&shop.lock);
    shop.orders[number % ORDERS_KEPT] = *order;
    pthread_mutex_unlock(&shop.lock);
}

static bool find_order(const char *id, struct order *out)
{
    bool found = false;

    pthread_mutex_lock(&shop.lock);
    for (size_t i = 0; id && i < ORDERS_KEPT && !found; i++) {
        found = shop.orders[i].id[0] && strcmp(shop.orders[i].id, id) == 0;
        if (found)
            *out = shop.orders[i];
    }
    pthread_mutex_unlock(&shop.lock);
    return found;
}

/* Newest first; how many there are. */
static size_t newest_orders(struct order out[ORDERS_SHOWN])
{
    size_t found = 0;

    pthread_mutex_lock(&shop.lock);
    for (int64_t number = shop.count - 1; number >= 0 && number >= shop.count - ORDERS_SHOWN; number--) {
        const struct order *order = &shop.orders[number % ORDERS_KEPT];
        if (order->id[0])
            out[found++] = *order;
    }
    pthread_mutex_unlock(&shop.lock);
    return found;
}

static json_t *product_named(const char *slug)
{
    json_t *product;
    size_t index;

    json_array_foreach(shop.catalogue, index, product)
    {
        const char *own = json_get_text(product, "slug");
        if (slug && own && strcmp(own, slug) == 0)
            return product;
    }
    return NULL;
}

/* Till ------------------------------------------------------------------------------------------------------------- */

/* Asks Till's API as any merchant's application does; NULL unless it answered with a 2xx. */
static json_t *ask_till(struct sandbox *sandbox, struct ctx *ctx, const char *method, const char *path, json_t *body,
    const char *key)
{
    const struct settings *settings = &sandbox->settings;
    const char *text = body ? json_text(ctx, body) : "";
    const struct http_header headers[] = {
        { "Authorization", arena_printf(ctx->arena, "Bearer %s", settings->shop_api_key) },
        { "Content-Type", "application/json" },
        { "Idempotency-Key", key ? key : "" },
        { NULL, NULL },
    };
    const struct http_header read_headers[] = { headers[0], { NULL, NULL } };
    struct http_request request = {
        .method = method,
        .url = arena_printf(ctx->arena, "%s/api/v1%s", settings->till_url, path),
        .headers = body ? headers : read_headers,
        .body = bytes_of(text),
        .timeout_ms = TILL_MS,
    };
    struct http_response response;
    json_t *answer;

    http_send(ctx, &request, &response);
    if (response.result != HTTP_ANSWERED || response.status / 100 != 2)
        return NULL;
    return json_read(ctx, response.body, &answer) ? NULL : answer;
}

static json_t *session_body(struct sandbox *sandbox, struct ctx *ctx, json_t *product, const char *id)
{
    const char *url = sandbox->settings.url;
    json_t *price = json_object_get(product, "price");

    return json_in(ctx->arena,
        json_pack("{s:O, s:[{s:s, s:i, s:O}], s:s, s:s, s:s, s:s}", "amount", price, "items", "name",
            json_get_text(product, "name"), "quantity", 1, "amount", price, "description",
            json_get_text(product, "name"), "reference", id, "success_url",
            arena_printf(ctx->arena, "%s/shop/thanks?order=%s", url, id), "cancel_url",
            arena_printf(ctx->arena, "%s/shop", url)));
}

/* The status of an order's payment, as Till says it now: a public status, "open", "expired" or "cancelled"; "unknown"
 * when Till does not answer. */
static const char *ask_status(struct sandbox *sandbox, struct ctx *ctx, const struct order *order)
{
    json_t *session =
        ask_till(sandbox, ctx, "GET", arena_printf(ctx->arena, "/checkout/sessions/%s", order->session), NULL, NULL);
    const char *payment_id = json_get_text(session, "payment_id");
    const char *status = json_get_text(session, "status");

    if (!status)
        return "unknown";
    if (!payment_id)
        return status;
    json_t *payment = ask_till(sandbox, ctx, "GET", arena_printf(ctx->arena, "/payments/%s", payment_id), NULL, NULL);
    const char *paid = json_get_text(payment, "status");
    return paid && (strcmp(status, "open") == 0 || strcmp(status, "complete") == 0) ? paid : status;
}

/* Pages ------------------------------------------------------------------------------------------------------------ */

/* A browser applies form-action to where a POST redirects to, too: Till's page. */
static void add_policy(struct sandbox *sandbox, struct request *r)
{
    reply_header(r, "Content-Security-Policy",
        "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self' %s; base-uri 'none'; "
        "frame-ancestors 'none'",
        sandbox->settings.till_url ? sandbox->settings.till_url : "");
}

static struct error *show(struct sandbox *sandbox, struct request *r, int status, const char *template, json_t *view)
{
    struct buf page = { .arena = r->ctx->arena };

    json_object_set_new(view, "shop", json_string(SHOP));
    TRY(template_render(r->ctx, shop.templates, template, view, &page));
    add_policy(sandbox, r);
    return reply_text(r, status, "text/html; charset=utf-8", buf_string(&page));
}

/* English prices for an English shop. */
static const char *price_text(struct ctx *ctx, const json_t *product)
{
    const json_t *price = json_object_get(product, "price");
    struct money money;
    const char *why;

    if (!money_parse(json_get_text(price, "value"), json_get_text(price, "currency"), &money, &why))
        return "";
    return money_text(ctx->arena, money, "en");
}

static json_t *product_view(struct ctx *ctx, json_t *product)
{
    json_t *view = json_in(ctx->arena, json_copy(product));

    json_object_set_new(view, "price", json_string(price_text(ctx, product)));
    return view;
}

static struct error *show_shelf(struct sandbox *sandbox, struct request *r, int status, const char *problem)
{
    json_t *products = json_array(), *product;
    json_t *view = json_in(r->ctx->arena,
        json_pack("{s:s, s:s?, s:o}", "title", "Shelf", "problem", problem, "products", products));
    size_t index;

    json_array_foreach(shop.catalogue, index, product)
    {
        json_array_append(products, product_view(r->ctx, product));
    }
    return show(sandbox, r, status, "shelf", view);
}

static struct error *shelf(struct sandbox *sandbox, struct request *r)
{
    return show_shelf(sandbox, r, 200,
        sandbox->settings.shop_api_key ? NULL
                                       : "The shop has no key for Till (SHOP_API_KEY), so nothing can be bought.");
}

struct buy_request {
    const char *product;
};

static const struct field buy_asked[] = {
    FIELD(struct buy_request, product),
    FIELD_END,
};

static struct error *buy(struct sandbox *sandbox, struct request *r)
{
    struct ctx *ctx = r->ctx;
    struct buy_request request = { 0 };
    struct order order = { 0 };
    uint8_t random[12];

    TRY(request_form(r, buy_asked, &request));
    json_t *product = product_named(request.product);
    if (!product)
        return show_shelf(sandbox, r, 404, "We do not have this article.");
    if (!sandbox->settings.shop_api_key)
        return show_shelf(sandbox, r, 503, "The shop has no key for Till (SHOP_API_KEY).");

    int64_t number = next_number();
    snprintf(order.id, sizeof(order.id), "PI-%jd", (intmax_t)(1001 + number));
    snprintf(order.product, sizeof(order.product), "%s", request.product);
    crypto_random(random, sizeof(random));
    json_t *session =
        ask_till(sandbox, ctx, "POST", "/checkout/sessions", session_body(sandbox, ctx, product, order.id),
            arena_printf(ctx->arena, "shop-%s-%s", order.id,
                hex_encode(ctx->arena, (struct bytes){ random, sizeof(random) })));
    const char *id = json_get_text(session, "id"), *url = json_get_text(session, "url");
    if (!id || !url)
        return show_shelf(sandbox, r, 503, "The payment page cannot be opened right now. Nothing was ordered.");
    snprintf(order.session, sizeof(order.session), "%s", id);
    snprintf(order.url, sizeof(order.url), "%s", url);
    keep_order(number, &order);
    return reply_redirect(r, 303, url);
}

static json_t *order_view(struct ctx *ctx, const struct order *order, const char *status)
{
    json_t *product = product_named(order->product);
    const char *name = json_get_text(product, "name");

    return json_in(ctx->arena,
        json_pack("{s:s, s:s, s:s, s:s}", "id", order->id, "name", name ? name : "", "price", price_text(ctx, product),
            "status", status));
}

struct words {
    const char *status, *heading, *sentence;
    bool payable;
};

static const struct words thanks_words[] = {
    { "succeeded", "Thank you for your order", "It is paid and leaves our house tomorrow.", false },
    { "authorized", "Thank you for your order", "The amount is reserved. We take it when we send your order.", false },
    { "processing", "Thank you for your order", "Your payment is on its way. We send your order when it has come.",
        false },
    { "refunded", "Your money is on its way back", "The payment was refunded.", false },
    { "expired", "This order was not paid", "Its time ran out. Please order again.", false },
    { "cancelled", "This order was cancelled", "Nothing was charged.", false },
    { "unknown", "We could not look up your payment", "Please load this page again in a moment. Do not pay again.",
        false },
    { "", "This order is not paid yet", "We send it as soon as it is.", true },
};

static const struct words *words_of(const char *status)
{
    const struct words *words = thanks_words;

    while (*words->status && strcmp(words->status, status) != 0)
        words++;
    return words;
}

/* That the browser came here proves nothing: Till is asked. */
static struct error *thanks(struct sandbox *sandbox, struct request *r)
{
    struct order order;

    if (!find_order(request_query(r, "order"), &order))
        return show_shelf(sandbox, r, 404, "We do not know this order.");
    const char *status = ask_status(sandbox, r->ctx, &order);
    const struct words *words = words_of(status);
    json_t *shown = order_view(r->ctx, &order, status);
    if (words->payable)
        json_object_set_new(shown, "pay_url", json_string(order.url));
    json_t *view = json_in(r->ctx->arena,
        json_pack("{s:s, s:s, s:s, s:s, s:O}", "title", "Your order", "status", status, "heading", words->heading,
            "sentence", words->sentence, "order", shown));
    return show(sandbox, r, 200, "thanks", view);
}

static struct error *orders(struct sandbox *sandbox, struct request *r)
{
    struct order newest[ORDERS_SHOWN];
    size_t count = newest_orders(newest);
    json_t *list = json_array();
    json_t *view =
        json_in(r->ctx->arena, json_pack("{s:s, s:o, s:b}", "title", "Orders", "orders", list, "some", count > 0));

    for (size_t i = 0; i < count; i++)
        json_array_append(list, order_view(r->ctx, &newest[i], ask_status(sandbox, r->ctx, &newest[i])));
    return show(sandbox, r, 200, "orders", view);
}

/* Files ------------------------------------------------------------------------------------------------------------ */

static const struct {
    const char *name, *type;
} files[] = {
    { "shop.css", "text/css; charset=utf-8" },
    { "notebook.svg", "image/svg+xml" },
    { "pen.svg", "image/svg+xml" },
    { "ink.svg", "image/svg+xml" },
    { "paper.svg", "image/svg+xml" },
};

static const char *read_file(struct request *r, const char *path)
{
    char *text = arena_alloc(r->ctx->arena, FILE_AT_MOST + 1);
    FILE *file = fopen(path, "r");

    if (!file)
        return NULL;
    size_t length = fread(text, 1, FILE_AT_MOST, file);
    fclose(file);
    text[length] = '\0';
    return text;
}

static struct error *serve_file(struct sandbox *sandbox, struct request *r, const char *name)
{
    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
        if (strcmp(files[i].name, name) != 0)
            continue;
        const char *text = read_file(r, arena_printf(r->ctx->arena, "%s/shop/%s", sandbox->settings.files_dir, name));
        if (text)
            return reply_text(r, 200, files[i].type, text);
    }
    return show_shelf(sandbox, r, 404, "There is no such page.");
}

/* The door --------------------------------------------------------------------------------------------------------- */

static const struct {
    const char *method, *path;
    struct error *(*handler)(struct sandbox *sandbox, struct request *r);
} doors[] = {
    { "GET", "/shop", shelf },
    { "GET", "/shop/", shelf },
    { "POST", "/shop/buy", buy },
    { "GET", "/shop/thanks", thanks },
    { "GET", "/shop/orders", orders },
};

static struct error *enter(struct sandbox *sandbox, struct request *r)
{
    use_shop(sandbox, r);
    if (shop.why)
        return error_new(r->ctx, E_UNAVAILABLE, "The shop is closed: %s.", shop.why);
    for (size_t i = 0; i < sizeof(doors) / sizeof(doors[0]); i++) {
        if (strcmp(doors[i].path, r->path) == 0 && strcmp(doors[i].method, r->method) == 0)
            return doors[i].handler(sandbox, r);
    }
    return serve_file(sandbox, r, strncmp(r->path, "/shop/", 6) == 0 ? r->path + 6 : "");
}

void shop_handle(struct sandbox *sandbox, struct request *r)
{
    struct error *error = enter(sandbox, r);

    if (error)
        reply_error(r, error);
}
