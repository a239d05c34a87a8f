#include <assert.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/arena.h"
#include "base/config.h"
#include "base/ctx.h"
#include "provider/stripe/stripe.h"

static void read_payment(struct ctx *ctx, json_t *json)
{
    struct snapshot snapshot;

    if (stripe_snapshot(ctx, json, &snapshot))
        return;
    assert(snapshot.reference && snapshot.amount.currency[0]);
    assert(snapshot.amount.minor >= 0 && snapshot.amount.minor <= MONEY_MAX_MINOR);
    assert(snapshot.authorized >= 0 && snapshot.captured >= 0 && snapshot.refunded >= 0);
    assert(*decline_sentence(snapshot.decline.kind) || snapshot.decline.kind == DECLINE_NONE);
}

static void read_others(struct ctx *ctx, json_t *json)
{
    struct refund_view refund;
    struct provider_event event;
    struct method_view method;

    if (!stripe_refund_view(ctx, json, &refund))
        assert(refund.amount.minor >= 0 && refund.status);
    if (stripe_event_read(json, &event))
        assert(event.id && event.type);
    stripe_method_view(ctx, json, &method);
    assert(stripe_decline(json).code);
}

/* Only a 200 is done, only Stripe's own words refuse, and what is not understood is unknown. */
static void read_outcome(struct ctx *ctx, int status, json_t *json)
{
    struct stripe_answer answer = { .http = { .result = HTTP_ANSWERED, .status = status }, .body = json };

    answer.error = stripe_object(json_object_get(json, "error"));
    answer.type = json_get_text(answer.error, "type");
    answer.code = json_get_text(answer.error, "code");
    answer.param = json_get_text(answer.error, "param");

    struct outcome outcome = stripe_outcome(ctx, &answer, "payment_intent");
    bool says_no = status >= 400 && status < 500 && answer.error;
    assert(outcome.kind != OUTCOME_DONE || (status == 200 && json));
    assert((outcome.kind != OUTCOME_REFUSED && outcome.kind != OUTCOME_DECLINED) || says_no);
    assert(outcome.kind != OUTCOME_NOT_EXECUTED || says_no || status == 429);
    assert(outcome.kind == OUTCOME_DONE || outcome.detail);
}

/* A byte that picks the status, then the body of an answer. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const int statuses[] = { 200, 400, 401, 402, 403, 404, 409, 429, 500, 204, 302, 418 };
    static const struct config config = { .mode = MODE_TEST };
    struct ctx ctx = { .arena = arena_new(), .config = &config };
    int status = statuses[(size ? data[0] : 0) % (sizeof(statuses) / sizeof(statuses[0]))];
    struct bytes body = { size ? data + 1 : data, size ? size - 1 : 0 };
    json_t *json = stripe_json(&ctx, body);

    read_outcome(&ctx, status, json);
    read_payment(&ctx, json);
    read_others(&ctx, json);
    arena_free(ctx.arena);
    return 0;
}
