#ifndef TILL_BASE_ARENA_H
#define TILL_BASE_ARENA_H

#include <stdbool.h>
#include <stddef.h>

/* Memory that lives as long as one request, job or command. Everything is taken from it, zeroed, and nothing is freed
 * singly. Running out of memory ends the process. */
struct arena;

struct arena *arena_new(void);
void arena_free(struct arena *arena);

/* Runs what was deferred and forgets everything; the first block is kept for the next request. */
void arena_reset(struct arena *arena);

/* Zeroed bytes, aligned for any type. */
void *arena_alloc(struct arena *arena, size_t size);

/* `count` elements of `size` bytes; a product that overflows ends the process. */
void *arena_array(struct arena *arena, size_t count, size_t size);

/* Makes the piece of `size` bytes that was taken last longer, where it lies; false when it was not the last, or there is no room. */
bool arena_extend(struct arena *arena, void *piece, size_t size, size_t longer);

char *arena_strdup(struct arena *arena, const char *text);
char *arena_strndup(struct arena *arena, const char *text, size_t length);
char *arena_printf(struct arena *arena, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Calls release(object) when the arena is reset or freed, last deferred first. Foreign objects (json_t, PGresult, curl
 * lists) join right where they are made. */
void arena_defer(struct arena *arena, void (*release)(void *), void *object);

#endif
