#include "fcgi_client.h"

#include <errno.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/buf.h"
#include "web_test.h"

enum { BEGIN = 1, END = 3, PARAMS = 4, STDIN = 5, STDOUT = 6 };

int client_open(const char *path)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    struct timeval timeout = { .tv_sec = 30 };
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);

    snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout));
    return fd;
}

void client_send(int fd, const void *data, size_t length)
{
    const char *from = data;

    while (length > 0) {
        ssize_t sent = send(fd, from, length, MSG_NOSIGNAL);
        if (sent < 0 && (errno == EPIPE || errno == ECONNRESET))
            return;
        ck_assert_int_gt(sent, 0);
        from += sent;
        length -= (size_t)sent;
    }
}

static void send_record(int fd, uint8_t type, const void *data, size_t length)
{
    uint8_t header[8] = { 1, type, 0, 1, (uint8_t)(length >> 8), (uint8_t)length, 0, 0 };

    client_send(fd, header, sizeof(header));
    client_send(fd, data, length);
}

static void add_length(struct buf *buf, size_t length)
{
    if (length > 127) {
        buf_byte(buf, (char)(0x80 | length >> 24));
        buf_byte(buf, (char)(length >> 16));
        buf_byte(buf, (char)(length >> 8));
    }
    buf_byte(buf, (char)length);
}

void client_begin(int fd, const char *const *parameters)
{
    static const uint8_t responder[8] = { 0, 1 };
    struct buf buf = { .arena = ctx.arena };

    send_record(fd, BEGIN, responder, sizeof(responder));
    for (; *parameters; parameters++) {
        size_t name = strcspn(*parameters, "=");
        size_t value = strlen(*parameters) - name - 1;
        add_length(&buf, name);
        add_length(&buf, value);
        buf_add(&buf, *parameters, name);
        buf_add(&buf, *parameters + name + 1, value);
    }
    for (size_t at = 0; at < buf.length; at += 32768)
        send_record(fd, PARAMS, buf.data + at, buf.length - at < 32768 ? buf.length - at : 32768);
    send_record(fd, PARAMS, "", 0);
}

void client_body(int fd, const char *data, size_t length)
{
    if (length == 0)
        send_record(fd, STDIN, "", 0);
    for (size_t at = 0; at < length; at += 32768)
        send_record(fd, STDIN, data + at, length - at < 32768 ? length - at : 32768);
}

static bool read_whole(int fd, void *data, size_t length)
{
    for (size_t got = 0; got < length;) {
        ssize_t piece = recv(fd, (char *)data + got, length - got, 0);
        if (piece <= 0)
            return false;
        got += (size_t)piece;
    }
    return true;
}

const char *client_read(int fd)
{
    struct buf text = { .arena = ctx.arena };
    uint8_t header[8];
    bool ended = false;

    while (!ended && read_whole(fd, header, sizeof(header))) {
        size_t length = (size_t)header[4] << 8 | header[5], padding = header[6];
        char *content = arena_alloc(ctx.arena, length + padding + 1);
        if (!read_whole(fd, content, length + padding))
            break;
        if (header[1] == STDOUT)
            buf_add(&text, content, length);
        ended = header[1] == END;
    }
    close(fd);
    return ended ? buf_string(&text) : NULL;
}

const char *client_ask(const char *path, const char *method, const char *target, const char *body, ...)
{
    const char *parameters[32] = { arena_printf(ctx.arena, "REQUEST_METHOD=%s", method),
        arena_printf(ctx.arena, "REQUEST_URI=%s", target) };
    size_t count = 2;
    va_list further;

    if (body)
        parameters[count++] = arena_printf(ctx.arena, "CONTENT_LENGTH=%zu", strlen(body));
    va_start(further, body);
    for (const char *entry; (entry = va_arg(further, const char *));)
        parameters[count++] = entry;
    va_end(further);

    int fd = client_open(path);
    client_begin(fd, parameters);
    if (body && *body)
        client_body(fd, body, strlen(body));
    client_body(fd, "", 0);
    return client_read(fd);
}
