#ifndef TILL_ACCESS_CSRF_H
#define TILL_ACCESS_CSRF_H

#include "base/error.h"

struct ctx;
struct request;

/* What a change made with this session token must carry: an HMAC of it, so that it need not be stored. */
const char *csrf_token(struct ctx *ctx, const char *session_token);

/* E_FORBIDDEN unless a change comes from our own page: not from another origin, and with the session's token as the form's
 * member csrf or in the header X-CSRF-Token. */
MUST_CHECK struct error *csrf_check(struct request *r);

/* The half of it that needs no session: for the form that signs in. */
MUST_CHECK struct error *csrf_check_origin(struct request *r);

#endif
