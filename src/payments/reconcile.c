#include "payments/reconcile.h"

#include <string.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/csv.h"
#include "base/ctx.h"
#include "base/id.h"
#include "base/log.h"
#include "db/db.h"
#include "events/audit.h"
#include "events/decision.h"
#include "jobs/job.h"
#include "jobs/maintenance.h"
#include "ledger/ledger.h"
#include "payments/payment.h"
#include "payments/payment_store.h"
#include "payments/reconcile_store.h"
#include "provider/provider.h"

#define DAY 86400
#define LONGEST (366 * (int64_t)DAY)
#define DAYS_LATE 31   // that the daily task makes up for
#define TAIL 300       // seconds that are read again before balances are compared
#define ROUNDS 3       // until two of them find the same
#define LOOKS 2000     // of one run; what is beyond is reported as it is
#define BUSY_AGAIN 300 // seconds until the task tries once more
#define DOWN_AGAIN 1800

static const char kind_of_decision[] = "difference";
static const char kind_of_maintenance[] = "reconcile";

/* One run for one provider. */
struct run {
    const struct provider *provider;
    struct window window;
    struct instant end;         // until then what moved explains the balance
    json_t *looked;             // subjects that were looked at
    struct field_list findings; // struct finding, as they are now
    int64_t units, mended;
    bool balanced; // balances could be compared
    json_t *sums;  // {"USD": {"ours": …, "theirs": …, "on_its_way": …, "explained": …}}
};

/* Windows ----------------------------------------------------------------------------------------------------------- */

static struct instant day_of(struct instant instant)
{
    return instant_of_unix(instant_to_unix(instant) / DAY * DAY);
}

struct window window_of_days(struct ctx *ctx, int days)
{
    struct instant today = day_of(ctx->now);

    return (struct window){ instant_add_seconds(today, -(int64_t)days * DAY), today };
}

/* *is_day: it was a date. */
static bool read_time(struct ctx *ctx, const char *text, struct instant *out, bool *is_day)
{
    *is_day = strlen(text) == strlen("2026-11-21");
    return instant_parse(*is_day ? arena_printf(ctx->arena, "%sT00:00:00Z", text) : text, out);
}

struct error *window_read(struct ctx *ctx, const char *from, const char *to, struct window *out)
{
    static const char not_a_time[] = "must be a date (2026-11-20) or a time (RFC 3339)";
    struct error *error = NULL;
    bool is_day = false;

    *out = window_of_days(ctx, 1);
    if (from && !read_time(ctx, from, &out->from, &is_day))
        error_add_field(ctx, &error, "#/from", not_a_time);
    if (from)
        out->to = ctx->now;
    if (to && !read_time(ctx, to, &out->to, &is_day))
        error_add_field(ctx, &error, "#/to", not_a_time);
    else if (to && is_day)
        out->to = instant_add_seconds(out->to, DAY);
    if (to && !from && !error)
        out->from = instant_add_seconds(out->to, -DAY);
    if (error)
        return error;
    if (out->to.us > ctx->now.us)
        out->to = ctx->now;
    if (out->to.us <= out->from.us)
        error_add_field(ctx, &error, "#/to", "must be later than from, which must not be in the future");
    else if (instant_to_unix(out->to) - instant_to_unix(out->from) > LONGEST)
        error_add_field(ctx, &error, "#/from", "must not be more than a year before to");
    return error;
}

/* Copying their books ----------------------------------------------------------------------------------------------- */

static struct error *copy_page(struct ctx *ctx, const struct provider *provider, const struct movement_query *query,
    const char **next)
{
    struct movement *movements;
    size_t count;

    TRY(provider->list_movements(ctx, query, &movements, &count, next));
    return count ? movement_insert(ctx, provider->name, movements, count, NULL) : NULL;
}

