#ifndef TILL_WEB_FCGI_H
#define TILL_WEB_FCGI_H

#include <stdbool.h>
#include <stddef.h>

struct request;
struct fcgi;

/* Serves FastCGI requests from a listening, non-blocking socket with `threads` threads, by RELIABILITY.md 3.1: one of the free
 * ones polls the socket and a stop event, accepts for itself, hands the watch on, reads parameters and body under limits and
 * deadlines, and calls handle(). A connection serves one request and is then closed: a server that keeps connections could send
 * the next request just as this process stops. thread_start() gives each thread what its requests share (arena, database, HTTP
 * client). */
struct fcgi_server {
    int listen_fd;
    int threads;
    void *shared;
    void *(*thread_start)(void *shared);
    void (*thread_stop)(void *thread);
    /* An empty request whose ctx is ready but for what its parameters say; lives until the next one. */
    struct request *(*request_new)(void *thread);
    /* How long a body may be, asked when the parameters are there and before the body is read; NULL: REQUEST_MAX_BODY. It may
     * set r->refused. */
    size_t (*max_body)(void *thread, struct request *r);
    /* Handles the request and fills r->reply. */
    void (*handle)(void *thread, struct request *r);
    /* handle() also gets what cannot be accepted (repeated headers, a body too large or cut off), with r->refused saying why,
     * and answers it. Otherwise it is answered by reply_error() without asking anyone. */
    bool handle_refused;
    int body_ms; // how long a body may take to arrive, 15 s when 0
};

/* Sets libfcgi up and ignores SIGPIPE. Once in a process, before its first thread. */
void fcgi_init(void);

/* Starts the threads and returns; NULL with errno when it cannot. Call it with all signals blocked that the main thread
 * waits for. */
struct fcgi *fcgi_start(const struct fcgi_server *server);

/* Stops accepting once the socket's queue is empty, waits at most `seconds` for running requests; false when some did not end (the process then has to). */
bool fcgi_stop(struct fcgi *fcgi, int seconds);

/* A unix socket path or host:port, listening and non-blocking; -1 with errno. Mode 0660. */
int fcgi_listen(const char *address);

#endif
