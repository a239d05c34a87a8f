/* load: asks one HTTP server over and over on kept connections, and says how long answers took, as one line of JSON.
 *
 *     load --port N --connections N --seconds S --request FILE [--rate N] [--warm-up S] [--sign SECRET] [--paths FILE] [--first N]
 *          [--spawn N] [--pause MS]
 *
 * FILE holds a whole request, whose Content-Length is right. In it {number} becomes sixteen hexadecimal digits that no other
 * request has, {path} one of the lines of --paths in turn, and {signature} a Stripe-Signature of the body under SECRET.
 * Without --rate each connection asks again as soon as it has its answer (closed loop). With it requests are due at even
 * intervals, and a time is counted from when its request was due, whether or not a connection was free (open loop): a server
 * that stalls cannot hide those that had to wait. With --spawn connections are users, so many more of whom come each second, and with
 * --pause each of them waits that long after an answer. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define MAX_REQUEST 8192
#define MAX_ANSWER (512 * 1024)

struct connection {
    int fd;
    bool busy;
    int64_t due_ns, next_ns; // of the request under way; not before which the next one
    char out[MAX_REQUEST];
    size_t out_length, out_sent;
    char *in;
    size_t in_length;
};

static struct {
    int port, connections;
    double seconds, warm_up, rate, spawn, pause_ms;
    const char *secret;
    char *request;
    char **paths;
    size_t path_count;
    uint64_t next;
} options = { .connections = 64, .seconds = 5, .warm_up = 0.5 };

static struct {
    uint32_t *us; // one for each good answer in the measured time
    size_t count, room;
    uint64_t errors, answers;
    int first_error; // status of the first bad answer
    char first_body[160];
} results;

static int poller;
static struct connection *connections;
static int64_t start_ns, measure_ns, end_ns;
static uint64_t issued; // requests of the open loop that have been begun

static int64_t now_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static void fail(const char *what)
{
    fprintf(stderr, "load: %s: %s\n", what, strerror(errno));
    exit(1);
}

static void *must(void *memory)
{
    if (!memory)
        abort();
    return memory;
}

static char *read_file(const char *path)
{
    FILE *file = fopen(path, "rb");
    char *text = must(calloc(1, 1 << 20));

    if (!file || fread(text, 1, (1 << 20) - 1, file) == 0)
        fail(path);
    fclose(file);
    return text;
}

static void read_paths(const char *path)
{
    char *text = read_file(path);

    for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n")) {
        options.paths = must(realloc(options.paths, (options.path_count + 1) * sizeof *options.paths));
        options.paths[options.path_count++] = line;
    }
}

/* Making requests -------------------------------------------------------------------------------------------------- */

/* Replaces each `name` in out, which has MAX_REQUEST bytes. */
static void replace(char *out, const char *name, const char *value)
{
    char rest[MAX_REQUEST];

    for (char *at = strstr(out, name); at; at = strstr(at + strlen(value), name)) {
        snprintf(rest, sizeof rest, "%s", at + strlen(name));
        snprintf(at, MAX_REQUEST - (size_t)(at - out), "%s%s", value, rest);
    }
}

/* t=…,v1=… as docs.stripe.com/webhooks has it. */
static void sign(char *out)
{
    char signature[160], signed_text[MAX_REQUEST + 32];
    unsigned char mac[EVP_MAX_MD_SIZE];
    unsigned int length = 0;
    const char *body = strstr(out, "\r\n\r\n") + 4;
    int64_t now = (int64_t)time(NULL);
    int prefix = snprintf(signature, sizeof signature, "t=%" PRId64 ",v1=", now);
    int text = snprintf(signed_text, sizeof signed_text, "%" PRId64 ".%s", now, body);

    if (!HMAC(EVP_sha256(), options.secret, (int)strlen(options.secret), (unsigned char *)signed_text, (size_t)text,
            mac, &length))
        abort();
    for (unsigned int i = 0; i < length; i++)
        snprintf(signature + prefix + 2 * i, 3, "%02x", mac[i]);
    replace(out, "{signature}", signature);
}

static void make_request(struct connection *c)
{
    char number[17];

    snprintf(c->out, sizeof c->out, "%s", options.request);
    snprintf(number, sizeof number, "%016" PRIx64, options.next);
    replace(c->out, "{number}", number);
    if (options.path_count)
        replace(c->out, "{path}", options.paths[options.next % options.path_count]);
    if (options.secret)
        sign(c->out);
    options.next++;
    c->out_length = strlen(c->out);
    c->out_sent = c->in_length = 0;
}

/* Connections ------------------------------------------------------------------------------------------------------ */

static void watch(struct connection *c, uint32_t events, int operation)
{
    struct epoll_event event = { .events = events, .data.ptr = c };

    if (epoll_ctl(poller, operation, c->fd, &event) < 0)
        fail("epoll_ctl");
}

