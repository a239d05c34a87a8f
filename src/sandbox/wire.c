#include "sandbox/wire.h"

#include "base/instant.h"
#include "sandbox/memory.h"
#include "sandbox/message.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    MAX_CONNECTIONS = 512,
    MAX_HEAD = 64 * 1024,
    BUFFER = MAX_HEAD + 1024, // room for a head and what we add
    STACK = 256 * 1024,
    STOP_MS = 3000,
    IDLE_MS = 120000,
    BACKLOG = 256,
};

struct wire {
    int listen_fd;
    int stop_fd;
    struct sockaddr_storage upstream;
    socklen_t upstream_length;
    pthread_t thread;
    pthread_mutex_t lock; // for the connections
    pthread_cond_t ended;
    struct connection *connections;
    size_t count;
    bool stopping;
};

/* Bytes on their way in one direction. */
struct flow {
    char data[BUFFER];
    size_t length; // bytes read
    size_t ready;  // of these, how many may be passed on
    size_t sent;   // of these, how many were
    bool closed;   // nothing more will come
    bool in_body;  // the head was passed on, the body is passing
    struct body body;
};

enum step { STEP_ON, STEP_END };

struct connection {
    struct wire *wire;
    struct connection *next, **link;
    int client, upstream;
    unsigned long requests;
    bool to_head; // the current request is a HEAD
    bool busy;    // a request went on and its answer is not whole yet
    bool tunnel;  // after 101: bytes without meaning
    struct flow up, down;
};

/* Faults */

static void wait_or_gone(const struct connection *connection, int64_t ms)
{
    struct pollfd polled = { .fd = connection->client, .events = POLLRDHUP };

    for (int64_t end = monotonic_ms() + ms, left = ms; left > 0; left = end - monotonic_ms()) {
        int found = poll(&polled, 1, (int)left);

        if (found > 0 || (found < 0 && errno != EINTR))
            return;
    }
}

static bool send_all(int fd, const char *data, size_t length)
{
    while (length) {
        struct pollfd polled = { .fd = fd, .events = POLLOUT };
        ssize_t sent = send(fd, data, length, MSG_NOSIGNAL);

        if (sent > 0) {
            data += sent;
            length -= (size_t)sent;
        } else if (errno != EAGAIN || poll(&polled, 1, IDLE_MS) <= 0) {
            return false;
        }
    }
    return true;
}

