/* What a provider's word does to the books: once, whatever comes how often and in which order. */
#include <string.h>

#include "base/arena.h"
#include "base/id.h"
#include "db/db.h"
#include "events/audit.h"
#include "jobs/job.h"
#include "payments/checkout_store.h"
#include "payments/refund.h"
#include "payments/refund_store.h"
#include "payments_test.h"
#include "testdb.h"
#include "together.h"

static void apply(struct payment *payment, const struct snapshot *snapshot)
{
    ok(apply_provider_state(&ctx, payment->id, snapshot, payment));
}

/* Sum of an account over the entries of this payment and its refunds. */
static long long balance(const struct payment *payment, const char *account)
{
    return counted("SELECT coalesce(sum(l.amount), 0) FROM ledger_lines l JOIN ledger_entries e ON e.id = l.entry_id"
                   " WHERE l.account = '%s'"
                   "   AND (e.source = '%s' OR e.source IN (SELECT id FROM refunds WHERE payment_id = '%s'))",
        account, payment->id, payment->id);
}

/* Everything that was written of this payment, as one number that grows with each row. */
static long long traces(const struct payment *payment)
{
    return counted("SELECT (SELECT count(*) FROM audit_log WHERE object = '%s')"
                   "     + (SELECT count(*) FROM events WHERE object_id = '%s')"
                   "     + (SELECT count(*) FROM ledger_entries WHERE source = '%s')",
        payment->id, payment->id, payment->id);
}

START_TEST(test_success_reaches_every_book)
{
    struct payment payment = payment_in(PAYMENT_CREATED);
    struct attempt attempt = attempt_on(&payment, ATTEMPT_CHARGE, PHASE_CONFIRMING), still;
    struct snapshot snapshot = said_of(&payment, PROVIDER_STATE_SUCCEEDED);
    bool found;

    ok(job_add_later(&ctx, "payment.resolve", payment.id, 10));
    apply(&payment, &snapshot);
    ck_assert_int_eq(payment.status, PAYMENT_SUCCEEDED);
    ck_assert_int_eq(payment.amount_captured.minor, 10000);
    ck_assert_int_eq(balance(&payment, "stripe:receivable"), 10000);
    ck_assert_int_eq(balance(&payment, "sales"), -10000);
    ck_assert_int_eq(counted("SELECT count(*) FROM audit_log WHERE object = '%s' AND action = 'payment.succeeded'"
                             "   AND (details ->> 'amount')::bigint = 10000",
                         payment.id),
        1);
    ck_assert_int_eq(counted("SELECT count(*) FROM events WHERE object_id = '%s' AND type = 'payment.succeeded'"
                             "   AND payload ->> 'status' = 'succeeded'",
                         payment.id),
        1);
    ck_assert_int_eq(counted("SELECT count(*) FROM jobs WHERE subject = '%s'", payment.id), 0);
    ok(attempt_last(&ctx, payment.id, &still, &found));
    ck_assert_str_eq(still.id, attempt.id);
    ck_assert_int_eq(still.status, ATTEMPT_SUCCEEDED);
}
END_TEST

START_TEST(test_the_secret_is_sealed)
{
    struct payment payment = payment_made(CONFIRMATION_MANUAL);
    struct snapshot snapshot = said_of(&payment, PROVIDER_STATE_WAITING);
    const char *secret;

    snapshot.client_secret = "pi_1_secret_canary";
    apply(&payment, &snapshot);
    ck_assert_int_eq(counted("SELECT count(*) FROM payments WHERE id = '%s'"
                             "   AND position('canary'::bytea IN client_secret) > 0",
                         payment.id),
        0);
    ok(payment_client_secret(&ctx, &payment, &secret));
    ck_assert_str_eq(secret, "pi_1_secret_canary");
}
END_TEST

