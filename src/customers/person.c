#include "customers/person.h"

#include <ctype.h>
#include <string.h>

#include "base/arena.h"
#include "base/config.h"
#include "base/crypto.h"
#include "base/ctx.h"

#define KEY_SIZE 32

static const char *place(struct ctx *ctx, const char *column, const char *id)
{
    return arena_printf(ctx->arena, "%s:%s", column, id);
}

struct bytes person_email_index(struct ctx *ctx, const char *email)
{
    uint8_t key[KEY_SIZE], *hash;
    char *usual;

    if (!email)
        return (struct bytes){ 0 };
    usual = arena_strdup(ctx->arena, email);
    for (char *letter = usual; *letter; letter++)
        *letter = (char)tolower((unsigned char)*letter);
    hash = arena_alloc(ctx->arena, 32);
    keyring_derive(ctx->config->keyring, "index", key);
    hmac_sha256((struct bytes){ key, sizeof key }, bytes_of(usual), hash);
    wipe(key, sizeof key);
    return (struct bytes){ hash, 32 };
}

static struct error *open_key(struct ctx *ctx, const char *id, struct bytes sealed, uint8_t out[KEY_SIZE])
{
    struct bytes plain;

    TRY(unseal(ctx, place(ctx, "person_keys.key", id), sealed, &plain));
    if (plain.length != KEY_SIZE)
        return error_cause(ctx, error_new(ctx, E_INTERNAL_ERROR, "stored data could not be read"),
            "person_keys.key:%s: is no key", id);
    memcpy(out, plain.data, KEY_SIZE);
    return NULL;
}

static struct bytes seal_text(struct ctx *ctx, const uint8_t key[KEY_SIZE], const char *place, const char *text)
{
    return text ? seal_under(ctx, key, place, bytes_of(text)) : (struct bytes){ 0 };
}

struct error *person_seal(struct ctx *ctx, const char *customer_id, const struct person *person, struct bytes key,
    struct sealed_person *out)
{
    uint8_t secret[KEY_SIZE];

    if (key.data) {
        TRY(open_key(ctx, customer_id, key, secret));
    } else {
        crypto_random(secret, sizeof secret);
        key = seal(ctx, place(ctx, "person_keys.key", customer_id), (struct bytes){ secret, sizeof secret });
    }
    *out = (struct sealed_person){
        .email = seal_text(ctx, secret, place(ctx, "customer_persons.email", customer_id), person->email),
        .name = seal_text(ctx, secret, place(ctx, "customer_persons.name", customer_id), person->name),
        .email_index = person_email_index(ctx, person->email),
        .key = key,
    };
    wipe(secret, sizeof secret);
    return NULL;
}

static struct error *open_text(struct ctx *ctx, const uint8_t key[KEY_SIZE], const char *place, struct bytes sealed,
    const char **out)
{
    struct bytes plain;

    *out = NULL;
    if (!sealed.data)
        return NULL;
    if (is_sealed_under(sealed))
        TRY(unseal_under(ctx, key, place, sealed, &plain));
    else
        TRY(unseal(ctx, place, sealed, &plain));
    *out = arena_strndup(ctx->arena, (const char *)plain.data, plain.length);
    return NULL;
}

struct error *person_open(struct ctx *ctx, const char *customer_id, const struct sealed_person *sealed,
    struct person *out)
{
    uint8_t secret[KEY_SIZE] = { 0 };

    if (sealed->key.data)
        TRY(open_key(ctx, customer_id, sealed->key, secret));
    struct error *error =
        open_text(ctx, secret, place(ctx, "customer_persons.email", customer_id), sealed->email, &out->email);
    if (!error)
        error = open_text(ctx, secret, place(ctx, "customer_persons.name", customer_id), sealed->name, &out->name);
    wipe(secret, sizeof secret);
    return error;
}
