#ifndef TILL_HTTP_SMTP_H
#define TILL_HTTP_SMTP_H

#include "base/bytes.h"

#include <stdbool.h>

struct ctx;

enum smtp_result {
    SMTP_TAKEN,   // the server has it
    SMTP_REFUSED, // it never will: no such mailbox, or it does not want this message
    SMTP_LATER,   // not now: no connection, no TLS, a wrong password, a server that is busy
};

struct smtp_response {
    enum smtp_result result;
    int status;        // of the server's last answer, 0 when there was none
    const char *cause; // without any address; for the log
};

/* Whether mail can go to this address as it is: one @, a plain name of ASCII before it, a name of a host after it, in any
 * script. What passes cannot break out of a command or a header. */
bool smtp_is_address(const char *text);

/* The same, for the fields of requests. */
const char *check_mail_address(struct ctx *ctx, const char *text);

/* The address with its host as DNS has it ("xn--…"), for a header; NULL when it has none. */
const char *smtp_ascii_address(struct ctx *ctx, const char *address);

/* Gives one message to the server of SMTP_URL, over TLS unless SMTP_TLS is none. When the connection breaks between the last dot
 * and the server's answer, it may have the message although this says SMTP_LATER: SMTP cannot do better. Asserts that no
 * transaction is open. */
void smtp_send(struct ctx *ctx, const char *to, struct bytes message, struct smtp_response *response);

#endif
