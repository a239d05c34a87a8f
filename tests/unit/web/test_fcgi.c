#include "web_test.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/instant.h"
#include "fcgi_client.h"
#include "web/fcgi.h"
#include "web/reply.h"

static char directory[] = "/tmp/till-fcgi-XXXXXX";
static char path[64];
static struct fcgi *fcgi;
static int listen_fd;
static atomic_int handled, held;
static atomic_bool hold; // /hold does not answer while this is set
static atomic_int running_threads;

static void nap(void)
{
    nanosleep(&(struct timespec){ .tv_nsec = 2000000 }, NULL);
}

struct thread {
    struct arena *arena;
};

static void *thread_start(void *shared)
{
    struct thread *thread = calloc(1, sizeof(*thread));

    ck_assert_ptr_eq(shared, &config);
    thread->arena = arena_new();
    running_threads++;
    return thread;
}

static void thread_stop(void *pointer)
{
    struct thread *thread = pointer;

    arena_free(thread->arena);
    free(thread);
    running_threads--;
}

static struct request *request_new(void *pointer)
{
    struct thread *thread = pointer;

    arena_reset(thread->arena);
    struct ctx *own = arena_alloc(thread->arena, sizeof(*own));
    struct request *r = arena_alloc(thread->arena, sizeof(*r));
    *own = (struct ctx){ .arena = thread->arena, .config = &config, .trace = "req_fcgi" };
    *r = (struct request){ .ctx = own };
    return r;
}

/* /big may send more, /none is refused before its body is read. */
static size_t max_body(void *thread, struct request *r)
{
    ck_assert_ptr_nonnull(thread);
    if (strcmp(r->path, "/none") == 0)
        r->refused = error_new(r->ctx, E_NOT_FOUND, "nothing here");
    return strcmp(r->path, "/big") == 0 ? REQUEST_MAX_WEBHOOK : REQUEST_MAX_BODY;
}

/* Says what it was asked. */
static void handle(void *thread, struct request *r)
{
    ck_assert_ptr_nonnull(thread);
    if (strcmp(r->path, "/hold") == 0) {
        held++;
        while (hold)
            nap();
    }
    const char *type = r->content_type ? r->content_type : "-", *value = request_header(r, "X-Test");
    struct buf text = { .arena = r->ctx->arena };
    buf_printf(&text, "%s %s ?%s %s %s %zu\n", r->method, r->path, r->query, type, value ? value : "-", r->body.length);
    buf_add(&text, r->body.data, r->body.length);
    reply_text(r, 200, "text/plain", buf_string(&text));
    handled++;
}

static void start(int threads, int body_ms)
{
    const struct fcgi_server server = {
        .listen_fd = listen_fd,
        .threads = threads,
        .shared = &config,
        .thread_start = thread_start,
        .thread_stop = thread_stop,
        .request_new = request_new,
        .max_body = max_body,
        .handle = handle,
        .body_ms = body_ms,
    };

    fcgi = fcgi_start(&server);
    ck_assert_ptr_nonnull(fcgi);
}

static void set_up(void)
{
    ck_assert_ptr_nonnull(mkdtemp(directory));
    snprintf(path, sizeof(path), "%s/socket", directory);
    listen_fd = fcgi_listen(path);
    ck_assert_int_ge(listen_fd, 0);
}

static void tear_down(void)
{
    hold = false;
    if (fcgi)
        ck_assert(fcgi_stop(fcgi, 20));
    ck_assert_int_eq(running_threads, 0);
    close(listen_fd);
    unlink(path);
    rmdir(directory);
}

static const char *body_of(const char *reply)
{
    ck_assert_ptr_nonnull(reply);
    const char *body = strstr(reply, "\r\n\r\n");
    ck_assert_ptr_nonnull(body);
    return body + 4;
}

/* The reply is a problem with this status and a detail that has these words. */
static void is_problem(const char *reply, int status, const char *words)
{
    ck_assert_ptr_nonnull(reply);
    json_t *problem = web_json(reply);

    ck_assert_int_eq(json_get_int(problem, "status"), status);
    ck_assert_msg(strstr(json_get_text(problem, "detail"), words) != NULL, "said: %s",
        json_get_text(problem, "detail"));
    ck_assert_int_eq(atoi(web_header(reply, "Status")), status);
    ck_assert_str_eq(web_header(reply, "X-Request-Id"), "req_fcgi");
}

