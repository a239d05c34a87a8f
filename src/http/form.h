#ifndef TILL_HTTP_FORM_H
#define TILL_HTTP_FORM_H

#include "base/buf.h"

/* Adds name=value to an application/x-www-form-urlencoded body (or query). Brackets in the name stay bare, the value is
 * percent-encoded as UTF-8. A name without format arguments may carry them: form_add(&form, "metadata[refund]", "%s", id). */
void form_add(struct buf *form, const char *name, const char *format, ...) __attribute__((format(printf, 3, 4)));

#endif
