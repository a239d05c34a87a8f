#include "base/crypto.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/params.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "base/algorithms.h"
#include "base/arena.h"

static struct algorithms algorithms;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static _Noreturn void give_up(void)
{
    static const char message[] = "OpenSSL cannot do what is needed\n";

    (void)!write(STDERR_FILENO, message, sizeof(message) - 1);
    abort();
}

void crypto_must(bool done)
{
    if (!done)
        give_up();
}

static void fetch(void)
{
    algorithms.sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
    algorithms.aes_256_gcm = EVP_CIPHER_fetch(NULL, "AES-256-GCM", NULL);
    algorithms.hmac = EVP_MAC_fetch(NULL, "HMAC", NULL);
    algorithms.hkdf = EVP_KDF_fetch(NULL, "HKDF", NULL);
    crypto_must(algorithms.sha256 && algorithms.aes_256_gcm && algorithms.hmac && algorithms.hkdf);
}

void crypto_init(void)
{
    pthread_once(&once, fetch);
}

const struct algorithms *crypto_algorithms(void)
{
    crypto_init();
    return &algorithms;
}

void crypto_random(void *out, size_t length)
{
    uint8_t *at = out;

    // from the kernel: OpenSSL would keep generators for each thread, some KB that hundreds of threads have
    while (length > 0) {
        ssize_t got = getrandom(at, length, 0);
        crypto_must(got > 0 || (got < 0 && errno == EINTR));
        if (got < 0)
            continue;
        at += got;
        length -= (size_t)got;
    }
}

void sha256(struct bytes data, uint8_t out[32])
{
    unsigned length = 0;

    crypto_must(
        EVP_Digest(data.data, data.length, out, &length, crypto_algorithms()->sha256, NULL) == 1 && length == 32);
}

static void hmac(char *digest, struct bytes key, struct bytes data, uint8_t *out, size_t size)
{
    static const uint8_t no_key[1];
    OSSL_PARAM parameters[] = {
        OSSL_PARAM_construct_utf8_string("digest", digest, 0),
        OSSL_PARAM_construct_end(),
    };
    EVP_MAC_CTX *mac = EVP_MAC_CTX_new(crypto_algorithms()->hmac);
    size_t length = 0;

    // without a key OpenSSL would take the one that was set before
    crypto_must(mac && EVP_MAC_init(mac, key.length ? key.data : no_key, key.length, parameters) == 1
        && EVP_MAC_update(mac, data.data, data.length) == 1 && EVP_MAC_final(mac, out, &length, size) == 1
        && length == size);
    EVP_MAC_CTX_free(mac);
}

void hmac_sha256(struct bytes key, struct bytes data, uint8_t out[32])
{
    char digest[] = "SHA256";

    hmac(digest, key, data, out, 32);
}

void hmac_sha1(struct bytes key, struct bytes data, uint8_t out[20])
{
    char digest[] = "SHA1";

    hmac(digest, key, data, out, 20);
}

bool ed25519_verify(const uint8_t public_key[32], struct bytes data, struct bytes signature)
{
    EVP_PKEY *key = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, public_key, 32);
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    bool good = key && context && EVP_DigestVerifyInit(context, NULL, NULL, NULL, key) == 1
        && EVP_DigestVerify(context, signature.data, signature.length, data.data, data.length) == 1;

    EVP_MD_CTX_free(context);
    EVP_PKEY_free(key);
    return good;
}

bool same_bytes(struct bytes a, struct bytes b)
{
    return a.length == b.length && (a.length == 0 || CRYPTO_memcmp(a.data, b.data, a.length) == 0);
}

void wipe(void *secret, size_t length)
{
    OPENSSL_cleanse(secret, length);
}

const char *base32_encode(struct arena *arena, struct bytes data)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    char *text = arena_alloc(arena, data.length * 8 / 5 + 2);
    uint32_t bits = 0;
    int count = 0;
    size_t used = 0;

    for (size_t i = 0; i < data.length; i++) {
        bits = bits << 8 | data.data[i];
        for (count += 8; count >= 5; count -= 5)
            text[used++] = digits[bits >> (count - 5) & 31];
    }
    if (count > 0)
        text[used] = digits[bits << (5 - count) & 31];
    return text;
}

