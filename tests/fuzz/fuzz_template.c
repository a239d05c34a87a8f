#include <assert.h>
#include <jansson.h>
#include <stdint.h>
#include <string.h>

#include "base/arena.h"
#include "base/ctx.h"
#include "base/field.h"
#include "base/utf8.h"
#include "web/router.h"
#include "web/template.h"

/* Templates and data from anywhere (a template, a NUL, data): rendering ends, and unless the template asks for raw markup no <
 * comes out that was not in the template. */

const struct route routes[] = { { 0 } };
const size_t route_count = 0;

/* Whether a tag of the template could put data out unescaped: {{{a}}}, {{&a}}, or either with other delimiters. */
static bool may_be_raw(const char *text)
{
    return strstr(text, "{{{") || strpbrk(text, "&=");
}

static json_t *view_of(struct ctx *ctx, const char *hostile)
{
    return json_in(ctx->arena,
        json_pack("{s:s, s:[s, {s:s}, [s]], s:{s:s, s:{s:s}}, s:b}", "a", hostile, "b", hostile, "a", hostile, hostile,
            "c", "a", hostile, "d", "a", hostile, "e", 1));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *arena = arena_new();
    struct ctx ctx = { .arena = arena };
    size_t length = strnlen((const char *)data, size);
    char *template = arena_strndup(arena, (const char *)data, length);
    size_t rest = length < size ? size - length - 1 : 0;
    const char *hostile = utf8_clean(arena, arena_printf(arena, "<%.*s>", (int)rest, (const char *)data + length + 1));
    json_t *partials =
        json_in(arena, json_pack("{s:s, s:s}", "p", "{{a}}{{#c}}{{>p}}{{/c}}\n", "q", " {{a}}\n{{>p}}\n"));
    struct buf out = { .arena = arena };

    for (char *c = template; *c; c++) {
        if (*c == '<')
            *c = '(';
    }
    if (!template_render_text(&ctx, template, partials, view_of(&ctx, hostile), &out) && !may_be_raw(template))
        assert(!memchr(buf_string(&out), '<', out.length));
    arena_free(arena);
    return 0;
}
