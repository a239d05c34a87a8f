#include "sandbox/message.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

size_t head_length(const char *data, size_t length)
{
    const char *end = memmem(data, length, "\r\n\r\n", 4);

    return end ? (size_t)(end - data) + 4 : 0;
}

/* The next line after `line`; its end excluded. NULL after the last. */
static const char *next_line(const char *line, const char *end)
{
    const char *feed = memchr(line, '\n', (size_t)(end - line));

    return feed && feed + 1 < end ? feed + 1 : NULL;
}

static bool is_field(const char *line, const char *end, const char *name)
{
    size_t length = strlen(name);

    return (size_t)(end - line) > length && strncasecmp(line, name, length) == 0 && line[length] == ':';
}

bool head_field(const char *head, size_t length, const char *name, char *out, size_t size)
{
    const char *end = head + length;

    for (const char *line = head; line; line = next_line(line, end)) {
        if (!is_field(line, end, name))
            continue;
        const char *value = line + strlen(name) + 1;
        const char *stop = memchr(value, '\r', (size_t)(end - value));

        while (*value == ' ' || *value == '\t')
            value++;
        if (!stop || (size_t)(stop - value) >= size)
            return false;
        memcpy(out, value, (size_t)(stop - value));
        out[stop - value] = '\0';
        return true;
    }
    return false;
}

size_t head_remove(char *head, size_t length, const char *name)
{
    const char *line = head;

    while (line) {
        const char *next = next_line(line, head + length);

        if (!is_field(line, head + length, name) || !next) {
            line = next;
            continue;
        }
        size_t removed = (size_t)(next - line);
        memmove(head + (line - head), next, length - (size_t)(next - head));
        length -= removed;
    }
    return length;
}

size_t head_add(char *head, size_t length, const char *line)
{
    size_t added = strlen(line);

    snprintf(head + length - 2, added + 3, "%s\r\n", line);
    return length + added;
}

static struct body framed(const char *head, size_t length, enum body_kind otherwise)
{
    char value[128];

    if (head_field(head, length, "Transfer-Encoding", value, sizeof value) && strcasestr(value, "chunked"))
        return (struct body){ .kind = BODY_CHUNKED };
    if (head_field(head, length, "Content-Length", value, sizeof value)) {
        uint64_t bytes = strtoull(value, NULL, 10);

        return (struct body){ .kind = BODY_LENGTH, .left = bytes, .done = bytes == 0 };
    }
    return (struct body){ .kind = otherwise, .done = otherwise == BODY_NONE };
}

struct body body_of_request(const char *head, size_t length)
{
    return framed(head, length, BODY_NONE);
}

struct body body_of_answer(const char *head, size_t length, int status, bool to_head)
{
    if (to_head || status == 204 || status == 304)
        return (struct body){ .kind = BODY_NONE, .done = true };
    return framed(head, length, BODY_UNTIL_CLOSE);
}

/* One byte of a chunked body outside of a chunk's data. */
static void take_framing(struct body *body, char c)
{
    switch (body->state) {
    case CHUNK_SIZE:
        if (isxdigit((unsigned char)c)) {
            body->left = body->left * 16 + (uint64_t)(isdigit((unsigned char)c) ? c - '0' : (c | 32) - 'a' + 10);
            return;
        }
        body->state = CHUNK_EXTENSION;
        if (c != '\n')
            return;
        // fall through
    case CHUNK_EXTENSION:
        if (c != '\n')
            return;
        body->state = body->left ? CHUNK_DATA : CHUNK_TRAILER;
        body->left += body->left ? 2 : 0;
        body->line_empty = true;
        return;
    case CHUNK_TRAILER:
        if (c == '\n' && body->line_empty)
            body->done = true;
        body->line_empty = c == '\n' || (c == '\r' && body->line_empty);
        return;
    case CHUNK_DATA:
        return;
    }
}

static size_t take_chunked(struct body *body, const char *data, size_t length)
{
    size_t used = 0;

    while (used < length && !body->done) {
        if (body->state != CHUNK_DATA) {
            take_framing(body, data[used++]);
            continue;
        }
        size_t some = length - used < body->left ? length - used : (size_t)body->left;
        used += some;
        body->left -= some;
        if (!body->left)
            body->state = CHUNK_SIZE;
    }
    return used;
}

size_t body_take(struct body *body, const char *data, size_t length)
{
    size_t some = length;

    switch (body->kind) {
    case BODY_NONE:
        return 0;
    case BODY_UNTIL_CLOSE:
        return length;
    case BODY_CHUNKED:
        return take_chunked(body, data, length);
    case BODY_LENGTH:
        break;
    }
    if (some > body->left)
        some = (size_t)body->left;
    body->left -= some;
    body->done = !body->left;
    return some;
}
