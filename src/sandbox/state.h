#ifndef TILL_SANDBOX_STATE_H
#define TILL_SANDBOX_STATE_H

#include "sandbox/sandbox.h"

/* The whole world to and from a file, for restarts. False, with a line on stderr, when that fails; a file that is not there
 * is an empty world. */
bool state_save(const struct sandbox *sandbox, const char *path);
bool state_restore(struct sandbox *sandbox, const char *path);

#endif
