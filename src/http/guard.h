#ifndef TILL_HTTP_GUARD_H
#define TILL_HTTP_GUARD_H

#include <stdbool.h>

struct ctx;
struct sockaddr;

/* What keeps a request to an address that somebody gave us from reaching what only we can reach: this machine, its network, a
 * cloud's metadata service. */

/* Why nothing may be sent to this URL, or NULL: it must be https on port 443 or 8443, without a user name, and where it has an
 * address instead of a name, that one must be public. With `loopback`, http and any port of this machine are fine, too. */
const char *guard_url(struct ctx *ctx, const char *text, bool loopback);

/* Whether this address, to which a connection is about to be made, is a public one; or of this machine, with `loopback`. Asked
 * of the actual address, so that a name which changes its meaning between two look-ups gains nothing. */
bool guard_allows(const struct sockaddr *address, bool loopback);

#endif
