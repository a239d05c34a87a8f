#include "base/memory.h"

#include <malloc.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/mman.h>

#include "base/instant.h"

#define PAGE ((uintptr_t)4096)
#define BELOW (16 * PAGE) // deeper than anything was that is not still in use; less than a stack has
#define IN_USE 512        // by this function, what it calls, and the red zone
#define HEAP_MS 30000

static _Thread_local bool gave;

/* The frame, not a variable: AddressSanitizer has those elsewhere. */
__attribute__((noinline)) void memory_give_back_stack(void)
{
    uintptr_t end = ((uintptr_t)__builtin_frame_address(0) - IN_USE) & ~(PAGE - 1);

    gave = true;
    madvise((void *)(end - BELOW), BELOW, MADV_DONTNEED); // where it can't be done it need not be
}

void memory_settle_stack(void)
{
    if (gave)
        memory_give_back_stack();
    gave = false;
}

void memory_give_back_heap(void)
{
    static _Atomic int64_t due;
    int64_t now = monotonic_ms(), at = atomic_load(&due);

    if (now >= at && atomic_compare_exchange_strong(&due, &at, now + HEAP_MS))
        malloc_trim(0);
}
