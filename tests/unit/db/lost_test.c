/* A connection that breaks so that libpq cannot send, reads the last warning of a server that goes down, and still calls the
 * connection good: what was asked is unknown, not refused. */
#include <libpq-fe.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/config.h"
#include "base/ctx.h"
#include "db/db.h"
#include "db/group.h"
#include "testdb.h"

#define CUT "cut after this"
#define COMMITTED "cut after this, and commit"
#define FOR_GOOD "cut after this, and nobody answers any more"

static struct sockaddr_un address;
static int listener;

/* Between Till and PostgreSQL --------------------------------------------------------------------------------------- */

static int to_server(void)
{
    PQconninfoOption *options = PQconninfoParse(ctx.config->database_url, NULL);
    struct sockaddr_un there = { .sun_family = AF_UNIX };
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);

    for (PQconninfoOption *option = options; option->keyword; option++)
        if (!strcmp(option->keyword, "host"))
            snprintf(there.sun_path, sizeof there.sun_path, "%s/.s.PGSQL.5432", option->val);
    PQconninfoFree(options);
    ck_assert_int_eq(connect(fd, (struct sockaddr *)&there, sizeof there), 0);
    return fd;
}

static void pause_ms(int ms)
{
    poll(NULL, 0, ms);
}

/* Nobody reads any more; then comes what a server says to all when one of its processes has died, and the end. On a machine that is
 * too busy for these pauses the end alone is seen. */
static void cut(int client, int server, bool commits)
{
    static const char notice[] = "N\0\0\0\x21SWARNING\0C57P02\0Mgoing down\0\0";
    static const char commit[] = "Q\0\0\0\x0b"
                                 "COMMIT\0";
    char answer[256];

    if (commits) {
        ck_assert_int_eq(write(server, commit, sizeof commit - 1), sizeof commit - 1);
        ck_assert_int_gt(read(server, answer, sizeof answer), 0);
    }
    pause_ms(100);
    send(client, notice, sizeof notice - 1, MSG_NOSIGNAL); // who has gone by now does not hear it
    pause_ms(100);
}

static bool holds(const char *data, size_t length, const char *text)
{
    return memmem(data, length, text, strlen(text)) != NULL;
}

/* Hands on what comes from either side, until the batch with the words CUT is answered. */
static void *carry(void *argument)
{
    struct pollfd ends[2] = { { .fd = *(int *)argument, .events = POLLIN }, { .fd = to_server(), .events = POLLIN } };
    bool cuts = false, commits = false, for_good = false;
    char data[65536];

    free(argument);
    for (;;) {
        ck_assert_int_gt(poll(ends, 2, -1), 0);
        int from = ends[0].revents ? 0 : 1;
        ssize_t length = read(ends[from].fd, data, sizeof data);
        if (length <= 0)
            break;
        cuts |= from == 0 && holds(data, (size_t)length, CUT);
        commits |= from == 0 && holds(data, (size_t)length, COMMITTED);
        for_good |= from == 0 && holds(data, (size_t)length, FOR_GOOD);
        bool last = from == 1 && cuts && length > 6 && !memcmp(data + length - 6, "Z\0\0\0\5T", 6);
        if (last)
            shutdown(ends[0].fd, SHUT_RD);
        if (last && for_good)
            shutdown(listener, SHUT_RDWR);
        if (send(ends[!from].fd, data, (size_t)length, MSG_NOSIGNAL) != length)
            break;
        if (last) {
            cut(ends[0].fd, ends[1].fd, commits);
            break;
        }
    }
    close(ends[1].fd);
    close(ends[0].fd);
    return NULL;
}

static void *serve(void *unused)
{
    int own = listener, client;

    (void)unused;
    while ((client = accept(own, NULL, NULL)) >= 0) {
        pthread_t thread;
        int *argument = malloc(sizeof client);
        ck_assert_ptr_nonnull(argument);
        *argument = client;
        pthread_create(&thread, NULL, carry, argument);
        pthread_detach(thread);
    }
    close(own);
    return NULL;
}

/* ctx's database, by way of serve(), whose socket is in this directory. */
static struct db *through(const char *directory)
{
    PQconninfoOption *options = PQconninfoParse(ctx.config->database_url, NULL);
    const char *text = arena_printf(ctx.arena, "host=%s", directory);
    pthread_t thread;

    for (PQconninfoOption *option = options; option->keyword; option++)
        if (option->val && (!strcmp(option->keyword, "dbname") || !strcmp(option->keyword, "user")))
            text = arena_printf(ctx.arena, "%s %s=%s", text, option->keyword, option->val);
    PQconninfoFree(options);
    address.sun_family = AF_UNIX;
    snprintf(address.sun_path, sizeof address.sun_path, "%s/.s.PGSQL.5432", directory);
    listener = socket(AF_UNIX, SOCK_STREAM, 0);
    ck_assert_int_eq(bind(listener, (struct sockaddr *)&address, sizeof address), 0);
    ck_assert_int_eq(listen(listener, 8), 0);
    pthread_create(&thread, NULL, serve, NULL);
    pthread_detach(thread);
    return db_open(text, 4);
}

/* What is asked ------------------------------------------------------------------------------------------------------ */

static struct error *note(const char *words)
{
    SQL(insert, "INSERT INTO maintenance_runs (kind, started_at) VALUES ($1, now())");

    return db_exec(&ctx, &insert, PARAMS(P(words)), NULL);
}

static struct error *once(void)
{
    return note(CUT);
}

static struct error *twice(void)
{
    TRY(note(CUT));
    return note("once more");
}

static struct error *committed_meanwhile(void)
{
    return note(COMMITTED);
}

