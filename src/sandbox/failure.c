#include "sandbox/failure.h"

#include "base/arena.h"
#include "base/ctx.h"
#include "sandbox/memory.h"
#include "sandbox/render.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

static struct failure *failure_new(struct call *call, int status, const char *type, const char *code, const char *param,
    char *message)
{
    struct failure *failure = arena_alloc(call->ctx->arena, sizeof *failure);

    *failure = (struct failure){
        .status = status,
        .type = type,
        .code = code,
        .param = param,
        .message = arena_strdup(call->ctx->arena, message),
    };
    free(message);
    return failure;
}

static __attribute__((format(printf, 1, 0))) char *text_of(const char *format, va_list arguments)
{
    char *text;

    if (vasprintf(&text, format, arguments) < 0)
        abort();
    return text;
}

struct failure *failure_request(struct call *call, const char *code, const char *param, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    char *message = text_of(format, arguments);
    va_end(arguments);
    return failure_new(call, 400, "invalid_request_error", code, param, message);
}

struct failure *failure_early(struct call *call, int status, const char *code, const char *param, const char *format,
    ...)
{
    va_list arguments;

    va_start(arguments, format);
    char *message = text_of(format, arguments);
    va_end(arguments);
    struct failure *failure = failure_new(call, status, "invalid_request_error", code, param, message);
    failure->unexecuted = true;
    return failure;
}

struct failure *failure_missing(int status, struct call *call, const char *noun, const char *id, const char *param)
{
    struct failure *failure = fail(call, "resource_missing", param, "No such %s: '%s'", noun, id);

    failure->status = status;
    return failure;
}

struct failure *failure_card(struct call *call, const char *code, const char *decline_code, const char *message)
{
    struct failure *failure = failure_new(call, 402, "card_error", code, NULL, memory_text(message));

    failure->decline_code = decline_code;
    return failure;
}

static void add(json_t *error, const char *name, const char *text)
{
    if (text)
        set_text(error, name, text);
}

json_t *failure_error(const struct call *call, const struct failure *failure)
{
    json_t *error = made(json_object());

    add(error, "advice_code", failure->advice_code);
    add(error, "charge", failure->charge);
    add(error, "code", failure->code);
    add(error, "decline_code", failure->decline_code);
    if (failure->code)
        set_new(error, "doc_url", json_sprintf("https://stripe.com/docs/error-codes/%s", failure->code));
    set_text(error, "message", failure->message);
    add(error, "network_decline_code", failure->network_decline_code);
    add(error, "param", failure->param);
    if (failure->payment_method)
        set_new(error, "payment_method", render(call, failure->payment_method));
    set_text(error, "type", failure->type);
    return error;
}

json_t *failure_body(const struct call *call, const struct failure *failure)
{
    json_t *error = failure_error(call, failure);

    if (failure->payment_intent)
        set_new(error, "payment_intent", render(call, failure->payment_intent));
    if (failure->setup_intent)
        set_new(error, "setup_intent", render(call, failure->setup_intent));
    if (call->request_id)
        set_new(error, "request_log_url",
            json_sprintf("https://dashboard.stripe.com/test/logs/%s?t=%lld", call->request_id, (long long)call->now));
    return made(json_pack("{s:o}", "error", error));
}
