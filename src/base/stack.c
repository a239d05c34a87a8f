#include "base/stack.h"

#include <stdint.h>
#include <sys/mman.h>

#define PAGE ((uintptr_t)4096)
#define BELOW (16 * PAGE) // deeper than anything was that is not still in use; less than a stack has
#define IN_USE 512        // by this function, what it calls, and the red zone

void stack_give_back(void)
{
    char here;
    uintptr_t end = ((uintptr_t)&here - IN_USE) & ~(PAGE - 1);

    madvise((void *)(end - BELOW), BELOW, MADV_DONTNEED); // where it can't be done it need not be
}
