#ifndef TILL_HTTP_RETRY_H
#define TILL_HTTP_RETRY_H

#include "http/client.h"

/* Sends, and sends again what is safe to send again, within request->timeout_ms in all, at most 3 times, with the waits of
 * PROVIDERS.md 3 and a budget that keeps retries under a tenth of the traffic. `idempotent` says that the same request may be
 * executed twice (a GET, or a POST with its idempotency key); without it only what was certainly turned away (not sent, 409,
 * 429) is sent again. The last answer counts, with one exception: once a try may have been executed, neither a refused
 * connection nor a 409 or 429 after it proves the contrary, and the result is HTTP_LOST. So HTTP_NOT_SENT says that no try
 * was sent. Counts the call into the breaker of `provider`. */
void http_send_retrying(struct ctx *ctx, const char *provider, const struct http_request *request, bool idempotent,
    struct http_response *response);

/* Milliseconds to wait before retry `n` (from 1): half a second, doubled each time up to five, times a factor between a half
 * and one that `random` picks, never less than half a second. */
int64_t retry_wait_ms(int n, uint32_t random);

/* Whether the budget allows a retry now, and takes it; `retry` false is a first try, which earns a tenth of one. */
bool retry_budget(bool retry);

#endif
