#include <string.h>

#include "base/arena.h"
#include "lone.h"
#include "provider/stripe/stripe.h"

#define COUNT(table) (int)(sizeof(table) / sizeof((table)[0]))

/* A PaymentIntent with some members changed: JSON texts of objects that are laid over it. */
static json_t *intent_with(const char *changes)
{
    static const char base[] =
        "{\"id\":\"pi_1\",\"object\":\"payment_intent\",\"amount\":1000,\"amount_capturable\":0,\"amount_received\":0,"
        "\"currency\":\"usd\",\"status\":\"requires_payment_method\",\"livemode\":false,\"metadata\":{},"
        "\"payment_method\":null,\"latest_charge\":null,\"last_payment_error\":null,\"next_action\":null}";
    json_t *intent = stripe_json(&lone, bytes_of(base)), *over = stripe_json(&lone, bytes_of(changes));

    ck_assert_msg(intent && over, "%s", changes);
    json_object_update(intent, over);
    return intent;
}

static struct snapshot snapshot_of(const char *changes)
{
    struct snapshot snapshot;

    lone_ok(stripe_snapshot(&lone, intent_with(changes), &snapshot));
    return snapshot;
}

static const struct {
    const char *status;
    enum provider_state state;
} states[] = {
    { "requires_payment_method", PROVIDER_STATE_WAITING },
    { "requires_confirmation", PROVIDER_STATE_WAITING },
    { "requires_action", PROVIDER_STATE_ACTION },
    { "processing", PROVIDER_STATE_PENDING },
    { "requires_capture", PROVIDER_STATE_AUTHORIZED },
    { "succeeded", PROVIDER_STATE_SUCCEEDED },
    { "canceled", PROVIDER_STATE_CANCELLED },
    { "new_in_2031", PROVIDER_STATE_PENDING },
};

START_TEST(test_states)
{
    struct snapshot snapshot = snapshot_of(arena_printf(lone.arena, "{\"status\":\"%s\"}", states[_i].status));

    ck_assert_int_eq(snapshot.state, states[_i].state);
}
END_TEST

START_TEST(test_money)
{
    struct snapshot snapshot = snapshot_of("{\"status\":\"requires_capture\",\"amount_capturable\":900}");

    ck_assert_int_eq(snapshot.amount.minor, 1000);
    ck_assert_str_eq(snapshot.amount.currency, "USD");
    ck_assert_int_eq(snapshot.authorized, 900);
    ck_assert_int_eq(snapshot.captured, 0);

    snapshot = snapshot_of("{\"status\":\"succeeded\",\"amount_received\":700,\"currency\":\"isk\",\"amount\":800}");
    ck_assert_int_eq(snapshot.amount.minor, 8);
    ck_assert_int_eq(snapshot.captured, 7);
    ck_assert_str_eq(snapshot.amount.currency, "ISK");
}
END_TEST

/* What went back, as far as the charge tells it: what a partial capture released never came. */
static const struct {
    const char *charge;
    int64_t received, refunded;
} charges[] = {
    { "\"ch_1\"", 1000, 0 },
    { "null", 0, 0 },
    { "{\"id\":\"ch_1\",\"amount\":1000,\"amount_captured\":1000,\"amount_refunded\":0}", 1000, 0 },
    { "{\"id\":\"ch_1\",\"amount\":1000,\"amount_captured\":1000,\"amount_refunded\":300}", 1000, 300 },
    { "{\"id\":\"ch_1\",\"amount\":1000,\"amount_captured\":600,\"amount_refunded\":400}", 600, 0 },
    { "{\"id\":\"ch_1\",\"amount\":1000,\"amount_captured\":600,\"amount_refunded\":500}", 600, 100 },
    { "{\"id\":\"ch_1\",\"amount\":1000,\"amount_captured\":0,\"amount_refunded\":1000}", 0, 0 },
};

START_TEST(test_refunded)
{
    struct snapshot snapshot = snapshot_of(arena_printf(lone.arena, "{\"latest_charge\":%s,\"amount_received\":%jd}",
        charges[_i].charge, (intmax_t)charges[_i].received));

    ck_assert_int_eq(snapshot.refunded, charges[_i].refunded);
    ck_assert(!snapshot.refunds_listed);
}
END_TEST

