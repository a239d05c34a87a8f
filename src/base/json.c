#include <assert.h>
#include <string.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/ctx.h"
#include "base/field.h"

#define LEVELS_AT_MOST 32

static void release(void *value)
{
    json_decref(value);
}

json_t *json_in(struct arena *arena, json_t *made)
{
    assert(made);
    arena_defer(arena, release, made);
    return made;
}

/* Where a scan of JSON text stands. */
struct scan {
    const uint8_t *at, *end;
    const uint8_t *line_start;
    int line;
    int depth;
};

static struct error *fault(struct ctx *ctx, int line, int column, const char *what)
{
    return error_new(ctx, E_INVALID_JSON, "line %d, column %d: %s", line, column, what);
}

static struct error *fault_here(struct ctx *ctx, const struct scan *scan, const char *what)
{
    return fault(ctx, scan->line, (int)(scan->at - scan->line_start) + 1, what);
}

static void skip_string(struct scan *scan)
{
    for (scan->at++; scan->at < scan->end && *scan->at != '"'; scan->at++) {
        if (*scan->at == '\\' && scan->at + 1 < scan->end)
            scan->at++;
    }
}

static bool is_in_number(uint8_t c)
{
    return (c >= '0' && c <= '9') || (c && strchr("+-.eE", c));
}

struct bytes json_quote_decimals(struct arena *arena, struct bytes text)
{
    struct scan scan = { .at = text.data, .end = text.data + text.length };
    struct buf out = { .arena = arena };

    while (scan.at < scan.end) {
        const uint8_t *from = scan.at;
        bool decimal = false;

        if (*scan.at == '"') {
            skip_string(&scan);
            scan.at += scan.at < scan.end;
        } else if (*scan.at == '-' || (*scan.at >= '0' && *scan.at <= '9')) {
            for (; scan.at < scan.end && is_in_number(*scan.at); scan.at++)
                decimal |= strchr(".eE", *scan.at) != NULL;
        } else {
            scan.at++;
        }
        buf_printf(&out, decimal ? "\"%.*s\"" : "%.*s", (int)(scan.at - from), (const char *)from);
    }
    return (struct bytes){ (const uint8_t *)buf_string(&out), out.length };
}

/* What the parser would take and we do not: deep nesting, which could use up its stack, and numbers with decimals. */
static struct error *check_ahead(struct ctx *ctx, struct bytes text, bool reals)
{
    struct scan scan = { .at = text.data, .end = text.data + text.length, .line_start = text.data, .line = 1 };

    for (; scan.at < scan.end; scan.at++) {
        bool in_number = scan.at > text.data && scan.at[-1] >= '0' && scan.at[-1] <= '9';

        if (*scan.at == '\n') {
            scan.line++;
            scan.line_start = scan.at + 1;
        } else if (*scan.at == '"') {
            skip_string(&scan);
        } else if (*scan.at == '[' || *scan.at == '{') {
            if (++scan.depth > LEVELS_AT_MOST)
                return fault_here(ctx, &scan, "nested more than 32 levels deep");
        } else if (*scan.at == ']' || *scan.at == '}') {
            scan.depth--;
        } else if (!reals && in_number && strchr(".eE", *scan.at)) {
            return fault_here(ctx, &scan, "a number with decimals or an exponent; amounts are decimal strings");
        }
    }
    return NULL;
}

/* In words that never quote what was sent. */
static const char *what_is_wrong(enum json_error_code code)
{
    switch (code) {
    case json_error_premature_end_of_input:
        return "the text ends too early";
    case json_error_end_of_input_expected:
        return "the text goes on after its end";
    case json_error_invalid_utf8:
        return "not valid UTF-8";
    case json_error_duplicate_key:
        return "a member is there twice";
    case json_error_numeric_overflow:
        return "a number is too large";
    case json_error_null_character:
    case json_error_null_byte_in_key:
        return "a text contains a NUL character";
    default:
        return "not well-formed";
    }
}

static struct error *parse(struct ctx *ctx, struct bytes text, bool reals, json_t **out)
{
    json_error_t found;

    if (!text.length)
        return fault(ctx, 1, 1, "the text ends too early");
    TRY(check_ahead(ctx, text, reals));
    json_t *value = json_loadb((const char *)text.data, text.length, JSON_REJECT_DUPLICATES, &found);
    if (!value)
        return fault(ctx, found.line > 0 ? found.line : 1, found.column > 0 ? found.column : 1,
            what_is_wrong(json_error_code(&found)));
    *out = json_in(ctx->arena, value);
    return NULL;
}

struct error *json_read(struct ctx *ctx, struct bytes text, json_t **out)
{
    return parse(ctx, text, false, out);
}

struct error *json_read_foreign(struct ctx *ctx, struct bytes text, json_t **out)
{
    return parse(ctx, text, true, out);
}

static int collect(const char *text, size_t length, void *buf)
{
    buf_add(buf, text, length);
    return 0;
}

const char *json_text(struct ctx *ctx, const json_t *value)
{
    struct buf buf = { .arena = ctx->arena };
    int failed = json_dump_callback(value, collect, &buf, JSON_COMPACT | JSON_ENCODE_ANY);

    assert(!failed);
    return buf_string(&buf);
}

const char *json_get_text(const json_t *object, const char *name)
{
    return json_string_value(json_object_get(object, name));
}

int64_t json_get_int(const json_t *object, const char *name)
{
    return json_integer_value(json_object_get(object, name));
}

bool json_get_bool(const json_t *object, const char *name)
{
    return json_is_true(json_object_get(object, name));
}
