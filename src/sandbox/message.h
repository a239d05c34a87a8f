#ifndef TILL_SANDBOX_MESSAGE_H
#define TILL_SANDBOX_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Where an HTTP/1.1 message on a connection ends: as much of the protocol as a relay needs. */
enum body_kind { BODY_NONE, BODY_LENGTH, BODY_CHUNKED, BODY_UNTIL_CLOSE };

struct body {
    enum body_kind kind;
    uint64_t left; // bytes of the body, or of the current chunk with its line end
    enum { CHUNK_SIZE, CHUNK_EXTENSION, CHUNK_DATA, CHUNK_TRAILER } state;
    bool line_empty; // of a trailer
    bool done;
};

/* Length of the head at the start of the data, with its empty line; 0 when it is not whole yet. */
size_t head_length(const char *data, size_t length);

/* A field of a head by its name, trimmed, in `out`; false when it is missing or does not fit. */
bool head_field(const char *head, size_t length, const char *name, char *out, size_t size);

/* Takes every line of this field out; the new length. */
size_t head_remove(char *head, size_t length, const char *name);

/* Adds a line before the empty one; `head` has room for it and a NUL. The new length. */
size_t head_add(char *head, size_t length, const char *line);

/* What follows a request's head, or an answer's (status; `to_head`: it answers a HEAD). */
struct body body_of_request(const char *head, size_t length);
struct body body_of_answer(const char *head, size_t length, int status, bool to_head);

/* How many of these bytes belong to the body; sets body->done at its end. */
size_t body_take(struct body *body, const char *data, size_t length);

#endif
