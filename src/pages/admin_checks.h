#ifndef TILL_PAGES_ADMIN_CHECKS_H
#define TILL_PAGES_ADMIN_CHECKS_H

#include <jansson.h>

struct ctx;

/* What the bank and the provider found out about a charge (attempts.checks), for people. */

/* [{"word": "Security code", "badge": {…}, "more": "challenge, version 2.2.0"}]; empty for NULL. */
json_t *admin_checks(struct ctx *ctx, const json_t *checks);

/* The same in one line, "Security code matches · 3-D Secure confirmed by the payer"; NULL where there is none. */
const char *admin_checks_text(struct ctx *ctx, const json_t *checks);

#endif
