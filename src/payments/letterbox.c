#include "payments/letterbox.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <time.h>

#include "base/arena.h"
#include "base/ctx.h"
#include "base/failpoint.h"
#include "db/db.h"
#include "jobs/job.h"
#include "payments/webhook_store.h"

#define MOST 64                 // events that go together
#define MOST_BYTES (512 * 1024) // of their bodies
#define WAIT_SECONDS 5

/* One request that waits. What it points to is its own, and it does not go before it is done. */
struct delivery {
    struct delivery *next;
    struct ctx *ctx;
    const struct webhook_event *event;
    pthread_cond_t changed;
    bool taken, done, inserted;
    struct error *error;
};

/* The first that waits writes for all; the next to be first goes on when that is done. */
static struct {
    pthread_mutex_t lock;
    struct delivery *first, *last;
    bool writing;
} queue = { .lock = PTHREAD_MUTEX_INITIALIZER };

static void join(struct delivery *own)
{
    if (queue.last)
        queue.last->next = own;
    else
        queue.first = own;
    queue.last = own;
}

static void leave(struct delivery *own)
{
    struct delivery *before = NULL;

    for (struct delivery *one = queue.first; one != own; one = one->next)
        before = one;
    if (before)
        before->next = own->next;
    else
        queue.first = own->next;
    if (queue.last == own)
        queue.last = before;
}

/* Those that go together, who takes them among them: a list of its own. */
static struct delivery *take(size_t *count)
{
    struct delivery *batch = queue.first, *end = batch;
    size_t bytes = 0;

    assert(batch);
    for (*count = 0; queue.first && *count < MOST; ++*count) {
        bytes += queue.first->event->payload.length;
        if (*count && bytes > MOST_BYTES)
            break;
        end = queue.first;
        end->taken = true;
        queue.first = end->next;
    }
    end->next = NULL;
    if (!queue.first)
        queue.last = NULL;
    return batch;
}

static struct error *write(struct ctx *ctx, struct delivery *batch, size_t count)
{
    const struct webhook_event **events = arena_array(ctx->arena, count, sizeof *events);
    const char **traces = arena_array(ctx->arena, count, sizeof *traces);
    bool *inserted = arena_array(ctx->arena, count, sizeof *inserted);
    struct delivery *one = batch;

    for (size_t i = 0; i < count; i++, one = one->next) {
        events[i] = one->event;
        traces[i] = one->ctx->trace;
    }
    struct error *error = webhook_insert_delivered(ctx, events, traces, count, inserted);
    if (error && error->code == E_UNAVAILABLE) // perhaps of a server that went away; what it has stored is not stored twice
        error = webhook_insert_delivered(ctx, events, traces, count, inserted);
    TRY(error);
    one = batch;
    for (size_t i = 0; i < count; i++, one = one->next)
        one->inserted = inserted[i];
    return NULL;
}

/* What the database cannot do now it can do for none of them; what it refuses may be the fault of one. */
static void write_all(struct ctx *ctx, struct delivery *batch, size_t count)
{
    failpoint("webhook", "before_store");
    struct error *error = write(ctx, batch, count);
    bool apart = error && count > 1 && error->code != E_UNAVAILABLE;

    for (struct delivery *one = batch, *next; one; one = next) {
        next = one->next;
        one->next = NULL;
        if (apart)
            error = write(ctx, one, 1);
        one->error = error ? error_copy(one->ctx, error) : NULL;
        one->next = next;
    }
    failpoint("webhook", "after_store");
}

static void lead(struct delivery *own)
{
    size_t count;
    struct delivery *batch = take(&count);

    queue.writing = true;
    pthread_mutex_unlock(&queue.lock);
    write_all(own->ctx, batch, count);
    pthread_mutex_lock(&queue.lock);
    queue.writing = false;
    for (struct delivery *one = batch, *next; one; one = next) {
        next = one->next; // whoever is done may be gone
        one->done = true;
        pthread_cond_signal(&one->changed);
    }
    if (queue.first)
        pthread_cond_signal(&queue.first->changed);
}

/* Waits for its turn, or for who takes it along. False when neither came in time. */
static bool wait_for_turn(struct delivery *own)
{
    struct timespec until;

    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += WAIT_SECONDS;
    while (!own->done && (own->taken || queue.writing || queue.first != own)) {
        if (own->taken)
            pthread_cond_wait(&own->changed, &queue.lock);
        else if (pthread_cond_timedwait(&own->changed, &queue.lock, &until) == ETIMEDOUT && !own->taken)
            return false;
    }
    return true;
}

static void set_up(struct delivery *own)
{
    pthread_condattr_t clock;

    pthread_condattr_init(&clock);
    pthread_condattr_setclock(&clock, CLOCK_MONOTONIC);
    pthread_cond_init(&own->changed, &clock);
    pthread_condattr_destroy(&clock);
}

struct error *letterbox_put(struct ctx *ctx, const struct webhook_event *event, bool *inserted)
{
    struct delivery own = { .ctx = ctx, .event = event };

    set_up(&own);
    pthread_mutex_lock(&queue.lock);
    join(&own);
    if (!wait_for_turn(&own)) {
        bool first = queue.first == &own;
        leave(&own);
        if (first && queue.first && !queue.writing)
            pthread_cond_signal(&queue.first->changed);
        own.error = error_new(ctx, E_UNAVAILABLE, "The service is busy; please try again in a moment.");
        own.error->retry_after = 1;
    } else if (!own.done) {
        lead(&own);
    }
    pthread_mutex_unlock(&queue.lock);
    pthread_cond_destroy(&own.changed);
    *inserted = own.inserted;
    return own.error;
}
