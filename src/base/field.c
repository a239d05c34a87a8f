#include "base/field.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/card_number.h"
#include "base/ctx.h"
#include "base/id.h"
#include "base/utf8.h"

#define TEXT_AT_MOST 500
#define LIST_AT_MOST 100
#define NAME_SHOWN_AT_MOST 64

static const char no_card_number[] = "must not contain a card number";
static const char money_form[] = "must be an object: {\"value\": \"100.00\", \"currency\": \"USD\"}";

/* One value on its way in. */
struct reading {
    struct ctx *ctx;
    const struct field *field;
    const char *pointer;
    void *out;
    struct error **error;
};

static void wrong(const struct reading *r, const char *detail)
{
    error_add_field(r->ctx, r->error, r->pointer, "%s", detail);
}

/* ~ and / are escaped as RFC 6901 says, then what a URI fragment may not hold. */
const char *pointer_to(struct ctx *ctx, const char *pointer, const char *name)
{
    static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._!$&'()*+,;=:@?";
    struct buf buf = { .arena = ctx->arena };

    buf_printf(&buf, "%s/", pointer);
    for (const char *c = name; *c; c++) {
        if (*c == '~')
            buf_text(&buf, "~0");
        else if (*c == '/')
            buf_text(&buf, "~1");
        else if (strchr(plain, *c))
            buf_byte(&buf, *c);
        else
            buf_printf(&buf, "%%%02X", (unsigned char)*c);
    }
    return buf_string(&buf);
}

/* A name that nobody gave a meaning may be anything, also what must not be repeated. */
static void unknown_member(struct ctx *ctx, const char *pointer, const char *name, struct error **error)
{
    if (strlen(name) > NAME_SHOWN_AT_MOST || card_number_in(name))
        error_add_field(ctx, error, pointer, "has a member that is not known here");
    else
        error_add_field(ctx, error, pointer_to(ctx, pointer, name), "is not known here");
}

static bool has_upper_limit(const struct field *field)
{
    return field->max >= field->min && (field->min || field->max);
}

static bool has_lower_limit(const struct field *field)
{
    return field->min || field->max;
}

static int64_t upper_limit(const struct field *field, int64_t otherwise)
{
    return has_upper_limit(field) ? field->max : otherwise;
}

int name_index(const char *const *names, const char *name)
{
    for (int i = 0; name && names[i]; i++) {
        if (strcmp(names[i], name) == 0)
            return i;
    }
    return -1;
}

/* Control characters other than tab and line feed. */
static bool is_control(uint32_t code)
{
    return (code < 0x20 && code != '\t' && code != '\n') || (code >= 0x7f && code < 0xa0);
}

/* Counts the characters; what is wrong with one of them, or NULL. */
static const char *count_characters(const char *text, int64_t *count)
{
    uint32_t code;

    for (*count = 0; *text; (*count)++) {
        if (!utf8_next(&text, &code))
            return "must be valid UTF-8";
        if (is_control(code))
            return "must not contain control characters";
    }
    return NULL;
}

static bool is_cursor(const char *text, const char *prefix)
{
    size_t length = strlen(prefix);

    return strncmp(text, prefix, length) == 0 && text[length] == '_' && id_is_plausible(text);
}

static void check_text(const struct reading *r, const char *text)
{
    int64_t least = r->field->min, most = upper_limit(r->field, TEXT_AT_MOST), count;
    const char *why = count_characters(text, &count);

    if (!why && card_number_in(text))
        why = no_card_number;
    if (!why && count < least && count == 0)
        why = "must not be empty";
    if (!why && r->field->pages && !is_cursor(text, r->field->pages))
        why = "is no cursor of this list";
    if (!why && r->field->check && count <= most)
        why = r->field->check(r->ctx, text);
    if (why)
        wrong(r, why);
    else if (count < least)
        error_add_field(r->ctx, r->error, r->pointer, "must have at least %jd characters", (intmax_t)least);
    else if (count > most)
        error_add_field(r->ctx, r->error, r->pointer, "must have at most %jd characters", (intmax_t)most);
    else
        *(const char **)r->out = text;
}

