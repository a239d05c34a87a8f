#include "sandbox/html.h"

#include <stdarg.h>
#include <string.h>

void html_text(struct buf *page, const char *text)
{
    static const char special[] = "&<>\"'";
    static const char *const escaped[] = { "&amp;", "&lt;", "&gt;", "&quot;", "&#39;" };

    for (; text && *text; text++) {
        const char *at = strchr(special, *text);

        if (at)
            buf_text(page, escaped[at - special]);
        else
            buf_byte(page, *text);
    }
}

void html_add(struct buf *page, const char *markup, ...)
{
    va_list texts;
    const char *at;

    va_start(texts, markup);
    while ((at = strstr(markup, "%s"))) {
        buf_add(page, markup, (size_t)(at - markup));
        html_text(page, va_arg(texts, const char *));
        markup = at + 2;
    }
    va_end(texts);
    buf_text(page, markup);
}
