#include "db/group.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/arena.h"
#include "base/ctx.h"
#include "base/memory.h"

/* Two at the same time: while one waits for the disk the other works. Of the parameters of a statement libpq keeps as much memory as
 * the largest took. */
#define PLACES 2
#define MOST 24
#define MOST_BYTES ((size_t)16384)
#define WAIT_SECONDS 2
#define MAX_ORDERS 64

enum state { WORKING, ASKING, COMMITTING };

enum fate {
    OPEN,
    COMMITTED,
    UNDONE, // for certain: each is done again alone
    FAILED, // with an error that is everybody's
};

/* Those who are to be woken: after the lock was given back, or they would wait for it next. */
struct woken {
    struct member *list[MOST];
    size_t count;
};

/* A statement of a member, on its way. */
struct order {
    struct order *next;
    const struct sql *sql;
    struct values values;
    bool unread;
    struct reply own;     // its part of an answer to several
    struct reply *answer; // that, or an answer to it alone
};

struct member {
    struct member *next; // of those who wait, then of the group
    struct ctx *ctx;
    struct shared_keys keys;
    struct group *group;
    atomic_bool admitted; // into a group, or alone where that is NULL
    sem_t woken;          // whoever wakes it has set what it is to see
    enum state state;
    enum fate fate;   // the group's when it was woken
    bool written;     // something of it has been done that an error would have to undo
    bool turned_away; // it was told that all is undone
    int order_count;
    struct order *first, *last; // not yet sent
};

struct group {
    pthread_mutex_t lock;
    struct arena *arena;
    struct member *members; // those who have not left
    int count, arrived;     // of them; those who wait
    atomic_int holding;     // those who may still look at it
    struct tx tx;
    enum fate fate;
    const struct error *error;
};

static struct {
    pthread_mutex_t lock;
    int running;
    struct member *first, *last;
} gate = { .lock = PTHREAD_MUTEX_INITIALIZER };

/* Who goes with whom ------------------------------------------------------------------------------------------------- */

static bool has_key(const struct member *member, const char *key)
{
    for (size_t i = 0; i < SHARED_KEYS; i++)
        if (key && member->keys.list[i] && !strcmp(member->keys.list[i], key))
            return true;
    return false;
}

static bool fits(const struct group *group, const struct member *one)
{
    for (const struct member *other = group->members; other; other = other->next) {
        if (other->ctx->db != one->ctx->db)
            return false;
        for (size_t i = 0; i < SHARED_KEYS; i++)
            if (has_key(other, one->keys.list[i]))
                return false;
    }
    return group->count < MOST;
}

static void join_queue(struct member *own)
{
    if (gate.last)
        gate.last->next = own;
    else
        gate.first = own;
    gate.last = own;
}

static void leave_queue(struct member *own)
{
    struct member *before = NULL;

    for (struct member *one = gate.first; one != own; one = one->next)
        before = one;
    if (before)
        before->next = own->next;
    else
        gate.first = own->next;
    if (gate.last == own)
        gate.last = before;
    own->next = NULL;
}

static struct group *group_new(void)
{
    struct group *group = calloc(1, sizeof *group);

    assert(group);
    pthread_mutex_init(&group->lock, NULL);
    group->arena = arena_new();
    return group;
}

static void group_free(struct group *group)
{
    arena_free(group->arena);
    pthread_mutex_destroy(&group->lock);
    free(group);
}

/* Those who wait, in their order; who doesn't fit waits on. */
static struct group *gather(void)
{
    struct group *group = group_new();

    for (struct member *one = gate.first, *next; one; one = next) {
        next = one->next;
        if (!fits(group, one))
            continue;
        leave_queue(one);
        one->next = group->members;
        group->members = one;
        group->count++;
    }
    group->holding = group->count;
    return group;
}

int group_waiting(void)
{
    int count = 0;

    pthread_mutex_lock(&gate.lock);
    for (const struct member *one = gate.first; one; one = one->next)
        count++;
    pthread_mutex_unlock(&gate.lock);
    return count;
}

