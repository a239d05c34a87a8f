#ifndef TILL_BASE_CRYPTO_H
#define TILL_BASE_CRYPTO_H

#include "base/bytes.h"
#include "base/error.h"

#include <stdbool.h>
#include <stdint.h>

struct arena;
struct ctx;

/* Fetches the algorithms once, before the first thread; ends the process when OpenSSL lacks one. */
void crypto_init(void);

/* Random bytes; ends the process when there are none. */
void crypto_random(void *out, size_t length);

void sha256(struct bytes data, uint8_t out[32]);
void hmac_sha256(struct bytes key, struct bytes data, uint8_t out[32]);
void hmac_sha1(struct bytes key, struct bytes data, uint8_t out[20]); // for RFC 6238, which authenticator apps speak

/* RFC 8032, pure Ed25519. */
bool ed25519_verify(const uint8_t public_key[32], struct bytes data, struct bytes signature);

/* Equal bytes, in a time that depends only on the lengths. */
bool same_bytes(struct bytes a, struct bytes b);
void wipe(void *secret, size_t length);

const char *hex_encode(struct arena *arena, struct bytes data);
bool hex_decode(const char *text, uint8_t *out, size_t length); // exactly `length` bytes, lower or upper case
const char *base64_encode(struct arena *arena, struct bytes data);
const char *base64url_encode(struct arena *arena, struct bytes data); // without padding
bool base64_decode(struct arena *arena, const char *text, struct bytes *out);
bool base64url_decode(struct arena *arena, const char *text, struct bytes *out); // without padding
const char *base32_encode(struct arena *arena, struct bytes data);               // without padding

/* The keys that encrypt fields, from a file of lines `kid:base64 of 32 bytes`, mode 0400 or 0600; the last line encrypts,
 * all decrypt. Further keys (`purpose`: "session", "api-key", "checkout", "index") are derived from the first line by
 * HKDF, so the first line stays while it is in use. */
struct keyring;
struct keyring *keyring_load(const char *path, const char **why); // NULL and *why when it cannot be used
void keyring_free(struct keyring *keyring);
void keyring_derive(const struct keyring *keyring, const char *purpose, uint8_t out[32]);
/* A new line for the file. */
const char *keyring_new_line(struct arena *arena);
const char *keyring_current(const struct keyring *keyring); // kid

/* AES-256-GCM under the newest key: 0x01, length of kid, kid, nonce(12), ciphertext, tag(16). `place` is bound in as
 * additional data ("customers.email:cust_…"), so that blobs cannot be swapped between rows. */
struct bytes seal(struct ctx *ctx, const char *place, struct bytes plain);

/* E_INTERNAL_ERROR when it was changed, swapped, or its key is gone. */
MUST_CHECK struct error *unseal(struct ctx *ctx, const char *place, struct bytes sealed, struct bytes *plain);

/* The same under a key of 32 bytes that is kept elsewhere, such as a person's own: whoever destroys it makes unreadable what
 * it sealed. is_sealed_under() tells such data from what seal() made. */
struct bytes seal_under(struct ctx *ctx, const uint8_t secret[32], const char *place, struct bytes plain);
MUST_CHECK struct error *unseal_under(struct ctx *ctx, const uint8_t secret[32], const char *place, struct bytes sealed,
    struct bytes *plain);
bool is_sealed_under(struct bytes sealed);

#endif
