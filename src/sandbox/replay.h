#ifndef TILL_SANDBOX_REPLAY_H
#define TILL_SANDBOX_REPLAY_H

#include "sandbox/failure.h"

/* Answers stored under their idempotency key, for 24 hours of the sandbox's clock. Used under the sandbox's lock. */
struct replay {
    char *key;
    char *endpoint;    // "/v1/refunds"
    char *fingerprint; // of the parameters
    bool running;
    int status;
    char *body;
    char *request_id; // of the call that was carried out
    int64_t at;
};

struct replays;
struct replays *replays_new(void);
void replays_free(struct replays *replays);

/* The stored answer in *out, or NULL there: then the call holds the key until replay_store() or replay_release(). Errors: key
 * too long, in use, or used for something else. */
struct failure *replay_begin(struct call *call, const char *fingerprint, const struct replay **out);
void replay_store(struct call *call, int status, const char *body);
void replay_release(struct call *call);

json_t *replays_save(const struct replays *replays);
void replays_restore(struct replays *replays, const json_t *saved);

#endif