START_TEST(test_the_same_word_twice_changes_nothing)
{
    static const enum provider_state states[] = { PROVIDER_STATE_WAITING, PROVIDER_STATE_ACTION, PROVIDER_STATE_PENDING,
        PROVIDER_STATE_AUTHORIZED, PROVIDER_STATE_SUCCEEDED, PROVIDER_STATE_CANCELLED };
    struct payment payment = payment_in(PAYMENT_CREATED);
    struct snapshot snapshot = said_of(&payment, states[_i]);

    apply(&payment, &snapshot);
    enum payment_status first = payment.status;
    long long written = traces(&payment);
    ctx.now = instant_add_seconds(ctx.now, 5);
    apply(&payment, &snapshot);
    apply(&payment, &snapshot);
    ck_assert_int_eq(payment.status, first);
    ck_assert_int_eq(traces(&payment), written);
    // deadlines count from the last change: to be asked must not put them off
    ck_assert_str_eq(testdb_value("SELECT extract(epoch FROM checked_at - updated_at)::int FROM payments WHERE id = "
                                  "'%s'",
                         payment.id),
        "5");
}
END_TEST

/* All orders of four words, each said twice. */
START_TEST(test_order_does_not_matter)
{
    static const enum provider_state said[] = { PROVIDER_STATE_WAITING, PROVIDER_STATE_ACTION, PROVIDER_STATE_PENDING,
        PROVIDER_STATE_SUCCEEDED };
    struct payment payment = payment_in(PAYMENT_CREATED);
    int rest[] = { 0, 1, 2, 3 }, code = _i;

    attempt_on(&payment, ATTEMPT_CHARGE, PHASE_CONFIRMING);
    for (int left = 4; left > 0; left--) {
        int pick = code % left;
        struct snapshot snapshot = said_of(&payment, said[rest[pick]]);
        code /= left;
        rest[pick] = rest[left - 1];
        apply(&payment, &snapshot);
        apply(&payment, &snapshot);
    }
    ck_assert_int_eq(payment.status, PAYMENT_SUCCEEDED);
    ck_assert_int_eq(payment.amount_captured.minor, 10000);
    ck_assert_int_eq(balance(&payment, "stripe:receivable"), 10000);
    ck_assert_int_eq(counted("SELECT count(*) FROM events WHERE object_id = '%s' AND type = 'payment.succeeded'",
                         payment.id),
        1);
}
END_TEST

START_TEST(test_an_old_word_takes_nothing_back)
{
    struct payment payment = payment_in(PAYMENT_AUTHORIZED);
    struct snapshot before = said_of(&payment, PROVIDER_STATE_AUTHORIZED),
                    after = said_of(&payment, PROVIDER_STATE_SUCCEEDED);

    after.captured = 6000;
    apply(&payment, &after);
    apply(&payment, &before);
    ck_assert_int_eq(payment.status, PAYMENT_SUCCEEDED);
    ck_assert_int_eq(payment.amount_captured.minor, 6000);
    ck_assert_int_eq(balance(&payment, "stripe:receivable"), 6000);
}
END_TEST

/* 20.00 and 30.00 of 100.00, the second by an attempt that is under way: in every order of what was said before, between and after,
 * each said twice. The rest is still held, or it was let go, or the provider calls it cancelled. */
START_TEST(test_parts_add_up_in_any_order)
{
    static const enum provider_state last[] = { PROVIDER_STATE_AUTHORIZED, PROVIDER_STATE_SUCCEEDED,
        PROVIDER_STATE_CANCELLED };
    struct payment payment = payment_in(PAYMENT_AUTHORIZED);
    struct attempt attempt = attempt_on(&payment, ATTEMPT_CAPTURE, PHASE_CONFIRMING), still;
    enum provider_state end = last[_i / 6];
    int rest[] = { 0, 1, 2 }, code = _i % 6;

    testdb_value("UPDATE attempts SET amount = 3000, target = 5000, final = false WHERE id = '%s' RETURNING id",
        attempt.id);
    for (int left = 3; left > 0; left--) {
        int pick = code % left;
        int64_t captured[] = { 0, 2000, 5000 };
        struct snapshot snapshot = said_of(&payment, rest[pick] == 2 ? end : PROVIDER_STATE_AUTHORIZED);
        snapshot.captured = captured[rest[pick]];
        code /= left;
        rest[pick] = rest[left - 1];
        apply(&payment, &snapshot);
        apply(&payment, &snapshot);
        ok(attempt_get(&ctx, attempt.id, &still));
        ck_assert_int_eq(still.status, payment.amount_captured.minor < 5000 ? ATTEMPT_OPEN : ATTEMPT_SUCCEEDED);
    }
    ck_assert_int_eq(payment.status, end == PROVIDER_STATE_AUTHORIZED ? PAYMENT_AUTHORIZED : PAYMENT_SUCCEEDED);
    ck_assert_int_eq(payment.amount_captured.minor, 5000);
    ck_assert_int_eq(payment_capturable(&payment), end == PROVIDER_STATE_AUTHORIZED ? 5000 : 0);
    ck_assert_int_eq(balance(&payment, "stripe:receivable"), 5000);
    ck_assert_int_eq(counted("SELECT count(*) FROM events WHERE object_id = '%s' AND type = 'payment.succeeded'",
                         payment.id),
        end != PROVIDER_STATE_AUTHORIZED);
}
END_TEST

