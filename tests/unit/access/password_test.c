/* Passwords: what is too weak, what is kept, and that hashing more at once than fits waits its turn. */
#include <argon2.h>
#include <pthread.h>
#include <string.h>

#include "access/password.h"
#include "base/arena.h"
#include "testdb.h"

#define EMAIL "kimberly.jones@shop.example.com"
#define NAME "Kimberly Jones"

/* What is wrong, by a word of the reason; "" for nothing. */
static const struct {
    const char *password, *reason;
} cases[] = { { "seven green lamps 41", "" }, { "tr0ub4dor&3-and-more", "" }, { "jkdf9sd8f7sd", "" },
    { "kim likes good coffee", "" }, { "ñandú-çedilla-öl", "" }, { "", "at least 12" }, { "11characte", "at least 12" },
    { "öööööööööö1", "at least 12" }, { "password1234", "many people" }, { "PassWord1234", "many people" },
    { "correcthorsebatterystaple", "many people" }, { "aaaaaaaaaaaa", "over and over" },
    { "abcabcabcabca", "over and over" }, { "!x!x!x!x!x!x!x", "over and over" }, { "abcdefghijklm", "row of" },
    { "9876543210987", "row of" }, { "qwertyuioplkj", "row of" }, { "kimberlyjones", "your own" },
    { "Kimberly2026!", "your own" }, { "jones-jones-12", "your own" }, { "till-password", "tries first" },
    { "administrator!", "tries first" } };

START_TEST(test_weak_passwords_are_told)
{
    const char *weakness = password_weakness(&ctx, cases[_i].password, EMAIL, NAME);

    if (!*cases[_i].reason)
        ck_assert_msg(!weakness, "%s: %s", cases[_i].password, weakness);
    else
        ck_assert_msg(weakness && strstr(weakness, cases[_i].reason), "%s: %s", cases[_i].password,
            weakness ? weakness : "fine");
}
END_TEST

START_TEST(test_the_longest_is_128_characters)
{
    char *text = arena_strdup(ctx.arena, "seven green lamps 41 ");

    while (strlen(text) < 128)
        text = arena_printf(ctx.arena, "%s%c", text, (int)('a' + strlen(text) * 7 % 26));
    ck_assert_ptr_null(password_weakness(&ctx, text, EMAIL, NAME));
    ck_assert_ptr_nonnull(password_weakness(&ctx, arena_printf(ctx.arena, "%sx", text), EMAIL, NAME));
}
END_TEST

START_TEST(test_only_the_password_matches_its_hash)
{
    const char *hash, *other;
    bool same;

    ok(password_hash(&ctx, "seven green lamps 41", &hash));
    ok(password_hash(&ctx, "seven green lamps 41", &other));
    ck_assert_str_ne(hash, other);
    ck_assert_ptr_null(strstr(hash, "seven"));
    ck_assert(!password_is_outdated(hash));
    ok(password_matches(&ctx, "seven green lamps 41", hash, &same));
    ck_assert(same);
    ok(password_matches(&ctx, "seven green lamps 42", hash, &same));
    ck_assert(!same);
    ok(password_matches(&ctx, "seven green lamps 41", NULL, &same));
    ck_assert(!same);
    ok(password_matches(&ctx, "", NULL, &same));
    ck_assert(!same);
}
END_TEST

START_TEST(test_a_hash_of_other_parameters_still_matches_and_is_outdated)
{
    char weaker[256];
    bool same;

    ck_assert_int_eq(argon2id_hash_encoded(1, 64, 1, "old password 99", 15, "saltsaltsaltsalt", 16, 32, weaker,
                         sizeof weaker),
        ARGON2_OK);
    ok(password_matches(&ctx, "old password 99", weaker, &same));
    ck_assert(same);
    ck_assert(password_is_outdated(weaker));
}
END_TEST

START_TEST(test_new_ones_are_strong_and_all_different)
{
    const char *one = password_new(&ctx), *other = password_new(&ctx);

    ck_assert_uint_eq(strlen(one), 23);
    ck_assert_str_ne(one, other);
    ck_assert_ptr_null(password_weakness(&ctx, one, EMAIL, NAME));
}
END_TEST

static void *hash_one(void *unused)
{
    struct ctx *other = testdb_ctx_new();
    const char *hash = NULL;
    struct error *error = password_hash(other, "seven green lamps 41", &hash);
    bool good = !error && hash;

    testdb_ctx_free(other);
    return good ? (void *)1 : unused;
}

START_TEST(test_eight_at_once_wait_for_each_other)
{
    pthread_t threads[8];
    void *good;

    for (size_t i = 0; i < 8; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, hash_one, NULL), 0);
    for (size_t i = 0; i < 8; i++) {
        pthread_join(threads[i], &good);
        ck_assert_ptr_nonnull(good);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("password");
    TCase *all = tcase_create("passwords");

    testdb_use(all);
    tcase_add_loop_test(all, test_weak_passwords_are_told, 0, sizeof cases / sizeof *cases);
    tcase_add_test(all, test_the_longest_is_128_characters);
    tcase_add_test(all, test_only_the_password_matches_its_hash);
    tcase_add_test(all, test_a_hash_of_other_parameters_still_matches_and_is_outdated);
    tcase_add_test(all, test_new_ones_are_strong_and_all_different);
    tcase_add_test(all, test_eight_at_once_wait_for_each_other);
    suite_add_tcase(suite, all);
    return testdb_main(suite);
}
