#include "web/fcgi.h"

#include <assert.h>
#include <errno.h>
#include <fastcgi.h>
#include <fcgiapp.h>
#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/instant.h"
#include "base/log.h"
#include "base/memory.h"
#include "web/reply.h"
#include "web/request.h"

#define STACK_SIZE (1024 * 1024) // address space; libpq's and libcurl's deepest paths use a tenth of it
#define SOCKET_TIMEOUT_MS 5000
#define BODY_MS 15000
#define STREAM_TIMEOUT_MS 60000 // a client may read what is streamed to it this slowly
#define QUEUE_MS 1000           // the longest that a queue which others fill is served after stopping
#define PIECE_BYTES 1024        // of a body, on the stack: what a thread has once used of that stays its own
#define MAX_PARAMETERS 256
#define MAX_PARAMETER_BYTES (64 * 1024)

/* What is read of a body that will not be used, so that the web server gets to read our answer. */
#define DRAIN_BYTES (1024 * 1024)
#define DRAIN_DEADLINE_MS 2000

/* A thread that is free. */
struct seat {
    struct seat *below;
    pthread_cond_t called;
    bool waits;
};

struct fcgi {
    struct fcgi_server server;
    int stop_fd;
    pthread_t *threads;
    int started;
    int64_t stop_at;      // only who watches the socket looks at it
    pthread_mutex_t lock; // of what follows
    pthread_cond_t ended;
    int running;
    bool watched;      // a free thread looks at the socket
    struct seat *free; // the others that are free, the one that was busy last on top
};

void fcgi_init(void)
{
    setenv("LIBFCGI_OS_CLOSE_POLL_TIMEOUT", "100", 0);
    setenv("LIBFCGI_IS_AF_UNIX_KEEPER_POLL_TIMEOUT", "100", 0);
    if (FCGX_Init() != 0)
        abort();
    signal(SIGPIPE, SIG_IGN); // FCGX_Init() sets a handler of its own
}

/* Parameters */

static struct error *malformed(struct request *r, const char *detail)
{
    return error_new(r->ctx, E_VALIDATION_ERROR, "%s", detail);
}

/* Headers, and what we go by, must have one value. Others we never look at. */
static bool must_be_single(const char *entry)
{
    static const char *const names[] = { "CONTENT_LENGTH=", "CONTENT_TYPE=", "REQUEST_METHOD=", "REQUEST_URI=",
        "REMOTE_ADDR=" };

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (strncmp(entry, names[i], strlen(names[i])) == 0)
            return true;
    }
    return strncmp(entry, "HTTP_", 5) == 0;
}

static bool is_repeated(const char *const *before, size_t count, const char *entry)
{
    size_t name = strcspn(entry, "=") + 1;

    for (size_t i = 0; i < count; i++) {
        if (strncmp(before[i], entry, name) == 0)
            return true;
    }
    return false;
}

static bool has_control_bytes(const char *text)
{
    for (; *text; text++) {
        if (((unsigned char)*text < 0x20 && *text != '\t') || *text == 0x7f)
            return true;
    }
    return false;
}

static struct error *wrong_parameter(struct request *r, const char *const *before, size_t count, const char *entry)
{
    if (!must_be_single(entry))
        return NULL;
    if (is_repeated(before, count, entry))
        return malformed(r, "a header was sent more than once");
    if (has_control_bytes(entry))
        return malformed(r, "a header has control characters in it");
    return NULL;
}

/* Copies the parameters, which libfcgi frees when the request ends. What is too much is left out. */
static void copy_parameters(struct request *r, char *const *parameters)
{
    size_t count = 0, bytes = 0, room = 0;

    while (parameters && parameters[room] && room < MAX_PARAMETERS)
        room++;
    const char **copy = arena_array(r->ctx->arena, room + 1, sizeof(*copy));
    r->environment = copy;
    for (; parameters && *parameters; parameters++) {
        bytes += strlen(*parameters);
        if (count == MAX_PARAMETERS || bytes > MAX_PARAMETER_BYTES) {
            r->refused = malformed(r, "the headers are too large");
            return;
        }
        if (!r->refused)
            r->refused = wrong_parameter(r, copy, count, *parameters);
        copy[count++] = arena_strdup(r->ctx->arena, *parameters);
    }
}

/* The part after "http://host" of a target in absolute form. */
static const char *without_origin(const char *target)
{
    const char *host = strstr(target, "://");

    if (!host || host > strchrnul(target, '/'))
        return target;
    return strchrnul(host + 3, '/');
}