/* Pages are large; each has memory of its own. */
static struct error *copy(struct ctx *ctx, const struct provider *provider, struct movement_query query)
{
    do {
        TRY(maintenance_alive(ctx, kind_of_maintenance));
        struct ctx *own = ctx_aside(ctx);
        struct error *error = copy_page(own, provider, &query, &query.after);
        if (!error && query.after)
            query.after = arena_strdup(ctx->arena, query.after);
        TRY(ctx_rejoin(ctx, own, error));
    } while (query.after);
    return NULL;
}

static struct window a_day_beyond(struct window window)
{
    return (struct window){ instant_add_seconds(window.from, -DAY), instant_add_seconds(window.to, DAY) };
}

static struct error *copy_window(struct ctx *ctx, const struct provider *provider, struct window window)
{
    struct window wide = a_day_beyond(window);
    struct field_list payouts;

    TRY(copy(ctx, provider, (struct movement_query){ .since = wide.from, .until = wide.to }));
    TRY(movement_payouts_to_ask(ctx, provider->name, wide, &payouts));
    for (size_t i = 0; i < payouts.count; i++)
        TRY(copy(ctx, provider, (struct movement_query){ .payout = ((const char *const *)payouts.items)[i] }));
    return NULL;
}

/* What only their books know: payouts, bills, exchanges --------------------------------------------------------------- */

static struct money negative(struct money money)
{
    money.minor = -money.minor;
    return money;
}

static struct error *post_fee(struct ctx *ctx, const char *provider, const char *source, const char *part,
    struct money fee)
{
    return fee.minor < 0 ? ledger_post(ctx, LEDGER_FEE_RETURNED, provider, source, part, negative(fee))
                         : ledger_post(ctx, LEDGER_FEE, provider, source, part, fee);
}

static struct error *post_payout(struct ctx *ctx, const char *provider, const struct unposted *movement)
{
    bool failed = !strcmp(movement->kind, movement_kind_names[MOVEMENT_PAYOUT_FAILED]);
    struct money fee = movement->amount;

    fee.minor = movement->fee;
    TRY(post_fee(ctx, provider, movement->source, movement->reference, fee));
    return failed ? ledger_post(ctx, LEDGER_PAYOUT_FAILED, provider, movement->source, "", movement->amount)
                  : ledger_post(ctx, LEDGER_PAYOUT, provider, movement->source, "", negative(movement->amount));
}

static struct error *post_one(struct ctx *ctx, const char *provider, const struct unposted *movement)
{
    struct money bill = negative(movement->amount);

    bill.minor += movement->fee;
    TRY(audit_add(ctx, "movement.posted", movement->source ? movement->source : movement->reference,
        json_in(ctx->arena,
            json_pack("{ss, ss, sI, ss}", "kind", movement->kind, "reference", movement->reference, "amount",
                (json_int_t)movement->amount.minor, "currency", movement->amount.currency))));
    if (!strcmp(movement->kind, movement_kind_names[MOVEMENT_FEE]))
        return post_fee(ctx, provider, movement->reference, "", bill);
    if (!money_same_currency(movement->amount, movement->source_amount))
        return ledger_exchange(ctx, provider, movement->reference, movement->source_amount, movement->amount);
    return post_payout(ctx, provider, movement);
}

static struct error *post(struct ctx *ctx, const struct run *run)
{
    struct window wide = { a_day_beyond(run->window).from, run->end };
    struct field_list list;

    TRY(movement_unposted(ctx, run->provider->name, wide, &list));
    for (size_t i = 0; i < list.count; i++)
        TRY(IN_TX(ctx, post_one(ctx, run->provider->name, &((const struct unposted *)list.items)[i])));
    return NULL;
}

/* Looking once more ------------------------------------------------------------------------------------------------- */

/* What the provider did not find, or what does not belong together, is what the difference is about. */
static struct error *passes(struct ctx *ctx, const struct finding *finding, struct error *error)
{
    if (!error || (error->code != E_NOT_FOUND && error->code != E_CONFLICT && error->code != E_PROVIDER_ERROR))
        return error;
    log_info(ctx, "reconcile.look", "%s: %s", finding->subject, error->detail);
    return NULL;
}

