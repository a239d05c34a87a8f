/* A dispute's way through the books: what is held back, lost and given back, with its fee, each once. */
#include "base/arena.h"
#include "payments/dispute.h"
#include "payments_test.h"
#include "testdb.h"

static const struct money contested = { 1000, "USD" };
static const struct money cost = { 1500, "USD" };

#define STEPS 4

/* The standings that the provider tells of, one after the other, and what the accounts hold at the end. */
static const struct {
    enum dispute_standing said[STEPS];
    int count;
    bool fee_returned;
    long long receivable, held, lost, fees;
} ways[] = {
    { { DISPUTE_OPEN }, 1, false, -2500, 1000, 0, 1500 }, { { DISPUTE_INQUIRY }, 1, false, -1500, 0, 0, 1500 },
    { { DISPUTE_INQUIRY, DISPUTE_WON }, 2, false, -1500, 0, 0, 1500 },
    { { DISPUTE_INQUIRY, DISPUTE_OPEN }, 2, false, -2500, 1000, 0, 1500 },
    { { DISPUTE_OPEN, DISPUTE_OPEN, DISPUTE_WON, DISPUTE_WON }, 4, false, -1500, 0, 0, 1500 },
    { { DISPUTE_OPEN, DISPUTE_WON }, 2, true, 0, 0, 0, 0 },
    { { DISPUTE_OPEN, DISPUTE_LOST }, 2, false, -2500, 0, 1000, 1500 },
    { { DISPUTE_LOST }, 1, false, -2500, 0, 1000, 1500 }, { { DISPUTE_WON }, 1, true, 0, 0, 0, 0 },
    { { DISPUTE_OPEN, DISPUTE_LOST, DISPUTE_OPEN }, 3, false, -2500, 1000, 0, 1500 },
    { { DISPUTE_OPEN, DISPUTE_LOST, DISPUTE_OPEN, DISPUTE_WON }, 4, false, -1500, 0, 0, 1500 },
    { { DISPUTE_OPEN, DISPUTE_LOST, DISPUTE_WON }, 3, true, 0, 0, 0, 0 },
    { { DISPUTE_OPEN, DISPUTE_WON, DISPUTE_LOST }, 3, false, -1500, 0, 0, 1500 }, // what was won is over
};

static void tell(const struct payment *payment, const char *reference, enum dispute_standing standing, bool returned)
{
    struct dispute_view view = {
        .reference = reference,
        .standing = standing,
        .amount = contested,
        .fee = cost,
        .reason = "fraudulent",
        .created_at = ctx.now,
    };
    struct snapshot snapshot = said_of(payment, PROVIDER_STATE_SUCCEEDED);
    struct payment after;

    if (returned)
        view.fee_returned = cost;
    snapshot.dispute = standing;
    snapshot.disputes = &view;
    snapshot.dispute_count = 1;
    ctx.now = instant_add_seconds(ctx.now, 1); // each change has its time
    ok(apply_provider_state(&ctx, payment->id, &snapshot, &after));
}

static long long held_by(const char *account, const char *reference)
{
    return counted("SELECT coalesce(sum(l.amount), 0) FROM ledger_lines l JOIN ledger_entries e ON e.id = l.entry_id"
                   " WHERE l.account = '%s' AND e.source IN (SELECT id FROM disputes WHERE provider_dispute_id = '%s')",
        account, reference);
}

START_TEST(test_money_is_where_the_dispute_left_it)
{
    struct payment payment = payment_in(PAYMENT_SUCCEEDED);
    const char *reference = arena_printf(ctx.arena, "dp_%s", payment.id);

    for (int i = 0; i < ways[_i].count; i++)
        tell(&payment, reference, ways[_i].said[i], ways[_i].fee_returned && i + 1 == ways[_i].count);
    ck_assert_int_eq(held_by("stripe:receivable", reference), ways[_i].receivable);
    ck_assert_int_eq(held_by("disputes", reference), ways[_i].held);
    ck_assert_int_eq(held_by("dispute_losses", reference), ways[_i].lost);
    ck_assert_int_eq(held_by("fees", reference), ways[_i].fees);
    ck_assert_int_eq(counted("SELECT count(*) FROM disputes WHERE payment_id = '%s'", payment.id), 1);
}
END_TEST

#define WAITING                                                                                                        \
    "SELECT count(*) FROM decisions WHERE kind = 'dispute' AND done_at IS NULL AND object IN"                          \
    " (SELECT id FROM disputes WHERE provider_dispute_id = '%s')"

START_TEST(test_a_person_is_asked_while_it_is_open)
{
    struct payment payment = payment_in(PAYMENT_SUCCEEDED);
    const char *reference = arena_printf(ctx.arena, "dp_%s", payment.id);

    tell(&payment, reference, DISPUTE_OPEN, false);
    tell(&payment, reference, DISPUTE_OPEN, false);
    ck_assert_int_eq(counted(WAITING, reference), 1);
    tell(&payment, reference, DISPUTE_WON, false);
    ck_assert_int_eq(counted(WAITING, reference), 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("dispute");
    TCase *books = tcase_create("books");

    testdb_use(books);
    tcase_add_loop_test(books, test_money_is_where_the_dispute_left_it, 0, (int)(sizeof ways / sizeof *ways));
    tcase_add_test(books, test_a_person_is_asked_while_it_is_open);
    suite_add_tcase(suite, books);
    return testdb_main(suite);
}
