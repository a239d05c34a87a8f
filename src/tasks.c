#include "access/retention.h"
#include "customers/customer.h"
#include "customers/method.h"
#include "events/audit.h"
#include "jobs/job.h"
#include "outward/delivery.h"
#include "pages/mail.h"
#include "payments/checkout.h"
#include "payments/erase.h"
#include "payments/evidence.h"
#include "payments/expiry.h"
#include "payments/payment.h"
#include "payments/reconcile.h"
#include "payments/refund.h"
#include "payments/statistics.h"
#include "payments/sweep.h"
#include "payments/webhook.h"

static struct error *seal_audit(struct ctx *ctx, const struct job *job)
{
    int64_t sealed;

    (void)job;
    return audit_seal(ctx, &sealed);
}

static struct error *forget_expired(struct ctx *ctx, const struct job *job)
{
    (void)job;
    TRY(delivery_forget(ctx));
    return retention_run(ctx);
}

/* clang-format off */
const struct task tasks[] = {
    { "payment.resolve", payment_resolve_task, .lease = 120,
        .summary = "Asks the provider how a payment stands, and does what is left to do" },
    { "payment.expire", expiry_task, .lease = 120,
        .summary = "Warns before what is authorized is no longer held, and releases it in time" },
    { "refund.resolve", refund_resolve_task, .lease = 120,
        .summary = "Asks the provider whether a refund happened, and sends it again if not" },
    { "dispute.due", dispute_due_task,
        .summary = "Reminds a person of a dispute that nobody has answered, before it is too late" },
    { "method.resolve", method_resolve_task, .lease = 120,
        .summary = "Asks the provider how a payment method stands that is being kept" },
    { "method.detach", method_detach_task, .lease = 120,
        .summary = "Has the provider forget a payment method that was removed here" },
    { "customer.tell", customer_tell_task, .lease = 120,
        .summary = "Tells the provider that a customer's address or name has changed" },
    { "customer.erase", customer_erase_task, .lease = 120,
        .summary = "Has the provider forget a customer who was erased here" },
    { "webhook.process", webhook_task, .lease = 120,
        .summary = "Reads the object of a stored event from the provider and applies it" },
    { "checkout.expire", checkout_expire_task, .lease = 120,
        .summary = "Ends a checkout session whose time has run out" },
    { "event.deliver", delivery_task, .lane = LANE_OUTWARD, .lease = 120,
        .summary = "Sends events to an endpoint of the merchant" },
    { "mail.send", mail_task, .lane = LANE_OUTWARD, .lease = 180,
        .summary = "Sends a mail to a payer" },
    { "sweep", sweep_task, .every = 300, .lease = 300,
        .summary = "Reads the providers' own lists of events for what no webhook brought" },
    { "reconcile", reconcile_task, .every = 86400, .lease = 3600,
        .summary = "Compares the days that are over with the providers' books" },
    { "reconcile.week", reconcile_week_task, .every = 604800, .lease = 3600,
        .summary = "Compares the last seven days with the providers' books" },
    { "audit.seal", seal_audit, .every = 5,
        .summary = "Links new rows of the audit log into its chain" },
    { "statistics", statistics_task, .every = 15,
        .summary = "Adds what changed to the figures of the dashboard" },
    { "retention", forget_expired, .every = 600,
        .summary = "Forgets expired idempotency keys, old counters and deliveries long over" },
};
/* clang-format on */

const size_t task_count = sizeof tasks / sizeof *tasks;