static struct error *look(struct ctx *ctx, const struct provider *provider, const struct finding *finding)
{
    struct payment payment;

    if (finding->look)
        TRY(passes(ctx, finding, copy(ctx, provider, (struct movement_query){ .source = finding->look })));
    if (finding->kind == DIFFERENCE_PAYOUT)
        return passes(ctx, finding, copy(ctx, provider, (struct movement_query){ .payout = finding->look }));
    return finding->payment ? passes(ctx, finding, payment_refresh(ctx, finding->payment, 0, &payment)) : NULL;
}

/* *looked: some that had not been looked at before. */
static struct error *look_at_all(struct ctx *ctx, struct run *run, bool *looked)
{
    const struct finding *findings = run->findings.items;

    *looked = false;
    for (size_t i = 0; i < run->findings.count; i++) {
        if (json_object_get(run->looked, findings[i].subject))
            continue;
        if (json_object_size(run->looked) == LOOKS) {
            log_warn(ctx, "reconcile", "more than %d differences: the rest are reported without a second look", LOOKS);
            return NULL;
        }
        json_object_set_new(run->looked, findings[i].subject, json_true());
        TRY(maintenance_alive(ctx, kind_of_maintenance));
        struct ctx *own = ctx_aside(ctx);
        TRY(ctx_rejoin(ctx, own, look(own, run->provider, &findings[i])));
        *looked = true;
    }
    return NULL;
}

static struct error *find(struct ctx *ctx, struct run *run)
{
    const char *name = run->provider->name;
    bool looked;

    TRY(post(ctx, run));
    TRY(finding_list(ctx, name, run->window, run->end, &run->findings, &run->units));
    TRY(look_at_all(ctx, run, &looked));
    if (!looked)
        return NULL;
    TRY(post(ctx, run));
    return finding_list(ctx, name, run->window, run->end, &run->findings, &run->units);
}

/* Balances ---------------------------------------------------------------------------------------------------------- */

static void add_sum(json_t *sums, const char *currency, const char *name, int64_t amount)
{
    json_t *sum = json_object_get(sums, currency);

    if (!sum) {
        sum = json_pack("{si, si, si, si}", "ours", 0, "theirs", 0, "on_its_way", 0, "explained", 0);
        json_object_set_new(sums, currency, sum);
    }
    json_object_set_new(sum, name, json_integer(json_get_int(sum, name) + amount));
}

static void add_sums(json_t *sums, const char *name, const struct money *list, size_t count)
{
    for (size_t i = 0; i < count; i++)
        add_sum(sums, list[i].currency, name, list[i].minor);
}

static void add_explained(json_t *sums, const struct field_list *findings)
{
    for (size_t i = 0; i < findings->count; i++) {
        const char *currency;
        json_t *amount;

        json_object_foreach(((const struct finding *)findings->items)[i].effect, currency, amount)
            add_sum(sums, currency, "explained", json_integer_value(amount));
    }
}

/* What they hold beyond what our books, and what is known to differ, say. */
static int64_t off_of(const json_t *sum)
{
    return json_get_int(sum, "theirs") - json_get_int(sum, "ours") - json_get_int(sum, "on_its_way")
        - json_get_int(sum, "explained");
}

static bool is_even(json_t *sums)
{
    const char *currency;
    json_t *sum;

    json_object_foreach(sums, currency, sum)
    {
        if (off_of(sum))
            return false;
    }
    return true;
}

static struct error *read_ours(struct ctx *ctx, const struct run *run, json_t **out)
{
    struct field_list held;

    *out = json_in(ctx->arena, json_object());
    TRY(receivable_list(ctx, run->provider->name, &held));
    add_sums(*out, "ours", held.items, held.count);
    return NULL;
}

/* *still: nothing was booked while the provider was asked. */
static struct error *read_balances(struct ctx *ctx, struct run *run, bool *still)
{
    struct field_list transit;
    struct money *held;
    json_t *before;
    size_t count;

