#include "payments/dispute_api.h"

#include <stddef.h>
#include <string.h>

#include "base/check.h"
#include "base/crypto.h"
#include "base/ctx.h"
#include "payments/dispute.h"
#include "payments/dispute_store.h"
#include "payments/evidence.h"
#include "provider/provider.h"
#include "web/reply.h"
#include "web/request.h"

#define PAGE 20
#define WORDS 20000 // of one text

struct list_query {
    int64_t limit;
    const char *cursor, *status, *payment_id;
};

static const char *check_standing(struct ctx *ctx, const char *text)
{
    static const char *const standings[] = { "open", "inquiry", "won", "lost", NULL };

    (void)ctx;
    return name_index(standings, text) < 0 ? "must be open, inquiry, won or lost" : NULL;
}

const struct field dispute_list_query[] = {
    FIELD(struct list_query, limit, .optional = true, .min = 1, .max = 100),
    FIELD_CURSOR(struct list_query, "dsp"),
    FIELD(struct list_query, status, .optional = true, .check = check_standing),
    FIELD(struct list_query, payment_id, .optional = true, .max = 255, .check = check_id),
    FIELD_END,
};

struct error *dispute_api_list(struct request *r)
{
    struct list_query query = { .limit = PAGE };
    struct field_list disputes;
    const char *cursor = NULL;

    TRY(request_query_fields(r, dispute_list_query, &query));
    TRY(dispute_rows(r->ctx, query.status, query.payment_id, query.cursor, query.limit + 1, &disputes));
    if ((int64_t)disputes.count > query.limit)
        cursor = ((const struct dispute *)disputes.items)[--disputes.count - 1].id;
    return reply_list(r, dispute_shown, sizeof(struct dispute), &disputes, cursor);
}

struct error *dispute_api_get(struct request *r)
{
    struct dispute dispute;

    TRY(dispute_get(r->ctx, request_path(r, "id"), &dispute));
    return reply_json(r, 200, dispute_shown, &dispute);
}

#define WORD(n, ...) FIELD(struct evidence_body, n, .optional = true, .max = WORDS, .secret = true, ##__VA_ARGS__)

const struct field dispute_evidence_asked[] = {
    WORD(product_description),
    WORD(customer_name),
    WORD(customer_email),
    WORD(customer_ip, .summary = "That was bought from"),
    WORD(billing_address),
    WORD(service_date, .summary = "As people write it"),
    WORD(shipping_address),
    WORD(shipping_carrier),
    WORD(shipping_date),
    WORD(shipping_tracking_number),
    WORD(refund_policy_disclosure, .summary = "How the payer was shown it before he bought"),
    WORD(refund_refusal, .summary = "Why he gets no refund"),
    WORD(cancellation_policy_disclosure),
    WORD(cancellation_rebuttal),
    WORD(access_log, .summary = "That he has used what he bought"),
    WORD(duplicate_explanation),
    WORD(duplicate_payment, .summary = "The provider's charge that he takes this one for"),
    WORD(text, .summary = "Everything else"),
    FIELD(struct evidence_body, submit, .optional = true,
        .summary = "false: the provider keeps it until the rest comes. true by default, and then it is with the bank"),
    FIELD_END,
};

#define AT(n)                                                                                                          \
    {                                                                                                                  \
#n, offsetof(struct evidence_body, n)                                                                          \
    }

size_t evidence_parts(const struct evidence_body *body, struct evidence_part *out)
{
    static const struct {
        const char *name;
        size_t place;
    } members[] = { AT(product_description), AT(customer_name), AT(customer_email), AT(customer_ip),
        AT(billing_address), AT(service_date), AT(shipping_address), AT(shipping_carrier), AT(shipping_date),
        AT(shipping_tracking_number), AT(refund_policy_disclosure), AT(refund_refusal),
        AT(cancellation_policy_disclosure), AT(cancellation_rebuttal), AT(access_log), AT(duplicate_explanation),
        AT(duplicate_payment), AT(text) };
    size_t count = 0;

    for (size_t i = 0; i < sizeof members / sizeof *members; i++) {
        const char *value = *(const char *const *)((const char *)body + members[i].place);
        if (value)
            out[count++] = (struct evidence_part){ .name = members[i].name, .value = value };
    }
    return count;
}

struct error *dispute_api_send(struct request *r)
{
    struct evidence_body body = { .submit = true };
    struct evidence_part parts[EVIDENCE_WORDS];
    struct dispute dispute;

    TRY(request_json(r, dispute_evidence_asked, &body));
    TRY(evidence_send(r->ctx, request_path(r, "id"), parts, evidence_parts(&body, parts), body.submit, &dispute));
    return reply_json(r, 200, dispute_shown, &dispute);
}

struct error *dispute_api_accept(struct request *r)
{
    struct dispute dispute;

    TRY(dispute_accept(r->ctx, request_path(r, "id"), &dispute));
    return reply_json(r, 200, dispute_shown, &dispute);
}

struct file_body {
    const char *kind, *name, *content_type, *content;
};

static const char *check_kind(struct ctx *ctx, const char *text)
{
    (void)ctx;
    return name_index(evidence_file_kinds, text) < 0
        ? "must be receipt, customer_communication, customer_signature, service_documentation, shipping_documentation,"
          " refund_policy, cancellation_policy, duplicate_documentation or other"
        : NULL;
}

const char *check_evidence_type(struct ctx *ctx, const char *text)
{
    static const char *const types[] = { "application/pdf", "image/jpeg", "image/png", NULL };

    (void)ctx;
    return name_index(types, text) < 0 ? "must be application/pdf, image/jpeg or image/png" : NULL;
}

/* It becomes part of a header. */
const char *check_evidence_name(struct ctx *ctx, const char *text)
{
    (void)ctx;
    for (const char *c = text; *c; c++)
        if ((unsigned char)*c < 0x20 || (unsigned char)*c > 0x7e || strchr("\"\\/", *c))
            return "must be of plain letters, without quotes and slashes";
    return NULL;
}

const struct field dispute_file_asked[] = {
    FIELD(struct file_body, kind, .max = 40, .check = check_kind, .summary = "What it shows"),
    FIELD(struct file_body, name, .max = 100, .secret = true, .check = check_evidence_name),
    FIELD(struct file_body, content_type, .max = 40, .check = check_evidence_type),
    FIELD(struct file_body, content, .max = EVIDENCE_AT_MOST / 3 * 4, .secret = true,
        .summary = "base64; all files of a dispute together may have 4.5 MB"),
    FIELD_END,
};

struct error *dispute_api_add_file(struct request *r)
{
    struct evidence_upload upload = { .dispute_id = request_path(r, "id") };
    struct evidence_file file;
    struct file_body body = { 0 };
    struct error *error = NULL;

    TRY(request_json(r, dispute_file_asked, &body));
    if (!base64_decode(r->ctx->arena, body.content, &upload.content) || !upload.content.length) {
        error_add_field(r->ctx, &error, "#/content", "must be base64");
        return error;
    }
    upload.kind = body.kind;
    upload.name = body.name;
    upload.content_type = body.content_type;
    TRY(evidence_add_file(r->ctx, &upload, &file));
    return reply_json(r, 201, evidence_file_shown, &file);
}

struct error *dispute_api_files(struct request *r)
{
    struct field_list files;

    TRY(evidence_files(r->ctx, request_path(r, "id"), &files));
    return reply_list(r, evidence_file_shown, sizeof(struct evidence_file), &files, NULL);
}