static void reset(const struct connection *connection)
{
    const struct linger at_once = { .l_onoff = 1, .l_linger = 0 };

    setsockopt(connection->client, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
}

/* Passes the rest of the answer to `each`, which gets pieces and denies when it has enough. */
static void pass_rest(struct connection *connection, bool (*each)(struct connection *, const char *, size_t, int64_t *),
    int64_t *number)
{
    struct flow *down = &connection->down;

    for (;;) {
        size_t some = body_take(&down->body, down->data, down->length);

        if (!each(connection, down->data, some, number) || down->body.done || down->closed)
            return;
        struct pollfd polled = { .fd = connection->upstream, .events = POLLIN };
        ssize_t got = poll(&polled, 1, IDLE_MS) > 0 ? recv(connection->upstream, down->data, sizeof down->data, 0) : 0;
        if (got <= 0)
            return;
        down->length = (size_t)got;
    }
}

static bool up_to(struct connection *connection, const char *data, size_t length, int64_t *left)
{
    size_t some = length < (size_t)*left ? length : (size_t)*left;

    *left -= (int64_t)some;
    return send_all(connection->client, data, some) && *left > 0;
}

static bool slowly(struct connection *connection, const char *data, size_t length, int64_t *pause)
{
    struct pollfd polled = { .fd = connection->client, .events = 0 };

    for (size_t i = 0; i < length; i++) {
        wait_or_gone(connection, *pause);
        if (poll(&polled, 1, 0) > 0 || !send_all(connection->client, data + i, 1))
            return false;
    }
    return true;
}

/* The head was read, and neither it nor anything behind it was passed on. Always ends the connection. */
static enum step misbehave(struct connection *connection, const char *what, size_t head)
{
    struct flow *down = &connection->down;
    const char *equals = strchr(what, '=');
    int64_t number = equals ? strtoll(equals + 1, NULL, 10) : 0;

    if (strncmp(what, "reset", 5) == 0) {
        reset(connection);
    } else if (strncmp(what, "hang", 4) == 0) {
        wait_or_gone(connection, number);
    } else if (strncmp(what, "truncate", 8) == 0 || strncmp(what, "trickle", 7) == 0) {
        bool whole = send_all(connection->client, down->data, head);

        memmove(down->data, down->data + head, down->length - head);
        down->length -= head;
        if (whole && what[2] == 'u' ? number > 0 : whole)
            pass_rest(connection, what[2] == 'u' ? up_to : slowly, &number);
    }
    return STEP_END;
}

/* Passing on */

/* A request's head, once it is whole. */
static enum step take_request(struct connection *connection)
{
    struct flow *up = &connection->up;
    size_t head = head_length(up->data, up->length);
    char line[64];

    if (!head)
        return up->length >= MAX_HEAD ? STEP_END : STEP_ON;

    char *rest = up->data + head;
    size_t after = up->length - head;
    char *kept = memory_array(NULL, after + 1, 1);
    memcpy(kept, rest, after);
    connection->to_head = strncmp(up->data, "HEAD ", 5) == 0;
    up->body = body_of_request(up->data, head);
    head = head_remove(up->data, head, "Sandbox-Connection-Requests");
    head = head_remove(up->data, head, "Upgrade");
    head = head_remove(up->data, head, "HTTP2-Settings");
    snprintf(line, sizeof line, "Sandbox-Connection-Requests: %lu\r\n", ++connection->requests);
    head = head_add(up->data, head, line);
    memcpy(up->data + head, kept, after);
    free(kept);
    up->length = head + after;
    up->ready = head + body_take(&up->body, up->data + head, after);
    up->in_body = true;
    connection->busy = true;
    return STEP_ON;
}

/* An answer's head, once it is whole. */
static enum step take_answer(struct connection *connection)
{
    struct flow *down = &connection->down;
    size_t head = head_length(down->data, down->length);
    char what[64];

    if (!head)
        return down->length >= MAX_HEAD ? STEP_END : STEP_ON;

    int status = down->length > 12 ? (int)strtol(down->data + 9, NULL, 10) : 0;
    if (status == 101) {
        connection->tunnel = true;
        down->ready = down->length;
        return STEP_ON;
    }
    if (status >= 100 && status < 200) {
        down->ready = head;
        return STEP_ON;
    }
    bool bad = head_field(down->data, head, "Sandbox-Wire", what, sizeof what);
    size_t shorter = head_remove(down->data, head, "Sandbox-Wire");
    memmove(down->data + shorter, down->data + head, down->length - head);
    down->length -= head - shorter;
    down->body = body_of_answer(down->data, shorter, status, connection->to_head);
    if (bad)
        return misbehave(connection, what, shorter);
    down->ready = shorter + body_take(&down->body, down->data + shorter, down->length - shorter);
    down->in_body = true;
    return STEP_ON;
}

/* Finds out how much of what was read may go on. */
static enum step consider(struct connection *connection)
{
    struct flow *up = &connection->up, *down = &connection->down;

    if (connection->tunnel) {
        up->ready = up->length;
        down->ready = down->length;
        return STEP_ON;
    }
    if (up->in_body && up->ready < up->length && !up->body.done)
        up->ready += body_take(&up->body, up->data + up->ready, up->length - up->ready);
    if (down->in_body && down->ready < down->length && !down->body.done)
        down->ready += body_take(&down->body, down->data + down->ready, down->length - down->ready);
    if (!connection->busy && up->length && take_request(connection) == STEP_END)
        return STEP_END;
    if (connection->busy && !down->in_body && !down->ready && down->length)
        return take_answer(connection);
    return STEP_ON;
}

/* Reads what there is into the flow; false on an error. */
static bool read_flow(struct flow *flow, int fd, size_t room)
{
    ssize_t got = recv(fd, flow->data + flow->length, room - flow->length, 0);

    if (got == 0)
        flow->closed = true;
    if (got > 0)
        flow->length += (size_t)got;
    return got >= 0 || errno == EAGAIN || errno == EINTR;
}

static bool write_flow(struct flow *flow, int fd)
{
    ssize_t sent = send(fd, flow->data + flow->sent, flow->ready - flow->sent, MSG_NOSIGNAL);

    if (sent < 0)
        return errno == EAGAIN || errno == EINTR;
    flow->sent += (size_t)sent;
    if (flow->sent == flow->ready) { // what is not ready moves to the front
        memmove(flow->data, flow->data + flow->ready, flow->length - flow->ready);
        flow->length -= flow->ready;
        flow->ready = flow->sent = 0;
    }
    return true;
}

/* The answer is whole and passed on: the connection is ready for the next request. */
static void finish_exchange(struct connection *connection)
{
    struct flow *up = &connection->up, *down = &connection->down;

    if (!connection->busy || !down->in_body || !down->body.done || down->ready || !up->body.done || up->ready)
        return;
    connection->busy = false;
    up->in_body = down->in_body = false;
}

static bool is_over(const struct connection *connection)
{
    const struct flow *up = &connection->up, *down = &connection->down;

    if (down->closed && !down->ready)
        return true;
    return up->closed && !up->ready && (!connection->busy || connection->tunnel);
}

static short wanted(const struct flow *own, const struct flow *other, size_t room)
{
    return (short)((!own->closed && own->length < room ? POLLIN : 0) | (other->ready > other->sent ? POLLOUT : 0));
}

static enum step step(struct connection *connection)
{
    struct flow *up = &connection->up, *down = &connection->down;
    struct pollfd polled[] = {
        { .fd = connection->client, .events = wanted(up, down, MAX_HEAD) },
        { .fd = connection->upstream, .events = wanted(down, up, MAX_HEAD) },
    };

    if (poll(polled, 2, IDLE_MS) <= 0)
        return errno == EINTR ? STEP_ON : STEP_END;
    if ((polled[0].revents & (POLLIN | POLLHUP)) && polled[0].events & POLLIN
        && !read_flow(up, connection->client, MAX_HEAD))
        return STEP_END;
    if ((polled[1].revents & (POLLIN | POLLHUP)) && polled[1].events & POLLIN
        && !read_flow(down, connection->upstream, MAX_HEAD))
        return STEP_END;
    if (((polled[0].revents | polled[1].revents) & (POLLERR | POLLNVAL))
        || (polled[0].revents & POLLHUP && !(polled[0].events & POLLIN)))
        return STEP_END;
    if (consider(connection) == STEP_END)
        return STEP_END;
    if (up->ready > up->sent && !write_flow(up, connection->upstream))
        return STEP_END;
    if (down->ready > down->sent && !write_flow(down, connection->client))
        return STEP_END;
    finish_exchange(connection);
    if (consider(connection) == STEP_END) // what came along with what was just passed on
        return STEP_END;
    return is_over(connection) ? STEP_END : STEP_ON;
}

/* Connections */

static void set_up_socket(int fd)
{
    const int on = 1;

    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
}

static int connect_upstream(const struct wire *wire)
{
    int fd = socket(wire->upstream.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd < 0)
        return -1;
    if (connect(fd, (const struct sockaddr *)&wire->upstream, wire->upstream_length) != 0) {
        close(fd);
        return -1;
    }
    set_up_socket(fd);
    return fd;
}

/* Takes the connection off the list and closes it. */
static void end(struct connection *connection)
{
    struct wire *wire = connection->wire;

    pthread_mutex_lock(&wire->lock);
    *connection->link = connection->next;
    if (connection->next)
        connection->next->link = connection->link;
    close(connection->client);
    if (connection->upstream >= 0)
        close(connection->upstream);
    wire->count--;
    pthread_cond_signal(&wire->ended);
    pthread_mutex_unlock(&wire->lock);
    free(connection);
}

static void *serve(void *argument)
{
    struct connection *connection = argument;
    int upstream = connect_upstream(connection->wire);

    pthread_mutex_lock(&connection->wire->lock);
    connection->upstream = upstream;
    bool go_on = upstream >= 0 && !connection->wire->stopping;
    pthread_mutex_unlock(&connection->wire->lock);
    while (go_on && step(connection) == STEP_ON)
        continue;
    end(connection);
    return NULL;
}

static void begin(struct wire *wire, int client, const pthread_attr_t *attributes)
{
    struct connection *connection = memory_new(sizeof *connection);
    pthread_t thread;

    set_up_socket(client);
    connection->wire = wire;
    connection->client = client;
    connection->upstream = -1;
    pthread_mutex_lock(&wire->lock);
    connection->next = wire->connections;
    connection->link = &wire->connections;
    if (connection->next)
        connection->next->link = &connection->next;
    wire->connections = connection;
    wire->count++;
    pthread_mutex_unlock(&wire->lock);
    if (pthread_create(&thread, attributes, serve, connection) != 0)
        end(connection);
}

static bool has_room(struct wire *wire)
{
    pthread_mutex_lock(&wire->lock);
    bool room = wire->count < MAX_CONNECTIONS;
    pthread_mutex_unlock(&wire->lock);
    return room;
}

static void *listen_for_clients(void *argument)
{
    struct wire *wire = argument;
    struct pollfd polled[] = { { .fd = wire->stop_fd, .events = POLLIN }, { .fd = wire->listen_fd, .events = POLLIN } };
    pthread_attr_t attributes;

    pthread_attr_init(&attributes);
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    pthread_attr_setstacksize(&attributes, STACK);
    while (!polled[0].revents) {
        if (poll(polled, 2, -1) < 0 || !polled[1].revents)
            continue;
        struct sockaddr_storage peer;
        socklen_t length = sizeof peer;
        int client = accept4(wire->listen_fd, (struct sockaddr *)&peer, &length, SOCK_CLOEXEC);
        if (client >= 0 && has_room(wire))
            begin(wire, client, &attributes);
        else if (client >= 0)
            close(client);
    }
    pthread_attr_destroy(&attributes);
    return NULL;
}

/* "127.0.0.1:8080", "[::1]:8080" or ":8080" */
static struct addrinfo *resolve(const char *text, int flags)
{
    const struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = flags };
    const char *colon = strrchr(text, ':');
    struct addrinfo *found = NULL;
    char host[256];

    if (!colon || (size_t)(colon - text) >= sizeof host)
        return NULL;
    snprintf(host, sizeof host, "%.*s", (int)(colon - text), text);
    char *name = host;
    if (*name == '[') {
        name++;
        name[strcspn(name, "]")] = '\0';
    }
    return getaddrinfo(*name ? name : NULL, colon + 1, &hints, &found) == 0 ? found : NULL;
}

