#include <assert.h>
#include <string.h>

#include "base/arena.h"
#include "base/ctx.h"
#include "base/field.h"
#include "base/utf8.h"

/* Writers return a new reference, or NULL for null. */
static json_t *write_text(struct ctx *ctx, const struct field *field, const void *in)
{
    const char *text = *(const char *const *)in;

    (void)field;
    return text ? json_string(utf8_clean(ctx->arena, text)) : NULL;
}

static json_t *write_int(struct ctx *ctx, const struct field *field, const void *in)
{
    (void)ctx;
    (void)field;
    return json_integer(*(const int64_t *)in);
}

static json_t *write_int32(struct ctx *ctx, const struct field *field, const void *in)
{
    (void)ctx;
    (void)field;
    return json_integer(*(const int *)in);
}

static json_t *write_bool(struct ctx *ctx, const struct field *field, const void *in)
{
    (void)ctx;
    (void)field;
    return json_boolean(*(const bool *)in);
}

static json_t *write_enum(struct ctx *ctx, const struct field *field, const void *in)
{
    unsigned value = *(const unsigned *)in;

    (void)ctx;
    for (unsigned i = 0; i <= value; i++)
        assert(field->names[i]);
    return json_string(field->names[value]);
}

static json_t *write_money(struct ctx *ctx, const struct field *field, const void *in)
{
    const struct money *money = in;

    (void)field;
    if (!*money->currency)
        return NULL;
    return json_pack("{s:s, s:s}", "value", money_value(ctx->arena, *money), "currency", money->currency);
}

static json_t *write_instant(struct ctx *ctx, const struct field *field, const void *in)
{
    const struct instant *instant = in;

    (void)field;
    return instant_is_set(*instant) ? json_string(instant_format(ctx->arena, *instant, false)) : NULL;
}

static json_t *write_json(struct ctx *ctx, const struct field *field, const void *in)
{
    (void)ctx;
    (void)field;
    return json_incref(*(json_t *const *)in);
}

static json_t *write_members(struct ctx *ctx, const struct field *fields, const void *in);

static json_t *write_object(struct ctx *ctx, const struct field *field, const void *in)
{
    const void *inner = *(const void *const *)in;

    return inner ? write_members(ctx, field->fields, inner) : NULL;
}

static json_t *write_list(struct ctx *ctx, const struct field *field, const void *in)
{
    const struct field_list *list = in;
    json_t *array = json_array();

    for (size_t i = 0; i < list->count; i++)
        json_array_append_new(array, write_members(ctx, field->fields, (const char *)list->items + i * field->size));
    return array;
}

static json_t *(*const writers[])(struct ctx *ctx, const struct field *field, const void *in) = {
    [FIELD_TEXT] = write_text,
    [FIELD_INT] = write_int,
    [FIELD_INT32] = write_int32,
    [FIELD_BOOL] = write_bool,
    [FIELD_ENUM] = write_enum,
    [FIELD_MONEY] = write_money,
    [FIELD_INSTANT] = write_instant,
    [FIELD_JSON] = write_json,
    [FIELD_OBJECT] = write_object,
    [FIELD_LIST] = write_list,
};

/* What omit_empty leaves out, beside null. */
static bool is_empty(const json_t *value)
{
    return json_is_false(value) || (json_is_integer(value) && json_integer_value(value) == 0)
        || (json_is_array(value) && json_array_size(value) == 0);
}

static json_t *write_members(struct ctx *ctx, const struct field *fields, const void *in)
{
    json_t *object = json_object();

    assert(object);
    for (const struct field *field = fields; field->kind != FIELD_NONE; field++) {
        assert(field->kind != FIELD_BYTES);
        json_t *value = writers[field->kind](ctx, field, (const char *)in + field->offset);

        if (field->omit_empty && (!value || is_empty(value))) {
            json_decref(value);
            continue;
        }
        int failed = json_object_set_new(object, field->name, value ? value : json_null());
        assert(!failed);
    }
    return object;
}

json_t *field_write(struct ctx *ctx, const struct field *fields, const void *in)
{
    return json_in(ctx->arena, write_members(ctx, fields, in));
}

static struct bytes copy_bytes(struct arena *arena, struct bytes bytes)
{
    uint8_t *copy = bytes.data ? arena_alloc(arena, bytes.length + 1) : NULL;

    if (copy)
        memcpy(copy, bytes.data, bytes.length);
    return (struct bytes){ copy, bytes.length };
}

void field_keep(struct ctx *ctx, const struct field *fields, void *object)
{
    for (const struct field *field = fields; field->kind != FIELD_NONE; field++) {
        void *member = (char *)object + field->offset;

        assert(field->kind != FIELD_OBJECT && field->kind != FIELD_LIST);
        if (field->kind == FIELD_TEXT && *(const char **)member)
            *(const char **)member = arena_strdup(ctx->arena, *(const char **)member);
        else if (field->kind == FIELD_BYTES)
            *(struct bytes *)member = copy_bytes(ctx->arena, *(struct bytes *)member);
        else if (field->kind == FIELD_JSON && *(json_t **)member)
            json_in(ctx->arena, json_incref(*(json_t **)member));
    }
}
