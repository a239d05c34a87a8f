#ifndef TILL_SANDBOX_SANDBOX_H
#define TILL_SANDBOX_SANDBOX_H

#include <jansson.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

struct ctx;
struct delivery;
struct dials;
struct record;
struct replays;
struct request;
struct schedule;
struct store;

/* What the environment says; nothing changes after the start. */
struct settings {
    const char *url;             // SANDBOX_URL: this sandbox as browsers see it, without a slash at the end
    const char *webhook_url;     // SANDBOX_WEBHOOK_URL: where events go, or NULL
    const char *webhook_secret;  // STRIPE_WEBHOOK_SECRET
    const char *secret_key;      // STRIPE_SECRET_KEY: the one that is accepted; NULL accepts every test key
    const char *publishable_key; // STRIPE_PUBLISHABLE_KEY: the same
    const char *api_version;     // STRIPE_API_VERSION: the account's default
    const char *shop_api_key;    // SHOP_API_KEY: the demo shop's key for Till
    const char *till_url;        // TILL_URL
    const char *till_clock_url;  // TILL_CLOCK_URL: told when the clock moves, or NULL
    const char *files_dir;       // TILL_SANDBOX_FILES: the folder with js/ and shop/
};

/* One emulated world. Threads take the lock for as long as they look at or change it, never while they wait. */
struct sandbox {
    struct settings settings;
    pthread_mutex_t lock;
    struct store *store;
    struct replays *replays;
    struct dials *dials;
    struct schedule *schedule;
    struct delivery *delivery; // has a lock of its own
};

struct operation;

/* One call of the emulated API, or a change that the clock or the dashboard makes; `request` is NULL then. */
struct call {
    struct sandbox *sandbox;
    struct ctx *ctx;
    struct request *request;
    const struct operation *operation;
    const char *request_id;      // "req_…", or NULL
    const char *idempotency_key; // or NULL
    const char *version;         // of the API
    const char *segments[2];     // values of the path's {names}
    bool publishable;            // made with a publishable key, as a browser does
    int64_t now;                 // the sandbox's clock, unix seconds
    json_t *params;              // checked and typed; never NULL
    json_t *answer;              // what the handler answers, a reference of the call's own
};

/* A call of our own making, without a request. */
struct call call_internal(struct sandbox *sandbox, struct ctx *ctx);

/* Does everything that is due by now. Called with the lock held. */
void sandbox_tick(struct sandbox *sandbox, struct ctx *ctx);

/* A new id: "pi_" and 24 letters and digits. In ctx->arena. */
const char *id_stripe(struct ctx *ctx, const char *prefix);

#endif
