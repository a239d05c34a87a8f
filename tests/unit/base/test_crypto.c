#include "base_test.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/config.h"
#include "base/crypto.h"

static const char *hex_of(const uint8_t digest[32])
{
    return hex_encode(ctx.arena, (struct bytes){ digest, 32 });
}

START_TEST(test_init_may_be_called_again)
{
    crypto_init();
    crypto_init();
}
END_TEST

/* FIPS 180-2 */
START_TEST(test_sha256)
{
    uint8_t digest[32];

    sha256(bytes_of("abc"), digest);
    ck_assert_str_eq(hex_of(digest), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    sha256((struct bytes){ NULL, 0 }, digest);
    ck_assert_str_eq(hex_of(digest), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}
END_TEST

/* RFC 4231, cases 1, 2 and 6, and an empty key. */
START_TEST(test_hmac_sha256)
{
    uint8_t digest[32], key[131];

    memset(key, 0x0b, 20);
    hmac_sha256((struct bytes){ key, 20 }, bytes_of("Hi There"), digest);
    ck_assert_str_eq(hex_of(digest), "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
    hmac_sha256(bytes_of("Jefe"), bytes_of("what do ya want for nothing?"), digest);
    ck_assert_str_eq(hex_of(digest), "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    memset(key, 0xaa, sizeof(key));
    hmac_sha256((struct bytes){ key, sizeof(key) }, bytes_of("Test Using Larger Than Block-Size Key - Hash Key First"),
        digest);
    ck_assert_str_eq(hex_of(digest), "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
    hmac_sha256((struct bytes){ NULL, 0 }, (struct bytes){ NULL, 0 }, digest);
    ck_assert_str_eq(hex_of(digest), "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad");
}
END_TEST

static void *digest_often(void *wrong)
{
    uint8_t expected[32], digest[32];

    hmac_sha256(bytes_of("Jefe"), bytes_of("data"), expected);
    for (int i = 0; i < 500; i++) {
        hmac_sha256(bytes_of("Jefe"), bytes_of("data"), digest);
        if (memcmp(expected, digest, 32) != 0)
            *(bool *)wrong = true;
    }
    return NULL;
}

START_TEST(test_threads_may_do_it_at_once)
{
    pthread_t threads[4];
    bool wrong[4] = { false };

    for (int i = 0; i < 4; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, digest_often, &wrong[i]), 0);
    for (int i = 0; i < 4; i++) {
        pthread_join(threads[i], NULL);
        ck_assert(!wrong[i]);
    }
}
END_TEST

START_TEST(test_bytes_are_compared)
{
    ck_assert(same_bytes(bytes_of("abc"), bytes_of("abc")));
    ck_assert(!same_bytes(bytes_of("abc"), bytes_of("abd")));
    ck_assert(!same_bytes(bytes_of("abc"), bytes_of("ab")));
    ck_assert(same_bytes((struct bytes){ NULL, 0 }, bytes_of("")));
}
END_TEST

START_TEST(test_random_bytes_differ)
{
    uint8_t a[32] = { 0 }, b[32] = { 0 };

    crypto_random(a, sizeof(a));
    crypto_random(b, sizeof(b));
    ck_assert_mem_ne(a, b, sizeof(a));
    wipe(a, sizeof(a));
    for (size_t i = 0; i < sizeof(a); i++)
        ck_assert_uint_eq(a[i], 0);
}
END_TEST

START_TEST(test_hexadecimal)
{
    uint8_t out[3] = { 9, 9, 9 };

    ck_assert_str_eq(hex_encode(ctx.arena, (struct bytes){ (const uint8_t *)"\x00\x7f\xff", 3 }), "007fff");
    ck_assert(hex_decode("00aAfF", out, 3));
    ck_assert_mem_eq(out, "\x00\xaa\xff", 3);
    ck_assert(!hex_decode("00aaf", out, 3));
    ck_assert(!hex_decode("00aaff0", out, 3));
    ck_assert(!hex_decode("00aafg", out, 3));
    ck_assert(!hex_decode("", out, 3));
    ck_assert(!hex_decode(NULL, out, 3));
    ck_assert(hex_decode("", out, 0));
}
END_TEST

/* RFC 4648, and bytes that use the last two digits. */
static const struct {
    const char *plain, *encoded, *url;
} base64[] = {
    { "", "", "" },
    { "f", "Zg==", "Zg" },
    { "fo", "Zm8=", "Zm8" },
    { "foo", "Zm9v", "Zm9v" },
    { "foob", "Zm9vYg==", "Zm9vYg" },
    { "fooba", "Zm9vYmE=", "Zm9vYmE" },
    { "foobar", "Zm9vYmFy", "Zm9vYmFy" },
    { "\xfb\xff\xfe", "+//+", "-__-" },
};

START_TEST(test_base64)
{
    struct bytes plain;

    ck_assert_str_eq(base64_encode(ctx.arena, bytes_of(base64[_i].plain)), base64[_i].encoded);
    ck_assert_str_eq(base64url_encode(ctx.arena, bytes_of(base64[_i].plain)), base64[_i].url);
    ck_assert(base64_decode(ctx.arena, base64[_i].encoded, &plain));
    ck_assert(same_bytes(plain, bytes_of(base64[_i].plain)));
}
END_TEST

static const char *const no_base64[] = { "Z", "Zg", "Zg=", "Zg===", "=Zg=", "Z===", "====", "Zm9v\n", "Zm9v ", "Zm 9",
    "Zg==Zg==", "Zh==", "Zm9=", "-__-", "Zm9\xc3", "Z\xc3\xa9g" };

START_TEST(test_what_is_no_base64)
{
    struct bytes plain;

    ck_assert_msg(!base64_decode(ctx.arena, no_base64[_i], &plain), "%s", no_base64[_i]);
    ck_assert(!base64_decode(ctx.arena, NULL, &plain));
}
END_TEST

/* The file of keys */

#define KEY_A "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
#define KEY_B "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE="

static struct keyring *keys_of(const char *text)
{
    const char *why = NULL;
    struct keyring *keyring = keyring_load(base_file(text, 0600), &why);

    ck_assert_msg(keyring, "%s", why);
    return keyring;
}

START_TEST(test_the_last_key_encrypts)
{
    struct keyring *keyring = keys_of("# keys\n\nold:" KEY_A "\r\n  new.2026-11:" KEY_B "  \n");

    ck_assert_str_eq(keyring_current(keyring), "new.2026-11");
    keyring_free(keyring);
    keyring = keys_of("a-name.of_32-characters.00000032:" KEY_A);
    ck_assert_str_eq(keyring_current(keyring), "a-name.of_32-characters.00000032");
    keyring_free(keyring);
    keyring_free(NULL);
}
END_TEST

START_TEST(test_a_new_line_is_a_key)
{
    const char *line = keyring_new_line(ctx.arena);
    struct keyring *keyring = keys_of(arena_printf(ctx.arena, "%s\n%s\n", keyring_new_line(ctx.arena), line));

    ck_assert_int_eq(strncmp(line, keyring_current(keyring), strlen(keyring_current(keyring))), 0);
    ck_assert_str_ne(line, keyring_new_line(ctx.arena));
    keyring_free(keyring);
}
END_TEST

static const struct {
    const char *text, *why;
} bad_files[] = {
    { "", "has no key in it" },
    { "# nothing\n\n", "has no key in it" },
    { "a:" KEY_A "\nSECRET\n", "line 2 does not start with a name of at most 32 letters, digits, _ . - and a colon" },
    { "\n:" KEY_A "\n", "line 2 does not start with a name of at most 32 letters, digits, _ . - and a colon" },
    { "a b:" KEY_A, "line 1 does not start with a name of at most 32 letters, digits, _ . - and a colon" },
    { "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa:" KEY_A,
        "line 1 does not start with a name of at most 32 letters, digits, _ . - and a colon" },
    { "a:SECRET", "line 1 does not hold 32 bytes in base64" },
    { "a:AAAA", "line 1 does not hold 32 bytes in base64" },
    { "a:", "line 1 does not hold 32 bytes in base64" },
    { "a:" KEY_A "AAAA", "line 1 does not hold 32 bytes in base64" },
    { "a:" KEY_A "\nb:" KEY_B "\na:" KEY_B, "line 3 repeats the name of an earlier line" },
};

START_TEST(test_a_bad_file_of_keys_is_explained)
{
    const char *why = NULL;

    ck_assert_ptr_null(keyring_load(base_file(bad_files[_i].text, 0400), &why));
    ck_assert_str_eq(why, bad_files[_i].why);
}
END_TEST

static const struct {
    unsigned mode;
    bool fine;
} modes[] = { { 0400, true }, { 0600, true }, { 0640, false }, { 0604, false }, { 0660, false }, { 0622, false },
    { 0644, false } };

START_TEST(test_nobody_else_may_read_the_keys)
{
    const char *why = NULL;
    struct keyring *keyring = keyring_load(base_file("a:" KEY_A, modes[_i].mode), &why);

    ck_assert_int_eq(keyring != NULL, modes[_i].fine);
    if (!keyring)
        ck_assert_str_eq(why, "can be read by others: chmod 0400");
    keyring_free(keyring);
}
END_TEST

START_TEST(test_files_that_are_none)
{
    char large[9000];
    const char *why = NULL;

    ck_assert_ptr_null(keyring_load("/nonexistent/keys", &why));
    ck_assert_str_eq(why, "cannot be opened: No such file or directory");
    ck_assert_ptr_null(keyring_load("/tmp", &why));
    ck_assert_str_eq(why, "is not a file");
    memset(large, '#', sizeof(large));
    large[sizeof(large) - 1] = '\0';
    ck_assert_ptr_null(keyring_load(base_file(large, 0400), &why));
    ck_assert_str_eq(why, "is not a file of keys");
}
END_TEST

START_TEST(test_at_most_64_keys)
{
    const char *text = "", *why = NULL;

    for (int i = 0; i < 64; i++)
        text = arena_printf(ctx.arena, "%sk%d:" KEY_A "\n", text, i);
    keyring_free(keys_of(text));
    ck_assert_ptr_null(keyring_load(base_file(arena_printf(ctx.arena, "%sk:" KEY_A "\n", text), 0400), &why));
    ck_assert_str_eq(why, "line 65 is one too many: at most 64 keys");
}
END_TEST

/* Other installations and later versions have to come to the same keys: these must never change. */
START_TEST(test_keys_are_derived_from_the_first_line)
{
    struct keyring *keyring = keys_of("a:" KEY_A "\n"), *rotated = keys_of("a:" KEY_A "\nb:" KEY_B "\n"),
                   *other = keys_of("b:" KEY_B "\n");
    uint8_t session[32], key[32];

    keyring_derive(keyring, "session", session);
    ck_assert_str_eq(hex_of(session), "94050b6e2f9eb8e4c726e786cbfdf28d2e42d966f6589f555142835887bcf6d5");
    keyring_derive(keyring, "checkout", key);
    ck_assert_str_eq(hex_of(key), "834ee56f46fa6d7b2dd024c71227be56cfdc74d267ab6f583e77c3debf2d912f");
    keyring_derive(rotated, "session", key);
    ck_assert_mem_eq(key, session, 32);
    keyring_derive(other, "session", key);
    ck_assert_mem_ne(key, session, 32);
    keyring_free(keyring);
    keyring_free(rotated);
    keyring_free(other);
}
END_TEST

/* Sealed fields */

static struct config config;

static void free_keyring(void *keyring)
{
    keyring_free(keyring);
}

static void use_keys(const char *text)
{
    config.keyring = keys_of(text);
    arena_defer(ctx.arena, free_keyring, config.keyring);
    ctx.config = &config;
}

static const char place[] = "customers.email:cust_1";

START_TEST(test_what_was_sealed_is_opened)
{
    static const char *const texts[] = { "", "a", "ada@example.com", "a text of more than one block of the cipher, é" };

    use_keys("one:" KEY_A "\n");
    for (int i = 0; i < COUNT(texts); i++) {
        struct bytes sealed = seal(&ctx, place, bytes_of(texts[i])), plain;

        ck_assert_uint_eq(sealed.length, 2 + 3 + 12 + strlen(texts[i]) + 16);
        ck_assert_mem_eq(sealed.data, "\x01\x03one", 5);
        ok(unseal(&ctx, place, sealed, &plain));
        ck_assert(same_bytes(plain, bytes_of(texts[i])));
        ck_assert_uint_eq(plain.data[plain.length], 0);
    }
}
END_TEST

START_TEST(test_the_same_text_never_looks_the_same)
{
    use_keys("one:" KEY_A "\n");
    ck_assert(!same_bytes(seal(&ctx, place, bytes_of("a")), seal(&ctx, place, bytes_of("a"))));
}
END_TEST

START_TEST(test_any_change_is_noticed)
{
    use_keys("one:" KEY_A "\ntwo:" KEY_A "\n");
    struct bytes sealed = seal(&ctx, place, bytes_of("ada@example.com")), plain = { NULL, 0 };
    uint8_t *copy = arena_alloc(ctx.arena, sealed.length);

    for (size_t bit = 0; bit < sealed.length * 8; bit++) {
        memcpy(copy, sealed.data, sealed.length);
        copy[bit / 8] ^= (uint8_t)(1U << bit % 8);
        struct error *error = unseal(&ctx, place, (struct bytes){ copy, sealed.length }, &plain);
        ck_assert_msg(error && error->code == E_INTERNAL_ERROR, "bit %zu", bit);
        ck_assert_str_eq(error->detail, "stored data could not be read");
    }
    for (size_t length = 0; length < sealed.length; length++) {
        uint8_t *part = malloc(length ? length : 1); // of this length alone, for AddressSanitizer

        ck_assert_ptr_nonnull(part);
        memcpy(part, sealed.data, length);
        ck_assert_ptr_nonnull(unseal(&ctx, place, (struct bytes){ part, length }, &plain));
        free(part);
    }
    ck_assert_ptr_nonnull(unseal(&ctx, "customers.email:cust_2", sealed, &plain));

    // the same key under another name
    memcpy(copy, sealed.data, sealed.length);
    memcpy(copy + 2, "one", 3);
    ck_assert_ptr_nonnull(unseal(&ctx, place, (struct bytes){ copy, sealed.length }, &plain));
    ck_assert_ptr_null(plain.data);
}
END_TEST

START_TEST(test_keys_rotate)
{
    struct bytes plain;

    use_keys("one:" KEY_A "\n");
    struct bytes sealed = seal(&ctx, place, bytes_of("ada"));
    use_keys("one:" KEY_A "\ntwo:" KEY_B "\n");
    ok(unseal(&ctx, place, sealed, &plain));
    ck_assert_mem_eq(seal(&ctx, place, bytes_of("ada")).data, "\x01\x03two", 5);

    use_keys("two:" KEY_B "\n");
    struct error *error = unseal(&ctx, place, sealed, &plain);
    ck_assert(error && error->code == E_INTERNAL_ERROR);
    ck_assert_str_eq(error->cause, "customers.email:cust_1: the key one is not in the keys file");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("crypto");
    TCase *test_case = base_case(suite, "crypto");

    tcase_add_test(test_case, test_init_may_be_called_again);
    tcase_add_test(test_case, test_sha256);
    tcase_add_test(test_case, test_hmac_sha256);
    tcase_add_test(test_case, test_threads_may_do_it_at_once);
    tcase_add_test(test_case, test_bytes_are_compared);
    tcase_add_test(test_case, test_random_bytes_differ);
    tcase_add_test(test_case, test_hexadecimal);
    tcase_add_loop_test(test_case, test_base64, 0, COUNT(base64));
    tcase_add_loop_test(test_case, test_what_is_no_base64, 0, COUNT(no_base64));

    test_case = base_case(suite, "keys");
    tcase_add_test(test_case, test_the_last_key_encrypts);
    tcase_add_test(test_case, test_a_new_line_is_a_key);
    tcase_add_loop_test(test_case, test_a_bad_file_of_keys_is_explained, 0, COUNT(bad_files));
    tcase_add_loop_test(test_case, test_nobody_else_may_read_the_keys, 0, COUNT(modes));
    tcase_add_test(test_case, test_files_that_are_none);
    tcase_add_test(test_case, test_at_most_64_keys);
    tcase_add_test(test_case, test_keys_are_derived_from_the_first_line);

    test_case = base_case(suite, "sealed fields");
    tcase_add_test(test_case, test_what_was_sealed_is_opened);
    tcase_add_test(test_case, test_the_same_text_never_looks_the_same);
    tcase_add_test(test_case, test_any_change_is_noticed);
    tcase_add_test(test_case, test_keys_rotate);
    return base_main(suite);
}
