#ifndef TILL_SANDBOX_MAP_H
#define TILL_SANDBOX_MAP_H

#include <stddef.h>

/* Text keys to pointers, for tables that live as long as the process. Keys are copied, values belong to the caller. */
struct map;

struct map *map_new(void);

/* Frees the map; release() gets each value, and may be NULL. */
void map_free(struct map *map, void (*release)(void *));

void *map_get(const struct map *map, const char *key);       // NULL when there is none
void map_put(struct map *map, const char *key, void *value); // in place of an earlier one

/* Calls keep() for each value and takes out those it denies, after release(). */
void map_filter(struct map *map, int (*keep)(void *value, void *with), void *with, void (*release)(void *));

#endif
