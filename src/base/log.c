#include "base/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/card_number.h"
#include "base/ctx.h"
#include "base/utf8.h"

#define LINE_SIZE 8192
#define TEXT_AT_MOST 256     // of what may come from outside
#define MESSAGE_AT_MOST 1024 // of what we say ourselves
#define DEPTH_AT_MOST 4
#define SECRET_AT_LEAST 10 // characters after its mark
#define LETTERS_AND_DIGITS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"

static const char *const level_names[] = { "debug", "info", "warn", "error" };

static _Atomic int lowest = LOG_INFO;

/* A line in the making. What does not fit is left out whole, so that the line stays JSON. */
struct line {
    char data[LINE_SIZE];
    size_t length;
    bool full;
};

/* The last bytes stay free for the brackets that are open and the line's end. */
static void put(struct line *line, const char *data, size_t length)
{
    if (line->full || length > LINE_SIZE - 16 - line->length) {
        line->full = true;
        return;
    }
    memcpy(line->data + line->length, data, length);
    line->length += length;
}

static void put_text(struct line *line, const char *text)
{
    put(line, text, strlen(text));
}

static void put_escaped(struct line *line, uint32_t code, const char *bytes, size_t length)
{
    char escape[8];

    if (code == '"' || code == '\\') {
        put(line, (const char[]){ '\\', (char)code }, 2);
    } else if (code < 0x20 || (code >= 0x7f && code < 0xa0) || code == 0x2028 || code == 0x2029) {
        snprintf(escape, sizeof(escape), "\\u%04x", (unsigned)code);
        put_text(line, escape);
    } else if (code == 0xfffd) {
        put_text(line, "\xef\xbf\xbd");
    } else {
        put(line, bytes, length);
    }
}

/* Whether the text holds a key or what gives a payer's browser access to a payment: one of these and a good deal of
 * letters. */
static bool secret_in(const char *text)
{
    static const char *const marks[] = {
        "sk_test_",
        "sk_live_",
        "rk_test_",
        "rk_live_",
        "whsec_",
        "till_test_",
        "till_live_",
        "_secret_",
        "Bearer ",
    };

    for (size_t i = 0; i < sizeof(marks) / sizeof(marks[0]); i++) {
        for (const char *found = text; (found = strstr(found, marks[i]));) {
            found += strlen(marks[i]);
            if (strspn(found, LETTERS_AND_DIGITS) >= SECRET_AT_LEAST)
                return true;
        }
    }
    return false;
}

static void put_string(struct line *line, const char *text, size_t most)
{
    const char *start = text;

    if (card_number_in(text) || secret_in(text)) {
        put_text(line, "\"(not shown: it may be a card number or a key)\"");
        return;
    }
    put_text(line, "\"");
    while (*text) {
        const char *from = text;
        uint32_t code;

        utf8_next(&text, &code);
        if ((size_t)(text - start) > most) {
            put_text(line, "…");
            break;
        }
        put_escaped(line, code, from, (size_t)(text - from));
    }
    put_text(line, "\"");
}

static void put_value(struct line *line, const json_t *value, int depth);

static void put_members(struct line *line, const json_t *object, int depth)
{
    const char *name;
    json_t *member;

    put_text(line, "{");
    json_object_foreach((json_t *)object, name, member)
    {
        if (line->data[line->length - 1] != '{')
            put_text(line, ",");
        put_string(line, name, TEXT_AT_MOST);
        put_text(line, ":");
        put_value(line, member, depth + 1);
    }
    put_text(line, "}");
}

static void put_items(struct line *line, const json_t *array, int depth)
{
    json_t *item;
    size_t i;

    put_text(line, "[");
    json_array_foreach(array, i, item)
    {
        if (i)
            put_text(line, ",");
        put_value(line, item, depth + 1);
    }
    put_text(line, "]");
}

