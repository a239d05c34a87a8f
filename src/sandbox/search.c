#include "sandbox/search.h"

#include "base/arena.h"
#include "base/ctx.h"
#include "base/field.h"
#include "sandbox/dials.h"
#include "sandbox/memory.h"
#include "sandbox/operations.h"
#include "sandbox/render.h"
#include "web/request.h"

#include <stdlib.h>
#include <string.h>

enum { MAX_CLAUSES = 10, DEFAULT_LIMIT = 10 };

struct clause {
    const char *field; // "metadata" with a key, or a member
    const char *key;
    const char *operator; // ":", "~", "<", ">", "<=", ">="
    const char *value;
    bool negated;
};

struct query {
    struct clause clauses[MAX_CLAUSES];
    size_t count;
    bool any; // joined by OR
};

const struct param search_params[] = { SEARCHING, PARAMS_END };

static const char *skip(const char *at)
{
    return at + strspn(at, " ");
}

/* Text in single or double quotes, or a bare word. NULL when the quotes do not end. */
static const char *word(struct call *call, const char **at)
{
    char quote = **at == '"' || **at == '\'' ? *(*at)++ : '\0';
    const char *start = *at;
    size_t length = quote ? strcspn(start, (char[]){ quote, '\0' }) : strcspn(start, " :~<>[]=");

    if (quote && !start[length])
        return NULL;
    *at = start + length + (quote ? 1 : 0);
    return arena_strndup(call->ctx->arena, start, length);
}

static bool read_clause(struct call *call, const char **at, struct clause *out)
{
    static const char *const operators[] = { ">=", "<=", ":", "~", "<", ">" };

    *out = (struct clause){ .negated = **at == '-' };
    *at += out->negated;
    if (!(out->field = word(call, at)) || !*out->field)
        return false;
    if (**at == '[') {
        ++*at;
        if (!(out->key = word(call, at)) || *(*at)++ != ']')
            return false;
    }
    for (size_t i = 0; i < sizeof operators / sizeof *operators && !out->operator; i++) {
        if (strncmp(*at, operators[i], strlen(operators[i])) == 0)
            out->operator= operators[i];
    }
    if (!out->operator)
        return false;
    *at += strlen(out->operator);
    return (out->value = word(call, at)) != NULL;
}

static struct failure *read_query(struct call *call, struct query *query)
{
    const char *text = json_get_text(call->params, "query");
    const char *at = skip(text);

    *query = (struct query){ 0 };
    while (*at && query->count < MAX_CLAUSES) {
        if (!read_clause(call, &at, &query->clauses[query->count++]))
            return fail_early(call, 400, NULL, "query",
                "We were unable to parse your search query. Try using the format `metadata[\"key\"]:\"value\"` to "
                "query "
                "for metadata or key:\"value\" to query for other fields.");
        at = skip(at);
        if (strncmp(at, "AND ", 4) == 0)
            at = skip(at + 4);
        else if (strncmp(at, "OR ", 3) == 0)
            query->any = true, at = skip(at + 3);
    }
    return *at ? fail_early(call, 400, NULL, "query", "A search query can have at most %d clauses.", MAX_CLAUSES)
               : NULL;
}

static bool number_fits(json_int_t number, const struct clause *clause)
{
    long long wanted = strtoll(clause->value, NULL, 10);

    switch (clause->operator[0]) {
    case '<':
        return clause->operator[1] ? number <= wanted : number<wanted;
    case '>':
        return clause->operator[1] ? number >= wanted : number> wanted;
    default:
        return number == wanted;
    }
}

static bool clause_fits(const struct record *record, const struct clause *clause)
{
    const json_t *value = json_object_get(record->object, clause->field);
    bool fits = false;

    if (clause->key)
        value = json_object_get(value, clause->key);
    if (strcmp(clause->value, "null") == 0)
        fits = !value || json_is_null(value);
    else if (json_is_integer(value))
        fits = number_fits(json_integer_value(value), clause);
    else if (json_is_string(value) && *clause->operator== '~')
        fits = strcasestr(json_string_value(value), clause->value) != NULL;
    else if (json_is_string(value))
        fits = strcasecmp(json_string_value(value), clause->value) == 0;
    return fits != clause->negated;
}

static bool query_fits(const struct record *record, const struct query *query)
{
    for (size_t i = 0; i < query->count; i++) {
        if (clause_fits(record, &query->clauses[i]) == query->any)
            return query->any;
    }
    return !query->any;
}

/* All that can fit: for an exact metadata clause the store knows them by name. */
static struct records candidates(const struct call *call, enum kind kind, const struct query *query)
{
    for (size_t i = 0; i < query->count && !query->any; i++) {
        const struct clause *clause = &query->clauses[i];

        if (clause->key && !clause->negated && *clause->operator== ':' && strcmp(clause->field, "metadata") == 0
            && strcmp(clause->value, "null") != 0)
            return store_by(call->sandbox->store, kind, arena_printf(call->ctx->arena, "metadata.%s", clause->key),
                clause->value);
    }
    return store_all(call->sandbox->store, kind);
}

static json_t *page_of(struct call *call, const struct query *query, struct records records, size_t offset, bool *more)
{
    json_int_t asked = json_get_int(call->params, "limit");
    size_t limit = asked ? (size_t)asked : DEFAULT_LIMIT;
    int64_t youngest = call->now - dials_search_lag(call->sandbox->dials);
    json_t *data = made(json_array());
    size_t found = 0;

    *more = false;
    for (size_t i = records.count; i-- > 0 && !*more;) {
        const struct record *record = records.items[i];

        if (record->deleted || record->created > youngest || !query_fits(record, query) || found++ < offset)
            continue;
        if (json_array_size(data) == limit)
            *more = true;
        else
            json_array_append_new(data, render(call, record->object));
    }
    return data;
}

struct failure *answer_search(struct call *call, enum kind kind)
{
    const char *page = json_get_text(call->params, "page");
    size_t offset = page ? (size_t)strtoul(page, NULL, 10) : 0;
    struct query query;
    bool more;

    PASS(read_query(call, &query));
    json_t *data = page_of(call, &query, candidates(call, kind, &query), offset, &more);
    const char *next = arena_printf(call->ctx->arena, "%zu", offset + json_array_size(data));
    call->answer = json_in(call->ctx->arena,
        json_pack("{s:s, s:o, s:b, s:s?, s:s}", "object", "search_result", "data", data, "has_more", more, "next_page",
            more ? next : NULL, "url", call->request->path));
    return NULL;
}
