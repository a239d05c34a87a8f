#ifndef TILL_PAYMENTS_DISPUTE_API_H
#define TILL_PAYMENTS_DISPUTE_API_H

#include "base/field.h"

struct request;

/* GET /api/v1/disputes */
struct error *dispute_api_list(struct request *r);
/* GET /api/v1/disputes/{id} */
struct error *dispute_api_get(struct request *r);
/* POST /api/v1/disputes/{id}/evidence */
struct error *dispute_api_accept(struct request *r);
struct error *dispute_api_send(struct request *r);
/* POST /api/v1/disputes/{id}/files */
struct error *dispute_api_add_file(struct request *r);
/* GET /api/v1/disputes/{id}/files */
struct error *dispute_api_files(struct request *r);

extern const struct field dispute_list_query[], dispute_evidence_asked[], dispute_file_asked[];

#endif
