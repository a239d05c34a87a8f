#ifndef TILL_BASE_UTF8_H
#define TILL_BASE_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Takes one character from *text and moves past it. False at a byte that is no part of well-formed UTF-8 (overlong,
 * surrogate, beyond U+10FFFF, cut off), which is passed over with *code = U+FFFD. Not to be called at the end of the
 * text. */
bool utf8_next(const char **text, uint32_t *code);

bool utf8_is_valid(const char *text);

struct arena;

/* The text itself when it is valid, else a copy with U+FFFD for what is not. */
const char *utf8_clean(struct arena *arena, const char *text);

#endif
