#ifndef TILL_HTTP_TRUST_H
#define TILL_HTTP_TRUST_H

#include <curl/curl.h>

/* The certificates that a server's own must lead back to: those of the system, or of SSL_CERT_FILE. All threads share one store:
 * each handle of libcurl would read and keep its own, 0.8 MB and some hundredths of a second of CPU. It is read again once a day.
 * Without any certificate nobody is trusted. For CURLOPT_SSL_CTX_FUNCTION; a connection that waits gives OpenSSL's buffers back. */
CURLcode trust_lend(CURL *curl, void *tls, void *unused);

#endif
