#ifndef TILL_CUSTOMERS_CUSTOMER_VIEW_H
#define TILL_CUSTOMERS_CUSTOMER_VIEW_H

#include "base/field.h"
#include "customers/customer.h"

/* What a customer shows of himself. */
extern const struct field customer_shown[];

#endif
