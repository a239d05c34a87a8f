#ifndef TILL_WEB_ADDRESS_H
#define TILL_WEB_ADDRESS_H

#include <stdbool.h>

struct arena;

/* The address of who asks: `peer`, the web server's REMOTE_ADDR; or where that is one of `trusted` ("10.0.0.0/8 ::1"), the
 * last address in `forwarded` (X-Forwarded-For) that is not. What stands before an untrusted hop is the client's own word and
 * is not believed. NULL when the peer is no address. */
const char *address_of_client(struct arena *arena, const char *peer, const char *forwarded, const char *trusted);

/* Whether an address is in one of the networks, which are separated by spaces or commas. */
bool address_in(const char *address, const char *networks);

#endif