/* What Stripe keeps, of the currency it settles in; nothing as long as it does not say. */
static const struct {
    const char *movement;
    const char *reference, *currency;
    int64_t fee;
} fees[] = {
    { "{\"id\":\"txn_1\",\"currency\":\"eur\",\"fee\":59,\"amount\":920,\"exchange_rate\":0.92}", "txn_1", "EUR", 59 },
    { "{\"id\":\"txn_1\",\"currency\":\"mga\",\"fee\":7}", "txn_1", "MGA", 700 },
    { "{\"id\":\"txn_1\",\"currency\":\"isk\",\"fee\":55}", NULL, "", 0 },
    { "\"txn_1\"", NULL, "", 0 },
    { "null", NULL, "", 0 },
};

START_TEST(test_fees)
{
    struct snapshot snapshot = snapshot_of(arena_printf(lone.arena,
        "{\"latest_charge\":{\"id\":\"ch_1\",\"balance_transaction\":%s}}", fees[_i].movement));

    ck_assert_pstr_eq(snapshot.fee_reference, fees[_i].reference);
    ck_assert_str_eq(snapshot.fee.currency, fees[_i].currency);
    ck_assert_int_eq(snapshot.fee.minor, fees[_i].fee);
}
END_TEST

static const char *const senseless[] = {
    "{\"id\":null}",
    "{\"id\":\"../x\"}",
    "{\"status\":null}",
    "{\"status\":7}",
    "{\"currency\":null}",
    "{\"currency\":\"xxx\"}",
    "{\"amount\":null}",
    "{\"amount\":10.5}",
    "{\"amount\":\"1000\"}",
    "{\"amount\":-1}",
    "{\"amount_received\":-1}",
    "{\"currency\":\"isk\",\"amount\":1050}",
};

START_TEST(test_intents_that_make_no_sense)
{
    struct snapshot snapshot;
    struct error *error = stripe_snapshot(&lone, intent_with(senseless[_i]), &snapshot);

    ck_assert_msg(error && error->code == E_PROVIDER_ERROR, "%s", senseless[_i]);
}
END_TEST

START_TEST(test_names)
{
    struct snapshot snapshot = snapshot_of("{\"client_secret\":\"pi_1_secret_x\",\"livemode\":true,"
                                           "\"latest_charge\":{\"id\":\"ch_1\",\"disputed\":true},"
                                           "\"metadata\":{\"payment_id\":\"pay_1\"},"
                                           "\"cancellation_reason\":\"abandoned\"}");

    ck_assert_str_eq(snapshot.reference, "pi_1");
    ck_assert_str_eq(snapshot.client_secret, "pi_1_secret_x");
    ck_assert_str_eq(snapshot.charge, "ch_1");
    ck_assert_str_eq(snapshot.payment_id, "pay_1");
    ck_assert_str_eq(snapshot.cancellation_reason, "abandoned");
    ck_assert(snapshot.livemode && snapshot.disputed);
}
END_TEST

START_TEST(test_next_actions)
{
    static const struct {
        const char *action, *name, *url;
    } actions[] = {
        { "{\"type\":\"redirect_to_url\",\"redirect_to_url\":{\"url\":\"https://bank/\"}}", "redirect_to_url",
            "https://bank/" },
        { "{\"type\":\"use_stripe_sdk\",\"use_stripe_sdk\":{\"type\":\"x\"}}", "use_sdk", NULL },
        { "{\"type\":\"multibanco_display_details\",\"multibanco_display_details\":"
          "{\"hosted_voucher_url\":\"https://voucher/\"}}",
            "multibanco_display_details", "https://voucher/" },
        { "{\"type\":\"new_in_2031\"}", "new_in_2031", NULL },
        { "null", NULL, NULL },
    };

    for (int i = 0; i < COUNT(actions); i++) {
        struct snapshot snapshot = snapshot_of(
            arena_printf(lone.arena, "{\"status\":\"requires_action\",\"next_action\":%s}", actions[i].action));

        ck_assert_pstr_eq(snapshot.next_action, actions[i].name);
        ck_assert_pstr_eq(snapshot.next_action_url, actions[i].url);
    }
}
END_TEST

