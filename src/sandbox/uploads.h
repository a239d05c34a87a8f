#ifndef TILL_SANDBOX_UPLOADS_H
#define TILL_SANDBOX_UPLOADS_H

#include "base/bytes.h"

#include <jansson.h>

struct arena;

/* A multipart/form-data body as an object of texts; a file is an object of filename, type, size and digest. NULL when it cannot
 * be read. */
json_t *uploads_form(struct arena *arena, const char *content_type, struct bytes body);

#endif
