#include "pages/admin_checks.h"

#include <string.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/ctx.h"
#include "base/field.h"
#include "pages/admin_view.h"

/* In the order in which one looks at them. */
static const struct {
    const char *name, *word;
} parts[] = {
    { "cvc", "Security code" },
    { "postcode", "Postcode" },
    { "street", "Street" },
    { "three_d_secure", "3-D Secure" },
    { "risk_level", "Risk" },
    { "verdict", "Verdict" },
};

struct result {
    enum tone tone;
    const char *word;
};

/* As providers have them; a new one is shown as it is. */
static struct result result_of(struct ctx *ctx, const char *name, const char *value)
{
    static const struct {
        const char *name, *value; // an empty name is any
        struct result result;
    } results[] = {
        { "", "pass", { TONE_GOOD, "Matches" } },
        { "", "fail", { TONE_BAD, "Does not match" } },
        { "", "unavailable", { TONE_MUTED, "Not checked by the bank" } },
        { "", "unchecked", { TONE_MUTED, "Not checked" } },
        { "three_d_secure", "authenticated", { TONE_GOOD, "Confirmed" } },
        { "three_d_secure", "attempt_acknowledged", { TONE_GOOD, "Tried, the bank takes no part" } },
        { "three_d_secure", "exempted", { TONE_MUTED, "Exempted" } },
        { "three_d_secure", "failed", { TONE_BAD, "Failed" } },
        { "three_d_secure", "not_supported", { TONE_MUTED, "Not supported" } },
        { "three_d_secure", "processing_error", { TONE_WARN, "Broke off" } },
        { "risk_level", "normal", { TONE_GOOD, "Normal" } },
        { "risk_level", "elevated", { TONE_WARN, "Elevated" } },
        { "risk_level", "highest", { TONE_BAD, "Highest" } },
        { "verdict", "authorized", { TONE_GOOD, "Accepted" } },
        { "verdict", "manual_review", { TONE_WARN, "Held for a review" } },
        { "verdict", "issuer_declined", { TONE_BAD, "Declined by the bank" } },
        { "verdict", "blocked", { TONE_BAD, "Blocked by the provider" } },
        { "verdict", "invalid", { TONE_BAD, "Not valid" } },
    };

    for (size_t i = 0; i < sizeof results / sizeof *results; i++)
        if ((!*results[i].name || !strcmp(results[i].name, name)) && !strcmp(results[i].value, value))
            return results[i].result;
    return (struct result){ TONE_MUTED, view_words(ctx, value) };
}

static void add(struct buf *out, const char *before, const char *text)
{
    if (text)
        buf_printf(out, "%s%s%s", out->length ? ", " : "", before, text);
}

static const char *more_of(struct ctx *ctx, const json_t *checks, const char *name)
{
    struct buf more = { .arena = ctx->arena };
    int score = (int)json_get_int(checks, "risk_score");

    if (!strcmp(name, "three_d_secure")) {
        add(&more, "", json_get_text(checks, "three_d_secure_flow"));
        add(&more, "version ", json_get_text(checks, "three_d_secure_version"));
        add(&more, "", json_get_text(checks, "three_d_secure_reason"));
    } else if (!strcmp(name, "risk_level") && score) {
        buf_printf(&more, "%d of 100", score);
    } else if (!strcmp(name, "verdict") && json_get_text(checks, "why")) {
        buf_text(&more, view_words(ctx, json_get_text(checks, "why")));
    }
    return more.length ? buf_string(&more) : NULL;
}

json_t *admin_checks(struct ctx *ctx, const json_t *checks)
{
    json_t *list = json_array();

    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        const char *value = json_get_text(checks, parts[i].name);
        if (!value)
            continue;
        struct result result = result_of(ctx, parts[i].name, value);
        json_array_append_new(list,
            json_pack("{ss, so, ss?}", "word", parts[i].word, "badge", view_badge(ctx, result.tone, result.word),
                "more", more_of(ctx, checks, parts[i].name)));
    }
    return list;
}

const char *admin_checks_text(struct ctx *ctx, const json_t *checks)
{
    struct buf text = { .arena = ctx->arena };

    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        const char *value = json_get_text(checks, parts[i].name);
        const char *more = more_of(ctx, checks, parts[i].name);
        if (value)
            buf_printf(&text, "%s%s: %s%s%s%s", text.length ? " · " : "", parts[i].word,
                result_of(ctx, parts[i].name, value).word, more ? " (" : "", more ? more : "", more ? ")" : "");
    }
    return text.length ? buf_string(&text) : NULL;
}
