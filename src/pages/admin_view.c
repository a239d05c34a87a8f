#include "pages/admin_view.h"

#include <ctype.h>
#include <stdarg.h>
#include <string.h>
#include <time.h>

#include "access/user.h"
#include "base/arena.h"
#include "base/ctx.h"
#include "base/id.h"
#include "http/form.h"
#include "provider/provider.h"

#define LANGUAGE "en"
#define MINUTE 60
#define HOUR 3600
#define DAY 86400

json_t *view_text(const char *text)
{
    return text ? json_string(text) : json_null();
}

/* Money ------------------------------------------------------------------------------------------------------------- */

const char *view_money_text(struct ctx *ctx, struct money money)
{
    return currency_exponent(money.currency) < 0 ? "" : money_text(ctx->arena, money, LANGUAGE);
}

json_t *view_money(struct ctx *ctx, struct money money)
{
    const char *text = view_money_text(ctx, money);

    return *text ? json_string(text) : json_null();
}

json_t *view_minor(struct ctx *ctx, int64_t minor, const char *currency)
{
    struct money money = { .minor = minor };

    if (currency && strlen(currency) < sizeof money.currency)
        memcpy(money.currency, currency, strlen(currency) + 1);
    return view_money(ctx, money);
}

/* Time -------------------------------------------------------------------------------------------------------------- */

static const char *day_text(struct ctx *ctx, const struct tm *parts)
{
    static const char *const months[] = { "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov",
        "Dec" };

    return arena_printf(ctx->arena, "%d %s %d", parts->tm_mday, months[parts->tm_mon], parts->tm_year + 1900);
}

static bool parts_of(struct instant instant, struct tm *out)
{
    time_t seconds = (time_t)instant_to_unix(instant);

    return instant_is_set(instant) && gmtime_r(&seconds, out);
}

json_t *view_time(struct ctx *ctx, struct instant instant)
{
    if (!instant_is_set(instant))
        return json_null();
    return json_pack("{ss, ss}", "text", instant_words(ctx->arena, instant), "utc",
        instant_format(ctx->arena, instant, false));
}

json_t *view_day(struct ctx *ctx, struct instant instant)
{
    struct tm parts;

    if (!parts_of(instant, &parts))
        return json_null();
    return json_pack("{ss, ss}", "text", day_text(ctx, &parts), "utc",
        arena_printf(ctx->arena, "%04d-%02d-%02d", parts.tm_year + 1900, parts.tm_mon + 1, parts.tm_mday));
}

const char *view_span(struct ctx *ctx, int64_t seconds)
{
    static const struct {
        int64_t below, unit;
        const char *one, *many;
    } spans[] = {
        { 2 * MINUTE, 1, "s", "s" },
        { 2 * HOUR, MINUTE, "min", "min" },
        { 2 * DAY, HOUR, "h", "h" },
        { INT64_MAX, DAY, "day", "days" },
    };
    size_t i = 0;

    seconds = seconds < 0 ? 0 : seconds;
    while (seconds >= spans[i].below)
        i++;
    int64_t count = seconds / spans[i].unit;
    return arena_printf(ctx->arena, "%lld %s", (long long)count, count == 1 ? spans[i].one : spans[i].many);
}

json_t *view_age(struct ctx *ctx, struct instant instant)
{
    int64_t seconds = instant_to_unix(ctx->now) - instant_to_unix(instant);

    if (!instant_is_set(instant))
        return json_null();
    return json_pack("{ss, ss, sb}", "text", view_span(ctx, seconds < 0 ? -seconds : seconds), "utc",
        instant_format(ctx->arena, instant, false), "past", seconds >= 0);
}

/* Statuses ---------------------------------------------------------------------------------------------------------- */

const char *const tone_names[] = {
    [TONE_GOOD] = "good",
    [TONE_WARN] = "warn",
    [TONE_BAD] = "bad",
    [TONE_MUTED] = "muted",
    [TONE_INFO] = "info",
    NULL,
};

json_t *view_badge(struct ctx *ctx, enum tone tone, const char *word)
{
    json_t *badge = json_pack("{ss, ss}", "tone", tone_names[tone], "word", word);

    (void)ctx;
    for (int i = 0; tone_names[i]; i++) // each of them, so that no name of the page around it gives it another sign
        json_object_set_new(badge, tone_names[i], json_boolean(i == (int)tone));
    return badge;
}

