#ifndef TILL_SANDBOX_DECODE_H
#define TILL_SANDBOX_DECODE_H

#include <jansson.h>
#include <stddef.h>

struct arena;

/* A form body or query with nested names, as Stripe reads it: a[b]=v is an object, a[0]=v an object with numbers for
 * names, a[]=v an array. All values are texts. A new reference; NULL and *why when it cannot be read. */
json_t *decode_form(struct arena *arena, const char *text, size_t length, const char **why);

/* One percent-encoded part, '+' as space where `plus`; NULL when it is not well-formed or not UTF-8. */
const char *decode_part(struct arena *arena, const char *text, size_t length, int plus);

#endif