static void open_connection(struct connection *c)
{
    struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons((uint16_t)options.port) };
    int one = 1;

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (c->fd < 0 || connect(c->fd, (struct sockaddr *)&address, sizeof address) < 0)
        fail("connect");
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    fcntl(c->fd, F_SETFL, O_NONBLOCK);
    watch(c, EPOLLIN, EPOLL_CTL_ADD);
}

static void reopen(struct connection *c)
{
    close(c->fd);
    open_connection(c);
}

static void write_on(struct connection *c)
{
    while (c->out_sent < c->out_length) {
        ssize_t sent = write(c->fd, c->out + c->out_sent, c->out_length - c->out_sent);
        if (sent < 0 && errno == EAGAIN) {
            watch(c, EPOLLIN | EPOLLOUT, EPOLL_CTL_MOD);
            return;
        }
        if (sent < 0)
            return; // reading tells
        c->out_sent += (size_t)sent;
    }
    watch(c, EPOLLIN, EPOLL_CTL_MOD);
}

static void begin(struct connection *c, int64_t due_ns)
{
    make_request(c);
    c->busy = true;
    c->due_ns = due_ns;
    write_on(c);
}

/* The time at which the next request of the open loop is due. */
static int64_t next_due(void)
{
    return start_ns + (int64_t)((double)issued * 1e9 / options.rate);
}

static void begin_next(struct connection *c)
{
    int64_t now = now_ns();

    c->busy = false;
    c->next_ns = now + (int64_t)(options.pause_ms * 1e6);
    if (now >= end_ns)
        return;
    if (options.rate <= 0) {
        if (c->next_ns <= now)
            begin(c, now);
    } else if (next_due() <= now) {
        int64_t due = next_due();
        issued++;
        begin(c, due);
    }
}

/* Answers ---------------------------------------------------------------------------------------------------------- */

/* Length of a whole answer, 0 when more is to come. */
static size_t whole(const struct connection *c)
{
    const char *end = memmem(c->in, c->in_length, "\r\n\r\n", 4);
    const char *length;

    if (!end)
        return 0;
    size_t head = (size_t)(end - c->in) + 4;
    if ((length = strcasestr(c->in, "\r\ncontent-length:")) && length < end) {
        size_t all = head + strtoul(length + 17, NULL, 10);
        return c->in_length >= all ? all : 0;
    }
    return c->in_length >= head + 5 && !memcmp(c->in + c->in_length - 5, "0\r\n\r\n", 5) ? c->in_length : 0;
}

static void record(const struct connection *c, int status)
{
    int64_t now = now_ns();

    results.answers++;
    if (status < 200 || status > 399) {
        if (!results.errors++) {
            results.first_error = status;
            const char *body = c->in_length ? strstr(c->in, "\r\n\r\n") : NULL;
            snprintf(results.first_body, sizeof results.first_body, "%s", body ? body + 4 : "no answer");
        }
        return;
    }
    if (now < measure_ns || now > end_ns)
        return;
    if (results.count == results.room) {
        results.room = results.room ? 2 * results.room : 1 << 16;
        results.us = must(realloc(results.us, results.room * sizeof *results.us));
    }
    results.us[results.count++] = (uint32_t)((now - c->due_ns) / 1000);
}

static void read_on(struct connection *c)
{
    for (;;) {
        ssize_t got = read(c->fd, c->in + c->in_length, MAX_ANSWER - c->in_length);
        if (got < 0 && errno == EAGAIN)
            return;
        if (got <= 0) { // closed; between two answers that is the server's right
            bool busy = c->busy;
            if (busy)
                record(c, 0);
            reopen(c);
            if (busy)
                begin_next(c);
            return;
        }
        c->in_length += (size_t)got;
        c->in[c->in_length] = '\0';
        if (!whole(c))
            continue;
        bool close_it = strcasestr(c->in, "\r\nconnection: close") != NULL;
        record(c, c->in_length > 12 ? atoi(c->in + 9) : 0);
        c->in_length = 0;
        if (close_it)
            reopen(c);
        begin_next(c);
        return;
    }
}

/* Who has come, and has waited long enough, asks. */
static void let_users_ask(int64_t now)
{
    for (int i = 0; i < options.connections; i++)
        if (!connections[i].busy && connections[i].next_ns <= now)
            begin(&connections[i], now);
}

/* Due requests go to whoever is free. */
static void hand_out(void)
{
    int64_t now = now_ns();

    if (now >= end_ns)
        return;
    if (options.rate <= 0) {
        let_users_ask(now);
        return;
    }
    for (int i = 0; i < options.connections && next_due() <= now; i++)
        if (!connections[i].busy) {
            int64_t due = next_due();
            issued++;
            begin(&connections[i], due);
        }
}

