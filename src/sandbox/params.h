#ifndef TILL_SANDBOX_PARAMS_H
#define TILL_SANDBOX_PARAMS_H

#include "sandbox/failure.h"

#include <stddef.h>

/* One parameter an operation takes, what it may be, and nothing else is taken. */
enum param_kind {
    PARAM_END,
    PARAM_TEXT,
    PARAM_INT,
    PARAM_BOOL,
    PARAM_FLAG,     // true, false or one of the names
    PARAM_METADATA, // texts by name
    PARAM_TEXTS,    // a list of texts
    PARAM_OBJECT,   // with fields
    PARAM_OBJECTS,  // a list of them
    PARAM_RANGE,    // a time, or gt, gte, lt, lte
    PARAM_ANY,      // taken and looked at by nobody, or by its handler
};

struct param {
    const char *name;
    const struct param *fields;
    const char *const *names; // the only values, ending with NULL
    const char *until;        // the API version that dropped it
    json_int_t min, max;      // of a number; max of a text's length
    enum param_kind kind;
    bool required;
    bool clears; // may be sent empty, which clears it
};

/* clang-format off */
#define TEXT(n, ...) { .name = #n, .kind = PARAM_TEXT, ##__VA_ARGS__ }
#define INT(n, ...) { .name = #n, .kind = PARAM_INT, ##__VA_ARGS__ }
#define BOOL(n, ...) { .name = #n, .kind = PARAM_BOOL, ##__VA_ARGS__ }
#define METADATA() { .name = "metadata", .kind = PARAM_METADATA, .clears = true }
#define TEXTS(n, ...) { .name = #n, .kind = PARAM_TEXTS, ##__VA_ARGS__ }
#define OBJECT(n, table, ...) { .name = #n, .kind = PARAM_OBJECT, .fields = table, ##__VA_ARGS__ }
#define ANY(n) { .name = #n, .kind = PARAM_ANY, .clears = true }
#define RANGE(n) { .name = #n, .kind = PARAM_RANGE }
#define LISTING INT(limit, .min = 1, .max = 100), TEXT(starting_after), TEXT(ending_before)
#define SEARCHING TEXT(query, .required = true), INT(limit, .min = 1, .max = 100), TEXT(page)
#define PARAMS_END { .kind = PARAM_END }
/* clang-format on */

extern const struct param params_none[];
extern const struct param params_list[];
extern const struct param params_address[];
extern const struct param params_shipping[];

/* Checks and types what came (texts only) into a new object, *out: integers, booleans, and null for what is cleared. */
struct failure *params_read(struct call *call, const struct param *table, json_t *in, json_t **out);

/* Copies each of these members from the parameters into an object where it was sent. Ends with NULL. */
void params_apply(const struct call *call, json_t *object, const char *const *members);

/* Merges metadata that was sent into the object's: empty values take a key out, an empty whole takes all out. */
struct failure *params_apply_metadata(struct call *call, json_t *object);

#endif
