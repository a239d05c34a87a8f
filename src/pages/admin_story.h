#ifndef TILL_PAGES_ADMIN_STORY_H
#define TILL_PAGES_ADMIN_STORY_H

#include "payments/story.h"

#include <jansson.h>

/* The lines of a payment's time line, in words: {"time", "tone", "source", "sentence", "who", "amount", "lines", "raw", "link"}. */
json_t *admin_story(struct ctx *ctx, const struct story_list *list);

/* Who that is, for a page: a user's name, or what kind of caller. */
const char *admin_person(struct ctx *ctx, const char *id);

#endif