/* Whether the number is within the field's limits and those of its type. */
static bool check_number(const struct reading *r, int64_t number, int64_t type_min, int64_t type_max)
{
    int64_t least = has_lower_limit(r->field) ? r->field->min : type_min;
    int64_t most = upper_limit(r->field, type_max);

    if (number >= least && number <= most)
        return true;
    if (number < least)
        error_add_field(r->ctx, r->error, r->pointer, "must be at least %jd", (intmax_t)least);
    else
        error_add_field(r->ctx, r->error, r->pointer, "must be at most %jd", (intmax_t)most);
    return false;
}

static void set_int(const struct reading *r, int64_t number)
{
    if (check_number(r, number, INT64_MIN, INT64_MAX))
        *(int64_t *)r->out = number;
}

static void set_int32(const struct reading *r, int64_t number)
{
    if (check_number(r, number, INT32_MIN, INT32_MAX))
        *(int *)r->out = (int)number;
}

static void set_enum(const struct reading *r, const char *name)
{
    int index = name_index(r->field->names, name);
    struct buf allowed = { .arena = r->ctx->arena };

    if (index >= 0) {
        *(unsigned *)r->out = (unsigned)index;
        return;
    }
    for (size_t i = 0; r->field->names[i]; i++)
        buf_printf(&allowed, "%s%s", i ? ", " : "", r->field->names[i]);
    error_add_field(r->ctx, r->error, r->pointer, "must be one of: %s", buf_string(&allowed));
}

static void set_instant(const struct reading *r, const char *text)
{
    struct instant instant;

    // the first second of 1970 would be written as "never" and is not a time that anybody means
    if (instant_parse(text, &instant) && instant_to_unix(instant) != 0)
        *(struct instant *)r->out = instant;
    else
        wrong(r, "must be a time like 2026-11-21T07:29:57Z");
}

static const char *amount_text(struct ctx *ctx, int64_t minor, const char *currency)
{
    struct money money = { .minor = minor };

    memcpy(money.currency, currency, sizeof(money.currency));
    return arena_printf(ctx->arena, "%s %s", money_value(ctx->arena, money), currency);
}

/* The amount in a known currency, within the field's limits. r->pointer is that of the value. */
static void set_money(const struct reading *r, const char *value, const char *currency)
{
    struct money money;
    const char *why;

    if (!money_parse(value, currency, &money, &why))
        wrong(r, why);
    else if (money.minor < r->field->min && r->field->min == 1)
        wrong(r, "must be more than zero");
    else if (money.minor < r->field->min)
        error_add_field(r->ctx, r->error, r->pointer, "must be at least %s",
            amount_text(r->ctx, r->field->min, money.currency));
    else if (r->field->max > 0 && money.minor > r->field->max)
        error_add_field(r->ctx, r->error, r->pointer, "must be at most %s",
            amount_text(r->ctx, r->field->max, money.currency));
    else
        *(struct money *)r->out = money;
}

static void read_text(const struct reading *r, json_t *value)
{
    if (json_is_string(value))
        check_text(r, json_string_value(value));
    else
        wrong(r, "must be a text");
}

static void read_int(const struct reading *r, json_t *value)
{
    if (json_is_integer(value))
        set_int(r, json_integer_value(value));
    else
        wrong(r, "must be a whole number");
}

static void read_int32(const struct reading *r, json_t *value)
{
    if (json_is_integer(value))
        set_int32(r, json_integer_value(value));
    else
        wrong(r, "must be a whole number");
}

static void read_bool(const struct reading *r, json_t *value)
{
    if (json_is_boolean(value))
        *(bool *)r->out = json_is_true(value);
    else
        wrong(r, "must be true or false");
}

static void read_enum(const struct reading *r, json_t *value)
{
    set_enum(r, json_string_value(value));
}

static void read_instant(const struct reading *r, json_t *value)
{
    set_instant(r, json_string_value(value));
}

/* A member of an amount: its text, or NULL and an error. */
static const char *read_money_part(const struct reading *r, json_t *amount, const char *name, const char *form)
{
    json_t *part = json_object_get(amount, name);

    if (json_is_string(part))
        return json_string_value(part);
    error_add_field(r->ctx, r->error, pointer_to(r->ctx, r->pointer, name), "%s",
        !part || json_is_null(part) ? "is required" : form);
    return NULL;
}