static int open_listener(const char *address)
{
    struct addrinfo *found = resolve(address, AI_PASSIVE);
    const int on = 1;
    int fd = found ? socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0) : -1;

    if (fd >= 0)
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (fd >= 0 && (bind(fd, found->ai_addr, found->ai_addrlen) != 0 || listen(fd, BACKLOG) != 0)) {
        close(fd);
        fd = -1;
    }
    if (found)
        freeaddrinfo(found);
    return fd;
}

struct wire *wire_start(const char *listen_on, const char *upstream)
{
    struct addrinfo *found = resolve(upstream, 0);
    struct wire *wire = memory_new(sizeof *wire);

    wire->listen_fd = open_listener(listen_on);
    wire->stop_fd = eventfd(0, EFD_CLOEXEC);
    if (wire->listen_fd < 0 || wire->stop_fd < 0 || !found) {
        fprintf(stderr, "till-sandbox.fcgi: cannot relay from %s to %s: %s\n", listen_on, upstream, strerror(errno));
        if (found)
            freeaddrinfo(found);
        free(wire);
        return NULL;
    }
    memcpy(&wire->upstream, found->ai_addr, found->ai_addrlen);
    wire->upstream_length = found->ai_addrlen;
    freeaddrinfo(found);
    pthread_mutex_init(&wire->lock, NULL);
    pthread_cond_init(&wire->ended, NULL);
    if (pthread_create(&wire->thread, NULL, listen_for_clients, wire) != 0)
        abort();
    return wire;
}

void wire_stop(struct wire *wire)
{
    const uint64_t one = 1;
    struct timespec deadline;

    if (!wire || write(wire->stop_fd, &one, sizeof one) < 0)
        return;
    pthread_join(wire->thread, NULL);
    close(wire->listen_fd);
    close(wire->stop_fd);

    clock_gettime(CLOCK_REALTIME, &deadline);
    deadline.tv_sec += STOP_MS / 1000;
    pthread_mutex_lock(&wire->lock);
    wire->stopping = true;
    for (struct connection *connection = wire->connections; connection; connection = connection->next) {
        shutdown(connection->client, SHUT_RDWR);
        if (connection->upstream >= 0)
            shutdown(connection->upstream, SHUT_RDWR);
    }
    int late = 0;
    while (wire->count && !late)
        late = pthread_cond_timedwait(&wire->ended, &wire->lock, &deadline);
    pthread_mutex_unlock(&wire->lock);
    if (!late)
        free(wire);
}
