#ifndef TILL_PAGES_QR_H
#define TILL_PAGES_QR_H

#include "base/error.h"

#include <jansson.h>

struct ctx;

/* A text as a QR code, for an inline SVG: {"size": 41, "path": "M4 4h7v1h-7z…"}, modules as units, with the quiet zone that readers
 * need. In ctx->arena. */
MUST_CHECK struct error *qr_view(struct ctx *ctx, const char *text, json_t **out);

#endif
