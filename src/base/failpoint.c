#include "base/failpoint.h"

#ifdef TILL_FAILPOINTS

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define PLACES 256
#define WAIT_AT_MOST 10000
#define WAIT_STEP 10

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct {
    char name[64];
    int visits;
} places[PLACES];

static int visit(const char *name)
{
    int visits = 0;

    pthread_mutex_lock(&lock);
    for (size_t i = 0; i < PLACES; i++) {
        if (*places[i].name && strcmp(places[i].name, name) != 0)
            continue;
        snprintf(places[i].name, sizeof(places[i].name), "%s", name);
        visits = ++places[i].visits;
        break;
    }
    pthread_mutex_unlock(&lock);
    return visits;
}

static int fits(const char *pattern, const char *name)
{
    size_t length = strlen(pattern);

    if (length && pattern[length - 1] == '*')
        return strncmp(pattern, name, length - 1) == 0;
    return strcmp(pattern, name) == 0;
}

static void pause_ms(long ms)
{
    nanosleep(&(struct timespec){ .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000 }, NULL);
}

/* Whoever steers the test sees that somebody is here, and lets him go on; not for ever. */
static void wait_here(const char *path)
{
    char here[4096];
    int fd;

    snprintf(here, sizeof(here), "%s.here", path);
    fd = open(here, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
    if (fd >= 0)
        close(fd);
    for (int i = 0; i < WAIT_AT_MOST / WAIT_STEP && access(here, F_OK) == 0; i++)
        pause_ms(WAIT_STEP);
}

static void act(const char *action, const char *path)
{
    if (strcmp(action, "kill") == 0)
        kill(getpid(), SIGKILL);
    if (strcmp(action, "abort") == 0)
        abort();
    if (strcmp(action, "wait") == 0)
        wait_here(path);
    if (strncmp(action, "sleep=", 6) == 0)
        pause_ms(strtol(action + 6, NULL, 10));
}

void failpoint(const char *operation, const char *phase)
{
    const char *path = getenv("TILL_FAILPOINTS");
    char name[64], pattern[64], action[32];
    int nth, visits;

    if (!path)
        return;
    snprintf(name, sizeof(name), "%s.%s", operation, phase);
    visits = visit(name);
    FILE *file = fopen(path, "re");
    if (!file)
        return;
    while (fscanf(file, "%63s %d %31s", pattern, &nth, action) == 3) {
        if (!fits(pattern, name) || (nth && nth != visits))
            continue;
        fclose(file);
        act(action, path);
        return;
    }
    fclose(file);
}

#else

typedef int failpoint_is_not_built; // a file must hold something

#endif
