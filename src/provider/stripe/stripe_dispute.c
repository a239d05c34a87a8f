#include <assert.h>
#include <string.h>

#include "base/arena.h"
#include "base/config.h"
#include "base/crypto.h"
#include "base/ctx.h"
#include "base/id.h"
#include "http/form.h"
#include "provider/stripe/stripe.h"

/* Our words for evidence, where Stripe has another. */
static const struct {
    const char *ours, *theirs;
    bool file;
} words[] = {
    { "customer_email", "customer_email_address", false },
    { "customer_ip", "customer_purchase_ip", false },
    { "refund_refusal", "refund_refusal_explanation", false },
    { "access_log", "access_activity_log", false },
    { "duplicate_explanation", "duplicate_charge_explanation", false },
    { "duplicate_payment", "duplicate_charge_id", false },
    { "text", "uncategorized_text", false },
    { "duplicate_documentation", "duplicate_charge_documentation", true },
    { "other", "uncategorized_file", true },
};

static const char *word_of(const struct evidence_part *part)
{
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
        if (words[i].file == part->file && strcmp(words[i].ours, part->name) == 0)
            return words[i].theirs;
    return part->name;
}

struct error *stripe_send_evidence(struct ctx *ctx, const struct evidence *evidence)
{
    struct buf form = { .arena = ctx->arena };
    struct stripe_request request = { .method = "POST", .key = evidence->key, .form = &form };
    struct stripe_answer answer;

    if (!id_is_plausible(evidence->reference))
        return error_new(ctx, E_NOT_FOUND, "Stripe does not know this dispute");
    request.path = arena_printf(ctx->arena, "/v1/disputes/%s", evidence->reference);
    for (size_t i = 0; i < evidence->count; i++)
        form_add(&form, arena_printf(ctx->arena, "evidence[%s]", word_of(&evidence->parts[i])), "%s",
            evidence->parts[i].value);
    form_add(&form, "submit", evidence->submit ? "true" : "false");
    stripe_send(ctx, &request, &answer);
    return stripe_error(ctx, &answer, "dispute");
}

struct error *stripe_accept_dispute(struct ctx *ctx, const char *reference, const char *key)
{
    struct stripe_request request = { .method = "POST", .key = key };
    struct stripe_answer answer;

    if (!id_is_plausible(reference))
        return error_new(ctx, E_NOT_FOUND, "Stripe does not know this dispute");
    request.path = arena_printf(ctx->arena, "/v1/disputes/%s/close", reference);
    stripe_send(ctx, &request, &answer);
    return stripe_error(ctx, &answer, "dispute");
}

/* Files have a host of their own. */
static const char *files_url(struct ctx *ctx)
{
    return strcmp(ctx->config->stripe_api_url, "https://api.stripe.com") == 0 ? "https://files.stripe.com"
                                                                              : ctx->config->stripe_api_url;
}

static void add_part(struct buf *body, const char *boundary, const char *name, const char *more, struct bytes value)
{
    buf_printf(body, "--%s\r\nContent-Disposition: form-data; name=\"%s\"%s\r\n\r\n", boundary, name, more);
    buf_add(body, value.data, value.length);
    buf_printf(body, "\r\n");
}

struct error *stripe_upload_file(struct ctx *ctx, const struct upload *upload, const char **reference)
{
    struct buf body = { .arena = ctx->arena };
    const char *boundary = arena_printf(ctx->arena, "till-%s", id_new(ctx, "part"));
    struct stripe_request request = {
        .method = "POST",
        .base = files_url(ctx),
        .path = "/v1/files",
        .key = upload->key,
        .content_type = arena_printf(ctx->arena, "multipart/form-data; boundary=%s", boundary),
    };
    struct stripe_answer answer;

    add_part(&body, boundary, "purpose", "", bytes_of("dispute_evidence"));
    add_part(&body, boundary, "file",
        arena_printf(ctx->arena, "; filename=\"%s\"\r\nContent-Type: %s", upload->name, upload->content_type),
        upload->content);
    buf_printf(&body, "--%s--\r\n", boundary);
    request.body = (struct bytes){ (const uint8_t *)body.data, body.length };
    stripe_send(ctx, &request, &answer);
    TRY(stripe_error(ctx, &answer, "file"));
    *reference = json_get_text(answer.body, "id");
    if (*reference && id_is_plausible(*reference))
        return NULL;
    return error_cause(ctx, error_new(ctx, E_PROVIDER_ERROR, "Stripe's answer could not be understood"),
        "a file lacks its id");
}
