#include "sandbox/replay.h"

#include "base/arena.h"
#include "base/ctx.h"
#include "base/field.h"
#include "sandbox/map.h"
#include "sandbox/memory.h"
#include "web/request.h"

#include <stdlib.h>
#include <string.h>

enum { KEEP_SECONDS = 86400, MAX_KEY = 255, SWEEP_EVERY = 4096 };

struct replays {
    struct map *map;
    size_t since_sweep;
};

struct replays *replays_new(void)
{
    struct replays *replays = memory_new(sizeof *replays);

    replays->map = map_new();
    return replays;
}

static void replay_free(void *memory)
{
    struct replay *replay = memory;

    free(replay->key);
    free(replay->endpoint);
    free(replay->fingerprint);
    free(replay->body);
    free(replay->request_id);
    free(replay);
}

void replays_free(struct replays *replays)
{
    if (!replays)
        return;
    map_free(replays->map, replay_free);
    free(replays);
}

static bool expired(const struct replay *replay, int64_t now)
{
    return !replay->running && replay->at + KEEP_SECONDS <= now;
}

static int is_kept(void *replay, void *now)
{
    return !expired(replay, *(int64_t *)now);
}

/* A browser's keys and a server's are different worlds. */
static const char *scoped(const struct call *call)
{
    return arena_printf(call->ctx->arena, "%s:%s", call->publishable ? "pk" : "sk", call->idempotency_key);
}

static char *replaced(char *old, const char *text)
{
    free(old);
    return text ? memory_text(text) : NULL;
}

static struct failure *mismatch(struct call *call, const char *message)
{
    struct failure *failure = fail_early(call, 400, NULL, NULL, "%s", message);

    failure->type = "idempotency_error";
    return failure;
}

static struct failure *check(struct call *call, const struct replay *replay, const char *fingerprint)
{
    struct arena *arena = call->ctx->arena;

    if (strcmp(replay->endpoint, call->request->path) != 0)
        return mismatch(call,
            arena_printf(arena,
                "Keys for idempotent requests can only be used for the same endpoint they were first used "
                "for ('%s' vs '%s'). Try using a key other than '%s' if you meant to execute a different "
                "request.",
                call->request->path, replay->endpoint, call->idempotency_key));
    if (strcmp(replay->fingerprint, fingerprint) != 0)
        return mismatch(call,
            arena_printf(arena,
                "Keys for idempotent requests can only be used with the same parameters they were first "
                "used with. Try using a key other than '%s' if you meant to execute a different request.",
                call->idempotency_key));
    if (replay->running) {
        struct failure *failure = mismatch(call,
            arena_printf(arena,
                "There is currently another in-progress request using this Idempotent Key (that probably "
                "means you submitted twice, and the other request is still going through): %s. Please try "
                "again later.",
                call->idempotency_key));

        failure->status = 409;
        failure->code = "idempotency_key_in_use";
        failure->should_retry = "true";
        return failure;
    }
    return NULL;
}

struct failure *replay_begin(struct call *call, const char *fingerprint, const struct replay **out)
{
    struct replays *replays = call->sandbox->replays;
    const char *key = scoped(call);
    struct replay *replay = map_get(replays->map, key);

    *out = NULL;
    if (strlen(call->idempotency_key) > MAX_KEY)
        return fail_early(call, 400, NULL, NULL, "Idempotency keys must be %d characters or less", MAX_KEY);
    if (replay && !expired(replay, call->now)) {
        PASS(check(call, replay, fingerprint));
        *out = replay->body ? replay : NULL;
        if (*out)
            return NULL;
    }
    if (!replay) {
        replay = memory_new(sizeof *replay);
        replay->key = memory_text(key);
        map_put(replays->map, key, replay);
        replays->since_sweep++;
    }
    replay->running = true;
    replay->at = call->now;
    replay->endpoint = replaced(replay->endpoint, call->request->path);
    replay->fingerprint = replaced(replay->fingerprint, fingerprint);
    replay->body = replaced(replay->body, NULL);
    return NULL;
}

void replay_store(struct call *call, int status, const char *body)
{
    struct replays *replays = call->sandbox->replays;
    struct replay *replay = map_get(replays->map, scoped(call));

    if (!replay) // the world was reset while the call ran
        return;
    replay->running = false;
    replay->status = status;
    replay->body = replaced(replay->body, body);
    replay->request_id = replaced(replay->request_id, call->request_id);
    if (replays->since_sweep >= SWEEP_EVERY) {
        replays->since_sweep = 0;
        map_filter(replays->map, is_kept, &call->now, replay_free);
    }
}

void replay_release(struct call *call)
{
    struct replay *replay = map_get(call->sandbox->replays->map, scoped(call));

    if (!replay)
        return;
    replay->running = false;
    replay->at = INT64_MIN / 2; // as if it had never been
}

static int append_saved(void *memory, void *list)
{
    const struct replay *replay = memory;

    if (replay->body)
        json_array_append_new(list,
            made(json_pack("{s:s, s:s, s:s, s:i, s:s, s:s, s:I}", "key", replay->key, "endpoint", replay->endpoint,
                "fingerprint", replay->fingerprint, "status", replay->status, "body", replay->body, "request_id",
                replay->request_id, "at", (json_int_t)replay->at)));
    return 1;
}

json_t *replays_save(const struct replays *replays)
{
    json_t *saved = made(json_array());

    map_filter(replays->map, append_saved, saved, replay_free);
    return saved;
}

void replays_restore(struct replays *replays, const json_t *saved)
{
    size_t i;
    json_t *entry;

    json_array_foreach(saved, i, entry)
    {
        struct replay *replay = memory_new(sizeof *replay);

        replay->key = replaced(NULL, json_get_text(entry, "key"));
        replay->endpoint = replaced(NULL, json_get_text(entry, "endpoint"));
        replay->fingerprint = replaced(NULL, json_get_text(entry, "fingerprint"));
        replay->status = (int)json_get_int(entry, "status");
        replay->body = replaced(NULL, json_get_text(entry, "body"));
        replay->request_id = replaced(NULL, json_get_text(entry, "request_id"));
        replay->at = json_get_int(entry, "at");
        if (replay->key && replay->endpoint && replay->fingerprint && replay->body
            && !map_get(replays->map, replay->key))
            map_put(replays->map, replay->key, replay);
        else
            replay_free(replay);
    }
}
