#include "base/csv.h"

#include <stdbool.h>
#include <string.h>

static bool is_number(const char *text)
{
    const char *digits = *text == '-' ? text + 1 : text;

    return *digits && strspn(digits, "0123456789.") == strlen(digits);
}

void csv_cell(struct buf *out, const char *text, const char *end)
{
    text = text ? text : "";
    buf_byte(out, '"');
    if (*text && strchr("=+-@\t\r\n", *text) && !is_number(text))
        buf_byte(out, '\'');
    for (; *text; text++) {
        if (*text == '"')
            buf_byte(out, '"');
        buf_byte(out, *text);
    }
    buf_byte(out, '"');
    buf_text(out, end);
}

void csv_money(struct buf *out, struct money money)
{
    csv_cell(out, *money.currency ? money_value(out->arena, money) : "", ",");
    csv_cell(out, money.currency, ",");
}
