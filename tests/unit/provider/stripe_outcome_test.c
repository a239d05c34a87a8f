#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/instant.h"
#include "base/log.h"
#include "fault_server.h"
#include "lone.h"
#include "provider/stripe/stripe.h"

#define INTENT(status)                                                                                                 \
    "{\"id\":\"pi_1\",\"object\":\"payment_intent\",\"amount\":1000,\"amount_capturable\":0,\"amount_received\":0,"    \
    "\"currency\":\"usd\",\"status\":\"" status "\",\"livemode\":false,\"metadata\":{\"payment_id\":\"pay_1\"},"       \
    "\"payment_method\":null,\"latest_charge\":\"ch_1\",\"client_secret\":\"pi_1_secret_x\","                          \
    "\"last_payment_error\":null,\"next_action\":null}"
#define ERROR(type, code, more) "{\"error\":{\"type\":\"" type "\",\"code\":\"" code "\",\"message\":\"No.\"" more "}}"
#define INVALID "invalid_request_error"
#define WITH_INTENT ",\"payment_intent\":" INTENT("requires_payment_method")

static struct outcome confirm(void)
{
    struct confirm_request request = {
        .reference = "pi_1",
        .key = "pay:att_1:confirm",
        .method = "pm_1",
        .return_url = "https://shop.example/back",
    };

    return provider_stripe.confirm(&lone, &request);
}

