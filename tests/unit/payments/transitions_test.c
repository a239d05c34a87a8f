/* The state machine: what the database lets through, and that nothing a provider says leads anywhere else. */
#include <string.h>

#include "base/arena.h"
#include "db/db.h"
#include "payments_test.h"
#include "testdb.h"

#define STATES (PAYMENT_UNKNOWN + 1)

/* Where each state may go. */
static const char *const ways[] = {
    [PAYMENT_CREATED] = "requires_action processing authorized succeeded failed cancelled unknown",
    [PAYMENT_REQUIRES_ACTION] = "created processing authorized succeeded failed cancelled unknown",
    [PAYMENT_PROCESSING] = "created requires_action authorized succeeded failed cancelled unknown",
    [PAYMENT_AUTHORIZED] = "succeeded cancelled unknown",
    [PAYMENT_SUCCEEDED] = "failed",
    [PAYMENT_FAILED] = "authorized succeeded",
    [PAYMENT_CANCELLED] = "authorized succeeded",
    [PAYMENT_UNKNOWN] = "created requires_action processing authorized succeeded failed cancelled",
};

static bool is_way(enum payment_status from, enum payment_status to)
{
    char *list = arena_strdup(ctx.arena, ways[from]), *rest = NULL;

    for (char *word = strtok_r(list, " ", &rest); word; word = strtok_r(NULL, " ", &rest))
        if (!strcmp(word, payment_status_names[to]))
            return true;
    return false;
}

START_TEST(test_only_listed_ways_are_open)
{
    enum payment_status from = (enum payment_status)(_i / STATES), to = (enum payment_status)(_i % STATES);
    struct payment payment = payment_in(from);

    payment.status = to;
    struct error *error = payment_update(&ctx, &payment);
    if (from == to || is_way(from, to)) {
        ok(error);
        return;
    }
    refused(error, E_DB_ERROR);
    ck_assert_str_eq(error->constraint, "transitions");
    ok(payment_get(&ctx, payment.id, &payment));
    ck_assert_int_eq(payment.status, from);
}
END_TEST

/* With which open attempt a snapshot finds the payment. */
static const struct {
    bool open;
    enum attempt_operation operation;
    enum attempt_phase phase;
} attempts[] = {
    { false, ATTEMPT_CHARGE, PHASE_DONE },
    { true, ATTEMPT_CHARGE, PHASE_CREATING },
    { true, ATTEMPT_CHARGE, PHASE_WAITING },
    { true, ATTEMPT_CHARGE, PHASE_CONFIRMING },
    { true, ATTEMPT_CAPTURE, PHASE_CONFIRMING },
    { true, ATTEMPT_CANCEL, PHASE_CONFIRMING },
};

#define ATTEMPTS (int)(sizeof attempts / sizeof *attempts)

static void apply_everything(enum payment_status from, int attempt, enum provider_state state, bool decline)
{
    struct payment payment = payment_in(from);
    struct snapshot snapshot = decline ? declined(&payment, "ch_new") : said_of(&payment, state);

    if (attempts[attempt].open)
        attempt_on(&payment, attempts[attempt].operation, attempts[attempt].phase);
    struct error *error = apply_provider_state(&ctx, payment.id, &snapshot, &payment);
    if (error)
        ck_abort_msg("%s, attempt %d, said %d%s: %s (%s)", payment_status_names[from], attempt, (int)state,
            decline ? " after a decline" : "", error->detail, error->cause ? error->cause : "");
    ck_assert(payment.status == from || is_way(from, payment.status));
}

START_TEST(test_whatever_a_provider_says_can_be_recorded)
{
    enum payment_status from = (enum payment_status)(_i / ATTEMPTS);
    int attempt = _i % ATTEMPTS;

    for (enum provider_state state = PROVIDER_STATE_WAITING; state <= PROVIDER_STATE_CANCELLED; state++)
        apply_everything(from, attempt, state, false);
    apply_everything(from, attempt, PROVIDER_STATE_WAITING, true);
}
END_TEST

