#include "web/locale.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/ctx.h"
#include "base/field.h"
#include "web/request.h"

const char *const locale_names[] = { "en", "de", "fr", "es", "it", "nl", "pt-BR", "pl", "ja", "ar", NULL };

#define LOCALES (sizeof(locale_names) / sizeof(locale_names[0]) - 1)
#define MAX_LANGUAGES 32 // that are looked at in one Accept-Language

struct locales {
    json_t *texts[LOCALES]; // only read after the start, so that threads can share them
    struct arena *arena;    // of *why
};

/* Reading */

static bool has_placeholder(const char *text, const char *name, size_t length)
{
    for (const char *at = strchr(text, '{'); at; at = strchr(at + 1, '{')) {
        if (strncmp(at, name, length) == 0)
            return true;
    }
    return false;
}

/* Whether each {placeholder} of `a` is in `b`. */
static bool placeholders_within(const char *a, const char *b)
{
    for (const char *at = strchr(a, '{'); at; at = strchr(at + 1, '{')) {
        const char *end = strchr(at, '}');
        if (!end || !has_placeholder(b, at, (size_t)(end + 1 - at)))
            return false;
    }
    return true;
}

/* Dates name the same day in other ways: a month by its name or its number. */
static bool is_date(const char *name)
{
    return strncmp(name, "date", 4) == 0;
}

static const char *compare(struct arena *arena, const char *locale, json_t *english, json_t *other)
{
    const char *name;
    json_t *value;

    json_object_foreach(english, name, value)
    {
        json_t *same = json_object_get(other, name);
        if (!same || json_typeof(same) != json_typeof(value))
            return arena_printf(arena, "%s.json has no text \"%s\"", locale, name);
        if (json_is_array(value) && json_array_size(value) != json_array_size(same))
            return arena_printf(arena, "%s.json: \"%s\" has another length", locale, name);
        if (!json_is_string(value) || is_date(name))
            continue;
        const char *a = json_string_value(value), *b = json_string_value(same);
        if (!placeholders_within(a, b) || !placeholders_within(b, a))
            return arena_printf(arena, "%s.json: \"%s\" has other {placeholders}", locale, name);
    }
    json_object_foreach(other, name, value)
    {
        if (!json_object_get(english, name))
            return arena_printf(arena, "%s.json has a text \"%s\" that English has not", locale, name);
    }
    return NULL;
}

static const char *read_all(struct locales *locales, const char *directory)
{
    for (size_t i = 0; i < LOCALES; i++) {
        json_error_t error;
        const char *path = arena_printf(locales->arena, "%s/%s.json", directory, locale_names[i]);
        locales->texts[i] = json_load_file(path, JSON_REJECT_DUPLICATES, &error);
        if (!json_is_object(locales->texts[i]))
            return arena_printf(locales->arena, "%s line %d: %s", path, error.line, error.text);
        const char *why = compare(locales->arena, locale_names[i], locales->texts[0], locales->texts[i]);
        if (why)
            return why;
    }
    return NULL;
}

struct locales *locales_load(const char *directory, const char **why)
{
    struct arena *arena = arena_new();
    struct locales *locales = arena_alloc(arena, sizeof(*locales));

    locales->arena = arena;
    const char *wrong = read_all(locales, directory);
    if (!wrong)
        return locales;
    *why = strdup(wrong); // said once, by a program that then ends
    locales_free(locales);
    return NULL;
}

void locales_free(struct locales *locales)
{
    if (!locales)
        return;
    for (size_t i = 0; i < LOCALES; i++)
        json_decref(locales->texts[i]);
    arena_free(locales->arena);
}

/* Choosing */

static const char *match(const char *tag, size_t length)
{
    size_t primary = strcspn(tag, "-_");

    if (primary > length)
        primary = length;
    for (const char *const *name = locale_names; *name; name++) {
        if (strlen(*name) == length && strncasecmp(*name, tag, length) == 0)
            return *name;
    }
    for (const char *const *name = locale_names; *name; name++) {
        if (strcspn(*name, "-") == primary && strncasecmp(*name, tag, primary) == 0)
            return *name;
    }
    return NULL;
}

