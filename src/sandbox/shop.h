#ifndef TILL_SANDBOX_SHOP_H
#define TILL_SANDBOX_SHOP_H

struct request;
struct sandbox;

/* The demo shop, a merchant's application that calls Till: answers /shop and everything below it, in r->reply. Its settings
 * (shop_api_key, till_url, url, files_dir) are in sandbox->settings. Called without the sandbox's lock. */
void shop_handle(struct sandbox *sandbox, struct request *r);

#endif
