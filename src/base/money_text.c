#include "base/money.h"

#include <stddef.h>
#include <string.h>

#include "base/arena.h"
#include "base/buf.h"

#define NBSP "\xc2\xa0"
#define NARROW "\xe2\x80\xaf" // a narrow no-break space
#define RTL "\xe2\x80\x8f"    // right-to-left mark: keeps sign and amount together in Arabic text

/* How amounts are written in a language. */
struct style {
    const char *language;
    const char *group;
    const char *decimal;
    const char *before; // the whole text
    const char *gap;    // between symbol and number
    int grouped_from;   // how many digits
    bool symbol_first;
    bool sign_at_number; // "€ -5,00", not "-€ 5,00"
};

static const struct style styles[] = {
    { "en", ",", ".", "", "", 4, true, false },
    { "de", ".", ",", "", NBSP, 4, false, true },
    { "fr", NARROW, ",", "", NBSP, 4, false, true },
    { "es", ".", ",", "", NBSP, 5, false, true },
    { "it", ".", ",", "", NBSP, 4, false, true },
    { "nl", ".", ",", "", NBSP, 4, true, true },
    { "pt", ".", ",", "", NBSP, 4, true, false },
    { "pl", NBSP, ",", "", NBSP, 5, false, true },
    { "ja", ",", ".", "", "", 4, true, false },
    { "ar", ",", ".", RTL, NBSP, 4, false, true },
};

/* What stands for a currency. Where `languages` is given, only in those; the first row that fits counts. A code
 * without a row stands for itself. */
static const struct {
    const char *code;
    const char *symbol;
    const char *languages;
} symbols[] = {
    { "AED", "د.إ." RTL, "ar" },
    { "AUD", "AU$", "de es it ja ar" },
    { "AUD", "$AU", "fr" },
    { "AUD", "A$", "en" },
    { "AUD", "AU$", NULL },
    { "BHD", "د.ب." RTL, "ar" },
    { "BRL", "R$", NULL },
    { "CAD", "$CA", "fr" },
    { "CAD", "C$", "nl" },
    { "CAD", "CA$", NULL },
    { "CNY", "元", "ja" },
    { "CNY", "CN¥", NULL },
    { "CZK", "Kč", NULL },
    { "DKK", "kr.", NULL },
    { "DZD", "د.ج." RTL, "ar" },
    { "EGP", "ج.م." RTL, "ar" },
    { "EUR", "€", NULL },
    { "GBP", "UK£", "ar" },
    { "GBP", "£", NULL },
    { "HKD", "HK$", NULL },
    { "HUF", "Ft", NULL },
    { "ILS", "₪", NULL },
    { "INR", "₹", NULL },
    { "IQD", "د.ع." RTL, "ar" },
    { "JOD", "د.أ." RTL, "ar" },
    { "JPY", "￥", "ja" },
    { "JPY", "JP¥", "nl fr pt ar" },
    { "JPY", "¥", NULL },
    { "KRW", "₩", NULL },
    { "KWD", "د.ك." RTL, "ar" },
    { "LBP", "ل.ل." RTL, "ar" },
    { "LYD", "د.ل." RTL, "ar" },
    { "MAD", "د.م." RTL, "ar" },
    { "MXN", "$MX", "fr" },
    { "MXN", "MX$", NULL },
    { "NZD", "$NZ", "fr" },
    { "NZD", "NZ$", NULL },
    { "OMR", "ر.ع." RTL, "ar" },
    { "PHP", "₱", NULL },
    { "PLN", "zł", NULL },
    { "QAR", "ر.ق." RTL, "ar" },
    { "SAR", "ر.س." RTL, "ar" },
    { "TND", "د.ت." RTL, "ar" },
    { "TRY", "₺", NULL },
    { "TWD", "NT$", NULL },
    { "UAH", "₴", NULL },
    { "USD", "$US", "fr" },
    { "USD", "US$", "es nl pt ar" },
    { "USD", "$", NULL },
    { "VND", "₫", NULL },
};

/* The language of a locale: "pt" of "pt-BR" and "pt_BR". */
static size_t language_length(const char *locale)
{
    return locale ? strcspn(locale, "-_.@") : 0;
}

static const struct style *style_of(const char *locale)
{
    size_t length = language_length(locale);

    for (size_t i = 0; i < sizeof(styles) / sizeof(styles[0]); i++) {
        if (strlen(styles[i].language) == length && memcmp(styles[i].language, locale, length) == 0)
            return &styles[i];
    }
    return &styles[0];
}

static const char *symbol_of(const char *code, const char *language)
{
    for (size_t i = 0; i < sizeof(symbols) / sizeof(symbols[0]); i++) {
        if (strcmp(symbols[i].code, code) == 0 && (!symbols[i].languages || strstr(symbols[i].languages, language)))
            return symbols[i].symbol;
    }
    return code;
}

/* The digits with the separators of the language. */
static const char *number_text(struct arena *arena, const char *value, const struct style *style)
{
    struct buf buf = { .arena = arena };
    size_t whole = strcspn(value, ".");
    bool grouped = whole >= (size_t)style->grouped_from;

    for (size_t i = 0; i < whole; i++) {
        if (grouped && i > 0 && (whole - i) % 3 == 0)
            buf_text(&buf, style->group);
        buf_byte(&buf, value[i]);
    }
    if (value[whole]) {
        buf_text(&buf, style->decimal);
        buf_text(&buf, value + whole + 1);
    }
    return buf_string(&buf);
}

/* Letters before a number need a gap in every language: "CHF 10.00". */
static const char *gap_of(const struct style *style, const char *symbol)
{
    char last = symbol[strlen(symbol) - 1];
    bool letter = (last >= 'A' && last <= 'Z') || (last >= 'a' && last <= 'z');

    return *style->gap || !letter ? style->gap : NBSP;
}

const char *money_text(struct arena *arena, struct money money, const char *locale)
{
    const struct style *style = style_of(locale);
    const char *value = money_value(arena, money);
    const char *sign = *value == '-' ? "-" : "";
    const char *number = number_text(arena, value + strlen(sign), style);
    const char *symbol = symbol_of(money.currency, style->language);
    const char *gap = gap_of(style, symbol);

    if (!style->symbol_first)
        return arena_printf(arena, "%s%s%s%s%s", style->before, sign, number, gap, symbol);
    if (style->sign_at_number)
        return arena_printf(arena, "%s%s%s%s%s", style->before, symbol, gap, sign, number);
    return arena_printf(arena, "%s%s%s%s%s", style->before, sign, symbol, gap, number);
}