static void wake(const struct woken *woken)
{
    for (size_t i = 0; i < woken->count; i++)
        sem_post(&woken->list[i]->woken);
}

static void admit_next(struct woken *woken)
{
    struct group *group;

    if (!gate.first)
        return;
    gate.running++;
    group = gather();
    for (struct member *one = group->members; one; one = one->next) {
        one->group = group->count > 1 ? group : NULL;
        atomic_store(&one->admitted, true);
        woken->list[woken->count++] = one;
    }
    if (group->count == 1)
        group_free(group);
}

void group_leave(void)
{
    struct woken woken = { .count = 0 };

    pthread_mutex_lock(&gate.lock);
    gate.running--;
    admit_next(&woken);
    pthread_mutex_unlock(&gate.lock);
    wake(&woken);
}

static void wait_until_woken(struct member *own)
{
    while (sem_wait(&own->woken))
        assert(errno == EINTR);
}

/* False when none came free in time. */
static bool wait_for_place(struct member *own)
{
    struct timespec until;
    int result;

    memory_give_back_stack(); // where one waits, hundreds may
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += WAIT_SECONDS;
    while ((result = sem_clockwait(&own->woken, CLOCK_MONOTONIC, &until)) && errno == EINTR)
        ;
    if (!result)
        return atomic_load(&own->admitted); // true; and what goes with it is seen
    pthread_mutex_lock(&gate.lock);
    bool admitted = atomic_load(&own->admitted);
    if (!admitted)
        leave_queue(own);
    pthread_mutex_unlock(&gate.lock);
    if (admitted)
        wait_until_woken(own);
    return admitted;
}

static struct member *member_new(struct ctx *ctx, struct shared_keys keys)
{
    struct member *member = arena_alloc(ctx->arena, sizeof *member);

    *member = (struct member){ .ctx = ctx, .keys = keys };
    sem_init(&member->woken, 0, 0);
    return member;
}

struct error *group_enter(struct ctx *ctx, struct tx *tx, struct shared_keys keys)
{
    struct member *own = NULL;

    pthread_mutex_lock(&gate.lock);
    if (gate.running < PLACES) {
        gate.running++;
    } else {
        own = member_new(ctx, keys);
        join_queue(own);
    }
    pthread_mutex_unlock(&gate.lock);
    bool in_time = !own || wait_for_place(own);
    if (own && !own->group)
        sem_destroy(&own->woken);
    if (!in_time)
        return tx_unavailable(ctx, "no place for the transaction came free");
    tx->member = own && own->group ? own : NULL;
    tx->entered = !tx->member;
    return NULL;
}

/* A round -------------------------------------------------------------------------------------------------------------- */

/* One statement that was sent, and whose it is. */
struct sent {
    struct sent *next;
    struct reply *reply;
    struct order *orders[MOST];
    size_t count;
};

static struct order *pop(struct member *member)
{
    struct order *order = member->first;

    member->first = order->next;
    if (!member->first)
        member->last = NULL;
    member->order_count--;
    member->written |= order->unread || strncmp(order->sql->text, "SELECT", 6) != 0;
    return order;
}

/* The next of a member, and with it the same of all others who have come to it. */
static struct sent *send_next(struct ctx *ctx, struct group *group, struct member *lead)
{
    const struct sql *sql = lead->first->sql;
    struct sent *sent = arena_alloc(ctx->arena, sizeof *sent);
    const struct values *lists[MOST];
    size_t bytes = 0;
    bool unread = true;

    *sent = (struct sent){ 0 };
    for (struct member *one = sql->rows ? group->members : lead; one; one = sql->rows ? one->next : NULL) {
        if (!one->first || one->first->sql != sql || (bytes && bytes + one->first->values.bytes > MOST_BYTES))
            continue;
        bytes += one->first->values.bytes;
        struct order *order = pop(one);
        unread &= order->unread;
        lists[sent->count] = &order->values;
        sent->orders[sent->count++] = order;
    }
    sent->reply = tx_send_values(ctx, sql, lists, sent->count);
    sent->reply->unread = unread;
    return sent;
}

