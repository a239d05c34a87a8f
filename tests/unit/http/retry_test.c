#include "http/retry.h"

#include <string.h>

#include "base/arena.h"
#include "base/instant.h"
#include "fault_server.h"
#include "lone.h"

#define ANSWER(status, headers)                                                                                        \
    {                                                                                                                  \
        FAULT_NONE, "HTTP/1.1 " #status " Status\r\nContent-Length: 2\r\n" headers "\r\n{}"                            \
    }
#define LOST                                                                                                           \
    {                                                                                                                  \
        FAULT_CLOSE, NULL                                                                                              \
    }
#define END                                                                                                            \
    {                                                                                                                  \
        FAULT_NONE, ""                                                                                                 \
    }
#define ENDS(fault) ((fault).answer && !*(fault).answer)
#define NO_RETRY "Stripe-Should-Retry: false\r\n"
#define RETRY "Stripe-Should-Retry: true\r\n"

/* What the server does to each try, whether the request may be executed twice, and how it must end. */
static const struct {
    const char *what;
    struct fault script[5];
    bool idempotent;
    int64_t time;
    int tries;
    enum http_result result;
    int status;
} cases[] = {
    { "an answer", { ANSWER(200, ""), END }, true, 5000, 1, HTTP_ANSWERED, 200 },
    { "a decline", { ANSWER(402, ""), END }, true, 5000, 1, HTTP_ANSWERED, 402 },
    { "a bad request", { ANSWER(400, ""), END }, true, 5000, 1, HTTP_ANSWERED, 400 },

    { "a lost read", { LOST, ANSWER(200, ""), END }, true, 5000, 2, HTTP_ANSWERED, 200 },
    { "a lost capture", { LOST, ANSWER(200, ""), END }, false, 5000, 1, HTTP_LOST, 0 },
    { "lost each time", { LOST, LOST, LOST, ANSWER(200, ""), END }, true, 5000, 3, HTTP_LOST, 0 },

    { "a 500 on a read", { ANSWER(500, ""), ANSWER(200, ""), END }, true, 5000, 2, HTTP_ANSWERED, 200 },
    { "a 500 on a capture", { ANSWER(500, ""), ANSWER(200, ""), END }, false, 5000, 1, HTTP_ANSWERED, 500 },
    { "a 500 each time", { ANSWER(500, ""), ANSWER(502, ""), ANSWER(503, ""), ANSWER(200, ""), END }, true, 5000, 3,
        HTTP_ANSWERED, 503 },
    { "a 500 not to repeat", { ANSWER(500, NO_RETRY), ANSWER(200, ""), END }, true, 5000, 1, HTTP_ANSWERED, 500 },
    { "a 500 to repeat, on a capture", { ANSWER(500, RETRY), ANSWER(200, ""), END }, false, 5000, 1, HTTP_ANSWERED,
        500 },
    { "a 400 to repeat", { ANSWER(400, RETRY), ANSWER(200, ""), END }, true, 5000, 2, HTTP_ANSWERED, 200 },

    { "a conflict on a capture", { ANSWER(409, ""), ANSWER(200, ""), END }, false, 5000, 2, HTTP_ANSWERED, 200 },
    { "a conflict not to repeat", { ANSWER(409, NO_RETRY), ANSWER(200, ""), END }, true, 5000, 1, HTTP_ANSWERED, 409 },
    { "too many on a capture", { ANSWER(429, ""), ANSWER(200, ""), END }, false, 5000, 2, HTTP_ANSWERED, 200 },
    { "too many, for longer than we have", { ANSWER(429, "Retry-After: 9\r\n"), ANSWER(200, ""), END }, true, 5000, 1,
        HTTP_ANSWERED, 429 },

    { "lost, then too many: the first may count", { LOST, ANSWER(429, ""), ANSWER(429, ""), END }, true, 5000, 3,
        HTTP_LOST, 429 },
    { "a 500, then a conflict", { ANSWER(500, ""), ANSWER(409, ""), ANSWER(409, ""), END }, true, 5000, 3, HTTP_LOST,
        409 },
    { "no time for a second try", { LOST, ANSWER(200, ""), END }, true, 600, 1, HTTP_LOST, 0 },
};

static size_t length_of(const struct fault *script)
{
    size_t count = 0;

    while (!ENDS(script[count]))
        count++;
    return count;
}