/* What Stripe may say to a confirmation, and what it means. */
static const struct {
    int status;
    const char *headers, *body;
    enum outcome_kind kind;
    enum error_code code; // when not DONE
    int tries;
} answers[] = {
    { 200, "", INTENT("succeeded"), OUTCOME_DONE, 0, 1 },
    { 200, "", INTENT("requires_action"), OUTCOME_DONE, 0, 1 },
    { 200, "", INTENT("new_in_2031"), OUTCOME_DONE, 0, 1 },

    { 200, "", "", OUTCOME_UNKNOWN, E_STRIPE_ERROR, 1 },
    { 200, "", "<html>It works!</html>", OUTCOME_UNKNOWN, E_STRIPE_ERROR, 1 },
    { 200, "", "{\"id\":\"pi_1\",\"object\":\"payment_int", OUTCOME_UNKNOWN, E_STRIPE_ERROR, 1 },
    { 200, "", "[]", OUTCOME_UNKNOWN, E_STRIPE_ERROR, 1 },
    { 200, "", "{}", OUTCOME_UNKNOWN, E_STRIPE_ERROR, 1 },
    { 200, "", "{\"id\":\"re_1\",\"object\":\"refund\"}", OUTCOME_UNKNOWN, E_STRIPE_ERROR, 1 },
    { 200, "", "{\"id\":\"pi_1\",\"object\":\"payment_intent\"}", OUTCOME_UNKNOWN, E_STRIPE_ERROR, 1 },
    { 200, "", ERROR("card_error", "card_declined", WITH_INTENT), OUTCOME_UNKNOWN, E_STRIPE_ERROR, 1 },
    { 204, "", "", OUTCOME_UNKNOWN, E_STRIPE_ERROR, 1 },
    { 302, "Location: http://127.0.0.1:1/\r\n", "", OUTCOME_UNKNOWN, E_STRIPE_ERROR, 1 },

    { 402, "", ERROR("card_error", "card_declined", ",\"decline_code\":\"generic_decline\"" WITH_INTENT),
        OUTCOME_DECLINED, E_CARD_DECLINED, 1 },
    { 402, "", ERROR("card_error", "card_declined", ",\"decline_code\":\"insufficient_funds\"" WITH_INTENT),
        OUTCOME_DECLINED, E_INSUFFICIENT_FUNDS, 1 },
    { 402, "", ERROR("card_error", "new_in_2031", WITH_INTENT), OUTCOME_DECLINED, E_CARD_DECLINED, 1 },
    { 400, "", ERROR(INVALID, "payment_intent_authentication_failure", WITH_INTENT), OUTCOME_DECLINED, E_CARD_DECLINED,
        1 },
    { 402, "", ERROR("card_error", "card_declined", ""), OUTCOME_UNKNOWN, E_STRIPE_ERROR, 1 },
    { 402, "", "Payment required", OUTCOME_UNKNOWN, E_STRIPE_ERROR, 1 },

    { 400, "", ERROR(INVALID, "resource_missing", ",\"param\":\"payment_method\""), OUTCOME_REFUSED,
        E_PAYMENT_METHOD_ERROR, 1 },
    { 404, "", ERROR(INVALID, "resource_missing", ",\"param\":\"payment_method\""), OUTCOME_REFUSED,
        E_PAYMENT_METHOD_ERROR, 1 },
    { 400, "", ERROR(INVALID, "payment_method_unactivated", ""), OUTCOME_REFUSED, E_PAYMENT_METHOD_ERROR, 1 },
    { 400, "", "{\"error\":{\"type\":\"invalid_request_error\",\"param\":\"payment_method\"}}", OUTCOME_REFUSED,
        E_PAYMENT_METHOD_ERROR, 1 },
    { 404, "", ERROR(INVALID, "resource_missing", ",\"param\":\"intent\""), OUTCOME_REFUSED, E_NOT_FOUND, 1 },
    { 400, "", ERROR(INVALID, "payment_intent_unexpected_state", WITH_INTENT), OUTCOME_REFUSED, E_INVALID_STATUS, 1 },
    { 400, "", ERROR(INVALID, "charge_already_captured", ""), OUTCOME_REFUSED, E_INVALID_STATUS, 1 },
    { 400, "", ERROR(INVALID, "charge_already_refunded", ""), OUTCOME_REFUSED, E_ALREADY_REFUNDED, 1 },
    { 400, "", ERROR(INVALID, "amount_too_small", ",\"param\":\"amount\""), OUTCOME_REFUSED, E_VALIDATION_ERROR, 1 },
    { 400, "", ERROR(INVALID, "amount_too_large", ",\"param\":\"amount\""), OUTCOME_REFUSED, E_VALIDATION_ERROR, 1 },
    { 400, "", ERROR(INVALID, "parameter_unknown", ",\"param\":\"x\""), OUTCOME_REFUSED, E_STRIPE_ERROR, 1 },
    { 401, "", ERROR(INVALID, "api_key_expired", ""), OUTCOME_REFUSED, E_STRIPE_ERROR, 1 },
    { 403, "", ERROR(INVALID, "more_permissions_required", ""), OUTCOME_REFUSED, E_STRIPE_ERROR, 1 },
    { 403, "", "<html>Blocked by a proxy</html>", OUTCOME_UNKNOWN, E_STRIPE_ERROR, 1 },
    { 404, "", "<html>Not here</html>", OUTCOME_UNKNOWN, E_STRIPE_ERROR, 1 },
    { 418, "", ERROR(INVALID, "x", ""), OUTCOME_UNKNOWN, E_STRIPE_ERROR, 1 },

    { 429, "Retry-After: 9\r\n", ERROR(INVALID, "rate_limit", ""), OUTCOME_NOT_EXECUTED, E_PROVIDER_UNAVAILABLE, 1 },
    { 429, "Retry-After: 9\r\n", "", OUTCOME_NOT_EXECUTED, E_PROVIDER_UNAVAILABLE, 1 },
    { 429, "Stripe-Should-Retry: false\r\n", ERROR(INVALID, "lock_timeout", ""), OUTCOME_NOT_EXECUTED,
        E_PROVIDER_UNAVAILABLE, 1 },
    { 409, "Stripe-Should-Retry: false\r\n", ERROR(INVALID, "lock_timeout", ""), OUTCOME_NOT_EXECUTED,
        E_PROVIDER_UNAVAILABLE, 1 },
    { 409, "Stripe-Should-Retry: false\r\n", ERROR("idempotency_error", "idempotency_key_in_use", ""), OUTCOME_UNKNOWN,
        E_STRIPE_ERROR, 1 },
    { 409, "", ERROR("idempotency_error", "idempotency_key_in_use", ""), OUTCOME_UNKNOWN, E_STRIPE_ERROR, 3 },
    { 400, "", ERROR("idempotency_error", "x", ""), OUTCOME_UNKNOWN, E_STRIPE_ERROR, 1 },

    { 500, "", ERROR("api_error", "x", ""), OUTCOME_UNKNOWN, E_STRIPE_ERROR, 1 },
    { 500, "Stripe-Should-Retry: true\r\n", ERROR("api_error", "x", ""), OUTCOME_UNKNOWN, E_STRIPE_ERROR, 1 },
    { 503, "", "<html>Later</html>", OUTCOME_UNKNOWN, E_STRIPE_ERROR, 1 },
};

