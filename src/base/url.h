#ifndef TILL_BASE_URL_H
#define TILL_BASE_URL_H

#include <stdbool.h>

struct arena;

/* An absolute http or https URL, taken apart. */
struct url {
    bool https;
    const char *host; // lower case; an IPv6 address keeps its brackets
    int port;         // that of the scheme when none is given
    const char *path; // with query and fragment; "" when there is none
    bool loopback;    // the host is this machine: localhost, 127.0.0.0/8, [::1]
};

/* False for anything else: another scheme, a user name, an empty or odd host, a port out of range, a backslash, a
 * space or control byte anywhere. */
bool url_parse(struct arena *arena, const char *text, struct url *out);

bool url_same_origin(const struct url *a, const struct url *b);

#endif
