#include "sandbox/sandbox.h"

#include "base/arena.h"
#include "base/config.h"
#include "base/crypto.h"
#include "base/ctx.h"
#include "base/instant.h"
#include "base/log.h"
#include "http/client.h"
#include "sandbox/api.h"
#include "sandbox/control.h"
#include "sandbox/deliver.h"
#include "sandbox/dials.h"
#include "sandbox/files.h"
#include "sandbox/memory.h"
#include "sandbox/replay.h"
#include "sandbox/schedule.h"
#include "sandbox/shop.h"
#include "sandbox/state.h"
#include "sandbox/store.h"
#include "sandbox/wire.h"
#include "web/fcgi.h"
#include "web/reply.h"

#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

enum { DEFAULT_THREADS = 16, MAX_THREADS = 256, STOP_SECONDS = 10, MAX_BODY = 6 * 1024 * 1024 };

static const char newest_version[] = "2026-08-26.dahlia";

/* Settings */

static const char *setting(const char *name)
{
    const char *value = getenv(name);

    return value && *value ? value : NULL;
}

static const char *setting_or(const char *name, const char *otherwise)
{
    const char *value = setting(name);

    return value ? value : otherwise;
}

/* Nothing that could move real money comes near. */
static bool has_live_key(void)
{
    static const char *const marks[] = { "sk_live_", "rk_live_" };

    for (char **variable = environ; *variable; variable++) {
        for (size_t i = 0; i < sizeof marks / sizeof *marks; i++) {
            if (!strstr(*variable, marks[i]))
                continue;
            fprintf(stderr, "till-sandbox.fcgi: %.*s holds a live key; the sandbox takes test keys only\n",
                (int)strcspn(*variable, "="), *variable);
            return true;
        }
    }
    return false;
}

static struct settings read_settings(const char *files)
{
    return (struct settings){
        .url = setting_or("SANDBOX_URL", "http://localhost"),
        .webhook_url = setting("SANDBOX_WEBHOOK_URL"),
        .webhook_secret = setting("STRIPE_WEBHOOK_SECRET"),
        .secret_key = setting("STRIPE_SECRET_KEY"),
        .publishable_key = setting("STRIPE_PUBLISHABLE_KEY"),
        .api_version = setting_or("STRIPE_API_VERSION", newest_version),
        .shop_api_key = setting("SHOP_API_KEY"),
        .till_url = setting("TILL_URL"),
        .till_clock_url = setting("TILL_CLOCK_URL"),
        .files_dir = files ? files : setting_or("TILL_SANDBOX_FILES", "src/sandbox"),
    };
}

/* Requests */

struct worker {
    struct sandbox *sandbox;
    struct config config; // what the layers below ask of one
    struct ctx ctx;
    struct request request;
};

struct call call_internal(struct sandbox *sandbox, struct ctx *ctx)
{
    return (struct call){
        .sandbox = sandbox,
        .ctx = ctx,
        .version = sandbox->settings.api_version,
        .now = instant_to_unix(clock_now()),
        .params = json_in(ctx->arena, json_object()),
    };
}

void sandbox_tick(struct sandbox *sandbox, struct ctx *ctx)
{
    struct call call = call_internal(sandbox, ctx);

    (void)schedule_run(&call, false);
}