START_TEST(test_a_card)
{
    struct snapshot snapshot =
        snapshot_of("{\"payment_method\":{\"id\":\"pm_1\",\"type\":\"card\",\"card\":{\"brand\":\"visa\","
                    "\"last4\":\"4242\",\"exp_month\":12,\"exp_year\":2034,\"country\":\"US\",\"funding\":\"credit\","
                    "\"fingerprint\":\"F1\",\"wallet\":{\"type\":\"apple_pay\"},"
                    "\"checks\":{\"cvc_check\":\"unchecked\",\"address_postal_code_check\":null}}},"
                    "\"latest_charge\":{\"id\":\"ch_1\",\"payment_method_details\":{\"type\":\"card\",\"card\":"
                    "{\"brand\":\"visa\",\"last4\":\"4242\",\"checks\":{\"cvc_check\":\"pass\","
                    "\"address_postal_code_check\":\"fail\"}}}}}");

    ck_assert_str_eq(snapshot.method.id, "pm_1");
    ck_assert_str_eq(snapshot.method.type, "card");
    ck_assert_str_eq(snapshot.method.brand, "visa");
    ck_assert_str_eq(snapshot.method.last4, "4242");
    ck_assert_str_eq(snapshot.method.country, "US");
    ck_assert_str_eq(snapshot.method.fingerprint, "F1");
    ck_assert_str_eq(snapshot.method.funding, "credit");
    ck_assert_str_eq(snapshot.method.wallet, "apple_pay");
    ck_assert_int_eq(snapshot.method.exp_month, 12);
    ck_assert_int_eq(snapshot.method.exp_year, 2034);
    ck_assert_str_eq(snapshot.method.check_cvc, "pass"); // the charge's word, not the saved card's
    ck_assert_str_eq(snapshot.method.check_postal, "fail");
    ck_assert_ptr_null(snapshot.method.check_line1);
}
END_TEST

START_TEST(test_a_method_that_is_not_expanded)
{
    struct snapshot snapshot = snapshot_of("{\"payment_method\":\"pm_1\",\"latest_charge\":{\"id\":\"ch_1\","
                                           "\"payment_method_details\":{\"type\":\"sepa_debit\",\"sepa_debit\":"
                                           "{\"last4\":\"3000\",\"country\":\"DE\"}}}}");

    ck_assert_str_eq(snapshot.method.id, "pm_1");
    ck_assert_str_eq(snapshot.method.type, "sepa_debit");
    ck_assert_str_eq(snapshot.method.last4, "3000");
}
END_TEST

/* Stripe's words for a decline and ours. */
static const struct {
    const char *code, *reason;
    enum decline_class kind;
    const char *name;
} declines[] = {
    { "card_declined", "generic_decline", DECLINE_GENERIC, "generic_decline" },
    { "card_declined", "do_not_honor", DECLINE_GENERIC, "do_not_honor" },
    { "card_declined", "insufficient_funds", DECLINE_INSUFFICIENT_FUNDS, "insufficient_funds" },
    { "card_declined", "lost_card", DECLINE_FRAUD, "lost_card" },
    { "card_declined", "stolen_card", DECLINE_FRAUD, "stolen_card" },
    { "card_declined", "fraudulent", DECLINE_FRAUD, "fraudulent" },
    { "card_declined", "card_velocity_exceeded", DECLINE_LIMIT, "card_velocity_exceeded" },
    { "card_declined", "transaction_not_allowed", DECLINE_NOT_SUPPORTED, "transaction_not_allowed" },
    { "card_declined", "try_again_later", DECLINE_PROCESSING, "try_again_later" },
    { "card_declined", "new_in_2031", DECLINE_GENERIC, "new_in_2031" },
    { "card_declined", NULL, DECLINE_GENERIC, "card_declined" },
    { "expired_card", "expired_card", DECLINE_EXPIRED, "expired_card" },
    { "expired_card", NULL, DECLINE_EXPIRED, "expired_card" },
    { "incorrect_cvc", "incorrect_cvc", DECLINE_CVC, "incorrect_cvc" },
    { "processing_error", "processing_error", DECLINE_PROCESSING, "processing_error" },
    { "incorrect_number", NULL, DECLINE_NUMBER, "incorrect_number" },
    { "authentication_required", "authentication_required", DECLINE_AUTHENTICATION, "authentication_required" },
    { "payment_intent_authentication_failure", NULL, DECLINE_AUTHENTICATION, "payment_intent_authentication_failure" },
    { NULL, NULL, DECLINE_GENERIC, "unknown" },
};

START_TEST(test_declines)
{
    json_t *error = json_in(lone.arena,
        json_pack("{s:s*, s:s*, s:s}", "code", declines[_i].code, "decline_code", declines[_i].reason, "message",
            "Your card was declined."));
    struct decline decline = stripe_decline(error);

    ck_assert_int_eq(decline.kind, declines[_i].kind);
    ck_assert_str_eq(decline.code, declines[_i].name);
    ck_assert_str_eq(decline.message, "Your card was declined.");
    ck_assert(*decline_sentence(decline.kind));
}
END_TEST

START_TEST(test_fraud_reads_as_any_decline)
{
    ck_assert_str_eq(decline_sentence(DECLINE_FRAUD), decline_sentence(DECLINE_GENERIC));
}
END_TEST

