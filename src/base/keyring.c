#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/params.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/algorithms.h"
#include "base/arena.h"
#include "base/buf.h"
#include "base/config.h"
#include "base/crypto.h"
#include "base/ctx.h"

#define KEY_SIZE 32
#define KID_SIZE 32
#define KEYS_AT_MOST 64
#define FILE_AT_MOST 8192
#define FORMAT 1
#define NONCE_SIZE 12
#define TAG_SIZE 16

struct key {
    char kid[KID_SIZE + 1];
    uint8_t secret[KEY_SIZE];
};

/* In pages of its own, which are neither swapped out nor dumped. */
struct keyring {
    size_t count;
    struct key keys[KEYS_AT_MOST];
};

static struct keyring *keyring_new(void)
{
    struct keyring *keyring = mmap(NULL, sizeof(*keyring), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    crypto_must(keyring != MAP_FAILED);
    // both are allowed to fail: RLIMIT_MEMLOCK may be small, and the keys work all the same
    (void)!mlock(keyring, sizeof(*keyring));
    (void)!madvise(keyring, sizeof(*keyring), MADV_DONTDUMP);
    return keyring;
}

void keyring_free(struct keyring *keyring)
{
    if (!keyring)
        return;
    wipe(keyring, sizeof(*keyring));
    munmap(keyring, sizeof(*keyring));
}

/* Why the last load of this thread failed; names a line at most, never what is on it. */
static _Thread_local char reason[200];

static void explain(const char **why, const char *what, size_t line)
{
    if (line)
        snprintf(reason, sizeof(reason), "line %zu %s", line, what);
    else
        snprintf(reason, sizeof(reason), "%s", what);
    *why = reason;
}

/* Opens the file when nobody but its owner can read or change it; -1 and *why otherwise. */
static int open_private(const char *path, const char **why)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    struct stat status;

    if (fd < 0) {
        snprintf(reason, sizeof(reason), "cannot be opened: %s", strerror(errno));
        *why = reason;
        return -1;
    }
    if (fstat(fd, &status) == 0 && S_ISREG(status.st_mode) && (status.st_mode & 077) == 0)
        return fd;
    explain(why, S_ISREG(status.st_mode) ? "can be read by others: chmod 0400" : "is not a file", 0);
    close(fd);
    return -1;
}

/* The whole file as text; false and *why when it cannot be. */
static bool read_private(const char *path, char *text, size_t size, const char **why)
{
    int fd = open_private(path, why);
    size_t length = 0;
    ssize_t got = 1;

    if (fd < 0)
        return false;
    while (length < size - 1 && (got = read(fd, text + length, size - 1 - length)) > 0)
        length += (size_t)got;
    close(fd);
    text[length] = '\0';
    if (got == 0 && strlen(text) == length)
        return true;
    explain(why, got < 0 ? "cannot be read" : "is not a file of keys", 0);
    return false;
}

static const struct key *find(const struct keyring *keyring, const char *kid)
{
    for (size_t i = 0; i < keyring->count; i++) {
        if (strcmp(keyring->keys[i].kid, kid) == 0)
            return &keyring->keys[i];
    }
    return NULL;
}

