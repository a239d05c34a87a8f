#include "payments/search.h"

#include <ctype.h>
#include <string.h>

#include "base/arena.h"
#include "base/config.h"
#include "base/csv.h"
#include "base/ctx.h"
#include "base/id.h"
#include "customers/customer.h"
#include "payments/payment.h"
#include "payments/search_store.h"
#include "provider/provider.h"

#define WALKS 8     // at most for one page
#define WALK_MS 400 // … and no further one after so long
#define PERSONS 20  // customers of one e-mail address
#define MAX_TEXT 255
#define DAY 86400

static const char first_id[] = "pay_00000000000000000000000000";
static const char beyond_id[] = "pay_zzzzzzzzzzzzzzzzzzzzzzzzzz";

static const char *const refund_words[] = { "any", "pending", "partial", "full", NULL };
static const char *const dispute_words[] = { "any", "open", "inquiry", "won", "lost", NULL };
static const char *const brands[] = { "visa", "mastercard", "amex", "discover", "diners", "jcb", "unionpay",
    "cartes_bancaires", "eftpos_au", "link", NULL };

/* Amounts ----------------------------------------------------------------------------------------------------------- */

static bool is_decimal(const char *text)
{
    static const char digits[] = "0123456789";
    size_t whole = strspn(text, digits);

    if (whole == 0 || whole > 12)
        return false;
    if (!text[whole])
        return true;
    size_t decimals = text[whole] == '.' ? strspn(text + whole + 1, digits) : 0;
    return decimals > 0 && decimals < SEARCH_EXPONENTS && !text[whole + 1 + decimals];
}

/* Minor units of a currency with so many decimals: those that are too many round up or down. Nothing is charged by this. */
static int64_t minor_of(const char *text, int decimals, bool up)
{
    const char *point = strchr(text, '.');
    const char *rest = point ? point + 1 : "";
    int64_t minor = 0;

    for (; *text && *text != '.'; text++)
        minor = minor * 10 + (*text - '0');
    for (int i = 0; i < decimals; i++)
        minor = minor * 10 + (*rest ? *rest++ - '0' : 0);
    return minor + (up && strspn(rest, "0") != strlen(rest));
}

static bool find_amount(const struct search_terms *terms, const struct search_bounds *bounds, int64_t *out)
{
    if (!terms->currency || !bounds->has_least || !bounds->has_most)
        return false;
    int decimals = currency_exponent(terms->currency);
    *out = bounds->least[decimals];
    return bounds->least[decimals] == bounds->most[decimals];
}

/* Bounds and lanes --------------------------------------------------------------------------------------------------- */

static const char *only(const char *word, const char *any)
{
    return word && strcmp(word, any) ? word : NULL;
}

static bool is(const char *word, const char *other)
{
    return word && !strcmp(word, other);
}

static void find_bounds(struct ctx *ctx, const struct search_terms *terms, struct search_bounds *out)
{
    bool is_brand = terms->method && name_index(brands, terms->method) >= 0;

    *out = (struct search_bounds){
        .method_type = is_brand ? NULL : terms->method,
        .method_brand = is_brand ? terms->method : NULL,
        .refunded = is(terms->refunded, "any"),
        .refunding = is(terms->refunded, "pending"),
        .disputed = is(terms->disputed, "any"),
        .dispute_state = only(terms->disputed, "any"),
        .has_least = terms->amount_from,
        .has_most = terms->amount_to,
        .from_id = instant_is_set(terms->since) ? id_at(ctx, "pay", terms->since) : first_id,
        .to_id = instant_is_set(terms->until) ? id_at(ctx, "pay", terms->until) : beyond_id,
    };
    out->refund_state = out->refunding ? NULL : only(terms->refunded, "any");
    for (int i = 0; i < SEARCH_EXPONENTS; i++) {
        out->least[i] = terms->amount_from ? minor_of(terms->amount_from, i, true) : 0;
        out->most[i] = terms->amount_to ? minor_of(terms->amount_to, i, false) : 0;
    }
    out->has_amount = find_amount(terms, out, &out->amount);
}