static int busy_count(void)
{
    int count = 0;

    for (int i = 0; i < options.connections; i++)
        count += connections[i].busy;
    return count;
}

/* Until the next request is due: to the microsecond, for what is sent late counts as answered late. */
static struct timespec wait_for(int64_t now)
{
    const int64_t most = options.pause_ms > 0 ? 1000000 : 50000000;
    int64_t left = options.rate > 0 && now < end_ns ? next_due() - now : most;

    if (left < 0)
        left = busy_count() < options.connections ? 0 : most;
    return (struct timespec){ .tv_nsec = left > most ? most : left };
}

static void run(void)
{
    struct epoll_event events[256];
    int64_t grace = 0;

    prctl(PR_SET_TIMERSLACK, 1UL);
    start_ns = now_ns();
    measure_ns = start_ns + (int64_t)(options.warm_up * 1e9);
    end_ns = measure_ns + (int64_t)(options.seconds * 1e9);
    for (int i = 0; i < options.connections; i++)
        connections[i].next_ns = start_ns + (options.spawn > 0 ? (int64_t)(i / options.spawn * 1e9) : 0);
    hand_out();
    for (;;) {
        int64_t now = now_ns();
        if (now >= end_ns && (!busy_count() || now > grace))
            break;
        if (!grace)
            grace = end_ns + 10000000000;
        struct timespec wait = wait_for(now);
        int count = epoll_pwait2(poller, events, 256, &wait, NULL);
        for (int i = 0; i < count; i++) {
            struct connection *c = events[i].data.ptr;
            if (events[i].events & EPOLLOUT)
                write_on(c);
            if (events[i].events & ~(uint32_t)EPOLLOUT)
                read_on(c);
        }
        hand_out();
    }
}

/* The figures ------------------------------------------------------------------------------------------------------ */

static int by_size(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

    return (x > y) - (x < y);
}

static uint32_t quantile(double q)
{
    return results.count ? results.us[(size_t)((double)(results.count - 1) * q)] : 0;
}

static void print(void)
{
    qsort(results.us, results.count, sizeof *results.us, by_size);
    printf("{\"requests\": %zu, \"errors\": %" PRIu64 ", \"answers\": %" PRIu64
           ", \"seconds\": %.3f, \"per_second\": %.1f, \"p50_us\": %u, \"p90_us\": %u, \"p99_us\": %u, \"max_us\": %u",
        results.count, results.errors, results.answers, options.seconds, (double)results.count / options.seconds,
        quantile(0.5), quantile(0.9), quantile(0.99), quantile(1));
    if (results.errors)
        fprintf(stderr, "load: first bad answer: %d %s\n", results.first_error, results.first_body);
    printf(", \"next\": %" PRIu64 "}\n", options.next);
}

int main(int argc, char **argv)
{
    static const struct option known[] = { { "port", required_argument, NULL, 'p' },
        { "connections", required_argument, NULL, 'c' }, { "seconds", required_argument, NULL, 's' },
        { "warm-up", required_argument, NULL, 'w' }, { "rate", required_argument, NULL, 'r' },
        { "request", required_argument, NULL, 'q' }, { "sign", required_argument, NULL, 'k' },
        { "paths", required_argument, NULL, 'l' }, { "first", required_argument, NULL, 'f' },
        { "spawn", required_argument, NULL, 'n' }, { "pause", required_argument, NULL, 'u' }, { 0 } };

    for (int option; (option = getopt_long(argc, argv, "", known, NULL)) != -1;) {
        switch (option) {
        case 'p':
            options.port = atoi(optarg);
            break;
        case 'c':
            options.connections = atoi(optarg);
            break;
        case 's':
            options.seconds = atof(optarg);
            break;
        case 'w':
            options.warm_up = atof(optarg);
            break;
        case 'r':
            options.rate = atof(optarg);
            break;
        case 'q':
            options.request = read_file(optarg);
            break;
        case 'k':
            options.secret = optarg;
            break;
        case 'l':
            read_paths(optarg);
            break;
        case 'n':
            options.spawn = atof(optarg);
            break;
        case 'u':
            options.pause_ms = atof(optarg);
            break;
        case 'f':
            options.next = strtoull(optarg, NULL, 10);
            break;
        default:
            return 2;
        }
    }
    if (!options.port || !options.request || options.connections < 1)
        return fprintf(stderr, "load: --port, --connections and --request are needed\n"), 2;
    poller = epoll_create1(EPOLL_CLOEXEC);
    connections = must(calloc((size_t)options.connections, sizeof *connections));
    for (int i = 0; i < options.connections; i++) {
        connections[i].in = must(malloc(MAX_ANSWER + 1));
        open_connection(&connections[i]);
    }
    run();
    print();
    return 0;
}
