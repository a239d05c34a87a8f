#include "web_test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "web/template.h"

static const char *rendered(const char *text, json_t *partials, json_t *view)
{
    struct buf out = { .arena = ctx.arena };

    web_ok(template_render_text(&ctx, text, partials, view, &out));
    return buf_string(&out);
}

/* The specification's own examples, one file for each part of the language. */
static const char *const parts[] = { "comments", "delimiters", "interpolation", "inverted", "partials", "sections" };

static json_t *examples(const char *part)
{
    const char *directory = getenv("TILL_CONTRACTS");
    const char *top = getenv("srcdir");

    if (!directory)
        directory = arena_printf(ctx.arena, "%s/../shared/contracts", top ? top : ".");
    const char *path = arena_printf(ctx.arena, "%s/mustache/%s.json", directory, part);
    json_t *file = json_load_file(path, 0, NULL);
    if (!file && !getenv("TILL_CONTRACTS"))
        return NULL; // a source package does not have them
    ck_assert_msg(file != NULL, "%s cannot be read", path);
    return json_object_get(json_in(ctx.arena, file), "tests");
}

START_TEST(test_the_specification_holds)
{
    json_t *tests = examples(parts[_i]), *test;
    size_t i;

    json_array_foreach(tests, i, test)
    {
        const char *out =
            rendered(json_get_text(test, "template"), json_object_get(test, "partials"), json_object_get(test, "data"));
        ck_assert_msg(strcmp(out, json_get_text(test, "expected")) == 0, "%s: %s\n%s\nbecame\n%s", parts[_i],
            json_get_text(test, "name"), json_get_text(test, "template"), out);
    }
    ck_assert(!tests || i > 10);
}
END_TEST

/* What the specification leaves open. */
static const struct {
    const char *text, *view, *out;
} cases[] = {
    { "{{a}}", "{\"a\": \"<b>&\\\"'\"}", "&lt;b&gt;&amp;&quot;&#39;" },
    { "{{{a}}}{{&a}}", "{\"a\": \"<b>\"}", "<b><b>" },
    { "{{#a}}yes{{/a}}{{^a}}no{{/a}}", "{\"a\": \"\"}", "no" },
    { "{{#a}}yes{{/a}}{{^a}}no{{/a}}", "{\"a\": 0}", "yes" },
    { "{{#a}}yes{{/a}}{{^a}}no{{/a}}", "{\"a\": {}}", "yes" },
    { "{{a}}|{{b}}|{{c.d.e}}", "{\"a\": {\"x\": 1}, \"b\": [1, 2], \"c\": {\"d\": 1}}", "||" },
    { "{{a}}", "{\"a\": 9007199254740993}", "9007199254740993" },
    { "{{a}} {{b}}", "{\"a\": true, \"b\": false}", "true false" },
    { "{{#a}}{{b}}{{/a}}", "{\"a\": [{\"b\": 1}, {}], \"b\": 2}", "12" },
};

START_TEST(test_what_is_left_open)
{
    json_t *view = json_in(ctx.arena, json_loads(cases[_i].view, 0, NULL));

    ck_assert_str_eq(rendered(cases[_i].text, NULL, view), cases[_i].out);
}
END_TEST

START_TEST(test_a_partial_without_an_end_ends)
{
    json_t *partials = json_in(ctx.arena, json_pack("{s:s}", "a", "x{{>a}}{{>a}}"));
    struct buf out = { .arena = ctx.arena };

    web_ok(template_render_text(&ctx, "{{>a}}", partials, json_in(ctx.arena, json_object()), &out));
    ck_assert_uint_lt(out.length, 10 * 1000 * 1000);
}
END_TEST

/* Texts that are no templates, and what is said about them. */
static const struct {
    const char *text, *why;
} broken[] = {
    { "a\n{{b", "line 2: the tag has no end" },
    { "{{#a}}", "{{#a}} has no end" },
    { "\n\n{{/a}}", "line 3: {{/a}} ends nothing" },
    { "{{#a}}{{#b}}{{/a}}{{/b}}", "{{/a}} ends nothing" },
    { "{{=a=}}", "two delimiters are wanted" },
    { "{{{a}}", "the tag has no end" },
};

