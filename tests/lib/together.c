#include "together.h"

#include <check.h>
#include <pthread.h>
#include <stdlib.h>

#include "testdb.h"

struct crowd {
    pthread_barrier_t start;
    void (*work)(struct ctx *ctx, int number, void *to);
    void *to;
};

struct member {
    struct crowd *crowd;
    pthread_t thread;
    int number;
};

static void *run(void *argument)
{
    struct member *member = argument;
    struct ctx *own = testdb_ctx_new();

    pthread_barrier_wait(&member->crowd->start);
    member->crowd->work(own, member->number, member->crowd->to);
    testdb_ctx_free(own);
    return NULL;
}

void together(int threads, void (*work)(struct ctx *ctx, int number, void *to), void *to)
{
    struct crowd crowd = { .work = work, .to = to };
    struct member *members = calloc((size_t)threads, sizeof *members);

    ck_assert_ptr_nonnull(members);
    pthread_barrier_init(&crowd.start, NULL, (unsigned)threads);
    for (int i = 0; i < threads; i++) {
        members[i] = (struct member){ .crowd = &crowd, .number = i };
        ck_assert_int_eq(pthread_create(&members[i].thread, NULL, run, &members[i]), 0);
    }
    for (int i = 0; i < threads; i++)
        pthread_join(members[i].thread, NULL);
    pthread_barrier_destroy(&crowd.start);
    free(members);
}