static struct http_response send_to(const char *url, bool idempotent, int64_t time)
{
    struct http_request request = { .method = "POST", .url = url, .body = bytes_of("a=1"), .timeout_ms = time };
    struct http_response response;

    http_send_retrying(&lone, "stripe", &request, idempotent, &response);
    return response;
}

START_TEST(test_what_is_tried_again)
{
    struct fault_server *server = fault_server_new(cases[_i].script, length_of(cases[_i].script));
    int64_t started = monotonic_ms();
    struct http_response response = send_to(fault_server_url(server), cases[_i].idempotent, cases[_i].time);
    int64_t took = monotonic_ms() - started;

    ck_assert_msg(fault_server_requests(server) == cases[_i].tries, "%s: %d tries", cases[_i].what,
        fault_server_requests(server));
    ck_assert_msg(response.result == cases[_i].result, "%s: result %d", cases[_i].what, response.result);
    ck_assert_int_eq(response.status, cases[_i].status);
    ck_assert_int_ge(took, (cases[_i].tries - 1) * 500);
    ck_assert_int_le(took, cases[_i].time + 200);
    fault_server_free(server);
}
END_TEST

START_TEST(test_retry_after_is_honoured)
{
    static const struct fault script[] = { ANSWER(429, "Retry-After: 1\r\n"), ANSWER(200, "") };
    struct fault_server *server = fault_server_new(script, 2);
    int64_t started = monotonic_ms();

    ck_assert_int_eq(send_to(fault_server_url(server), false, 5000).status, 200);
    ck_assert_int_ge(monotonic_ms() - started, 1000);
    fault_server_free(server);
}
END_TEST

START_TEST(test_nothing_sent_in_any_try)
{
    static const struct fault script[] = { ANSWER(200, "") };
    struct fault_server *server = fault_server_new(script, 1);

    fault_server_refuse(server);
    ck_assert_int_eq(send_to(fault_server_url(server), false, 3000).result, HTTP_NOT_SENT);
    fault_server_free(server);
}
END_TEST

/* The library repeats on a kept connection that died; a 409 to the copy proves nothing of the first. */
START_TEST(test_a_conflict_with_our_own_copy)
{
    static const struct fault script[] = { ANSWER(200, ""), { FAULT_RESET, NULL }, ANSWER(409, NO_RETRY) };
    struct fault_server *server = fault_server_new(script, 3);

    send_to(fault_server_url(server), false, 3000);
    ck_assert_int_eq(send_to(fault_server_url(server), false, 3000).result, HTTP_LOST);
    ck_assert_int_eq(fault_server_requests(server), 3);
    fault_server_free(server);
}
END_TEST

START_TEST(test_waits)
{
    static const int64_t longest[] = { 500, 1000, 2000, 4000, 5000, 5000 };

    for (int n = 1; n <= 6; n++) {
        ck_assert_int_eq(retry_wait_ms(n, UINT32_MAX), longest[n - 1]);
        ck_assert_int_eq(retry_wait_ms(n, 0), longest[n - 1] / 2 < 500 ? 500 : longest[n - 1] / 2);
    }
}
END_TEST

START_TEST(test_retries_stay_under_a_tenth_of_the_traffic)
{
    int retries = 0;

    for (int i = 0; i < 10000; i++) {
        retry_budget(false);
        for (int n = 0; n < 2; n++)
            retries += retry_budget(true);
    }
    ck_assert_int_ge(retries, 1000);
    ck_assert_int_le(retries, 1000 + 20);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("http retry");
    TCase *tries = tcase_create("tries"), *rules = tcase_create("rules");

    lone_use(tries);
    tcase_set_timeout(tries, 20);
    tcase_add_loop_test(tries, test_what_is_tried_again, 0, (int)(sizeof(cases) / sizeof(cases[0])));
    tcase_add_test(tries, test_retry_after_is_honoured);
    tcase_add_test(tries, test_nothing_sent_in_any_try);
    tcase_add_test(tries, test_a_conflict_with_our_own_copy);
    suite_add_tcase(suite, tries);

    tcase_add_test(rules, test_waits);
    tcase_add_test(rules, test_retries_stay_under_a_tenth_of_the_traffic);
    suite_add_tcase(suite, rules);
    return lone_main(suite);
}
