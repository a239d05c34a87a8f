#ifndef TILL_PAGES_ADMIN_REFUNDS_H
#define TILL_PAGES_ADMIN_REFUNDS_H

#include "base/error.h"

struct request;

/* Giving money back: the dialog of a payment, the list of refunds, and those that a second person decides about. */
struct error *admin_refund_dialog(struct request *r);
struct error *admin_refund_send(struct request *r);
struct error *admin_refunds(struct request *r);
struct error *admin_approvals(struct request *r);
struct error *admin_approval(struct request *r);
struct error *admin_approval_approve(struct request *r);
struct error *admin_approval_reject(struct request *r);
struct error *admin_approval_withdraw(struct request *r);

#endif
