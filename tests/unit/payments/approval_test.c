/* Refunds that a second person has to agree to. The provider does not answer here: what is made stays on its way. */
#include <pthread.h>
#include <stdlib.h>

#include "base/arena.h"
#include "base/id.h"
#include "payments/approval.h"
#include "payments/approval_store.h"
#include "payments/refund.h"
#include "payments_test.h"
#include "testdb.h"

static const char limits[] = "40.00 USD, 5000 JPY";

static void act_as(struct ctx *some, const char *id, const char *scopes)
{
    some->principal = (struct principal){ .kind = PRINCIPAL_OPERATOR, .id = id, .scopes = scopes };
}

static const char support[] = "payments:read refunds:request";
static const char finance[] = "payments:read refunds:request refunds:write refunds:approve";

static void set_limits(const char *text)
{
    struct config *config = arena_alloc(ctx.arena, sizeof *config);

    *config = *ctx.config;
    config->refund_approval_limit = text;
    ctx.config = config;
}

static const struct config *shared;

static void remember(void)
{
    shared = ctx.config;
}

static void restore(void)
{
    ctx.config = shared;
}

static struct refund_request order(const struct payment *payment, int64_t minor)
{
    return (struct refund_request){ .payment = payment->id, .amount = { minor, "USD" }, .reason = "duplicate" };
}

static struct approval asked(const struct payment *payment, int64_t minor)
{
    struct refund_request request = order(payment, minor);
    struct approval approval;

    request.note = "The customer called.";
    act_as(&ctx, "anna", support);
    ok(approval_request(&ctx, &request, &approval));
    return approval;
}

/* Who gives back how much of a $100.00 payment of which so much is gone back already, and whether that needs a second person. */
static const struct {
    const char *scopes, *limits;
    enum principal_kind kind;
    int64_t before, amount;
    bool needed;
} cases[] = {
    { finance, NULL, PRINCIPAL_OPERATOR, 0, 10000, false },
    { support, NULL, PRINCIPAL_OPERATOR, 0, 1, true },
    { finance, limits, PRINCIPAL_OPERATOR, 0, 4000, false },
    { finance, limits, PRINCIPAL_OPERATOR, 0, 4001, true },
    { finance, limits, PRINCIPAL_OPERATOR, 3000, 1000, false },
    { finance, limits, PRINCIPAL_OPERATOR, 3000, 1001, true }, // many small ones are one large one
    { finance, "40.00 EUR", PRINCIPAL_OPERATOR, 0, 1, true },  // a currency that nobody thought of
    { "*", limits, PRINCIPAL_OPERATOR, 0, 4001, true },
    { finance, limits, PRINCIPAL_API_KEY, 0, 10000, false },
};

START_TEST(test_who_needs_a_second_person)
{
    struct payment payment = payment_in(PAYMENT_SUCCEEDED);
    struct refund_request request = order(&payment, cases[_i].amount);
    struct refund refund;

    testdb_value("UPDATE payments SET amount_refunded = %lld WHERE id = '%s'", (long long)cases[_i].before, payment.id);
    ok(payment_get(&ctx, payment.id, &payment));
    set_limits(cases[_i].limits);
    act_as(&ctx, "finn", cases[_i].scopes);
    ctx.principal.kind = cases[_i].kind;
    ck_assert_int_eq(approval_is_needed(&ctx, &payment, request.amount), cases[_i].needed);
    if (cases[_i].needed)
        refused(refund_create(&ctx, &request, &refund), E_FORBIDDEN);
    else
        ok(refund_create(&ctx, &request, &refund));
    ck_assert_int_eq(counted("SELECT count(*) FROM refunds WHERE payment_id = '%s'", payment.id), !cases[_i].needed);
}
END_TEST

START_TEST(test_a_second_person_makes_the_refund)
{
    struct payment payment = payment_in(PAYMENT_SUCCEEDED);
    struct approval approval = asked(&payment, 6000);
    struct refund refund;

    // nothing is set aside for what is only asked for
    ck_assert_int_eq(counted("SELECT amount_refunding FROM payments WHERE id = '%s'", payment.id), 0);
    ck_assert_int_eq(counted("SELECT count(*) FROM decisions WHERE object = '%s' AND done_at IS NULL", approval.id), 1);
    act_as(&ctx, "finn", finance);
    ok(approval_approve(&ctx, approval.id, &refund));
    ck_assert_int_eq(counted("SELECT amount_refunding FROM payments WHERE id = '%s'", payment.id), 6000);
    ok(approval_get(&ctx, approval.id, &approval));
    ck_assert_int_eq(approval.status, APPROVAL_APPROVED);
    ck_assert_str_eq(approval.decided_by, "finn");
    ck_assert_str_eq(approval.refund_id, refund.id);
    ck_assert_str_eq(refund.note, "The customer called.");
    ck_assert_int_eq(counted("SELECT count(*) FROM decisions WHERE object = '%s' AND done_at IS NULL", approval.id), 0);
    ck_assert_int_eq(counted("SELECT count(*) FROM audit_log WHERE object = '%s' AND action = "
                             "'refund.approval_approved'"
                             "   AND principal = 'finn' AND details ->> 'refund' = '%s'",
                         approval.id, refund.id),
        1);
    refused(approval_approve(&ctx, approval.id, &refund), E_INVALID_STATUS);
    refused(approval_reject(&ctx, approval.id, "late"), E_INVALID_STATUS);
    ck_assert_int_eq(counted("SELECT count(*) FROM refunds WHERE payment_id = '%s'", payment.id), 1);
}
END_TEST

