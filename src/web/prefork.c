#include "web/prefork.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/instant.h"
#include "base/log.h"

#define READY_MS 30000 // a new worker that takes longer is stuck
#define YOUNG_MS 1000  // one that dies younger is not replaced at once
#define MAX_DELAY_MS 30000
#define WAKE_MS 200

enum state {
    GONE,
    STARTING,
    SERVING,
    FINISHING,
};

struct process {
    enum state state;
    pid_t pid;
    int ready_fd;
    int generation;
    int64_t started, kill_at;
};

struct master {
    const struct prefork *prefork;
    struct process *processes; // two for each worker: while they are replaced there are more
    struct pollfd *polled;
    int places;
    int generation;
    bool stopping;
    bool was_ready; // a worker has served
    bool refused;
    int failures; // deaths since a worker was last ready
    int64_t start_after;
    int signal_fd;
};

static void block_signals(sigset_t *signals)
{
    sigemptyset(signals);
    sigaddset(signals, SIGTERM);
    sigaddset(signals, SIGINT);
    sigaddset(signals, SIGHUP);
    sigaddset(signals, SIGCHLD);
    sigprocmask(SIG_BLOCK, signals, NULL);
}

/* A worker must not outlive its master, or two masters' workers would serve one socket. */
static _Noreturn void be_worker(struct master *master, pid_t parent, int to)
{
    const struct prefork *prefork = master->prefork;

    prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (getppid() != parent)
        exit(1);
    close(master->signal_fd);
    for (int i = 0; i < master->places; i++) {
        if (master->processes[i].state == STARTING)
            close(master->processes[i].ready_fd);
    }
    free(master->processes);
    free(master->polled);
    exit(prefork->work(prefork->shared, to));
}

void prefork_ready(int to)
{
    const char byte = 1;

    while (write(to, &byte, 1) < 0 && errno == EINTR)
        ;
    close(to);
}

static void start(struct master *master, struct process *process)
{
    pid_t parent = getpid();
    int ready[2];

    if (pipe(ready) != 0) {
        log_error(NULL, "worker", "no worker can be started: %s", strerror(errno));
        return;
    }
    pid_t pid = fork();
    if (pid == 0) {
        close(ready[0]);
        be_worker(master, parent, ready[1]);
    }
    close(ready[1]);
    if (pid < 0) {
        log_error(NULL, "worker", "no worker can be started: %s", strerror(errno));
        close(ready[0]);
        return;
    }
    int64_t now = monotonic_ms();
    *process = (struct process){ STARTING, pid, ready[0], master->generation, now, now + READY_MS };
}

static int count(const struct master *master, enum state state)
{
    int found = 0;

    for (int i = 0; i < master->places; i++)
        found += master->processes[i].state == state;
    return found;
}

static struct process *first(const struct master *master, enum state state)
{
    for (int i = 0; i < master->places; i++) {
        if (master->processes[i].state == state)
            return &master->processes[i];
    }
    return NULL;
}

static void finish(const struct master *master, struct process *process)
{
    if (process->state == STARTING)
        close(process->ready_fd);
    process->state = FINISHING;
    process->kill_at = monotonic_ms() + master->prefork->stop_seconds * INT64_C(1000);
    kill(process->pid, SIGTERM);
}

static struct process *outdated(const struct master *master)
{
    for (int i = 0; i < master->places; i++) {
        struct process *process = &master->processes[i];
        if (process->state == SERVING && process->generation < master->generation)
            return process;
    }
    return NULL;
}

/* Starts what is missing. While workers are replaced, one more than wanted may run. */
static void fill(struct master *master)
{
    int running = count(master, STARTING) + count(master, SERVING);
    int wanted = master->prefork->workers + (outdated(master) ? 1 : 0);

    if (outdated(master) && count(master, STARTING) > 0)
        return; // in turn
    for (; running < wanted && monotonic_ms() >= master->start_after; running++) {
        struct process *place = first(master, GONE);
        if (!place)
            return;
        start(master, place);
    }
}

static void is_ready(struct master *master, struct process *process)
{
    char byte;
    ssize_t got = read(process->ready_fd, &byte, 1);

    if (got != 1)
        return; // it died, and will be reaped
    close(process->ready_fd);
    process->state = SERVING;
    master->was_ready = true;
    master->failures = 0;
    struct process *old = outdated(master);
    if (old && count(master, SERVING) > master->prefork->workers)
        finish(master, old);
}

static void stop(struct master *master)
{
    const struct prefork *prefork = master->prefork;

    if (!master->stopping && prefork->stop)
        prefork->stop(prefork->shared);
    master->stopping = true;
}