static char *letters(size_t length)
{
    char *text = arena_alloc(ctx.arena, length + 1);

    memset(text, 'x', length);
    return text;
}

/* Requests and what the handler saw of them. */
static const struct {
    const char *method, *target, *body, *parameter, *seen;
} asked[] = {
    { "GET", "/a?b=c", NULL, "HTTP_X_TEST=1", "GET /a ?b=c - 1 0\n" },
    { "GET", "/a%2Fb", NULL, "SERVER_NAME=x", "GET /a%2Fb ? - - 0\n" },
    { "GET", "/?a?b#c", NULL, "SERVER_NAME=x", "GET / ?a?b#c - - 0\n" },
    { "GET", "http://pay.example/x/y?z", NULL, "SERVER_NAME=x", "GET /x/y ?z - - 0\n" },
    { "GET", "/go?to=http://pay.example/", NULL, "SERVER_NAME=x", "GET /go ?to=http://pay.example/ - - 0\n" },
    { "POST", "/a", "body", "CONTENT_TYPE=text/plain", "POST /a ? text/plain - 4\nbody" },
    { "POST", "/a", "", "CONTENT_TYPE=", "POST /a ? - - 0\n" },
    { "PURGE", "/a", "x", "HTTP_X_TEST=", "PURGE /a ? -  1\nx" },
};

START_TEST(test_a_request_reaches_the_handler)
{
    start(1, 0);
    const char *reply = client_ask(path, asked[_i].method, asked[_i].target, asked[_i].body, asked[_i].parameter, NULL);

    ck_assert_str_eq(body_of(reply), asked[_i].seen);
    ck_assert(strncmp(reply, "Status: 200 OK\r\n", 16) == 0);
}
END_TEST

START_TEST(test_head_gets_no_body)
{
    start(1, 0);
    const char *reply = client_ask(path, "HEAD", "/a", NULL, NULL);

    ck_assert_str_eq(body_of(reply), "");
    ck_assert_str_eq(web_header(reply, "Content-Length"), "16");
}
END_TEST

START_TEST(test_a_body_may_be_as_long_as_its_route_says)
{
    start(1, 0);
    ck_assert_int_eq(atoi(strstr(body_of(client_ask(path, "POST", "/a", letters(65536), NULL)), "- - ") + 4), 65536);
    is_problem(client_ask(path, "POST", "/a", letters(65537), NULL), 413, "65536 bytes");
    ck_assert_int_eq(atoi(strstr(body_of(client_ask(path, "POST", "/big", letters(262144), NULL)), "- - ") + 4),
        262144);
    is_problem(client_ask(path, "POST", "/big", letters(262145), NULL), 413, "262144 bytes");
    is_problem(client_ask(path, "POST", "/a", letters(900000), NULL), 413, "65536 bytes");
    ck_assert_int_eq(handled, 2);
}
END_TEST

/* Content-Lengths, bodies that come with them, and what is said; status 200 is accepted. */
static const struct {
    const char *length;
    size_t sent;
    int status;
    const char *words;
} lengths[] = {
    { "4", 4, 200, "" },
    { "", 4, 200, "" },
    { NULL, 4, 200, "" },
    { NULL, 65536, 200, "" },
    { NULL, 65537, 413, "65536 bytes" },
    { "0", 0, 200, "" },
    { "5", 4, 400, "not as long as" },
    { "3", 4, 400, "not as long as" },
    { "0", 1, 400, "not as long as" },
    { "-1", 4, 400, "not a number" },
    { "+4", 4, 400, "not a number" },
    { " 4", 4, 400, "not a number" },
    { "4 ", 4, 400, "not a number" },
    { "0x4", 4, 400, "not a number" },
    { "4, 4", 4, 400, "not a number" },
    { "65537", 4, 413, "65536 bytes" },
    { "18446744073709551616", 4, 413, "65536 bytes" },
    { "99999999999999999999999999", 4, 413, "65536 bytes" },
};