START_TEST(test_a_decline_ends_or_waits)
{
    bool automatic = _i == 0;
    struct payment payment = payment_made(automatic ? CONFIRMATION_AUTOMATIC : CONFIRMATION_MANUAL);
    struct attempt last;
    bool found;

    attempt_on(&payment, ATTEMPT_CHARGE, PHASE_CONFIRMING);
    struct snapshot snapshot = declined(&payment, "ch_declined");
    apply(&payment, &snapshot);
    ck_assert_int_eq(payment.status, automatic ? PAYMENT_FAILED : PAYMENT_CREATED);
    ck_assert_str_eq(payment.failure_class, "insufficient_funds");
    ck_assert_str_eq(payment.failure_code, "card_declined/insufficient_funds");
    ok(attempt_last(&ctx, payment.id, &last, &found));
    ck_assert_int_eq(last.status, ATTEMPT_DECLINED);
    ck_assert_int_eq(balance(&payment, "sales"), 0);
    // who kept the secret of what failed must not be able to pay it
    ck_assert_int_eq(counted("SELECT count(*) FROM jobs WHERE subject = '%s' AND kind = 'payment.resolve'", payment.id),
        automatic);
}
END_TEST

/* The intent tells of its last decline as long as no other try ended. */
START_TEST(test_a_known_decline_is_no_news)
{
    struct payment payment = payment_made(CONFIRMATION_MANUAL);
    struct snapshot first = declined(&payment, "ch_first"), second = declined(&payment, "ch_second");

    attempt_on(&payment, ATTEMPT_CHARGE, PHASE_CONFIRMING);
    apply(&payment, &first);
    struct attempt next = attempt_on(&payment, ATTEMPT_CHARGE, PHASE_WAITING), open;
    bool found;
    apply(&payment, &first);
    ok(attempt_open(&ctx, payment.id, &open, &found));
    ck_assert(found);
    ck_assert_str_eq(open.id, next.id);
    apply(&payment, &second);
    ok(attempt_open(&ctx, payment.id, &open, &found));
    ck_assert(!found);
    ck_assert_int_eq(counted("SELECT count(*) FROM events WHERE object_id = '%s' AND type = 'payment.attempt_failed'",
                         payment.id),
        2);
}
END_TEST

START_TEST(test_success_forgets_the_failure)
{
    struct payment payment = payment_made(CONFIRMATION_MANUAL);
    struct snapshot no = declined(&payment, "ch_no"), yes = said_of(&payment, PROVIDER_STATE_SUCCEEDED);

    apply(&payment, &no);
    apply(&payment, &yes);
    ck_assert_ptr_null(payment.failure_class);
    ck_assert_ptr_null(payment.failure_code);
    ck_assert_int_eq(payment.status, PAYMENT_SUCCEEDED);
}
END_TEST

/* What does not belong to the payment is never booked on it. */
START_TEST(test_foreign_words_are_refused)
{
    struct payment payment = payment_in(PAYMENT_CREATED);
    struct snapshot snapshot = said_of(&payment, PROVIDER_STATE_SUCCEEDED);

    switch (_i) {
    case 0:
        snapshot.reference = "pi_of_somebody_else";
        break;
    case 1:
        snapshot.amount.minor = 9999;
        break;
    case 2:
        memcpy(snapshot.amount.currency, "EUR", 4);
        break;
    default:
        snapshot.livemode = true;
        break;
    }
    long long written = traces(&payment);
    refused(apply_provider_state(&ctx, payment.id, &snapshot, &payment), E_CONFLICT);
    refused(apply_provider_state(&ctx, payment.id, &snapshot, &payment), E_CONFLICT);
    ck_assert_int_eq(counted("SELECT count(*) FROM decisions WHERE object = '%s' AND done_at IS NULL", payment.id), 1);
    ok(payment_get(&ctx, payment.id, &payment));
    ck_assert_int_eq(payment.status, PAYMENT_CREATED);
    ck_assert_int_eq(payment.amount_captured.minor, 0);
    ck_assert_int_eq(traces(&payment), written);
}
END_TEST