START_TEST(test_a_decline_belongs_to_an_intent_that_waits)
{
    static const char failure[] =
        "\"last_payment_error\":{\"code\":\"card_declined\",\"decline_code\":\"lost_card\","
        "\"payment_method\":{\"id\":\"pm_2\",\"type\":\"card\",\"card\":{\"last4\":\"9987\"}}}";
    struct snapshot snapshot = snapshot_of(arena_printf(lone.arena, "{%s}", failure));

    ck_assert_int_eq(snapshot.decline.kind, DECLINE_FRAUD);
    ck_assert_str_eq(snapshot.method.id, "pm_2");
    ck_assert_str_eq(snapshot.method.last4, "9987");
    snapshot = snapshot_of(arena_printf(lone.arena, "{\"status\":\"succeeded\",%s}", failure));
    ck_assert_int_eq(snapshot.decline.kind, DECLINE_NONE);
}
END_TEST

static const struct {
    const char *status, *ours;
} refunds[] = {
    { "\"pending\"", "pending" },
    { "\"requires_action\"", "pending" },
    { "\"succeeded\"", "succeeded" },
    { "\"failed\"", "failed" },
    { "\"canceled\"", "cancelled" },
    { "\"new_in_2031\"", "pending" },
    { "null", "pending" },
};

START_TEST(test_refunds)
{
    const char *text = arena_printf(lone.arena,
        "{\"id\":\"re_1\",\"object\":\"refund\",\"amount\":100,\"currency\":\"mga\",\"created\":1700000000,"
        "\"reason\":\"duplicate\",\"metadata\":{\"refund_id\":\"ref_1\"},\"status\":%s}",
        refunds[_i].status);
    struct refund_view view;

    lone_ok(stripe_refund_view(&lone, stripe_json(&lone, bytes_of(text)), &view));
    ck_assert_str_eq(view.status, refunds[_i].ours);
    ck_assert_str_eq(view.reference, "re_1");
    ck_assert_str_eq(view.refund_id, "ref_1");
    ck_assert_str_eq(view.reason, "duplicate");
    ck_assert_int_eq(view.amount.minor, 10000);
    ck_assert_int_eq(instant_to_unix(view.created_at), 1700000000);
}
END_TEST

static const struct {
    const char *status;
    enum dispute_standing standing;
} disputes[] = {
    { "needs_response", DISPUTE_OPEN },
    { "under_review", DISPUTE_OPEN },
    { "warning_needs_response", DISPUTE_INQUIRY },
    { "warning_under_review", DISPUTE_INQUIRY },
    { "warning_closed", DISPUTE_WON },
    { "won", DISPUTE_WON },
    { "prevented", DISPUTE_WON },
    { "lost", DISPUTE_LOST },
    { "appeal_needs_response", DISPUTE_OPEN },
    { "appeal_under_review", DISPUTE_OPEN },
    { "new_in_2031", DISPUTE_OPEN },
};

START_TEST(test_disputes)
{
    ck_assert_int_eq(stripe_standing(disputes[_i].status), disputes[_i].standing);
}
END_TEST

START_TEST(test_the_table_of_providers)
{
    ck_assert_ptr_eq(provider_named("stripe"), &provider_stripe);
    ck_assert_ptr_eq(provider_list()[0], &provider_stripe);
    ck_assert_ptr_null(provider_named("Stripe"));
    ck_assert_ptr_null(provider_named(""));
    ck_assert_ptr_null(provider_named(NULL));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("stripe snapshots");
    TCase *test_case = tcase_create("snapshots");

    lone_use(test_case);
    tcase_add_loop_test(test_case, test_states, 0, COUNT(states));
    tcase_add_test(test_case, test_money);
    tcase_add_loop_test(test_case, test_refunded, 0, COUNT(charges));
    tcase_add_loop_test(test_case, test_fees, 0, COUNT(fees));
    tcase_add_loop_test(test_case, test_intents_that_make_no_sense, 0, COUNT(senseless));
    tcase_add_test(test_case, test_names);
    tcase_add_test(test_case, test_next_actions);
    tcase_add_test(test_case, test_a_card);
    tcase_add_test(test_case, test_a_method_that_is_not_expanded);
    tcase_add_loop_test(test_case, test_declines, 0, COUNT(declines));
    tcase_add_test(test_case, test_fraud_reads_as_any_decline);
    tcase_add_test(test_case, test_a_decline_belongs_to_an_intent_that_waits);
    tcase_add_loop_test(test_case, test_refunds, 0, COUNT(refunds));
    tcase_add_loop_test(test_case, test_disputes, 0, COUNT(disputes));
    tcase_add_test(test_case, test_the_table_of_providers);
    suite_add_tcase(suite, test_case);
    return lone_main(suite);
}
