#include "payments/letterbox.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <string.h>
#include <time.h>

#include "base/arena.h"
#include "base/ctx.h"
#include "base/failpoint.h"
#include "payments/webhook_store.h"

#define MOST 64                 // events that go together
#define MOST_BYTES (512 * 1024) // of their bodies
#define WAIT_SECONDS 5

/* One request that waits. What it points to is its own, and it does not go before it is done. */
struct delivery {
    struct delivery *next;
    struct ctx *ctx;
    const struct webhook_event *event;
    sem_t woken;      // after `done` or `leads` was set
    atomic_bool done; // stored, or not, by another
    atomic_bool leads;
    bool taken, inserted;
    struct error *error;
};

/* The first that comes writes, for itself and those who came with it; then the first of those who came meanwhile. */
static struct {
    pthread_mutex_t lock;
    struct delivery *first, *last;
    bool writing; // or about to
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
    // perhaps it was a server's that went away; what that has stored is not stored twice. One that its standby lacks is not good enough
    if (error && error->code == E_UNAVAILABLE && !error->outcome)
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

/* Who is woken does not need the lock, so that many can be at once. */
static void lead(struct delivery *own)
{
    size_t count;

    pthread_mutex_lock(&queue.lock);
    struct delivery *batch = take(&count);
    pthread_mutex_unlock(&queue.lock);
    write_all(own->ctx, batch, count);
    pthread_mutex_lock(&queue.lock);
    struct delivery *next = queue.first;
    queue.writing = next != NULL;
    if (next)
        atomic_store(&next->leads, true);
    pthread_mutex_unlock(&queue.lock);
    if (next)
        sem_post(&next->woken);
    for (struct delivery *one = batch; one; one = next) {
        next = one->next; // whoever is woken may be gone
        if (one == own)
            continue;
        atomic_store(&one->done, true);
        sem_post(&one->woken);
    }
}

/* Waits for its turn, or for who takes it along. False when neither came in time. */
static bool wait_for_turn(struct delivery *own)
{
    struct timespec until;
    int result;

    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += WAIT_SECONDS;
    while ((result = sem_clockwait(&own->woken, CLOCK_MONOTONIC, &until)) && errno == EINTR)
        ;
    if (!result)
        return true;
    pthread_mutex_lock(&queue.lock);
    bool comes = own->taken || atomic_load(&own->leads);
    if (!comes)
        leave(own);
    pthread_mutex_unlock(&queue.lock);
    while (comes && sem_wait(&own->woken))
        assert(errno == EINTR);
    return comes;
}

struct error *letterbox_put(struct ctx *ctx, const struct webhook_event *event, bool *inserted)
{
    struct delivery own = { .ctx = ctx, .event = event };

    sem_init(&own.woken, 0, 0);
    pthread_mutex_lock(&queue.lock);
    join(&own);
    bool leads = !queue.writing;
    queue.writing = true;
    pthread_mutex_unlock(&queue.lock);
    if (!leads && !wait_for_turn(&own)) {
        own.error = error_new(ctx, E_UNAVAILABLE, "The service is busy; please try again in a moment.");
        own.error->retry_after = 1;
    } else if (!atomic_load(&own.done)) {
        lead(&own);
    }
    sem_destroy(&own.woken);
    *inserted = own.inserted;
    return own.error;
}
