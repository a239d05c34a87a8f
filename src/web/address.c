#include "web/address.h"

#include <arpa/inet.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"

/* An address of either family as 16 bytes, IPv4 in its mapped form. */
struct address {
    uint8_t bytes[16];
    bool is_v4;
};

static bool parse(const char *text, struct address *out)
{
    static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };
    struct in_addr v4;

    *out = (struct address){ 0 };
    if (inet_pton(AF_INET, text, &v4) == 1) {
        memcpy(out->bytes, mapped, sizeof(mapped));
        memcpy(out->bytes + sizeof(mapped), &v4, sizeof(v4));
        out->is_v4 = true;
        return true;
    }
    if (inet_pton(AF_INET6, text, out->bytes) != 1)
        return false;
    out->is_v4 = memcmp(out->bytes, mapped, sizeof(mapped)) == 0;
    return true;
}

static bool same_bits(const struct address *a, const struct address *b, unsigned bits)
{
    unsigned whole = bits / 8, rest = bits % 8;
    uint8_t mask = (uint8_t)(0xff00 >> rest);

    return memcmp(a->bytes, b->bytes, whole) == 0 && (rest == 0 || ((a->bytes[whole] ^ b->bytes[whole]) & mask) == 0);
}

/* "10.0.0.0/8", or a single address. */
static bool in_network(const struct address *address, char *network)
{
    struct address base;
    char *slash = strchr(network, '/');
    unsigned long bits = 128;

    if (slash)
        *slash = '\0';
    if (!parse(network, &base) || base.is_v4 != address->is_v4)
        return false;
    if (slash) {
        char *end;
        bits = strtoul(slash + 1, &end, 10) + (base.is_v4 ? 96 : 0);
        if (*end || end == slash + 1 || bits > 128)
            return false;
    }
    return same_bits(address, &base, (unsigned)bits);
}

bool address_in(const char *address, const char *networks)
{
    struct address parsed;
    char network[64];

    if (!networks || !parse(address, &parsed))
        return false;
    while (*(networks += strspn(networks, " ,"))) {
        size_t length = strcspn(networks, " ,");
        if (length < sizeof(network)) {
            memcpy(network, networks, length);
            network[length] = '\0';
            if (in_network(&parsed, network))
                return true;
        }
        networks += length;
    }
    return false;
}

/* The last entry of a list that ends at *end, without blanks, brackets and port; *end moves before it. */
static const char *last_hop(struct arena *arena, const char *list, size_t *end)
{
    size_t start = *end;

    while (start > 0 && list[start - 1] != ',')
        start--;
    const char *from = list + start, *to = list + *end;
    *end = start > 0 ? start - 1 : 0;

    while (from < to && strchr(" \t", *from))
        from++;
    while (to > from && strchr(" \t", to[-1]))
        to--;
    char *hop = arena_strndup(arena, from, (size_t)(to - from));
    char *colon = strchr(hop, ':');
    if (*hop == '[') {
        hop[strcspn(hop, "]")] = '\0';
        return hop + 1;
    }
    if (colon && !strchr(colon + 1, ':'))
        *colon = '\0';
    return hop;
}

const char *address_of_client(struct arena *arena, const char *peer, const char *forwarded, const char *trusted)
{
    struct address parsed;

    if (!peer || !parse(peer, &parsed))
        return NULL;
    size_t end = forwarded ? strlen(forwarded) : 0;
    while (end > 0 && address_in(peer, trusted)) {
        const char *hop = last_hop(arena, forwarded, &end);
        if (!parse(hop, &parsed))
            break;
        peer = hop;
    }
    return peer;
}
