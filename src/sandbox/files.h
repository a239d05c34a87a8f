#ifndef TILL_SANDBOX_FILES_H
#define TILL_SANDBOX_FILES_H

struct request;
struct sandbox;

/* Answers /v3/ with the stand-in for Stripe.js, and what that loads from there; 404 for all else. */
void files_handle(struct sandbox *sandbox, struct request *r);

#endif