/* Takes a line `kid:base64`; what is wrong with it, or NULL. */
static const char *add_line(struct arena *arena, struct keyring *keyring, char *line)
{
    static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-";
    size_t kid = strspn(line, allowed);
    struct bytes secret;

    if (kid == 0 || kid > KID_SIZE || line[kid] != ':')
        return "does not start with a name of at most 32 letters, digits, _ . - and a colon";
    line[kid] = '\0';
    if (find(keyring, line))
        return "repeats the name of an earlier line";
    if (!base64_decode(arena, line + kid + 1, &secret) || secret.length != KEY_SIZE)
        return "does not hold 32 bytes in base64";
    if (keyring->count == KEYS_AT_MOST)
        return "is one too many: at most 64 keys";

    struct key *key = &keyring->keys[keyring->count++];
    memcpy(key->kid, line, kid + 1);
    memcpy(key->secret, secret.data, KEY_SIZE);
    return NULL;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

static char *trim(char *line)
{
    while (is_blank(*line))
        line++;
    for (size_t length = strlen(line); length > 0 && is_blank(line[length - 1]); length--)
        line[length - 1] = '\0';
    return line;
}

static bool add_lines(struct arena *arena, struct keyring *keyring, char *text, const char **why)
{
    size_t number = 0;

    for (char *next; text; text = next) {
        next = strchr(text, '\n');
        if (next)
            *next++ = '\0';
        number++;

        char *line = trim(text);
        const char *wrong = *line && *line != '#' ? add_line(arena, keyring, line) : NULL;
        if (wrong) {
            explain(why, wrong, number);
            return false;
        }
    }
    if (keyring->count == 0)
        explain(why, "has no key in it", 0);
    return keyring->count > 0;
}

struct keyring *keyring_load(const char *path, const char **why)
{
    char text[FILE_AT_MOST];
    struct arena *arena = arena_new();
    struct keyring *keyring = keyring_new();
    bool loaded = read_private(path, text, sizeof(text), why) && add_lines(arena, keyring, text, why);

    wipe(text, sizeof(text));
    arena_free(arena);
    if (loaded)
        return keyring;
    keyring_free(keyring);
    return NULL;
}

void keyring_derive(const struct keyring *keyring, const char *purpose, uint8_t out[32])
{
    char digest[] = "SHA256", salt[] = "till";
    OSSL_PARAM parameters[] = {
        OSSL_PARAM_construct_utf8_string("digest", digest, 0),
        OSSL_PARAM_construct_octet_string("key", (void *)keyring->keys[0].secret, KEY_SIZE),
        OSSL_PARAM_construct_octet_string("salt", salt, strlen(salt)),
        OSSL_PARAM_construct_octet_string("info", (void *)purpose, strlen(purpose)),
        OSSL_PARAM_construct_end(),
    };
    EVP_KDF_CTX *kdf = EVP_KDF_CTX_new(crypto_algorithms()->hkdf);

    crypto_must(kdf && EVP_KDF_derive(kdf, out, KEY_SIZE, parameters) == 1);
    EVP_KDF_CTX_free(kdf);
}

const char *keyring_new_line(struct arena *arena)
{
    uint8_t name[4], secret[KEY_SIZE];

    crypto_random(name, sizeof(name));
    crypto_random(secret, sizeof(secret));
    const char *line = arena_printf(arena, "k%s:%s", hex_encode(arena, (struct bytes){ name, sizeof(name) }),
        base64_encode(arena, (struct bytes){ secret, sizeof(secret) }));
    wipe(secret, sizeof(secret));
    return line;
}

const char *keyring_current(const struct keyring *keyring)
{
    return keyring->keys[keyring->count - 1].kid;
}

/* What a blob starts with: format, length of kid, kid. */
static size_t header_length(const char *kid)
{
    return 2 + strlen(kid);
}

/* Binds the place and the header, so that neither can be exchanged. */
static bool bind(EVP_CIPHER_CTX *cipher, const char *place, const uint8_t *header, size_t length)
{
    int ignored;

    return EVP_CipherUpdate(cipher, NULL, &ignored, header, (int)length) == 1
        && EVP_CipherUpdate(cipher, NULL, &ignored, (const uint8_t *)place, (int)strlen(place)) == 1;
}

static EVP_CIPHER_CTX *cipher_new(const struct key *key, const uint8_t *nonce, bool encrypt)
{
    EVP_CIPHER_CTX *cipher = EVP_CIPHER_CTX_new();

    crypto_must(
        cipher && EVP_CipherInit_ex2(cipher, crypto_algorithms()->aes_256_gcm, key->secret, nonce, encrypt, NULL) == 1);
    return cipher;
}

static struct bytes encrypt(struct ctx *ctx, const struct key *key, const char *place, struct bytes plain)
{
    size_t header = header_length(key->kid);
    uint8_t *sealed = arena_alloc(ctx->arena, header + NONCE_SIZE + plain.length + TAG_SIZE);
    uint8_t *nonce = sealed + header, *text = nonce + NONCE_SIZE, *tag = text + plain.length;
    int written = 0, rest = 0;

    sealed[0] = FORMAT;
    sealed[1] = (uint8_t)strlen(key->kid);
    memcpy(sealed + 2, key->kid, strlen(key->kid));
    crypto_random(nonce, NONCE_SIZE);

    crypto_must(plain.length < INT32_MAX);
    EVP_CIPHER_CTX *cipher = cipher_new(key, nonce, true);
    crypto_must(bind(cipher, place, sealed, header)
        && (plain.length == 0 || EVP_CipherUpdate(cipher, text, &written, plain.data, (int)plain.length) == 1)
        && EVP_CipherFinal_ex(cipher, text + written, &rest) == 1
        && EVP_CIPHER_CTX_ctrl(cipher, EVP_CTRL_AEAD_GET_TAG, TAG_SIZE, tag) == 1);
    EVP_CIPHER_CTX_free(cipher);
    return (struct bytes){ sealed, (size_t)(tag + TAG_SIZE - sealed) };
}

struct bytes seal(struct ctx *ctx, const char *place, struct bytes plain)
{
    const struct keyring *keyring = ctx->config->keyring;

    return encrypt(ctx, &keyring->keys[keyring->count - 1], place, plain);
}

/* A key that is in no file has no name. */
static struct key nameless(const uint8_t secret[KEY_SIZE])
{
    struct key key = { 0 };

    memcpy(key.secret, secret, KEY_SIZE);
    return key;
}

struct bytes seal_under(struct ctx *ctx, const uint8_t secret[KEY_SIZE], const char *place, struct bytes plain)
{
    struct key key = nameless(secret);
    struct bytes sealed = encrypt(ctx, &key, place, plain);

    wipe(&key, sizeof(key));
    return sealed;
}

bool is_sealed_under(struct bytes sealed)
{
    return sealed.length > 2 && sealed.data[0] == FORMAT && sealed.data[1] == 0;
}

/* The parts of a blob. */
struct blob {
    char kid[KID_SIZE + 1];
    size_t header;
    const uint8_t *nonce, *text, *tag;
    size_t length; // of the text
};

static bool take_apart(struct bytes sealed, struct blob *blob)
{
    if (sealed.length < 2 || sealed.data[0] != FORMAT || sealed.data[1] > KID_SIZE)
        return false;
    size_t kid = sealed.data[1];
    if (sealed.length < 2 + kid + NONCE_SIZE + TAG_SIZE)
        return false;
    memcpy(blob->kid, sealed.data + 2, kid);
    blob->kid[kid] = '\0';
    blob->header = 2 + kid;
    blob->nonce = sealed.data + blob->header;
    blob->text = blob->nonce + NONCE_SIZE;
    blob->tag = sealed.data + sealed.length - TAG_SIZE;
    blob->length = (size_t)(blob->tag - blob->text);
    return blob->length < INT32_MAX;
}

static bool decrypt(const struct key *key, const char *place, struct bytes sealed, const struct blob *blob,
    uint8_t *out)
{
    EVP_CIPHER_CTX *cipher = cipher_new(key, blob->nonce, false);
    uint8_t tag[TAG_SIZE];
    int written = 0, rest = 0;

    memcpy(tag, blob->tag, sizeof(tag));
    bool whole = bind(cipher, place, sealed.data, blob->header)
        && (blob->length == 0 || EVP_CipherUpdate(cipher, out, &written, blob->text, (int)blob->length) == 1)
        && EVP_CIPHER_CTX_ctrl(cipher, EVP_CTRL_AEAD_SET_TAG, TAG_SIZE, tag) == 1
        && EVP_CipherFinal_ex(cipher, out + written, &rest) == 1;
    EVP_CIPHER_CTX_free(cipher);
    return whole;
}

static struct error *unreadable(struct ctx *ctx, const char *place, const char *cause)
{
    struct error *error = error_new(ctx, E_INTERNAL_ERROR, "stored data could not be read");

    return error_cause(ctx, error, "%s: %s", place, cause);
}

static struct error *open_blob(struct ctx *ctx, const struct key *key, const char *place, struct bytes sealed,
    const struct blob *blob, struct bytes *plain)
{
    uint8_t *text = arena_alloc(ctx->arena, blob->length + 1);

    if (!decrypt(key, place, sealed, blob, text)) {
        wipe(text, blob->length);
        return unreadable(ctx, place, "was changed, or belongs to another place");
    }
    *plain = (struct bytes){ text, blob->length };
    return NULL;
}

struct error *unseal(struct ctx *ctx, const char *place, struct bytes sealed, struct bytes *plain)
{
    struct blob blob;

    if (!take_apart(sealed, &blob))
        return unreadable(ctx, place, "is not sealed data");
    const struct key *key = find(ctx->config->keyring, blob.kid);
    if (!key)
        return unreadable(ctx, place, arena_printf(ctx->arena, "the key %s is not in the keys file", blob.kid));
    return open_blob(ctx, key, place, sealed, &blob, plain);
}

struct error *unseal_under(struct ctx *ctx, const uint8_t secret[KEY_SIZE], const char *place, struct bytes sealed,
    struct bytes *plain)
{
    struct key key = nameless(secret);
    struct blob blob;

    if (!take_apart(sealed, &blob))
        return unreadable(ctx, place, "is not sealed data");
    struct error *error = open_blob(ctx, &key, place, sealed, &blob, plain);
    wipe(&key, sizeof(key));
    return error;
}
