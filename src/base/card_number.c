#include "base/card_number.h"

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define SHORTEST 13
#define LONGEST 19
#define UUID_LENGTH 36

/* First digits that cards of each length have. Times in milliseconds, dates, book and article numbers mostly have
 * others. */
static const char *const first_digits[LONGEST + 1] = {
    [13] = "4",
    [14] = "356",
    [15] = "12356",
    [16] = "2345689",
    [17] = "356",
    [18] = "356",
    [19] = "23456",
};

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_word(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || ((unsigned char)c & 0x80U);
}

static bool check_digit_fits(const char *digits, size_t count)
{
    int sum = 0;

    for (size_t i = 0; i < count; i++) {
        int digit = digits[count - 1 - i] - '0';

        if (i % 2 == 1)
            digit = digit < 5 ? digit * 2 : digit * 2 - 9;
        sum += digit;
    }
    return sum % 10 == 0;
}

static bool is_card_number(const char *digits, size_t count)
{
    return count >= SHORTEST && count <= LONGEST && strchr(first_digits[count], digits[0])
        && strspn(digits, (char[]){ digits[0], '\0' }) < count && check_digit_fits(digits, count);
}

static bool is_hexadecimal(char c)
{
    return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

static bool is_uuid(const char *text)
{
    for (size_t i = 0; i < UUID_LENGTH; i++) {
        bool dash = i == 8 || i == 13 || i == 18 || i == 23;

        if (dash ? text[i] != '-' : !is_hexadecimal(text[i]))
            return false;
    }
    return !is_digit(text[UUID_LENGTH]) && !is_word(text[UUID_LENGTH]);
}

/* Whether groups of digits from here on, one or several, are a card number. */
static bool card_number_at(const char *text)
{
    char digits[LONGEST + 1] = "";
    size_t count = 0;

    for (;;) {
        while (is_digit(*text) && count < LONGEST)
            digits[count++] = *text++;
        if (is_digit(*text) || is_word(*text))
            return false;
        if (is_card_number(digits, count))
            return true;
        if ((*text != ' ' && *text != '-') || !is_digit(text[1]))
            return false;
        text++;
    }
}

/* Past the word that starts here: letters and digits without anything between. */
static const char *past_word(const char *text)
{
    while (is_digit(*text) || is_word(*text))
        text++;
    return text;
}

bool card_number_in(const char *text)
{
    char before = ' ';

    while (*text) {
        if (is_uuid(text)) {
            text += UUID_LENGTH;
        } else if (is_digit(*text)) {
            if (before != '+' && card_number_at(text))
                return true;
            text = past_word(text);
        } else {
            text = is_word(*text) ? past_word(text) : text + 1;
        }
        before = text[-1];
    }
    return false;
}
