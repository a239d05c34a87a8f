#include "sandbox/decode.h"

#include "base/arena.h"
#include "sandbox/memory.h"

#include <string.h>

enum { MAX_DEPTH = 8 };

static int hex(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

const char *decode_part(struct arena *arena, const char *text, size_t length, int plus)
{
    char *out = arena_alloc(arena, length + 1);
    size_t used = 0;

    for (size_t i = 0; i < length; i++) {
        if (text[i] == '+' && plus) {
            out[used++] = ' ';
        } else if (text[i] == '%') {
            if (i + 2 >= length || hex(text[i + 1]) < 0 || hex(text[i + 2]) < 0)
                return NULL;
            out[used] = (char)(hex(text[i + 1]) * 16 + hex(text[i + 2]));
            if (!out[used++])
                return NULL;
            i += 2;
        } else {
            out[used++] = text[i];
        }
    }

    json_t *checked = json_stringn(out, used); // NULL when it is not UTF-8
    json_decref(checked);
    return checked ? out : NULL;
}

/* What stands at `name` in a container, made an empty `fresh` when nothing does. Takes `fresh`. */
static json_t *child(json_t *container, const char *name, json_t *fresh)
{
    if (json_is_array(container)) {
        json_array_append_new(container, fresh);
        return fresh;
    }
    json_t *found = json_object_get(container, name);
    if (found && json_typeof(found) == json_typeof(fresh)) {
        json_decref(fresh);
        return found;
    }
    if (found) {
        json_decref(fresh);
        return NULL;
    }
    set_new(container, name, fresh);
    return fresh;
}

/* Cuts the next [part] off; NULL at the end, and *bad when brackets do not match. */
static char *next_part(char **rest, int *bad)
{
    char *part = *rest;
    char *end;

    if (!*part)
        return NULL;
    if (*part != '[' || !(end = strchr(part, ']'))) {
        *bad = 1;
        return NULL;
    }
    *end = '\0';
    *rest = end + 1;
    return part + 1;
}

/* Puts a value where its name (which is cut up) says; false when that is not possible. */
static int place(json_t *root, char *name, const char *value)
{
    char *rest = name + strcspn(name, "[");
    char first = *rest;
    json_t *container = root;
    const char *at = name;
    char *part;
    int bad = 0;

    if (first == '[') { // next_part() wants the bracket, the name must end before it
        memmove(rest + 1, rest, strlen(rest) + 1);
        *rest++ = '\0';
    }
    for (int depth = 0; (part = next_part(&rest, &bad)); depth++) {
        container = depth < MAX_DEPTH ? child(container, at, *part ? json_object() : json_array()) : NULL;
        if (!container)
            return 0;
        at = part;
    }
    if (bad)
        return 0;
    if (json_is_array(container))
        return json_array_append_new(container, json_string(value)) == 0;

    const json_t *there = json_object_get(container, at);
    if (json_is_object(there) || json_is_array(there))
        return 0;
    set_text(container, at, value);
    return 1;
}

static int pair(struct arena *arena, json_t *root, const char *text, size_t length, const char **why)
{
    const char *equals = memchr(text, '=', length);
    size_t name_length = equals ? (size_t)(equals - text) : length;
    const char *name = decode_part(arena, text, name_length, 1);
    const char *value = equals ? decode_part(arena, equals + 1, length - name_length - 1, 1) : "";

    if (!name || !value) {
        *why = "Invalid encoding: names and values must be percent-encoded UTF-8.";
        return 0;
    }
    char *cut = arena_printf(arena, "%s ", name); // place() needs the room
    cut[strlen(name)] = '\0';
    if (!place(root, cut, value)) {
        *why = arena_printf(arena, "Invalid parameter name: %s", name);
        return 0;
    }
    return 1;
}

json_t *decode_form(struct arena *arena, const char *text, size_t length, const char **why)
{
    json_t *root = made(json_object());
    size_t start = 0;

    while (start < length) {
        const char *end = memchr(text + start, '&', length - start);
        size_t size = end ? (size_t)(end - text) - start : length - start;

        if (size && !pair(arena, root, text + start, size, why)) {
            json_decref(root);
            return NULL;
        }
        start += size + 1;
    }
    return root;
}
