#include "web/multipart.h"

#include <string.h>
#include <strings.h>

#include "base/arena.h"

#define BOUNDARY 70 // characters at most (RFC 2046)
#define HEAD 2000   // bytes of one part's headers

/* The value of a parameter, "name=value" or "name=\"value\"", behind a semicolon; NULL when there is none. */
static const char *parameter(struct arena *arena, const char *text, const char *name)
{
    size_t length = strlen(name);

    for (const char *at = strchr(text, ';'); at; at = strchr(at, ';')) {
        at += strspn(at, "; \t");
        if (strncasecmp(at, name, length) != 0 || at[length] != '=')
            continue;
        const char *value = at + length + 1;
        if (*value != '"')
            return arena_strndup(arena, value, strcspn(value, "; \t\r\n"));
        return arena_strndup(arena, value + 1, strcspn(value + 1, "\""));
    }
    return NULL;
}

static const uint8_t *find(struct bytes in, const char *what)
{
    return memmem(in.data, in.length, what, strlen(what));
}

static void skip(struct bytes *rest, const uint8_t *to)
{
    rest->length -= (size_t)(to - rest->data);
    rest->data = to;
}

/* The headers of a part, a line each. */
static void read_head(struct arena *arena, char *head, struct multipart *out)
{
    char *line;

    while ((line = strsep(&head, "\n"))) {
        line[strcspn(line, "\r")] = '\0';
        if (strncasecmp(line, "Content-Disposition: form-data;", 31) == 0) {
            out->name = parameter(arena, line, "name");
            out->filename = parameter(arena, line, "filename");
        } else if (strncasecmp(line, "Content-Type: ", 14) == 0) {
            out->content_type = arena_strdup(arena, line + 14);
        }
    }
}

bool multipart_next(struct arena *arena, const char *content_type, struct bytes *rest, struct multipart *out)
{
    const char *boundary = parameter(arena, content_type, "boundary");

    *out = (struct multipart){ 0 };
    if (!boundary || !*boundary || strlen(boundary) > BOUNDARY)
        return false;
    const char *delimiter = arena_printf(arena, "--%s", boundary);
    const uint8_t *begin = find(*rest, delimiter);
    if (!begin)
        return false;
    skip(rest, begin + strlen(delimiter));
    const uint8_t *head = find(*rest, "\r\n"), *end = find(*rest, "\r\n\r\n");
    if (head != rest->data || !end || end - head > HEAD)
        return false; // "--" after the last part
    read_head(arena,
        arena_strndup(arena, (const char *)head + 2, (size_t)(end - head) > 2 ? (size_t)(end - head) - 2 : 0), out);
    skip(rest, end + 4);
    const uint8_t *close = find(*rest, arena_printf(arena, "\r\n%s", delimiter));
    if (!close || !out->name)
        return false;
    out->content = (struct bytes){ rest->data, (size_t)(close - rest->data) };
    skip(rest, close + 2);
    return true;
}
