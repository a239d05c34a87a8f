#ifndef TILL_PAYMENTS_EVIDENCE_H
#define TILL_PAYMENTS_EVIDENCE_H

#include "payments/dispute.h"
#include "provider/provider.h"

#include <stdbool.h>

/* Bytes of all files of a dispute together, which is what the provider takes; and of a request that brings one in base64. */
#define EVIDENCE_AT_MOST 4500000
#define EVIDENCE_BODY_AT_MOST (EVIDENCE_AT_MOST / 3 * 4 + 2000)

/* A file for the bank, as it comes. */
struct evidence_upload {
    const char *dispute_id; // ours or the provider's
    const char *kind, *name, *content_type;
    struct bytes content;
};

/* A row of dispute_files. */
struct evidence_file {
    const char *id, *dispute_id, *kind;
    int64_t size;
    const char *provider_file_id, *created_by;
    struct instant created_at;
};

extern const struct field evidence_file_shown[];

/* Words that a file can be of, ending with NULL. */
extern const char *const evidence_file_kinds[];

/* Gives the provider a file, to go with the evidence. The same file twice is one, and of a kind the last one
 * counts. E_INVALID_STATUS when none is taken any more; a field error at `#/content` when all of them are too large. */
MUST_CHECK struct error *evidence_add_file(struct ctx *ctx, const struct evidence_upload *upload,
    struct evidence_file *out);

/* Sends the words and all files to the provider, which passes them to the bank if `submit`: that can be done once. Nothing
 * else is kept of the words than that they were sent. E_PROVIDER_UNAVAILABLE: it is not known whether they were; sending them
 * again is safe. */
MUST_CHECK struct error *evidence_send(struct ctx *ctx, const char *dispute_id, const struct evidence_part *parts,
    size_t count, bool submit, struct dispute *out);

/* Gives in: the payer keeps the money, and nobody can change that. E_INVALID_STATUS of an inquiry, which holds nothing back, of one
 * that the bank has the evidence for, and of one that is decided. E_PROVIDER_UNAVAILABLE: it is not known whether it was
 * accepted; accepting it again is safe. */
MUST_CHECK struct error *dispute_accept(struct ctx *ctx, const char *dispute_id, struct dispute *out);

MUST_CHECK struct error *evidence_files(struct ctx *ctx, const char *dispute_id, struct field_list *out);

/* The job that reminds a person before evidence is no longer taken. */
struct job;
struct error *dispute_due_task(struct ctx *ctx, const struct job *job);

#endif
