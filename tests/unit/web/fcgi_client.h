#ifndef TILL_TESTS_FCGI_CLIENT_H
#define TILL_TESTS_FCGI_CLIENT_H

#include <stdbool.h>
#include <stddef.h>

/* The web server's side of FastCGI, a record at a time, so that tests can also stop in the middle. All of these fail the test
 * when the socket does not work; client_send() and those built on it leave a broken pipe to client_read(). */

/* Connects to a unix socket. */
int client_open(const char *path);

/* FCGI_BEGIN_REQUEST, then "NAME=value" parameters up to NULL and their end. */
void client_begin(int fd, const char *const *parameters);

/* A piece of the body; length 0 is its end. */
void client_body(int fd, const char *data, size_t length);

/* Raw bytes. */
void client_send(int fd, const void *data, size_t length);

/* Reads to the end of the answer and closes. The text (in the tests' arena) is headers and body; NULL when the connection ended
 * without FCGI_END_REQUEST. */
const char *client_read(int fd);

/* One whole request: "POST /path" and further parameters up to NULL; a body gets its CONTENT_LENGTH. */
const char *client_ask(const char *path, const char *method, const char *target, const char *body, ...)
    __attribute__((sentinel));

#endif
