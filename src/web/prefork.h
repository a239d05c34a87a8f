#ifndef TILL_WEB_PREFORK_H
#define TILL_WEB_PREFORK_H

#include <stdbool.h>

/* A master that keeps worker processes running. A worker that dies is replaced, at once the first time, then with growing
 * delay while they keep dying young. SIGHUP replaces them in turn: a new one serves before the old one is asked to finish.
 * SIGTERM and SIGINT ask all to finish. */
struct prefork {
    int workers;
    int stop_seconds; // until one that was asked to finish is killed
    void *shared;
    /* In the new process, with these signals blocked: serves, calls ready(to), waits for SIGTERM, finishes, and returns the
     * exit status. PREFORK_REFUSED before any worker was ever ready ends the master too. */
    int (*work)(void *shared, int to);
    /* Before workers are replaced for SIGHUP; false leaves the old ones alone. May be NULL. */
    bool (*reload)(void *shared);
    /* Once, before the workers are asked to finish for good. May be NULL. */
    void (*stop)(void *shared);
};

#define PREFORK_REFUSED 78 // EX_CONFIG: starting again would change nothing

/* Runs until asked to finish, then returns the master's exit status. Forks: call it before any thread is started. */
int prefork_run(const struct prefork *prefork);

/* Tells the master that this worker serves. */
void prefork_ready(int to);

#endif