    TRY(read_ours(ctx, run, &before));
    TRY(run->provider->balance(ctx, &held, &count));
    TRY(in_transit_list(ctx, run->provider->name, &transit));
    TRY(read_ours(ctx, run, &run->sums));
    *still = json_equal(before, run->sums);
    add_sums(run->sums, "theirs", held, count);
    add_sums(run->sums, "on_its_way", transit.items, transit.count);
    add_explained(run->sums, &run->findings);
    return NULL;
}

/* Money that moves meanwhile makes balances differ; two rounds that find the same tell that it is not that. */
static struct error *compare_balances(struct ctx *ctx, struct run *run)
{
    struct movement_query tail = { .since = instant_add_seconds(ctx->now, -TAIL) };
    json_t *last = NULL;
    bool still;

    for (int round = 0; round < ROUNDS && !run->balanced; round++) {
        TRY(copy(ctx, run->provider, tail));
        TRY(find(ctx, run));
        TRY(read_balances(ctx, run, &still));
        run->balanced = is_even(run->sums) || (still && last && json_equal(last, run->sums));
        last = run->sums;
    }
    return NULL;
}

/* Words ------------------------------------------------------------------------------------------------------------- */

static const struct {
    const char *known, *suggestion;
} words[] = {
    [DIFFERENCE_MISSING_HERE] = { "{provider} moved {theirs} for {reference} ({what}), and no payment, refund or "
                                  "dispute of "
                                  "ours has it.",
        "Find out at the provider who made it: another application on the same account, or a person; if nobody owed "
        "it, give it "
        "back there." },
    [DIFFERENCE_MISSING_THERE] = { "Our books have {ours} for the {what} {object}, and {provider} never moved it.",
        "Do not deliver for it; compare {object} with the provider's page of it, and correct our books with an entry "
        "against "
        "it." },
    [DIFFERENCE_AMOUNT] = { "Our books have {ours} for the {what} {object}, {provider} moved {theirs}.",
        "Compare the history of {reference} at the provider with that of {object}, and book what is missing." },
    [DIFFERENCE_CURRENCY] = { "Our books have {ours} for the {what} {object}, {provider} moved {theirs}.",
        "Find out which currency the payer agreed to, and give the money back if it was not this one." },
    [DIFFERENCE_FEE] = { "{provider} kept {theirs} of the {what} {object}, our books say {ours}.",
        "Compare with the provider's price list, and ask its support if the fee is not what was agreed." },
    [DIFFERENCE_STATE] = { "The {what} {object} is {status} and our books have {ours} for it, {provider} moved "
                           "{theirs}.",
        "Have it synchronised (till payment sync); if it stays, correct it by hand." },
    [DIFFERENCE_DUPLICATE] = { "{provider} moved money more than once for {object}: {theirs} for {reference}, our "
                               "books have {ours}.",
        "Give the second charge back at the provider; the payer owed it once." },
    [DIFFERENCE_PAYOUT] = { "The payout {reference} is {theirs} at {provider}, our books have {ours}.",
        "Compare the payout with the bank's statement, and ask the provider's support what else is in it." },
};

static const char composition[] =
    "The payout {reference} is {theirs}, what {provider} says it is made of would be {ours}.";
static const char paid_back_twice[] = "The payer got it twice: ask for one of them back, or write it off.";
static const char balance_known[] =
    "{provider} holds {theirs}, our books say {ours}, and the differences that are known do not "
    "explain it.";
static const char balance_action[] =
    "Reconcile the time before (till reconcile --from DATE); what the provider held before these "
    "books began is written down once with till ledger opening.";

static const char *amount_words(struct ctx *ctx, struct money money)
{
    return *money.currency ? arena_printf(ctx->arena, "%s %s", money_value(ctx->arena, money), money.currency)
                           : "nothing";
}

