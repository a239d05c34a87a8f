#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <jansson.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/config.h"
#include "base/crypto.h"
#include "base/ctx.h"
#include "base/field.h"
#include "base/id.h"
#include "base/log.h"
#include "base/utf8.h"
#include "db/db.h"
#include "db/migrate.h"
#include "dispatch.h"
#include "http/client.h"
#include "jobs/job.h"
#include "web/address.h"
#include "web/fcgi.h"
#include "web/locale.h"
#include "web/prefork.h"
#include "web/request.h"
#include "web/template.h"

#ifndef TILL_VERSION
#define TILL_VERSION "0"
#endif

#ifndef TILL_CONFIG_FILE
#define TILL_CONFIG_FILE "/etc/till/till.conf"
#endif

#define STOP_SECONDS 25
#define USER_AGENT_LENGTH 256

/* The leak checker of the sanitizers has to look into the process. */
#if defined(__SANITIZE_ADDRESS__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SANITIZED 1
#endif
#endif
#ifndef SANITIZED
#define SANITIZED 0
#endif

/* What the command line said. */
struct options {
    const char *listen;
    const char *config;
    long workers, threads;
};

/* What the master knows, and each worker when it starts. */
struct till {
    struct options *options;
    char **environment; // as it was at the start: reading the configuration takes the secrets out of it
    struct arena *arena;
    const struct config *config;
    int listen_fd;
};

/* What the threads of a worker share. */
struct shared {
    const struct config *config;
    struct db *db;
    struct templates *templates;
    struct locales *locales;
};

/* What one thread keeps from request to request. */
struct thread {
    const struct shared *shared;
    struct arena *arena;
    struct http *http;
};

/* Threads */

static void *thread_start(void *shared)
{
    struct thread *thread = calloc(1, sizeof(*thread));

    if (!thread)
        abort();
    *thread = (struct thread){ shared, arena_new(), http_open() };
    return thread;
}

static void thread_stop(void *pointer)
{
    struct thread *thread = pointer;

    http_close(thread->http);
    arena_free(thread->arena);
    free(thread);
}

/* Forgets the request or job before it. */
static struct ctx *ctx_new(void *pointer, int64_t provider_ms)
{
    struct thread *thread = pointer;

    arena_reset(thread->arena);
    struct ctx *ctx = arena_alloc(thread->arena, sizeof(*ctx));
    *ctx = (struct ctx){
        .arena = thread->arena,
        .config = thread->shared->config,
        .db = thread->shared->db,
        .http = thread->http,
        .now = clock_now(),
        .deadline_ms = monotonic_ms() + provider_ms,
    };
    return ctx;
}

static struct ctx *job_ctx(void *thread)
{
    return ctx_new(thread, ((struct thread *)thread)->shared->config->provider_timeout_ms);
}

static struct request *request_new(void *pointer)
{
    const struct shared *shared = ((struct thread *)pointer)->shared;
    struct ctx *ctx = ctx_new(pointer, shared->config->provider_deadline_ms);
    struct request *r = arena_alloc(ctx->arena, sizeof(*r));

    ctx->trace = id_new(ctx, "req");
    *r = (struct request){ .ctx = ctx, .templates = shared->templates, .locales = shared->locales };
    return r;
}

static size_t max_body(void *thread, struct request *r)
{
    (void)thread;
    return dispatch_route(r);
}

static void handle(void *thread, struct request *r)
{
    struct ctx *ctx = r->ctx;
    const char *agent = request_header(r, "User-Agent");

    (void)thread;
    ctx->address = address_of_client(ctx->arena, request_variable(r, "REMOTE_ADDR"),
        request_header(r, "X-Forwarded-For"), ctx->config->trusted_proxies);
    if (agent)
        ctx->user_agent = utf8_clean(ctx->arena, arena_strndup(ctx->arena, agent, strnlen(agent, USER_AGENT_LENGTH)));
    dispatch(r);
}

/* Worker */

/* A schema that is older than the program would fail request by request. One that cannot be asked is a database that is
 * down, which passes. */
static bool schema_fits(struct shared *shared)
{
    struct arena *arena = arena_new();
    struct ctx ctx = { .arena = arena, .config = shared->config, .db = shared->db, .now = clock_now() };
    int version = 0;
    struct error *error = migrate_version(&ctx, &version);
    bool fits = error || version >= migrate_known_version();

    if (error)
        log_warn(&ctx, "start", "the schema's version is not known: %s", error->cause ? error->cause : error->detail);
    if (!fits)
        fprintf(stderr, "till.fcgi: the database has schema version %d, this program needs %d: run `till migrate`\n",
            version, migrate_known_version());
    arena_free(arena);
    return fits;
}

static bool open_shared(struct shared *shared)
{
    const struct config *config = shared->config;
    const char *why;

    shared->db = db_open(config->database_url, (int)config->db_pool_size);
    shared->templates = templates_load(config->templates_dir, &why);
    if (shared->templates)
        shared->locales = locales_load(config->locales_dir, &why);
    if (!shared->locales) {
        fprintf(stderr, "till.fcgi: %s\n", why);
        return false;
    }
    return schema_fits(shared);
}

