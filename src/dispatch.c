#include "dispatch.h"

#include <string.h>

#include "access/access.h"
#include "access/idempotency.h"
#include "base/arena.h"
#include "base/ctx.h"
#include "base/error.h"
#include "base/failpoint.h"
#include "base/field.h"
#include "base/log.h"
#include "base/utf8.h"
#include "pages/admin.h"
#include "web/reply.h"
#include "web/request.h"
#include "web/router.h"

size_t dispatch_route(struct request *r)
{
    struct error *error = router_find(r);

    if (error)
        r->refused = error;
    return r->route && r->route->max_body ? r->route->max_body : REQUEST_MAX_BODY;
}

/* An answer that is given again counts for those who look; nobody fails for it. */
static void count_replay(struct ctx *ctx)
{
    struct error *error = idempotency_count_hit(ctx);

    if (error)
        log_warn(ctx, "idempotency.hit", "%s", error->cause ? error->cause : error->detail);
}

static struct error *replay(struct request *r, const struct stored_answer *answer)
{
    r->reply.status = answer->status;
    r->reply.content_type = answer->content_type;
    r->reply.body = answer->body;
    r->reply.sent = true;
    reply_header(r, "Idempotent-Replayed", "true");
    count_replay(r->ctx);
    return NULL;
}

static struct error *serve(struct request *r)
{
    struct stored_answer answer = { 0 };

    TRY(r->refused);
    TRY(access_check(r));
    if (r->reply.sent)
        return NULL;
    if (r->ctx->idempotency)
        TRY(idempotency_find(r->ctx, &answer));
    return answer.found ? replay(r, &answer) : r->route->handler(r);
}

/* The answer to a key is kept after the fact: a process that dies before it leaves a run that the next one takes over. */
static void keep_answer(struct request *r)
{
    struct error *error;

    if (!r->ctx->idempotency || !r->ctx->idempotency->taken)
        return;
    error = idempotency_finish(r->ctx, r->reply.status, r->reply.content_type, r->reply.body);
    if (error)
        log_warn(r->ctx, "idempotency.finish", "%s", error->cause ? error->cause : error->detail);
}

/* The route's pattern stands for the path: addresses of payers carry a key. */
static void log_request(struct request *r, const struct error *error, int64_t started)
{
    json_t *line = json_pack("{ss, ss, si, sI, si, ss*, ss*, ss*}", "method", r->method ? r->method : "", "route",
        r->route ? r->route->path : "none", "status", r->reply.status, "ms", (json_int_t)(monotonic_ms() - started),
        "round_trips", r->ctx->round_trips, "address", r->ctx->address, "code", error ? error_name(error->code) : NULL,
        "cause", error && error->cause ? utf8_clean(r->ctx->arena, error->cause) : NULL);

    log_line(r->ctx, r->reply.status >= 500 ? LOG_WARN : LOG_INFO, "request", line);
}

void dispatch(struct request *r)
{
    int64_t started = monotonic_ms();
    struct error *error = serve(r);

    if (error && !admin_error(r, error))
        reply_error(r, error);
    failpoint("request", "before_answer_kept");
    keep_answer(r);
    failpoint("request", "before_reply");
    log_request(r, error, started);
}
