#ifndef TILL_DOCTOR_PROBE_H
#define TILL_DOCTOR_PROBE_H

#include <stdbool.h>
#include <stdint.h>

struct arena;

/* What a web server says to a GET without any credential. */
struct probe {
    bool answered;
    int status;
    int64_t date;              // its clock in seconds since 1970, -1 when it does not say
    int64_t certificate_until; // in seconds since 1970, -1 without TLS
    bool untrusted;            // there was no answer because its certificate is not good
    const char *why;           // why there was no answer
};

/* Within 10 s, without following redirects; https with a certificate that this machine trusts. */
void probe_url(struct arena *arena, const char *url, struct probe *out);

#endif
