#include <assert.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/config.h"

/* A settings file from anywhere: refused with a reason, or taken, and then its secrets are not printed. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *arena = arena_new();
    int fd = memfd_create("settings", 0);
    char *said = NULL, *printed = NULL;
    size_t said_length, printed_length;
    FILE *errors = open_memstream(&said, &said_length), *out = open_memstream(&printed, &printed_length);

    assert(fd >= 0 && errors && out && write(fd, data, size) == (ssize_t)size);
    const struct config *config = config_load_for(arena, arena_printf(arena, "/proc/self/fd/%d", fd), 0, errors);
    if (config)
        config_print(config, out);
    fclose(errors);
    fclose(out);
    assert(config || said_length > 0);
    assert(!config || !config->stripe_secret_key || strlen(config->stripe_secret_key) < 12
        || !strstr(printed, config->stripe_secret_key));
    free(said);
    free(printed);
    close(fd);
    arena_free(arena);
    return 0;
}
