#include "payments/evidence.h"

#include <string.h>

#include "base/arena.h"
#include "base/crypto.h"
#include "base/ctx.h"
#include "base/failpoint.h"
#include "base/id.h"
#include "base/log.h"
#include "db/db.h"
#include "events/audit.h"
#include "events/decision.h"
#include "events/event.h"
#include "jobs/job.h"
#include "payments/attempt.h"
#include "payments/dispute_store.h"
#include "payments/payment.h"
#include "payments/payment_store.h"

const char *const evidence_file_kinds[] = { "receipt", "customer_communication", "customer_signature",
    "service_documentation", "shipping_documentation", "refund_policy", "cancellation_policy",
    "duplicate_documentation", "other", NULL };

const struct field evidence_file_shown[] = {
    FIELD(struct evidence_file, id),
    FIELD(struct evidence_file, dispute_id),
    FIELD(struct evidence_file, kind),
    FIELD(struct evidence_file, size),
    FIELD(struct evidence_file, created_at),
    FIELD_END,
};

static struct error *check_open(struct ctx *ctx, const struct dispute *dispute)
{
    if (!dispute_waits(dispute))
        return error_new(ctx, E_INVALID_STATUS, "The dispute is %s; no more evidence is taken.",
            dispute_standing_names[dispute->status]);
    if (instant_is_set(dispute->evidence_sent_at))
        return error_new(ctx, E_INVALID_STATUS, "The bank has the evidence already; it takes it once.");
    if (instant_is_set(dispute->due_by) && dispute->due_by.us <= ctx->now.us)
        return error_new(ctx, E_INVALID_STATUS, "Evidence was taken until %s.",
            instant_words(ctx->arena, dispute->due_by));
    return NULL;
}

/* Files ------------------------------------------------------------------------------------------------------------- */

static struct error *record_file(struct ctx *ctx, struct evidence_file *file)
{
    struct evidence_file known;
    bool found;

    TRY(dispute_file_known(ctx, file->provider_file_id, &known, &found));
    if (found) {
        *file = known;
        return NULL;
    }
    TRY(dispute_file_insert(ctx, file));
    return audit_add(ctx, "dispute.file_added", file->dispute_id,
        json_in(ctx->arena,
            json_pack("{ss, ss, sI, ss}", "file", file->id, "kind", file->kind, "size", (json_int_t)file->size,
                "reference", file->provider_file_id)));
}

/* The same content has the same key at the provider. */
static const char *file_key(struct ctx *ctx, const struct dispute *dispute, const struct evidence_upload *upload)
{
    uint8_t digest[32];

    sha256(upload->content, digest);
    return arena_printf(ctx->arena, "dsp:%s:%s:%.32s", dispute->id, upload->kind,
        hex_encode(ctx->arena, (struct bytes){ digest, sizeof digest }));
}

/* With the last one of each other kind. */
static struct error *check_size(struct ctx *ctx, const struct dispute *dispute, const struct evidence_upload *upload)
{
    size_t sum = upload->content.length;
    struct error *error = NULL;
    struct field_list files;

    TRY(dispute_file_rows(ctx, dispute->id, &files));
    const struct evidence_file *list = files.items;
    for (size_t i = 0; i < files.count; i++) {
        bool last = strcmp(list[i].kind, upload->kind) != 0;
        for (size_t later = i + 1; later < files.count && last; later++)
            last = strcmp(list[i].kind, list[later].kind) != 0;
        sum += last ? (size_t)list[i].size : 0;
    }
    if (sum > EVIDENCE_AT_MOST)
        error_add_field(ctx, &error, "#/content", "makes %zu KB of files with the others; the bank takes %d KB in all",
            sum / 1000, EVIDENCE_AT_MOST / 1000);
    return error;
}

struct error *evidence_add_file(struct ctx *ctx, const struct evidence_upload *upload, struct evidence_file *out)
{
    struct dispute dispute;
    const char *reference;

    TRY(dispute_get(ctx, upload->dispute_id, &dispute));
    TRY(check_open(ctx, &dispute));
    TRY(check_size(ctx, &dispute, upload));
    ctx->deadline_ms = 0; // some MB take longer than a payment; whoever has sent them here waits until they are there
    TRY(provider_named(dispute.provider)
            ->upload_file(ctx,
                &(struct upload){ .key = file_key(ctx, &dispute, upload),
                    .name = upload->name,
                    .content_type = upload->content_type,
                    .content = upload->content },
                &reference));
    *out = (struct evidence_file){
        .id = id_new(ctx, "dfl"),
        .dispute_id = dispute.id,
        .kind = upload->kind,
        .size = (int64_t)upload->content.length,
        .provider_file_id = reference,
        .created_by = principal_name(&ctx->principal),
        .created_at = ctx->now,
    };
    return IN_TX(ctx, record_file(ctx, out));
}

struct error *evidence_files(struct ctx *ctx, const char *dispute_id, struct field_list *out)
{
    struct dispute dispute;

    TRY(dispute_get(ctx, dispute_id, &dispute));
    return dispute_file_rows(ctx, dispute.id, out);
}

/* Sending ----------------------------------------------------------------------------------------------------------- */

static json_t *names_of(struct ctx *ctx, const struct evidence *evidence)
{
    json_t *names = json_in(ctx->arena, json_array());

    for (size_t i = 0; i < evidence->count; i++)
        json_array_append_new(names, json_string(evidence->parts[i].name));
    return names;
}

