#ifndef TILL_PAGES_MAIL_H
#define TILL_PAGES_MAIL_H

#include "base/error.h"
#include "base/field.h"

struct ctx;
struct job;
struct request;

/* Mail to payers: a page that is sent. Rendered from templates/mail when it goes, so that it says how things are then. */

/* The job of a mail: sends it once. A server that does not take it is asked again for about two days; then a person is. */
struct error *mail_task(struct ctx *ctx, const struct job *job);

/* POST /api/v1/payments/{id}/receipt: sends the receipt again. */
struct error *mail_api_receipt(struct request *r);
extern const struct field mail_receipt_asked[], mail_receipt_shown[];

#endif
