#ifndef TILL_BASE_FIELD_H
#define TILL_BASE_FIELD_H

#include "base/bytes.h"
#include "base/error.h"
#include "base/instant.h"
#include "base/money.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum field_kind {
    FIELD_NONE, // ends a table
    FIELD_TEXT, // const char *
    FIELD_INT,  // int64_t
    FIELD_INT32,
    FIELD_BOOL,
    FIELD_ENUM,    // any enum; needs .names
    FIELD_MONEY,   // {"value": "100.00", "currency": "USD"}; in SQL a bigint column and one named currency
    FIELD_INSTANT, // RFC 3339
    FIELD_JSON,    // json_t *, any JSON; objects only with .object
    FIELD_BYTES,   // SQL only
    FIELD_OBJECT,  // pointer to a struct that .fields describes; NULL is null
    FIELD_LIST,    // pointer to struct field_list of structs that .fields describes
};

struct field_list {
    void *items;
    size_t count;
};

/* One member of a struct: how it is called outside, what it may hold. One table serves JSON in, JSON out, SQL columns,
 * query parameters and the OpenAPI document. */
struct field {
    const char *name;
    enum field_kind kind;
    size_t offset;
    const struct field *fields; // of a FIELD_OBJECT or FIELD_LIST
    size_t size;                // of the struct that .fields describes
    const char *const *names;   // of an enum, ending with NULL; the index is the value
    int64_t min, max;           // of a number, of a text's length; 0 and 0 is any (text: at most 500)
    bool optional;              // may be missing from a request
    bool omit_empty;            // left out of an answer when it is NULL or 0
    bool object;                // FIELD_JSON: must be an object
    bool texts;                 // FIELD_JSON: must be a list of texts, each of which passes .check
    bool secret;                // never logged, not in stored answers' logs
    const char *pages;          // FIELD_TEXT: the cursor of a list whose ids begin so (base/id.h)
    /* NULL when the text is fine, else what is wrong with it. */
    const char *(*check)(struct ctx *ctx, const char *text);
    /* FIELD_JSON: adds what is wrong with the object's members, each below `pointer`. */
    void (*check_members)(struct ctx *ctx, json_t *object, const char *pointer, struct error **error);
    const char *summary; // for the OpenAPI document
};

/* clang-format off */
#define FIELD_KIND(member)                                                                                             \
    _Generic((member), const char *: FIELD_TEXT, char *: FIELD_TEXT, int64_t: FIELD_INT, int: FIELD_INT32,             \
        bool: FIELD_BOOL, unsigned: FIELD_ENUM, struct money: FIELD_MONEY, struct instant: FIELD_INSTANT,              \
        json_t *: FIELD_JSON, struct bytes: FIELD_BYTES)
#define FIELD(type, member, ...)                                                                                       \
    { .name = #member, .kind = FIELD_KIND(((type *)0)->member), .offset = offsetof(type, member), ##__VA_ARGS__ }
/* A member that is called otherwise outside. */
#define FIELD_AS(type, member, name_, ...)                                                                             \
    { .name = name_, .kind = FIELD_KIND(((type *)0)->member), .offset = offsetof(type, member), ##__VA_ARGS__ }
/* Where a page of a list begins, whose ids begin with `prefix`. */
#define FIELD_CURSOR(type, prefix)                                                                                     \
    FIELD(type, cursor, .optional = true, .pages = prefix, .summary = "next_cursor of the page before")
/* A pointer to `inner`, described by `table`. */
#define FIELD_STRUCT(type, member, inner, table, ...)                                                                  \
    { .name = #member, .kind = FIELD_OBJECT, .offset = offsetof(type, member), .fields = table,                        \
      .size = sizeof(inner), ##__VA_ARGS__ }
/* A struct field_list of `inner`. */
#define FIELD_LIST_OF(type, member, inner, table, ...)                                                                 \
    { .name = #member, .kind = FIELD_LIST, .offset = offsetof(type, member), .fields = table,                          \
      .size = sizeof(inner), ##__VA_ARGS__ }
#define FIELD_END { .kind = FIELD_NONE }
/* clang-format on */

/* Parses JSON text strictly: no duplicate members, no reals, at most 32 levels. E_INVALID_JSON otherwise, saying where.
 * The value belongs to ctx->arena. */
MUST_CHECK struct error *json_read(struct ctx *ctx, struct bytes text, json_t **out);

/* The text with every number that has decimals or an exponent made a text: 99.99 becomes "99.99". For doors that take amounts as
 * numbers, so that they come as they were written. Whatever is not JSON stays so. */
struct bytes json_quote_decimals(struct arena *arena, struct bytes text);

/* The same for what a provider says, where a number may have decimals (an exchange rate); never for money. */
MUST_CHECK struct error *json_read_foreign(struct ctx *ctx, struct bytes text, json_t **out);

/* Fills the struct `out` from a JSON object. Every wrong, missing and unknown member is reported at once, each by its
 * pointer. Members that are missing and optional keep what *out had. */
MUST_CHECK struct error *field_read(struct ctx *ctx, const struct field *fields, json_t *object, void *out);

/* One member from text, as query parameters and forms carry it. `pointer` names it in the error. */
void field_read_text(struct ctx *ctx, const struct field *field, const char *text, const char *pointer, void *out,
    struct error **error);

/* Copies into the context's arena what the members of `object` point to, so that it outlives the one it was read in. The members
 * are flat, as a row's are. */
void field_keep(struct ctx *ctx, const struct field *fields, void *object);

/* The struct as a JSON object that belongs to ctx->arena. */
json_t *field_write(struct ctx *ctx, const struct field *fields, const void *in);

/* The pointer to a member below `pointer`, its name escaped for a URI fragment: "#/metadata" and "a/b" is
 * "#/metadata/a~1b". */
const char *pointer_to(struct ctx *ctx, const char *pointer, const char *name);

/* Index of `name` in names, or -1. */
int name_index(const char *const *names, const char *name);

/* JSON made by hand joins the arena here; ends the process on NULL, which can only be a programming mistake. */
json_t *json_in(struct arena *arena, json_t *made);

/* Compact text of a value. */
const char *json_text(struct ctx *ctx, const json_t *value);

/* A member's string, or NULL when it is missing, null or something else. NULL-safe. */
const char *json_get_text(const json_t *object, const char *name);
int64_t json_get_int(const json_t *object, const char *name);
bool json_get_bool(const json_t *object, const char *name);

#endif
