#ifndef TILL_SANDBOX_MEMORY_H
#define TILL_SANDBOX_MEMORY_H

#include <jansson.h>
#include <stddef.h>

/* Memory that outlives a request. Running out ends the process. */
void *memory_new(size_t size); // zeroed
void *memory_array(void *old, size_t count, size_t size);
char *memory_text(const char *text);

/* Whatever jansson made, which is NULL only for bad UTF-8 of our own making or when memory ran out: both end the process. */
json_t *made(json_t *value);

/* A JSON value from text that is written with ' in place of ", to be readable in C. */
json_t *blank(const char *text);

/* Members of an object. A NULL text becomes null. json_set_member() takes the reference. */
void set_text(json_t *object, const char *name, const char *text);
void set_int(json_t *object, const char *name, json_int_t value);
void set_bool(json_t *object, const char *name, int value);
void set_null(json_t *object, const char *name);
void set_new(json_t *object, const char *name, json_t *value);

/* A copy of a member of another object, null when it has none. */
void set_copy(json_t *object, const char *name, const json_t *from, const char *member);

/* Whether a member is there and not null. */
int has(const json_t *object, const char *name);

/* Whether a member is this text. */
int is_text(const json_t *object, const char *name, const char *text);

#endif
