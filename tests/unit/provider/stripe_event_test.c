#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/crypto.h"
#include "base/field.h"
#include "lone.h"
#include "provider/stripe/stripe.h"

#define SECRET "whsec_one"
#define INTENT_EVENT                                                                                                   \
    "{\"id\":\"evt_1\",\"object\":\"event\",\"api_version\":\"2026-08-26.dahlia\",\"created\":1700000000,"             \
    "\"livemode\":false,\"type\":\"payment_intent.succeeded\","                                                        \
    "\"data\":{\"object\":{\"id\":\"pi_1\",\"object\":\"payment_intent\"}}}"

static const char *header_of(void *from, const char *name)
{
    return strcmp(name, "Stripe-Signature") == 0 ? from : NULL;
}

static struct error *verify(const char *body, size_t length, const char *header, struct provider_event *event)
{
    // an exact copy, so that reading past the body is noticed
    uint8_t *copy = malloc(length ? length : 1);

    ck_assert_ptr_nonnull(copy);
    memcpy(copy, body, length);
    struct error *error = provider_stripe.verify(&lone, (struct bytes){ copy, length }, header_of,
        (void *)(uintptr_t)header, NULL, event);
    free(copy);
    return error;
}

static const char *sign(const char *secret, int64_t at, const char *body)
{
    const char *text = arena_printf(lone.arena, "%jd.%s", (intmax_t)at, body);
    uint8_t digest[32];

    hmac_sha256(bytes_of(secret), bytes_of(text), digest);
    return arena_printf(lone.arena, "t=%jd,v1=%s", (intmax_t)at, hex_encode(lone.arena, (struct bytes){ digest, 32 }));
}

static struct error *verify_signed(const char *body, struct provider_event *event)
{
    return verify(body, strlen(body), sign(SECRET, instant_to_unix(lone.now), body), event);
}

static void set_secret(void)
{
    lone_config.stripe_webhook_secret = SECRET;
    lone.now = instant_of_unix(1700000000);
}

/* The published vectors */

static json_t *read_vectors(void)
{
    const char *places[] = { getenv("TILL_CONTRACTS"), "../shared/contracts", getenv("srcdir") };

    for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
        char path[4096];

        if (!places[i])
            continue;
        snprintf(path, sizeof(path), "%s%s/webhooks/stripe-signatures.json", places[i],
            i == 2 ? "/../shared/contracts" : "");
        json_t *vectors = json_load_file(path, 0, NULL);
        if (vectors)
            return vectors;
    }
    return NULL;
}

static json_t *vectors;

START_TEST(test_vectors)
{
    size_t i, accepted = 0, refused = 0;
    json_t *vector;

    lone_config.stripe_webhook_secret = json_get_text(vectors, "secret");
    lone.now = instant_of_unix(json_get_int(vectors, "now"));
    json_array_foreach(json_object_get(vectors, "vectors"), i, vector)
    {
        const char *name = json_get_text(vector, "name"), *payload = json_get_text(vector, "payload");
        const json_t *valid = json_object_get(vector, "valid");
        struct provider_event event;
        struct error *error = verify(payload, strlen(payload), json_get_text(vector, "header"), &event);

        if (json_is_true(valid)) {
            ck_assert_msg(!error, "%s: %s", name, error ? error->cause : "");
            ck_assert_str_eq(event.payment_reference, "pi_1NnlpVGPxmnHQRkJNuz3w9tH");
            accepted++;
        } else if (json_is_false(valid)) {
            ck_assert_msg(error && error->code == E_INVALID_SIGNATURE, "%s: was accepted", name);
            ck_assert(strncmp(error->detail, "Invalid signature", 17) == 0);
            refused++;
        }
    }
    ck_assert_uint_ge(accepted, 11);
    ck_assert_uint_ge(refused, 20);
}
END_TEST

/* What the vectors do not show */

