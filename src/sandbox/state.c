#include "sandbox/state.h"

#include "base/field.h"
#include "base/instant.h"
#include "base/log.h"
#include "sandbox/memory.h"
#include "sandbox/replay.h"
#include "sandbox/schedule.h"
#include "sandbox/store.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

bool state_save(const struct sandbox *sandbox, const char *path)
{
    json_t *state = made(json_pack("{s:o, s:o, s:o, s:I}", "objects", store_save(sandbox->store), "replays",
        replays_save(sandbox->replays), "schedule", schedule_save(sandbox->schedule), "clock_offset",
        (json_int_t)clock_offset()));
    char *fresh;

    if (asprintf(&fresh, "%s.new", path) < 0)
        abort();
    mode_t before = umask(0077);
    bool saved = json_dump_file(state, fresh, JSON_COMPACT) == 0 && rename(fresh, path) == 0;
    umask(before);
    if (!saved)
        log_error(NULL, "sandbox_state", "%s cannot be written: %s", path, strerror(errno));
    json_decref(state);
    free(fresh);
    return saved;
}

bool state_restore(struct sandbox *sandbox, const char *path)
{
    if (access(path, F_OK) != 0)
        return true;
    json_t *state = json_load_file(path, 0, NULL);
    bool restored = state && store_restore(sandbox->store, json_object_get(state, "objects"));

    if (restored) {
        replays_restore(sandbox->replays, json_object_get(state, "replays"));
        schedule_restore(sandbox->schedule, json_object_get(state, "schedule"));
        clock_set_offset(json_get_int(state, "clock_offset"));
    } else {
        log_error(NULL, "sandbox_state", "%s is not a state of the sandbox", path);
    }
    json_decref(state);
    return restored;
}
