/* provider: a card provider that costs nothing, so that what is measured is Till. It answers what Till asks of Stripe when it
 * creates, confirms and reads a payment, each after the same delay, and remembers nothing: an intent's id carries its amount,
 * currency and payment. Prints its port.
 *
 *     provider --delay MILLISECONDS
 *
 * A POST to /delay?ms=N changes the delay. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define MAX_REQUEST 16384
#define MAX_CONNECTIONS 4096

struct connection {
    int fd;
    uint64_t serial; // of its file descriptor's use, so that a late answer does not reach a successor
    char in[MAX_REQUEST + 1];
    size_t length;
};

/* An answer that waits for its time. With one delay for all, they are due in the order they came. */
struct answer {
    struct answer *next;
    int64_t due_ns;
    int fd;
    uint64_t serial;
    size_t length;
    char text[];
};

static struct connection *connections[MAX_CONNECTIONS];
static struct answer *first, **last = &first;
static int64_t delay_ns;
static int poller;

static int64_t now_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static void fail(const char *what)
{
    perror(what);
    exit(1);
}

/* What is asked --------------------------------------------------------------------------------------------------- */

/* A member of a form, as far as the letters that ids, amounts and currencies have. */
static void form_value(const char *form, const char *name, char *out, size_t size)
{
    const char *at = strstr(form, name);
    size_t length =
        at ? strspn(at + strlen(name), "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_") : 0;

    snprintf(out, size, "%.*s", (int)(length < size ? length : size - 1), at ? at + strlen(name) : "");
}

static int intent(char *out, size_t size, const char *id, bool paid)
{
    char amount[24] = "0", currency[8] = "usd", payment[64] = "";
    char charge[1024] = "null";
    int64_t fee;

    sscanf(id, "pi_%23[0-9]x%3[a-z]x%63[A-Za-z0-9_]", amount, currency, payment);
    fee = strtoll(amount, NULL, 10) * 29 / 1000 + 30;
    if (paid)
        snprintf(charge, sizeof charge,
            "{\"id\": \"ch_%s\", \"object\": \"charge\", \"amount\": %s, \"amount_captured\": %s, \"amount_refunded\": "
            "0, "
            "\"disputed\": false, \"balance_transaction\": {\"id\": \"txn_%s\", \"object\": \"balance_transaction\", "
            "\"currency\": \"%s\", \"fee\": %" PRId64 "}, \"payment_method_details\": {\"type\": \"card\", \"card\": "
            "{\"brand\": \"visa\", \"last4\": \"4242\", \"exp_month\": 12, \"exp_year\": 2034, \"country\": \"US\", "
            "\"funding\": \"credit\", \"fingerprint\": \"Xt5EWLLDS7FJjR1c\"}}}",
            id + 3, amount, amount, id + 3, currency, fee);
    return snprintf(out, size,
        "{\"id\": \"%s\", \"object\": \"payment_intent\", \"amount\": %s, \"amount_capturable\": 0, "
        "\"amount_received\": %s, "
        "\"currency\": \"%s\", \"status\": \"%s\", \"client_secret\": \"%s_secret_x\", \"livemode\": false, "
        "\"metadata\": {\"payment_id\": \"pay_%s\"}, \"latest_charge\": %s, \"payment_method\": {\"id\": "
        "\"pm_card_visa\", "
        "\"object\": \"payment_method\", \"type\": \"card\", \"card\": {\"brand\": \"visa\", \"last4\": \"4242\", "
        "\"exp_month\": 12, \"exp_year\": 2034, \"country\": \"US\", \"funding\": \"credit\", \"fingerprint\": "
        "\"Xt5EWLLDS7FJjR1c\"}}}",
        id, amount, paid ? amount : "0", currency, paid ? "succeeded" : "requires_payment_method", id, payment, charge);
}

static int created(char *out, size_t size, const char *form)
{
    char amount[24], currency[8], payment[64], id[128];

    form_value(form, "amount=", amount, sizeof amount);
    form_value(form, "currency=", currency, sizeof currency);
    form_value(form, "payment_id%5D=", payment, sizeof payment);
    if (!*payment)
        form_value(form, "payment_id]=", payment, sizeof payment);
    snprintf(id, sizeof id, "pi_%sx%sx%s", amount, currency, strncmp(payment, "pay_", 4) ? payment : payment + 4);
    return intent(out, size, id, false);
}

/* The body for a request line and body. */
static int answer_to(char *out, size_t size, char *request, const char *body)
{
    static const char intents[] = "/v1/payment_intents";
    char *path = strchr(request, ' ');
    bool post = !strncmp(request, "POST", 4);

    if (!path)
        return snprintf(out, size, "{}");
    path++;
    path[strcspn(path, " ?\r\n")] = '\0';
    if (!strcmp(path, intents) && post)
        return created(out, size, body);
    if (!strncmp(path, intents, sizeof intents - 1) && path[sizeof intents - 1] == '/') {
        char *id = path + sizeof intents;
        id[strcspn(id, "/")] = '\0';
        return intent(out, size, id, true);
    }
    return snprintf(out, size, "{\"object\": \"list\", \"data\": [], \"has_more\": false}");
}

