#ifndef TILL_TESTS_TOGETHER_H
#define TILL_TESTS_TOGETHER_H

struct ctx;

/* Calls work(ctx, number, to) in so many threads that begin at the same moment, each with a ctx of its own on the test's
 * database, and waits for all of them. A thread must not fail a test: it leaves in `to` what the test then looks at. */
void together(int threads, void (*work)(struct ctx *ctx, int number, void *to), void *to);

#endif