static void split_target(struct request *r)
{
    const char *target = request_variable(r, "REQUEST_URI");

    if (!target || !*target) {
        r->path = "/";
        r->query = "";
        if (!r->refused)
            r->refused = malformed(r, "the web server did not pass the address on");
        return;
    }
    target = without_origin(target);
    size_t length = strcspn(target, "?#");
    r->path = arena_strndup(r->ctx->arena, target, length);
    r->query = target[length] == '?' ? target + length + 1 : "";
}

static bool is_method(const char *text)
{
    size_t length = text ? strlen(text) : 0;

    return length > 0 && length <= 20
        && strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz-_") == length;
}

static void read_parameters(struct request *r, char *const *parameters)
{
    copy_parameters(r, parameters);
    split_target(r);
    r->method = request_variable(r, "REQUEST_METHOD");
    r->content_type = request_variable(r, "CONTENT_TYPE");
    if (r->content_type && !*r->content_type)
        r->content_type = NULL;
    if (!is_method(r->method)) {
        r->method = "GET";
        if (!r->refused)
            r->refused = malformed(r, "there is no such method");
    }
}

/* Body */

static void set_timeout(int fd, int option, int64_t milliseconds)
{
    struct timeval timeout = { milliseconds / 1000, milliseconds % 1000 * 1000 };

    setsockopt(fd, SOL_SOCKET, option, &timeout, sizeof(timeout));
}

/* Reads what has arrived, at most `room` bytes, and waits when nothing has: 0 at the end, after an error, and when the
 * deadline has come. A read timeout of the socket alone would let one byte every four seconds go on for ever. */
static size_t read_some(FCGX_Request *connection, char *out, size_t room, int64_t deadline)
{
    FCGX_Stream *in = connection->in;

    if (in->rdNext == in->stop) {
        int64_t left = deadline - monotonic_ms();
        if (left <= 0)
            return 0;
        set_timeout(connection->ipcFd, SO_RCVTIMEO, left);
    }
    int first = FCGX_GetChar(in);
    if (first == EOF)
        return 0;
    out[0] = (char)first;
    size_t ready = (size_t)(in->stop - in->rdNext);
    if (ready > room - 1)
        ready = room - 1;
    return 1 + (size_t)FCGX_GetStr(out + 1, (int)ready, in);
}

static void drain(FCGX_Request *connection)
{
    int64_t deadline = monotonic_ms() + DRAIN_DEADLINE_MS;
    char discarded[PIECE_BYTES];
    size_t length = 0, got;

    while (length < DRAIN_BYTES && (got = read_some(connection, discarded, sizeof(discarded), deadline)) > 0)
        length += got;
}

struct length {
    bool known;
    unsigned long long bytes;
};

/* False for what is no length. */
static bool parse_length(const char *text, struct length *out)
{
    *out = (struct length){ 0 };
    if (!text || !*text)
        return true;
    if (strspn(text, "0123456789") != strlen(text))
        return false;
    errno = 0;
    out->known = true;
    out->bytes = strtoull(text, NULL, 10);
    if (errno == ERANGE)
        out->bytes = UINT64_MAX;
    return true;
}

static struct error *too_large(struct request *r, FCGX_Request *connection, size_t limit)
{
    drain(connection);
    return error_new(r->ctx, E_TOO_LARGE, "the body may have %zu bytes at most", limit);
}

static struct error *read_body(struct request *r, FCGX_Request *connection, size_t limit, int64_t deadline)
{
    struct buf body = { .arena = r->ctx->arena };
    struct length length;
    char piece[PIECE_BYTES];
    size_t got;

    if (!parse_length(request_variable(r, "CONTENT_LENGTH"), &length))
        return malformed(r, "Content-Length is not a number");
    if (length.known && length.bytes > limit)
        return too_large(r, connection, limit);

    while (body.length <= limit && (got = read_some(connection, piece, sizeof(piece), deadline)) > 0)
        buf_add(&body, piece, got);

    if (body.length > limit) // a server that passes chunks on as they come knows no length
        return too_large(r, connection, limit);
    if (monotonic_ms() >= deadline)
        return malformed(r, "the body did not arrive in time");
    if (FCGX_GetError(connection->in) != 0 || (length.known && body.length != length.bytes))
        return malformed(r, "the body is not as long as Content-Length says");
    r->body = (struct bytes){ (const uint8_t *)buf_string(&body), body.length };
    return NULL;
}

/* One request */

