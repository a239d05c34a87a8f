/* Codes of an authenticator app, against the vectors of RFC 6238, and the secret as text. */
#include <string.h>

#include "access/role.h"
#include "access/totp.h"
#include "base/arena.h"
#include "base/crypto.h"
#include "base/ctx.h"
#include "testdb.h"

static const struct bytes secret = { (const uint8_t *)"12345678901234567890", 20 };

/* Appendix B, SHA-1; the last six of its eight digits. */
static const struct {
    int64_t seconds;
    uint32_t code;
} vectors[] = { { 59, 287082 }, { 1111111109, 81804 }, { 1111111111, 50471 }, { 1234567890, 5924 },
    { 2000000000, 279037 }, { 20000000000, 353130 } };

START_TEST(test_codes_are_those_of_rfc_6238)
{
    int64_t step = vectors[_i].seconds / 30;
    const char *code = arena_printf(ctx.arena, "%06u", vectors[_i].code);

    ck_assert_uint_eq(totp_code(secret, step), vectors[_i].code);
    for (int64_t off = step < 3 ? -step : -3; off <= 3; off++) { // no clock stands before 1970
        struct instant now = instant_of_unix(vectors[_i].seconds + off * 30);
        ck_assert_int_eq(totp_match(secret, now, code), off >= -1 && off <= 1 ? step : -1);
    }
}
END_TEST

START_TEST(test_what_is_no_code_matches_nothing)
{
    static const char *const bad[] = { "", "28708", "2870822", "28708a", "-28708", "287 082", "+28708", " 287082" };

    ck_assert_int_eq(totp_match(secret, instant_of_unix(59), "287082"), 1);
    ck_assert_int_eq(totp_match(secret, instant_of_unix(59), bad[_i]), -1);
}
END_TEST

/* RFC 4648, section 10, without padding. */
START_TEST(test_base32)
{
    static const char *const pairs[][2] = { { "", "" }, { "f", "MY" }, { "fo", "MZXQ" }, { "foo", "MZXW6" },
        { "foob", "MZXW6YQ" }, { "fooba", "MZXW6YTB" }, { "foobar", "MZXW6YTBOI" } };

    ck_assert_str_eq(base32_encode(ctx.arena, bytes_of(pairs[_i][0])), pairs[_i][1]);
}
END_TEST

/* What each role is for, in a few scopes that matter; tests/api/roles.test.js walks the routes. */
static const struct {
    const char *scope;
    const char *roles; // first letters; A is the admin, U the auditor
} matrix[] = { { "payments:read", "OAFSRDU" }, { "payments:write", "OAF" }, { "refunds:write", "OAF" },
    { "refunds:approve", "OAF" }, { "refunds:request", "OAFS" }, { "customers:reveal", "OAFR" },
    { "audit:read", "OAU" }, { "users:write", "OA" }, { "keys:write", "OAD" }, { "settings:read", "OADU" },
    { "clock:write", "O" }, { "*", "O" } };

START_TEST(test_roles_have_their_scopes)
{
    static const char letters[] = "OAFSRDU";

    for (int role = 0; role_names[role]; role++) {
        const struct principal principal = { .kind = PRINCIPAL_OPERATOR, .scopes = role_scopes((enum role)role) };
        bool expected = strchr(matrix[_i].roles, letters[role]) != NULL;

        ck_assert_msg(principal_may(&principal, matrix[_i].scope) == expected, "%s: %s", role_names[role],
            matrix[_i].scope);
    }
}
END_TEST

START_TEST(test_nobody_gives_a_key_graver_rights_than_their_own)
{
    ck_assert(role_may_give(ROLE_OWNER, "*"));
    ck_assert(role_may_give(ROLE_ADMIN, "refunds:write"));
    ck_assert(!role_may_give(ROLE_ADMIN, "*"));
    ck_assert(role_may_give(ROLE_DEVELOPER, "payments:write"));
    ck_assert(!role_may_give(ROLE_DEVELOPER, "refunds:write"));
    ck_assert(!role_may_give(ROLE_DEVELOPER, "refunds:bulk"));
    ck_assert(!role_may_give(ROLE_DEVELOPER, "*"));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("totp");
    TCase *all = tcase_create("codes and roles");

    testdb_use(all);
    tcase_add_loop_test(all, test_codes_are_those_of_rfc_6238, 0, sizeof vectors / sizeof *vectors);
    tcase_add_loop_test(all, test_what_is_no_code_matches_nothing, 0, 8);
    tcase_add_loop_test(all, test_base32, 0, 7);
    tcase_add_loop_test(all, test_roles_have_their_scopes, 0, sizeof matrix / sizeof *matrix);
    tcase_add_test(all, test_nobody_gives_a_key_graver_rights_than_their_own);
    suite_add_tcase(suite, all);
    return testdb_main(suite);
}
