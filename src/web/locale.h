#ifndef TILL_WEB_LOCALE_H
#define TILL_WEB_LOCALE_H

#include "base/instant.h"

#include <jansson.h>
#include <stdbool.h>

struct ctx;
struct locales;
struct request;

/* Texts for people, one file a language: <directory>/<locale>.json, an object of texts, which may have {placeholders}. All are
 * read once, before the first thread. NULL and *why when a file cannot be read, or does not have exactly the texts and
 * placeholders that English has. */
struct locales *locales_load(const char *directory, const char **why);
void locales_free(struct locales *locales);

/* The languages there are, English first, ending with NULL. */
extern const char *const locale_names[];

/* The language for who asks: the query's `lang`, then `wanted` (may be NULL), then Accept-Language, then English. Always one
 * of locale_names. */
const char *locale_of(const struct request *r, const char *wanted);

/* The one of locale_names that suits a language tag ("de-AT": "de", "pt": "pt-BR"), or NULL. */
const char *locale_match(const char *tag);

/* One text as it is in the file; asserts that it exists. */
const char *locale_text(const struct locales *locales, const char *locale, const char *name);

/* One text with its placeholders filled from the texts in `values`; one that is not there stays as it is. */
const char *locale_fill(struct ctx *ctx, const char *text, const json_t *values);

/* All texts of a language, filled. Belongs to ctx->arena. */
json_t *locale_texts(struct ctx *ctx, const struct locales *locales, const char *locale, const json_t *values);

/* "21 November 2026", or with the time and its zone, as a reader of the language writes it. */
const char *locale_date(struct ctx *ctx, const struct locales *locales, const char *locale, struct instant instant,
    bool with_time);

#endif