/* The sentence with its {names} filled in. */
static const char *sentence(struct ctx *ctx, const char *text, const char *const (*names)[2])
{
    struct buf out = { .arena = ctx->arena };

    while (*text) {
        size_t plain = strcspn(text, "{"), length = strcspn(text, "}");
        buf_add(&out, text, plain);
        text += plain;
        if (!*text)
            break;
        length -= plain + 1;
        for (size_t i = 0; names[i][0]; i++)
            if (strlen(names[i][0]) == length && !strncmp(names[i][0], text + 1, length))
                buf_text(&out, names[i][1] ? names[i][1] : "nothing");
        text += length + 2;
    }
    return buf_string(&out);
}

static const char *what_words(const struct finding *finding)
{
    return finding->what ? finding->what : "account";
}

static struct difference difference_of(struct ctx *ctx, const struct run *run, const struct finding *finding,
    const char *known, const char *suggestion)
{
    const char *const names[][2] = {
        { "provider", run->provider->name },
        { "what", what_words(finding) },
        { "status", finding->status },
        { "object", finding->object ? finding->object : finding->subject },
        { "reference", finding->reference ? finding->reference : finding->subject },
        { "ours", amount_words(ctx, finding->ours) },
        { "theirs", amount_words(ctx, finding->theirs) },
        { NULL, NULL },
    };

    return (struct difference){
        .kind = finding->kind,
        .subject = finding->subject,
        .object = finding->object,
        .reference = finding->reference,
        .ours = finding->ours,
        .theirs = finding->theirs,
        .known = sentence(ctx, known, names),
        .suggestion = sentence(ctx, suggestion, names),
    };
}

static struct difference told(struct ctx *ctx, const struct run *run, const struct finding *finding)
{
    bool is_refund = finding->what && !strncmp(finding->what, "refund", strlen("refund"));
    const char *known = words[finding->kind].known, *suggestion = words[finding->kind].suggestion;

    if (finding->kind == DIFFERENCE_PAYOUT && !strcmp(what_words(finding), "composition"))
        known = composition;
    if (finding->kind == DIFFERENCE_DUPLICATE && is_refund)
        suggestion = paid_back_twice;
    return difference_of(ctx, run, finding, known, suggestion);
}

static const char *balance_subject(struct ctx *ctx, const struct run *run, const char *currency)
{
    return arena_printf(ctx->arena, "%s:receivable %s", run->provider->name, currency);
}

static struct money money_of(const char *currency, int64_t minor)
{
    struct money money = { .minor = minor };

    memccpy(money.currency, currency, 0, sizeof money.currency);
    return money;
}

static struct difference told_balance(struct ctx *ctx, const struct run *run, const char *currency, const json_t *sum)
{
    struct finding finding = {
        .kind = DIFFERENCE_AMOUNT,
        .subject = balance_subject(ctx, run, currency),
        .object = arena_printf(ctx->arena, "%s:receivable", run->provider->name),
        .reference = "balance",
        .ours = money_of(currency, json_get_int(sum, "ours") + json_get_int(sum, "on_its_way")),
        .theirs = money_of(currency, json_get_int(sum, "theirs") - json_get_int(sum, "explained")),
    };

    return difference_of(ctx, run, &finding, balance_known, balance_action);
}

/* Of the window, and of the balances. */
static struct difference *tell_all(struct ctx *ctx, const struct run *run, size_t *count)
{
    const struct finding *findings = run->findings.items;
    struct difference *all =
        arena_array(ctx->arena, run->findings.count + json_object_size(run->sums) + 1, sizeof *all);
    const char *currency;
    json_t *sum;

    *count = 0;
    for (size_t i = 0; i < run->findings.count; i++)
        if (findings[i].inside)
            all[(*count)++] = told(ctx, run, &findings[i]);
    json_object_foreach(run->sums, currency, sum)
    {
        if (run->balanced && off_of(sum))
            all[(*count)++] = told_balance(ctx, run, currency, sum);
    }
    for (size_t i = 0; i < *count; i++)
        all[i].number = (int64_t)i + 1;
    return all;
}

/* The report -------------------------------------------------------------------------------------------------------- */

static void write_amount(struct ctx *ctx, json_t *object, const char *name, const char *currency, int64_t minor)
{
    json_object_set_new(object, name, json_string(money_value(ctx->arena, money_of(currency, minor))));
}

