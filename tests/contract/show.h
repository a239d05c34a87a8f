#ifndef TILL_TESTS_CONTRACT_SHOW_H
#define TILL_TESTS_CONTRACT_SHOW_H

#include "provider/provider.h"

/* What came of a call, for the test that reads our output. */

json_t *show_movement(const struct movement *movement);
json_t *show_refund(const struct refund_view *refund);
json_t *show_snapshot(const struct snapshot *snapshot);
json_t *show_outcome(const struct outcome *outcome);

/* {"code": …} of the error, or {"found": …}. Takes the reference to `found`. */
json_t *show_found(const struct error *error, json_t *found);

/* Prints it as one line, with the name of the call; takes the reference. */
void show(const char *call, json_t *what);

#endif