/* The term that is likely to leave the least. */
static enum lane choose_lane(const struct search_terms *terms, const struct search_bounds *bounds)
{
    bool common = is(terms->status, "succeeded");
    bool ended = is(terms->status, "failed") || is(terms->status, "cancelled");
    const struct {
        bool given;
        enum lane lane;
    } order[] = {
        { terms->reference, LANE_REFERENCE },
        { terms->customer_id, LANE_CUSTOMER },
        { terms->last4, LANE_LAST4 },
        { bounds->dispute_state, LANE_DISPUTE_STATE },
        { bounds->disputed, LANE_DISPUTED },
        { terms->risk && !is(terms->risk, "normal"), LANE_RISK },
        { bounds->refunding, LANE_REFUNDING },
        { bounds->has_amount, LANE_AMOUNT },
        { bounds->refund_state, LANE_REFUND_STATE },
        { bounds->refunded, LANE_REFUNDED },
        { ended && terms->currency, LANE_ENDED },
        { terms->status && !common, LANE_STATUS },
        { bounds->method_brand, LANE_METHOD_BRAND },
        { bounds->method_type, LANE_METHOD_TYPE },
        { terms->currency, LANE_CURRENCY },
        { terms->provider, LANE_PROVIDER },
        { common, LANE_STATUS },
        { terms->mode, LANE_MODE },
    };

    for (size_t i = 0; i < sizeof order / sizeof *order; i++)
        if (order[i].given)
            return order[i].lane;
    return LANE_ALL;
}

/* Walking ------------------------------------------------------------------------------------------------------------ */

struct walk {
    struct found_payment *found;
    size_t count, room;
    const char *cut; // where it was cut off, or NULL
};

static void take_hits(struct walk *walk, const struct field_list *list)
{
    const struct found_payment *rows = list->items;

    walk->cut = NULL;
    for (size_t i = 0; i < list->count && walk->count < walk->room; i++) {
        if (rows[i].hit)
            walk->found[walk->count++] = rows[i];
        if (rows[i].place == SEARCH_SCAN)
            walk->cut = rows[i].id;
    }
}

static struct error *walk_on(struct ctx *ctx, const struct search_terms *terms, const char *from, bool newer,
    struct walk *walk)
{
    int64_t until = monotonic_ms() + WALK_MS;
    struct search_bounds bounds;
    struct field_list list;

    find_bounds(ctx, terms, &bounds);
    enum lane lane = choose_lane(terms, &bounds);
    for (int i = 0; i < WALKS; i++) {
        TRY(search_walk(ctx, lane, terms, &bounds, from, newer, (int64_t)(walk->room - walk->count), &list));
        take_hits(walk, &list);
        if (walk->count == walk->room || !walk->cut || monotonic_ms() > until)
            return NULL;
        from = walk->cut;
    }
    return NULL;
}

static void reverse(struct found_payment *list, size_t count)
{
    for (size_t i = 0; i < count / 2; i++) {
        struct found_payment other = list[i];
        list[i] = list[count - 1 - i];
        list[count - 1 - i] = other;
    }
}

struct error *search_payments(struct ctx *ctx, const struct search_terms *terms, const char *after, const char *before,
    int64_t limit, struct search_page *out)
{
    size_t room = (size_t)limit + 1; // one more tells whether there is more
    struct walk walk = { .found = arena_array(ctx->arena, room, sizeof(struct found_payment)), .room = room };

    TRY(walk_on(ctx, terms, before ? before : after, before, &walk));
    bool full = walk.count == room;
    if (before && !full && !walk.cut)
        return search_payments(ctx, terms, NULL, NULL, limit, out); // back at the newest
    if (full)
        walk.count--;
    const char *last = walk.count ? walk.found[walk.count - 1].id : NULL;
    const char *first = walk.count ? walk.found[0].id : NULL;
    const char *more = full ? last : walk.cut;
    if (before)
        reverse(walk.found, walk.count);
    *out = (struct search_page){
        .payments = { walk.found, walk.count },
        .older = before ? first : more,
        .newer = before ? more
            : after     ? first
                        : NULL,
        .looked_until = full ? NULL : walk.cut,
    };
    return NULL;
}

/* The search box ----------------------------------------------------------------------------------------------------- */