START_TEST(test_either_secret_while_one_is_rolled)
{
    struct provider_event event;

    lone_config.stripe_webhook_secret = "whsec_old, whsec_new";
    lone_ok(verify(INTENT_EVENT, strlen(INTENT_EVENT), sign("whsec_old", 1700000000, INTENT_EVENT), &event));
    lone_ok(verify(INTENT_EVENT, strlen(INTENT_EVENT), sign("whsec_new", 1700000000, INTENT_EVENT), &event));
    ck_assert_ptr_nonnull(
        verify(INTENT_EVENT, strlen(INTENT_EVENT), sign("whsec_old, whsec_new", 1700000000, INTENT_EVENT), &event));
    ck_assert_ptr_nonnull(verify(INTENT_EVENT, strlen(INTENT_EVENT), sign("", 1700000000, INTENT_EVENT), &event));
}
END_TEST

START_TEST(test_without_a_secret_nothing_is_believed)
{
    struct provider_event event;

    lone_config.stripe_webhook_secret = NULL;
    ck_assert_int_eq(verify(INTENT_EVENT, strlen(INTENT_EVENT), sign("", 1700000000, INTENT_EVENT), &event)->code,
        E_INVALID_SIGNATURE);
    lone_config.stripe_webhook_secret = "";
    ck_assert_int_eq(verify(INTENT_EVENT, strlen(INTENT_EVENT), sign("", 1700000000, INTENT_EVENT), &event)->code,
        E_INVALID_SIGNATURE);
}
END_TEST

/* Seconds between signing and now, and whether that is fine. */
static const struct {
    int64_t age;
    bool fine;
} ages[] = { { 0, true }, { 300, true }, { 301, false }, { -300, true }, { -301, false } };

START_TEST(test_age)
{
    struct provider_event event;
    const char *header = sign(SECRET, 1700000000 - ages[_i].age, INTENT_EVENT);

    ck_assert_int_eq(verify(INTENT_EVENT, strlen(INTENT_EVENT), header, &event) == NULL, ages[_i].fine);
}
END_TEST

START_TEST(test_times_that_cannot_be_read)
{
    static const char *const times[] = { "t=", "t=-1", "t=+1700000000", "t= 1700000000", "t=1700000000.0",
        "t=17000000000000000000000000000", "t=0x6553f100", "t" };
    struct provider_event event;

    for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
        const char *v1 = strchr(sign(SECRET, 1700000000, INTENT_EVENT), ',');
        struct error *error =
            verify(INTENT_EVENT, strlen(INTENT_EVENT), arena_printf(lone.arena, "%s%s", times[i], v1), &event);

        ck_assert_msg(error && error->code == E_INVALID_SIGNATURE, "%s", times[i]);
    }
}
END_TEST

/* A well-signed body that is not one of our events. */
static const char *const bad[] = {
    "",
    "null",
    "[]",
    "{}",
    "{\"id\":",
    "{\"id\":\"evt_1\",\"id\":\"evt_2\"}",
    "{\"id\":\"evt_1\",\"object\":\"event\",\"type\":\"a.b\"}",
    "{\"id\":\"evt_1\",\"object\":\"event\",\"type\":\"a.b\",\"data\":{\"object\":7}}",
    "{\"id\":\"../evt\",\"object\":\"event\",\"type\":\"a.b\",\"data\":{\"object\":{}}}",
    "{\"id\":\"evt_1\",\"object\":\"event\",\"type\":\"\",\"data\":{\"object\":{}}}",
    "{\"id\":\"evt_1\",\"object\":\"payment_intent\",\"type\":\"a.b\",\"data\":{\"object\":{}}}",
    "{\"id\":\"evt_1\",\"object\":\"event\",\"type\":\"a.b\",\"livemode\":true,\"data\":{\"object\":{}}}",
};

START_TEST(test_bodies_that_are_not_events)
{
    struct provider_event event;
    struct error *error = verify_signed(bad[_i], &event);

    ck_assert_msg(error && error->code == E_INVALID_PAYLOAD, "%s", bad[_i]);
    ck_assert(strncmp(error->detail, "Invalid payload", 15) == 0);
}
END_TEST

