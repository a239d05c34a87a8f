#include "http/guard.h"

#include <arpa/inet.h>
#include <assert.h>
#include <curl/curl.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

#include "base/arena.h"
#include "base/ctx.h"

struct network {
    uint8_t start[16];
    int bits;
};

/* What is not the public internet, by the registries of special-purpose addresses. */
static const struct network not_public_4[] = {
    { { 0 }, 8 }, { { 10 }, 8 }, { { 100, 64 }, 10 }, { { 127 }, 8 }, { { 169, 254 }, 16 }, { { 172, 16 }, 12 },
    { { 192, 0, 0 }, 24 }, { { 192, 0, 2 }, 24 }, { { 192, 31, 196 }, 24 }, { { 192, 52, 193 }, 24 },
    { { 192, 88, 99 }, 24 }, { { 192, 168 }, 16 }, { { 192, 175, 48 }, 24 }, { { 198, 18 }, 15 },
    { { 198, 51, 100 }, 24 }, { { 203, 0, 113 }, 24 }, { { 224 }, 3 }, // multicast, reserved, broadcast
};

/* Only 2000::/3 is given out; of it these are not the public internet, or lead into IPv4. */
static const struct network public_6 = { { 0x20 }, 3 };
static const struct network not_public_6[] = {
    { { 0x20, 0x01, 0x00 }, 23 },       // Teredo, ORCHID, benchmarks
    { { 0x20, 0x01, 0x0d, 0xb8 }, 32 }, // documentation
    { { 0x20, 0x02 }, 16 },             // 6to4
    { { 0x3f, 0xff, 0x00 }, 20 },       // documentation
};

static bool is_in(const uint8_t *address, const struct network *network)
{
    int whole = network->bits / 8, rest = network->bits % 8;
    uint8_t mask = (uint8_t)(0xff00 >> rest);

    return memcmp(address, network->start, (size_t)whole) == 0
        && (!rest || (address[whole] & mask) == (network->start[whole] & mask));
}

static bool allows_4(const uint8_t *address, bool loopback)
{
    if (loopback && address[0] == 127)
        return true;
    for (size_t i = 0; i < sizeof not_public_4 / sizeof *not_public_4; i++)
        if (is_in(address, &not_public_4[i]))
            return false;
    return true;
}

static bool allows_6(const uint8_t *address, bool loopback)
{
    static const struct in6_addr one = IN6ADDR_LOOPBACK_INIT;

    if (loopback && memcmp(address, &one, sizeof one) == 0)
        return true;
    if (!is_in(address, &public_6))
        return false;
    for (size_t i = 0; i < sizeof not_public_6 / sizeof *not_public_6; i++)
        if (is_in(address, &not_public_6[i]))
            return false;
    return true;
}

bool guard_allows(const struct sockaddr *address, bool loopback)
{
    if (address->sa_family == AF_INET) {
        struct sockaddr_in in;
        memcpy(&in, address, sizeof in);
        return allows_4((const uint8_t *)&in.sin_addr, loopback);
    }
    if (address->sa_family == AF_INET6) {
        struct sockaddr_in6 in;
        memcpy(&in, address, sizeof in);
        return allows_6(in.sin6_addr.s6_addr, loopback);
    }
    return false;
}

/* What libcurl made of the URL; it is libcurl that will go there. */
struct parts {
    char *scheme, *host, *port, *user, *password;
};

static const char *wrong_host(const char *host, bool loopback)
{
    uint8_t address[16];
    size_t length = strlen(host);
    char bare[64] = "";

    if (host[0] == '[' && length < sizeof bare)
        memcpy(bare, host + 1, length - 2);
    if (strchr(bare, '%'))
        return "must not name an interface of this machine";
    if (*bare ? inet_pton(AF_INET6, bare, address) == 1 && !allows_6(address, loopback)
              : inet_pton(AF_INET, host, address) == 1 && !allows_4(address, loopback))
        return "must be a public address";
    if (!loopback && (strcasecmp(host, "localhost") == 0 || !strpbrk(host, ".:")))
        return "must be a public name";
    return NULL;
}

static bool is_this_machine(const char *host)
{
    return strcasecmp(host, "localhost") == 0 || strcmp(host, "127.0.0.1") == 0 || strcmp(host, "[::1]") == 0;
}

static const char *wrong_parts(const struct parts *parts, bool loopback)
{
    long port = strtol(parts->port, NULL, 10);

    if (parts->user || parts->password)
        return "must not have a user name or password";
    if (loopback && is_this_machine(parts->host))
        return strcmp(parts->scheme, "http") == 0 || strcmp(parts->scheme, "https") == 0 ? NULL : "must be https";
    if (strcmp(parts->scheme, "https") != 0)
        return "must begin with https://";
    if (port != 443 && port != 8443)
        return "must be on port 443 or 8443";
    return wrong_host(parts->host, loopback);
}

static void free_url(void *url)
{
    curl_url_cleanup(url);
}

const char *guard_url(struct ctx *ctx, const char *text, bool loopback)
{
    CURLU *url = curl_url();
    struct parts parts = { 0 };
    const char *why = "must be a complete https address";

    assert(url);
    arena_defer(ctx->arena, free_url, url);
    for (const char *c = text; *c; c++)
        if ((unsigned char)*c <= ' ' || (unsigned char)*c >= 0x7f || *c == '\\')
            return "must be ASCII without spaces, as an address is sent";
    if (strchr(text, '#'))
        return "must not have a fragment";
    if (curl_url_set(url, CURLUPART_URL, text, 0) == CURLUE_OK
        && curl_url_get(url, CURLUPART_SCHEME, &parts.scheme, 0) == CURLUE_OK
        && curl_url_get(url, CURLUPART_HOST, &parts.host, 0) == CURLUE_OK
        && curl_url_get(url, CURLUPART_PORT, &parts.port, CURLU_DEFAULT_PORT) == CURLUE_OK) {
        curl_url_get(url, CURLUPART_USER, &parts.user, 0);
        curl_url_get(url, CURLUPART_PASSWORD, &parts.password, 0);
        why = wrong_parts(&parts, loopback);
    }
    curl_free(parts.scheme);
    curl_free(parts.host);
    curl_free(parts.port);
    curl_free(parts.user);
    curl_free(parts.password);
    return why;
}