static void read_money(const struct reading *r, json_t *value)
{
    struct reading of_value = *r;
    const char *name;
    json_t *member;

    if (!json_is_object(value)) {
        wrong(r, money_form);
        return;
    }
    json_object_foreach(value, name, member)
    {
        if (strcmp(name, "value") != 0 && strcmp(name, "currency") != 0)
            unknown_member(r->ctx, r->pointer, name, r->error);
    }
    const char *amount = read_money_part(r, value, "value", "must be a decimal string like \"100.00\"");
    const char *currency = read_money_part(r, value, "currency", "must be a code like \"USD\"");
    if (currency && currency_exponent(currency) < 0)
        error_add_field(r->ctx, r->error, pointer_to(r->ctx, r->pointer, "currency"),
            "is not a currency that can be charged");
    else if (amount && currency) {
        of_value.pointer = pointer_to(r->ctx, r->pointer, "value");
        set_money(&of_value, amount, currency);
    }
}

static bool has_card_number(const json_t *value)
{
    char number[24];
    const char *name;
    json_t *member;
    size_t i;

    if (json_is_string(value))
        return card_number_in(json_string_value(value));
    if (json_is_integer(value)) {
        snprintf(number, sizeof(number), "%" JSON_INTEGER_FORMAT, json_integer_value(value));
        return card_number_in(number);
    }
    json_array_foreach(value, i, member)
    {
        if (has_card_number(member))
            return true;
    }
    json_object_foreach((json_t *)value, name, member)
    {
        if (card_number_in(name) || has_card_number(member))
            return true;
    }
    return false;
}

static void check_texts(const struct reading *r, json_t *list)
{
    const char *why;
    json_t *item;
    size_t i;

    if (!json_is_array(list) || json_array_size(list) == 0 || json_array_size(list) > LIST_AT_MOST) {
        wrong(r, "must be a list of 1 to 100 texts");
        return;
    }
    json_array_foreach(list, i, item)
    {
        why = !json_is_string(item) ? "must be a text"
            : r->field->check       ? r->field->check(r->ctx, json_string_value(item))
                                    : NULL;
        if (why)
            error_add_field(r->ctx, r->error, arena_printf(r->ctx->arena, "%s/%zu", r->pointer, i), "%s", why);
    }
}

static void read_json(const struct reading *r, json_t *value)
{
    if (r->field->object && !json_is_object(value)) {
        wrong(r, "must be an object");
    } else if (has_card_number(value)) {
        wrong(r, no_card_number);
    } else {
        *(json_t **)r->out = value;
        if (r->field->texts)
            check_texts(r, value);
        if (r->field->check_members && json_is_object(value))
            r->field->check_members(r->ctx, value, r->pointer, r->error);
    }
}

static void read_members(struct ctx *ctx, const struct field *fields, json_t *object, const char *pointer, void *out,
    struct error **error);

static void read_object(const struct reading *r, json_t *value)
{
    void *inner = arena_alloc(r->ctx->arena, r->field->size);

    if (!json_is_object(value)) {
        wrong(r, "must be an object");
        return;
    }
    read_members(r->ctx, r->field->fields, value, r->pointer, inner, r->error);
    *(void **)r->out = inner;
}

static void read_items(const struct reading *r, json_t *value)
{
    struct field_list *list = r->out;
    json_t *item;
    size_t i;

    list->count = json_array_size(value);
    list->items = arena_array(r->ctx->arena, list->count, r->field->size);
    json_array_foreach(value, i, item)
    {
        const char *pointer = arena_printf(r->ctx->arena, "%s/%zu", r->pointer, i);

        if (json_is_object(item))
            read_members(r->ctx, r->field->fields, item, pointer, (char *)list->items + i * r->field->size, r->error);
        else
            error_add_field(r->ctx, r->error, pointer, "must be an object");
    }
}

static void read_list(const struct reading *r, json_t *value)
{
    int64_t count = (int64_t)json_array_size(value);
    int64_t most = upper_limit(r->field, LIST_AT_MOST);

    if (!json_is_array(value))
        wrong(r, "must be a list");
    else if (count < r->field->min)
        error_add_field(r->ctx, r->error, r->pointer, "must have at least %jd entries", (intmax_t)r->field->min);
    else if (count > most)
        error_add_field(r->ctx, r->error, r->pointer, "must have at most %jd entries", (intmax_t)most);
    else
        read_items(r, value);
}

static void (*const readers[])(const struct reading *r, json_t *value) = {
    [FIELD_TEXT] = read_text,
    [FIELD_INT] = read_int,
    [FIELD_INT32] = read_int32,
    [FIELD_BOOL] = read_bool,
    [FIELD_ENUM] = read_enum,
    [FIELD_MONEY] = read_money,
    [FIELD_INSTANT] = read_instant,
    [FIELD_JSON] = read_json,
    [FIELD_OBJECT] = read_object,
    [FIELD_LIST] = read_list,
};

