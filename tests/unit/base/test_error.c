#include "base_test.h"

#include <string.h>

#include "base/arena.h"

START_TEST(test_every_code_has_a_name_a_status_and_a_title)
{
    ck_assert_uint_gt(error_code_count(), 20);
    for (unsigned code = 0; code < error_code_count(); code++) {
        ck_assert_uint_gt(strlen(error_name(code)), 2);
        ck_assert_uint_gt(strlen(error_title(code)), 2);
        ck_assert_int_ge(error_status(code), 400);
        ck_assert_int_le(error_status(code), 599);
        for (unsigned other = 0; other < code; other++)
            ck_assert_str_ne(error_name(code), error_name(other));
    }
    ck_assert_str_eq(error_name(E_CARD_DECLINED), "CARD_DECLINED");
    ck_assert_int_eq(error_status(E_CARD_DECLINED), 402);
    ck_assert_int_eq(error_status(E_IDEMPOTENCY_MISMATCH), 422);
}
END_TEST

START_TEST(test_an_error_has_words_and_a_cause)
{
    struct error *error = error_new(&ctx, E_INVALID_STATUS, "the payment is %s", "failed");

    ck_assert_str_eq(error->detail, "the payment is failed");
    ck_assert_ptr_null(error->cause);
    ck_assert_ptr_eq(error_cause(&ctx, error, "row %d", 7), error);
    ck_assert_str_eq(error->cause, "row 7");
}
END_TEST

START_TEST(test_fields_are_collected)
{
    struct error *error = NULL;

    for (int i = 0; i < 20; i++)
        error_add_field(&ctx, &error, arena_printf(ctx.arena, "#/items/%d", i), "is %d too many", i);
    ck_assert_int_eq((int)error->code, E_VALIDATION_ERROR);
    ck_assert_uint_eq(error->field_count, 20);
    for (int i = 0; i < 20; i++) {
        ck_assert_str_eq(error->fields[i].pointer, arena_printf(ctx.arena, "#/items/%d", i));
        ck_assert_str_eq(error->fields[i].detail, arena_printf(ctx.arena, "is %d too many", i));
    }
}
END_TEST

START_TEST(test_an_answer_does_not_grow_without_end)
{
    struct error *error = NULL;

    for (int i = 0; i < 100000; i++)
        error_add_field(&ctx, &error, "#/x", "is wrong");
    ck_assert_uint_eq(error->field_count, 100);
}
END_TEST

static const struct {
    const char *scopes, *scope;
    bool may;
} rights[] = {
    { NULL, "payments:read", false },
    { "", "payments:read", false },
    { "payments:read", "payments:read", true },
    { "payments:reader", "payments:read", false },
    { "payments:rea", "payments:read", false },
    { "refunds:write  payments:read", "payments:read", true },
    { "refunds:write payments:read ", "refunds:write", true },
    { " payments:read", "payments:read", true },
    { "*", "anything", true },
    { "refunds:write *", "payments:read", true },
    { "payments:*", "payments:read", false },
    { "refunds:write", "", false },
    { NULL, NULL, true },
};

START_TEST(test_scopes_are_whole_words)
{
    struct principal principal = { .kind = PRINCIPAL_API_KEY, .scopes = rights[_i].scopes };

    ck_assert_int_eq(principal_may(&principal, rights[_i].scope), rights[_i].may);
}
END_TEST

START_TEST(test_every_kind_of_principal_has_a_name)
{
    for (int kind = PRINCIPAL_NONE; kind <= PRINCIPAL_PROVIDER; kind++)
        ck_assert_ptr_nonnull(principal_kind_names[kind]);
    ck_assert_ptr_null(principal_kind_names[PRINCIPAL_PROVIDER + 1]);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("error");
    TCase *test_case = base_case(suite, "error");

    tcase_add_test(test_case, test_every_code_has_a_name_a_status_and_a_title);
    tcase_add_test(test_case, test_an_error_has_words_and_a_cause);
    tcase_add_test(test_case, test_fields_are_collected);
    tcase_add_test(test_case, test_an_answer_does_not_grow_without_end);
    tcase_add_loop_test(test_case, test_scopes_are_whole_words, 0, COUNT(rights));
    tcase_add_test(test_case, test_every_kind_of_principal_has_a_name);
    return base_main(suite);
}
