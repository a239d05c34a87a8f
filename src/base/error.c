#include "base/error.h"

#include <assert.h>
#include <stdarg.h>
#include <string.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/ctx.h"

#define FIELDS_AT_MOST 100 // a body of nothing but wrong members must not become an answer many times its size

static const struct {
    const char *name;
    int status;
    const char *title;
} codes[] = {
#define ERROR(code, status, title) [E_##code] = { #code, status, title },
#include "base/error.def"
#undef ERROR
};

static const char *format_text(struct ctx *ctx, const char *format, va_list arguments)
    __attribute__((format(printf, 2, 0)));

static const char *format_text(struct ctx *ctx, const char *format, va_list arguments)
{
    struct buf buf = { .arena = ctx->arena };

    buf_vprintf(&buf, format, arguments);
    return buf_string(&buf);
}

struct error *error_new(struct ctx *ctx, enum error_code code, const char *detail, ...)
{
    struct error *error = arena_alloc(ctx->arena, sizeof(*error));
    va_list arguments;

    va_start(arguments, detail);
    error->code = code;
    error->detail = format_text(ctx, detail, arguments);
    va_end(arguments);
    return error;
}

struct error *error_cause(struct ctx *ctx, struct error *error, const char *cause, ...)
{
    va_list arguments;

    va_start(arguments, cause);
    error->cause = format_text(ctx, cause, arguments);
    va_end(arguments);
    return error;
}

struct error *error_copy(struct ctx *ctx, const struct error *error)
{
    struct error *copy = error_new(ctx, error->code, "%s", error->detail);

    copy->retry_after = error->retry_after;
    copy->outcome = error->outcome;
    return error_cause(ctx, copy, "%s", error->cause ? error->cause : "");
}

/* The next free place. The array doubles at each power of two, so that its capacity need not be kept. */
static struct error_field *field_new(struct ctx *ctx, struct error *error)
{
    size_t count = error->field_count;

    if ((count & (count - 1)) == 0) {
        struct error_field *fields = arena_array(ctx->arena, count ? count * 2 : 1, sizeof(*fields));

        if (count)
            memcpy(fields, error->fields, count * sizeof(*fields));
        error->fields = fields;
    }
    return &error->fields[error->field_count++];
}

void error_add_field(struct ctx *ctx, struct error **error, const char *pointer, const char *detail, ...)
{
    va_list arguments;

    if (!*error)
        *error = error_new(ctx, E_VALIDATION_ERROR, "some fields are not valid; errors lists each of them");
    if ((*error)->field_count == FIELDS_AT_MOST)
        return;

    struct error_field *field = field_new(ctx, *error);
    va_start(arguments, detail);
    field->pointer = arena_strdup(ctx->arena, pointer);
    field->detail = format_text(ctx, detail, arguments);
    va_end(arguments);
}

size_t error_code_count(void)
{
    return sizeof(codes) / sizeof(codes[0]);
}

const char *error_name(enum error_code code)
{
    assert(code < error_code_count());
    return codes[code].name;
}

int error_status(enum error_code code)
{
    assert(code < error_code_count());
    return codes[code].status;
}

const char *error_title(enum error_code code)
{
    assert(code < error_code_count());
    return codes[code].title;
}
