#ifndef TILL_TESTS_FAULT_SERVER_H
#define TILL_TESTS_FAULT_SERVER_H

#include <stdbool.h>
#include <stddef.h>

/* A server on a free port of 127.0.0.1 that takes whole requests and does to each the next thing of its script; the last
 * one again and again. Taking a request is executing it. */
enum fault_kind {
    FAULT_NONE,    // answers, and keeps the connection
    FAULT_CLOSE,   // answers, and closes the connection
    FAULT_RESET,   // answers (maybe nothing), and resets the connection
    FAULT_SILENCE, // takes the request and says nothing more
    FAULT_TRICKLE, // answers a byte at a time, slowly, without an end
    FAULT_FLOOD,   // answers, then sends two megabytes more
};

struct fault {
    enum fault_kind kind;
    const char *answer; // raw, from "HTTP/1.1" on; may be NULL
};

struct fault_server;

struct fault_server *fault_server_new(const struct fault *script, size_t count);
void fault_server_free(struct fault_server *server);

/* "http://127.0.0.1:12345" */
const char *fault_server_url(const struct fault_server *server);

/* Takes no more connections: further ones are refused. Those that stand go on. */
void fault_server_refuse(struct fault_server *server);

/* How many whole requests came, and on how many connections. */
int fault_server_requests(struct fault_server *server);
int fault_server_connections(struct fault_server *server);

/* The last whole request, as it came. */
const char *fault_server_last(struct fault_server *server);

/* A whole answer of this status with a JSON body and further header lines ("Retry-After: 1\r\n" or ""). Never freed. */
const char *fault_answer(int status, const char *headers, const char *body);

#endif
