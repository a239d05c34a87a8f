#include "base/arena.h"

#include <assert.h>
#include <stdalign.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#if defined(__SANITIZE_ADDRESS__)
#define ARENA_GAP 16
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define ARENA_GAP 16
#endif
#endif

#ifdef ARENA_GAP
#include <sanitizer/asan_interface.h>
#else
#define ARENA_GAP 0 // between two pieces; only AddressSanitizer looks at it
#define ASAN_POISON_MEMORY_REGION(address, size) ((void)(address), (void)(size))
#define ASAN_UNPOISON_MEMORY_REGION(address, size) ((void)(address), (void)(size))
#endif

struct block {
    struct block *next;
    size_t size;
    size_t used;
    alignas(max_align_t) unsigned char data[];
};

#define BLOCK_SIZE ((size_t)2048 - sizeof(struct block) - 16) // with what malloc() adds, half a page

struct deferred {
    struct deferred *next;
    void (*release)(void *);
    void *object;
};

struct arena {
    struct block *current; // the newest; the first one is at the end of the list
    struct deferred *deferred;
};

static _Noreturn void out_of_memory(void)
{
    static const char message[] = "out of memory\n";

    (void)!write(STDERR_FILENO, message, sizeof(message) - 1);
    abort();
}

static struct block *block_new(size_t size, struct block *next)
{
    struct block *block = calloc(1, sizeof(*block) + size);

    if (!block)
        out_of_memory();
    block->size = size;
    block->next = next;
    ASAN_POISON_MEMORY_REGION(block->data, size);
    return block;
}

/* What a block held may have been secret, and the next request expects zeroes. */
static void block_clear(struct block *block)
{
    ASAN_UNPOISON_MEMORY_REGION(block->data, block->size);
    explicit_bzero(block->data, block->used);
    block->used = 0;
}

struct arena *arena_new(void)
{
    struct arena *arena = calloc(1, sizeof(*arena));

    if (!arena)
        out_of_memory();
    arena->current = block_new(BLOCK_SIZE, NULL);
    return arena;
}

static void release_deferred(struct arena *arena)
{
    while (arena->deferred) {
        struct deferred deferred = *arena->deferred;

        arena->deferred = deferred.next;
        deferred.release(deferred.object);
    }
}

void arena_reset(struct arena *arena)
{
    release_deferred(arena);
    while (arena->current->next) {
        struct block *block = arena->current;

        arena->current = block->next;
        block_clear(block);
        free(block);
    }
    block_clear(arena->current);
    ASAN_POISON_MEMORY_REGION(arena->current->data, arena->current->size);
}

void arena_free(struct arena *arena)
{
    if (!arena)
        return;
    arena_reset(arena);
    ASAN_UNPOISON_MEMORY_REGION(arena->current->data, arena->current->size);
    free(arena->current);
    free(arena);
}

static size_t padded_size(size_t size)
{
    const size_t align = alignof(max_align_t);
    size_t padded;

    if (__builtin_add_overflow(size, align - 1 + ARENA_GAP, &padded) || padded > PTRDIFF_MAX / 2)
        out_of_memory();
    return padded & ~(align - 1);
}

void *arena_alloc(struct arena *arena, size_t size)
{
    size_t padded = padded_size(size);

    struct block *block = arena->current;
    if (block->size - block->used < padded)
        block = arena->current = block_new(padded > BLOCK_SIZE ? padded : BLOCK_SIZE, block);

    void *piece = block->data + block->used;
    block->used += padded;
    ASAN_UNPOISON_MEMORY_REGION(piece, size);
    return piece;
}

bool arena_extend(struct arena *arena, void *piece, size_t size, size_t longer)
{
    struct block *block = arena->current;
    size_t had = padded_size(size), more = padded_size(longer) - had;

    if ((unsigned char *)piece + had != block->data + block->used || block->size - block->used < more)
        return false;
    block->used += more;
    ASAN_UNPOISON_MEMORY_REGION(piece, longer);
    return true;
}

void *arena_array(struct arena *arena, size_t count, size_t size)
{
    size_t total;

    if (__builtin_mul_overflow(count, size, &total))
        out_of_memory();
    return arena_alloc(arena, total);
}

char *arena_strndup(struct arena *arena, const char *text, size_t length)
{
    size_t used = strnlen(text, length);
    char *copy = arena_alloc(arena, used + 1);

    memcpy(copy, text, used);
    return copy;
}

char *arena_strdup(struct arena *arena, const char *text)
{
    return arena_strndup(arena, text, strlen(text));
}

char *arena_printf(struct arena *arena, const char *format, ...)
{
    va_list arguments, again;

    va_start(arguments, format);
    va_copy(again, arguments);
    int length = vsnprintf(NULL, 0, format, arguments);
    assert(length >= 0);
    char *text = arena_alloc(arena, (size_t)length + 1);
    vsnprintf(text, (size_t)length + 1, format, again);
    va_end(again);
    va_end(arguments);
    return text;
}

void arena_defer(struct arena *arena, void (*release)(void *), void *object)
{
    struct deferred *deferred = arena_alloc(arena, sizeof(*deferred));

    *deferred = (struct deferred){ arena->deferred, release, object };
    arena->deferred = deferred;
}
