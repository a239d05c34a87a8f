#ifndef TILL_BASE_FAILPOINT_H
#define TILL_BASE_FAILPOINT_H

/* Named places where a test may stop the process, between the phases of what moves money. In a build with --enable-failpoints
 * the file that TILL_FAILPOINTS names is read at each of them: lines `name nth action`, where name may end with * and action is
 * kill (SIGKILL to this process), abort, sleep=MS, or wait (makes a file with the same path and ".here" at its end, and waits
 * until somebody removes it). `nth` counts the visits of one process from 1; 0 is every visit. In any other
 * build they are nothing. */
#ifdef TILL_FAILPOINTS
void failpoint(const char *operation, const char *phase);
#else
#define failpoint(operation, phase) ((void)0)
#endif

#endif