/* What came to its end moves on only where money says so. */
START_TEST(test_an_end_is_an_end)
{
    static const struct {
        enum payment_status from;
        enum provider_state said;
        enum payment_status to;
    } cases[] = {
        { PAYMENT_SUCCEEDED, PROVIDER_STATE_WAITING, PAYMENT_SUCCEEDED },
        { PAYMENT_SUCCEEDED, PROVIDER_STATE_ACTION, PAYMENT_SUCCEEDED },
        { PAYMENT_SUCCEEDED, PROVIDER_STATE_PENDING, PAYMENT_SUCCEEDED },
        { PAYMENT_SUCCEEDED, PROVIDER_STATE_AUTHORIZED, PAYMENT_SUCCEEDED },
        { PAYMENT_SUCCEEDED, PROVIDER_STATE_CANCELLED, PAYMENT_SUCCEEDED },
        { PAYMENT_FAILED, PROVIDER_STATE_WAITING, PAYMENT_FAILED },
        { PAYMENT_FAILED, PROVIDER_STATE_PENDING, PAYMENT_FAILED },
        { PAYMENT_FAILED, PROVIDER_STATE_CANCELLED, PAYMENT_FAILED },
        { PAYMENT_FAILED, PROVIDER_STATE_SUCCEEDED, PAYMENT_SUCCEEDED },
        { PAYMENT_CANCELLED, PROVIDER_STATE_WAITING, PAYMENT_CANCELLED },
        { PAYMENT_CANCELLED, PROVIDER_STATE_ACTION, PAYMENT_CANCELLED },
        { PAYMENT_CANCELLED, PROVIDER_STATE_SUCCEEDED, PAYMENT_SUCCEEDED },
        { PAYMENT_AUTHORIZED, PROVIDER_STATE_WAITING, PAYMENT_AUTHORIZED },
        { PAYMENT_AUTHORIZED, PROVIDER_STATE_ACTION, PAYMENT_AUTHORIZED },
        { PAYMENT_AUTHORIZED, PROVIDER_STATE_PENDING, PAYMENT_AUTHORIZED },
        { PAYMENT_AUTHORIZED, PROVIDER_STATE_CANCELLED, PAYMENT_CANCELLED },
        { PAYMENT_AUTHORIZED, PROVIDER_STATE_SUCCEEDED, PAYMENT_SUCCEEDED },
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct payment payment = payment_in(cases[i].from);
        struct snapshot snapshot = said_of(&payment, cases[i].said);

        ok(apply_provider_state(&ctx, payment.id, &snapshot, &payment));
        ck_assert_msg(payment.status == cases[i].to, "row %zu: %s", i, payment_status_names[payment.status]);
    }
}
END_TEST

/* Who asked before the cancellation may be heard after it. */
START_TEST(test_a_hold_that_was_let_go_is_not_brought_back_by_an_older_word)
{
    struct payment payment = payment_in(PAYMENT_AUTHORIZED);
    struct snapshot held = said_of(&payment, PROVIDER_STATE_AUTHORIZED),
                    let_go = said_of(&payment, PROVIDER_STATE_CANCELLED);

    ok(apply_provider_state(&ctx, payment.id, &let_go, &payment));
    ok(apply_provider_state(&ctx, payment.id, &held, &payment));
    ck_assert_int_eq(payment.status, PAYMENT_CANCELLED);
    held.asked_at = instant_add_seconds(clock_now(), 1);
    ok(apply_provider_state(&ctx, payment.id, &held, &payment));
    ck_assert_int_eq(payment.status, PAYMENT_AUTHORIZED);
}
END_TEST

