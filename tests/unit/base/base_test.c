#include "base_test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/buf.h"

struct ctx ctx;

static void set_up(void)
{
    ctx = (struct ctx){ .arena = arena_new(), .now = clock_now(), .trace = "req_test" };
}

static void tear_down(void)
{
    arena_free(ctx.arena);
    ctx.arena = NULL;
}

TCase *base_case(Suite *suite, const char *name)
{
    TCase *test_case = tcase_create(name);

    tcase_add_checked_fixture(test_case, set_up, tear_down);
    tcase_set_timeout(test_case, 60);
    suite_add_tcase(suite, test_case);
    return test_case;
}

int base_main(Suite *suite)
{
    SRunner *runner = srunner_create(suite);

    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

void base_ok(const struct error *error, const char *call, const char *file, int line)
{
    if (error)
        _ck_assert_failed(file, line, "Failure", "%s: %s: %s\n%s", call, error_name(error->code), error->detail,
            base_fields(error));
}

static int by_pointer(const void *a, const void *b)
{
    const struct error_field *one = a, *other = b;

    return strcmp(one->pointer, other->pointer);
}

const char *base_fields(const struct error *error)
{
    struct buf buf = { .arena = ctx.arena };

    if (error && error->field_count)
        qsort(error->fields, error->field_count, sizeof(error->fields[0]), by_pointer);
    for (size_t i = 0; error && i < error->field_count; i++)
        buf_printf(&buf, "%s: %s\n", error->fields[i].pointer, error->fields[i].detail);
    return buf_string(&buf);
}

static void remove_file(void *path)
{
    unlink(path);
}

const char *base_file(const char *text, unsigned mode)
{
    char *path = arena_strdup(ctx.arena, "/tmp/till-test-XXXXXX");
    int fd = mkstemp(path);

    ck_assert_int_ge(fd, 0);
    arena_defer(ctx.arena, remove_file, path);
    ck_assert_int_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    ck_assert_int_eq(fchmod(fd, (mode_t)mode), 0);
    close(fd);
    return path;
}
