#ifndef TILL_PAGES_SERVICE_H
#define TILL_PAGES_SERVICE_H

#include "base/field.h"

struct request;

/* GET /healthz: this process answers. */
struct error *service_health(struct request *r);
/* GET /readyz: it can do its work: the database answers and has all migrations. 503 otherwise. */
struct error *service_ready(struct request *r);
/* GET /api/v1/openapi.json */
struct error *service_openapi(struct request *r);
/* GET /.well-known/apple-developer-merchantid-domain-association: how Apple knows the domain as the merchant's. */
struct error *service_apple_pay(struct request *r);
/* GET /docs/errors: every code of error.def; problems point there. */
struct error *service_errors(struct request *r);
/* POST /api/v1/test/clock: moves the domain's clock, in test mode only. */
struct error *service_clock(struct request *r);

extern const struct field service_shown[], service_clock_asked[], service_clock_shown[];

#endif