/* Minor units become decimal strings. */
static json_t *moved_words(struct ctx *ctx, json_t *totals)
{
    const char *currency, *kind;
    json_t *kinds, *sum;

    json_object_foreach(totals, currency, kinds)
    {
        json_object_foreach(kinds, kind, sum)
        {
            write_amount(ctx, sum, "amount", currency, json_get_int(sum, "amount"));
            write_amount(ctx, sum, "fee", currency, json_get_int(sum, "fee"));
        }
    }
    return totals;
}

static json_t *balance_words(struct ctx *ctx, const struct run *run)
{
    static const char *const names[] = { "ours", "theirs", "on_its_way", "explained" };
    json_t *all = json_in(ctx->arena, json_object());
    const char *currency;
    json_t *sum;

    json_object_foreach(run->sums, currency, sum)
    {
        json_t *shown = json_object();
        for (size_t i = 0; i < sizeof names / sizeof *names; i++)
            write_amount(ctx, shown, names[i], currency, json_get_int(sum, names[i]));
        write_amount(ctx, shown, "off", currency, off_of(sum));
        json_object_set_new(all, currency, shown);
    }
    return all;
}

static struct error *totals_of(struct ctx *ctx, const struct run *run, json_t **out)
{
    json_t *moved;

    TRY(movement_totals(ctx, run->provider->name, run->window, &moved));
    *out = json_in(ctx->arena,
        json_pack("{sO, sb, sO, sI, sI}", "moved", moved_words(ctx, moved), "balances_compared", run->balanced,
            "balances", balance_words(ctx, run), "looked_at", (json_int_t)json_object_size(run->looked), "mended",
            (json_int_t)run->mended));
    return NULL;
}

static bool is_found(struct ctx *ctx, const struct run *run, const struct difference *open,
    const struct difference *told_now, size_t count)
{
    const struct finding *findings = run->findings.items;
    const char *balance = balance_subject(ctx, run, "");

    for (size_t i = 0; i < run->findings.count; i++)
        if (findings[i].kind == open->kind && !strcmp(findings[i].subject, open->subject))
            return true;
    for (size_t i = 0; i < count; i++)
        if (told_now[i].kind == open->kind && !strcmp(told_now[i].subject, open->subject))
            return true;
    return !run->balanced && !strncmp(open->subject, balance, strlen(balance));
}

static struct error *settle_gone(struct ctx *ctx, const struct run *run, const struct difference *told_now,
    size_t count)
{
    struct field_list list;

    TRY(difference_open(ctx, run->provider->name, &list));
    const struct difference *open = list.items;
    for (size_t i = 0; i < list.count; i++) {
        if (is_found(ctx, run, &open[i], told_now, count))
            continue;
        TRY(difference_resolve(ctx, run->provider->name, open[i].subject, open[i].kind, "system", "gone"));
        TRY(decision_settle(ctx, kind_of_decision, open[i].subject, "gone"));
    }
    return NULL;
}

static struct money at_stake(const struct difference *difference)
{
    return *difference->theirs.currency ? difference->theirs : difference->ours;
}

static struct error *write(struct ctx *ctx, const struct run *run, struct difference *told_now, size_t count,
    struct reconciliation *out)
{
    TRY(reconciliation_insert(ctx, out));
    TRY(settle_gone(ctx, run, told_now, count));
    for (size_t i = 0; i < count; i++) {
        TRY(difference_insert(ctx, out, &told_now[i]));
        if (!instant_is_set(told_now[i].resolved_at))
            TRY(decision_ask(ctx, kind_of_decision, told_now[i].subject, at_stake(&told_now[i]), told_now[i].known,
                told_now[i].suggestion));
    }
    return audit_add(ctx, "reconciliation.done", out->id,
        json_in(ctx->arena,
            json_pack("{ss, sI, sI}", "provider", out->provider, "matched", (json_int_t)out->matched, "differences",
                (json_int_t)out->differences)));
}