START_TEST(test_a_broken_template_says_where)
{
    struct buf out = { .arena = ctx.arena };
    struct error *error = template_render_text(&ctx, broken[_i].text, NULL, json_in(ctx.arena, json_object()), &out);

    ck_assert_ptr_nonnull(error);
    ck_assert_int_eq(error->code, E_INTERNAL_ERROR);
    ck_assert_msg(strstr(error->cause, broken[_i].why) != NULL, "said: %s", error->cause);
}
END_TEST

/* Files */

static char directory[] = "/tmp/till-template-XXXXXX";

static void write_file(const char *name, const char *text)
{
    char path[128];

    snprintf(path, sizeof(path), "%s/%s", directory, name);
    FILE *file = fopen(path, "w");
    ck_assert_ptr_nonnull(file);
    fputs(text, file);
    fclose(file);
}

static void make_directory(void)
{
    char path[128];

    ck_assert_ptr_nonnull(mkdtemp(directory));
    snprintf(path, sizeof(path), "%s/parts", directory);
    ck_assert_int_eq(mkdir(path, 0700), 0);
    write_file("page.html", "{{> parts/head}}<p>{{a}}</p>\n");
    write_file("parts/head.html", "<h1>{{title}}</h1>\n");
    write_file("mail.html", "<b>{{a}}</b>");
    write_file("mail.txt", "{{a}}");
    write_file("notes.md", "{{#not a template}}");
    write_file(".hidden.html", "{{#not read}}");
}

static void remove_directory(void)
{
    ck_assert_int_eq(system(arena_printf(ctx.arena, "rm -r %s", directory)), 0);
}

static const char *page(const struct templates *templates, const char *name)
{
    json_t *view = json_in(ctx.arena, json_pack("{s:s, s:s}", "title", "T", "a", "&"));
    struct buf out = { .arena = ctx.arena };

    web_ok(template_render(&ctx, templates, name, view, &out));
    return buf_string(&out);
}

START_TEST(test_files_are_found_by_their_names)
{
    const char *why = "nothing";
    struct templates *templates = templates_load(directory, &why);

    ck_assert_msg(templates != NULL, "%s", why);
    ck_assert_str_eq(page(templates, "page"), "<h1>T</h1>\n<p>&amp;</p>\n");
    ck_assert_str_eq(page(templates, "parts/head"), "<h1>T</h1>\n");
    ck_assert_str_eq(page(templates, "mail"), "<b>&amp;</b>");
    ck_assert_str_eq(page(templates, "mail.txt"), "&amp;");
    struct buf out = { .arena = ctx.arena };
    ck_assert_int_eq(template_render(&ctx, templates, "nothing", NULL, &out)->code, E_INTERNAL_ERROR);
    templates_free(templates);
}
END_TEST

static const struct {
    const char *text, *why;
} files[] = {
    { "{{> parts/missing}}", "bad.html includes parts/missing, which does not exist" },
    { "{{#a}}{{> parts/missing}}{{/a}}", "bad.html includes parts/missing, which does not exist" },
    { "\n{{#a}}", "bad.html: line 2: {{#a}} has no end" },
};

START_TEST(test_a_file_that_cannot_be_used_is_named)
{
    const char *why = "nothing";

    write_file("bad.html", files[_i].text);
    ck_assert_ptr_null(templates_load(directory, &why));
    ck_assert_msg(strstr(why, files[_i].why) != NULL, "said: %s", why);
}
END_TEST

START_TEST(test_a_directory_that_is_not_there_is_named)
{
    const char *why = "nothing";

    ck_assert_ptr_null(templates_load("/nonexistent/templates", &why));
    ck_assert_str_eq(why, "/nonexistent/templates: No such file or directory");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("template");
    TCase *language = web_case(suite, "language"), *in_files = web_case(suite, "files");

    add_rows(language, test_the_specification_holds, parts);
    add_rows(language, test_what_is_left_open, cases);
    tcase_add_test(language, test_a_partial_without_an_end_ends);
    add_rows(language, test_a_broken_template_says_where, broken);
    tcase_add_checked_fixture(in_files, make_directory, remove_directory);
    tcase_add_test(in_files, test_files_are_found_by_their_names);
    add_rows(in_files, test_a_file_that_cannot_be_used_is_named, files);
    tcase_add_test(in_files, test_a_directory_that_is_not_there_is_named);
    return web_main(suite);
}
