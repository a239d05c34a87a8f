/* The queue: what is due is done once, by whoever comes; nothing is lost with a run that dies. */
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/config.h"
#include "db/db.h"
#include "jobs/clock.h"
#include "jobs/job.h"
#include "jobs/queue.h"
#include "testdb.h"
#include "together.h"

#define MANY 200

static atomic_int runs, by_subject[MANY];
static atomic_int before_late; // runs before the one of "late"

static struct error *count(struct ctx *own, const struct job *job)
{
    (void)own;
    atomic_fetch_add(&runs, 1);
    atomic_fetch_add(&by_subject[atoi(job->subject) % MANY], 1);
    return NULL;
}

static struct error *note_late(struct ctx *own, const struct job *job)
{
    (void)own;
    (void)job;
    atomic_store(&before_late, atomic_load(&runs));
    return NULL;
}

static struct error *go_wrong(struct ctx *own, const struct job *job)
{
    (void)job;
    atomic_fetch_add(&runs, 1);
    return error_cause(own, error_new(own, E_PROVIDER_UNAVAILABLE, "no"), "the cause of it");
}

static struct error *wait_a_while(struct ctx *own, const struct job *job)
{
    (void)job;
    atomic_fetch_add(&runs, 1);
    return job_again(own, 3600);
}

/* While the first run is at it, its lease ends and a second one takes over; that one fails and waits to come again. */
static struct error *overtaken(struct ctx *own, const struct job *job)
{
    int done;

    if (atomic_fetch_add(&runs, 1) > 0)
        return go_wrong(own, job);
    testdb_value("UPDATE jobs SET lease_until = now() - interval '1 second' WHERE id = %lld", (long long)job->id);
    struct ctx *other = testdb_ctx_new();
    struct error *error = job_work(other, 1, &done);
    testdb_ctx_free(other);
    return error;
}

/* Something new happens to the subject while it is looked at. */
static struct error *asked_again(struct ctx *own, const struct job *job)
{
    return atomic_fetch_add(&runs, 1) == 0 ? job_add(own, job->kind, job->subject) : NULL;
}

static const int steps[] = { 7, 70 };

const struct task tasks[] = {
    { "count", count, .summary = "counts" },
    { "fail", go_wrong, .max_tries = 3, .summary = "fails" },
    { "fail_by_plan", go_wrong, .delays = steps, .delay_count = 2, .summary = "fails" },
    { "wait", wait_a_while, .max_tries = 2, .summary = "waits" },
    { "overtaken", overtaken, .summary = "is overtaken" },
    { "asked_again", asked_again, .summary = "is asked again" },
    { "late", note_late, .summary = "notes when it was done" },
    { "call", count, .lane = LANE_OUTWARD, .summary = "calls somebody" },
    { "periodic", count, .every = 60, .summary = "comes again and again" },
    { "periodic_failing", go_wrong, .every = 60, .max_tries = 1, .summary = "comes again whatever happens" },
};
const size_t task_count = sizeof tasks / sizeof *tasks;

static const char *job(const char *columns)
{
    return testdb_value("SELECT concat_ws(' ', %s) FROM jobs ORDER BY id LIMIT 1", columns);
}

static int jobs(void)
{
    return atoi(testdb_value("SELECT count(*) FROM jobs"));
}

static int work(void)
{
    int done;

    ok(job_work(&ctx, 1000, &done));
    return done;
}

static void make_due(void)
{
    testdb_value("UPDATE jobs SET run_at = now() - interval '1 second'");
}

static void empty(void)
{
    testdb_value("DELETE FROM jobs");
    testdb_value("UPDATE clock SET offset_seconds = 0");
    atomic_store(&runs, 0);
    for (int i = 0; i < MANY; i++)
        atomic_store(&by_subject[i], 0);
}

START_TEST(test_due_work_is_done_and_gone)
{
    ok(job_add(&ctx, "count", "1"));
    ck_assert_int_eq(work(), 1);
    ck_assert_int_eq(runs, 1);
    ck_assert_int_eq(jobs(), 0);
}
END_TEST