static struct error *report(struct ctx *ctx, struct run *run, struct reconciliation *out)
{
    size_t count, inside = 0;
    struct difference *told_now = tell_all(ctx, run, &count);

    for (size_t i = 0; i < run->findings.count; i++)
        inside += ((const struct finding *)run->findings.items)[i].inside;
    run->mended = (int64_t)json_object_size(run->looked) - (int64_t)run->findings.count;
    run->mended = run->mended < 0 ? 0 : run->mended;
    *out = (struct reconciliation){
        .id = id_new(ctx, "rec"),
        .provider = run->provider->name,
        .from_at = run->window.from,
        .to_at = run->window.to,
        .matched = run->units > (int64_t)inside ? run->units - (int64_t)inside : 0,
        .differences = (int64_t)count,
        .created_at = ctx->now,
        .created_by = principal_name(&ctx->principal),
    };
    TRY(totals_of(ctx, run, &out->totals));
    TRY(IN_TX(ctx, write(ctx, run, told_now, count, out)));
    if (count)
        log_warn(ctx, "reconcile.differences", "%s: %zu differences between our books and %s", out->id, count,
            out->provider);
    return NULL;
}

static struct error *reconcile(struct ctx *ctx, const struct provider *provider, struct window window,
    struct reconciliation *out)
{
    struct run run = {
        .provider = provider,
        .window = window,
        .end = window.to,
        .looked = json_in(ctx->arena, json_object()),
        .sums = json_in(ctx->arena, json_object()),
    };
    bool reaches_now = a_day_beyond(window).to.us >= ctx->now.us;

    if (reaches_now)
        run.end = instant_add_seconds(ctx->now, DAY);
    TRY(copy_window(ctx, provider, window));
    TRY(find(ctx, &run));
    if (reaches_now && provider->balance)
        TRY(compare_balances(ctx, &run));
    return report(ctx, &run, out);
}

struct error *reconcile_run(struct ctx *ctx, struct window window, struct field_list *out)
{
    const struct provider *const *all = provider_list();
    size_t count = 0;

    while (all[count])
        count++;
    struct reconciliation *done = arena_array(ctx->arena, count ? count : 1, sizeof *done);
    *out = (struct field_list){ .items = done };
    for (size_t i = 0; i < count; i++)
        if (all[i]->list_movements)
            TRY(reconcile(ctx, all[i], window, &done[out->count++]));
    return NULL;
}

/* Maintenance ------------------------------------------------------------------------------------------------------- */

struct error *reconcile_work(struct ctx *ctx, void *order, json_t **result)
{
    struct reconcile_order *given = order;
    json_t *ids = json_in(ctx->arena, json_array());
    int64_t matched = 0, differences = 0;

    TRY(reconcile_run(ctx, given->window, &given->done));
    const struct reconciliation *done = given->done.items;
    for (size_t i = 0; i < given->done.count; i++) {
        matched += done[i].matched;
        differences += done[i].differences;
        json_array_append_new(ids, json_string(done[i].id));
    }
    *result = json_in(ctx->arena,
        json_pack("{sI, sI, sO}", "matched", (json_int_t)matched, "differences", (json_int_t)differences,
            "reconciliations", ids));
    return NULL;
}

static struct error *run_task(struct ctx *ctx, struct window window)
{
    struct reconcile_order order = { .window = window };
    struct maintenance_run last;
    bool busy;

    struct error *error = maintenance_run(ctx, kind_of_maintenance, reconcile_work, &order, &last, &busy);
    if (error && (error->code == E_PROVIDER_UNAVAILABLE || error->code == E_PROVIDER_ERROR)) {
        log_warn(ctx, "reconcile", "%s", error->cause ? error->cause : error->detail);
        return job_again(ctx, DOWN_AGAIN);
    }
    TRY(error);
    return busy ? job_again(ctx, BUSY_AGAIN) : NULL;
}

struct error *reconcile_task(struct ctx *ctx, const struct job *job)
{
    struct window window = window_of_days(ctx, 1), late = window_of_days(ctx, DAYS_LATE);
    struct instant reach;

