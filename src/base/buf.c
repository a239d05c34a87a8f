#include "base/buf.h"

#include <assert.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/arena.h"

/* Room for `more` bytes and the NUL after them. */
static char *reserve(struct buf *buf, size_t more)
{
    size_t needed;
    bool too_much = __builtin_add_overflow(buf->length, more, &needed) || needed >= SIZE_MAX / 4;

    assert(!too_much);
    if (needed >= buf->capacity) {
        size_t capacity = buf->capacity ? buf->capacity * 2 : 32; // mostly a short text, and mostly it can be extended

        while (capacity <= needed)
            capacity *= 2;
        if (!buf->capacity || !arena_extend(buf->arena, buf->data, buf->capacity, capacity)) {
            char *data = arena_alloc(buf->arena, capacity);
            if (buf->length)
                memcpy(data, buf->data, buf->length);
            buf->data = data;
        }
        buf->capacity = capacity;
    }
    return buf->data + buf->length;
}

void buf_add(struct buf *buf, const void *data, size_t length)
{
    char *end = reserve(buf, length);

    if (length)
        memcpy(end, data, length);
    end[length] = '\0';
    buf->length += length;
}

void buf_text(struct buf *buf, const char *text)
{
    buf_add(buf, text, strlen(text));
}

void buf_byte(struct buf *buf, char byte)
{
    buf_add(buf, &byte, 1);
}

void buf_vprintf(struct buf *buf, const char *format, va_list arguments)
{
    va_list again;

    va_copy(again, arguments);
    int length = vsnprintf(NULL, 0, format, arguments);
    assert(length >= 0);
    vsnprintf(reserve(buf, (size_t)length), (size_t)length + 1, format, again);
    va_end(again);
    buf->length += (size_t)length;
}

void buf_printf(struct buf *buf, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    buf_vprintf(buf, format, arguments);
    va_end(arguments);
}

const char *buf_string(struct buf *buf)
{
    return buf->data ? buf->data : "";
}
