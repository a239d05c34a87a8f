#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "base/arena.h"
#include "base/instant.h"

/* Times from anywhere: what is taken is a time of the calendar and is read again as the same. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *arena = arena_new();
    struct instant instant = { 42 }, back;

    if (instant_parse(arena_strndup(arena, (const char *)data, size), &instant)) {
        const char *text = instant_format(arena, instant, true);

        assert(strlen(text) == strlen("2026-11-21T07:29:57.123456Z"));
        assert(instant_parse(text, &back) && back.us == instant.us);
        assert(instant_to_unix(instant_add_seconds(instant, 1)) >= instant_to_unix(instant));
    } else {
        assert(instant.us == 42);
    }
    arena_free(arena);
    return 0;
}
