/* The store of idempotency keys: who has one, who waits, who gets which answer. */
#include <pthread.h>
#include <string.h>

#include "access/idempotency.h"
#include "base/arena.h"
#include "base/crypto.h"
#include "db/db.h"
#include "testdb.h"
#include "together.h"

#define DAY 86400

/* A request that comes with this key and body. */
static struct idempotency *request(struct ctx *to, const char *key, const char *body)
{
    struct idempotency *idempotency = arena_alloc(to->arena, sizeof *idempotency);

    idempotency->text = key;
    idempotency->operation = "POST /test";
    sha256(bytes_of(key), idempotency->key);
    sha256(bytes_of(body), idempotency->fingerprint);
    to->idempotency = idempotency;
    return idempotency;
}

static struct stored_answer find(void)
{
    struct stored_answer answer;

    ok(idempotency_find(&ctx, &answer));
    return answer;
}

static void finish(int status, const char *body)
{
    ok(idempotency_finish(&ctx, status, "application/json", bytes_of(body)));
}

static void take(const char *resource)
{
    ok(IN_TX(&ctx, idempotency_take(&ctx, resource)));
}

static bool is_text(struct bytes bytes, const char *text)
{
    return bytes.length == strlen(text) && !memcmp(bytes.data, text, bytes.length);
}

START_TEST(test_a_new_key_has_no_answer)
{
    request(&ctx, "new", "{}");
    ck_assert(!find().found);
    ck_assert_ptr_null(ctx.idempotency->resource);
}
END_TEST

START_TEST(test_the_same_request_gets_the_same_answer)
{
    request(&ctx, "again", "{}");
    take("pay_1");
    finish(402, "{\"code\":\"CARD_DECLINED\"}");
    request(&ctx, "again", "{}");
    struct stored_answer answer = find();
    ck_assert(answer.found);
    ck_assert_int_eq(answer.status, 402);
    ck_assert_str_eq(answer.content_type, "application/json");
    ck_assert(is_text(answer.body, "{\"code\":\"CARD_DECLINED\"}"));
}
END_TEST

START_TEST(test_an_answer_is_sealed)
{
    request(&ctx, "sealed", "{}");
    take("pay_1");
    finish(201, "{\"client_secret\":\"canary\"}");
    ck_assert_str_eq(testdb_value("SELECT count(*) FROM idempotency_keys WHERE position('canary'::bytea IN answer) > 0"
                                  "    OR position('sealed'::bytea IN key) > 0"),
        "0");
}
END_TEST

START_TEST(test_another_request_is_a_mismatch)
{
    struct stored_answer answer;

    request(&ctx, "other", "{\"a\": 1}");
    take("pay_1");
    request(&ctx, "other", "{\"a\": 2}");
    refused(idempotency_find(&ctx, &answer), E_IDEMPOTENCY_MISMATCH);
    refused(IN_TX(&ctx, idempotency_take(&ctx, "pay_2")), E_IDEMPOTENCY_MISMATCH);
    request(&ctx, "other", "{\"a\": 1}");
    ctx.idempotency->taken = true;
    finish(201, "first");
    request(&ctx, "other", "{\"a\": 2}");
    refused(idempotency_find(&ctx, &answer), E_IDEMPOTENCY_MISMATCH);
}
END_TEST

START_TEST(test_a_running_one_is_waited_for)
{
    struct stored_answer answer;

    request(&ctx, "running", "{}");
    take("pay_1");
    request(&ctx, "running", "{}");
    struct error *error = idempotency_find(&ctx, &answer);
    refused(error, E_IDEMPOTENCY_IN_PROGRESS);
    ck_assert_int_ge(error->retry_after, 1);
    refused(IN_TX(&ctx, idempotency_take(&ctx, "pay_2")), E_IDEMPOTENCY_IN_PROGRESS);
}
END_TEST

/* Its process died: who comes next goes on with what it made, and only one does. */
START_TEST(test_a_dead_run_is_taken_over)
{
    request(&ctx, "dead", "{}");
    take("pay_1");
    testdb_value("UPDATE idempotency_keys SET held_until = now() - interval '1 second'");
    request(&ctx, "dead", "{}");
    ck_assert(!find().found);
    ck_assert_str_eq(ctx.idempotency->resource, "pay_1");
    take("pay_1");

    request(&ctx, "dead", "{}");
    refused(IN_TX(&ctx, idempotency_take(&ctx, "pay_1")), E_IDEMPOTENCY_IN_PROGRESS);
    testdb_value("UPDATE idempotency_keys SET held_until = now() - interval '1 second'");
    refused(IN_TX(&ctx, idempotency_take(&ctx, "pay_2")), E_IDEMPOTENCY_IN_PROGRESS);
}
END_TEST

