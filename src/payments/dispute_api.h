#ifndef TILL_PAYMENTS_DISPUTE_API_H
#define TILL_PAYMENTS_DISPUTE_API_H

#include "base/field.h"

struct request;

/* GET /api/v1/disputes */
struct error *dispute_api_list(struct request *r);
/* GET /api/v1/disputes/{id} */
struct error *dispute_api_get(struct request *r);
/* What is said against a dispute, by the words of dispute_evidence_asked: for the API and the dashboard alike. */
struct evidence_body {
    const char *product_description, *customer_name, *customer_email, *customer_ip, *billing_address;
    const char *service_date, *shipping_address, *shipping_carrier, *shipping_date, *shipping_tracking_number;
    const char *refund_policy_disclosure, *refund_refusal, *cancellation_policy_disclosure, *cancellation_rebuttal;
    const char *access_log, *duplicate_explanation, *duplicate_payment, *text;
    bool submit;
};
#define EVIDENCE_WORDS (sizeof(struct evidence_body) / sizeof(char *))

struct evidence_part;
/* Those that are not NULL; `out` has room for EVIDENCE_WORDS. */
size_t evidence_parts(const struct evidence_body *body, struct evidence_part *out);

/* NULL when a file may be called this, or is of a type that is taken. */
const char *check_evidence_name(struct ctx *ctx, const char *text);
const char *check_evidence_type(struct ctx *ctx, const char *text);

/* POST /api/v1/disputes/{id}/accept */
struct error *dispute_api_accept(struct request *r);
/* POST /api/v1/disputes/{id}/evidence */
struct error *dispute_api_send(struct request *r);
/* POST /api/v1/disputes/{id}/files */
struct error *dispute_api_add_file(struct request *r);
/* GET /api/v1/disputes/{id}/files */
struct error *dispute_api_files(struct request *r);

extern const struct field dispute_list_query[], dispute_evidence_asked[], dispute_file_asked[];

#endif
