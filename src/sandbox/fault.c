#include "sandbox/fault.h"

#include "base/arena.h"
#include "sandbox/memory.h"
#include "web/reply.h"

#include <time.h>

const char *fault_error_body(struct call *call)
{
    return arena_printf(call->ctx->arena,
        "{\n  \"error\": {\n    \"message\": \"An unknown error occurred\",\n    \"type\": \"api_error\",\n"
        "    \"request_log_url\": \"https://dashboard.stripe.com/test/logs/%s\"\n  }\n}",
        call->request_id);
}

void fault_sleep(int64_t ms)
{
    struct timespec left = { .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000 };

    while (nanosleep(&left, &left) != 0)
        continue;
}

bool fault_replaces(const struct fault *fault)
{
    return fault->action == FAULT_ERROR_EXECUTED || fault->action == FAULT_HTML || fault->action == FAULT_BIG_BODY;
}

/* Whether the relay stands before us and can do what FastCGI cannot. */
static bool behind_wire(struct call *call)
{
    return request_header(call->request, "Sandbox-Connection-Requests") != NULL;
}

static void ask_wire(struct call *call, const char *what, int64_t number)
{
    if (!call->request->reply.sent)
        (void)reply_text(call->request, 200, "application/json", "{}");
    reply_header(call->request, "Sandbox-Wire", "%s=%lld", what, (long long)number);
}

/* Without the relay the closest thing to silence is a late answer. */
static void hang(struct call *call, const struct fault *fault)
{
    if (behind_wire(call)) {
        ask_wire(call, "hang", fault->ms);
        return;
    }
    fault_sleep(fault->ms);
    (void)reply_text(call->request, 504, "text/plain", "The sandbox let this request time out.\n");
}

static void server_error(struct call *call, const struct fault *fault)
{
    if (fault->should_retry[0])
        reply_header(call->request, "Stripe-Should-Retry", "%s", fault->should_retry);
    (void)reply_text(call->request, 500, "application/json", fault_error_body(call));
}

static void rate_limit(struct call *call, const struct fault *fault)
{
    if (fault->retry_after)
        reply_header(call->request, "Retry-After", "%lld", (long long)fault->retry_after);
    if (fault->should_retry[0])
        reply_header(call->request, "Stripe-Should-Retry", "%s", fault->should_retry);
    reply_header(call->request, "Stripe-Rate-Limited-Reason", "global-rate");
    (void)reply_text(call->request, 429, "application/json",
        "{\n  \"error\": {\n    \"message\": \"Request rate limit exceeded. You can learn more about rate limits here "
        "https://stripe.com/docs/rate-limits.\",\n    \"type\": \"invalid_request_error\",\n    \"code\": "
        "\"rate_limit\",\n"
        "    \"doc_url\": \"https://stripe.com/docs/error-codes/rate-limit\"\n  }\n}");
}

static void html(struct call *call)
{
    (void)reply_text(call->request, 200, "text/html; charset=utf-8",
        "<!doctype html><html><head><title>Welcome</title></head><body><h1>It works!</h1></body></html>\n");
}

static void big_body(struct call *call, const struct fault *fault)
{
    const char *body = arena_printf(call->ctx->arena, "{\"padding\":\"%*s\"}", (int)fault->bytes, "");

    (void)reply_text(call->request, 200, "application/json", body);
}

void fault_answer(struct call *call, const struct fault *fault)
{
    switch (fault->action) {
    case FAULT_NONE:
    case FAULT_DELAY:
    case FAULT_STICKY_ERROR: // already the answer
        break;
    case FAULT_TIMEOUT_AFTER_EXECUTE:
    case FAULT_TIMEOUT_BEFORE_EXECUTE:
        hang(call, fault);
        break;
    case FAULT_ERROR_EXECUTED:
    case FAULT_ERROR_NOT_EXECUTED:
        server_error(call, fault);
        break;
    case FAULT_RESET:
    case FAULT_RESET_NOT_EXECUTED:
        ask_wire(call, "reset", 0);
        break;
    case FAULT_TRUNCATE:
        ask_wire(call, "truncate", fault->bytes);
        break;
    case FAULT_CLOSE_REUSED:
        ask_wire(call, "close", 0);
        break;
    case FAULT_TRICKLE:
        ask_wire(call, "trickle", fault->ms);
        break;
    case FAULT_HTML:
        html(call);
        break;
    case FAULT_BIG_BODY:
        big_body(call, fault);
        break;
    case FAULT_RATE_LIMIT:
        rate_limit(call, fault);
        break;
    }
}