START_TEST(test_a_length_must_be_that_of_the_body)
{
    const char *parameters[4] = { "REQUEST_METHOD=POST", "REQUEST_URI=/a" };

    start(1, 0);
    if (lengths[_i].length)
        parameters[2] = arena_printf(ctx.arena, "CONTENT_LENGTH=%s", lengths[_i].length);
    int fd = client_open(path);
    client_begin(fd, parameters);
    if (lengths[_i].sent)
        client_body(fd, letters(lengths[_i].sent), lengths[_i].sent);
    client_body(fd, "", 0);
    const char *reply = client_read(fd);

    if (lengths[_i].status == 200)
        ck_assert_int_eq(atoi(strstr(body_of(reply), "- - ") + 4), (int)lengths[_i].sent);
    else
        is_problem(reply, lengths[_i].status, lengths[_i].words);
    ck_assert_int_eq(handled, lengths[_i].status == 200);
}
END_TEST

/* Parameters that are refused, and why. */
static const struct {
    const char *first, *second, *words;
} wrong[] = {
    { "CONTENT_LENGTH=0", "CONTENT_LENGTH=0", "more than once" },
    { "HTTP_X_FORWARDED_FOR=192.0.2.1", "HTTP_X_FORWARDED_FOR=192.0.2.2", "more than once" },
    { "HTTP_AUTHORIZATION=a", "HTTP_AUTHORIZATION=a", "more than once" },
    { "REQUEST_URI=/b", "SERVER_NAME=x", "more than once" },
    { "REMOTE_ADDR=192.0.2.1", "REMOTE_ADDR=192.0.2.1", "more than once" },
    { "HTTP_X_TEST=a\nb", "SERVER_NAME=x", "control characters" },
    { "HTTP_X_TEST=a\x7f", "SERVER_NAME=x", "control characters" },
};

START_TEST(test_ambiguous_parameters_are_refused)
{
    start(1, 0);
    is_problem(client_ask(path, "GET", "/a", NULL, wrong[_i].first, wrong[_i].second, NULL), 400, wrong[_i].words);
    ck_assert_int_eq(handled, 0);
}
END_TEST

START_TEST(test_names_that_begin_alike_are_not_repeated)
{
    start(1, 0);
    const char *reply =
        client_ask(path, "GET", "/a", NULL, "HTTP_X_TEST=1", "HTTP_X_TEST_TWO=2", "HTTP_X=3", "A=1", "A=2", NULL);

    ck_assert_str_eq(body_of(reply), "GET /a ? - 1 0\n");
}
END_TEST

START_TEST(test_too_many_headers_are_refused)
{
    const char *parameters[400] = { "REQUEST_METHOD=GET", "REQUEST_URI=/a" };

    start(1, 0);
    for (int i = 2; i < 399; i++)
        parameters[i] = arena_printf(ctx.arena, "HTTP_H%d=1", i);
    int fd = client_open(path);
    client_begin(fd, parameters);
    client_body(fd, "", 0);
    is_problem(client_read(fd), 400, "too large");

    is_problem(client_ask(path, "GET", "/a", NULL, arena_printf(ctx.arena, "HTTP_X_TEST=%s", letters(70000)), NULL),
        400, "too large");
}
END_TEST

START_TEST(test_what_the_web_server_must_pass_on)
{
    const char *no_method[] = { "REQUEST_URI=/a", NULL }, *no_address[] = { "REQUEST_METHOD=GET", NULL };
    const char *odd_method[] = { "REQUEST_URI=/a", "REQUEST_METHOD=G\xff T", NULL };

    start(1, 0);
    int fd = client_open(path);
    client_begin(fd, no_method);
    client_body(fd, "", 0);
    is_problem(client_read(fd), 400, "method");
    fd = client_open(path);
    client_begin(fd, odd_method);
    client_body(fd, "", 0);
    is_problem(client_read(fd), 400, "method");
    fd = client_open(path);
    client_begin(fd, no_address);
    client_body(fd, "", 0);
    is_problem(client_read(fd), 400, "address");
}
END_TEST

