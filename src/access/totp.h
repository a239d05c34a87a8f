#ifndef TILL_ACCESS_TOTP_H
#define TILL_ACCESS_TOTP_H

#include "base/bytes.h"
#include "base/error.h"
#include "base/instant.h"

#include <stdbool.h>
#include <stdint.h>

struct ctx;
struct user;

/* RFC 6238 with SHA-1, six digits and steps of thirty seconds, as authenticator apps speak it. */

#define TOTP_SECRET_SIZE 20
#define RECOVERY_CODES 10

/* The code of a time step, as a number below 1000000. */
uint32_t totp_code(struct bytes secret, int64_t step);

/* The step whose code this is, within one of that of `now`; -1 when it is none. Spaces in the code do not matter. */
int64_t totp_match(struct bytes secret, struct instant now, const char *code);

/* What an app is given: "otpauth://totp/…". */
const char *totp_address(struct ctx *ctx, const char *merchant, const char *email, const char *secret_text);

/* Setting it up: the user's secret as an app takes it, made when there is none. */
MUST_CHECK struct error *totp_begin(struct ctx *ctx, const char *user_id, const char **secret_text);

/* … and the code that shows that the app has it: E_VALIDATION_ERROR at #/code when it does not fit. `codes` are RECOVERY_CODES new
 * recovery codes, shown this once; those before are no longer good. E_CONFLICT when the user has a second factor already. */
MUST_CHECK struct error *totp_finish(struct ctx *ctx, const char *user_id, const char *code,
    const char *codes[RECOVERY_CODES]);

/* Uses up a code of the app or a recovery code. False when it is neither, or was used before; in the open transaction, so that it
 * counts only together with what it was given for. *recovery says which it was. */
MUST_CHECK struct error *totp_use(struct ctx *ctx, const char *user_id, const char *code, bool *good, bool *recovery);

/* How many recovery codes are left. */
MUST_CHECK struct error *totp_recovery_left(struct ctx *ctx, const char *user_id, int64_t *out);

/* New recovery codes instead of those before. */
MUST_CHECK struct error *totp_new_codes(struct ctx *ctx, const char *user_id, const char *codes[RECOVERY_CODES]);

#endif
