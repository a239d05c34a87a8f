#include "web/template.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/arena.h"
#include "base/ctx.h"

#define MAX_DEPTH 64      // of sections and partials inside each other
#define MAX_NODES 1000000 // rendered for one page; only a partial that includes itself twice gets there
#define MAX_FILE (1024 * 1024)

enum node_kind { NODE_TEXT, NODE_LINE, NODE_ESCAPED, NODE_RAW, NODE_SECTION, NODE_INVERTED, NODE_PARTIAL };

/* A piece of a template. NODE_LINE stands at the start of each line that is not empty, where the indentation of the tag that
 * includes this template goes. */
struct node {
    enum node_kind kind;
    const char *text; // of TEXT, or the name
    size_t length;
    struct node *children, *next;
};

struct template
{
    const char *name; // with its ending
    struct node *nodes;
};

struct templates {
    struct arena *arena;
    struct template *list;
    size_t count, capacity;
};

/* Parsing */

struct parser {
    struct arena *arena;
    const char *start, *at, *end;
    const char *open, *close; // delimiters
    bool fresh;               // nothing of the current line has been added yet
    int depth;
    const char *why;
};

struct tag {
    char sigil; // 0 for a plain name, '{' for a raw one
    const char *name;
    const char *from, *to; // of the whole tag
    bool standalone;
};

/* Where nodes are added: `last` is the pointer that takes the next one. */
struct list {
    struct node **last;
};

static struct node *add(struct parser *p, struct list *list, enum node_kind kind, const char *text, size_t length)
{
    struct node *node = arena_alloc(p->arena, sizeof(*node));

    *node = (struct node){ .kind = kind, .text = text, .length = length };
    *list->last = node;
    list->last = &node->next;
    return node;
}

static void start_line(struct parser *p, struct list *list)
{
    if (p->fresh)
        add(p, list, NODE_LINE, NULL, 0);
    p->fresh = false;
}

static void add_text(struct parser *p, struct list *list, const char *from, const char *to)
{
    while (from < to) {
        const char *newline = memchr(from, '\n', (size_t)(to - from));
        const char *stop = newline ? newline + 1 : to;

        if (*from != '\n' && *from != '\r')
            start_line(p, list);
        add(p, list, NODE_TEXT, from, (size_t)(stop - from));
        p->fresh = newline != NULL;
        from = stop;
    }
}

/* Always false, for `return fail(…)`. */
static bool fail(struct parser *p, const char *at, const char *what)
{
    int line = 1;

    for (const char *c = p->start; c < at; c++)
        line += *c == '\n';
    p->why = arena_printf(p->arena, "line %d: %s", line, what);
    return false;
}