static struct sent *send_orders(struct ctx *ctx, struct group *group)
{
    struct sent *all = NULL;

    for (struct member *one = group->members; one; one = one->next)
        while (one->first) {
            struct sent *sent = send_next(ctx, group, one);
            sent->next = all;
            all = sent;
        }
    return all;
}

/* Each gets the row that is about one of its own. */
static void hand_out_rows(struct sent *sent)
{
    PGresult *result = sent->reply->result;
    int column = PQfnumber(result, "place");

    assert(column >= 0);
    for (size_t i = 0; i < sent->count; i++) {
        sent->orders[i]->own = (struct reply){ .sql = sent->reply->sql, .result = result, .part = true };
        sent->orders[i]->answer = &sent->orders[i]->own;
    }
    for (int row = 0; row < PQntuples(result); row++) {
        size_t place = strtoul(PQgetvalue(result, row, column), NULL, 10), i = 0;
        for (; place > sent->orders[i]->values.rows; i++)
            place -= sent->orders[i]->values.rows;
        assert(
            i < sent->count && !sent->orders[i]->own.rows); // who is given one row of parameters gets one row at most
        sent->orders[i]->own.row = row;
        sent->orders[i]->own.rows = 1;
    }
}

static void hand_out(struct sent *all)
{
    for (struct sent *sent = all; sent; sent = sent->next) {
        if (sent->reply->sql->rows && !sent->reply->unread)
            hand_out_rows(sent);
        else
            sent->orders[0]->answer = sent->reply;
    }
}

/* Whoever waits is to wake up and see what became of it. */
static void end_with(struct group *group, enum fate fate, struct woken *woken)
{
    assert(group->fate == OPEN);
    group->fate = fate;
    for (struct member *one = group->members; one; one = one->next) {
        if (one->state == WORKING)
            continue; // it sees that when it comes
        one->fate = fate;
        woken->list[woken->count++] = one;
    }
    group_leave();
}

static bool all_commit(const struct group *group)
{
    for (const struct member *one = group->members; one; one = one->next)
        if (one->state != COMMITTING)
            return false;
    return true;
}

/* As one of the members, with the group's memory and transaction. */
static struct ctx ctx_of(struct group *group, const struct ctx *ctx)
{
    struct ctx own = *ctx;

    own.arena = group->arena;
    own.tx = &group->tx;
    own.round_trips = 0;
    return own;
}

static void undo(struct group *group, const struct ctx *ctx, struct woken *woken)
{
    struct ctx own = ctx_of(group, ctx);

    if (group->tx.conn)
        tx_roll_back(&own);
    end_with(group, UNDONE, woken);
}

static void release(struct group *group, struct woken *woken)
{
    for (struct member *one = group->members; one; one = one->next) {
        if (one->state != ASKING)
            continue;
        one->state = WORKING;
        group->arrived--;
        woken->list[woken->count++] = one;
    }
}

/* When all wait: what they ask goes out, and back come the answers. */
static void play_round(struct group *group, const struct ctx *ctx, struct woken *woken)
{
    struct ctx own = ctx_of(group, ctx);
    bool last = all_commit(group);
    struct error *error = group->tx.conn ? NULL : tx_take_conn(&own, &group->tx.conn, &group->tx.fresh);

    if (error) {
        group->error = error;
        end_with(group, FAILED, woken);
        return;
    }
    struct sent *sent = send_orders(&own, group);
    error = last ? tx_commit(&own) : tx_settle(&own);
    for (struct member *one = group->members; one; one = one->next)
        one->ctx->round_trips += own.round_trips;
    if (!error && last) {
        end_with(group, COMMITTED, woken);
    } else if (!error) {
        hand_out(sent);
        release(group, woken);
    } else if (error->outcome) {
        group->error = error;
        end_with(group, FAILED, woken);
    } else {
        if (own.tx)
            tx_roll_back(&own);
        end_with(group, UNDONE, woken);
    }
}