START_TEST(test_of_one_kind_and_subject_one_waits)
{
    ok(job_add_later(&ctx, "count", "1", 100));
    ok(job_add_later(&ctx, "count", "1", 50));
    ok(job_add_later(&ctx, "count", "1", 200));
    ok(job_add_later(&ctx, "count", "2", 200));
    ck_assert_int_eq(jobs(), 2);
    ck_assert_str_eq(job("round(extract(epoch FROM run_at - now()) / 10)"), "5");
    ok(job_add(&ctx, "count", "1"));
    ck_assert_int_eq(work(), 1);
}
END_TEST

START_TEST(test_it_is_added_with_what_it_is_for)
{
    struct error *undone = error_new(&ctx, E_CONFLICT, "undone");

    ck_assert_ptr_nonnull(IN_TX(&ctx, job_add(&ctx, "count", "1") ? NULL : undone));
    ck_assert_int_eq(jobs(), 0);
}
END_TEST

START_TEST(test_time_decides_and_can_be_moved)
{
    ok(job_add_later(&ctx, "count", "1", 3600));
    ck_assert_int_eq(work(), 0);
    ok(clock_move(&ctx, 3500));
    ck_assert_int_eq(work(), 0);
    ok(clock_move(&ctx, 3601));
    ck_assert_int_eq(work(), 1);
    ok(clock_move(&ctx, 0));
}
END_TEST

START_TEST(test_what_is_settled_is_taken_away)
{
    ok(job_add(&ctx, "count", "1"));
    ok(job_add(&ctx, "count", "2"));
    ok(job_done(&ctx, "count", "1"));
    ck_assert_int_eq(work(), 1);
    ck_assert_int_eq(by_subject[1], 0);
    ck_assert_int_eq(by_subject[2], 1);
}
END_TEST

START_TEST(test_a_failure_comes_again_later_and_then_is_dead)
{
    ok(job_add(&ctx, "fail", "1"));
    for (int try = 1; try < 3; try++) {
        ck_assert_int_eq(work(), 1);
        ck_assert_str_eq(job("state, attempts, error"), arena_printf(ctx.arena, "available %d the cause of it", try));
        ck_assert_str_eq(job("run_at > now() + interval '500 milliseconds'"), "t");
        ck_assert_int_eq(work(), 0);
        make_due();
    }
    ck_assert_int_eq(work(), 1);
    ck_assert_str_eq(job("state, attempts, coalesce(claim, '-')"), "dead 3 -");
    make_due();
    ck_assert_int_eq(work(), 0);

    struct queue_health health;
    int64_t retried;
    ok(queue_health(&ctx, &health));
    ck_assert_int_eq(health.dead, 1);
    ok(queue_retry(&ctx, 0, &retried));
    ck_assert_int_eq(retried, 1);
    ck_assert_str_eq(job("state, attempts"), "available 0");
    ck_assert_int_eq(work(), 1);
}
END_TEST

START_TEST(test_back_off_grows_or_follows_the_plan)
{
    ok(job_add(&ctx, "fail_by_plan", "1"));
    static const char *const expected[] = { "7", "70", "70" };
    for (size_t i = 0; i < 3; i++) {
        ck_assert_int_eq(work(), 1);
        ck_assert_str_eq(job("round(extract(epoch FROM run_at - now()))"), expected[i]);
        make_due();
    }
}
END_TEST

START_TEST(test_waiting_is_no_failure)
{
    ok(job_add(&ctx, "wait", "1"));
    for (int i = 0; i < 5; i++) {
        ck_assert_int_eq(work(), 1);
        ck_assert_str_eq(job("state, round(extract(epoch FROM run_at - now()))"), "available 3600");
        make_due();
    }
}
END_TEST

START_TEST(test_a_dead_run_is_rescued)
{
    ok(job_add(&ctx, "count", "1"));
    testdb_value("UPDATE jobs SET state = 'running', attempts = 1, claim = 'of a process that died',"
                 " lease_until = now() + interval '1 minute'");
    ck_assert_int_eq(work(), 0);
    testdb_value("UPDATE jobs SET lease_until = now() - interval '1 second'");
    ck_assert_int_eq(work(), 1);
    ck_assert_int_eq(runs, 1);
    ck_assert_int_eq(jobs(), 0);
}
END_TEST

