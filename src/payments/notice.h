#ifndef TILL_PAYMENTS_NOTICE_H
#define TILL_PAYMENTS_NOTICE_H

#include "base/bytes.h"
#include "base/error.h"
#include "base/field.h"
#include "base/instant.h"

#include <stdbool.h>
#include <stdint.h>

struct ctx;
struct payment;

enum notice_kind { NOTICE_RECEIPT, NOTICE_REFUND, NOTICE_ACTION };
extern const char *const notice_kind_names[];

enum notice_status { NOTICE_PENDING, NOTICE_SENT, NOTICE_FAILED, NOTICE_DROPPED };
extern const char *const notice_status_names[];

/* A mail to a payer: a row of mails. */
struct notice {
    const char *id;
    enum notice_kind kind;
    const char *payment_id, *object_id;
    int number;
    enum notice_status status;
    struct bytes recipient; // sealed; none: notice_recipient() finds one
    const char *locale;
    int tries;
    const char *error;
    struct instant created_at, updated_at;
};

/* Has a payer written to about a payment, or its refund `object_id`: once for each kind and object. In the open transaction.
 * Does nothing where mail is not set up, or where no address of the payer can be known. */
MUST_CHECK struct error *notice_add(struct ctx *ctx, enum notice_kind kind, const char *payment_id,
    const char *object_id);

/* Where the payer of this payment wants the receipt. In the transaction that makes it. NULL is nowhere. */
MUST_CHECK struct error *notice_contact(struct ctx *ctx, const char *payment_id, const char *email);

/* Sends a receipt again, to `email` or (NULL) to whom it went. E_INVALID_STATUS where nothing was paid or mail is not set up, a
 * field error where no address is known, E_RATE_LIMITED past five a day. */
MUST_CHECK struct error *notice_receipt_again(struct ctx *ctx, const char *payment_id, const char *email,
    const char *locale, struct notice *out);

MUST_CHECK struct error *notice_find(struct ctx *ctx, const char *id, struct notice *out);

/* To whom: the address that was asked for, that of the payment, or that of its customer; NULL when none is known any more. */
MUST_CHECK struct error *notice_recipient(struct ctx *ctx, const struct notice *notice, const struct payment *payment,
    const char **email);

/* What came of a try. */
MUST_CHECK struct error *notice_record(struct ctx *ctx, struct notice *notice, enum notice_status status,
    const char *error);

#endif