/* A confirmation of ours may be on its way: that the provider still waits is no answer to it. */
START_TEST(test_an_attempt_under_way_stays_open)
{
    struct payment payment = payment_in(PAYMENT_UNKNOWN);
    struct snapshot snapshot = said_of(&payment, PROVIDER_STATE_WAITING);
    struct attempt open;
    bool found;

    attempt_on(&payment, ATTEMPT_CHARGE, PHASE_CONFIRMING);
    apply(&payment, &snapshot);
    ck_assert_int_eq(payment.status, PAYMENT_UNKNOWN);
    ok(attempt_open(&ctx, payment.id, &open, &found));
    ck_assert(found);
}
END_TEST

/* Refunds ------------------------------------------------------------------------------------------------------------- */

static struct refund_view refund_view(const char *id, const char *reference, int64_t minor, const char *status)
{
    return (
        struct refund_view){ .reference = reference, .refund_id = id, .amount = { minor, "USD" }, .status = status };
}

static struct snapshot with_refunds(const struct payment *payment, struct refund_view *views, size_t count)
{
    struct snapshot snapshot = said_of(payment, PROVIDER_STATE_SUCCEEDED);

    snapshot.refunds = views;
    snapshot.refund_count = count;
    return snapshot;
}

/* One that was asked for and whose outcome is not known. */
static struct refund refund_reserved(struct payment *payment, int64_t minor)
{
    struct refund refund = {
        .id = id_new(&ctx, "ref"),
        .payment_id = payment->id,
        .amount = { minor, "USD" },
        .reason = "test",
        .provider = "stripe",
        .origin = REFUND_BY_TILL,
        .created_by = "test",
        .created_at = ctx.now,
    };

    payment->amount_refunding.minor += minor;
    ok(payment_update(&ctx, payment));
    ok(refund_insert(&ctx, &refund));
    return refund;
}

START_TEST(test_a_refund_made_elsewhere_is_adopted)
{
    struct payment payment = payment_in(PAYMENT_SUCCEEDED);
    struct refund_view view = refund_view(NULL, arena_printf(ctx.arena, "re_%s", payment.id), 2500, "succeeded");
    struct snapshot snapshot = with_refunds(&payment, &view, 1);
    struct refund refund;

    apply(&payment, &snapshot);
    apply(&payment, &snapshot);
    ck_assert_int_eq(payment.amount_refunded.minor, 2500);
    ck_assert_int_eq(payment.amount_refunding.minor, 0);
    ok(refund_get(&ctx, view.reference, &refund));
    ck_assert_int_eq(refund.origin, REFUND_BY_PROVIDER);
    ck_assert_int_eq(refund.status, REFUND_SUCCEEDED);
    ck_assert_int_eq(balance(&payment, "refunds"), 2500);
    ok(payment_get(&ctx, payment.id, &payment));
    ck_assert_str_eq(refund_state_names[payment.refund_state], "partial");
}
END_TEST

/* processing → succeeded → failed, however often each is said; a reservation is released once. */
START_TEST(test_a_refund_moves_money_once_each_way)
{
    struct payment payment = payment_in(PAYMENT_SUCCEEDED);
    struct refund refund = refund_reserved(&payment, 10000);
    const char *reference = arena_printf(ctx.arena, "re_%s", payment.id);
    static const char *const said[] = { "pending", "succeeded", "pending", "succeeded", "failed", "failed", "succeeded",
        "pending" };

    for (size_t i = 0; i < sizeof said / sizeof *said; i++) {
        struct refund_view view = refund_view(refund.id, reference, 10000, said[i]);
        struct snapshot snapshot = with_refunds(&payment, &view, 1);
        apply(&payment, &snapshot);
        if (i == 3) {
            ck_assert_int_eq(payment.amount_refunded.minor, 10000);
            ck_assert_str_eq(testdb_value("SELECT refund_state FROM payments WHERE id = '%s'", payment.id), "full");
            ck_assert_int_eq(balance(&payment, "stripe:receivable"), -10000);
        }
    }
    ck_assert_int_eq(payment.amount_refunded.minor, 0);
    ck_assert_int_eq(payment.amount_refunding.minor, 0);
    ck_assert_int_eq(balance(&payment, "stripe:receivable"), 0);
    ck_assert_int_eq(counted("SELECT count(*) FROM ledger_entries WHERE source = '%s'", refund.id), 2);
    ck_assert_str_eq(testdb_value("SELECT status FROM refunds WHERE id = '%s'", refund.id), "failed");
}
END_TEST

