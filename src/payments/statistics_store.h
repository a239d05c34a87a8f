#ifndef TILL_PAYMENTS_STATISTICS_STORE_H
#define TILL_PAYMENTS_STATISTICS_STORE_H

#include "payments/statistics.h"

/* Folds at most `limit` changes into their cells; *folded is how many cells were touched. */
MUST_CHECK struct error *statistics_fold(struct ctx *ctx, int64_t limit, int64_t *folded);

#endif