START_TEST(test_a_late_finisher_changes_nothing)
{
    ok(job_add(&ctx, "overtaken", "1"));
    ck_assert_int_eq(work(), 1);
    ck_assert_int_eq(runs, 3); // two runs, and go_wrong() counts once more
    ck_assert_int_eq(jobs(), 1);
    ck_assert_str_eq(job("state, attempts, error"), "available 2 the cause of it");
}
END_TEST

START_TEST(test_a_running_job_may_have_a_successor)
{
    ok(job_add(&ctx, "asked_again", "1"));
    ck_assert_int_eq(work(), 2);
    ck_assert_int_eq(runs, 2);
    ck_assert_int_eq(jobs(), 0);
}
END_TEST

START_TEST(test_what_nobody_can_do_is_shown)
{
    ok(job_add(&ctx, "of_a_newer_version", "1"));
    ck_assert_int_eq(work(), 1);
    ck_assert_str_eq(job("state"), "dead");
}
END_TEST

START_TEST(test_periodic_work_comes_again)
{
    const char *kind = _i ? "periodic_failing" : "periodic";

    ok(job_add(&ctx, kind, "periodic"));
    for (int i = 1; i <= 3; i++) {
        ck_assert_int_eq(work(), 1);
        ck_assert_int_eq(runs, i);
        ck_assert_str_eq(job("state, round(extract(epoch FROM run_at - now()))"), "available 60");
        make_due();
    }
}
END_TEST

static void take_part(struct ctx *own, int number, void *to)
{
    int done;

    (void)number;
    ((struct error **)to)[number] = job_work(own, MANY, &done);
}

START_TEST(test_many_workers_do_each_job_once)
{
    struct error *errors[8] = { 0 };

    for (int i = 0; i < MANY; i++)
        ok(job_add(&ctx, "count", arena_printf(ctx.arena, "%d", i)));
    together(8, take_part, errors);
    for (int i = 0; i < 8; i++)
        ck_assert_ptr_null(errors[i]);
    for (int i = 0; i < MANY; i++)
        ck_assert_int_eq(by_subject[i], 1);
    ck_assert_int_eq(jobs(), 0);
}
END_TEST

/* Worker threads ------------------------------------------------------------------------------------------------------ */

static void *thread_start(void *shared)
{
    (void)shared;
    return testdb_ctx_new();
}

static void thread_stop(void *thread)
{
    testdb_ctx_free(thread);
}

static struct ctx *thread_ctx(void *thread)
{
    struct ctx *own = thread;

    arena_reset(own->arena);
    own->now = clock_now();
    return own;
}

static bool comes_to(atomic_int *number, int wanted, int64_t ms)
{
    for (int64_t end = monotonic_ms() + ms; monotonic_ms() < end; usleep(5000))
        if (atomic_load(number) >= wanted)
            return true;
    return false;
}

START_TEST(test_workers_find_work_and_stop)
{
    struct worker *worker = worker_start(NULL, thread_start, thread_stop, thread_ctx, 2, LANE_MONEY);

    for (int i = 0; i < 20; i++)
        ok(job_add(&ctx, "count", arena_printf(ctx.arena, "%d", i)));
    ck_assert(comes_to(&runs, 20, 5000));
    // another process added one, and one was lost by a run that died: both are found without being told
    testdb_value("INSERT INTO jobs (kind, subject, run_at) VALUES ('count', '50', now())");
    testdb_value("INSERT INTO jobs (kind, subject, run_at, state, claim, lease_until)"
                 "VALUES ('count', '51', now(), 'running', 'dead', now() - interval '1 hour')");
    ck_assert(comes_to(&by_subject[50], 1, 3000));
    ck_assert(comes_to(&by_subject[51], 1, 8000));
    ck_assert_int_eq(atoi(testdb_value("SELECT count(*) FROM jobs WHERE subject = 'periodic'")), 2);
    ok(job_add(&ctx, "call", "60")); // of another lane, which nobody here works
    usleep(1000000);
    ck_assert_int_eq(by_subject[60], 0);
    worker_stop(worker);
    worker = worker_start(NULL, thread_start, thread_stop, thread_ctx, 2, LANE_OUTWARD);
    ck_assert(comes_to(&by_subject[60], 1, 3000));
    ok(job_add(&ctx, "count", "99"));
    usleep(1000000);
    worker_stop(worker);
    ck_assert_int_eq(by_subject[99], 0);
}
END_TEST

