#ifndef TILL_DISPATCH_H
#define TILL_DISPATCH_H

#include <stddef.h>

struct request;

/* Two halves of one request, called by the process (main.c) in this order: the body is read between them, and how much of
 * it is acceptable depends on the route. */

/* Finds the route: sets r->route, or r->refused when there is none. Returns how long the body may be. Writes nothing. */
size_t dispatch_route(struct request *r);

/* Checks access, calls the handler, replies, logs one line. A request with r->refused is answered with that error and
 * logged; nothing else is done with it (r->body may then be incomplete). */
void dispatch(struct request *r);

#endif