START_TEST(test_a_request_without_a_route_is_not_handled)
{
    start(1, 0);
    is_problem(client_ask(path, "POST", "/none", "body", NULL), 404, "nothing here");
    is_problem(client_ask(path, "POST", "/none", letters(65537), NULL), 404, "nothing here");
    ck_assert_int_eq(handled, 0);
}
END_TEST

START_TEST(test_a_body_that_stops_coming_is_given_up)
{
    const char *parameters[] = { "REQUEST_METHOD=POST", "REQUEST_URI=/a", "CONTENT_LENGTH=10", NULL };

    start(1, 400);
    int64_t began = monotonic_ms();
    int fd = client_open(path);
    client_begin(fd, parameters);
    client_body(fd, "abc", 3);
    is_problem(client_read(fd), 400, "in time");
    ck_assert_int_ge(monotonic_ms() - began, 390);
    ck_assert_int_lt(monotonic_ms() - began, 4000);
}
END_TEST

START_TEST(test_a_body_that_trickles_is_given_up_and_holds_up_nobody)
{
    const char *parameters[] = { "REQUEST_METHOD=POST", "REQUEST_URI=/a", "CONTENT_LENGTH=1000", NULL };

    start(2, 600);
    int64_t began = monotonic_ms();
    int fd = client_open(path);
    client_begin(fd, parameters);
    for (int sent = 0; poll(&(struct pollfd){ .fd = fd, .events = POLLIN }, 1, 20) == 0; sent++) {
        ck_assert_int_lt(sent, 500);
        client_body(fd, "x", 1);
        if (sent % 5 == 0)
            ck_assert_str_eq(body_of(client_ask(path, "GET", "/b", NULL, NULL)), "GET /b ? - - 0\n");
    }
    ck_assert_int_ge(monotonic_ms() - began, 590);
    is_problem(client_read(fd), 400, "in time");
}
END_TEST

START_TEST(test_a_client_that_leaves_in_its_body_changes_nothing)
{
    const char *parameters[] = { "REQUEST_METHOD=POST", "REQUEST_URI=/a", "CONTENT_LENGTH=10", NULL };

    start(1, 0);
    int fd = client_open(path);
    client_begin(fd, parameters);
    client_body(fd, "abc", 3);
    close(fd);
    ck_assert_str_eq(body_of(client_ask(path, "GET", "/b", NULL, NULL)), "GET /b ? - - 0\n");
    ck_assert_int_eq(handled, 1);
}
END_TEST

START_TEST(test_a_client_that_leaves_before_its_answer_has_been_served)
{
    const char *parameters[] = { "REQUEST_METHOD=GET", "REQUEST_URI=/hold", NULL };

    start(1, 0);
    hold = true;
    int fd = client_open(path);
    client_begin(fd, parameters);
    client_body(fd, "", 0);
    while (held == 0)
        nap();
    close(fd);
    hold = false;
    ck_assert_str_eq(body_of(client_ask(path, "GET", "/b", NULL, NULL)), "GET /b ? - - 0\n");
    ck_assert_int_eq(handled, 2);
}
END_TEST

START_TEST(test_what_is_not_fastcgi_is_dropped)
{
    static const char http[] = "GET / HTTP/1.1\r\nHost: x\r\n\r\n";
    static const uint8_t no_begin[] = { 1, 4, 0, 1, 0, 4, 0, 0, 1, 1, 'a', 'b' };
    static const uint8_t bad_length[] = { 1, 1, 0, 1, 0, 8, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 1, 4, 0, 1, 0, 8, 0, 0, 0xff,
        0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1, 4, 0, 1, 0, 0, 0, 0 };
    const struct {
        const void *data;
        size_t length;
    } garbage[] = { { http, sizeof(http) }, { no_begin, sizeof(no_begin) }, { bad_length, sizeof(bad_length) },
        { "", 0 } };

    start(1, 0);
    for (size_t i = 0; i < sizeof(garbage) / sizeof(garbage[0]); i++) {
        int fd = client_open(path);
        client_send(fd, garbage[i].data, garbage[i].length);
        shutdown(fd, SHUT_WR);
        ck_assert_ptr_null(client_read(fd));
    }
    ck_assert_str_eq(body_of(client_ask(path, "GET", "/b", NULL, NULL)), "GET /b ? - - 0\n");
}
END_TEST

