#ifndef TILL_BASE_INSTANT_H
#define TILL_BASE_INSTANT_H

#include <stdbool.h>
#include <stdint.h>

struct arena;

/* A point in time: microseconds since 1970 UTC. Zero is "never" and becomes NULL in SQL and null in JSON. */
struct instant {
    int64_t us;
};

bool instant_is_set(struct instant instant);
struct instant instant_of_unix(int64_t seconds);
int64_t instant_to_unix(struct instant instant);
struct instant instant_add_seconds(struct instant instant, int64_t seconds);

/* RFC 3339 in UTC: "2026-11-21T07:29:57Z", with six digits of fraction only where `precise`. */
const char *instant_format(struct arena *arena, struct instant instant, bool precise);

/* For people: "28 Nov 2026, 15:01 UTC". */
const char *instant_words(struct arena *arena, struct instant instant);

/* RFC 3339, and PostgreSQL's own text form. False when it is not a time; *out is then unchanged. */
bool instant_parse(const char *text, struct instant *out);

/* Milliseconds of a clock that never jumps, for deadlines. */
int64_t monotonic_ms(void);

/* The domain's clock: the system's, moved by the offset that test mode may set (clock_set_offset). */
struct instant clock_now(void);
void clock_set_offset(int64_t seconds);
int64_t clock_offset(void);

#endif
