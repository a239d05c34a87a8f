#ifndef TILL_WEB_PERCENT_H
#define TILL_WEB_PERCENT_H

#include <stdbool.h>
#include <stddef.h>

struct arena;

/* Decodes %xx (and + as a space where `plus`). NULL when an escape is malformed, or the result has a NUL or is not UTF-8:
 * such text never gets further into the program. */
const char *percent_decode(struct arena *arena, const char *text, size_t length, bool plus);

/* The other way: everything but letters, digits and -._~/ as %XX. */
const char *percent_encode(struct arena *arena, const char *text);

#endif