/* A failed one and its successor come in one answer: what the one gives up the other needs. */
START_TEST(test_what_one_refund_gives_up_another_may_take)
{
    struct payment payment = payment_in(PAYMENT_SUCCEEDED);
    struct refund refund = refund_reserved(&payment, 8000);
    struct refund_view views[] = {
        refund_view(NULL, arena_printf(ctx.arena, "re_b%s", payment.id), 9000, "succeeded"),
        refund_view(refund.id, arena_printf(ctx.arena, "re_a%s", payment.id), 8000, "failed"),
    };
    struct snapshot snapshot = with_refunds(&payment, views, 2);

    apply(&payment, &snapshot);
    ck_assert_int_eq(payment.amount_refunded.minor, 9000);
    ck_assert_int_eq(payment.amount_refunding.minor, 0);
}
END_TEST

/* Ours was asked for and never arrived; meanwhile somebody gave it all back in the provider's dashboard. */
START_TEST(test_a_refund_without_room_gives_way)
{
    struct payment payment = payment_in(PAYMENT_SUCCEEDED);
    struct refund ours = refund_reserved(&payment, 6000), small = refund_reserved(&payment, 1000);
    struct refund_view view = refund_view(NULL, arena_printf(ctx.arena, "re_%s", payment.id), 9000, "succeeded");
    struct snapshot snapshot = with_refunds(&payment, &view, 1);

    apply(&payment, &snapshot);
    ck_assert_int_eq(payment.amount_refunded.minor, 9000);
    ck_assert_str_eq(testdb_value("SELECT status || ' ' || failure_code FROM refunds WHERE id = '%s'", ours.id),
        "failed no_room");
    ck_assert_int_eq(payment.amount_refunding.minor,
        counted("SELECT coalesce(sum(amount), 0) FROM refunds WHERE payment_id = '%s' AND status = 'processing'",
            payment.id));
    ck_assert_int_eq(balance(&payment, "stripe:receivable"), -9000);
    (void)small;
}
END_TEST

/* Around it --------------------------------------------------------------------------------------------------------------- */

START_TEST(test_a_dispute_is_noted_and_told)
{
    struct payment payment = payment_in(PAYMENT_SUCCEEDED);
    struct snapshot snapshot = said_of(&payment, PROVIDER_STATE_SUCCEEDED);

    snapshot.dispute = DISPUTE_OPEN;
    apply(&payment, &snapshot);
    apply(&payment, &snapshot);
    ck_assert_int_eq(payment.dispute_state, DISPUTE_OPEN);
    ck_assert_int_eq(counted("SELECT count(*) FROM events WHERE object_id = '%s' AND type = 'payment.dispute_open'",
                         payment.id),
        1);
    struct refund_request request = { .payment = payment.id, .amount = { 100, "USD" } };
    struct refund refund;
    refused(refund_create(&ctx, &request, &refund), E_INVALID_STATUS);
}
END_TEST

START_TEST(test_a_paid_session_is_complete)
{
    struct checkout session = {
        .id = id_new(&ctx, "cs"),
        .amount = { 10000, "USD" },
        .items = json_in(ctx.arena, json_array()),
        .metadata = json_in(ctx.arena, json_object()),
        .created_by = "test",
        .expires_at = instant_add_seconds(ctx.now, 3600),
        .created_at = ctx.now,
    };
    struct payment payment = payment_in(PAYMENT_CREATED);

    ok(checkout_insert(&ctx, &session));
    ok(checkout_link(&ctx, session.id, payment.id));
    refused(checkout_link(&ctx, session.id, payment.id), E_CONFLICT);
    testdb_value("UPDATE payments SET checkout_id = '%s' WHERE id = '%s'", session.id, payment.id);
    if (_i) // its time ran out while the bank was asked
        ok(checkout_set_status(&ctx, session.id, CHECKOUT_EXPIRED));
    struct snapshot snapshot = said_of(&payment, PROVIDER_STATE_SUCCEEDED);
    apply(&payment, &snapshot);
    ok(checkout_row(&ctx, session.id, &session));
    ck_assert_int_eq(session.status, CHECKOUT_COMPLETE);
}
END_TEST

