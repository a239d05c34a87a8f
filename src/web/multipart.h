#ifndef TILL_WEB_MULTIPART_H
#define TILL_WEB_MULTIPART_H

#include "base/bytes.h"

#include <stdbool.h>

struct arena;

/* A part of a multipart/form-data body, as a browser sends a form with a file (RFC 7578). */
struct multipart {
    const char *name, *filename, *content_type; // the last two NULL where the part does not say them
    struct bytes content;
};

/* Takes the first part from *rest, a body or what is left of one. False after the last, and for what is no such body. */
bool multipart_next(struct arena *arena, const char *content_type, struct bytes *rest, struct multipart *out);

#endif