static struct error *in_tx(struct error *(*work)(void))
{
    struct db *before = ctx.db;
    char directory[] = "/tmp/till-lost-XXXXXX";

    ck_assert_ptr_nonnull(mkdtemp(directory));
    ctx.db = through(directory);
    struct error *error = IN_TX(&ctx, work());
    db_close(ctx.db);
    ctx.db = before;
    shutdown(listener, SHUT_RDWR);
    unlink(address.sun_path);
    rmdir(directory);
    return error;
}

static void are_noted(const char *count)
{
    ck_assert_str_eq(testdb_value(
                         "SELECT count(*) FROM maintenance_runs WHERE kind LIKE 'cut%%' OR kind = 'once more'"),
        count);
}

START_TEST(test_a_statement_is_to_be_tried_again)
{
    struct error *error = in_tx(twice);

    refused(error, E_UNAVAILABLE);
    ck_assert_ptr_nonnull(strstr(error->cause, "closed the connection"));
    are_noted("0");
}
END_TEST

START_TEST(test_a_commit_that_did_not_arrive_is_looked_up)
{
    struct error *error = in_tx(once);

    refused(error, E_UNAVAILABLE);
    ck_assert_str_eq(error->cause, "the connection broke before the commit");
    ck_assert_ptr_null(error->outcome); // it is known
    are_noted("0");
}
END_TEST

START_TEST(test_a_commit_that_arrived_is_looked_up)
{
    ok(in_tx(committed_meanwhile));
    are_noted("1");
}
END_TEST

/* Several in one transaction ------------------------------------------------------------------------------------------ */

#define MEMBERS 3

static sem_t held, released;

struct member {
    pthread_t thread;
    struct db *db; // NULL for one that only takes a place
    char words[80];
    int runs;
    bool failed, unknown;
    enum error_code code;
};

static struct error *take_part(struct ctx *own, struct member *member)
{
    SQL_ROWS(insert,
        "INSERT INTO maintenance_runs (kind, started_at) SELECT kind, now() FROM unnest($1::text[]) AS g (kind)");

    member->runs++;
    if (member->db)
        return db_send(own, &insert, PARAMS(P((const char *)member->words)));
    sem_post(&held);
    while (sem_wait(&released))
        ;
    return NULL;
}

static void *run(void *argument)
{
    struct member *member = argument;
    struct ctx *own = testdb_ctx_new();
    struct db *before = own->db;

    own->db = member->db ? member->db : before;
    struct error *error = IN_SHARED_TX(own, (struct shared_keys){ { NULL } }, take_part(own, member));
    member->failed = error != NULL;
    member->code = error ? error->code : 0;
    member->unknown = error && error->outcome && !strcmp(error->outcome, "unknown");
    own->db = before;
    testdb_ctx_free(own);
    return NULL;
}

/* Two take the places, so that the members wait and go together. */
static void together_through(const char *words, struct member *members)
{
    struct member others[2] = { 0 };
    char directory[] = "/tmp/till-lost-XXXXXX";

    testdb_value("DELETE FROM maintenance_runs");
    ck_assert_ptr_nonnull(mkdtemp(directory));
    struct db *db = through(directory);
    sem_init(&held, 0, 0);
    sem_init(&released, 0, 0);
    for (int i = 0; i < 2; i++) {
        pthread_create(&others[i].thread, NULL, run, &others[i]);
        while (sem_wait(&held))
            ;
    }
    for (int i = 0; i < MEMBERS; i++) {
        members[i] = (struct member){ .db = db };
        snprintf(members[i].words, sizeof members[i].words, "%s, %d", words, i);
        pthread_create(&members[i].thread, NULL, run, &members[i]);
    }
    while (group_waiting() < MEMBERS)
        pause_ms(1);
    sem_post(&released);
    for (int i = 0; i < MEMBERS; i++)
        pthread_join(members[i].thread, NULL);
    sem_post(&released);
    for (int i = 0; i < 2; i++)
        pthread_join(others[i].thread, NULL);
    db_close(db);
    shutdown(listener, SHUT_RDWR);
    unlink(address.sun_path);
    rmdir(directory);
}

START_TEST(test_a_commit_for_several_that_arrived_is_looked_up_for_all)
{
    struct member members[MEMBERS];

    together_through(COMMITTED, members);
    for (int i = 0; i < MEMBERS; i++) {
        ck_assert(!members[i].failed);
        ck_assert_int_eq(members[i].runs, 1);
    }
    are_noted("3");
}
END_TEST

/* Nobody does again what may be done. */
START_TEST(test_one_whose_fate_is_unknown_is_unknown_for_all)
{
    struct member members[MEMBERS];

    together_through(FOR_GOOD, members);
    for (int i = 0; i < MEMBERS; i++) {
        ck_assert_int_eq(members[i].code, E_UNAVAILABLE);
        ck_assert(members[i].unknown);
        ck_assert_int_eq(members[i].runs, 1);
    }
    are_noted("0");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("lost");
    TCase *test_case = tcase_create("lost");

    testdb_use(test_case);
    tcase_set_timeout(test_case, 60);
    tcase_add_test(test_case, test_a_statement_is_to_be_tried_again);
    tcase_add_test(test_case, test_a_commit_that_did_not_arrive_is_looked_up);
    tcase_add_test(test_case, test_a_commit_that_arrived_is_looked_up);
    tcase_add_test(test_case, test_a_commit_for_several_that_arrived_is_looked_up_for_all);
    tcase_add_test(test_case, test_one_whose_fate_is_unknown_is_unknown_for_all);
    suite_add_tcase(suite, test_case);
    return testdb_main(suite);
}
