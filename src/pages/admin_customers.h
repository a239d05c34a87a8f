#ifndef TILL_PAGES_ADMIN_CUSTOMERS_H
#define TILL_PAGES_ADMIN_CUSTOMERS_H

#include "base/field.h"

struct request;

/* Customers: found by id, reference or e-mail address; masked, until somebody who may asks to see, which is on record. */
struct error *admin_customers(struct request *r);
struct error *admin_customer(struct request *r);
struct error *admin_customer_reveal(struct request *r);
struct error *admin_customer_export(struct request *r);
struct error *admin_customer_erase_page(struct request *r); // says what will happen, and asks
struct error *admin_customer_erase(struct request *r);

extern const struct field admin_customers_query[], admin_customer_query[], admin_customer_reveal_asked[],
    admin_customer_erase_asked[];

#endif