json_t *view_payment_badge(struct ctx *ctx, const struct payment *payment)
{
    static const struct {
        enum tone tone;
        const char *word;
    } badges[] = {
        [PAYMENT_CREATED] = { TONE_MUTED, "Not paid yet" },
        [PAYMENT_REQUIRES_ACTION] = { TONE_INFO, "Waits for the payer" },
        [PAYMENT_PROCESSING] = { TONE_INFO, "Processing" },
        [PAYMENT_AUTHORIZED] = { TONE_INFO, "Authorized" },
        [PAYMENT_SUCCEEDED] = { TONE_GOOD, "Succeeded" },
        [PAYMENT_FAILED] = { TONE_BAD, "Failed" },
        [PAYMENT_CANCELLED] = { TONE_MUTED, "Cancelled" },
        [PAYMENT_UNKNOWN] = { TONE_WARN, "Outcome unknown" },
    };

    if (payment->status == PAYMENT_SUCCEEDED && !strcmp(refund_state_names[payment->refund_state], "full"))
        return view_badge(ctx, TONE_MUTED, "Refunded");
    if (payment->status == PAYMENT_AUTHORIZED && payment->amount_captured.minor)
        return view_badge(ctx, TONE_INFO, "Partly captured");
    return view_badge(ctx, badges[payment->status].tone, badges[payment->status].word);
}

json_t *view_payment_more(struct ctx *ctx, const struct payment *payment)
{
    json_t *list = json_array(), *dispute = view_dispute_badge(ctx, payment->dispute_state);

    if (payment->amount_refunding.minor)
        json_array_append_new(list, view_badge(ctx, TONE_INFO, "Refund on its way"));
    if (!strcmp(refund_state_names[payment->refund_state], "partial"))
        json_array_append_new(list, view_badge(ctx, TONE_MUTED, "Partly refunded"));
    if (json_is_null(dispute))
        json_decref(dispute);
    else
        json_array_append_new(list, dispute);
    if (payment->risk_level && strcmp(payment->risk_level, risk_level_names[0])) // normal needs no word
        json_array_append_new(list,
            view_badge(ctx, TONE_WARN, arena_printf(ctx->arena, "Risk %s", payment->risk_level)));
    return list;
}

json_t *view_refund_badge(struct ctx *ctx, enum refund_status status)
{
    static const struct {
        enum tone tone;
        const char *word;
    } badges[] = {
        [REFUND_PROCESSING] = { TONE_INFO, "On its way" },
        [REFUND_SUCCEEDED] = { TONE_GOOD, "Refunded" },
        [REFUND_FAILED] = { TONE_BAD, "Refund failed" },
        [REFUND_CANCELLED] = { TONE_MUTED, "Cancelled" },
    };

    return view_badge(ctx, badges[status].tone, badges[status].word);
}

json_t *view_dispute_badge(struct ctx *ctx, unsigned standing)
{
    switch ((enum dispute_standing)standing) {
    case DISPUTE_NONE:
        break;
    case DISPUTE_INQUIRY:
        return view_badge(ctx, TONE_WARN, "Inquiry");
    case DISPUTE_OPEN:
        return view_badge(ctx, TONE_BAD, "Disputed");
    case DISPUTE_WON:
        return view_badge(ctx, TONE_GOOD, "Dispute won");
    case DISPUTE_LOST:
        return view_badge(ctx, TONE_MUTED, "Dispute lost");
    }
    return json_null();
}

const char *view_words(struct ctx *ctx, const char *name)
{
    char *words = arena_strdup(ctx->arena, name ? name : "");

    for (char *letter = words; *letter; letter++)
        if (*letter == '_')
            *letter = ' ';
    *words = (char)toupper((unsigned char)*words);
    return words;
}

/* Addresses --------------------------------------------------------------------------------------------------------- */

const char *view_link(struct ctx *ctx, const char *path, ...)
{
    struct buf query = { .arena = ctx->arena };
    const char *name;
    va_list pairs;

    va_start(pairs, path);
    while ((name = va_arg(pairs, const char *))) {
        const char *text = va_arg(pairs, const char *);
        if (text && *text)
            form_add(&query, name, "%s", text);
    }
    va_end(pairs);
    return query.length ? arena_printf(ctx->arena, "%s?%s", path, buf_string(&query)) : path;
}

json_t *view_options(struct ctx *ctx, const char *const *names, const char *selected)
{
    json_t *options = json_array();

    for (; *names; names++)
        json_array_append_new(options,
            json_pack("{ss, ss, sb}", "value", *names, "word", view_words(ctx, *names), "selected",
                selected && !strcmp(*names, selected)));
    return options;
}

json_t *view_pager(const char *first, const char *next)
{
    return first || next ? json_pack("{so, so}", "first", view_text(first), "next", view_text(next)) : json_null();
}