/* From when the request is read until it is answered libfcgi's buffers are not needed: a provider may be asked meanwhile. */
static void answer(const struct fcgi_server *server, void *thread, struct request *r, FCGX_Request *connection)
{
    size_t limit = REQUEST_MAX_BODY;

    read_parameters(r, connection->envp);
    if (!r->refused && server->max_body)
        limit = server->max_body(thread, r);
    int64_t deadline = monotonic_ms() + (server->body_ms ? server->body_ms : BODY_MS);
    struct error *unread = read_body(r, connection, limit, deadline);
    if (unread && !r->refused)
        r->refused = unread;
    FCGX_Free(connection, 0);

    if (r->refused && !server->handle_refused)
        reply_error(r, r->refused);
    else
        server->handle(thread, r);
}

static FCGI_Header record(const FCGX_Request *connection, unsigned char type, size_t length)
{
    return (FCGI_Header){
        .version = FCGI_VERSION_1,
        .type = type,
        .requestIdB1 = (unsigned char)(connection->requestId >> 8),
        .requestIdB0 = (unsigned char)connection->requestId,
        .contentLengthB1 = (unsigned char)(length >> 8),
        .contentLengthB0 = (unsigned char)length,
    };
}

/* Sends the parts one after the other; false when the web server does not take them. */
static bool send_parts(int fd, struct iovec *parts, size_t count)
{
    struct msghdr message = { .msg_iov = parts, .msg_iovlen = count };

    while (message.msg_iovlen > 0) {
        ssize_t sent = sendmsg(fd, &message, MSG_NOSIGNAL);
        if (sent < 0 && errno == EINTR)
            continue;
        if (sent < 0)
            return false;
        for (size_t left = (size_t)sent; message.msg_iovlen > 0; message.msg_iov++, message.msg_iovlen--) {
            if (left < message.msg_iov->iov_len) {
                message.msg_iov->iov_base = (char *)message.msg_iov->iov_base + left;
                message.msg_iov->iov_len -= left;
                break;
            }
            left -= message.msg_iov->iov_len;
        }
    }
    return true;
}

/* Sends a piece of the answer as records, and after the last one what ends it. */
static bool put(FCGX_Request *connection, const struct buf *piece, bool last)
{
    const struct {
        FCGI_Header no_more;
        FCGI_EndRequestRecord end;
    } end = { record(connection, FCGI_STDOUT, 0),
        { record(connection, FCGI_END_REQUEST, sizeof(FCGI_EndRequestBody)),
            { .protocolStatus = FCGI_REQUEST_COMPLETE } } };
    size_t done = 0;
    bool sent = true;

    do {
        size_t length = piece->length - done < FCGI_MAX_LENGTH ? piece->length - done : FCGI_MAX_LENGTH;
        FCGI_Header header = record(connection, FCGI_STDOUT, length);
        struct iovec parts[3] = { { &header, length ? sizeof(header) : 0 }, { piece->data + done, length } };

        done += length;
        if (last && done == piece->length)
            parts[2] = (struct iovec){ (void *)&end, sizeof(end) };
        sent = send_parts(connection->ipcFd, parts, 3);
    } while (sent && done < piece->length);
    return sent;
}

/* Writes what is made piece by piece. One that cannot be made must not look like the end: the connection is cut. */
static void send_stream(struct request *r, FCGX_Request *connection)
{
    struct ctx ctx = *r->ctx;
    bool more = true;

    set_timeout(connection->ipcFd, SO_SNDTIMEO, STREAM_TIMEOUT_MS);
    ctx.arena = arena_new();
    while (more) {
        struct buf piece = { .arena = ctx.arena };
        struct error *error = r->reply.next(&ctx, r->reply.state, &piece, &more);
        if (error) {
            log_warn(&ctx, "stream", "%s", error->cause ? error->cause : error->detail);
            shutdown(connection->ipcFd, SHUT_RDWR);
            break;
        }
        if (!put(connection, &piece, !more))
            break; // the client went away
        arena_reset(ctx.arena);
    }
    arena_free(ctx.arena);
}

/* A client that went away before its answer changes nothing: what was done is done, and its next try finds it. */
static void send_reply(struct request *r, FCGX_Request *connection)
{
    struct buf out = { .arena = r->ctx->arena };

    reply_write(r, &out);
    if (put(connection, &out, !r->reply.next) && r->reply.next)
        send_stream(r, connection);
}

