#include "sandbox/memory.h"

#include "base/field.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static void *must(void *memory)
{
    if (!memory)
        abort();
    return memory;
}

void *memory_new(size_t size)
{
    return must(calloc(1, size));
}

void *memory_array(void *old, size_t count, size_t size)
{
    return must(reallocarray(old, count, size));
}

char *memory_text(const char *text)
{
    return must(strdup(text));
}

json_t *made(json_t *value)
{
    return must(value);
}

json_t *blank(const char *text)
{
    char *copy = memory_text(text);

    for (char *at = copy; (at = strchr(at, '\'')); at++)
        *at = '"';
    json_t *value = made(json_loads(copy, JSON_REJECT_DUPLICATES, NULL));
    free(copy);
    return value;
}

void set_new(json_t *object, const char *name, json_t *value)
{
    if (json_object_set_new(object, name, made(value)) != 0)
        abort();
}

void set_text(json_t *object, const char *name, const char *text)
{
    set_new(object, name, text ? json_string(text) : json_null());
}

void set_int(json_t *object, const char *name, json_int_t value)
{
    set_new(object, name, json_integer(value));
}

void set_bool(json_t *object, const char *name, int value)
{
    set_new(object, name, json_boolean(value));
}

void set_null(json_t *object, const char *name)
{
    set_new(object, name, json_null());
}

void set_copy(json_t *object, const char *name, const json_t *from, const char *member)
{
    json_t *value = json_object_get(from, member);

    set_new(object, name, value ? json_deep_copy(value) : json_null());
}

int has(const json_t *object, const char *name)
{
    const json_t *value = json_object_get(object, name);

    return value && !json_is_null(value);
}

int is_text(const json_t *object, const char *name, const char *text)
{
    const char *value = json_get_text(object, name);

    return value && strcmp(value, text) == 0;
}