static void close_shared(struct shared *shared)
{
    locales_free(shared->locales);
    templates_free(shared->templates);
    db_close(shared->db);
}

static void wait_for_the_end(void)
{
    sigset_t signals;
    int received;

    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    while (sigwait(&signals, &received) != 0)
        ;
}

static bool serve(struct shared *shared, const struct till *till, int to)
{
    struct fcgi_server server = {
        .listen_fd = till->listen_fd,
        .threads = (int)till->options->threads,
        .shared = shared,
        .thread_start = thread_start,
        .thread_stop = thread_stop,
        .request_new = request_new,
        .max_body = max_body,
        .handle = handle,
        .handle_refused = true,
    };
    struct worker *jobs = worker_start(shared, thread_start, thread_stop, job_ctx, 1, LANE_MONEY);
    struct worker *outward =
        worker_start(shared, thread_start, thread_stop, job_ctx, (int)shared->config->outward_threads, LANE_OUTWARD);
    struct fcgi *fcgi = fcgi_start(&server);

    if (!fcgi) {
        log_error(NULL, "start", "%s", strerror(errno));
        return false;
    }
    prefork_ready(to);
    wait_for_the_end();
    bool finished = fcgi_stop(fcgi, STOP_SECONDS);
    worker_stop(jobs);
    worker_stop(outward);
    return finished;
}

/* Only the master will read the configuration again. */
static void forget_environment(struct till *till)
{
    for (size_t i = 0; till->environment && till->environment[i]; i++) {
        wipe(till->environment[i], strlen(till->environment[i]));
        free(till->environment[i]);
    }
    free(till->environment);
    till->environment = NULL;
}

static int work(void *pointer, int to)
{
    struct till *till = pointer;
    struct shared shared = { .config = till->config };

    forget_environment(till);
    crypto_init();
    http_init();
    fcgi_init();
    json_object_seed(0);
    if (!open_shared(&shared)) {
        close_shared(&shared);
        return PREFORK_REFUSED;
    }
    if (!serve(&shared, till, to))
        _exit(1); // threads still run; nothing they use may be freed
    close_shared(&shared);
    return 0;
}

/* Master */

/* The workers inherit it. */
static void harden(void)
{
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    if (!SANITIZED)
        prctl(PR_SET_DUMPABLE, 0, 0, 0, 0); // no core file with keys in it, whatever the limit says
}

/* glibc looks at this before main() only. Each of hundreds of threads would keep freed pieces for itself, more than it has in use
 * while it waits for a provider. An administrator's own settings stay. */
static void save_memory(char **argv)
{
    char path[PATH_MAX];
    ssize_t length = readlink("/proc/self/exe", path, sizeof(path) - 1);

    if (SANITIZED || length <= 0 || getenv("GLIBC_TUNABLES"))
        return;
    path[length] = '\0';
    setenv("GLIBC_TUNABLES", "glibc.malloc.tcache_count=0:glibc.malloc.arena_max=2", 1);
    execv(path, argv);
    // it works as well without
}

static char **copy_environment(void)
{
    size_t count = 0;

    while (environ[count])
        count++;
    char **copy = calloc(count + 1, sizeof(*copy));
    for (size_t i = 0; copy && i < count; i++)
        copy[i] = strdup(environ[i]);
    return copy;
}

static void restore_environment(const struct till *till)
{
    for (size_t i = 0; till->environment && till->environment[i]; i++) {
        char *entry = till->environment[i], *equals = strchr(entry, '=');
        if (!equals)
            continue;
        *equals = '\0';
        setenv(entry, equals + 1, 1);
        *equals = '=';
    }
}

static enum log_level level_of(const struct config *config)
{
    static const char *const names[] = { "debug", "info", "warn", "error", NULL };
    int index = config->log_level ? name_index(names, config->log_level) : -1;

    return index < 0 ? LOG_INFO : (enum log_level)index;
}

static bool load(struct till *till)
{
    const char *file = till->options->config;
    struct arena *arena = arena_new();

    if (!file && access(TILL_CONFIG_FILE, R_OK) == 0)
        file = TILL_CONFIG_FILE;
    const struct config *config = config_load(arena, file, stderr);
    if (!config) {
        arena_free(arena);
        return false;
    }
    if (till->arena)
        arena_free(till->arena);
    till->arena = arena;
    till->config = config;
    log_set_level(level_of(config));
    return true;
}

static bool reload(void *pointer)
{
    restore_environment(pointer);
    return load(pointer);
}

static bool is_listening(int fd)
{
    int listening = 0;
    socklen_t length = sizeof(listening);

    return getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &length) == 0 && listening;
}