START_TEST(test_nobody_agrees_to_their_own)
{
    struct payment payment = payment_in(PAYMENT_SUCCEEDED);
    struct approval approval = asked(&payment, 6000);
    struct refund refund;

    act_as(&ctx, "anna", finance); // who has become finance meanwhile
    refused(approval_approve(&ctx, approval.id, &refund), E_FORBIDDEN);
    refused(approval_reject(&ctx, approval.id, "no"), E_FORBIDDEN);
    act_as(&ctx, "ben", support);
    refused(approval_approve(&ctx, approval.id, &refund), E_FORBIDDEN);
    refused(approval_withdraw(&ctx, approval.id), E_FORBIDDEN);
    ck_assert_int_eq(counted("SELECT count(*) FROM refunds WHERE payment_id = '%s'", payment.id), 0);

    // nor does the database let them
    ok(refund_create(&(struct ctx){ .arena = ctx.arena,
                         .config = ctx.config,
                         .db = ctx.db,
                         .http = ctx.http,
                         .now = ctx.now,
                         .trace = ctx.trace,
                         .deadline_ms = ctx.deadline_ms,
                         .principal = { .kind = PRINCIPAL_API_KEY, .id = "key", .scopes = "*" } },
        &(struct refund_request){ .payment = payment.id, .amount = { 6000, "USD" } }, &refund));
    ok(approval_lock(&ctx, approval.id, &approval));
    approval.status = APPROVAL_APPROVED;
    approval.decided_by = "anna";
    approval.decided_at = ctx.now;
    approval.refund_id = refund.id;
    ck_assert_ptr_nonnull(approval_update(&ctx, &approval));
    approval.decided_by = "finn";
    ok(approval_update(&ctx, &approval));
}
END_TEST

START_TEST(test_what_was_asked_for_is_checked_against_what_is_left_now)
{
    struct payment payment = payment_in(PAYMENT_SUCCEEDED);
    struct approval approval = asked(&payment, 6000);
    struct refund_request other = order(&payment, 5000);
    struct refund refund;

    act_as(&ctx, "finn", finance);
    ok(refund_create(&ctx, &other, &refund));
    refused(approval_approve(&ctx, approval.id, &refund), E_VALIDATION_ERROR);
    ok(approval_get(&ctx, approval.id, &approval));
    ck_assert_int_eq(approval.status, APPROVAL_REQUESTED); // still to be decided
    ok(approval_reject(&ctx, approval.id, "Half of it is back already."));
    ck_assert_int_eq(counted("SELECT amount_refunding FROM payments WHERE id = '%s'", payment.id), 5000);
}
END_TEST

START_TEST(test_one_request_for_a_payment_at_a_time)
{
    struct payment payment = payment_in(PAYMENT_SUCCEEDED);
    struct approval approval = asked(&payment, 6000), second;
    struct refund_request request = order(&payment, 1000);

    refused(approval_request(&ctx, &request, &second), E_CONFLICT);
    ok(approval_withdraw(&ctx, approval.id));
    ok(approval_request(&ctx, &request, &second));
    request.amount.minor = 10001;
    ok(approval_withdraw(&ctx, second.id));
    refused(approval_request(&ctx, &request, &second), E_VALIDATION_ERROR);
}
END_TEST

#define PEOPLE 8

struct approver {
    pthread_t thread;
    const char *approval;
    struct ctx *ctx;
    bool made;
};

static void *approve(void *argument)
{
    struct approver *approver = argument;
    struct refund refund;

    approver->made = !approval_approve(approver->ctx, approver->approval, &refund);
    return NULL;
}

START_TEST(test_many_agree_at_once)
{
    static const char *const names[PEOPLE] = { "p1", "p2", "p3", "p4", "p5", "p6", "p7", "p8" };
    struct payment payment = payment_in(PAYMENT_SUCCEEDED);
    struct approval approval = asked(&payment, 4000);
    struct approver approvers[PEOPLE];
    int made = 0;

    for (int i = 0; i < PEOPLE; i++) {
        approvers[i] = (struct approver){ .approval = approval.id, .ctx = testdb_ctx_new() };
        act_as(approvers[i].ctx, names[i], finance);
    }
    for (int i = 0; i < PEOPLE; i++)
        ck_assert_int_eq(pthread_create(&approvers[i].thread, NULL, approve, &approvers[i]), 0);
    for (int i = 0; i < PEOPLE; i++) {
        pthread_join(approvers[i].thread, NULL);
        made += approvers[i].made;
        testdb_ctx_free(approvers[i].ctx);
    }
    ck_assert_int_eq(made, 1);
    ck_assert_int_eq(counted("SELECT count(*) FROM refunds WHERE payment_id = '%s'", payment.id), 1);
    ck_assert_int_eq(counted("SELECT amount_refunding FROM payments WHERE id = '%s'", payment.id), 4000);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("approval");
    TCase *rules = tcase_create("rules");

    testdb_use(rules);
    tcase_add_checked_fixture(rules, remember, restore);
    tcase_add_loop_test(rules, test_who_needs_a_second_person, 0, (int)(sizeof cases / sizeof *cases));
    tcase_add_test(rules, test_a_second_person_makes_the_refund);
    tcase_add_test(rules, test_nobody_agrees_to_their_own);
    tcase_add_test(rules, test_what_was_asked_for_is_checked_against_what_is_left_now);
    tcase_add_test(rules, test_one_request_for_a_payment_at_a_time);
    tcase_add_test(rules, test_many_agree_at_once);
    suite_add_tcase(suite, rules);
    return testdb_main(suite);
}
