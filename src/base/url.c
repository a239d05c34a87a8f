#include "base/url.h"

#include <arpa/inet.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/arena.h"

#define HOST_AT_MOST 253

static bool is_printable(const char *text)
{
    for (; *text; text++) {
        if (*text <= ' ' || *text >= 0x7f || *text == '\\')
            return false;
    }
    return true;
}

static const char *after_scheme(const char *text, bool *https)
{
    static const char with[] = "https://", without[] = "http://";

    *https = strncasecmp(text, with, strlen(with)) == 0;
    if (*https)
        return text + strlen(with);
    return strncasecmp(text, without, strlen(without)) == 0 ? text + strlen(without) : NULL;
}

static char *lower_case(char *text)
{
    for (char *c = text; *c; c++) {
        if (*c >= 'A' && *c <= 'Z')
            *c = (char)(*c - 'A' + 'a');
    }
    return text;
}

/* A name's labels, or an IPv4 address: letters, digits and dashes between single dots. */
static bool is_host_name(const char *host)
{
    size_t length = strlen(host);

    if (length == 0 || length > HOST_AT_MOST || host[0] == '.' || strstr(host, "..") || host[0] == '-')
        return false;
    return strspn(host, "abcdefghijklmnopqrstuvwxyz0123456789-.") == length;
}

static bool is_ipv6(struct arena *arena, const char *host, struct in6_addr *address)
{
    size_t length = strlen(host);

    if (host[0] != '[' || length < 2 || host[length - 1] != ']')
        return false;
    return inet_pton(AF_INET6, arena_strndup(arena, host + 1, length - 2), address) == 1;
}

static bool ends_with(const char *text, const char *end)
{
    size_t length = strlen(text), end_length = strlen(end);

    return length >= end_length && strcmp(text + length - end_length, end) == 0;
}

static bool is_loopback(const char *host)
{
    struct in_addr address;

    if (strcmp(host, "localhost") == 0 || ends_with(host, ".localhost") || strcmp(host, "[::1]") == 0)
        return true;
    return inet_pton(AF_INET, host, &address) == 1 && (ntohl(address.s_addr) >> 24) == 127;
}

/* ":8080" or nothing, up to the path. */
static bool take_port(const char *text, size_t length, struct url *out)
{
    out->port = out->https ? 443 : 80;
    if (length == 0)
        return true;
    if (text[0] != ':' || length < 2 || length > 6 || strspn(text + 1, "0123456789") < length - 1)
        return false;
    out->port = (int)strtol(text + 1, NULL, 10);
    return out->port >= 1 && out->port <= 65535;
}

bool url_parse(struct arena *arena, const char *text, struct url *out)
{
    struct url url = { .path = "" };
    const char *authority = text && is_printable(text) ? after_scheme(text, &url.https) : NULL;
    struct in6_addr address;

    if (!authority)
        return false;
    url.path = authority + strcspn(authority, "/?#");
    size_t length = (size_t)(url.path - authority);
    size_t host = authority[0] == '[' ? strcspn(authority, "]") + 1 : strcspn(authority, ":/?#");
    if (host > length || !take_port(authority + host, length - host, &url))
        return false;
    url.host = lower_case(arena_strndup(arena, authority, host));
    if (!is_host_name(url.host) && !is_ipv6(arena, url.host, &address))
        return false;
    url.loopback = is_loopback(url.host);
    *out = url;
    return true;
}

bool url_same_origin(const struct url *a, const struct url *b)
{
    return a->https == b->https && a->port == b->port && strcmp(a->host, b->host) == 0;
}