START_TEST(test_a_failure_of_ours_frees_the_key)
{
    request(&ctx, "freed", "{}");
    take("pay_1");
    finish(503, "{}");
    request(&ctx, "freed", "{}");
    ck_assert(!find().found);
    ck_assert_str_eq(ctx.idempotency->resource, "pay_1");
    take("pay_1");
    finish(201, "{}");
    request(&ctx, "freed", "{}");
    ck_assert(find().found);
}
END_TEST

START_TEST(test_what_was_undone_was_not_taken)
{
    struct error *undone = error_new(&ctx, E_INVALID_STATUS, "no");

    request(&ctx, "undone", "{}");
    struct error *error = IN_TX(&ctx, idempotency_take(&ctx, "pay_1") ? NULL : undone);
    refused(error, E_INVALID_STATUS);
    ck_assert(!ctx.idempotency->taken);
    struct idempotency *undone_one = ctx.idempotency;
    request(&ctx, "undone", "{}");
    take("pay_1");
    struct idempotency *good_one = ctx.idempotency;
    ctx.idempotency = undone_one;
    finish(400, "of the one that was undone");
    ctx.idempotency = good_one;
    finish(201, "of the one that was not");
    ck_assert(is_text(find().body, "of the one that was not"));
}
END_TEST

START_TEST(test_what_was_undone_leaves_the_key_free)
{
    struct error *undone = error_new(&ctx, E_INVALID_STATUS, "no");

    request(&ctx, "free", "{}");
    ck_assert_ptr_nonnull(IN_TX(&ctx, idempotency_take(&ctx, "pay_1") ? NULL : undone));
    request(&ctx, "free", "{\"other\": true}");
    ck_assert(!find().found);
    take("pay_2");
}
END_TEST

START_TEST(test_the_first_answer_stays)
{
    request(&ctx, "stays", "{}");
    take("pay_1");
    finish(201, "first");
    finish(201, "second");
    ck_assert(is_text(find().body, "first"));
}
END_TEST

START_TEST(test_a_key_lasts_a_day)
{
    request(&ctx, "day", "{}");
    take("pay_1");
    finish(201, "first");
    ctx.now = instant_add_seconds(ctx.now, DAY - 1);
    request(&ctx, "day", "{}");
    ck_assert(find().found);
    ctx.now = instant_add_seconds(ctx.now, 2);
    request(&ctx, "day", "{\"another\": true}");
    ck_assert(!find().found);
    take("pay_2");
    finish(201, "second");
    ck_assert(is_text(find().body, "second"));
}
END_TEST

struct race {
    int taken, in_progress, other;
    pthread_mutex_t lock;
};

static void try_to_take(struct ctx *own, int number, void *to)
{
    struct race *race = to;

    request(own, "race", "{}");
    struct error *error = IN_TX(own, idempotency_take(own, arena_printf(own->arena, "pay_%d", number)));
    pthread_mutex_lock(&race->lock);
    race->taken += !error;
    race->in_progress += error && error->code == E_IDEMPOTENCY_IN_PROGRESS;
    race->other += error && error->code != E_IDEMPOTENCY_IN_PROGRESS;
    pthread_mutex_unlock(&race->lock);
}

START_TEST(test_of_many_at_once_one_has_it)
{
    struct race race = { .lock = PTHREAD_MUTEX_INITIALIZER };

    together(10, try_to_take, &race);
    ck_assert_int_eq(race.taken, 1);
    ck_assert_int_eq(race.in_progress, 9);
    ck_assert_int_eq(race.other, 0);
}
END_TEST

START_TEST(test_without_a_key_nothing_is_kept)
{
    ctx.idempotency = NULL;
    take("pay_without_key");
    finish(201, "{}");
    ck_assert_str_eq(testdb_value("SELECT count(*) FROM idempotency_keys WHERE resource = 'pay_without_key'"), "0");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("idempotency");
    TCase *store = tcase_create("store");

    testdb_use(store);
    tcase_add_test(store, test_a_new_key_has_no_answer);
    tcase_add_test(store, test_the_same_request_gets_the_same_answer);
    tcase_add_test(store, test_an_answer_is_sealed);
    tcase_add_test(store, test_another_request_is_a_mismatch);
    tcase_add_test(store, test_a_running_one_is_waited_for);
    tcase_add_test(store, test_a_dead_run_is_taken_over);
    tcase_add_test(store, test_a_failure_of_ours_frees_the_key);
    tcase_add_test(store, test_what_was_undone_was_not_taken);
    tcase_add_test(store, test_what_was_undone_leaves_the_key_free);
    tcase_add_test(store, test_the_first_answer_stays);
    tcase_add_test(store, test_a_key_lasts_a_day);
    tcase_add_test(store, test_of_many_at_once_one_has_it);
    tcase_add_test(store, test_without_a_key_nothing_is_kept);
    suite_add_tcase(suite, store);
    return testdb_main(suite);
}