/* systemd hands sockets over from 3 on; lighttpd, spawn-fcgi and Apache as standard input. */
static int inherited(void)
{
    const char *pid = getenv("LISTEN_PID"), *count = getenv("LISTEN_FDS");
    int fd = pid && count && strtol(pid, NULL, 10) == getpid() && strtol(count, NULL, 10) > 0 ? 3 : STDIN_FILENO;

    if (!is_listening(fd))
        return -1;
    int flags = fcntl(fd, F_GETFL);
    return flags >= 0 && fcntl(fd, F_SETFL, flags | O_NONBLOCK) == 0 ? fd : -1;
}

static int listen_on(const char *address)
{
    int fd = address ? fcgi_listen(address) : inherited();

    if (fd < 0 && address)
        fprintf(stderr, "till.fcgi: cannot listen on %s: %s\n", address, strerror(errno));
    else if (fd < 0)
        fputs("till.fcgi: standard input is no listening socket; let the web server start this program, or give "
              "--listen\n",
            stderr);
    return fd;
}

static void use_options(struct options *options, const struct config *config)
{
    if (options->workers == 0)
        options->workers = (long)config->workers;
    if (options->threads == 0)
        options->threads = (long)config->threads;
}

/* Command line */

static const char help[] =
    "Usage: till.fcgi [OPTION]...\n"
    "Till's application: FastCGI workers behind a web server.\n"
    "\n"
    "  --listen ADDRESS  a path for a unix socket, or HOST:PORT; without it the socket that the\n"
    "                    web server, spawn-fcgi or systemd hands over\n"
    "  --workers N       processes (TILL_WORKERS)\n"
    "  --threads N       threads of each process (TILL_THREADS)\n"
    "  --config FILE     settings, a NAME=value on each line (" TILL_CONFIG_FILE ")\n"
    "  --version         print the version\n"
    "  --help            print this\n"
    "\n"
    "SIGHUP reads the configuration again and replaces the processes in turn. SIGTERM finishes\n"
    "what is running. `till config` lists all settings, `till doctor` says what is wrong.\n";

static long number(const char *option, const char *text, long most)
{
    char *end;
    long value = strtol(text, &end, 10);

    if (*end || end == text || value < 1 || value > most) {
        fprintf(stderr, "till.fcgi: %s takes a number from 1 to %ld\n", option, most);
        exit(64);
    }
    return value;
}

static void read_options(int argc, char **argv, struct options *options)
{
    static const struct option known[] = { { "listen", required_argument, NULL, 'l' },
        { "workers", required_argument, NULL, 'w' }, { "threads", required_argument, NULL, 't' },
        { "config", required_argument, NULL, 'c' }, { "version", no_argument, NULL, 'v' },
        { "help", no_argument, NULL, 'h' }, { NULL, 0, NULL, 0 } };
    int option;

    while ((option = getopt_long(argc, argv, "", known, NULL)) >= 0) {
        switch (option) {
        case 'l':
            options->listen = optarg;
            break;
        case 'w':
            options->workers = number("--workers", optarg, 256);
            break;
        case 't':
            options->threads = number("--threads", optarg, 1024);
            break;
        case 'c':
            options->config = optarg;
            break;
        case 'v':
            puts("till.fcgi " TILL_VERSION);
            exit(0);
        case 'h':
            fputs(help, stdout);
            exit(0);
        default:
            fputs("Try till.fcgi --help\n", stderr);
            exit(64);
        }
    }
    if (optind < argc) {
        fprintf(stderr, "till.fcgi: %s is not understood. Try till.fcgi --help\n", argv[optind]);
        exit(64);
    }
}

/* The web server gets a clear no from here on; who had got into the queue is served. */
static void close_the_door(void *pointer)
{
    const struct till *till = pointer;

    if (till->options->listen && strchr(till->options->listen, '/'))
        unlink(till->options->listen);
}

/* Listens, and keeps workers running until asked to finish. */
static int run(struct till *till)
{
    struct options *options = till->options;

    use_options(options, till->config);
    till->listen_fd = listen_on(options->listen);
    if (till->listen_fd < 0)
        return PREFORK_REFUSED;

    const struct prefork prefork = {
        .workers = (int)options->workers,
        .stop_seconds = STOP_SECONDS + 5,
        .shared = till,
        .work = work,
        .reload = reload,
        .stop = close_the_door,
    };
    log_info(NULL, "start", "till.fcgi " TILL_VERSION ", %ld workers of %ld threads", options->workers,
        options->threads);
    int status = prefork_run(&prefork);
    log_info(NULL, "stop", "till.fcgi has finished");
    return status;
}

int main(int argc, char **argv)
{
    struct options options = { 0 };
    struct till till = { .options = &options };

    read_options(argc, argv, &options);
    save_memory(argv);
    harden();
    till.environment = copy_environment();
    int status = load(&till) ? run(&till) : PREFORK_REFUSED;
    forget_environment(&till);
    if (till.arena)
        arena_free(till.arena);
    return status;
}