    (void)job;
    TRY(reconciliation_reach(ctx, &reach));
    if (instant_is_set(reach) && reach.us < window.from.us)
        window.from = reach.us > late.from.us ? reach : late.from;
    return run_task(ctx, window);
}

struct error *reconcile_week_task(struct ctx *ctx, const struct job *job)
{
    (void)job;
    return run_task(ctx, window_of_days(ctx, 7));
}

/* A person settles a difference in every report that has it; the decision about it goes when nothing of the subject is open. */
static struct error *resolve(struct ctx *ctx, const struct reconciliation *reconciliation, int64_t number,
    const char *reason)
{
    struct difference difference;
    struct field_list waiting;
    bool open;

    TRY(difference_get(ctx, reconciliation->id, number, &difference));
    if (instant_is_set(difference.resolved_at))
        return error_new(ctx, E_INVALID_STATUS, "This difference has been settled meanwhile.");
    TRY(difference_resolve(ctx, reconciliation->provider, difference.subject, difference.kind, ctx->principal.id,
        reason));
    TRY(audit_add(ctx, "difference.resolved", reconciliation->id,
        json_in(ctx->arena,
            json_pack("{sI, ss}", "number", (json_int_t)number, "kind", difference_kind_names[difference.kind]))));
    TRY(difference_is_open(ctx, difference.subject, &open));
    TRY(decision_list(ctx,
        &(struct decision_filter){ .kind = kind_of_decision, .object = difference.subject, .limit = 1 }, &waiting));
    if (open || !waiting.count)
        return NULL;
    struct decision *decision = waiting.items;
    return decision_resolve(ctx, decision->id, reason, decision);
}

struct error *reconcile_resolve(struct ctx *ctx, const char *id, int64_t number, const char *reason)
{
    struct reconciliation reconciliation;

    TRY(reconciliation_get(ctx, id, &reconciliation));
    return IN_TX(ctx, resolve(ctx, &reconciliation, number, reason));
}

static struct error *open_books(struct ctx *ctx, const char *provider, struct money held)
{
    const char *source = arena_printf(ctx->arena, "opening:%s:%s", provider, held.currency);

    bool posted;

    TRY(ledger_has(ctx, LEDGER_OPENING, source, &posted));
    if (posted)
        return error_new(ctx, E_CONFLICT, "What %s held in %s is written down already.", provider, held.currency);
    TRY(audit_add(ctx, "ledger.opened", source,
        json_in(ctx->arena, json_pack("{sI, ss}", "amount", (json_int_t)held.minor, "currency", held.currency))));
    return ledger_post(ctx, LEDGER_OPENING, provider, source, "", held);
}

struct error *reconcile_open(struct ctx *ctx, const char *provider, struct money held)
{
    return IN_TX(ctx, open_books(ctx, provider, held));
}

/* CSV --------------------------------------------------------------------------------------------------------------- */

const char *reconcile_csv(struct ctx *ctx, const struct field_list *differences)
{
    const struct difference *list = differences->items;
    struct buf out = { .arena = ctx->arena };

    buf_text(&out,
        "number,kind,object,reference,ours,ours_currency,theirs,theirs_currency,known,suggestion,resolved_at,"
        "resolution\r\n");
    for (size_t i = 0; i < differences->count; i++) {
        bool resolved = instant_is_set(list[i].resolved_at);
        buf_printf(&out, "%lld,", (long long)list[i].number);
        csv_cell(&out, difference_kind_names[list[i].kind], ",");
        csv_cell(&out, list[i].object, ",");
        csv_cell(&out, list[i].reference, ",");
        csv_money(&out, list[i].ours);
        csv_money(&out, list[i].theirs);
        csv_cell(&out, list[i].known, ",");
        csv_cell(&out, list[i].suggestion, ",");
        csv_cell(&out, resolved ? instant_format(ctx->arena, list[i].resolved_at, false) : "", ",");
        csv_cell(&out, list[i].resolution, "\r\n");
    }
    return buf_string(&out);
}
