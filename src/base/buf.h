#ifndef TILL_BASE_BUF_H
#define TILL_BASE_BUF_H

#include <stdarg.h>
#include <stddef.h>

struct arena;

/* A string that grows in an arena. `data` is always NUL-terminated once something was added; use buf_string() when it
 * may be empty. Start with { .arena = ctx->arena }. */
struct buf {
    struct arena *arena;
    char *data;
    size_t length;
    size_t capacity;
};

void buf_add(struct buf *buf, const void *data, size_t length);
void buf_text(struct buf *buf, const char *text);
void buf_byte(struct buf *buf, char byte);
void buf_printf(struct buf *buf, const char *format, ...) __attribute__((format(printf, 2, 3)));
void buf_vprintf(struct buf *buf, const char *format, va_list arguments) __attribute__((format(printf, 2, 0)));

/* The content as a string; "" when nothing was added. */
const char *buf_string(struct buf *buf);

#endif
