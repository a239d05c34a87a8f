#include "base_test.h"

#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/id.h"

#define MANY 20000

START_TEST(test_ids_have_their_form)
{
    const char *id = id_new(&ctx, "pay");

    ck_assert_uint_eq(strlen(id), 30);
    ck_assert(id_is(id, "pay"));
    ck_assert(!id_is(id, "ref"));
    ck_assert(!id_is(id, "pa"));
    ck_assert(id_is_plausible(id));
}
END_TEST

START_TEST(test_ids_say_their_time)
{
    ctx.now = (struct instant){ INT64_C(1469918176385000) };
    ck_assert_int_eq(strncmp(id_new(&ctx, "pay"), "pay_01aryz6s41", 13), 0);
}
END_TEST

START_TEST(test_ids_of_one_moment_sort_in_their_order_and_differ)
{
    const char *last = id_new(&ctx, "pay");

    for (int i = 0; i < MANY; i++) {
        const char *id = id_new(&ctx, "pay");

        ck_assert_str_lt(last, id);
        last = id;
    }
}
END_TEST

START_TEST(test_later_ids_sort_later)
{
    const char *last = "";

    for (int i = 0; i < MANY; i++) {
        ctx.now.us += 1000;
        const char *id = id_new(&ctx, "pay");
        ck_assert_str_lt(last, id);
        last = id;
    }
}
END_TEST

static const struct {
    const char *id;
    bool ours, plausible;
} ids[] = {
    { "pay_01arykyvr1vk3c5fm25wjgzvbd", true, true },
    { "pay_01ARYKYVR1VK3C5FM25WJGZVBD", false, true },
    { "pay_01arykyvr1vk3c5fm25wjgzvb", false, true },
    { "pay_01arykyvr1vk3c5fm25wjgzvbdd", false, true },
    { "pay_81arykyvr1vk3c5fm25wjgzvbd", false, true },
    { "pay_01arykyvr1vk3c5fm25wjgzvbu", false, true },
    { "pay-01arykyvr1vk3c5fm25wjgzvbd", false, true },
    { "pay_", false, true },
    { "pi_3MtwBwLkdIwHu7ix28a3tqPa", false, true },
    { "", false, false },
    { NULL, false, false },
    { "pay/../x", false, false },
    { "pay_é", false, false },
    { "pay 1", false, false },
    { "pay_1?x", false, false },
    { "pay_1\n", false, false },
};

START_TEST(test_foreign_ids_are_told_apart)
{
    ck_assert_int_eq(id_is(ids[_i].id, "pay"), ids[_i].ours);
    ck_assert_int_eq(id_is_plausible(ids[_i].id), ids[_i].plausible);
}
END_TEST

START_TEST(test_an_id_has_at_most_255_characters)
{
    char id[257];

    memset(id, 'a', sizeof(id));
    id[255] = '\0';
    ck_assert(id_is_plausible(id));
    id[255] = 'a';
    id[256] = '\0';
    ck_assert(!id_is_plausible(id));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("id");
    TCase *test_case = base_case(suite, "id");

    tcase_add_test(test_case, test_ids_have_their_form);
    tcase_add_test(test_case, test_ids_say_their_time);
    tcase_add_test(test_case, test_ids_of_one_moment_sort_in_their_order_and_differ);
    tcase_add_test(test_case, test_later_ids_sort_later);
    tcase_add_loop_test(test_case, test_foreign_ids_are_told_apart, 0, COUNT(ids));
    tcase_add_test(test_case, test_an_id_has_at_most_255_characters);
    return base_main(suite);
}
