#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "base/arena.h"
#include "base/card_number.h"
#include "base/ctx.h"
#include "base/field.h"

/* Bodies from anywhere, read against a table that has every kind of member: what is taken can be written and read
 * again as the same, what is refused names places that are pointers, and no message repeats a card number. */

enum colour { RED, GREEN };
static const char *const colour_names[] = { "red", "green", NULL };

struct inner {
    const char *name;
    int64_t quantity;
};

struct outer {
    struct money amount;
    const char *text;
    int64_t number;
    int small;
    bool yes;
    enum colour colour;
    struct instant at;
    json_t *metadata;
    json_t *any;
    struct inner *one;
    struct field_list many;
};

static const struct field inner_fields[] = {
    FIELD(struct inner, name, .min = 1, .max = 20),
    FIELD(struct inner, quantity, .min = 1, .optional = true, .omit_empty = true),
    FIELD_END,
};

static const struct field fields[] = {
    FIELD(struct outer, amount, .min = 1),
    FIELD(struct outer, text, .optional = true),
    FIELD(struct outer, number, .optional = true),
    FIELD(struct outer, small, .optional = true),
    FIELD(struct outer, yes, .optional = true),
    FIELD(struct outer, colour, .names = colour_names, .optional = true),
    FIELD(struct outer, at, .optional = true),
    FIELD(struct outer, metadata, .object = true, .optional = true),
    FIELD(struct outer, any, .optional = true),
    FIELD_STRUCT(struct outer, one, struct inner, inner_fields, .optional = true),
    FIELD_LIST_OF(struct outer, many, struct inner, inner_fields, .optional = true),
    FIELD_END,
};

static void check_error(const struct error *error)
{
    assert(!card_number_in(error->detail));
    for (size_t i = 0; i < error->field_count; i++) {
        assert(error->fields[i].pointer[0] == '#' && strlen(error->fields[i].detail) > 0);
        assert(!card_number_in(error->fields[i].detail));
    }
}

static void check_taken(struct ctx *ctx, const struct outer *outer)
{
    struct outer again = { .colour = RED };
    json_t *written = field_write(ctx, fields, outer);
    struct error *error = field_read(ctx, fields, written, &again);

    assert(!error && !card_number_in(outer->text ? outer->text : ""));
    assert(strcmp(json_text(ctx, written), json_text(ctx, field_write(ctx, fields, &again))) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct ctx ctx = { .arena = arena_new() };
    struct outer outer = { .colour = RED };
    json_t *value;
    struct error *error = json_read(&ctx, (struct bytes){ data, size }, &value);

    if (!error)
        error = field_read(&ctx, fields, value, &outer);
    if (error)
        check_error(error);
    else
        check_taken(&ctx, &outer);
    arena_free(ctx.arena);
    return 0;
}