START_TEST(test_a_silent_connection_holds_up_nobody)
{
    start(2, 0);
    int silent = client_open(path);
    int64_t began = monotonic_ms();
    for (int i = 0; i < 10; i++)
        ck_assert_str_eq(body_of(client_ask(path, "GET", "/b", NULL, NULL)), "GET /b ? - - 0\n");
    ck_assert_int_lt(monotonic_ms() - began, 2000);
    close(silent);
}
END_TEST

START_TEST(test_a_hundred_at_once_each_get_their_own_answer)
{
    int connections[100];

    start(8, 0);
    for (int i = 0; i < 100; i++) {
        const char *parameters[] = { "REQUEST_METHOD=POST", arena_printf(ctx.arena, "REQUEST_URI=/r%d", i),
            arena_printf(ctx.arena, "HTTP_X_TEST=%d", i), "CONTENT_LENGTH=20000", NULL };
        connections[i] = client_open(path);
        client_begin(connections[i], parameters);
        client_body(connections[i], letters(20000), 20000);
        client_body(connections[i], "", 0);
    }
    for (int i = 99; i >= 0; i--) {
        const char *expected = arena_printf(ctx.arena, "POST /r%d ? - %d 20000\n", i, i);
        const char *body = body_of(client_read(connections[i]));
        ck_assert(strncmp(body, expected, strlen(expected)) == 0);
        ck_assert_uint_eq(strlen(body), strlen(expected) + 20000);
    }
    ck_assert_int_eq(handled, 100);
}
END_TEST

START_TEST(test_idle_threads_stop_at_once)
{
    start(8, 0);
    client_ask(path, "GET", "/a", NULL, NULL);
    int64_t began = monotonic_ms();
    ck_assert(fcgi_stop(fcgi, 20));
    fcgi = NULL;
    ck_assert_int_lt(monotonic_ms() - began, 1000);
}
END_TEST

static void *release_later(void *unused)
{
    nanosleep(&(struct timespec){ .tv_nsec = 300 * 1000 * 1000 }, NULL);
    hold = false;
    return unused;
}

START_TEST(test_stopping_serves_the_queue)
{
    const char *parameters[] = { "REQUEST_METHOD=GET", "REQUEST_URI=/hold", NULL };
    int connections[5];
    pthread_t releaser;

    start(1, 0);
    hold = true;
    for (int i = 0; i < 5; i++) {
        connections[i] = client_open(path);
        client_begin(connections[i], parameters);
        client_body(connections[i], "", 0);
    }
    while (held == 0)
        nap();
    ck_assert_int_eq(pthread_create(&releaser, NULL, release_later, NULL), 0);
    ck_assert(fcgi_stop(fcgi, 20));
    fcgi = NULL;
    pthread_join(releaser, NULL);
    for (int i = 0; i < 5; i++)
        ck_assert_str_eq(body_of(client_read(connections[i])), "GET /hold ? - - 0\n");
}
END_TEST

START_TEST(test_stopping_finishes_what_runs_and_takes_nothing_new)
{
    const char *parameters[] = { "REQUEST_METHOD=GET", "REQUEST_URI=/hold", NULL };
    pthread_t releaser;

    start(2, 0);
    hold = true;
    int running = client_open(path);
    client_begin(running, parameters);
    client_body(running, "", 0);
    while (held == 0)
        nap();
    ck_assert_int_eq(pthread_create(&releaser, NULL, release_later, NULL), 0);
    ck_assert(fcgi_stop(fcgi, 20));
    fcgi = NULL;
    pthread_join(releaser, NULL);
    ck_assert_str_eq(body_of(client_read(running)), "GET /hold ? - - 0\n");

    int waiting = client_open(path); // stays in the socket's queue, for another process
    client_begin(waiting, parameters);
    ck_assert_int_eq(poll(&(struct pollfd){ .fd = waiting, .events = POLLIN }, 1, 100), 0);
    start(1, 0);
    client_body(waiting, "", 0);
    ck_assert_str_eq(body_of(client_read(waiting)), "GET /hold ? - - 0\n");
}
END_TEST