static struct error *intend(struct ctx *ctx, const struct dispute *dispute, const struct evidence *evidence)
{
    return audit_add(ctx, "dispute.evidence_requested", dispute->id,
        json_in(ctx->arena, json_pack("{sO, sb}", "parts", names_of(ctx, evidence), "submit", evidence->submit)));
}

static struct error *record(struct ctx *ctx, const char *id, struct dispute *out)
{
    struct payment payment;

    TRY(dispute_get(ctx, id, out));
    TRY(payment_lock(ctx, out->payment_id, &payment));
    TRY(dispute_get(ctx, id, out));
    return instant_is_set(out->evidence_sent_at) ? NULL : dispute_answered(ctx, out);
}

/* The words, and each file under the name of what it shows. */
static struct error *gather(struct ctx *ctx, const struct dispute *dispute, const struct evidence_part *parts,
    size_t count, struct evidence *out)
{
    struct field_list files;

    TRY(dispute_file_rows(ctx, dispute->id, &files));
    const struct evidence_file *file = files.items;
    struct evidence_part *all = arena_array(ctx->arena, count + files.count + 1, sizeof *all);
    for (size_t i = 0; i < count; i++)
        all[i] = parts[i];
    for (size_t i = 0; i < files.count; i++)
        all[count + i] =
            (struct evidence_part){ .name = file[i].kind, .value = file[i].provider_file_id, .file = true };
    out->parts = all;
    out->count = count + files.count;
    if (out->count)
        return NULL;
    return error_new(ctx, E_VALIDATION_ERROR, "There is nothing to send: neither words nor a file.");
}

struct error *evidence_send(struct ctx *ctx, const char *dispute_id, const struct evidence_part *parts, size_t count,
    bool submit, struct dispute *out)
{
    struct evidence evidence = { .submit = submit };
    struct payment payment;

    TRY(dispute_get(ctx, dispute_id, out));
    TRY(check_open(ctx, out));
    TRY(gather(ctx, out, parts, count, &evidence));
    evidence.reference = out->provider_dispute_id;
    evidence.key = arena_printf(ctx->arena, "dsp:%s:%s", out->id, id_new(ctx, "try"));
    TRY(IN_TX(ctx, intend(ctx, out, &evidence)));
    TRY(provider_named(out->provider)->send_evidence(ctx, &evidence));
    if (submit)
        TRY(IN_TX(ctx, record(ctx, out->id, out)));
    TRY(payment_get(ctx, out->payment_id, &payment));
    struct error *error = payment_look_again(ctx, &payment); // what the provider makes of it
    if (error)
        log_warn(ctx, "dispute.evidence", "%s: %s", out->id, error->cause ? error->cause : error->detail);
    return dispute_get(ctx, out->id, out);
}

/* Giving in --------------------------------------------------------------------------------------------------------- */

static struct error *check_acceptable(struct ctx *ctx, const struct dispute *dispute)
{
    if (dispute->status == DISPUTE_INQUIRY)
        return error_new(ctx, E_INVALID_STATUS,
            "The bank only inquires; nothing is held back. To agree with the payer, refund the payment.");
    if (!dispute_waits(dispute))
        return error_new(ctx, E_INVALID_STATUS, "The dispute is %s already.", dispute_standing_names[dispute->status]);
    if (instant_is_set(dispute->evidence_sent_at))
        return error_new(ctx, E_INVALID_STATUS, "The bank has the evidence, and decides.");
    return NULL;
}

struct error *dispute_accept(struct ctx *ctx, const char *dispute_id, struct dispute *out)
{
    struct payment payment;

    TRY(dispute_get(ctx, dispute_id, out));
    TRY(check_acceptable(ctx, out));
    TRY(audit_add(ctx, "dispute.accept_requested", out->id,
        json_in(ctx->arena, json_pack("{ss}", "payment", out->payment_id))));
    failpoint("accept", "after_t1");
    const char *key = arena_printf(ctx->arena, "dsp:%s:accept:%s", out->id, id_new(ctx, "try"));
    struct error *error = provider_named(out->provider)->accept_dispute(ctx, out->provider_dispute_id, key);
    failpoint("accept", "after_c2");
    TRY(payment_get(ctx, out->payment_id, &payment));
    struct error *unseen = payment_look_again(ctx, &payment); // whatever it answered: what it makes of it counts
    TRY(dispute_get(ctx, out->id, out));
    if (out->status == DISPUTE_LOST)
        return NULL;
    TRY(error);
    if (unseen)
        log_warn(ctx, "dispute.accept", "%s: %s", out->id, unseen->cause ? unseen->cause : unseen->detail);
    return NULL;
}

/* Reminding --------------------------------------------------------------------------------------------------------- */

struct error *dispute_due_task(struct ctx *ctx, const struct job *job)
{
    struct dispute dispute;

    TRY(dispute_get(ctx, job->subject, &dispute));
    int64_t left = (dispute.due_by.us - ctx->now.us) / 1000000;
    if (!dispute_waits(&dispute) || instant_is_set(dispute.evidence_sent_at) || !instant_is_set(dispute.due_by))
        return NULL;
    if (left > DISPUTE_DUE_SECONDS)
        return job_again(ctx, left - DISPUTE_DUE_SECONDS);
    return decision_ask(ctx, "dispute_due", dispute.id, dispute.amount,
        arena_printf(ctx->arena, "Nobody has answered the dispute of %s, and evidence is taken until %s.",
            dispute.payment_id, instant_words(ctx->arena, dispute.due_by)),
        "Send evidence now, or the money goes to the payer.");
}