const char *locale_match(const char *tag)
{
    return match(tag, strlen(tag));
}

/* The weight of ";q=0.8" in thousandths; 1000 when there is none. */
static int weight(const char *parameters, size_t length)
{
    const char *q = memmem(parameters, length, "q=", 2);

    if (!q || q[2] != '0')
        return 1000;
    int thousandths = 0, scale = 100;
    for (const char *digit = q + 3 + (q[3] == '.'); digit < parameters + length && *digit >= '0' && *digit <= '9';
         digit++) {
        thousandths += (*digit - '0') * scale;
        scale /= 10;
    }
    return thousandths;
}

static const char *accepted(const char *header)
{
    const char *best = NULL;
    int best_weight = 0, looked_at = 0;

    while (*header && looked_at++ < MAX_LANGUAGES) {
        header += strspn(header, " \t,");
        size_t length = strcspn(header, ","), tag = strcspn(header, " \t,;");
        const char *found = match(header, tag);
        int found_weight = weight(header + tag, length - tag);
        if (found && found_weight > best_weight) {
            best = found;
            best_weight = found_weight;
        }
        header += length;
    }
    return best;
}

const char *locale_of(const struct request *r, const char *wanted)
{
    const char *asked = request_query(r, "lang");
    const char *header = request_header(r, "Accept-Language");
    const char *locale = asked ? locale_match(asked) : NULL;

    if (!locale && wanted)
        locale = locale_match(wanted);
    if (!locale && header)
        locale = accepted(header);
    return locale ? locale : locale_names[0];
}

/* Texts */

static json_t *texts_of(const struct locales *locales, const char *locale)
{
    int index = name_index(locale_names, locale);

    assert(index >= 0);
    return locales->texts[index];
}

const char *locale_text(const struct locales *locales, const char *locale, const char *name)
{
    const char *text = json_get_text(texts_of(locales, locale), name);

    assert(text);
    return text;
}

const char *locale_fill(struct ctx *ctx, const char *text, const json_t *values)
{
    struct buf out = { .arena = ctx->arena };
    const char *open, *close;

    for (; (open = strchr(text, '{')) && (close = strchr(open, '}')); text = close + 1) {
        const char *name = arena_strndup(ctx->arena, open + 1, (size_t)(close - open - 1));
        const char *value = json_get_text(values, name);
        buf_add(&out, text, (size_t)(open - text));
        if (value)
            buf_text(&out, value);
        else
            buf_add(&out, open, (size_t)(close + 1 - open));
    }
    buf_text(&out, text);
    return buf_string(&out);
}

json_t *locale_texts(struct ctx *ctx, const struct locales *locales, const char *locale, const json_t *values)
{
    json_t *filled = json_in(ctx->arena, json_object());
    const char *name;
    json_t *value;

    json_object_foreach(texts_of(locales, locale), name, value)
    {
        if (json_is_string(value))
            json_object_set_new(filled, name, json_string(locale_fill(ctx, json_string_value(value), values)));
    }
    return filled;
}

const char *locale_date(struct ctx *ctx, const struct locales *locales, const char *locale, struct instant instant,
    bool with_time)
{
    time_t seconds = (time_t)instant_to_unix(instant);
    struct tm parts;

    if (!gmtime_r(&seconds, &parts))
        return "";
    const json_t *months = json_object_get(texts_of(locales, locale), "months");
    json_t *values = json_in(ctx->arena,
        json_pack("{s:s, s:s, s:s, s:s, s:s}", "day", arena_printf(ctx->arena, "%d", parts.tm_mday), "month",
            json_string_value(json_array_get(months, (size_t)parts.tm_mon)), "month_number",
            arena_printf(ctx->arena, "%d", parts.tm_mon + 1), "year",
            arena_printf(ctx->arena, "%d", parts.tm_year + 1900), "time",
            arena_printf(ctx->arena, "%02d:%02d", parts.tm_hour, parts.tm_min)));
    return locale_fill(ctx, locale_text(locales, locale, with_time ? "date_time" : "date"), values);
}
