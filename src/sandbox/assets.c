#include "sandbox/assets.h"

#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/ctx.h"
#include "sandbox/sandbox.h"
#include "web/reply.h"
#include "web/request.h"

#define FILE_AT_MOST (256 * 1024)

static const char script[] = "text/javascript; charset=utf-8";
static const char style[] = "text/css; charset=utf-8";
static const char page[] = "text/html; charset=utf-8";

static const struct asset {
    const char *path, *file, *type;
} assets[] = {
    { "/v3", "stripe.js", script },
    { "/v3/", "stripe.js", script },
    { "/v3/api.js", "api.js", script },
    { "/v3/texts.js", "texts.js", script },
    { "/v3/elements", "elements.html", page },
    { "/v3/elements.js", "elements.js", script },
    { "/v3/elements.css", "elements.css", style },
    { "/v3/controller", "controller.html", page },
    { "/v3/controller.js", "controller.js", script },
};

static const char *read_file(struct ctx *ctx, const char *path)
{
    FILE *file = fopen(path, "r");

    if (!file)
        return NULL;
    char *text = arena_alloc(ctx->arena, FILE_AT_MOST + 1);
    text[fread(text, 1, FILE_AT_MOST, file)] = '\0';
    fclose(file);
    return text;
}

/* Any page may load the script and embed the frames; the frames themselves run nothing but our files. */
static void add_policy(struct request *r)
{
    reply_header(r, "Content-Security-Policy",
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; base-uri 'none'; "
        "form-action 'none'; frame-ancestors *");
    reply_header(r, "Cross-Origin-Resource-Policy", "cross-origin");
    reply_header(r, "Access-Control-Allow-Origin", "*");
}

static struct error *serve(struct sandbox *sandbox, struct request *r)
{
    for (size_t i = 0; i < sizeof(assets) / sizeof(assets[0]); i++) {
        if (strcmp(assets[i].path, r->path) != 0)
            continue;
        const char *text =
            read_file(r->ctx, arena_printf(r->ctx->arena, "%s/js/%s", sandbox->settings.files_dir, assets[i].file));
        if (!text)
            break;
        add_policy(r);
        return reply_text(r, 200, assets[i].type, text);
    }
    return error_new(r->ctx, E_NOT_FOUND, "The stand-in for Stripe.js has no such file.");
}

void assets_handle(struct sandbox *sandbox, struct request *r)
{
    struct error *error = serve(sandbox, r);

    if (error)
        reply_error(r, error);
}