static enum fate arrive(struct ctx *ctx, struct member *own, enum state state)
{
    struct group *group = own->group;
    struct woken woken = { .count = 0 };
    bool waits;

    pthread_mutex_lock(&group->lock);
    waits = group->fate == OPEN;
    if (waits) {
        own->state = state;
        if (++group->arrived == group->count)
            play_round(group, ctx, &woken);
    } else {
        own->fate = group->fate;
    }
    pthread_mutex_unlock(&group->lock);
    wake(&woken);
    if (waits)
        wait_until_woken(own);
    return own->fate;
}

/* The member's ------------------------------------------------------------------------------------------------------- */

/* In the memory of the one it is for. */
static struct error *told(struct ctx *ctx, struct member *own, enum fate fate)
{
    const struct error *error = own->group->error;

    if (fate == UNDONE) {
        own->turned_away = true;
        return tx_unavailable(ctx, "the transaction that it shared was undone");
    }
    return fate == FAILED ? error_copy(ctx, error) : NULL;
}

static struct order *add_order(struct ctx *ctx, const struct sql *sql, const struct params *rows, size_t count,
    bool unread)
{
    struct member *own = ctx->tx->member;
    struct order *order = arena_alloc(ctx->arena, sizeof *order);

    *order = (struct order){ .sql = sql, .values = wire_values(ctx, sql, rows, count, true), .unread = unread };
    if (own->last)
        own->last->next = order;
    else
        own->first = order;
    own->last = order;
    own->order_count++;
    return order;
}

struct error *group_send(struct ctx *ctx, const struct sql *sql, const struct params *rows, size_t count)
{
    struct member *own = ctx->tx->member;

    add_order(ctx, sql, rows, count, true);
    return own->order_count < MAX_ORDERS ? NULL : told(ctx, own, arrive(ctx, own, ASKING));
}

struct error *group_ask(struct ctx *ctx, const struct question *questions, size_t count, struct reply **replies)
{
    struct member *own = ctx->tx->member;
    struct order **orders = arena_array(ctx->arena, count, sizeof *orders);

    for (size_t i = 0; i < count; i++)
        orders[i] = add_order(ctx, questions[i].sql, &questions[i].params, 1, false);
    TRY(told(ctx, own, arrive(ctx, own, ASKING)));
    for (size_t i = 0; i < count; i++)
        replies[i] = orders[i]->answer;
    return NULL;
}

static void remove_member(struct group *group, const struct member *own)
{
    struct member **place = &group->members;

    while (*place != own)
        place = &(*place)->next;
    *place = own->next;
    group->count--;
}

/* Before the others are ready. */
static void leave_open(struct group *group, struct ctx *ctx, const struct member *own)
{
    struct woken woken = { .count = 0 };

    pthread_mutex_lock(&group->lock);
    if (group->fate == OPEN) {
        remove_member(group, own);
        if (own->written || !group->count)
            undo(group, ctx, &woken);
        else if (group->arrived == group->count)
            play_round(group, ctx, &woken);
    }
    pthread_mutex_unlock(&group->lock);
    wake(&woken);
}

static void part(struct ctx *ctx, struct member *own)
{
    struct group *group = own->group;

    if (own->fate == OPEN)
        leave_open(group, ctx, own);
    sem_destroy(&own->woken);
    if (atomic_fetch_sub(&group->holding, 1) == 1)
        group_free(group);
}

struct error *group_end(struct ctx *ctx, struct error *error)
{
    struct tx *tx = ctx->tx;
    struct member *own = tx->member;

    if (!error)
        error = told(ctx, own, arrive(ctx, own, COMMITTING));
    ctx->tx = NULL;
    part(ctx, own);
    tx->again = tx->alone = own->turned_away;
    return error;
}
