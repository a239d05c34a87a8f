#ifndef TILL_PAGES_ADMIN_PAYMENT_H
#define TILL_PAGES_ADMIN_PAYMENT_H

#include "base/error.h"

struct request;

/* One payment with its whole story, and what a person may do with it. */
struct error *admin_payment(struct request *r);
struct error *admin_payment_capture(struct request *r);
struct error *admin_payment_cancel(struct request *r);
struct error *admin_payment_sync(struct request *r);
struct error *admin_payment_receipt(struct request *r);
struct error *admin_payment_retry(struct request *r);
struct error *admin_payment_resolve(struct request *r);
struct error *admin_payment_reveal(struct request *r);

#endif
