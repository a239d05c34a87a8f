#ifndef TILL_BASE_BYTES_H
#define TILL_BASE_BYTES_H

#include <stddef.h>
#include <stdint.h>

/* Bytes that somebody else owns: an arena, a static, the caller. */
struct bytes {
    const uint8_t *data;
    size_t length;
};

struct bytes bytes_of(const char *text);

#endif
