#include "base/check.h"

#include <string.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/config.h"
#include "base/ctx.h"
#include "base/field.h"
#include "base/id.h"
#include "base/url.h"

static const char placeholder[] = "{CHECKOUT_SESSION_ID}";

static const char *without_placeholder(struct ctx *ctx, const char *text)
{
    struct buf rest = { .arena = ctx->arena };

    for (const char *found = strstr(text, placeholder); found; found = strstr(text, placeholder)) {
        buf_add(&rest, text, (size_t)(found - text));
        buf_text(&rest, "cs_0");
        text = found + sizeof placeholder - 1;
    }
    buf_text(&rest, text);
    return buf_string(&rest);
}

static bool is_registered(struct ctx *ctx, const struct url *url)
{
    char *list = arena_strdup(ctx->arena, ctx->config->return_origins), *rest = NULL;
    struct url origin;

    for (char *place = strtok_r(list, " ", &rest); place; place = strtok_r(NULL, " ", &rest))
        if (url_parse(ctx->arena, place, &origin) && url_same_origin(&origin, url))
            return true;
    return false;
}

const char *check_return_url(struct ctx *ctx, const char *text)
{
    struct url url;

    if (!url_parse(ctx->arena, without_placeholder(ctx, text), &url))
        return "must be a complete https address";
    if (!url.https && !(url.loopback && ctx->config->mode == MODE_TEST))
        return "must begin with https://";
    if (ctx->config->return_origins && *ctx->config->return_origins && !is_registered(ctx, &url))
        return "must be of one of the addresses in RETURN_ORIGINS";
    return NULL;
}

const char *check_id(struct ctx *ctx, const char *text)
{
    (void)ctx;
    return id_is_plausible(text) ? NULL : "must be an id";
}

const char *check_reason(struct ctx *ctx, const char *text)
{
    int seen = 0;

    (void)ctx;
    for (const char *c = text; *c; c++)
        seen += !strchr(" \t\r\n", *c);
    return seen >= 3 ? NULL : "is needed: what was found, and what was done?";
}

static const char *wrong_note(const char *name, const json_t *value)
{
    if (!*name || strlen(name) > 40 || strpbrk(name, "[]"))
        return "must have a name of 1 to 40 characters without brackets";
    if (!strcmp(name, "payment_id") || !strcmp(name, "attempt_id") || !strcmp(name, "refund_id"))
        return "must have another name; this one is used by Till";
    if (!json_is_string(value) && !json_is_integer(value) && !json_is_boolean(value))
        return "must be a text, a whole number or a boolean";
    if (json_is_string(value) && json_string_length(value) > 500)
        return "must be at most 500 bytes long";
    return NULL;
}

void check_metadata(struct ctx *ctx, json_t *metadata, const char *pointer, struct error **error)
{
    const char *name, *wrong;
    json_t *value;

    if (json_object_size(metadata) > 47) // Till adds three of its own to a provider's fifty
        error_add_field(ctx, error, pointer, "must have at most 47 members");
    json_object_foreach(metadata, name, value)
    {
        wrong = wrong_note(name, value);
        if (wrong) // a name of any length is not repeated
            error_add_field(ctx, error, strlen(name) > 100 ? pointer : pointer_to(ctx, pointer, name), "%s", wrong);
    }
}