START_TEST(test_answers)
{
    char *text = (char *)(uintptr_t)fault_answer(answers[_i].status, answers[_i].headers, answers[_i].body);
    struct fault script = { FAULT_NONE, text };
    struct fault_server *server = fault_server_new(&script, 1);

    lone_config.stripe_api_url = fault_server_url(server);
    struct outcome outcome = confirm();
    ck_assert_msg(outcome.kind == answers[_i].kind, "%d %s: %d", answers[_i].status, answers[_i].body, outcome.kind);
    ck_assert_int_eq(fault_server_requests(server), answers[_i].tries);
    if (outcome.kind == OUTCOME_DONE || outcome.kind == OUTCOME_DECLINED)
        ck_assert_str_eq(outcome.snapshot.reference, "pi_1");
    if (outcome.kind != OUTCOME_DONE) {
        ck_assert_str_eq(error_name(outcome.code), error_name(answers[_i].code));
        ck_assert(outcome.detail && *outcome.detail && outcome.cause);
    }
    ck_assert_int_eq(outcome.retry_after > 0, outcome.kind == OUTCOME_NOT_EXECUTED);
    fault_server_free(server);
    free(text);
}
END_TEST

/* What may happen to a confirmation that got no answer. */
static const struct {
    struct fault fault;
    enum outcome_kind kind;
} losses[] = {
    { { FAULT_CLOSE, NULL }, OUTCOME_UNKNOWN },
    { { FAULT_RESET, NULL }, OUTCOME_UNKNOWN },
    { { FAULT_SILENCE, NULL }, OUTCOME_UNKNOWN },
    { { FAULT_CLOSE, "HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n{\"id\":\"pi_1\"," }, OUTCOME_UNKNOWN },
    { { FAULT_FLOOD, "HTTP/1.1 200 OK\r\n\r\n" }, OUTCOME_UNKNOWN },
};

START_TEST(test_a_lost_answer_is_never_asked_for_again)
{
    struct fault_server *server = fault_server_new(&losses[_i].fault, 1);

    lone_config.stripe_api_url = fault_server_url(server);
    lone.deadline_ms = monotonic_ms() + 800;
    ck_assert_int_eq(confirm().kind, losses[_i].kind);
    ck_assert_int_eq(fault_server_requests(server), 1);
    fault_server_free(server);
}
END_TEST

START_TEST(test_nobody_there)
{
    struct fault script = { FAULT_NONE, NULL };
    struct fault_server *server = fault_server_new(&script, 1);

    fault_server_refuse(server);
    lone_config.stripe_api_url = fault_server_url(server);
    lone.deadline_ms = monotonic_ms() + 600;
    struct outcome outcome = confirm();
    ck_assert_int_eq(outcome.kind, OUTCOME_NOT_EXECUTED);
    ck_assert_int_eq(outcome.code, E_PROVIDER_UNAVAILABLE);
    fault_server_free(server);
}
END_TEST

START_TEST(test_the_callers_deadline_holds)
{
    struct fault script = { FAULT_SILENCE, NULL };
    struct fault_server *server = fault_server_new(&script, 1);
    int64_t started = monotonic_ms();

    lone_config.stripe_api_url = fault_server_url(server);
    lone.deadline_ms = started + 400;
    confirm();
    ck_assert_int_le(monotonic_ms() - started, 700);

    lone.deadline_ms = started; // long gone: what must be asked still gets a moment
    started = monotonic_ms();
    confirm();
    ck_assert_int_ge(monotonic_ms() - started, 150);
    ck_assert_int_eq(fault_server_requests(server), 2);
    fault_server_free(server);
}
END_TEST

START_TEST(test_without_a_key_nothing_is_sent)
{
    lone_config.stripe_secret_key = NULL;
    ck_assert_int_eq(confirm().kind, OUTCOME_NOT_EXECUTED);
}
END_TEST