/* What the death of a worker means for the next start. */
static void count_failure(struct master *master, const struct process *dead, int status)
{
    bool young = monotonic_ms() - dead->started < YOUNG_MS;

    if (WIFSIGNALED(status))
        log_error(NULL, "worker", "worker %d died of signal %d", (int)dead->pid, WTERMSIG(status));
    else
        log_error(NULL, "worker", "worker %d ended with status %d", (int)dead->pid, WEXITSTATUS(status));

    if (!master->was_ready && WIFEXITED(status) && WEXITSTATUS(status) == PREFORK_REFUSED) {
        master->refused = true;
        stop(master);
    }
    if (dead->state == STARTING && outdated(master)) { // the old ones still serve: better than nothing
        log_error(NULL, "reload", "the new worker did not start; the others stay as they are");
        for (int i = 0; i < master->places; i++)
            master->processes[i].generation = master->generation;
        return;
    }
    int64_t delay =
        master->failures == 0 ? (young ? 100 : 0) : INT64_C(500) << (master->failures < 6 ? master->failures : 6);
    master->start_after = monotonic_ms() + (delay < MAX_DELAY_MS ? delay : MAX_DELAY_MS);
    master->failures++;
}

static void reap(struct master *master)
{
    int status;
    pid_t pid;

    while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
        for (int i = 0; i < master->places; i++) {
            struct process *process = &master->processes[i];
            if (process->state == GONE || process->pid != pid)
                continue;
            struct process dead = *process;
            process->state = GONE;
            if (dead.state == STARTING)
                close(dead.ready_fd);
            if (dead.state != FINISHING)
                count_failure(master, &dead, status);
        }
    }
}

static void finish_all(struct master *master)
{
    for (int i = 0; i < master->places; i++) {
        struct process *process = &master->processes[i];
        if (process->state == STARTING || process->state == SERVING)
            finish(master, process);
    }
}

static void kill_late(struct master *master)
{
    int64_t now = monotonic_ms();

    for (int i = 0; i < master->places; i++) {
        struct process *process = &master->processes[i];
        if ((process->state == STARTING || process->state == FINISHING) && now >= process->kill_at) {
            log_error(NULL, "worker", "worker %d did not %s in time", (int)process->pid,
                process->state == STARTING ? "start" : "finish");
            kill(process->pid, SIGKILL);
            process->kill_at = INT64_MAX;
        }
    }
}

static void reload(struct master *master)
{
    const struct prefork *prefork = master->prefork;

    if (prefork->reload && !prefork->reload(prefork->shared)) {
        log_error(NULL, "reload", "the configuration has errors; the workers stay as they are");
        return;
    }
    log_info(NULL, "reload", "replacing %d workers", prefork->workers);
    master->generation++;
}

static void take_signals(struct master *master)
{
    struct signalfd_siginfo info;

    while (read(master->signal_fd, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
        if (info.ssi_signo == SIGHUP && !master->stopping)
            reload(master);
        else if (info.ssi_signo == SIGTERM || info.ssi_signo == SIGINT)
            stop(master);
    }
}

/* Waits for a signal, a worker that is ready, or a deadline. */
static void wait_for_news(struct master *master)
{
    struct pollfd *polled = master->polled;

    for (int i = 0; i < master->places; i++) {
        const struct process *process = &master->processes[i];
        polled[i] = (struct pollfd){ .fd = process->state == STARTING ? process->ready_fd : -1, .events = POLLIN };
    }
    polled[master->places] = (struct pollfd){ .fd = master->signal_fd, .events = POLLIN };
    if (poll(polled, (nfds_t)master->places + 1, WAKE_MS) <= 0)
        return;
    for (int i = 0; i < master->places; i++) {
        if (polled[i].revents & POLLIN)
            is_ready(master, &master->processes[i]);
    }
}

int prefork_run(const struct prefork *prefork)
{
    struct master master = { .prefork = prefork, .places = prefork->workers * 2 };
    sigset_t signals;

    block_signals(&signals);
    master.signal_fd = signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
    master.processes = calloc((size_t)master.places, sizeof(*master.processes));
    master.polled = calloc((size_t)master.places + 1, sizeof(*master.polled));
    assert(master.signal_fd >= 0 && master.processes && master.polled);

    while (!master.stopping || count(&master, GONE) < master.places) {
        if (master.stopping)
            finish_all(&master);
        else
            fill(&master);
        wait_for_news(&master);
        take_signals(&master);
        reap(&master);
        kill_late(&master);
    }
    close(master.signal_fd);
    free(master.processes);
    free(master.polled);
    return master.refused ? PREFORK_REFUSED : 0;
}