static void serve_connection(struct fcgi *fcgi, void *thread, FCGX_Request *connection, int fd)
{
    set_timeout(fd, SO_RCVTIMEO, SOCKET_TIMEOUT_MS);
    set_timeout(fd, SO_SNDTIMEO, SOCKET_TIMEOUT_MS);
    connection->ipcFd = fd;
    connection->keepConnection = 1; // or else libfcgi closes it before it reads
    connection->listen_sock = -1;   // and never accepts for itself
    if (FCGX_Accept_r(connection) != 0)
        return;

    struct request *r = fcgi->server.request_new(thread);
    answer(&fcgi->server, thread, r, connection);
    send_reply(r, connection);
    FCGX_Free(connection, 1);
}

/* Threads */

/* One free thread looks at the socket and the others sleep, so that a connection wakes one of them and not all. Whoever was busy last
 * is called first: its memory is warm and its connection to the provider open, and what is not needed stays asleep. */
static void take_watch(struct fcgi *fcgi, struct seat *own)
{
    pthread_mutex_lock(&fcgi->lock);
    if (fcgi->watched) {
        own->below = fcgi->free;
        own->waits = true;
        fcgi->free = own;
    }
    while (own->waits)
        pthread_cond_wait(&own->called, &fcgi->lock);
    fcgi->watched = true;
    pthread_mutex_unlock(&fcgi->lock);
}

static void hand_watch_on(struct fcgi *fcgi)
{
    pthread_mutex_lock(&fcgi->lock);
    struct seat *next = fcgi->free;
    fcgi->watched = next != NULL;
    if (next) {
        fcgi->free = next->below;
        next->waits = false;
        pthread_cond_signal(&next->called);
    }
    pthread_mutex_unlock(&fcgi->lock);
}

/* Waits for a connection; false when it is time to stop. Who has got into the queue by then is still served: when the whole
 * program ends nobody else would. */
static bool wait_for_connection(struct fcgi *fcgi)
{
    struct pollfd polled[] = { { .fd = fcgi->stop_fd, .events = POLLIN },
        { .fd = fcgi->server.listen_fd, .events = POLLIN } };

    while (poll(polled, 2, -1) < 0)
        assert(errno == EINTR);
    if (!polled[0].revents)
        return true;
    if (fcgi->stop_at == 0)
        fcgi->stop_at = monotonic_ms() + QUEUE_MS;
    return polled[1].revents && monotonic_ms() < fcgi->stop_at;
}

/* Processes that were faster leave nothing to accept; that is no failure. */
static void accept_failed(int reason)
{
    const struct timespec pause = { .tv_nsec = 100 * 1000 * 1000 };

    if (reason == EAGAIN || reason == EINTR || reason == ECONNABORTED || reason == EPROTO)
        return;
    log_warn(NULL, "accept", "no connection can be accepted: %s", strerrordesc_np(reason));
    nanosleep(&pause, NULL);
}

/* The next connection; -1 when it is time to stop. */
static int next_connection(struct fcgi *fcgi, struct seat *own)
{
    int fd = -1;

    take_watch(fcgi, own);
    while (fd < 0 && wait_for_connection(fcgi)) {
        // cppcheck-suppress nullPointer; who connects is always the web server
        fd = accept4(fcgi->server.listen_fd, NULL, NULL, SOCK_CLOEXEC);
        if (fd < 0)
            accept_failed(errno);
    }
    hand_watch_on(fcgi);
    return fd;
}

static void *serve(void *argument)
{
    struct fcgi *fcgi = argument;
    void *thread = fcgi->server.thread_start(fcgi->server.shared);
    struct seat seat = { .called = PTHREAD_COND_INITIALIZER };
    FCGX_Request connection;
    int fd;

    FCGX_InitRequest(&connection, -1, 0);
    while ((fd = next_connection(fcgi, &seat)) >= 0) {
        serve_connection(fcgi, thread, &connection, fd);
        memory_settle_stack();
    }
    fcgi->server.thread_stop(thread);
    pthread_mutex_lock(&fcgi->lock);
    fcgi->running--;
    pthread_cond_signal(&fcgi->ended);
    pthread_mutex_unlock(&fcgi->lock);
    return NULL;
}

static struct fcgi *fcgi_new(const struct fcgi_server *server)
{
    struct fcgi *fcgi = calloc(1, sizeof(*fcgi));
    pthread_t *threads = calloc((size_t)server->threads, sizeof(*threads));
    pthread_condattr_t clock;

