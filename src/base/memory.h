#ifndef TILL_BASE_MEMORY_H
#define TILL_BASE_MEMORY_H

/* Gives the kernel back what this thread's stack has below here. A page that was touched once stays the thread's own otherwise, and
 * hundreds of threads wait for a provider at the same time. */
void memory_give_back_stack(void);

/* Once more, at the end of what this thread did, if it has done so before in it; otherwise nothing was deep. */
void memory_settle_stack(void);

/* The same with what malloc() has of pages that nobody uses: what many long answers at the same time took would stay with the process.
 * Of this process, at most twice a minute: other calls do nothing. */
void memory_give_back_heap(void);

#endif
