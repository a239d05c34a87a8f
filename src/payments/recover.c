#include "payments/recover.h"

#include "base/ctx.h"
#include "db/db.h"
#include "jobs/job.h"
#include "payments/payment_store.h"
#include "payments/refund_store.h"

static struct error *add_jobs(struct ctx *ctx, const char *kind, const struct field_list *ids)
{
    for (size_t i = 0; i < ids->count; i++)
        TRY(job_add(ctx, kind, ((const char *const *)ids->items)[i]));
    return NULL;
}

struct error *recover_stale(struct ctx *ctx, int64_t *count)
{
    struct field_list payments, refunds;

    TRY(payment_list_unfinished(ctx, &payments));
    TRY(refund_list_unfinished(ctx, &refunds));
    TRY(IN_TX(ctx, add_jobs(ctx, "payment.resolve", &payments)));
    TRY(IN_TX(ctx, add_jobs(ctx, "refund.resolve", &refunds)));
    *count = (int64_t)(payments.count + refunds.count);
    return NULL;
}
