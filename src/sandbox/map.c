#include "sandbox/map.h"

#include "sandbox/memory.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

struct slot {
    char *key;
    void *value;
};

struct map {
    struct slot *slots; // a power of two, at most three quarters full
    size_t size;
    size_t used;
};

enum { FIRST_SIZE = 64 };

static uint64_t hash(const char *key)
{
    uint64_t hash = UINT64_C(14695981039346656037);

    for (; *key; key++)
        hash = (hash ^ (uint8_t)*key) * UINT64_C(1099511628211);
    return hash;
}

static struct slot *find(const struct map *map, const char *key)
{
    size_t i = (size_t)hash(key) & (map->size - 1);

    while (map->slots[i].key && strcmp(map->slots[i].key, key) != 0)
        i = (i + 1) & (map->size - 1);
    return &map->slots[i];
}

static void resize(struct map *map, size_t size)
{
    struct map old = *map;

    map->slots = memory_array(NULL, size, sizeof *map->slots);
    memset(map->slots, 0, size * sizeof *map->slots);
    map->size = size;
    for (size_t i = 0; i < old.size; i++) {
        if (old.slots[i].key)
            *find(map, old.slots[i].key) = old.slots[i];
    }
    free(old.slots);
}

struct map *map_new(void)
{
    struct map *map = memory_new(sizeof *map);

    resize(map, FIRST_SIZE);
    return map;
}

void map_free(struct map *map, void (*release)(void *))
{
    if (!map)
        return;
    for (size_t i = 0; i < map->size; i++) {
        if (map->slots[i].key && release)
            release(map->slots[i].value);
        free(map->slots[i].key);
    }
    free(map->slots);
    free(map);
}

void *map_get(const struct map *map, const char *key)
{
    return find(map, key)->value;
}

void map_put(struct map *map, const char *key, void *value)
{
    struct slot *slot = find(map, key);

    if (!slot->key) {
        if (map->used + 1 > map->size / 4 * 3) {
            resize(map, map->size * 2);
            slot = find(map, key);
        }
        slot->key = memory_text(key);
        map->used++;
    }
    slot->value = value;
}

void map_filter(struct map *map, int (*keep)(void *value, void *with), void *with, void (*release)(void *))
{
    struct map old = *map;

    map->slots = memory_array(NULL, old.size, sizeof *map->slots);
    memset(map->slots, 0, old.size * sizeof *map->slots);
    map->used = 0;
    for (size_t i = 0; i < old.size; i++) {
        if (!old.slots[i].key)
            continue;
        if (keep(old.slots[i].value, with)) {
            *find(map, old.slots[i].key) = old.slots[i];
            map->used++;
            continue;
        }
        release(old.slots[i].value);
        free(old.slots[i].key);
    }
    free(old.slots);
}
