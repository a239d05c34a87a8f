#ifndef TILL_SANDBOX_API_H
#define TILL_SANDBOX_API_H

struct request;
struct sandbox;

/* Answers everything below /v1 as Stripe's API does, with the faults that dials ask for. */
void api_handle(struct sandbox *sandbox, struct request *r);

#endif
