#include "http/trust.h"

#include <assert.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <stdlib.h>

#include "base/instant.h"
#include "base/log.h"

#define FRESH_MS ((int64_t)24 * 3600 * 1000)

static struct {
    pthread_mutex_t lock;
    X509_STORE *store;
    int64_t read_at;
} trust = { .lock = PTHREAD_MUTEX_INITIALIZER };

/* As libcurl would: from where it looks, and a certificate in the store is good as the end of a chain. */
static X509_STORE *read_store(void)
{
    const curl_version_info_data *info = curl_version_info(CURLVERSION_NOW);
    const char *own = getenv("SSL_CERT_FILE"), *file = own ? own : info->cainfo;
    X509_STORE *store = X509_STORE_new();

    assert(store);
    X509_STORE_set_flags(store, X509_V_FLAG_TRUSTED_FIRST | X509_V_FLAG_PARTIAL_CHAIN);
    if (file && X509_STORE_load_file(store, file) != 1)
        log_warn(NULL, "trust", "the certificates in %s cannot be read", file);
    if (!own && info->capath)
        X509_STORE_load_path(store, info->capath);
    return store;
}

CURLcode trust_lend(CURL *curl, void *tls, void *unused)
{
    int64_t now = monotonic_ms();

    (void)curl;
    (void)unused;
    pthread_mutex_lock(&trust.lock);
    if (!trust.store || now - trust.read_at > FRESH_MS) {
        X509_STORE_free(trust.store); // connections that use it keep it
        trust.store = read_store();
        trust.read_at = now;
    }
    SSL_CTX_set1_cert_store(tls, trust.store);
    pthread_mutex_unlock(&trust.lock);
    SSL_CTX_set_mode(tls, SSL_MODE_RELEASE_BUFFERS); // 34 KB of each connection
    return CURLE_OK;
}
