#ifndef TILL_BASE_ALGORITHMS_H
#define TILL_BASE_ALGORITHMS_H

#include <openssl/types.h>
#include <stdbool.h>

/* What crypto.c and keyring.c share: the algorithms as fetched at start. */
struct algorithms {
    EVP_MD *sha256;
    EVP_CIPHER *aes_256_gcm;
    EVP_MAC *hmac;
    EVP_KDF *hkdf;
};

const struct algorithms *crypto_algorithms(void);

/* Ends the process unless OpenSSL did what it was asked: going on would mean weak keys or wrong digests. */
void crypto_must(bool done);

#endif