/* What a call leaves in the log: enough to find it at Stripe, and no secret. */
START_TEST(test_the_log_line)
{
    char *answer = (char *)(uintptr_t)fault_answer(402, "Request-Id: req_17\r\n",
        ERROR("card_error", "card_declined", ",\"decline_code\":\"lost_card\"" WITH_INTENT));
    struct fault script = { FAULT_NONE, answer };
    struct fault_server *server = fault_server_new(&script, 1);
    FILE *log = tmpfile();
    char text[4096] = "";

    lone_config.stripe_api_url = fault_server_url(server);
    lone_config.stripe_secret_key = "sk_test_canary";
    log_set_level(LOG_INFO);
    ck_assert(log && dup2(fileno(log), STDERR_FILENO) == STDERR_FILENO);
    confirm();
    ck_assert(fseek(log, 0, SEEK_SET) == 0 && fread(text, 1, sizeof(text) - 1, log) > 0);

    json_t *line = json_loads(text, 0, NULL);
    ck_assert_msg(line != NULL, "%s", text);
    ck_assert_str_eq(json_get_text(line, "event"), "provider.call");
    ck_assert_str_eq(json_get_text(line, "path"), "/v1/payment_intents/pi_1/confirm");
    ck_assert_str_eq(json_get_text(line, "provider_request_id"), "req_17");
    ck_assert_str_eq(json_get_text(line, "code"), "card_declined");
    ck_assert_int_eq(json_get_int(line, "status"), 402);
    ck_assert(!strstr(text, "canary") && !strstr(text, "_secret_") && !strstr(text, "pm_1"));
    json_decref(line);
    fclose(log);
    fault_server_free(server);
    free(answer);
}
END_TEST

/* Ids that must not become part of an address. */
START_TEST(test_ids_that_are_none)
{
    static const char *const ids[] = { "", "pi/../refunds", "pi_1?x=1", "pi 1", "pi_1#", "\xc3\xa4" };
    struct snapshot snapshot;
    struct method_view method;

    for (size_t i = 0; i < sizeof(ids) / sizeof(ids[0]); i++) {
        struct capture_request capture = { .reference = ids[i], .key = "k", .amount = { 100, "USD" }, .final = true };
        struct cancel_request cancel = { .reference = ids[i], .key = "k" };

        ck_assert_int_eq(provider_stripe.capture(&lone, &capture).kind, OUTCOME_REFUSED);
        ck_assert_int_eq(provider_stripe.cancel(&lone, &cancel).kind, OUTCOME_REFUSED);
        ck_assert_int_eq(provider_stripe.fetch(&lone, ids[i], &snapshot)->code, E_NOT_FOUND);
        ck_assert_int_eq(provider_stripe.fetch_method(&lone, ids[i], &method)->code, E_NOT_FOUND);
    }
}
END_TEST

/* What a read makes of an answer. */
static const struct {
    int status;
    const char *body;
    enum error_code code;
} reads[] = {
    { 404, ERROR(INVALID, "resource_missing", ",\"param\":\"intent\""), E_NOT_FOUND },
    { 404, "<html>", E_PROVIDER_UNAVAILABLE },
    { 401, ERROR(INVALID, "x", ""), E_PROVIDER_ERROR },
    { 400, ERROR(INVALID, "x", ""), E_PROVIDER_ERROR },
    { 500, ERROR("api_error", "x", ""), E_PROVIDER_UNAVAILABLE },
    { 429, "", E_PROVIDER_UNAVAILABLE },
    { 200, "{}", E_PROVIDER_UNAVAILABLE },
    { 200, "{\"id\":\"pi_1\",\"object\":\"payment_intent\"}", E_PROVIDER_ERROR },
};

START_TEST(test_reads)
{
    char *text = (char *)(uintptr_t)fault_answer(reads[_i].status, "Stripe-Should-Retry: false\r\n", reads[_i].body);
    struct fault script = { FAULT_NONE, text };
    struct fault_server *server = fault_server_new(&script, 1);
    struct snapshot snapshot;

    lone_config.stripe_api_url = fault_server_url(server);
    struct error *error = provider_stripe.fetch(&lone, "pi_1", &snapshot);
    ck_assert_ptr_nonnull(error);
    ck_assert_str_eq(error_name(error->code), error_name(reads[_i].code));
    fault_server_free(server);
    free(text);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("stripe outcomes");
    TCase *test_case = tcase_create("outcomes");

    lone_use(test_case);
    tcase_set_timeout(test_case, 20);
    tcase_add_loop_test(test_case, test_answers, 0, (int)(sizeof(answers) / sizeof(answers[0])));
    tcase_add_loop_test(test_case, test_a_lost_answer_is_never_asked_for_again, 0,
        (int)(sizeof(losses) / sizeof(losses[0])));
    tcase_add_test(test_case, test_nobody_there);
    tcase_add_test(test_case, test_the_callers_deadline_holds);
    tcase_add_test(test_case, test_without_a_key_nothing_is_sent);
    tcase_add_test(test_case, test_the_log_line);
    tcase_add_test(test_case, test_ids_that_are_none);
    tcase_add_loop_test(test_case, test_reads, 0, (int)(sizeof(reads) / sizeof(reads[0])));
    suite_add_tcase(suite, test_case);
    return lone_main(suite);
}
