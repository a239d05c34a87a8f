/* API keys: shown once, kept as a hash, good until revoked. */
#include <string.h>

#include "access/api_key.h"
#include "base/arena.h"
#include "db/db.h"
#include "testdb.h"

static const char *make(const char *scopes, struct api_key *key)
{
    const char *secret;

    ok(api_key_create(&ctx, "a test", scopes, key, &secret));
    return secret;
}

static struct error *check(const char *secret, struct principal *out)
{
    struct rate_limit limit;

    return api_key_check(&ctx, secret, out, &limit);
}

START_TEST(test_a_key_says_who_comes)
{
    struct principal principal;
    struct api_key key;
    const char *secret = make("payments:read refunds:write", &key);

    ck_assert_uint_eq(strlen(secret), strlen("till_test_") + 12 + 1 + 43);
    ok(check(secret, &principal));
    ck_assert_int_eq(principal.kind, PRINCIPAL_API_KEY);
    ck_assert_str_eq(principal.id, key.id);
    ck_assert(principal_may(&principal, "payments:read"));
    ck_assert(principal_may(&principal, "refunds:write"));
    ck_assert(!principal_may(&principal, "payments:write"));
    ck_assert(!principal_may(&principal, "payments:rea"));
    ck_assert(!principal_may(&principal, "refunds"));
}
END_TEST

START_TEST(test_the_secret_is_nowhere)
{
    struct api_key key;
    const char *whole = arena_strdup(ctx.arena, make("*", &key));
    const char *secret = strrchr(whole, '_') + 1;

    ck_assert_str_eq(testdb_value("SELECT count(*) FROM api_keys k WHERE position('%s' IN k::text) > 0", secret), "0");
    ck_assert_str_eq(testdb_value("SELECT count(*) FROM audit_log a WHERE position('%s' IN a::text) > 0", secret), "0");
    ck_assert_str_eq(testdb_value("SELECT length(secret_hash) FROM api_keys WHERE id = '%s'", key.id), "32");
    ck_assert_str_eq(testdb_value("SELECT count(*) FROM api_keys WHERE id = '%s' AND secret_hash = sha256('%s')",
                         key.id, secret),
        "0");
    ck_assert_str_eq(testdb_value("SELECT count(*) FROM audit_log WHERE action = 'api_key.created' AND object = '%s'",
                         key.id),
        "1");
}
END_TEST

/* A good key with one thing wrong. */
START_TEST(test_a_wrong_key_opens_nothing)
{
    struct principal principal;
    struct api_key key;
    char *secret = arena_strdup(ctx.arena, make("*", &key));
    size_t length = strlen(secret);

    switch (_i) {
    case 0:
        secret[length - 1] = secret[length - 1] == 'a' ? 'b' : 'a';
        break;
    case 1:
        secret[length - 1] = 0;
        break;
    case 2:
        secret = arena_printf(ctx.arena, "%sA", secret);
        break;
    case 3:
        memcpy(secret, "till_live_", 10);
        break;
    case 4:
        secret[12] = secret[12] == 'a' ? 'b' : 'a';
        break;
    case 5:
        secret = arena_strdup(ctx.arena, "");
        break;
    case 6:
        secret = arena_strdup(ctx.arena, "till_test_");
        break;
    case 7:
        memset(secret + 10, '_', length - 10);
        break;
    case 8:
        secret = arena_strdup(ctx.arena, "sk_test_4eC39HqLyjWDarjtT1zdp7dc");
        break;
    default:
        secret = arena_printf(ctx.arena, "%s ", secret);
        break;
    }
    refused(check(secret, &principal), E_UNAUTHENTICATED);
}
END_TEST

START_TEST(test_a_revoked_key_is_over)
{
    struct principal principal;
    struct api_key key;
    const char *secret = make("*", &key);

    ok(api_key_revoke(&ctx, key.id));
    refused(check(secret, &principal), E_UNAUTHENTICATED);
    refused(api_key_revoke(&ctx, key.id), E_NOT_FOUND);
    ck_assert_str_eq(testdb_value("SELECT count(*) FROM audit_log WHERE action = 'api_key.revoked' AND object = '%s'",
                         key.id),
        "1");
}
END_TEST

START_TEST(test_scopes_are_known_ones)
{
    static const char *const bad[] = { "", " ", "payments", "payments:read,refunds:write", "payments:read x",
        "Payments:read" };
    struct api_key key;
    const char *secret;

    refused(api_key_create(&ctx, "bad", bad[_i], &key, &secret), E_VALIDATION_ERROR);
    ck_assert_str_eq(testdb_value("SELECT count(*) FROM api_keys WHERE name = 'bad'"), "0");
}
END_TEST

START_TEST(test_keys_are_listed_with_their_last_use)
{
    struct principal principal;
    struct field_list list;
    struct api_key key;
    const char *secret = make("*", &key);

    ok(check(secret, &principal));
    ok(check(secret, &principal));
    ok(api_key_list(&ctx, &list));
    const struct api_key *keys = list.items;
    bool found = false;
    for (size_t i = 0; i < list.count; i++)
        if (!strcmp(keys[i].id, key.id))
            found = keys[i].last_used_at.us == ctx.now.us && !instant_is_set(keys[i].revoked_at);
    ck_assert(found);
}
END_TEST

START_TEST(test_no_two_are_alike)
{
    struct api_key a, b;
    const char *one = make("*", &a), *other = make("*", &b);

    ck_assert_str_ne(a.id, b.id);
    ck_assert_str_ne(strrchr(one, '_'), strrchr(other, '_'));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("api_key");
    TCase *keys = tcase_create("keys");

    testdb_use(keys);
    tcase_add_test(keys, test_a_key_says_who_comes);
    tcase_add_test(keys, test_the_secret_is_nowhere);
    tcase_add_loop_test(keys, test_a_wrong_key_opens_nothing, 0, 10);
    tcase_add_test(keys, test_a_revoked_key_is_over);
    tcase_add_loop_test(keys, test_scopes_are_known_ones, 0, 6);
    tcase_add_test(keys, test_keys_are_listed_with_their_last_use);
    tcase_add_test(keys, test_no_two_are_alike);
    suite_add_tcase(suite, keys);
    return testdb_main(suite);
}
