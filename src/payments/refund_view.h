#ifndef TILL_PAYMENTS_REFUND_VIEW_H
#define TILL_PAYMENTS_REFUND_VIEW_H

#include "base/field.h"
#include "payments/refund.h"

/* What a refund shows of itself, to the API and in notifications. */
extern const struct field refund_shown[];

#endif
