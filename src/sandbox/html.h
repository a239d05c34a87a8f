#ifndef TILL_SANDBOX_HTML_H
#define TILL_SANDBOX_HTML_H

#include "base/buf.h"

/* Adds text to a page with everything escaped that could be markup, in content and in quoted attributes. */
void html_text(struct buf *page, const char *text);

/* Adds markup of our own, in which each %s is escaped text. */
void html_add(struct buf *page, const char *markup, ...);

#endif
