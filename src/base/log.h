#ifndef TILL_BASE_LOG_H
#define TILL_BASE_LOG_H

#include <jansson.h>

struct ctx;

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR };

/* One JSON line to fd 2, at most 8 KB, in one write. `ctx` may be NULL; its trace id and principal go along. Never a card,
 * token, key or body. */
void log_event(struct ctx *ctx, enum log_level level, const char *event, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
#define log_debug(ctx, event, ...) log_event(ctx, LOG_DEBUG, event, __VA_ARGS__)
#define log_info(ctx, event, ...) log_event(ctx, LOG_INFO, event, __VA_ARGS__)
/* For what an operator should look into. */
#define log_warn(ctx, event, ...) log_event(ctx, LOG_WARN, event, __VA_ARGS__)
#define log_error(ctx, event, ...) log_event(ctx, LOG_ERROR, event, __VA_ARGS__)

/* A line with members of its own (the request line). Takes the reference. */
void log_line(struct ctx *ctx, enum log_level level, const char *event, json_t *members);

void log_set_level(enum log_level level);

#endif
