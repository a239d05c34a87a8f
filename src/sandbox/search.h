#ifndef TILL_SANDBOX_SEARCH_H
#define TILL_SANDBOX_SEARCH_H

#include "sandbox/failure.h"
#include "sandbox/store.h"

/* Answers a search by the parameter query: clauses like status:"succeeded", metadata["order"]:"17", amount>1000, joined by
 * AND or OR. Objects younger than the dial search_lag are not found yet. */
struct failure *answer_search(struct call *call, enum kind kind);

#endif
