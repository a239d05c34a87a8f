#ifndef TILL_ACCESS_SIGN_IN_H
#define TILL_ACCESS_SIGN_IN_H

#include "base/error.h"

#include <stdint.h>

struct request;

#define SIGN_IN_FAILURES 10         // of one user, then nothing is tried for
#define SIGN_IN_ADDRESS_FAILURES 30 // … from one address, for people behind one
#define SIGN_IN_LOCK_SECONDS 1800

/* What somebody claims to be. */
struct sign_in {
    const char *email, *password;
    const char *code; // of the app, or a recovery code; "" where none is set up
};

/* All factors are looked at before anything is said, and which one was wrong is not. On success this browser has a session
 * (r->session). E_UNAUTHENTICATED; E_RATE_LIMITED with Retry-After while too many tries have failed, which is the same for
 * people who do not exist. */
MUST_CHECK struct error *sign_in(struct request *r, const struct sign_in *claim);

/* The same for one who is signed in and is asked again: counts as a try, and makes the session fresh. */
MUST_CHECK struct error *sign_in_again(struct request *r, const char *password, const char *code);

#endif
