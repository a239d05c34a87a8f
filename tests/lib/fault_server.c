#include "fault_server.h"

#include <arpa/inet.h>
#include <assert.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#define CONNECTIONS 64
#define REQUEST_AT_MOST 65536
#define TRICKLE_MS 20

struct fault_server {
    int listener;
    char url[40];
    const struct fault *script;
    size_t count;
    pthread_t acceptor;
    pthread_mutex_t lock; // for all below
    pthread_t threads[CONNECTIONS];
    int sockets[CONNECTIONS]; // -1 when closed
    int connections;
    int requests;
    char last[REQUEST_AT_MOST];
};

struct connection {
    struct fault_server *server;
    int number;
    int socket;
};

static void send_all(int socket, const char *data, size_t length)
{
    while (length) {
        ssize_t sent = send(socket, data, length, MSG_NOSIGNAL);

        if (sent <= 0)
            return;
        data += sent;
        length -= (size_t)sent;
    }
}

static size_t content_length(const char *head)
{
    const char *line = strcasestr(head, "\r\nContent-Length:");

    return line ? strtoul(line + 17, NULL, 10) : 0;
}

/* Reads one whole request; false when the peer goes away before. */
static bool take(int socket, char *request)
{
    size_t length = 0, whole = 0;

    while (!whole || length < whole) {
        ssize_t got = recv(socket, request + length, REQUEST_AT_MOST - 1 - length, 0);

        if (got <= 0)
            return false;
        length += (size_t)got;
        request[length] = '\0';

        const char *end = strstr(request, "\r\n\r\n");
        if (end)
            whole = (size_t)(end - request) + 4 + content_length(request);
    }
    return true;
}

static const struct fault *next(struct fault_server *server, const char *request)
{
    pthread_mutex_lock(&server->lock);
    size_t i = (size_t)server->requests++;
    memcpy(server->last, request, strlen(request) + 1);
    pthread_mutex_unlock(&server->lock);
    return &server->script[i < server->count ? i : server->count - 1];
}

static void wait_for_peer(int socket)
{
    char byte;

    while (recv(socket, &byte, 1, 0) > 0)
        ;
}

static void trickle(int socket, const char *answer)
{
    send_all(socket, answer, strlen(answer));
    for (;;) {
        struct pollfd peer = { .fd = socket, .events = POLLIN };

        if (poll(&peer, 1, TRICKLE_MS) != 0 || send(socket, " ", 1, MSG_NOSIGNAL) != 1)
            return;
    }
}

static void flood(int socket)
{
    static char zeroes[2 * 1024 * 1024];

    send_all(socket, zeroes, sizeof(zeroes));
}

static void reset_on_close(int socket)
{
    struct linger now = { .l_onoff = 1, .l_linger = 0 };

    setsockopt(socket, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
}

/* Does to one request what the script says; false when the connection is over. */
static bool act(int socket, const struct fault *fault)
{
    if (fault->answer && fault->kind != FAULT_TRICKLE)
        send_all(socket, fault->answer, strlen(fault->answer));
    switch (fault->kind) {
    case FAULT_NONE:
        return true;
    case FAULT_CLOSE:
        return false;
    case FAULT_RESET:
        usleep(20000);
        reset_on_close(socket);
        return false; // what was sent before shall arrive
    case FAULT_SILENCE:
        wait_for_peer(socket);
        return false;
    case FAULT_TRICKLE:
        trickle(socket, fault->answer);
        return false;
    case FAULT_FLOOD:
        flood(socket);
        return false;
    }
    return false;
}

static void *serve(void *argument)
{
    struct connection *connection = argument;
    struct fault_server *server = connection->server;
    char *request = malloc(REQUEST_AT_MOST);

    assert(request);
    while (take(connection->socket, request) && act(connection->socket, next(server, request)))
        ;
    free(request);
    pthread_mutex_lock(&server->lock);
    server->sockets[connection->number] = -1;
    close(connection->socket);
    pthread_mutex_unlock(&server->lock);
    free(connection);
    return NULL;
}

static void *accept_all(void *argument)
{
    struct fault_server *server = argument;
    int socket;

    while ((socket = accept(server->listener, NULL, NULL)) >= 0) {
        struct connection *connection = malloc(sizeof(*connection));

        assert(connection);
        pthread_mutex_lock(&server->lock);
        assert(server->connections < CONNECTIONS);
        *connection = (struct connection){ server, server->connections++, socket };
        server->sockets[connection->number] = socket;
        int failed = pthread_create(&server->threads[connection->number], NULL, serve, connection);
        assert(!failed);
        pthread_mutex_unlock(&server->lock);
    }
    return NULL;
}

struct fault_server *fault_server_new(const struct fault *script, size_t count)
{
    struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t length = sizeof(address);
    struct fault_server *server = calloc(1, sizeof(*server));

    assert(server);
    pthread_mutex_init(&server->lock, NULL);
    server->script = script;
    server->count = count;
    server->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int failed = bind(server->listener, (struct sockaddr *)&address, sizeof(address)) || listen(server->listener, 16)
        || getsockname(server->listener, (struct sockaddr *)&address, &length)
        || pthread_create(&server->acceptor, NULL, accept_all, server);
    assert(!failed);
    snprintf(server->url, sizeof(server->url), "http://127.0.0.1:%d", ntohs(address.sin_port));
    return server;
}

void fault_server_refuse(struct fault_server *server)
{
    if (server->listener < 0)
        return;
    shutdown(server->listener, SHUT_RDWR); // wakes the acceptor
    pthread_join(server->acceptor, NULL);
    close(server->listener);
    server->listener = -1;
}

void fault_server_free(struct fault_server *server)
{
    fault_server_refuse(server);
    pthread_mutex_lock(&server->lock);
    for (int i = 0; i < server->connections; i++)
        if (server->sockets[i] >= 0)
            shutdown(server->sockets[i], SHUT_RDWR);
    pthread_mutex_unlock(&server->lock);
    for (int i = 0; i < server->connections; i++)
        pthread_join(server->threads[i], NULL);
    pthread_mutex_destroy(&server->lock);
    free(server);
}

const char *fault_server_url(const struct fault_server *server)
{
    return server->url;
}

int fault_server_requests(struct fault_server *server)
{
    pthread_mutex_lock(&server->lock);
    int requests = server->requests;
    pthread_mutex_unlock(&server->lock);
    return requests;
}

int fault_server_connections(struct fault_server *server)
{
    pthread_mutex_lock(&server->lock);
    int connections = server->connections;
    pthread_mutex_unlock(&server->lock);
    return connections;
}

const char *fault_server_last(struct fault_server *server)
{
    return server->last;
}

const char *fault_answer(int status, const char *headers, const char *body)
{
    char *text;
    int length =
        asprintf(&text, "HTTP/1.1 %d Status\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n%s\r\n%s",
            status, strlen(body), headers, body);

    assert(length > 0);
    return text;
}
