#ifndef TILL_HTTP_RETRY_H
#define TILL_HTTP_RETRY_H

#include "http/client.h"

/* Sends, and sends again what is safe to send again, within request->timeout_ms in all, at most 3 times, with the waits of
 * PROVIDERS.md 3 and a budget that keeps retries under a tenth of the traffic. `idempotent` says that the same request may be
 * executed twice (a GET, or a POST with its idempotency key). The last answer counts; HTTP_NOT_SENT only when no try was
 * sent. Counts into the breaker of `provider`. */
void http_send_retrying(struct ctx *ctx, const char *provider, const struct http_request *request, bool idempotent,
    struct http_response *response);

#endif