/* A worker goes on where it is, behind what it has done; what comes to stand before that is not left until the end. */
START_TEST(test_a_long_queue_keeps_nobody_waiting_who_was_due_before)
{
    enum { LONG = 10000 };

    testdb_value("INSERT INTO jobs (kind, subject, run_at, lane) SELECT 'count', n::text,"
                 " now() - interval '1 minute' + n * interval '1 microsecond', 'money' FROM generate_series(1, %d) n",
        LONG);
    struct worker *worker = worker_start(NULL, thread_start, thread_stop, thread_ctx, 1, LANE_MONEY);
    ck_assert(comes_to(&runs, 100, 5000));
    testdb_value(
        "INSERT INTO jobs (kind, subject, run_at, lane) VALUES ('late', '1', now() - interval '1 hour', 'money')");
    ck_assert(comes_to(&runs, LONG, 60000));
    worker_stop(worker);
    ck_assert_int_ge(before_late, 100);
    ck_assert_int_lt(before_late, LONG);
    for (int i = 0; i < MANY; i++)
        ck_assert_int_eq(by_subject[i], LONG / MANY);
}
END_TEST

START_TEST(test_time_moves_only_in_test_mode)
{
    struct config live = *ctx.config;
    const struct config *before = ctx.config;

    live.mode = MODE_LIVE;
    ctx.config = &live;
    struct error *error = clock_move(&ctx, 10);
    ctx.config = before;
    refused(error, E_FORBIDDEN);
    ck_assert_str_eq(testdb_value("SELECT offset_seconds FROM clock"), "0");
}
END_TEST

START_TEST(test_an_operator_sees_the_queue)
{
    struct field_list list;

    ok(job_add(&ctx, "count", "1"));
    ok(job_add_later(&ctx, "fail", "2", 100));
    ok(queue_list(&ctx, "available", 10, &list));
    ck_assert_uint_eq(list.count, 2);
    ck_assert_str_eq(((struct queued_job *)list.items)[0].kind, "count");
    ok(queue_list(&ctx, "dead", 10, &list));
    ck_assert_uint_eq(list.count, 0);
    refused(queue_list(&ctx, "sleeping", 10, &list), E_VALIDATION_ERROR);
    testdb_value("UPDATE jobs SET run_at = now() - interval '10 minutes'");
    struct queue_health health;
    ok(queue_health(&ctx, &health));
    ck_assert_int_eq(health.late, 2);
    ck_assert_int_ge(health.late_seconds, 600);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("jobs");
    TCase *queue = tcase_create("queue"), *workers = tcase_create("workers");

    testdb_use(queue);
    tcase_add_checked_fixture(queue, empty, NULL);
    tcase_add_test(queue, test_due_work_is_done_and_gone);
    tcase_add_test(queue, test_of_one_kind_and_subject_one_waits);
    tcase_add_test(queue, test_it_is_added_with_what_it_is_for);
    tcase_add_test(queue, test_time_decides_and_can_be_moved);
    tcase_add_test(queue, test_what_is_settled_is_taken_away);
    tcase_add_test(queue, test_a_failure_comes_again_later_and_then_is_dead);
    tcase_add_test(queue, test_back_off_grows_or_follows_the_plan);
    tcase_add_test(queue, test_waiting_is_no_failure);
    tcase_add_test(queue, test_a_dead_run_is_rescued);
    tcase_add_test(queue, test_a_late_finisher_changes_nothing);
    tcase_add_test(queue, test_a_running_job_may_have_a_successor);
    tcase_add_test(queue, test_what_nobody_can_do_is_shown);
    tcase_add_loop_test(queue, test_periodic_work_comes_again, 0, 2);
    tcase_add_test(queue, test_many_workers_do_each_job_once);
    tcase_add_test(queue, test_time_moves_only_in_test_mode);
    tcase_add_test(queue, test_an_operator_sees_the_queue);
    suite_add_tcase(suite, queue);

    testdb_use(workers);
    tcase_add_checked_fixture(workers, empty, NULL);
    tcase_set_timeout(workers, 120);
    tcase_add_test(workers, test_workers_find_work_and_stop);
    tcase_add_test(workers, test_a_long_queue_keeps_nobody_waiting_who_was_due_before);
    suite_add_tcase(suite, workers);
    return testdb_main(suite);
}
