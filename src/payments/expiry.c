#include "payments/expiry.h"

#include "base/arena.h"
#include "base/config.h"
#include "base/ctx.h"
#include "base/failpoint.h"
#include "db/db.h"
#include "events/audit.h"
#include "events/decision.h"
#include "events/event.h"
#include "jobs/job.h"
#include "payments/attempt.h"
#include "payments/kinds.h"
#include "payments/payment_store.h"
#include "payments/payment_view.h"
#include "provider/provider.h"

#define DAY 86400
#define HOUR 3600
#define RELEASE_SECONDS HOUR // before the end: it is we who let go, so that the books say so in time
#define BUSY_SECONDS 300     // while another operation is under way

static const char asked[] = "authorization_expiring";

struct instant expiry_deadline(struct ctx *ctx, const struct payment *payment, const struct snapshot *snapshot)
{
    const struct method_kind *kind = kind_typed(payment_provider(payment), payment->method_type);
    int64_t days = kind && kind->hold_days ? kind->hold_days : ctx->config->authorization_days;

    if (instant_is_set(snapshot->capture_before))
        return snapshot->capture_before;
    if (instant_is_set(payment->capture_before))
        return payment->capture_before;
    return instant_add_seconds(instant_is_set(snapshot->charged_at) ? snapshot->charged_at : ctx->now, days * DAY);
}

static int64_t seconds_left(struct ctx *ctx, const struct payment *payment)
{
    return (payment->capture_before.us - ctx->now.us) / 1000000;
}

static int64_t seconds_to_warning(struct ctx *ctx, const struct payment *payment)
{
    int64_t seconds = seconds_left(ctx, payment) - ctx->config->authorization_warn_hours * HOUR;

    return seconds > 0 ? seconds : 0;
}

struct error *expiry_follow(struct ctx *ctx, const struct payment *before, const struct payment *now)
{
    if (!instant_is_set(now->capture_before))
        return NULL;
    if (payment_is_over(now->status)) {
        if (payment_is_over(before->status))
            return NULL;
        TRY(job_done(ctx, "payment.expire", now->id));
        return instant_is_set(now->expiry_warned_at)
            ? decision_settle(ctx, asked, now->id, payment_status_names[now->status])
            : NULL;
    }
    bool followed = now->capture_before.us == before->capture_before.us && !payment_is_over(before->status);
    if (now->status != PAYMENT_AUTHORIZED || followed)
        return NULL;
    return job_add_later(ctx, "payment.expire", now->id, seconds_to_warning(ctx, now));
}

static struct error *warn(struct ctx *ctx, const char *id, struct payment *payment)
{
    json_t *object;

    TRY(payment_lock(ctx, id, payment));
    if (payment->status != PAYMENT_AUTHORIZED || instant_is_set(payment->expiry_warned_at))
        return NULL;
    payment->expiry_warned_at = ctx->now;
    TRY(payment_update(ctx, payment));
    const char *until = instant_words(ctx->arena, payment->capture_before);
    TRY(audit_add(ctx, "payment.authorization_expiring", payment->id,
        json_in(ctx->arena, json_pack("{ss}", "until", instant_format(ctx->arena, payment->capture_before, false)))));
    TRY(payment_json(ctx, payment, &object));
    TRY(event_add(ctx, "payment.authorization_expiring", payment->id, object));
    return decision_ask(ctx, asked, payment->id, payment->amount,
        arena_printf(ctx->arena, "%s %s holds is authorized until %s, and has not been captured.",
            payment->amount_captured.minor ? "The rest that" : "What", payment->id, until),
        "Capture it now, or cancel the payment to release it. It is released by itself an hour before.");
}

/* The way every cancellation goes; whoever captured it meanwhile was first. */
static struct error *release(struct ctx *ctx, struct payment *payment)
{
    struct error *error = payment_give_up(ctx, payment, "authorization_expired");

    if (!error || error_status(error->code) >= 500)
        return error;
    TRY(payment_get(ctx, payment->id, payment));
    return payment_is_over(payment->status) ? NULL : job_again(ctx, BUSY_SECONDS);
}

struct error *expiry_task(struct ctx *ctx, const struct job *job)
{
    struct payment payment;

    failpoint("expiry", "before");
    TRY(payment_get(ctx, job->subject, &payment));
    if (payment_is_over(payment.status))
        return NULL;
    if (payment.status != PAYMENT_AUTHORIZED) // its outcome is being asked for
        return job_again(ctx, BUSY_SECONDS);
    if (seconds_left(ctx, &payment) <= RELEASE_SECONDS)
        return release(ctx, &payment);
    if (seconds_to_warning(ctx, &payment) > 0)
        return job_again(ctx, seconds_to_warning(ctx, &payment));
    TRY(IN_TX(ctx, warn(ctx, job->subject, &payment)));
    failpoint("expiry", "after_warning");
    return job_again(ctx, seconds_left(ctx, &payment) - RELEASE_SECONDS);
}