/* What an event is about. */
static const struct {
    const char *object; // data.object
    const char *id, *payment;
} objects[] = {
    { "{\"id\":\"pi_1\",\"object\":\"payment_intent\",\"payment_intent\":\"pi_9\"}", "pi_1", "pi_1" },
    { "{\"id\":\"ch_1\",\"object\":\"charge\",\"payment_intent\":\"pi_1\"}", "ch_1", "pi_1" },
    { "{\"id\":\"ch_1\",\"object\":\"charge\",\"payment_intent\":null}", "ch_1", NULL },
    { "{\"id\":\"re_1\",\"object\":\"refund\",\"payment_intent\":{\"id\":\"pi_1\"}}", "re_1", "pi_1" },
    { "{\"id\":\"dp_1\",\"object\":\"dispute\",\"payment_intent\":\"pi_1\"}", "dp_1", "pi_1" },
    { "{\"id\":\"cus_1\",\"object\":\"customer\"}", "cus_1", NULL },
    { "{\"id\":\"in_1\",\"object\":\"invoice\",\"tax_percent\":19.5}", "in_1", NULL },
    { "{\"id\":\"pi_1/../x\",\"object\":\"payment_intent\"}", NULL, NULL },
    { "{\"object\":\"balance\"}", NULL, NULL },
};

static void same(const char *a, const char *b)
{
    ck_assert_pstr_eq(a, b);
}

START_TEST(test_what_an_event_is_about)
{
    struct provider_event event;

    lone_ok(verify_signed(arena_printf(lone.arena,
                              "{\"id\":\"evt_1\",\"object\":\"event\",\"type\":\"new.in.2031\",\"created\":1699999999,"
                              "\"api_version\":\"2023-08-16\",\"livemode\":false,\"data\":{\"object\":%s}}",
                              objects[_i].object),
        &event));
    same(event.object_id, objects[_i].id);
    same(event.payment_reference, objects[_i].payment);
    same(event.type, "new.in.2031");
    same(event.api_version, "2023-08-16");
    ck_assert_int_eq(instant_to_unix(event.created_at), 1699999999);
}
END_TEST

START_TEST(test_an_event_that_only_names_its_object)
{
    struct provider_event event;

    lone_ok(verify_signed("{\"id\":\"evt_test_65\",\"object\":\"v2.core.event\",\"type\":\"v1.billing.meter.error\","
                          "\"created\":\"2023-11-14T22:13:20.000Z\",\"livemode\":false,"
                          "\"related_object\":{\"id\":\"mtr_1\",\"type\":\"billing.meter\"}}",
        &event));
    same(event.object_id, "mtr_1");
    ck_assert_int_eq(instant_to_unix(event.created_at), 1700000000);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("stripe events");
    TCase *test_case = tcase_create("events");

    vectors = read_vectors();
    lone_use(test_case);
    tcase_add_checked_fixture(test_case, set_secret, NULL);
    if (vectors)
        tcase_add_test(test_case, test_vectors);
    tcase_add_test(test_case, test_either_secret_while_one_is_rolled);
    tcase_add_test(test_case, test_without_a_secret_nothing_is_believed);
    tcase_add_loop_test(test_case, test_age, 0, (int)(sizeof(ages) / sizeof(ages[0])));
    tcase_add_test(test_case, test_times_that_cannot_be_read);
    tcase_add_loop_test(test_case, test_bodies_that_are_not_events, 0, (int)(sizeof(bad) / sizeof(bad[0])));
    tcase_add_loop_test(test_case, test_what_an_event_is_about, 0, (int)(sizeof(objects) / sizeof(objects[0])));
    tcase_add_test(test_case, test_an_event_that_only_names_its_object);
    suite_add_tcase(suite, test_case);

    int failed = lone_main(suite);
    if (!vectors && !failed) {
        puts("the signature vectors are not here: set TILL_CONTRACTS to the contracts");
        return 77;
    }
    json_decref(vectors);
    return failed;
}