START_TEST(test_stopping_does_not_wait_for_ever)
{
    const char *parameters[] = { "REQUEST_METHOD=GET", "REQUEST_URI=/hold", NULL };

    start(1, 0);
    hold = true;
    int running = client_open(path);
    client_begin(running, parameters);
    client_body(running, "", 0);
    while (held == 0)
        nap();
    int64_t began = monotonic_ms();
    ck_assert(!fcgi_stop(fcgi, 1));
    ck_assert_int_lt(monotonic_ms() - began, 5000);
    close(running);
}
END_TEST

/* Listening */

START_TEST(test_the_socket_is_for_its_owner_and_group)
{
    struct stat info;

    close(listen_fd);
    unlink(path);
    umask(0077);
    listen_fd = fcgi_listen(path);
    ck_assert_int_ge(listen_fd, 0);
    ck_assert_int_eq(stat(path, &info), 0);
    ck_assert_uint_eq(info.st_mode & 0777, 0660);
}
END_TEST

START_TEST(test_a_stale_socket_is_replaced_and_a_live_one_is_not)
{
    ck_assert_int_eq(fcgi_listen(path), -1);
    ck_assert_int_eq(errno, EADDRINUSE);
    close(listen_fd);
    listen_fd = fcgi_listen(path);
    ck_assert_int_ge(listen_fd, 0);
}
END_TEST

START_TEST(test_a_port_can_be_listened_on)
{
    int fd = fcgi_listen("127.0.0.1:0"), on = 0;
    socklen_t length = sizeof(on);

    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &on, &length), 0);
    ck_assert_int_eq(on, 1);
    close(fd);
    ck_assert_int_eq(fcgi_listen("nonsense"), -1);
    ck_assert_int_eq(fcgi_listen(arena_printf(ctx.arena, "/%s", letters(200))), -1);
    ck_assert_int_eq(errno, ENAMETOOLONG);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("fcgi");
    TCase *requests = web_case(suite, "requests"), *stopping = web_case(suite, "stopping");
    TCase *listening = web_case(suite, "listening");

    tcase_add_checked_fixture(requests, set_up, tear_down);
    add_rows(requests, test_a_request_reaches_the_handler, asked);
    tcase_add_test(requests, test_head_gets_no_body);
    tcase_add_test(requests, test_a_body_may_be_as_long_as_its_route_says);
    add_rows(requests, test_a_length_must_be_that_of_the_body, lengths);
    add_rows(requests, test_ambiguous_parameters_are_refused, wrong);
    tcase_add_test(requests, test_names_that_begin_alike_are_not_repeated);
    tcase_add_test(requests, test_too_many_headers_are_refused);
    tcase_add_test(requests, test_what_the_web_server_must_pass_on);
    tcase_add_test(requests, test_a_request_without_a_route_is_not_handled);
    tcase_add_test(requests, test_a_body_that_stops_coming_is_given_up);
    tcase_add_test(requests, test_a_body_that_trickles_is_given_up_and_holds_up_nobody);
    tcase_add_test(requests, test_a_client_that_leaves_in_its_body_changes_nothing);
    tcase_add_test(requests, test_a_client_that_leaves_before_its_answer_has_been_served);
    tcase_add_test(requests, test_what_is_not_fastcgi_is_dropped);
    tcase_add_test(requests, test_a_silent_connection_holds_up_nobody);
    tcase_add_test(requests, test_a_hundred_at_once_each_get_their_own_answer);
    tcase_add_checked_fixture(stopping, set_up, tear_down);
    tcase_add_test(stopping, test_idle_threads_stop_at_once);
    tcase_add_test(stopping, test_stopping_serves_the_queue);
    tcase_add_test(stopping, test_stopping_finishes_what_runs_and_takes_nothing_new);
    tcase_add_test(stopping, test_stopping_does_not_wait_for_ever);
    tcase_add_checked_fixture(listening, set_up, tear_down);
    tcase_add_test(listening, test_the_socket_is_for_its_owner_and_group);
    tcase_add_test(listening, test_a_stale_socket_is_replaced_and_a_live_one_is_not);
    tcase_add_test(listening, test_a_port_can_be_listened_on);
    return web_main(suite);
}