    if (!fcgi || !threads)
        abort();
    *fcgi = (struct fcgi){ .server = *server, .stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), .threads = threads };
    pthread_mutex_init(&fcgi->lock, NULL);
    pthread_condattr_init(&clock);
    pthread_condattr_setclock(&clock, CLOCK_MONOTONIC);
    pthread_cond_init(&fcgi->ended, &clock);
    pthread_condattr_destroy(&clock);
    return fcgi;
}

static void fcgi_free(struct fcgi *fcgi)
{
    for (int i = 0; i < fcgi->started; i++)
        pthread_join(fcgi->threads[i], NULL);
    pthread_cond_destroy(&fcgi->ended);
    pthread_mutex_destroy(&fcgi->lock);
    close(fcgi->stop_fd);
    free(fcgi->threads);
    free(fcgi);
}

/* 0, or why no further thread can be started. */
static int start_threads(struct fcgi *fcgi)
{
    pthread_attr_t attributes;
    int failed = 0;

    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, STACK_SIZE);
    fcgi->running = fcgi->server.threads;
    while (fcgi->started < fcgi->server.threads && !failed) {
        failed = pthread_create(&fcgi->threads[fcgi->started], &attributes, serve, fcgi);
        fcgi->started += !failed;
    }
    pthread_attr_destroy(&attributes);
    return failed;
}

struct fcgi *fcgi_start(const struct fcgi_server *server)
{
    fcgi_init();
    struct fcgi *fcgi = fcgi_new(server);
    int failed = start_threads(fcgi);

    if (!failed)
        return fcgi;
    eventfd_write(fcgi->stop_fd, 1);
    fcgi_free(fcgi);
    errno = failed;
    return NULL;
}

bool fcgi_stop(struct fcgi *fcgi, int seconds)
{
    struct timespec until;
    int late = 0;

    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += seconds;
    eventfd_write(fcgi->stop_fd, 1);
    pthread_mutex_lock(&fcgi->lock);
    while (fcgi->running > 0 && !late)
        late = pthread_cond_timedwait(&fcgi->ended, &fcgi->lock, &until);
    bool all_ended = fcgi->running == 0;
    pthread_mutex_unlock(&fcgi->lock);
    if (all_ended)
        fcgi_free(fcgi);
    return all_ended;
}

/* Listening */

/* A socket file that nobody listens on any more is in the way; one that somebody does is not ours to take. */
static bool remove_stale(const struct sockaddr_un *address)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return false;

    int result = connect(fd, (const struct sockaddr *)address, sizeof(*address));
    int reason = result == 0 ? EADDRINUSE : errno;
    close(fd);
    if (reason == ENOENT)
        return true;
    if (reason == ECONNREFUSED)
        return unlink(address->sun_path) == 0;
    errno = reason;
    return false;
}

static bool bind_unix(int fd, const char *path)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };

    if (strlen(path) >= sizeof(address.sun_path)) {
        errno = ENAMETOOLONG;
        return false;
    }
    memcpy(address.sun_path, path, strlen(path));
    if (!remove_stale(&address))
        return false;
    fchmod(fd, 0660); // so that nobody else gets in before the chmod(), which a umask cannot narrow
    return bind(fd, (const struct sockaddr *)&address, sizeof(address)) == 0 && chmod(path, 0660) == 0;
}

static int listening(int fd, bool bound)
{
    if (fd >= 0 && bound && listen(fd, SOMAXCONN) == 0)
        return fd;
    int reason = errno;
    if (fd >= 0)
        close(fd);
    errno = reason;
    return -1;
}

static int listen_inet(const char *address)
{
    const struct addrinfo hints = { .ai_flags = AI_PASSIVE, .ai_socktype = SOCK_STREAM };
    const char *colon = strrchr(address, ':');
    char host[256] = "";
    struct addrinfo *found;
    int on = 1;

    if (!colon || colon - address >= (long)sizeof(host)) {
        errno = EINVAL;
        return -1;
    }
    bool bracketed = address[0] == '[' && colon > address + 1 && colon[-1] == ']';
    memcpy(host, address + bracketed, (size_t)(colon - address) - 2 * bracketed);
    if (getaddrinfo(host[0] ? host : NULL, colon + 1, &hints, &found) != 0) {
        errno = EADDRNOTAVAIL;
        return -1;
    }
    int fd = socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd >= 0)
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    fd = listening(fd, fd >= 0 && bind(fd, found->ai_addr, found->ai_addrlen) == 0);
    freeaddrinfo(found);
    return fd;
}

int fcgi_listen(const char *address)
{
    if (!strchr(address, '/'))
        return listen_inet(address);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    return listening(fd, fd >= 0 && bind_unix(fd, address));
}
