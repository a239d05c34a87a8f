#ifndef TILL_CUSTOMERS_METHOD_STORE_H
#define TILL_CUSTOMERS_METHOD_STORE_H

#include "customers/method.h"

MUST_CHECK struct error *method_row(struct ctx *ctx, const char *id, struct method *out);
MUST_CHECK struct error *method_lock(struct ctx *ctx, const char *id, struct method *out);
MUST_CHECK struct error *method_insert(struct ctx *ctx, const struct method *method);
MUST_CHECK struct error *method_update(struct ctx *ctx, struct method *method);
MUST_CHECK struct error *method_rows(struct ctx *ctx, const struct method_filter *filter, struct field_list *out);
MUST_CHECK struct error *method_by_reference(struct ctx *ctx, const char *provider, const char *reference,
    struct method *out, bool *found);
MUST_CHECK struct error *method_by_setup(struct ctx *ctx, const char *provider, const char *reference,
    struct method *out, bool *found);
MUST_CHECK struct error *method_by_mandate(struct ctx *ctx, const char *provider, const char *reference,
    struct method *out, bool *found);
/* The default, else the one remembered longest. */
MUST_CHECK struct error *method_preferred(struct ctx *ctx, const char *customer_id, struct method *out, bool *found);
/* Takes the mark from whichever has it; locks the customer, so that two new ones do not meet. */
MUST_CHECK struct error *method_clear_default(struct ctx *ctx, const char *customer_id);

#endif
