#ifndef TILL_PAGES_CHECKOUT_H
#define TILL_PAGES_CHECKOUT_H

#include "base/error.h"
#include "base/field.h"

struct request;

/* The payer's pages, below /checkout/{session}/{key}, for a session or for a payment without one. The one address shows what is
 * true whenever it is loaded. All languages: ?lang=de. */

/* GET /checkout/{session}/{key} */
struct error *checkout_page_show(struct request *r);
/* POST …/pay: makes or finds the one payment; {client_secret, …}, or no secret and the state that stands in the way. */
struct error *checkout_page_pay(struct request *r);
/* GET …/state: what is true now; ?settle=1 after a try to pay, when the provider is asked at once. */
struct error *checkout_page_state(struct request *r);
/* GET …/return: back from the bank's page; to the one address. */
struct error *checkout_page_return(struct request *r);
/* GET …/authenticate: opens the bank's confirmation; to the one address where none is asked for. */
struct error *checkout_page_authenticate(struct request *r);
/* GET …/receipt */
struct error *checkout_page_receipt(struct request *r);
/* POST …/cancel: the payer gives up; to the one address. */
struct error *checkout_page_cancel(struct request *r);

extern const struct field checkout_page_pay_asked[];
extern const struct field checkout_page_pay_shown[];
extern const struct field checkout_page_state_shown[];

#endif