static bool is_four_digits(const char *text)
{
    return strlen(text) == 4 && strspn(text, "0123456789") == 4;
}

static bool read_date(const char *text, struct instant *out)
{
    char whole[32];

    if (strlen(text) != 10 || text[4] != '-' || text[7] != '-')
        return false;
    memcpy(whole, text, 10);
    memcpy(whole + 10, "T00:00:00Z", sizeof "T00:00:00Z");
    return instant_parse(whole, out);
}

static bool read_word(struct ctx *ctx, const char *word, struct search_terms *terms)
{
    struct instant day;

    if (read_date(word, &day)) {
        terms->since = day;
        terms->until = instant_add_seconds(day, DAY);
    } else if (is_four_digits(word) && !terms->last4) {
        terms->last4 = word;
    } else if (is_decimal(word) && !terms->amount_from) {
        terms->amount_from = terms->amount_to = word;
    } else if (strlen(word) == 3 && currency_exponent(word) >= 0 && !terms->currency) {
        char *upper = arena_strdup(ctx->arena, word);
        for (char *letter = upper; *letter; letter++)
            *letter = (char)toupper((unsigned char)*letter);
        terms->currency = upper;
    } else {
        return false;
    }
    return true;
}

/* "4242 20.00 2026-11-21", "4242", "20.00 EUR": four digits before any amount are a card's last. */
static bool read_card(struct ctx *ctx, const char *text, struct search_terms *terms)
{
    struct search_terms read = *terms;
    char *words = arena_strdup(ctx->arena, text), *rest = words;
    bool any = false;

    read.last4 = read.amount_from = read.amount_to = read.currency = NULL;
    for (char *word; (word = strsep(&rest, " ,;\t"));) {
        if (!*word)
            continue;
        if (!read_word(ctx, word, &read))
            return false;
        any = true;
    }
    if (any)
        *terms = read;
    return any;
}

static struct error *read_email(struct ctx *ctx, const char *email, struct search_terms *terms, struct search_text *out)
{
    struct field_list *list = arena_alloc(ctx->arena, sizeof *list);

    TRY(customer_list(ctx, NULL, email, NULL, PERSONS, list));
    out->nothing = list->count != 1;
    if (list->count == 1)
        terms->customer_id = ((const struct customer *)list->items)[0].id;
    else if (list->count > 1)
        out->persons = list;
    out->note = list->count == 0 ? "No customer has this e-mail address." : NULL;
    return NULL;
}

struct error *search_whose(struct ctx *ctx, const char *text, const char **out)
{
    struct field_list list;

    *out = NULL;
    if (!id_is_plausible(text))
        return NULL;
    TRY(search_by_id(ctx, text, &list));
    const char *const *ids = list.items;
    for (size_t i = 1; i < list.count; i++)
        if (strcmp(ids[i], ids[0]))
            return NULL;
    *out = list.count ? ids[0] : NULL;
    return NULL;
}

static struct error *read_customer(struct ctx *ctx, const char *text, struct search_terms *terms, bool *found)
{
    struct customer customer;
    struct error *error;

    *found = false;
    if (!id_is_plausible(text))
        return NULL;
    error = customer_get(ctx, text, &customer);
    if (error && error->code == E_NOT_FOUND)
        return NULL;
    TRY(error);
    terms->customer_id = customer.id;
    *found = true;
    return NULL;
}

static const char *trimmed(struct ctx *ctx, const char *text)
{
    text += strspn(text, " \t\r\n");
    size_t length = strlen(text);
    while (length > 0 && strchr(" \t\r\n", text[length - 1]))
        length--;
    return arena_strndup(ctx->arena, text, length);
}

struct error *search_read(struct ctx *ctx, const char *raw, struct search_terms *terms, struct search_text *out)
{
    const char *text = raw ? trimmed(ctx, raw) : "";
    bool found = false;