const char *id_stripe(struct ctx *ctx, const char *prefix)
{
    static const char digits[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    uint8_t random[24];
    char text[sizeof random + 1] = "";

    crypto_random(random, sizeof random);
    for (size_t i = 0; i < sizeof random; i++)
        text[i] = digits[random[i] % (sizeof digits - 1)];
    return arena_printf(ctx->arena, "%s_%s", prefix, text);
}

static void *worker_start(void *shared)
{
    struct worker *worker = memory_new(sizeof *worker);

    worker->sandbox = shared;
    worker->config = (struct config){ .mode = MODE_TEST, .url = worker->sandbox->settings.url };
    worker->ctx.config = &worker->config;
    worker->ctx.arena = arena_new();
    worker->ctx.http = http_open();
    return worker;
}

static void worker_stop(void *memory)
{
    struct worker *worker = memory;

    http_close(worker->ctx.http);
    pthread_mutex_lock(&worker->sandbox->lock);
    arena_free(worker->ctx.arena);
    pthread_mutex_unlock(&worker->sandbox->lock);
    free(worker);
}

static struct request *worker_request(void *memory)
{
    struct worker *worker = memory;

    pthread_mutex_lock(&worker->sandbox->lock); // the arena may hold references to objects of the store
    arena_reset(worker->ctx.arena);
    pthread_mutex_unlock(&worker->sandbox->lock);
    worker->ctx.now = clock_now();
    worker->request = (struct request){ .ctx = &worker->ctx };
    return &worker->request;
}

static size_t worker_max_body(void *memory, struct request *r)
{
    (void)memory, (void)r;
    return MAX_BODY;
}

static bool is_below(const char *path, const char *folder)
{
    size_t length = strlen(folder);

    return strncmp(path, folder, length) == 0 && (!path[length] || path[length] == '/');
}

static void worker_handle(void *memory, struct request *r)
{
    struct sandbox *sandbox = ((struct worker *)memory)->sandbox;

    if (is_below(r->path, "/v1"))
        api_handle(sandbox, r);
    else if (r->refused)
        reply_error(r, r->refused);
    else if (is_below(r->path, "/sandbox"))
        control_handle(sandbox, r);
    else if (is_below(r->path, "/shop"))
        shop_handle(sandbox, r);
    else
        files_handle(sandbox, r);
}

/* The process */

struct options {
    const char *listen, *state, *files, *wire, *upstream;
    int threads;
};

static void usage(FILE *out)
{
    fputs("usage: till-sandbox.fcgi [--listen PATH|HOST:PORT] [--threads N] [--state FILE] [--files DIR]\n"
          "                         [--wire HOST:PORT --upstream HOST:PORT]\n"
          "Emulated payment providers, for development and tests. Takes a FastCGI socket from fd 0 without --listen.\n"
          "docs/sandbox.md says what it answers to and which settings it reads.\n",
        out);
}

static bool read_options(int count, char **arguments, struct options *options)
{
    static const struct option known[] = {
        { "listen", required_argument, NULL, 'l' },
        { "threads", required_argument, NULL, 't' },
        { "state", required_argument, NULL, 's' },
        { "files", required_argument, NULL, 'f' },
        { "wire", required_argument, NULL, 'w' },
        { "upstream", required_argument, NULL, 'u' },
        { "help", no_argument, NULL, 'h' },
        { NULL, 0, NULL, 0 },
    };
    int option;

    *options = (struct options){ .threads = DEFAULT_THREADS };
    while ((option = getopt_long(count, arguments, "", known, NULL)) != -1) {
        const char **texts[] = {
            ['l'] = &options->listen,
            ['s'] = &options->state,
            ['f'] = &options->files,
            ['w'] = &options->wire,
            ['u'] = &options->upstream,
            ['z'] = NULL,
        };

        if (option == 'h') {
            usage(stdout);
            exit(EXIT_SUCCESS);
        }
        if (option == 't')
            options->threads = (int)strtol(optarg, NULL, 10);
        else if (option > 'z' || option == '?' || !texts[option])
            return false;
        else
            *texts[option] = optarg;
    }
    return optind == count && options->threads >= 1 && options->threads <= MAX_THREADS
        && !options->wire == !options->upstream;
}

/* The socket of --listen, or the one that a web server or systemd put at fd 0. */
static int listening_socket(const struct options *options)
{
    struct stat status;

    if (options->listen)
        return fcgi_listen(options->listen);
    return fstat(STDIN_FILENO, &status) == 0 && S_ISSOCK(status.st_mode) ? STDIN_FILENO : -1;
}

static void wait_for_end(const sigset_t *ends)
{
    int signal;

    while (sigwait(ends, &signal) != 0)
        continue;
    log_info(NULL, "sandbox_stop", "stops on signal %d", signal);
}

static int serve(struct sandbox *sandbox, const struct options *options, int socket)
{
    const struct fcgi_server server = {
        .listen_fd = socket,
        .threads = options->threads,
        .shared = sandbox,
        .thread_start = worker_start,
        .thread_stop = worker_stop,
        .request_new = worker_request,
        .max_body = worker_max_body,
        .handle = worker_handle,
        .handle_refused = true,
    };
    struct wire *wire = NULL;
    sigset_t ends;

    sigemptyset(&ends);
    sigaddset(&ends, SIGTERM);
    sigaddset(&ends, SIGINT);
    pthread_sigmask(SIG_BLOCK, &ends, NULL);
    fcgi_init();
    if (options->wire && !(wire = wire_start(options->wire, options->upstream)))
        return EXIT_FAILURE;
    delivery_start(sandbox);

    struct fcgi *fcgi = fcgi_start(&server);
    if (!fcgi) {
        fprintf(stderr, "till-sandbox.fcgi: cannot start its threads: %s\n", strerror(errno));
        wire_stop(wire);
        delivery_stop(sandbox->delivery);
        return EXIT_FAILURE;
    }
    log_info(NULL, "sandbox_start", "serves %s with %d threads", sandbox->settings.url, options->threads);
    wait_for_end(&ends);
    bool ended = fcgi_stop(fcgi, STOP_SECONDS);
    wire_stop(wire);
    delivery_stop(sandbox->delivery);
    bool saved = !options->state || state_save(sandbox, options->state);
    return ended && saved ? EXIT_SUCCESS : EXIT_FAILURE;
}

int main(int count, char **arguments)
{
    struct options options;

    if (!read_options(count, arguments, &options)) {
        usage(stderr);
        return EXIT_FAILURE;
    }
    if (has_live_key())
        return EXIT_FAILURE;
    int socket = listening_socket(&options);
    if (socket < 0) {
        fprintf(stderr, "till-sandbox.fcgi: no socket: %s\n",
            options.listen ? strerror(errno) : "give --listen, or a listening socket at fd 0");
        return EXIT_FAILURE;
    }

    prctl(PR_SET_DUMPABLE, 0);
    json_object_seed(0);
    crypto_init();
    http_init();
    struct sandbox sandbox = {
        .settings = read_settings(options.files),
        .store = store_new(),
        .replays = replays_new(),
        .dials = dials_new(),
        .schedule = schedule_new(),
    };
    pthread_mutex_init(&sandbox.lock, NULL);
    if (options.state && !state_restore(&sandbox, options.state))
        return EXIT_FAILURE;

    int status = serve(&sandbox, &options, socket);
    store_free(sandbox.store);
    replays_free(sandbox.replays);
    schedule_free(sandbox.schedule);
    dials_free(sandbox.dials);
    return status;
}
