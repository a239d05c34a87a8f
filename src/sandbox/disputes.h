#ifndef TILL_SANDBOX_DISPUTES_H
#define TILL_SANDBOX_DISPUTES_H

#include "sandbox/failure.h"
#include "sandbox/store.h"

/* The payer's bank asks (an inquiry) or takes the money back. */
struct record *dispute_open(struct call *call, struct record *charge, json_int_t amount, const char *reason,
    bool inquiry);

/* … and takes it back for good: nobody can contest that of a debit. */
struct record *dispute_final(struct call *call, struct record *charge, const char *reason);

/* Ends an open dispute: "won", "lost" or, for an inquiry, "warning_closed". */
void dispute_end(struct call *call, struct record *dispute, const char *status);

/* Whether it still waits for an answer or a decision. */
bool dispute_is_open(const struct record *dispute);

/* A charge with a real dispute that was not won cannot be refunded. */
bool dispute_blocks_refunds(const struct call *call, const struct record *charge);

#endif
