#ifndef TILL_PAGES_ADMIN_VIEW_H
#define TILL_PAGES_ADMIN_VIEW_H

#include "base/instant.h"
#include "base/money.h"
#include "payments/payment.h"
#include "payments/refund.h"

#include <jansson.h>

struct ctx;

/* What the pages of the dashboard show alike. Values are new references, ready for json_object_set_new(); a template's section
 * is left out for what is null. */

/* "$10.00"; null without an amount. */
json_t *view_money(struct ctx *ctx, struct money money);
const char *view_money_text(struct ctx *ctx, struct money money); // "" without one
/* The same for minor units and a code as a store answers them. */
json_t *view_minor(struct ctx *ctx, int64_t minor, const char *currency);

/* {"text": "21 Nov 2026, 10:55 UTC", "utc": "2026-11-21T10:55:04Z"} for parts/admin_time; null for never. The page's
 * script shows it in the viewer's zone. */
json_t *view_time(struct ctx *ctx, struct instant instant);
/* {"text": "21 Nov 2026", "utc": "2026-11-21"}, of a day in UTC. */
json_t *view_day(struct ctx *ctx, struct instant instant);
/* How long ago, or how long until: {"text": "3 h", "utc": …, "past": true}; null for never. */
json_t *view_age(struct ctx *ctx, struct instant instant);
const char *view_span(struct ctx *ctx, int64_t seconds); // "45 s", "12 min", "3 h", "5 days"

/* A status for parts/admin_badge: {"tone": "good", "good": true, "word": "Succeeded"}: colour, mark and word. */
enum tone { TONE_GOOD, TONE_WARN, TONE_BAD, TONE_MUTED, TONE_INFO };
extern const char *const tone_names[];
json_t *view_badge(struct ctx *ctx, enum tone tone, const char *word);
json_t *view_payment_badge(struct ctx *ctx, const struct payment *payment);
json_t *view_payment_more(struct ctx *ctx, const struct payment *payment); // beside it: refunds, a dispute, a risk
json_t *view_refund_badge(struct ctx *ctx, enum refund_status status);
json_t *view_dispute_badge(struct ctx *ctx, unsigned standing); // enum dispute_standing; null for none

/* "missing_here" is "Missing here". */
const char *view_words(struct ctx *ctx, const char *name);

/* "/admin/payments?status=failed&q=a%20b": names and texts by turns, ending with NULL; an empty or missing text is left out. */
const char *view_link(struct ctx *ctx, const char *path, ...) __attribute__((sentinel));

/* For a list of choices: [{"value": "failed", "word": "Failed", "selected": true}], by names that end with NULL. */
json_t *view_options(struct ctx *ctx, const char *const *names, const char *selected);

/* For parts/admin_pager: {"first": …, "next": …}, each an address or null; null where there is but one page. */
json_t *view_pager(const char *first, const char *next);

/* Where an object of ours is looked at ("/admin/payments/pay_…"), by the form of its id; NULL for what has no page. */
const char *view_place(struct ctx *ctx, const char *id);

/* Where the report of a comparison says its difference of that number, on whichever page of the report it is. */
const char *view_difference(struct ctx *ctx, const char *report, int64_t number);

/* A sentence whose ids lead to their pages: [{"text": "The payment "}, {"text": "pay_…", "link": …}]. */
json_t *view_sentence(struct ctx *ctx, const char *text);

/* Who did something, by the name that colleagues know: an operator's name, "Till" for the program itself, else the id. */
const char *view_person(struct ctx *ctx, const char *id);

/* "A••• L•••" and "a•••@e•••.org": enough to recognise, too little to know. NULL stays NULL. */
const char *view_masked(struct ctx *ctx, const char *text);

/* What a provider sent without what names a person or opens a door: such members say "redacted", and so does any text that
 * has the form of an address. For whoever may see payments but not persons. */
json_t *view_redacted(struct ctx *ctx, const json_t *value);

/* Text or null. */
json_t *view_text(const char *text);

#endif