/* Connections ------------------------------------------------------------------------------------------------------ */

static void drop(struct connection *c)
{
    close(c->fd);
    connections[c->fd] = NULL;
    free(c);
}

static void queue_answer(struct connection *c, const char *body, int length)
{
    struct answer *answer = malloc(sizeof *answer + 256 + (size_t)length);

    if (!answer)
        abort();
    *answer = (struct answer){ .due_ns = now_ns() + delay_ns, .fd = c->fd, .serial = c->serial };
    answer->length = (size_t)sprintf(answer->text,
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nRequest-Id: req_bench\r\nContent-Length: %d\r\n\r\n%s",
        length, body);
    *last = answer;
    last = &answer->next;
}

static void send_due(void)
{
    int64_t now = now_ns();

    while (first && first->due_ns <= now) {
        struct answer *answer = first;
        struct connection *c = connections[answer->fd];
        first = answer->next;
        if (!first)
            last = &first;
        if (c && c->serial == answer->serial && write(c->fd, answer->text, answer->length) < 0)
            drop(c);
        free(answer);
    }
}

static bool take_request(struct connection *c)
{
    char body[4096];
    char *end = strstr(c->in, "\r\n\r\n");
    char *length = end ? strcasestr(c->in, "\r\ncontent-length:") : NULL;
    size_t expected = length && length < end ? strtoul(length + 17, NULL, 10) : 0;

    if (!end || c->length < (size_t)(end + 4 - c->in) + expected)
        return false;
    if (!strncmp(c->in, "POST /delay?ms=", 15)) {
        delay_ns = strtoll(c->in + 15, NULL, 10) * 1000000;
        first = NULL; // nobody waits while it is changed
        last = &first;
    }
    queue_answer(c, body, answer_to(body, sizeof body, c->in, end + 4));
    c->length = 0;
    return true;
}

static void read_on(struct connection *c)
{
    ssize_t got = read(c->fd, c->in + c->length, MAX_REQUEST - c->length);

    if (got < 0 && errno == EAGAIN)
        return;
    if (got <= 0) {
        drop(c);
        return;
    }
    c->length += (size_t)got;
    c->in[c->length] = '\0';
    take_request(c);
}

static void accept_all(int listener)
{
    static uint64_t serial;
    int one = 1;

    for (int fd; (fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0;) {
        struct connection *c = fd < MAX_CONNECTIONS ? calloc(1, sizeof *c) : NULL;
        if (!c) {
            close(fd);
            continue;
        }
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        c->fd = fd;
        c->serial = ++serial;
        connections[fd] = c;
        struct epoll_event event = { .events = EPOLLIN, .data.ptr = c };
        if (epoll_ctl(poller, EPOLL_CTL_ADD, fd, &event) < 0)
            fail("epoll_ctl");
    }
}

static int listen_somewhere(void)
{
    struct sockaddr_in address = { .sin_family = AF_INET };
    socklen_t size = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (fd < 0 || bind(fd, (struct sockaddr *)&address, size) < 0 || listen(fd, 1024) < 0
        || getsockname(fd, (struct sockaddr *)&address, &size) < 0)
        fail("listen");
    printf("%d\n", ntohs(address.sin_port));
    fflush(stdout);
    return fd;
}

/* Until the next answer is due; what is answered late would be counted as Till's. */
static const struct timespec *wait_for(void)
{
    static struct timespec wait;

    if (!first)
        return NULL;
    int64_t left = first->due_ns - now_ns();
    left = left < 0 ? 0 : left;
    wait = (struct timespec){ .tv_sec = left / 1000000000, .tv_nsec = left % 1000000000 };
    return &wait;
}

int main(int argc, char **argv)
{
    struct epoll_event events[256];

    if (argc == 3 && !strcmp(argv[1], "--delay"))
        delay_ns = strtoll(argv[2], NULL, 10) * 1000000;
    prctl(PR_SET_TIMERSLACK, 1UL);
    poller = epoll_create1(EPOLL_CLOEXEC);
    int listener = listen_somewhere();
    struct epoll_event event = { .events = EPOLLIN, .data.ptr = NULL };
    if (epoll_ctl(poller, EPOLL_CTL_ADD, listener, &event) < 0)
        fail("epoll_ctl");
    for (;;) {
        int count = epoll_pwait2(poller, events, 256, wait_for(), NULL);
        for (int i = 0; i < count; i++)
            if (events[i].data.ptr)
                read_on(events[i].data.ptr);
            else
                accept_all(listener);
        send_due();
    }
}
