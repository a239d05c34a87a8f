#ifndef TILL_LEDGER_LEDGER_H
#define TILL_LEDGER_LEDGER_H

#include "base/error.h"
#include "base/money.h"

#include <stdbool.h>
#include <stddef.h>

struct ctx;

/* Every movement of money, as a balanced, append-only entry. */
enum ledger_kind {
    LEDGER_CAPTURE,          // the provider owes us what the customer paid
    LEDGER_REFUND,           // we gave it back
    LEDGER_REFUND_FAILED,    // … and it came back to us
    LEDGER_FEE,              // the provider kept it
    LEDGER_DISPUTE_OPENED,   // the provider holds it back
    LEDGER_DISPUTE_WON,      // … and gave it to us
    LEDGER_DISPUTE_LOST,     // … or to the payer
    LEDGER_DISPUTE_APPEALED, // a lost one is open again
    LEDGER_FEE_RETURNED,     // the provider gave a fee back
    LEDGER_OPENING,          // the provider held it before these books began
    LEDGER_PAYOUT,           // from the provider to our bank
    LEDGER_PAYOUT_FAILED,    // … and back
};

/* What is posted: one entry. `part` tells several of one kind apart ("0", "1000": captured before it). */
struct posting {
    enum ledger_kind kind;
    const char *part;
    struct money amount;
};

/* An entry for each, of `source` ("pay_…", "ref_…"), once: a second post of the same (source, kind, part) does nothing, nor does one
 * of nothing. In the open transaction. */
MUST_CHECK struct error *ledger_post_all(struct ctx *ctx, const char *provider, const char *source,
    const struct posting *postings, size_t count);
MUST_CHECK struct error *ledger_post(struct ctx *ctx, enum ledger_kind kind, const char *provider, const char *source,
    const char *part, struct money amount);

/* Whether there is an entry of `kind` for `source`. */
MUST_CHECK struct error *ledger_has(struct ctx *ctx, enum ledger_kind kind, const char *source, bool *out);

/* The provider holds `to` in place of `from`: it settles in another currency. Once for `source`; amounts may both be below zero. */
MUST_CHECK struct error *ledger_exchange(struct ctx *ctx, const char *provider, const char *source, struct money from,
    struct money to);

#endif