const char *view_place(struct ctx *ctx, const char *id)
{
    static const struct {
        const char *prefix, *path;
    } places[] = {
        { "pay", "/admin/payments" },
        { "ref", "/admin/payments" }, // its payment's page
        { "rrq", "/admin/refunds/approvals" },
        { "dsp", "/admin/disputes" },
        { "cust", "/admin/customers" },
        { "whe", "/admin/webhooks" },
        { "rec", "/admin/reconciliation" },
    };

    for (size_t i = 0; id && i < sizeof places / sizeof *places; i++)
        if (id_is(id, places[i].prefix))
            return arena_printf(ctx->arena, "%s/%s", places[i].path, id);
    return NULL;
}

const char *view_difference(struct ctx *ctx, const char *report, int64_t number)
{
    return arena_printf(ctx->arena, "/admin/reconciliation/%s?after=%lld#d-%lld", report, (long long)number - 1,
        (long long)number);
}

static bool is_of_id(char letter)
{
    return isalnum((unsigned char)letter) || letter == '_';
}

json_t *view_sentence(struct ctx *ctx, const char *text)
{
    json_t *pieces = json_array();
    const char *begin = text, *place;

    for (const char *word = text; *word;) {
        size_t length = 0;
        while (is_of_id(word[length]))
            length++;
        const char *id = arena_strndup(ctx->arena, word, length);
        place = length ? view_place(ctx, id) : NULL;
        if (place) {
            if (word > begin)
                json_array_append_new(pieces,
                    json_pack("{ss, sn}", "text", arena_strndup(ctx->arena, begin, (size_t)(word - begin)), "link"));
            json_array_append_new(pieces, json_pack("{ss, ss}", "text", id, "link", place));
            begin = word + length;
        }
        word += length ? length : 1;
    }
    if (*begin)
        json_array_append_new(pieces, json_pack("{ss, sn}", "text", begin, "link"));
    return pieces;
}

/* People ------------------------------------------------------------------------------------------------------------ */

const char *view_person(struct ctx *ctx, const char *id)
{
    struct user user;

    if (!id || !strcmp(id, "system"))
        return "Till";
    if (!id_is(id, "usr"))
        return id;
    struct error *error = user_get(ctx, id, &user);
    return error ? id : user.name;
}

/* The first letter of each word, which may have several bytes. */
static void add_masked(struct buf *out, const char *word, size_t length)
{
    size_t letter = 1;

    while (letter < length && ((unsigned char)word[letter] & 0xc0) == 0x80)
        letter++;
    buf_add(out, word, length < letter ? length : letter);
    buf_text(out, "•••");
}

const char *view_masked(struct ctx *ctx, const char *text)
{
    struct buf out = { .arena = ctx->arena };
    const char *at = text ? strchr(text, '@') : NULL, *dot = at ? strrchr(at, '.') : NULL;

    if (!text)
        return NULL;
    if (at) {
        add_masked(&out, text, (size_t)(at - text));
        buf_byte(&out, '@');
        add_masked(&out, at + 1, dot ? (size_t)(dot - at - 1) : strlen(at + 1));
        buf_text(&out, dot ? dot : "");
        return buf_string(&out);
    }
    for (const char *word = text; *word;) {
        size_t length = strcspn(word, " ");
        if (length)
            add_masked(&out, word, length);
        word += length;
        if (*word)
            buf_byte(&out, *word++);
    }
    return buf_string(&out);
}

/* Names of members that carry a person's data, or what opens a door. */
static bool is_private(const char *name)
{
    static const char *const names[] = { "name", "email", "phone", "address", "ip", "iban", "line1", "line2", "city",
        "postal_code", "billing_details", "shipping", "receipt_email", "customer_email", "customer_name",
        "customer_address", "customer_phone", "owner", "fingerprint", "account_number", "routing_number", "dob",
        "receipt_url", "user_agent", "tax_id", "return_url", "next_action", "mandate_data", "evidence", NULL };

    if (strstr(name, "secret") || strstr(name, "token") || strstr(name, "password"))
        return true;
    for (const char *const *one = names; *one; one++)
        if (!strcmp(*one, name))
            return true;
    return false;
}

static json_t *redacted(const json_t *value)
{
    const char *name;
    json_t *member, *copy;
    size_t index;

    if (json_is_object(value)) {
        copy = json_object();
        json_object_foreach((json_t *)(uintptr_t)value, name, member)
        {
            bool hidden = is_private(name) && !json_is_null(member);
            json_object_set_new(copy, name, hidden ? json_string("redacted") : redacted(member));
        }
        return copy;
    }
    if (json_is_array(value)) {
        copy = json_array();
        json_array_foreach(value, index, member) json_array_append_new(copy, redacted(member));
        return copy;
    }
    if (json_is_string(value) && strchr(json_string_value(value), '@'))
        return json_string("redacted");
    return json_deep_copy(value);
}

json_t *view_redacted(struct ctx *ctx, const json_t *value)
{
    return json_in(ctx->arena, redacted(value));
}
