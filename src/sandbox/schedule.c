#include "sandbox/schedule.h"

#include "base/field.h"
#include "sandbox/intents.h"
#include "sandbox/memory.h"
#include "sandbox/refunds.h"

#include <stdio.h>
#include <stdlib.h>

struct due {
    int64_t at;
    enum task task;
    char id[48];
};

struct schedule {
    struct due *items;
    size_t count, capacity;
    int64_t earliest; // of all items
};

static const struct {
    void (*run)(struct call *call, const char *id);
    bool settles;
} tasks[TASK_COUNT] = {
    [TASK_EXPIRE] = { intent_expire, false },
    [TASK_SETTLE] = { intent_settle, true },
    [TASK_REFUND] = { refund_settle, true },
    [TASK_CONTEST] = { intent_contest, false },
};

struct schedule *schedule_new(void)
{
    struct schedule *schedule = memory_new(sizeof *schedule);

    schedule->earliest = INT64_MAX;
    return schedule;
}

void schedule_free(struct schedule *schedule)
{
    if (!schedule)
        return;
    free(schedule->items);
    free(schedule);
}

void schedule_add(struct schedule *schedule, int64_t at, enum task task, const char *id)
{
    if (schedule->count == schedule->capacity) {
        schedule->capacity = schedule->capacity ? schedule->capacity * 2 : 16;
        schedule->items = memory_array(schedule->items, schedule->capacity, sizeof *schedule->items);
    }

    struct due *due = &schedule->items[schedule->count++];
    due->at = at;
    due->task = task;
    snprintf(due->id, sizeof due->id, "%s", id);
    if (at < schedule->earliest)
        schedule->earliest = at;
}

static void find_earliest(struct schedule *schedule)
{
    schedule->earliest = INT64_MAX;
    for (size_t i = 0; i < schedule->count; i++) {
        if (schedule->items[i].at < schedule->earliest)
            schedule->earliest = schedule->items[i].at;
    }
}

/* The task that is due for the longest time; tasks may add others. */
static bool take(struct schedule *schedule, int64_t now, bool settle, struct due *out)
{
    struct due *first = NULL;

    for (size_t i = 0; i < schedule->count; i++) {
        struct due *due = &schedule->items[i];

        if ((due->at <= now || (settle && tasks[due->task].settles)) && (!first || due->at < first->at))
            first = due;
    }
    if (!first)
        return false;
    *out = *first;
    *first = schedule->items[--schedule->count];
    return true;
}

size_t schedule_run(struct call *call, bool settle)
{
    struct schedule *schedule = call->sandbox->schedule;
    struct due due;
    size_t count = 0;

    if (!settle && schedule->earliest > call->now)
        return 0;
    for (; take(schedule, call->now, settle, &due); count++)
        tasks[due.task].run(call, due.id);
    find_earliest(schedule);
    return count;
}

json_t *schedule_save(const struct schedule *schedule)
{
    json_t *saved = made(json_array());

    for (size_t i = 0; i < schedule->count; i++) {
        const struct due *due = &schedule->items[i];

        json_array_append_new(saved,
            made(json_pack("{s:I, s:i, s:s}", "at", (json_int_t)due->at, "task", (int)due->task, "id", due->id)));
    }
    return saved;
}

void schedule_restore(struct schedule *schedule, const json_t *saved)
{
    size_t i;
    json_t *entry;

    json_array_foreach(saved, i, entry)
    {
        json_int_t task = json_get_int(entry, "task");
        const char *id = json_get_text(entry, "id");

        if (task >= 0 && task < TASK_COUNT && id)
            schedule_add(schedule, json_get_int(entry, "at"), (enum task)task, id);
    }
}
