#ifndef TILL_SANDBOX_ASSETS_H
#define TILL_SANDBOX_ASSETS_H

struct request;
struct sandbox;

/* The stand-in for js.stripe.com: answers /v3/ and everything below it from <files_dir>/js, in r->reply. Called without the
 * sandbox's lock. */
void assets_handle(struct sandbox *sandbox, struct request *r);

#endif
