#ifndef TILL_WEB_TEMPLATE_H
#define TILL_WEB_TEMPLATE_H

#include "base/buf.h"
#include "base/error.h"

#include <jansson.h>

struct ctx;
struct templates;

/* Mustache, as the core of mustache/spec 1.4 has it: {{name}} is escaped for HTML, always; {{{name}}} is for markup that the
 * program made itself; sections, inverted sections, comments, delimiters, {{> parts/header}}. A section is left out for what
 * is missing, false, null, an empty list or an empty text. All files *.html and *.txt below the directory are read and parsed
 * once, before the first thread. NULL and *why when one cannot be, or includes what does not exist. */
struct templates *templates_load(const char *directory, const char **why);
void templates_free(struct templates *templates);

/* E_INTERNAL_ERROR when there is no such template. `name` is without the ending: "checkout/pay"; with it where there is a
 * .txt beside the .html. Data never makes it fail: what is missing is rendered as nothing. */
MUST_CHECK struct error *template_render(struct ctx *ctx, const struct templates *templates, const char *name,
    const json_t *view, struct buf *out);

/* Renders text that is not a file; for the tests. partials: object of name to text. */
MUST_CHECK struct error *template_render_text(struct ctx *ctx, const char *text, const json_t *partials,
    const json_t *view, struct buf *out);

#endif
