#ifndef TILL_SANDBOX_SCHEDULE_H
#define TILL_SANDBOX_SCHEDULE_H

#include "sandbox/sandbox.h"

/* What happens later by the sandbox's clock. */
enum task {
    TASK_EXPIRE,  // an authorization that nobody captured
    TASK_SETTLE,  // a slow payment ends
    TASK_REFUND,  // a refund ends, or fails after all
    TASK_CONTEST, // a debit that was paid is taken back
    TASK_COUNT,
};

struct schedule;
struct schedule *schedule_new(void);
void schedule_free(struct schedule *schedule);

/* Does `task` to the object once the clock says `at`. */
void schedule_add(struct schedule *schedule, int64_t at, enum task task, const char *id);

/* Does all that is due; with `settle`, also every payment and refund that waits, whatever the clock says. Returns how many. */
size_t schedule_run(struct call *call, bool settle);

/* A new reference, and back. */
json_t *schedule_save(const struct schedule *schedule);
void schedule_restore(struct schedule *schedule, const json_t *saved);

#endif