const char *hex_encode(struct arena *arena, struct bytes data)
{
    static const char digits[] = "0123456789abcdef";
    char *text = arena_alloc(arena, data.length * 2 + 1);

    for (size_t i = 0; i < data.length; i++) {
        text[i * 2] = digits[data.data[i] >> 4];
        text[i * 2 + 1] = digits[data.data[i] & 15];
    }
    return text;
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

bool hex_decode(const char *text, uint8_t *out, size_t length)
{
    if (!text || strlen(text) != length * 2)
        return false;
    for (size_t i = 0; i < length; i++) {
        int high = hex_digit(text[i * 2]), low = hex_digit(text[i * 2 + 1]);

        if (high < 0 || low < 0)
            return false;
        out[i] = (uint8_t)(high << 4 | low);
    }
    return true;
}

static const char base64_digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
static const char base64url_digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

static const char *encode(struct arena *arena, struct bytes data, const char *digits, bool padded)
{
    char *text = arena_alloc(arena, (data.length + 2) / 3 * 4 + 1);
    char *end = text;

    for (size_t i = 0; i < data.length; i += 3) {
        size_t left = data.length - i;
        uint32_t group = (uint32_t)data.data[i] << 16 | (left > 1 ? (uint32_t)data.data[i + 1] << 8 : 0)
            | (left > 2 ? data.data[i + 2] : 0);

        for (size_t j = 0; j < 4; j++) {
            if (j <= left)
                *end++ = digits[group >> (18 - 6 * j) & 63];
            else if (padded)
                *end++ = '=';
        }
    }
    return text;
}

const char *base64_encode(struct arena *arena, struct bytes data)
{
    return encode(arena, data, base64_digits, true);
}

const char *base64url_encode(struct arena *arena, struct bytes data)
{
    return encode(arena, data, base64url_digits, false);
}

/* Value of the four digits at `text`, of which the last `padding` are equal signs. False for a foreign character, and
 * for bits after the last byte, which would give one content several spellings. */
static bool decode_group(const char *text, size_t padding, uint32_t *group)
{
    *group = 0;
    for (size_t i = 0; i < 4 - padding; i++) {
        const char *digit = strchr(base64_digits, text[i]);

        if (!digit || !*digit)
            return false;
        *group |= (uint32_t)(digit - base64_digits) << (18 - 6 * i);
    }
    return (*group & ((UINT32_C(1) << (8 * padding)) - 1)) == 0;
}

bool base64_decode(struct arena *arena, const char *text, struct bytes *out)
{
    size_t length = text ? strlen(text) : 1;
    size_t padding = 0;

    if (length % 4)
        return false;
    while (padding < 2 && padding < length && text[length - 1 - padding] == '=')
        padding++;

    uint8_t *data = arena_alloc(arena, length / 4 * 3 + 1);
    for (size_t i = 0; i < length / 4; i++) {
        uint32_t group;

        if (!decode_group(text + i * 4, i + 1 == length / 4 ? padding : 0, &group))
            return false;
        data[i * 3] = (uint8_t)(group >> 16);
        data[i * 3 + 1] = (uint8_t)(group >> 8);
        data[i * 3 + 2] = (uint8_t)group;
    }
    *out = (struct bytes){ data, length / 4 * 3 - padding };
    return true;
}

bool base64url_decode(struct arena *arena, const char *text, struct bytes *out)
{
    static const char padding[] = "===";
    size_t length = text ? strlen(text) : 1;
    char *plain;

    if (length % 4 == 1 || strpbrk(text, "+/="))
        return false;
    plain = arena_printf(arena, "%s%s", text, padding + (length % 4 ? length % 4 - 1 : 3));
    for (size_t i = 0; i < length; i++)
        plain[i] = plain[i] == '-' ? '+' : plain[i] == '_' ? '/' : plain[i];
    return base64_decode(arena, plain, out);
}
