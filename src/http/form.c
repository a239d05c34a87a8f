#include "http/form.h"

#include <stdarg.h>
#include <string.h>

#define UNRESERVED "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~"

static void encode(struct buf *form, const char *text, const char *plain)
{
    for (; *text; text++) {
        if (strchr(plain, *text))
            buf_byte(form, *text);
        else
            buf_printf(form, "%%%02X", (unsigned char)*text);
    }
}

void form_add(struct buf *form, const char *name, const char *format, ...)
{
    struct buf value = { .arena = form->arena };
    va_list arguments;

    if (form->length)
        buf_byte(form, '&');
    encode(form, name, UNRESERVED "[]");
    buf_byte(form, '=');
    va_start(arguments, format);
    buf_vprintf(&value, format, arguments);
    va_end(arguments);
    encode(form, buf_string(&value), UNRESERVED);
}