static void put_value(struct line *line, const json_t *value, int depth)
{
    char number[32];

    if (json_is_string(value)) {
        put_string(line, json_string_value(value), TEXT_AT_MOST);
    } else if (json_is_integer(value)) {
        snprintf(number, sizeof(number), "%" JSON_INTEGER_FORMAT, json_integer_value(value));
        put_text(line, number);
    } else if (json_is_boolean(value)) {
        put_text(line, json_is_true(value) ? "true" : "false");
    } else if (json_is_object(value) && depth < DEPTH_AT_MOST) {
        put_members(line, value, depth);
    } else if (json_is_array(value) && depth < DEPTH_AT_MOST) {
        put_items(line, value, depth);
    } else {
        put_text(line, "null");
    }
}

/* Ends a member: one that did not fit is taken back. */
static void settle(struct line *line, size_t before)
{
    if (line->full)
        line->length = before;
    line->full = false;
}

static void add_string(struct line *line, const char *name, const char *text, size_t most)
{
    size_t before = line->length;

    if (!text)
        return;
    put_text(line, before > 1 ? "," : "");
    put_string(line, name, TEXT_AT_MOST);
    put_text(line, ":");
    put_string(line, text, most);
    settle(line, before);
}

static void add_members(struct line *line, const json_t *members)
{
    const char *name;
    json_t *member;

    json_object_foreach((json_t *)members, name, member)
    {
        size_t before = line->length;

        put_text(line, ",");
        put_string(line, name, TEXT_AT_MOST);
        put_text(line, ":");
        put_value(line, member, 0);
        settle(line, before);
    }
}

/* The system's time, not the domain's: a line is read beside those of other programs. */
static void add_time(struct line *line)
{
    char text[40] = "";
    struct timespec now;
    struct tm parts;

    clock_gettime(CLOCK_REALTIME, &now);
    if (gmtime_r(&now.tv_sec, &parts)) {
        size_t length = strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &parts);

        snprintf(text + length, sizeof(text) - length, ".%03dZ", (int)(now.tv_nsec / 1000000));
    }
    add_string(line, "time", text, sizeof(text));
}

static void add_ctx(struct line *line, const struct ctx *ctx)
{
    char principal[TEXT_AT_MOST];

    if (!ctx)
        return;
    add_string(line, "request_id", ctx->trace, TEXT_AT_MOST);
    if (ctx->principal.kind == PRINCIPAL_NONE)
        return;
    snprintf(principal, sizeof(principal), "%s:%s", principal_kind_names[ctx->principal.kind],
        principal_name(&ctx->principal));
    add_string(line, "principal", principal, sizeof(principal));
}

/* Not on the stack: what a thread has once used of that stays its own. */
static struct line *begin(enum log_level level, const char *event)
{
    struct line *line = malloc(sizeof(*line));

    if (!line)
        return NULL;
    line->length = 0;
    line->full = false;
    put_text(line, "{");
    add_time(line);
    add_string(line, "level", level_names[level], TEXT_AT_MOST);
    add_string(line, "event", event, TEXT_AT_MOST);
    return line;
}

/* In one write, so that lines of several processes do not mix. A log that cannot be written stops nobody. */
static void end(struct line *line)
{
    memcpy(line->data + line->length, "}\n", 2);
    (void)!write(STDERR_FILENO, line->data, line->length + 2);
    free(line);
}

static bool is_wanted(enum log_level level)
{
    return (int)level >= atomic_load_explicit(&lowest, memory_order_relaxed);
}

void log_event(struct ctx *ctx, enum log_level level, const char *event, const char *format, ...)
{
    char message[MESSAGE_AT_MOST + 4];
    int kept = errno;
    struct line *line;
    va_list arguments;

    if (!is_wanted(level))
        return;
    va_start(arguments, format);
    vsnprintf(message, sizeof(message), format, arguments);
    va_end(arguments);
    line = begin(level, event);
    if (line) {
        add_string(line, "message", message, MESSAGE_AT_MOST);
        add_ctx(line, ctx);
        end(line);
    }
    errno = kept;
}

void log_line(struct ctx *ctx, enum log_level level, const char *event, json_t *members)
{
    int kept = errno;
    struct line *line = is_wanted(level) ? begin(level, event) : NULL;

    if (line) {
        add_ctx(line, ctx);
        add_members(line, members);
        end(line);
    }
    json_decref(members);
    errno = kept;
}

void log_set_level(enum log_level level)
{
    atomic_store(&lowest, (int)level);
}
