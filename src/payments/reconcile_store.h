#ifndef TILL_PAYMENTS_RECONCILE_STORE_H
#define TILL_PAYMENTS_RECONCILE_STORE_H

#include "payments/reconcile.h"

#include <stdbool.h>

struct movement;

/* Adds what is not there yet, and notes payouts that became known. */
MUST_CHECK struct error *movement_insert(struct ctx *ctx, const char *provider, const struct movement *movements,
    size_t count, int64_t *added);

/* Payouts (const char *) of this time that can be asked what they are made of, and were not. */
MUST_CHECK struct error *movement_payouts_to_ask(struct ctx *ctx, const char *provider, struct window window,
    struct field_list *out);

/* A movement that no payment, refund or dispute posts. */
struct unposted {
    const char *reference, *kind, *source;
    struct money amount, source_amount;
    int64_t fee;
};
MUST_CHECK struct error *movement_unposted(struct ctx *ctx, const char *provider, struct window window,
    struct field_list *out);

/* What does not fit, as the database finds it. */
struct finding {
    enum difference_kind kind;
    const char *subject, *object, *reference;
    const char *what;    // payment, refund, dispute, payout, or the kind of the movement
    const char *status;  // of our object
    const char *payment; // ours, to ask about
    const char *look;    // the provider's source, to ask about
    struct money ours, theirs;
    json_t *effect; // {"USD": -1000}: what the provider holds more than our books say, because of this
    bool inside;    // of the window; others explain the balance
};

/* What was moved or posted in the window (and until `end`, for the balance), and what is open from earlier runs. *units is how
 * many in the window were compared. */
MUST_CHECK struct error *finding_list(struct ctx *ctx, const char *provider, struct window window, struct instant end,
    struct field_list *out, int64_t *units);

/* What our books say that the provider holds, and what is on its way back without being booked, by currency (struct money). */
MUST_CHECK struct error *receivable_list(struct ctx *ctx, const char *provider, struct field_list *out);
MUST_CHECK struct error *in_transit_list(struct ctx *ctx, const char *provider, struct field_list *out);

/* Sums of the window's movements: [{kind, count, amount, fee}]. */
MUST_CHECK struct error *movement_totals(struct ctx *ctx, const char *provider, struct window window, json_t **out);

MUST_CHECK struct error *reconciliation_insert(struct ctx *ctx, const struct reconciliation *reconciliation);
MUST_CHECK struct error *reconciliation_get(struct ctx *ctx, const char *id, struct reconciliation *out);
/* Newest first, after `cursor`. */
MUST_CHECK struct error *reconciliation_list(struct ctx *ctx, const char *cursor, int64_t limit,
    struct field_list *out);
/* How far days were compared without a gap by the daily task; unset when never. */
MUST_CHECK struct error *reconciliation_reach(struct ctx *ctx, struct instant *out);

/* Writes a difference; what a person settled before, with the same words, is settled in *difference, too. */
MUST_CHECK struct error *difference_insert(struct ctx *ctx, const struct reconciliation *reconciliation,
    struct difference *difference);
/* Of one reconciliation, by number, after `cursor`. */
MUST_CHECK struct error *difference_list(struct ctx *ctx, const char *reconciliation_id, int64_t after, int64_t limit,
    struct field_list *out);
/* Open ones of earlier runs: subject and kind, each once. */
MUST_CHECK struct error *difference_open(struct ctx *ctx, const char *provider, struct field_list *out);
/* Of every report that found it. `by` is who settled it, "system" where it was gone by itself. */
MUST_CHECK struct error *difference_resolve(struct ctx *ctx, const char *provider, const char *subject,
    enum difference_kind kind, const char *by, const char *resolution);
/* All kinds, whoever's books: for a decision about it. */
MUST_CHECK struct error *difference_resolve_all(struct ctx *ctx, const char *subject, const char *by,
    const char *resolution);
MUST_CHECK struct error *difference_get(struct ctx *ctx, const char *reconciliation_id, int64_t number,
    struct difference *out); // E_NOT_FOUND
/* The newest report that has this subject open, or else that had it; *report stays NULL where there is none. */
MUST_CHECK struct error *difference_place(struct ctx *ctx, const char *subject, const char **report, int64_t *number);
/* Whether any with this subject is open. */
MUST_CHECK struct error *difference_is_open(struct ctx *ctx, const char *subject, bool *out);
/* How many of each kind a report found, and how many of them are open. */
struct difference_count {
    enum difference_kind kind;
    int64_t count, open;
};
MUST_CHECK struct error *difference_counts(struct ctx *ctx, const char *reconciliation_id, struct field_list *out);
/* A payout of a provider: what arrived at the bank, and what it is made of as far as the provider says. */
struct payout {
    const char *provider, *reference, *source, *kind;
    struct money amount;
    int64_t parts, made_of; // movements, and what they sum to
    bool composed, posted;  // posted: our ledger has it
    struct instant created_at;
};
/* The newest first, before the one whose reference is `cursor`. */
MUST_CHECK struct error *payout_list(struct ctx *ctx, const char *cursor, int64_t limit, struct field_list *out);
/* By the provider's id; *back is how it came back, without a reference where it did not. E_NOT_FOUND. */
MUST_CHECK struct error *payout_get(struct ctx *ctx, const char *source, struct payout *out, struct payout *back);

/* What it is made of, by kind. */
struct payout_sum {
    const char *kind;
    int64_t count;
    struct money amount;
    int64_t fee;
};
MUST_CHECK struct error *payout_sums(struct ctx *ctx, const struct payout *payout, struct field_list *out);

/* … and piece by piece, the newest first, after the one whose reference is `cursor`. */
struct payout_part {
    const char *reference, *kind, *source;
    struct money amount;
    int64_t fee;
    struct instant created_at;
    const char *object; // our payment, refund or dispute
    bool posted;        // our ledger has it
    const char *report; // a comparison in which it still differs, and its number there
    int64_t number;
};
MUST_CHECK struct error *payout_parts(struct ctx *ctx, const struct payout *payout, const char *cursor, int64_t limit,
    struct field_list *out);

#endif