static bool is_known(const struct field *fields, const char *name)
{
    for (; fields->kind != FIELD_NONE; fields++) {
        if (strcmp(fields->name, name) == 0)
            return true;
    }
    return false;
}

static void read_members(struct ctx *ctx, const struct field *fields, json_t *object, const char *pointer, void *out,
    struct error **error)
{
    const char *name;
    json_t *member;

    json_object_foreach(object, name, member)
    {
        if (!is_known(fields, name))
            unknown_member(ctx, pointer, name, error);
    }
    for (const struct field *field = fields; field->kind != FIELD_NONE; field++) {
        const char *place = pointer_to(ctx, pointer, field->name);
        struct reading r = { ctx, field, place, (char *)out + field->offset, error };

        member = json_object_get(object, field->name);
        assert(field->kind != FIELD_BYTES);
        if (member && !json_is_null(member))
            readers[field->kind](&r, member);
        else if (!field->optional)
            wrong(&r, "is required");
    }
}

struct error *field_read(struct ctx *ctx, const struct field *fields, json_t *object, void *out)
{
    struct error *error = NULL;

    if (!json_is_object(object))
        return error_new(ctx, E_INVALID_JSON, "the body must be an object");
    read_members(ctx, fields, object, "#", out, &error);
    return error;
}

/* Browsers send line ends as CR LF. */
static void text_text(const struct reading *r, const char *text)
{
    struct buf buf = { .arena = r->ctx->arena };

    for (; *text; text++) {
        if (text[0] != '\r' || text[1] != '\n')
            buf_byte(&buf, *text);
    }
    check_text(r, buf_string(&buf));
}

static bool whole_number(const struct reading *r, const char *text, int64_t *number)
{
    size_t sign = *text == '-';
    size_t digits = strspn(text + sign, "0123456789");

    errno = 0;
    *number = strtoll(text, NULL, 10);
    if (digits > 0 && !text[sign + digits] && errno == 0)
        return true;
    wrong(r, "must be a whole number");
    return false;
}

static void text_int(const struct reading *r, const char *text)
{
    int64_t number;

    if (whole_number(r, text, &number))
        set_int(r, number);
}

static void text_int32(const struct reading *r, const char *text)
{
    int64_t number;

    if (whole_number(r, text, &number))
        set_int32(r, number);
}

static void text_bool(const struct reading *r, const char *text)
{
    static const char *const names[] = { "false", "0", "off", "true", "1", "on", NULL };
    int index = name_index(names, text);

    if (index < 0)
        wrong(r, "must be true or false");
    else
        *(bool *)r->out = index >= name_index(names, "true");
}

/* "100.00 USD" */
static void text_money(const struct reading *r, const char *text)
{
    size_t length = strcspn(text, " ");
    const char *currency = text[length] ? text + length + 1 : "";

    if (currency_exponent(currency) < 0)
        wrong(r, "must be an amount and a currency like \"100.00 USD\"");
    else
        set_money(r, arena_strndup(r->ctx->arena, text, length), currency);
}

static void text_json(const struct reading *r, const char *text)
{
    json_t *value;

    if (json_read(r->ctx, bytes_of(text), &value))
        wrong(r, "must be JSON");
    else
        read_json(r, value);
}

static void (*const text_readers[])(const struct reading *r, const char *text) = {
    [FIELD_TEXT] = text_text,
    [FIELD_INT] = text_int,
    [FIELD_INT32] = text_int32,
    [FIELD_BOOL] = text_bool,
    [FIELD_ENUM] = set_enum,
    [FIELD_MONEY] = text_money,
    [FIELD_INSTANT] = set_instant,
    [FIELD_JSON] = text_json,
};

void field_read_text(struct ctx *ctx, const struct field *field, const char *text, const char *pointer, void *out,
    struct error **error)
{
    struct reading r = { ctx, field, pointer, (char *)out + field->offset, error };

    assert(field->kind < sizeof(text_readers) / sizeof(text_readers[0]) && text_readers[field->kind]);
    if (text && *text)
        text_readers[field->kind](&r, text);
    else if (!field->optional && (!text || field->kind != FIELD_TEXT))
        wrong(&r, "is required");
    else if (!field->optional)
        check_text(&r, text);
}