static const char *find(const char *from, const char *end, const char *text)
{
    size_t length = strlen(text);

    return (size_t)(end - from) < length ? NULL : memmem(from, (size_t)(end - from), text, length);
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

/* Whether the tag is all there is on its line. */
static bool stands_alone(const struct parser *p, const struct tag *tag)
{
    const char *before = tag->from, *after = tag->to;

    while (before > p->start && is_blank(before[-1]))
        before--;
    while (after < p->end && is_blank(*after))
        after++;
    if (before > p->start && before[-1] != '\n')
        return false;
    return after == p->end || *after == '\n' || (*after == '\r' && after + 1 < p->end && after[1] == '\n');
}

/* Reads the tag that begins at `from`; false, with p->why, when it has no end. */
static bool read_tag(struct parser *p, const char *from, struct tag *tag)
{
    const char *at = from + strlen(p->open);
    const char *close = p->close;

    *tag = (struct tag){ .from = from };
    if (at < p->end && strchr("#^/>!=&{", *at) && *at)
        tag->sigil = *at++;
    if (tag->sigil == '{')
        close = arena_printf(p->arena, "}%s", p->close);
    if (tag->sigil == '=')
        close = arena_printf(p->arena, "=%s", p->close);

    const char *stop = find(at, p->end, close);
    if (!stop)
        return fail(p, from, "the tag has no end");
    tag->to = stop + strlen(close);
    while (at < stop && strchr(" \t\r\n", *at))
        at++;
    while (stop > at && strchr(" \t\r\n", stop[-1]))
        stop--;
    tag->name = arena_strndup(p->arena, at, (size_t)(stop - at));
    tag->standalone = tag->sigil && !strchr("&{", tag->sigil) && stands_alone(p, tag);
    return true;
}

static bool set_delimiters(struct parser *p, const struct tag *tag)
{
    size_t first = strcspn(tag->name, " \t\r\n");
    size_t gap = strspn(tag->name + first, " \t\r\n");
    const char *second = tag->name + first + gap;

    if (first == 0 || gap == 0 || *second == '\0' || strpbrk(second, " \t\r\n="))
        return fail(p, tag->from, "two delimiters are wanted between the equals signs");
    p->open = arena_strndup(p->arena, tag->name, first);
    p->close = second;
    return true;
}

static bool parse(struct parser *p, const char *section, struct list list);

/* A section's or an inverted section's content, up to its end tag. */
static bool parse_section(struct parser *p, const struct tag *tag, struct list *list)
{
    enum node_kind kind = tag->sigil == '#' ? NODE_SECTION : NODE_INVERTED;

    if (!tag->standalone)
        start_line(p, list);
    struct node *node = add(p, list, kind, tag->name, strlen(tag->name));
    if (++p->depth > MAX_DEPTH)
        return fail(p, tag->from, "sections are nested too deeply");
    bool parsed = parse(p, tag->name, (struct list){ &node->children });
    p->depth--;
    return parsed;
}

/* The indentation of a standalone partial is that of its tag; the node keeps it in its children. */
static void add_partial(struct parser *p, const struct tag *tag, struct list *list)
{
    const char *indent = tag->from;

    if (!tag->standalone)
        start_line(p, list);
    struct node *node = add(p, list, NODE_PARTIAL, tag->name, strlen(tag->name));
    if (!tag->standalone)
        return;
    while (indent > p->start && is_blank(indent[-1]))
        indent--;
    if (indent < tag->from)
        add(p, &(struct list){ &node->children }, NODE_TEXT, indent, (size_t)(tag->from - indent));
}

static bool add_tag(struct parser *p, const struct tag *tag, struct list *list)
{
    switch (tag->sigil) {
    case '#':
    case '^':
        return parse_section(p, tag, list);
    case '>':
        add_partial(p, tag, list);
        return true;
    case '=':
        return set_delimiters(p, tag);
    case '!':
        return true;
    default:
        start_line(p, list);
        add(p, list, tag->sigil ? NODE_RAW : NODE_ESCAPED, tag->name, strlen(tag->name));
        return true;
    }
}

/* Text before a tag; the blanks before a standalone tag belong to the tag. */
static void add_text_before(struct parser *p, const struct tag *tag, struct list *list)
{
    const char *to = tag->from;

    while (tag->standalone && to > p->at && is_blank(to[-1]))
        to--;
    add_text(p, list, p->at, to);
}

/* Goes past the tag, and past the rest of its line when it stands alone there. */
static void move_past(struct parser *p, const struct tag *tag)
{
    p->at = tag->to;
    if (!tag->standalone)
        return;
    const char *newline = memchr(p->at, '\n', (size_t)(p->end - p->at));
    p->at = newline ? newline + 1 : p->end;
    p->fresh = true;
}

/* Parses up to the end tag of `section`, or to the end of the text. */
static bool parse(struct parser *p, const char *section, struct list list)
{
    const char *from;
    struct tag tag;

    while ((from = find(p->at, p->end, p->open))) {
        if (!read_tag(p, from, &tag))
            return false;
        add_text_before(p, &tag, &list);
        move_past(p, &tag);
        if (tag.sigil == '/') {
            if (section && strcmp(section, tag.name) == 0)
                return true;
            return fail(p, from, arena_printf(p->arena, "{{/%s}} ends nothing", tag.name));
        }
        if (!add_tag(p, &tag, &list))
            return false;
    }
    if (section)
        return fail(p, p->at, arena_printf(p->arena, "{{#%s}} has no end", section));
    add_text(p, &list, p->at, p->end);
    return true;
}

/* NULL is an empty template; false when it cannot be parsed. */
static bool parse_text(struct arena *arena, const char *text, size_t length, struct node **out, const char **why)
{
    struct parser p = {
        .arena = arena,
        .start = text,
        .at = text,
        .end = text + length,
        .open = "{{",
        .close = "}}",
        .fresh = true,
    };

    *out = NULL;
    bool parsed = parse(&p, NULL, (struct list){ out });
    *why = p.why;
    return parsed;
}

/* Rendering */

/* What names are looked up in, innermost first. */
struct scope {
    const json_t *value;
    const struct scope *outer;
};

struct renderer {
    struct arena *arena;
    const struct templates *templates; // or else
    const json_t *partials;            // texts by name
    struct buf *out;
    int depth;
    int nodes;
};

static void render(struct renderer *r, const struct node *node, const struct scope *scope, const char *indent);

static const json_t *member(const json_t *value, const char *name, size_t length)
{
    return json_is_object(value) ? json_object_getn(value, name, length) : NULL;
}

/* "a.b.c": `a` is the nearest one, the others are members of it and of nothing else. */
static const json_t *lookup(const struct scope *scope, const char *name)
{
    size_t length = strcspn(name, ".");
    const json_t *value = NULL;

    if (strcmp(name, ".") == 0)
        return scope->value;
    for (; scope && !value; scope = scope->outer)
        value = member(scope->value, name, length);
    while (value && name[length] == '.') {
        name += length + 1;
        length = strcspn(name, ".");
        value = member(value, name, length);
    }
    return value;
}

static bool is_nothing(const json_t *value)
{
    if (!value || json_is_null(value) || json_is_false(value))
        return true;
    if (json_is_string(value))
        return json_string_length(value) == 0;
    return json_is_array(value) && json_array_size(value) == 0;
}

static void escape(struct buf *out, const char *text)
{
    for (;;) {
        size_t plain = strcspn(text, "&<>\"'");
        buf_add(out, text, plain);
        text += plain;
        switch (*text++) {
        case '\0':
            return;
        case '&':
            buf_text(out, "&amp;");
            break;
        case '<':
            buf_text(out, "&lt;");
            break;
        case '>':
            buf_text(out, "&gt;");
            break;
        case '"':
            buf_text(out, "&quot;");
            break;
        default:
            buf_text(out, "&#39;");
        }
    }
}

/* Objects and lists have no text. */
static void write_value(struct renderer *r, const json_t *value, bool raw)
{
    if (!value)
        return;
    switch (json_typeof(value)) {
    case JSON_STRING:
        if (raw)
            buf_text(r->out, json_string_value(value));
        else
            escape(r->out, json_string_value(value));
        return;
    case JSON_INTEGER:
        buf_printf(r->out, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
        return;
    case JSON_REAL:
        buf_printf(r->out, "%.15g", json_real_value(value));
        return;
    case JSON_TRUE:
        buf_text(r->out, "true");
        return;
    case JSON_FALSE:
        buf_text(r->out, "false");
        return;
    case JSON_NULL:
    case JSON_OBJECT:
    case JSON_ARRAY:
        return;
    }
}

static void render_section(struct renderer *r, const struct node *node, const struct scope *scope, const char *indent)
{
    const json_t *value = lookup(scope, node->text), *item;
    size_t i;

    if (is_nothing(value))
        return;
    if (!json_is_array(value)) {
        render(r, node->children, &(struct scope){ value, scope }, indent);
        return;
    }
    json_array_foreach(value, i, item)
    {
        render(r, node->children, &(struct scope){ item, scope }, indent);
    }
}

static int by_name(const void *key, const void *element)
{
    return strcmp(key, ((const struct template *)element)->name);
}

static const struct template *named(const struct templates *templates, const char *name)
{
    if (templates->count == 0)
        return NULL;
    return bsearch(name, templates->list, templates->count, sizeof(templates->list[0]), by_name);
}

/* By its whole name, or without .html or .txt. */
static const struct template *find_template(struct arena *arena, const struct templates *templates, const char *name)
{
    static const char *const endings[] = { "", ".html", ".txt" };
    const struct template *found = NULL;

    for (size_t i = 0; i < sizeof(endings) / sizeof(endings[0]) && !found; i++)
        found = named(templates, arena_printf(arena, "%s%s", name, endings[i]));
    return found;
}

static const struct node *find_partial(struct renderer *r, const char *name)
{
    const char *text = r->partials ? json_string_value(json_object_get(r->partials, name)) : NULL;
    struct node *nodes = NULL;
    const char *why;

    if (r->templates) {
        const struct template *found = find_template(r->arena, r->templates, name);
        return found ? found->nodes : NULL;
    }
    return text && parse_text(r->arena, text, strlen(text), &nodes, &why) ? nodes : NULL;
}

static void render_partial(struct renderer *r, const struct node *node, const struct scope *scope, const char *indent)
{
    const struct node *extra = node->children;

    if (extra)
        indent = arena_printf(r->arena, "%s%.*s", indent, (int)extra->length, extra->text);
    render(r, find_partial(r, node->text), scope, indent);
}

static void render_node(struct renderer *r, const struct node *node, const struct scope *scope, const char *indent)
{
    switch (node->kind) {
    case NODE_TEXT:
        buf_add(r->out, node->text, node->length);
        return;
    case NODE_LINE:
        buf_text(r->out, indent);
        return;
    case NODE_ESCAPED:
    case NODE_RAW:
        write_value(r, lookup(scope, node->text), node->kind == NODE_RAW);
        return;
    case NODE_SECTION:
        render_section(r, node, scope, indent);
        return;
    case NODE_INVERTED:
        if (is_nothing(lookup(scope, node->text)))
            render(r, node->children, scope, indent);
        return;
    case NODE_PARTIAL:
        render_partial(r, node, scope, indent);
        return;
    }
}

static void render(struct renderer *r, const struct node *node, const struct scope *scope, const char *indent)
{
    if (r->depth >= MAX_DEPTH)
        return;
    r->depth++;
    for (; node && r->nodes < MAX_NODES; node = node->next) {
        r->nodes++;
        render_node(r, node, scope, indent);
    }
    r->depth--;
}

struct error *template_render(struct ctx *ctx, const struct templates *templates, const char *name, const json_t *view,
    struct buf *out)
{
    const struct template *found = templates ? find_template(ctx->arena, templates, name) : NULL;
    struct renderer r = { .arena = ctx->arena, .templates = templates, .out = out };

    if (!found) {
        struct error *error = error_new(ctx, E_INTERNAL_ERROR, "the page could not be made");
        return error_cause(ctx, error, "there is no template %s", name);
    }
    render(&r, found->nodes, &(struct scope){ view, NULL }, "");
    return NULL;
}

struct error *template_render_text(struct ctx *ctx, const char *text, const json_t *partials, const json_t *view,
    struct buf *out)
{
    struct renderer r = { .arena = ctx->arena, .partials = partials, .out = out };
    struct node *nodes;
    const char *why;

    if (!parse_text(ctx->arena, text, strlen(text), &nodes, &why)) {
        struct error *error = error_new(ctx, E_INTERNAL_ERROR, "the text could not be made");
        return error_cause(ctx, error, "the template cannot be read: %s", why);
    }
    render(&r, nodes, &(struct scope){ view, NULL }, "");
    return NULL;
}

/* Loading */

static bool has_ending(const char *name, const char *ending)
{
    size_t length = strlen(name), wanted = strlen(ending);

    return length > wanted && strcmp(name + length - wanted, ending) == 0;
}

static char *read_file(struct arena *arena, const char *path, size_t size)
{
    FILE *file = fopen(path, "re");
    if (!file)
        return NULL;

    char *text = arena_alloc(arena, size + 1);
    bool whole = fread(text, 1, size, file) == size;
    fclose(file);
    return whole ? text : NULL;
}

static void put(struct templates *templates, const struct template *added)
{
    if (templates->count == templates->capacity) {
        size_t capacity = templates->capacity ? templates->capacity * 2 : 32;
        struct template *list = arena_array(templates->arena, capacity, sizeof(*list));
        if (templates->count > 0)
            memcpy(list, templates->list, templates->count * sizeof(*list));
        templates->list = list;
        templates->capacity = capacity;
    }
    templates->list[templates->count++] = *added;
}

static bool load_file(struct templates *templates, const char *path, size_t size, const char *name, const char **why)
{
    struct template template = { .name = name };
    char *text = size <= MAX_FILE ? read_file(templates->arena, path, size) : NULL;

    if (!text) {
        *why = arena_printf(templates->arena, "%s: %s", path, size > MAX_FILE ? "too large" : "cannot be read");
        return false;
    }
    if (!parse_text(templates->arena, text, size, &template.nodes, why)) {
        *why = arena_printf(templates->arena, "%s: %s", path, *why);
        return false;
    }
    put(templates, &template);
    return true;
}

static bool load_directory(struct templates *templates, const char *path, const char *prefix, const char **why);

static bool load_entry(struct templates *templates, const char *path, const char *prefix, const char *entry,
    const char **why)
{
    const char *name = arena_printf(templates->arena, "%s%s", prefix, entry);
    const char *full = arena_printf(templates->arena, "%s/%s", path, entry);
    struct stat info;

    if (stat(full, &info) != 0)
        return true;
    if (S_ISDIR(info.st_mode))
        return load_directory(templates, full, arena_printf(templates->arena, "%s/", name), why);
    if (has_ending(name, ".html") || has_ending(name, ".txt"))
        return load_file(templates, full, (size_t)info.st_size, name, why);
    return true;
}

static int is_visible(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

/* Loads a directory's files; `prefix` is what their names begin with: "" or "checkout/". */
static bool load_directory(struct templates *templates, const char *path, const char *prefix, const char **why)
{
    struct dirent **entries;
    int count = scandir(path, &entries, is_visible, alphasort);
    bool loaded = true;

    if (count < 0) {
        *why = arena_printf(templates->arena, "%s: %s", path, strerror(errno));
        return false;
    }
    for (int i = 0; i < count; i++) {
        loaded = loaded && load_entry(templates, path, prefix, entries[i]->d_name, why);
        free(entries[i]);
    }
    free(entries);
    return loaded;
}

/* The first partial that is included and does not exist, or NULL. */
static const char *missing_partial(const struct templates *templates, const struct node *node)
{
    for (; node; node = node->next) {
        const char *missing = NULL;
        if (node->kind == NODE_PARTIAL)
            missing = find_template(templates->arena, templates, node->text) ? NULL : node->text;
        else
            missing = missing_partial(templates, node->children);
        if (missing)
            return missing;
    }
    return NULL;
}

static bool partials_exist(const struct templates *templates, const char **why)
{
    for (size_t i = 0; i < templates->count; i++) {
        const struct template *template = &templates->list[i];
        const char *missing = missing_partial(templates, template->nodes);
        if (missing) {
            *why = arena_printf(templates->arena, "%s includes %s, which does not exist", template->name, missing);
            return false;
        }
    }
    return true;
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(((const struct template *)a)->name, ((const struct template *)b)->name);
}

struct templates *templates_load(const char *directory, const char **why)
{
    struct arena *arena = arena_new();
    struct templates *templates = arena_alloc(arena, sizeof(*templates));

    templates->arena = arena;
    bool loaded = load_directory(templates, directory, "", why);
    if (loaded && templates->count > 0)
        qsort(templates->list, templates->count, sizeof(templates->list[0]), compare_names);
    if (loaded && partials_exist(templates, why))
        return templates;

    static _Thread_local char kept[512]; // outlives the arena that *why is in
    snprintf(kept, sizeof(kept), "%s", *why);
    *why = kept;
    templates_free(templates);
    return NULL;
}

void templates_free(struct templates *templates)
{
    if (templates)
        arena_free(templates->arena);
}