struct race {
    const char *payment;
    struct snapshot snapshot;
    struct error *errors[10];
};

static void say(struct ctx *own, int number, void *to)
{
    struct race *race = to;
    struct payment payment;

    race->errors[number] = apply_provider_state(own, race->payment, &race->snapshot, &payment);
}

START_TEST(test_many_say_it_at_once)
{
    struct payment payment = payment_in(PAYMENT_UNKNOWN);
    struct refund_view view = refund_view(NULL, arena_printf(ctx.arena, "re_%s", payment.id), 300, "succeeded");
    struct race race = { .payment = payment.id, .snapshot = with_refunds(&payment, &view, 1) };

    attempt_on(&payment, ATTEMPT_CHARGE, PHASE_CONFIRMING);
    together(10, say, &race);
    for (int i = 0; i < 10; i++)
        ck_assert_ptr_null(race.errors[i]);
    ok(payment_get(&ctx, payment.id, &payment));
    ck_assert_int_eq(payment.amount_captured.minor, 10000);
    ck_assert_int_eq(payment.amount_refunded.minor, 300);
    ck_assert_int_eq(balance(&payment, "stripe:receivable"), 9700);
    ck_assert_int_eq(counted("SELECT count(*) FROM events WHERE object_id = '%s' AND type = 'payment.succeeded'",
                         payment.id),
        1);
    ck_assert_int_eq(counted("SELECT count(*) FROM refunds WHERE payment_id = '%s'", payment.id), 1);
}
END_TEST

/* A payment that belongs to another customer is not there. */
START_TEST(test_a_customer_sees_only_his_own)
{
    struct payment payment = payment_in(PAYMENT_SUCCEEDED), seen;

    ctx.principal.customer_id = "cust_other";
    refused(payment_get(&ctx, payment.id, &seen), E_NOT_FOUND);
    refused(payment_get(&ctx, payment.provider_payment_id, &seen), E_NOT_FOUND);
    ctx.principal.customer_id = NULL;
    ok(payment_get(&ctx, payment.provider_payment_id, &seen));
    ck_assert_str_eq(seen.id, payment.id);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("apply_provider_state");
    TCase *books = tcase_create("books"), *refunds = tcase_create("refunds"), *around = tcase_create("around");

    testdb_use(books);
    tcase_add_test(books, test_success_reaches_every_book);
    tcase_add_test(books, test_the_secret_is_sealed);
    tcase_add_loop_test(books, test_the_same_word_twice_changes_nothing, 0, 6);
    tcase_add_loop_test(books, test_order_does_not_matter, 0, 24);
    tcase_add_test(books, test_an_old_word_takes_nothing_back);
    tcase_add_loop_test(books, test_parts_add_up_in_any_order, 0, 18);
    tcase_add_loop_test(books, test_a_decline_ends_or_waits, 0, 2);
    tcase_add_test(books, test_a_known_decline_is_no_news);
    tcase_add_test(books, test_success_forgets_the_failure);
    tcase_add_loop_test(books, test_foreign_words_are_refused, 0, 4);
    tcase_add_test(books, test_an_attempt_under_way_stays_open);
    suite_add_tcase(suite, books);

    testdb_use(refunds);
    tcase_add_test(refunds, test_a_refund_made_elsewhere_is_adopted);
    tcase_add_test(refunds, test_a_refund_moves_money_once_each_way);
    tcase_add_test(refunds, test_what_one_refund_gives_up_another_may_take);
    tcase_add_test(refunds, test_a_refund_without_room_gives_way);
    suite_add_tcase(suite, refunds);

    testdb_use(around);
    tcase_add_test(around, test_a_dispute_is_noted_and_told);
    tcase_add_loop_test(around, test_a_paid_session_is_complete, 0, 2);
    tcase_add_test(around, test_many_say_it_at_once);
    tcase_add_test(around, test_a_customer_sees_only_his_own);
    suite_add_tcase(suite, around);
    return testdb_main(suite);
}
