#ifndef TILL_SANDBOX_FAILURE_H
#define TILL_SANDBOX_FAILURE_H

#include "sandbox/sandbox.h"

/* An answer of the emulated API that is an error. NULL is success. */
struct failure {
    int status;
    const char *type;
    const char *code; // or NULL
    const char *message;
    const char *param; // or NULL
    const char *decline_code;
    const char *advice_code;
    const char *network_decline_code;
    const char *charge;
    json_t *payment_intent; // whole objects that come along, borrowed from their records, or NULL
    json_t *setup_intent;
    json_t *payment_method;
    bool unexecuted; // refused before anything was done: not stored under the idempotency key
    const char *should_retry;
};

#define PASS(call)                                                                                                     \
    do {                                                                                                               \
        struct failure *pass_failure = (call);                                                                         \
        if (pass_failure)                                                                                              \
            return pass_failure;                                                                                       \
    } while (0)

/* What the functions below return, for compilers and analyzers that do not believe the attribute. */
static inline struct failure *failure_sure(struct failure *failure)
{
    if (!failure)
        __builtin_unreachable();
    return failure;
}

/* An invalid_request_error with status 400. `code` and `param` may be NULL. */
#define fail(...) failure_sure(failure_request(__VA_ARGS__))
struct failure *failure_request(struct call *call, const char *code, const char *param, const char *format, ...)
    __attribute__((format(printf, 4, 5), returns_nonnull));

/* The same for what is refused before execution. */
#define fail_early(...) failure_sure(failure_early(__VA_ARGS__))
struct failure *failure_early(struct call *call, int status, const char *code, const char *param, const char *format,
    ...) __attribute__((format(printf, 5, 6), returns_nonnull));

/* "No such customer: 'cus_x'": 404 for the object of the address, 400 for one that a parameter names. */
#define fail_missing(...) failure_sure(failure_missing(404, __VA_ARGS__))
#define fail_missing_param(...) failure_sure(failure_missing(400, __VA_ARGS__))
struct failure *failure_missing(int status, struct call *call, const char *noun, const char *id, const char *param)
    __attribute__((returns_nonnull));

/* A card_error with status 402. */
#define fail_card(...) failure_sure(failure_card(__VA_ARGS__))
struct failure *failure_card(struct call *call, const char *code, const char *decline_code, const char *message)
    __attribute__((returns_nonnull));

/* The body: {"error": {…}}, a new reference. */
json_t *failure_body(const struct call *call, const struct failure *failure);

/* The same without the outer object, as last_payment_error has it, with its payment method. */
json_t *failure_error(const struct call *call, const struct failure *failure);

#endif
