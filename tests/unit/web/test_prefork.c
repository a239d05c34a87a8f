#include "web_test.h"

#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/instant.h"
#include "base/log.h"
#include "web/prefork.h"

#define WORKERS 3
#define PLACES 64

/* What the workers of a test report, and how they are to behave; seen by all its processes. */
struct board {
    atomic_int started;
    atomic_int pids[PLACES];    // by order of their start; 0 once they have finished
    atomic_int serving, fewest; // fewest that were left when one had finished
    atomic_int reloads;
    atomic_bool refuse, fail, stay, reload_fails;
};

static struct board *board;
static pid_t master;

static void nap(void)
{
    nanosleep(&(struct timespec){ .tv_nsec = 2000000 }, NULL);
}

/* Waits for what must come about; the test's time limit is there for when it does not. */
#define until(condition)                                                                                               \
    while (!(condition))                                                                                               \
    nap()

static int work(void *shared, int to)
{
    struct board *b = shared;
    int place = b->started++, received;
    sigset_t signals;

    if (b->refuse)
        return PREFORK_REFUSED;
    if (b->fail)
        return 1;
    b->pids[place] = getpid();
    b->serving++;
    prefork_ready(to);
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigwait(&signals, &received);
    until(!b->stay);
    int left = --b->serving;
    if (left < b->fewest)
        b->fewest = left;
    b->pids[place] = 0;
    return 0;
}

static bool reload(void *shared)
{
    struct board *b = shared;

    b->reloads++;
    return !b->reload_fails;
}

static void start(void)
{
    const struct prefork prefork = {
        .workers = WORKERS,
        .stop_seconds = 2,
        .shared = board,
        .work = work,
        .reload = reload,
    };

    master = fork();
    ck_assert_int_ge(master, 0);
    if (master == 0) {
        if (!freopen("/dev/null", "w", stderr))
            _exit(EXIT_FAILURE);
        exit(prefork_run(&prefork));
    }
}

static int ended(void)
{
    int status = 0;

    ck_assert_int_eq(waitpid(master, &status, 0), master);
    master = 0;
    ck_assert(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static void set_up(void)
{
    board = mmap(NULL, sizeof(*board), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    ck_assert_ptr_ne(board, MAP_FAILED);
    board->fewest = PLACES;
}

static void tear_down(void)
{
    if (master > 0) {
        kill(master, SIGKILL);
        waitpid(master, NULL, 0);
    }
}

START_TEST(test_all_are_started_and_all_finish)
{
    start();
    until(board->serving == WORKERS);
    kill(master, SIGTERM);
    ck_assert_int_eq(ended(), 0);
    ck_assert_int_eq(board->started, WORKERS);
    ck_assert_int_eq(board->serving, 0);
}
END_TEST

START_TEST(test_one_that_dies_is_replaced)
{
    start();
    until(board->serving == WORKERS);
    int64_t began = monotonic_ms();
    kill(board->pids[1], SIGKILL);
    until(board->started == WORKERS + 1 && board->pids[WORKERS]);
    ck_assert_int_lt(monotonic_ms() - began, 1000);
    ck_assert_int_eq(kill(board->pids[0], 0), 0);
    kill(master, SIGINT);
    ck_assert_int_eq(ended(), 0);
    ck_assert_int_eq(board->pids[WORKERS], 0);
}
END_TEST

START_TEST(test_those_that_keep_dying_are_replaced_more_slowly)
{
    board->fail = true;
    start();
    nanosleep(&(struct timespec){ .tv_sec = 2 }, NULL);
    ck_assert_int_lt(board->started, 20);
    board->fail = false;
    until(board->serving == WORKERS);
    kill(master, SIGTERM);
    ck_assert_int_eq(ended(), 0);
}
END_TEST

START_TEST(test_hangup_replaces_them_in_turn)
{
    start();
    until(board->serving == WORKERS);
    kill(master, SIGHUP);
    until(board->started == 2 * WORKERS && board->serving == WORKERS && !board->pids[0] && !board->pids[1]
        && !board->pids[2]);
    ck_assert_int_eq(board->reloads, 1);
    ck_assert_int_ge(board->fewest, WORKERS); // a new one serves before an old one goes
    for (int i = WORKERS; i < 2 * WORKERS; i++)
        ck_assert_int_eq(kill(board->pids[i], 0), 0);
    kill(master, SIGTERM);
    ck_assert_int_eq(ended(), 0);
    ck_assert_int_eq(board->started, 2 * WORKERS);
}
END_TEST

START_TEST(test_a_bad_configuration_leaves_the_old_ones)
{
    start();
    until(board->serving == WORKERS);
    board->reload_fails = true;
    kill(master, SIGHUP);
    until(board->reloads == 1);
    nanosleep(&(struct timespec){ .tv_nsec = 300 * 1000 * 1000 }, NULL);
    ck_assert_int_eq(board->started, WORKERS);
    ck_assert_int_eq(kill(board->pids[0], 0), 0);
    kill(master, SIGTERM);
    ck_assert_int_eq(ended(), 0);
}
END_TEST

START_TEST(test_new_ones_that_do_not_start_leave_the_old_ones)
{
    start();
    until(board->serving == WORKERS);
    board->refuse = true;
    kill(master, SIGHUP);
    until(board->started == WORKERS + 1);
    nanosleep(&(struct timespec){ .tv_nsec = 500 * 1000 * 1000 }, NULL);
    ck_assert_int_eq(board->started, WORKERS + 1);
    ck_assert_int_eq(board->serving, WORKERS);
    board->refuse = false;
    kill(master, SIGHUP);
    until(board->started == 2 * WORKERS + 1 && board->serving == WORKERS && !board->pids[0]);
    kill(master, SIGTERM);
    ck_assert_int_eq(ended(), 0);
}
END_TEST

START_TEST(test_one_that_does_not_finish_is_killed)
{
    board->stay = true;
    start();
    until(board->serving == WORKERS);
    int64_t began = monotonic_ms();
    kill(master, SIGTERM);
    ck_assert_int_eq(ended(), 0);
    ck_assert_int_ge(monotonic_ms() - began, 1900);
    ck_assert_int_eq(kill(board->pids[0], 0), -1);
}
END_TEST

START_TEST(test_refusal_at_the_start_ends_the_master)
{
    board->refuse = true;
    start();
    ck_assert_int_eq(ended(), PREFORK_REFUSED);
}
END_TEST

START_TEST(test_workers_follow_a_master_that_was_killed)
{
    start();
    until(board->serving == WORKERS);
    kill(master, SIGKILL);
    until(board->serving == 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("prefork");
    TCase *test_case = web_case(suite, "prefork");

    tcase_add_checked_fixture(test_case, set_up, tear_down);
    tcase_add_test(test_case, test_all_are_started_and_all_finish);
    tcase_add_test(test_case, test_one_that_dies_is_replaced);
    tcase_add_test(test_case, test_those_that_keep_dying_are_replaced_more_slowly);
    tcase_add_test(test_case, test_hangup_replaces_them_in_turn);
    tcase_add_test(test_case, test_a_bad_configuration_leaves_the_old_ones);
    tcase_add_test(test_case, test_new_ones_that_do_not_start_leave_the_old_ones);
    tcase_add_test(test_case, test_one_that_does_not_finish_is_killed);
    tcase_add_test(test_case, test_refusal_at_the_start_ends_the_master);
    tcase_add_test(test_case, test_workers_follow_a_master_that_was_killed);
    return web_main(suite);
}
