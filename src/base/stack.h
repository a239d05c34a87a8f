#ifndef TILL_BASE_STACK_H
#define TILL_BASE_STACK_H

/* Gives the kernel back what this thread's stack has below here. A page that was touched once stays the thread's own otherwise, and
 * hundreds of threads wait for a provider at the same time. Takes half a microsecond, and as much for each page that is used again. */
void stack_give_back(void);

#endif
