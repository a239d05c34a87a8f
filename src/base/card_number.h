#ifndef TILL_BASE_CARD_NUMBER_H
#define TILL_BASE_CARD_NUMBER_H

#include <stdbool.h>

/* Whether the text holds what looks like a card number: 13 to 19 digits, with single spaces or dashes between them,
 * whose length, first digit and check digit are those of cards. Digits that touch a letter or an underscore are part
 * of an id, digits after a plus of a telephone number; neither counts, nor does a UUID. */
bool card_number_in(const char *text);

#endif
