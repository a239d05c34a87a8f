#ifndef TILL_BASE_ERROR_H
#define TILL_BASE_ERROR_H

#include <stddef.h>

struct ctx;

enum error_code {
#define ERROR(code, status, title) E_##code,
#include "base/error.def"
#undef ERROR
};

/* A field of the input that was wrong. */
struct error_field {
    const char *pointer; // JSON pointer as a URI fragment: "#/amount/value"; "query:limit" for a query parameter
    const char *detail;  // "must be at least 1"
};

/* What went wrong. NULL is success. Belongs to ctx->arena. The first to notice makes it, in words for the caller; nobody
 * rewords it on the way. */
struct error {
    enum error_code code;
    const char *detail;       // for the caller; leaks nothing
    const char *cause;        // for the log only, or NULL
    int retry_after;          // seconds, or 0
    const char *outcome;      // "not_attempted" or "unknown" where money was at stake, or NULL
    const char *payment_id;   // the payment it concerns, or NULL
    const char *decline_code; // the provider's reason for a decline, or NULL
    const char *constraint;   // the database constraint that said no, or NULL
    struct error_field *fields;
    size_t field_count;
};

#define MUST_CHECK __attribute__((warn_unused_result))

#define TRY(call)                                                                                                      \
    do {                                                                                                               \
        struct error *try_error = (call);                                                                              \
        if (try_error)                                                                                                 \
            return try_error;                                                                                          \
    } while (0)

struct error *error_new(struct ctx *ctx, enum error_code code, const char *detail, ...)
    __attribute__((format(printf, 3, 4), returns_nonnull));

/* Sets what only we should know; it is logged and never shown. Returns the error. */
struct error *error_cause(struct ctx *ctx, struct error *error, const char *cause, ...)
    __attribute__((format(printf, 3, 4), returns_nonnull));

/* The same in ctx's memory, without fields, payment and constraint: for another whose work it ended as well. */
struct error *error_copy(struct ctx *ctx, const struct error *error) __attribute__((returns_nonnull));

/* Adds a wrong field to *error, which is made (E_VALIDATION_ERROR) if it was NULL. */
void error_add_field(struct ctx *ctx, struct error **error, const char *pointer, const char *detail, ...)
    __attribute__((format(printf, 4, 5)));

const char *error_name(enum error_code code);  // "VALIDATION_ERROR"
int error_status(enum error_code code);        // HTTP status
const char *error_title(enum error_code code); // "The request is not valid"

/* How many codes there are; for documents that list them all. */
size_t error_code_count(void);

#endif
