#include "sandbox/files.h"

#include "base/arena.h"
#include "base/ctx.h"
#include "sandbox/sandbox.h"
#include "web/reply.h"

#include <stdio.h>
#include <string.h>

enum { LARGEST = 1024 * 1024 };

static const struct {
    const char *ending, *media;
} types[] = {
    { ".js", "text/javascript; charset=utf-8" },
    { ".css", "text/css; charset=utf-8" },
    { ".html", "text/html; charset=utf-8" },
    { ".svg", "image/svg+xml" },
};

static const char *media_of(const char *name)
{
    const char *ending = strrchr(name, '.');

    for (size_t i = 0; ending && i < sizeof types / sizeof *types; i++) {
        if (strcmp(types[i].ending, ending) == 0)
            return types[i].media;
    }
    return NULL;
}

static const char *read_file(struct arena *arena, const char *path)
{
    FILE *file = fopen(path, "re");
    char *text = NULL;

    if (!file)
        return NULL;
    text = arena_alloc(arena, LARGEST + 1);
    text[fread(text, 1, LARGEST, file)] = '\0';
    bool whole = !ferror(file) && feof(file);
    fclose(file);
    return whole ? text : NULL;
}

/* The file's name: letters, digits, '-', '_' and '.', which cannot leave the folder. */
static const char *name_of(const char *path)
{
    const char *name;

    if (strncmp(path, "/v3", 3) != 0 || (path[3] && path[3] != '/'))
        return NULL;
    name = path[3] ? path + 4 : "";
    if (!*name)
        return "stripe.js";
    return name[strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-_.")] || *name == '.' ? NULL : name;
}

/* Any page may load the script and embed the frames, as with Stripe's; the frames run nothing but these files. */
static void add_policy(struct request *r)
{
    reply_header(r, "Cache-Control", "no-cache");
    reply_header(r, "Cross-Origin-Resource-Policy", "cross-origin");
    reply_header(r, "Access-Control-Allow-Origin", "*");
    reply_header(r, "Content-Security-Policy",
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; "
        "form-action 'none'; frame-ancestors *");
}

void files_handle(struct sandbox *sandbox, struct request *r)
{
    const char *name = name_of(r->path);
    const char *media = name ? media_of(name) : NULL;
    const char *text = media
        ? read_file(r->ctx->arena, arena_printf(r->ctx->arena, "%s/js/%s", sandbox->settings.files_dir, name))
        : NULL;

    if (!text) {
        (void)reply_text(r, 404, "text/plain; charset=utf-8", "There is nothing at this address.\n");
        return;
    }
    add_policy(r);
    (void)reply_text(r, 200, media, text);
}