/* Of the other machines: one way that is open, one that is not. */
START_TEST(test_other_machines_are_guarded_too)
{
    static const struct {
        const char *table, *trigger;
    } guarded[] = {
        { "payments", "payments_transition" },
        { "attempts", "attempts_transition" },
        { "refunds", "refunds_transition" },
        { "checkout_sessions", "checkout_sessions_transition" },
        { "webhook_events", "webhook_events_transition" },
    };
    struct payment payment = payment_in(PAYMENT_CREATED);
    struct attempt attempt = attempt_on(&payment, ATTEMPT_CHARGE, PHASE_WAITING);

    for (size_t i = 0; i < sizeof guarded / sizeof *guarded; i++)
        ck_assert_int_eq(counted("SELECT count(*) FROM pg_trigger WHERE tgname = '%s' AND tgrelid = '%s'::regclass"
                                 "   AND tgenabled = 'O'",
                             guarded[i].trigger, guarded[i].table),
            1);
    attempt.status = ATTEMPT_SUPERSEDED;
    ok(attempt_update(&ctx, &attempt));
    attempt.status = ATTEMPT_SUCCEEDED;
    struct error *error = attempt_update(&ctx, &attempt);
    refused(error, E_DB_ERROR);
    ck_assert_str_eq(error->constraint, "transitions");
}
END_TEST

/* What a payment is about never changes, and money that was captured stays captured. */
START_TEST(test_what_a_payment_is_about_is_fixed)
{
    static const char *const changes[] = { "amount = amount + 1", "currency = 'EUR'", "provider = 'paypal'",
        "created_at = now() + interval '1 day'", "provider_payment_id = 'pi_other'", "provider_payment_id = NULL",
        "amount_captured = amount_captured - 1" };
    struct payment payment = payment_in(PAYMENT_SUCCEEDED);

    for (size_t i = 0; i < sizeof changes / sizeof *changes; i++)
        ck_assert_msg(
            strstr(testdb_value("CREATE OR REPLACE FUNCTION pg_temp.try() RETURNS text LANGUAGE plpgsql AS $$ BEGIN"
                                "  UPDATE payments SET %s WHERE id = '%s'; RETURN 'done';"
                                "EXCEPTION WHEN check_violation THEN RETURN SQLERRM; END $$; SELECT pg_temp.try()",
                       changes[i], payment.id),
                "does not change"),
            "%s", changes[i]);
}
END_TEST

START_TEST(test_books_never_hold_more_than_there_is)
{
    struct payment payment = payment_in(PAYMENT_SUCCEEDED);

    payment.amount_refunded.minor = 6000;
    payment.amount_refunding.minor = 4001;
    struct error *error = payment_update(&ctx, &payment);
    refused(error, E_DB_ERROR);
    ck_assert_str_eq(error->constraint, "payments_refunded");
    payment.amount_refunding.minor = 4000;
    ok(payment_update(&ctx, &payment));
    payment.amount_captured.minor = payment.amount.minor + 1;
    error = payment_update(&ctx, &payment);
    refused(error, E_DB_ERROR);
    ck_assert_str_eq(error->constraint, "payments_captured");
}
END_TEST

START_TEST(test_one_attempt_is_open)
{
    struct payment payment = payment_in(PAYMENT_CREATED);
    struct attempt second = attempt_on(&payment, ATTEMPT_CHARGE, PHASE_WAITING);

    second.id = "att_second";
    refused(attempt_insert(&ctx, &second), E_CONFLICT);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("transitions");
    TCase *ground = tcase_create("ground");

    testdb_use(ground);
    tcase_add_loop_test(ground, test_only_listed_ways_are_open, 0, STATES * STATES);
    tcase_add_loop_test(ground, test_whatever_a_provider_says_can_be_recorded, 0, STATES * ATTEMPTS);
    tcase_add_test(ground, test_an_end_is_an_end);
    tcase_add_test(ground, test_a_hold_that_was_let_go_is_not_brought_back_by_an_older_word);
    tcase_add_test(ground, test_other_machines_are_guarded_too);
    tcase_add_test(ground, test_what_a_payment_is_about_is_fixed);
    tcase_add_test(ground, test_books_never_hold_more_than_there_is);
    tcase_add_test(ground, test_one_attempt_is_open);
    suite_add_tcase(suite, ground);
    return testdb_main(suite);
}