    *out = (struct search_text){ 0 };
    if (!*text || strlen(text) > MAX_TEXT)
        return NULL;
    if (strchr(text, '@'))
        return read_email(ctx, text, terms, out);
    TRY(search_whose(ctx, text, &out->payment_id));
    if (out->payment_id)
        return NULL;
    TRY(search_has_reference(ctx, text, &found));
    if (found) {
        terms->reference = text;
        out->note = is_four_digits(text) ? "Payments with this reference, not cards that end with these digits." : NULL;
        return NULL;
    }
    TRY(read_customer(ctx, text, terms, &found));
    if (found || read_card(ctx, text, terms))
        return NULL;
    out->nothing = true;
    out->note =
        "No payment, refund, dispute, customer or reference is called this. Search by any id, a reference, an e-mail"
        " address, or a card's last four digits with an amount and a date: 4242 20.00 2026-11-21.";
    return NULL;
}

/* Checks -------------------------------------------------------------------------------------------------------------- */

static void check_word(struct ctx *ctx, const char *word, const char *const *words, const char *pointer,
    const char *detail, struct error **error)
{
    if (word && name_index(words, word) < 0)
        error_add_field(ctx, error, pointer, "%s", detail);
}

static void check_amount(struct ctx *ctx, const char *text, const char *pointer, struct error **error)
{
    if (text && !is_decimal(text))
        error_add_field(ctx, error, pointer, "must be an amount like 20 or 20.00");
}

void search_check(struct ctx *ctx, const struct search_terms *terms, struct error **error)
{
    check_word(ctx, terms->status, payment_status_names, "query:status", "is no state of a payment", error);
    check_word(ctx, terms->refunded, refund_words, "query:refunded", "must be any, pending, partial or full", error);
    check_word(ctx, terms->disputed, dispute_words, "query:disputed", "must be any, open, inquiry, won or lost", error);
    check_word(ctx, terms->risk, risk_level_names, "query:risk", "must be normal, elevated or highest", error);
    check_word(ctx, terms->mode, mode_names, "query:mode", "must be test or live", error);
    if (terms->currency && currency_exponent(terms->currency) < 0)
        error_add_field(ctx, error, "query:currency", "is not a currency");
    if (terms->last4 && !is_four_digits(terms->last4))
        error_add_field(ctx, error, "query:last4", "must be four digits");
    check_amount(ctx, terms->amount_from, "query:amount_from", error);
    check_amount(ctx, terms->amount_to, "query:amount_to", error);
    if (instant_is_set(terms->since) && instant_is_set(terms->until) && terms->until.us <= terms->since.us)
        error_add_field(ctx, error, "query:to", "must not be before the first day");
}

/* CSV ----------------------------------------------------------------------------------------------------------------- */

void search_csv_head(struct buf *out)
{
    buf_text(out,
        "id,created_at,status,amount,currency,amount_captured,amount_refunded,amount_refunding,refund_state,dispute_"
        "state,"
        "customer_id,customer_reference,reference,description,provider,provider_payment_id,provider_charge_id,method,"
        "brand,"
        "last4,failure,mode,risk_level\r\n");
}

void search_csv_line(struct ctx *ctx, struct buf *out, const struct found_payment *payment)
{
    csv_cell(out, payment->id, ",");
    csv_cell(out, instant_format(ctx->arena, payment->created_at, false), ",");
    csv_cell(out, payment_status_names[payment->status], ",");
    csv_money(out, payment->amount);
    csv_cell(out, money_value(ctx->arena, payment->amount_captured), ",");
    csv_cell(out, money_value(ctx->arena, payment->amount_refunded), ",");
    csv_cell(out, money_value(ctx->arena, payment->amount_refunding), ",");
    csv_cell(out, refund_state_names[payment->refund_state], ",");
    csv_cell(out, dispute_standing_names[payment->dispute_state], ",");
    csv_cell(out, payment->customer_id, ",");
    csv_cell(out, payment->customer_reference, ",");
    csv_cell(out, payment->reference, ",");
    csv_cell(out, payment->description, ",");
    csv_cell(out, payment->provider, ",");
    csv_cell(out, payment->provider_payment_id, ",");
    csv_cell(out, payment->provider_charge_id, ",");
    csv_cell(out, payment->method_type, ",");
    csv_cell(out, payment->method_brand, ",");
    csv_cell(out, payment->method_last4, ",");
    csv_cell(out, payment->failure_class, ",");
    csv_cell(out, mode_names[payment->mode], ",");
    csv_cell(out, payment->risk_level, "\r\n");
}
