#include "base_test.h"

#include <signal.h>
#include <stdalign.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/arena.h"

static char order[16];

static void note(void *letter)
{
    strncat(order, letter, 1);
}

static void note_and_defer(void *arena)
{
    arena_defer(arena, note, "z");
}

START_TEST(test_memory_is_zeroed_and_aligned)
{
    for (size_t size = 0; size < 70000; size = size * 3 + 1) {
        unsigned char *piece = arena_alloc(ctx.arena, size);

        ck_assert_uint_eq((uintptr_t)piece % alignof(max_align_t), 0);
        for (size_t i = 0; i < size; i++)
            ck_assert_uint_eq(piece[i], 0);
        memset(piece, 0xff, size);
    }
}
END_TEST

START_TEST(test_pieces_do_not_overlap)
{
    unsigned char *pieces[500];

    for (size_t i = 0; i < 500; i++) {
        pieces[i] = arena_alloc(ctx.arena, i + 1);
        memset(pieces[i], (int)(i & 0xff), i + 1);
    }
    for (size_t i = 0; i < 500; i++) {
        for (size_t j = 0; j <= i; j++)
            ck_assert_uint_eq(pieces[i][j], i & 0xff);
    }
}
END_TEST

START_TEST(test_only_the_last_piece_grows_where_it_lies)
{
    char *first = arena_alloc(ctx.arena, 20), *last = arena_alloc(ctx.arena, 20);

    memcpy(last, "pay", 4);
    ck_assert(!arena_extend(ctx.arena, first, 20, 40));
    ck_assert(arena_extend(ctx.arena, last, 20, 400));
    ck_assert_str_eq(last, "pay");
    for (size_t i = 4; i < 400; i++)
        ck_assert_int_eq(last[i], 0);
    memset(last, 'x', 400);
    char *next = arena_alloc(ctx.arena, 20);
    ck_assert(next >= last + 400);
    ck_assert_int_eq(*next, 0);
    ck_assert(!arena_extend(ctx.arena, last, 400, 800));
    ck_assert(!arena_extend(ctx.arena, next, 20, 100000)); // more than there is room for
}
END_TEST

START_TEST(test_a_reset_leaves_nothing_behind)
{
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < 50; i++) {
            unsigned char *piece = arena_alloc(ctx.arena, 1000);

            for (size_t j = 0; j < 1000; j++)
                ck_assert_uint_eq(piece[j], 0);
            memset(piece, 'x', 1000);
        }
        arena_reset(ctx.arena);
    }
}
END_TEST

START_TEST(test_what_was_deferred_runs_last_first)
{
    arena_defer(ctx.arena, note, "a");
    arena_defer(ctx.arena, note, "b");
    arena_defer(ctx.arena, note_and_defer, ctx.arena);
    arena_defer(ctx.arena, note, "c");
    arena_reset(ctx.arena);
    ck_assert_str_eq(order, "czba");
    arena_reset(ctx.arena);
    ck_assert_str_eq(order, "czba");
}
END_TEST

START_TEST(test_text)
{
    ck_assert_str_eq(arena_strdup(ctx.arena, "payment"), "payment");
    ck_assert_str_eq(arena_strndup(ctx.arena, "payment", 3), "pay");
    ck_assert_str_eq(arena_strndup(ctx.arena, "pay", 30), "pay");
    ck_assert_str_eq(arena_printf(ctx.arena, "%s_%d", "pay", 7), "pay_7");
    ck_assert_uint_eq(strlen(arena_printf(ctx.arena, "%50000d", 1)), 50000);
}
END_TEST

START_TEST(test_an_impossible_size_ends_the_process)
{
    arena_array(ctx.arena, SIZE_MAX / 2, 3);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("arena");
    TCase *test_case = base_case(suite, "arena");

    tcase_add_test(test_case, test_memory_is_zeroed_and_aligned);
    tcase_add_test(test_case, test_pieces_do_not_overlap);
    tcase_add_test(test_case, test_only_the_last_piece_grows_where_it_lies);
    tcase_add_test(test_case, test_a_reset_leaves_nothing_behind);
    tcase_add_test(test_case, test_what_was_deferred_runs_last_first);
    tcase_add_test(test_case, test_text);
    tcase_add_test_raise_signal(test_case, test_an_impossible_size_ends_the_process, SIGABRT);
    return base_main(suite);
}
